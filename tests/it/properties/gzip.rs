//! What holds for compression and decompression, whatever the bytes and however they are cut.

use std::io::{self, Read};

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use highwater::gzip::{self, Compress, Corrupt, Decompress, PIECE_BYTES};
use highwater::{Bytes, Error, ErrorKind, Out, Transform};

/// No property needs more, and a bomb would take for ever.
const OUTPUT_MAX: u64 = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Gzip,
    Zlib,
    Raw,
}

impl Format {
    pub(crate) const ALL: [Self; 3] = [Self::Gzip, Self::Zlib, Self::Raw];

    pub(crate) fn compress(self, level: u32) -> Compress {
        match self {
            Self::Gzip => gzip::compress(level),
            Self::Zlib => gzip::compress(level).zlib(),
            Self::Raw => gzip::compress(level).raw(),
        }
    }

    pub(crate) fn decompress(self) -> Decompress {
        match self {
            Self::Gzip => gzip::decompress(),
            Self::Zlib => gzip::decompress().zlib(),
            Self::Raw => gzip::decompress().raw(),
        }
    }
}

/// What a stage makes of some chunks, up to its end or its error. No piece is larger than it may be.
pub(crate) fn run(
    stage: &mut impl Transform<Bytes, Bytes>,
    chunks: impl IntoIterator<Item = Bytes>,
) -> (Vec<u8>, Option<Error>) {
    let mut came = Vec::new();
    let mut push = |piece: Bytes| {
        assert!(!piece.is_empty() && piece.len() <= PIECE_BYTES);
        came.extend_from_slice(&piece);
        Ok(())
    };
    let mut out = Out::new(&mut push);
    let mut chunks = chunks.into_iter();
    let outcome = chunks
        .try_for_each(|chunk| stage.transform(chunk, &mut out))
        .and_then(|()| stage.flush(&mut out));
    (came, outcome.err())
}

/// The same for what goes well.
pub(crate) fn done(
    stage: &mut impl Transform<Bytes, Bytes>,
    chunks: impl IntoIterator<Item = Bytes>,
) -> Vec<u8> {
    let (came, error) = run(stage, chunks);
    assert!(error.is_none(), "{error:?}");
    came
}

/// Cuts into chunks of such sizes, over and over. An empty one is one too.
pub(crate) fn cut(data: &[u8], sizes: &[usize]) -> Vec<Bytes> {
    let mut rest = Bytes::copy_from_slice(data);
    let mut sizes = sizes.iter().cycle();
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        // A list of zeros alone would never come to an end.
        let size = match sizes.next() {
            Some(size) if chunks.len() < 2 * data.len() => (*size).min(rest.len()),
            _ => rest.len(),
        };
        chunks.push(rest.split_to(size));
    }
    chunks
}

pub(crate) fn whole(data: &[u8]) -> Vec<Bytes> {
    cut(data, &[usize::MAX])
}

/// However the input is cut, on either side, what went in comes out.
pub(crate) fn any_cutting_round_trips(data: &[u8], sizes: &[usize], level: u32) {
    for format in Format::ALL {
        let small = done(&mut format.compress(level), cut(data, sizes));
        for again in [cut(&small, sizes), cut(&small, &[1]), whole(&small)] {
            assert!(done(&mut format.decompress(), again) == data, "{format:?}");
        }
        let eager = &mut format.compress(level).flush_each_chunk();
        let flushed = done(eager, cut(data, sizes));
        assert!(done(&mut format.decompress(), whole(&flushed)) == data);
    }
}

/// However the input is cut, and on however many threads, the same bytes come out.
pub(crate) fn threads_do_not_show(data: &[u8], sizes: &[usize], level: u32) {
    let small = done(&mut gzip::compress_parallel(level, 1), whole(data));
    for threads in [2, 3] {
        let stage = &mut gzip::compress_parallel(level, threads);
        assert!(done(stage, cut(data, sizes)) == small, "{threads} threads");
    }
    assert!(done(&mut gzip::decompress(), cut(&small, sizes)) == data);
    let mut one = Vec::new();
    let member = flate2::read::GzDecoder::new(&*small).read_to_end(&mut one);
    assert!(member.is_ok() && one == data, "it is not one member");
}

/// However arbitrary bytes are cut, the same comes of them: the same data, and the same error.
pub(crate) fn any_cutting_decompresses_alike(bytes: &[u8], sizes: &[usize]) {
    let kinds: [fn() -> Decompress; 5] = [
        gzip::decompress,
        || gzip::decompress().zlib(),
        || gzip::decompress().raw(),
        || gzip::decompress().detect(),
        || gzip::decompress().ignore_trailing(),
    ];
    for kind in kinds {
        let stage = || kind().max_output(OUTPUT_MAX);
        let (came, error) = run(&mut stage(), whole(bytes));
        for chunks in [cut(bytes, &[1]), cut(bytes, sizes)] {
            let (again, other) = run(&mut stage(), chunks);
            assert_eq!(known(error.as_ref(), bytes), known(other.as_ref(), bytes));
            assert!(came == again, "{} and {}", came.len(), again.len());
        }
    }
}

/// What is told of an error, which is of a kind that decompression has.
fn known(error: Option<&Error>, bytes: &[u8]) -> Option<(ErrorKind, Option<Corrupt>, u64)> {
    let error = error?;
    let at = error.offset().expect("an error says where");
    assert!(at <= bytes.len() as u64, "{at} of {}", bytes.len());
    let corrupt = Corrupt::of(error).cloned();
    // In words it is told as far as the decompressor remembers it.
    let corrupt = corrupt.map(|corrupt| match corrupt {
        Corrupt::Data(_) => Corrupt::Data(String::new()),
        other => other,
    });
    match error.kind() {
        ErrorKind::LimitExceeded => assert!(corrupt.is_none()),
        ErrorKind::Io(io::ErrorKind::UnexpectedEof) => {
            assert_eq!(
                (&corrupt, at),
                (&Some(Corrupt::Truncated), bytes.len() as u64)
            );
        }
        ErrorKind::Io(io::ErrorKind::InvalidData) => assert!(corrupt.is_some()),
        other => panic!("{other:?}: {error:#}"),
    }
    // Damage is at one byte. How much is read until it is clear that too much comes out is not.
    let at = if corrupt.is_some() { at } else { 0 };
    Some((error.kind(), corrupt, at))
}

/// Whether arbitrary bytes are accepted or refused, flate2 says the same, and what came out is the
/// same.
pub(crate) fn agrees_with_flate2(bytes: &[u8]) {
    for format in Format::ALL {
        // Its readers stop behind the end of zlib and deflate.
        let stage = match format {
            Format::Gzip => format.decompress(),
            Format::Zlib | Format::Raw => format.decompress().ignore_trailing(),
        };
        let (ours, error) = run(&mut stage.max_output(OUTPUT_MAX), whole(bytes));
        let mut theirs = Vec::new();
        let outcome = match format {
            Format::Gzip => read(MultiGzDecoder::new(bytes), &mut theirs),
            Format::Zlib => read(ZlibDecoder::new(bytes), &mut theirs),
            Format::Raw => read(DeflateDecoder::new(bytes), &mut theirs),
        };
        // Theirs may say an error before it gives what it has, and ours after.
        assert!(ours.starts_with(&theirs), "{format:?}");
        match (&error, outcome) {
            (None, Ok(())) => assert!(ours == theirs, "{format:?}"),
            (Some(_), Err(_)) => {}
            // Padding is no member to flate2.
            (None, Err(_)) if format == Format::Gzip && bytes.ends_with(&[0]) => {}
            (Some(error), Ok(())) => {
                let stricter = match Corrupt::of(error) {
                    // It does not look at what is reserved.
                    Some(Corrupt::Flags(_)) => true,
                    // It takes no input for no data.
                    Some(Corrupt::Truncated) => bytes.is_empty(),
                    _ => error.kind() == ErrorKind::LimitExceeded,
                };
                assert!(stricter, "{format:?}: {error:#}");
            }
            (None, Err(theirs)) => panic!("{format:?}: only flate2 refuses: {theirs}"),
        }
    }
}

fn read(decoder: impl Read, into: &mut Vec<u8>) -> io::Result<()> {
    decoder.take(OUTPUT_MAX).read_to_end(into).map(drop)
}

/// What a fuzzer runs: bytes as they are, as the data of a whole stream, and as damage to one.
#[allow(dead_code, reason = "only the fuzz target calls it")]
pub(crate) fn any(bytes: &[u8]) {
    let Some(([mode, size, place], data)) = bytes.split_first_chunk() else {
        return;
    };
    let sizes = [usize::from(*size), 1 + usize::from(*place)];
    let level = u32::from(*size) % 10;
    match mode % 4 {
        0 => {
            any_cutting_decompresses_alike(data, &sizes);
            agrees_with_flate2(data);
        }
        1 => any_cutting_round_trips(data, &sizes, level),
        2 => threads_do_not_show(data, &sizes, level),
        _ => {
            let format = Format::ALL[usize::from(*mode / 4) % 3];
            let mut small = done(&mut format.compress(level), whole(data));
            let at = usize::from(*place) % small.len();
            small[at] ^= 1 << (size % 8);
            any_cutting_decompresses_alike(&small, &sizes);
            agrees_with_flate2(&small);
        }
    }
}
