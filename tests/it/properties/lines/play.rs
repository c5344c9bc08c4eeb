//! Plays a script through every face of the decoders.

use std::ops::Range;

use highwater::lines::{self, Decoder, Prefix, Splitter, Utf8};
use highwater::stage::apply;
use highwater::{Bytes, Error, Out, Transform};

use super::model::{Outcome, expected};
use super::{Job, Script};

/// Whole, byte by byte and as the script cuts it, pushed and pulled: always what the model says.
pub(crate) fn agrees_with_the_model(script: &Script) {
    let expected = expected(script);
    let whole = [script.input.len()];
    for cuts in [&whole[..], &[1], &script.cuts] {
        let chunks = cut(&script.input, cuts);
        match &script.job {
            Job::Lines => {
                let splitter = lines::lines().max_bytes(script.max);
                pieces(&splitter, script.max.saturating_add(2), &chunks, &expected);
            }
            Job::Split(delimiter) => {
                let splitter = lines::split(delimiter).max_bytes(script.max);
                let most = script.max.saturating_add(delimiter.len());
                pieces(&splitter, most, &chunks, &expected);
            }
            Job::Frames(prefix) => {
                let splitter = lines::frames(*prefix).max_bytes(script.max);
                pieces(&splitter, script.max.saturating_add(10), &chunks, &expected);
            }
            Job::Utf8 => text(&lines::utf8(), &chunks, &expected),
            Job::Utf8Lossy => text(&lines::utf8_lossy(), &chunks, &expected),
        }
    }
}

/// What is taken apart and put together again is what it was; what is put together and taken apart
/// too.
pub(crate) fn comes_back(prefix: Prefix, frames: &[Vec<u8>], cuts: &[usize]) {
    let pieces = || frames.iter().map(|frame| Bytes::copy_from_slice(frame));
    let encoded = apply(&mut lines::prepend_len(prefix), pieces()).unwrap();
    let mut chunks = cut(&encoded.concat(), cuts);
    chunks.extend([Bytes::new()]);
    let decoded = apply(&mut lines::frames(prefix), chunks).unwrap();
    assert_eq!(decoded, frames);

    let ended = apply(&mut lines::append_end("\r\n"), pieces()).unwrap();
    assert!(ended.iter().all(|chunk| !chunk.is_empty()));
    let split = apply(&mut lines::split("\r\n"), cut(&ended.concat(), cuts)).unwrap();
    let again = apply(&mut lines::append_end("\r\n"), split).unwrap();
    assert_eq!(again.concat(), ended.concat());
}

/// Cuts a stream into chunks of these lengths, in turn.
fn cut(input: &[u8], cuts: &[usize]) -> Vec<Bytes> {
    let mut chunks = Vec::new();
    let mut rest = Bytes::copy_from_slice(input);
    // Empty chunks alone lead nowhere.
    let cuts = cuts.iter().copied().chain([1]).cycle();
    for len in cuts {
        if rest.is_empty() {
            return chunks;
        }
        chunks.push(rest.split_to(len.min(rest.len())));
    }
    chunks
}

/// `most` is what may be held of a piece.
fn pieces(splitter: &Splitter, most: usize, chunks: &[Bytes], expected: &Outcome) {
    // Without a limit, twice what there is.
    let total: usize = chunks.iter().map(Bytes::len).sum();
    let most = most.min(128 + 2 * total);
    let pushed = push(splitter.clone(), chunks, |splitter, chunk| {
        let piece = splitter.next()?;
        let held = splitter.held();
        assert!(held <= most + chunk.len(), "{held} held of {most}");
        if let Some(piece) = &piece {
            shares(piece, chunk);
        }
        Ok(piece.map(Vec::from))
    });
    assert_eq!(&pushed, expected, "taken");
    let lent = push(splitter.clone(), chunks, |splitter, _| {
        Ok(splitter.next_slice()?.map(<[u8]>::to_vec))
    });
    assert_eq!(&lent, expected, "lent");

    let mut pulled = splitter.clone().over(chunks.iter().cloned().map(Ok));
    assert_eq!(
        &collect(pulled.by_ref().map(|piece| piece.map(Vec::from))),
        expected
    );
    assert!(pulled.next().is_none(), "an error is told once");

    let mut seen = Vec::new();
    let told = splitter
        .clone()
        .over(chunks.iter().cloned().map(Ok))
        .for_each_slice(|piece| {
            seen.push(piece.to_vec());
            Ok(())
        });
    assert_eq!(&outcome(seen, told), expected, "lent while pulled");
    assert_eq!(&transformed(splitter.clone(), chunks), expected);
}

/// A piece that is in a chunk is a slice of it; one that begins in another is not.
fn shares(piece: &Bytes, chunk: &Bytes) {
    let range = |bytes: &Bytes| -> Range<usize> {
        let begin = bytes.as_ptr() as usize;
        begin..begin + bytes.len()
    };
    let (piece, chunk) = (range(piece), range(chunk));
    let is_inside = chunk.start <= piece.start && piece.end <= chunk.end;
    assert!(
        is_inside || piece.end <= chunk.start || chunk.end <= piece.start,
        "a piece is half in a chunk"
    );
}

/// Feeds a decoder by hand. Behind an error it tells the same one for ever.
fn push(
    mut splitter: Splitter,
    chunks: &[Bytes],
    mut next: impl FnMut(&mut Splitter, &Bytes) -> Result<Option<Vec<u8>>, Error>,
) -> Outcome {
    let mut seen = Vec::new();
    let mut feed = |splitter: &mut Splitter, chunk: &Bytes| -> Result<(), Error> {
        while let Some(piece) = next(splitter, chunk)? {
            seen.push(piece);
        }
        Ok(())
    };
    let mut told = Ok(());
    for chunk in chunks {
        splitter.push(chunk.clone());
        told = feed(&mut splitter, chunk);
        if told.is_err() {
            break;
        }
    }
    if told.is_ok() {
        splitter.finish();
        told = feed(&mut splitter, &Bytes::new());
    }
    if let Err(error) = &told {
        splitter.push(Bytes::from("more\n"));
        let again = splitter.next().unwrap_err();
        assert_eq!(again.to_string(), error.to_string());
        assert_eq!(splitter.held(), 0);
    } else {
        assert_eq!(splitter.next().unwrap(), None, "an end is an end");
    }
    outcome(seen, told)
}

fn text(decoder: &Utf8, chunks: &[Bytes], expected: &Outcome) {
    let joined = |pieces: Vec<Vec<u8>>, told| {
        assert!(pieces.iter().all(|piece| !piece.is_empty()));
        outcome(vec![pieces.concat()], told)
    };
    let pulled = collect(
        decoder
            .clone()
            .over(chunks.iter().cloned().map(Ok))
            .map(|text| text.map(String::into_bytes)),
    );
    assert_eq!(pulled.pieces.concat(), expected.pieces.concat());
    assert_eq!(pulled.error, expected.error);

    let mut seen: Vec<Vec<u8>> = Vec::new();
    let mut push = |text: String| {
        seen.push(text.into_bytes());
        Ok(())
    };
    let told = run(decoder.clone(), chunks, &mut Out::new(&mut push));
    assert_eq!(&joined(seen, told), expected);
}

fn transformed(splitter: Splitter, chunks: &[Bytes]) -> Outcome {
    let mut seen: Vec<Vec<u8>> = Vec::new();
    let mut push = |piece: Bytes| {
        seen.push(piece.into());
        Ok(())
    };
    let told = run(splitter, chunks, &mut Out::new(&mut push));
    outcome(seen, told)
}

/// As a pipeline does.
fn run<O>(
    mut transform: impl Transform<Bytes, O>,
    chunks: &[Bytes],
    out: &mut Out<'_, O>,
) -> Result<(), Error> {
    for chunk in chunks {
        transform.transform(chunk.clone(), out)?;
    }
    transform.flush(out)
}

fn collect(pieces: impl Iterator<Item = Result<Vec<u8>, Error>>) -> Outcome {
    let mut seen = Vec::new();
    let mut told = Ok(());
    for piece in pieces {
        match piece {
            Ok(piece) => seen.push(piece),
            Err(error) => told = Err(error),
        }
    }
    outcome(seen, told)
}

fn outcome(pieces: Vec<Vec<u8>>, told: Result<(), Error>) -> Outcome {
    let at = |error: Error| (error.kind(), error.offset().expect("it says where"));
    Outcome {
        pieces,
        error: told.err().map(at),
    }
}
