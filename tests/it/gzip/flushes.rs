//! Who reads along sees what was written so far.

use highwater::gzip::{self, Compress, PIECE_BYTES};
use highwater::stage::apply;
use highwater::{Bytes, ErrorKind, Out, Transform};

use crate::properties::gzip::Format;
use crate::support::pattern;

/// Gives a stage a chunk, or what else the closure does, and takes what comes out.
fn give<S>(stage: &mut S, act: impl FnOnce(&mut S, &mut Out<'_, Bytes>)) -> Vec<Bytes> {
    let mut came = Vec::new();
    let mut push = |piece| {
        came.push(piece);
        Ok(())
    };
    act(stage, &mut Out::new(&mut push));
    came
}

/// What a reader has seen once it got these pieces.
fn seen(reader: &mut impl Transform<Bytes, Bytes>, pieces: Vec<Bytes>) -> Vec<u8> {
    let mut seen = Vec::new();
    for piece in pieces {
        let came = give(reader, |reader, out| reader.transform(piece, out).unwrap());
        seen.extend(came.concat());
    }
    seen
}

#[test]
fn after_a_sync_flush_everything_so_far_is_on_the_other_side() {
    // Some that fit into a piece, some that fill it up to about its end, and some that do not fit.
    let sizes = [1, 10, 1_000, PIECE_BYTES - 20, PIECE_BYTES, 3 * PIECE_BYTES];
    for format in Format::ALL {
        for level in 0..=9 {
            let (mut writer, mut reader) = (format.compress(level), format.decompress());
            // Noise, which stays as long as it is, and what unfolds to many pieces out of a few bytes.
            let noise = sizes.map(pattern);
            let folded = sizes.map(|size| vec![b'x'; 3 * size]);
            for data in noise.into_iter().chain(folded).map(Bytes::from) {
                let chunk = data.clone();
                let mut pieces = give(&mut writer, |writer: &mut Compress, out| {
                    writer.transform(chunk, out).unwrap();
                });
                pieces.extend(give(&mut writer, |writer, out| {
                    writer.sync_flush(out).unwrap();
                }));
                assert!(pieces.iter().all(|piece| piece.len() <= PIECE_BYTES));
                assert!(seen(&mut reader, pieces) == data, "{format:?} {level}");
            }
            let last = give(&mut writer, |writer, out| writer.flush(out).unwrap());
            assert_eq!(seen(&mut reader, last), b"");
            assert!(apply(&mut reader, []).is_ok(), "the end was seen");
        }
    }
}

#[test]
fn a_flush_of_nothing_new_writes_nothing_new() {
    let mut writer = gzip::compress(6);
    let first = give(&mut writer, |writer, out| writer.sync_flush(out).unwrap());
    assert!(first.concat().starts_with(&[0x1f, 0x8b]), "the header");
    for _ in 0..3 {
        let again = give(&mut writer, |writer, out| writer.sync_flush(out).unwrap());
        assert!(again.is_empty(), "{again:?}");
    }
}

#[test]
fn a_stage_that_flushes_each_chunk_is_never_behind() {
    let mut writer = gzip::compress(6).flush_each_chunk();
    let mut reader = gzip::decompress();
    for number in 0..100 {
        let line = Bytes::from(format!("line {number}\n"));
        let chunk = line.clone();
        let pieces = give(&mut writer, |writer: &mut Compress, out| {
            writer.transform(chunk, out).unwrap();
        });
        assert_eq!(seen(&mut reader, pieces), line);
    }
}

#[test]
fn what_is_written_without_a_flush_waits_for_a_piece() {
    let mut writer = gzip::compress(6);
    let pieces = give(&mut writer, |writer: &mut Compress, out| {
        writer.transform("a word".into(), out).unwrap();
    });
    assert!(pieces.is_empty());
    let noise = Bytes::from(pattern(10 * PIECE_BYTES));
    let pieces = give(&mut writer, |writer: &mut Compress, out| {
        writer.transform(noise, out).unwrap();
    });
    assert!(pieces.iter().all(|piece| piece.len() == PIECE_BYTES));
    assert!(pieces.len() >= 9);
}

#[test]
fn what_cannot_be_done_is_refused_before_a_byte_comes_out() {
    type Make = fn() -> Box<dyn Transform<Bytes, Bytes>>;
    let refused: [Make; 6] = [
        || Box::new(gzip::compress(10)),
        || Box::new(gzip::compress(u32::MAX).zlib()),
        || Box::new(gzip::compress(10).raw()),
        || Box::new(gzip::compress(6).file_name("a\0b")),
        || Box::new(gzip::compress_parallel(10, 2)),
        || Box::new(gzip::compress_parallel(6, 2).file_name("a\0b")),
    ];
    for make in refused {
        let mut stage = make();
        let came = give(&mut stage, |stage, out| {
            let error = stage.transform("data".into(), out).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let error = stage.flush(out).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        });
        assert!(came.is_empty());
    }
}

#[test]
fn a_stage_that_has_ended_takes_no_more() {
    let mut stage = gzip::compress(6);
    let member = apply(&mut stage, ["data".into()]).unwrap().concat();
    let mut parallel = gzip::compress_parallel(6, usize::MAX);
    assert!(apply(&mut parallel, ["data".into()]).is_ok());
    let again = apply(&mut parallel, ["more".into()]).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Ended);
    for _ in 0..2 {
        let came = give(&mut stage, |stage: &mut Compress, out| {
            let error = stage.transform("more".into(), out).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Ended);
        });
        assert!(came.is_empty());
    }
    assert_eq!(
        apply(&mut gzip::decompress(), [member.into()])
            .unwrap()
            .concat(),
        b"data"
    );
}
