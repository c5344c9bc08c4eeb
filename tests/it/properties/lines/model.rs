//! What is to come out, from the whole stream at once.

use std::io::{self, BufRead};

use highwater::ErrorKind;
use highwater::lines::Prefix;

use super::{Job, Script};

/// All that comes out of a stream, and how it ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) pieces: Vec<Vec<u8>>,
    /// With the byte at which it is.
    pub(super) error: Option<(ErrorKind, u64)>,
}

const CUT_OFF: ErrorKind = ErrorKind::Io(io::ErrorKind::UnexpectedEof);
const NO_DATA: ErrorKind = ErrorKind::Io(io::ErrorKind::InvalidData);

pub(super) fn expected(script: &Script) -> Outcome {
    match &script.job {
        Job::Lines => lines(&script.input, script.max),
        Job::Split(delimiter) => split(&script.input, delimiter, script.max),
        Job::Frames(prefix) => frames(&script.input, *prefix, script.max),
        Job::Utf8 => utf8(&script.input),
        Job::Utf8Lossy => Outcome {
            pieces: vec![String::from_utf8_lossy(&script.input).into_owned().into()],
            error: None,
        },
    }
}

fn lines(input: &[u8], max: usize) -> Outcome {
    let with_ends = input.split_inclusive(|byte| *byte == b'\n');
    let outcome = limited(max, with_ends.map(|line| (line, without_end(line))));
    if outcome.error.is_none()
        && let Ok(theirs) = input.lines().collect::<Result<Vec<String>, _>>()
    {
        assert!(theirs.iter().map(String::as_bytes).eq(&outcome.pieces));
    }
    outcome
}

fn without_end(line: &[u8]) -> &[u8] {
    match line {
        [line @ .., b'\r', b'\n'] | [line @ .., b'\n'] => line,
        last => last,
    }
}

fn split(input: &[u8], delimiter: &[u8], max: usize) -> Outcome {
    let mut pieces = Vec::new();
    let mut rest = input;
    while !rest.is_empty() {
        let found = rest
            .windows(delimiter.len())
            .position(|window| window == delimiter);
        let (piece, whole) =
            found.map_or((rest.len(), rest.len()), |at| (at, at + delimiter.len()));
        pieces.push((&rest[..whole], &rest[..piece]));
        rest = &rest[whole..];
    }
    let outcome = limited(max, pieces.into_iter());
    if outcome.error.is_none()
        && let [byte] = delimiter
    {
        let theirs: Vec<_> = BufRead::split(input, *byte).map(Result::unwrap).collect();
        assert_eq!(theirs, outcome.pieces);
    }
    outcome
}

/// Takes pieces, each with what ends it and without, up to one that is too long.
fn limited<'a>(max: usize, pieces: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Outcome {
    let mut outcome = Outcome {
        pieces: Vec::new(),
        error: None,
    };
    let mut at = 0;
    for (whole, piece) in pieces {
        if piece.len() > max {
            outcome.error = Some((ErrorKind::LimitExceeded, at));
            break;
        }
        outcome.pieces.push(piece.to_vec());
        at += whole.len() as u64;
    }
    outcome
}

fn frames(input: &[u8], prefix: Prefix, max: usize) -> Outcome {
    let mut pieces = Vec::new();
    let mut at = 0;
    let error = loop {
        let rest = &input[at..];
        if rest.is_empty() {
            break None;
        }
        let (len, body) = match length(rest, prefix) {
            Ok(Some(length)) => length,
            Ok(None) => break Some(CUT_OFF),
            Err(kind) => break Some(kind),
        };
        if body > max as u128 {
            break Some(ErrorKind::LimitExceeded);
        }
        let Some(piece) = rest[len..].get(..body as usize) else {
            break Some(CUT_OFF);
        };
        pieces.push(piece.to_vec());
        at += len + piece.len();
    };
    Outcome {
        pieces,
        error: error.map(|kind| (kind, at as u64)),
    }
}

/// Reads a length, one byte after the other. Says how many there are, and what they say.
fn length(bytes: &[u8], prefix: Prefix) -> Result<Option<(usize, u128)>, ErrorKind> {
    let (len, big) = match prefix {
        Prefix::U8 => (1, true),
        Prefix::U16Be => (2, true),
        Prefix::U16Le => (2, false),
        Prefix::U32Be => (4, true),
        Prefix::U32Le => (4, false),
        Prefix::U64Be => (8, true),
        Prefix::U64Le => (8, false),
        Prefix::Varint => return varint(bytes),
        other => panic!("no model of {other:?}"),
    };
    let Some(bytes) = bytes.get(..len) else {
        return Ok(None);
    };
    let digit = |sum: u128, byte: &u8| sum * 256 + u128::from(*byte);
    let body = if big {
        bytes.iter().fold(0, digit)
    } else {
        bytes.iter().rev().fold(0, digit)
    };
    Ok(Some((len, body)))
}

fn varint(bytes: &[u8]) -> Result<Option<(usize, u128)>, ErrorKind> {
    let last = bytes.iter().take(10).position(|byte| byte & 0x80 == 0);
    let Some(last) = last else {
        return if bytes.len() >= 10 {
            Err(NO_DATA)
        } else {
            Ok(None)
        };
    };
    let digits = bytes[..=last].iter().rev();
    let body = digits.fold(0, |sum: u128, byte| sum * 128 + u128::from(byte & 0x7f));
    if body > u128::from(u64::MAX) {
        return Err(NO_DATA);
    }
    Ok(Some((last + 1, body)))
}

fn utf8(input: &[u8]) -> Outcome {
    let (valid, error) = match std::str::from_utf8(input) {
        Ok(_) => (input.len(), None),
        Err(error) => {
            let valid = error.valid_up_to();
            (valid, Some((NO_DATA, valid as u64)))
        }
    };
    Outcome {
        pieces: vec![input[..valid].to_vec()],
        error,
    }
}
