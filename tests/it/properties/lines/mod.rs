//! Decoders against models that are too plain to be wrong, for the tests and the fuzzer.
//!
//! However a stream is cut into chunks, the same comes out: what the standard library, or a loop
//! over the whole, makes of it.

// By path, because the fuzz target includes this file by its path.
mod model;
mod play;

use highwater::lines::Prefix;

pub(crate) use play::{agrees_with_the_model, comes_back};

/// How a stream is taken apart.
#[derive(Clone, Debug)]
pub(crate) enum Job {
    Lines,
    Split(Vec<u8>),
    Frames(Prefix),
    Utf8,
    Utf8Lossy,
}

/// A stream, how it is cut into chunks, and what is to be done with it.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) job: Job,
    pub(crate) max: usize,
    /// How long the chunks are, in turn. Some are empty.
    pub(crate) cuts: Vec<usize>,
    pub(crate) input: Vec<u8>,
}

const DELIMITERS: [&[u8]; 6] = [b"\0", b"ab", b"aab", b"\r\n\r\n", b"aaaa", b"a"];

const PREFIXES: [Prefix; 8] = [
    Prefix::U8,
    Prefix::U16Be,
    Prefix::U16Le,
    Prefix::U32Be,
    Prefix::U32Le,
    Prefix::U64Be,
    Prefix::U64Le,
    Prefix::Varint,
];

/// Limits at which something happens in short streams, and one at which nothing does.
const LIMITS: [usize; 8] = [0, 1, 2, 3, 7, 20, usize::MAX, 1 << 20];

/// Bytes of text that is cut in the middle, too long, too short, or never meant to be.
const TEXT: &[u8] = b"a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xed\xa0\xc0\xe0\xf4\x90\xff";

/// Reads a script out of any bytes.
pub(crate) fn script(bytes: &[u8]) -> Script {
    let byte = |at: usize| usize::from(bytes.get(at).copied().unwrap_or_default());
    let (kind, which) = (byte(0), byte(1));
    let job = match kind % 6 {
        0 => Job::Lines,
        1 => Job::Split(DELIMITERS[which % DELIMITERS.len()].to_vec()),
        2 | 3 => Job::Frames(PREFIXES[which % PREFIXES.len()]),
        4 => Job::Utf8,
        _ => Job::Utf8Lossy,
    };
    let cuts = (3..7).map(|at| byte(at) % 9).collect();
    let rest = bytes.get(7..).unwrap_or_default();
    // The alphabet of a job, so that what matters is not rare; or else any bytes at all.
    let alphabet: Option<&[u8]> = match (&job, kind / 6 % 4) {
        (_, 3) => None,
        (Job::Lines, _) => Some(b"\n\r\n\rab"),
        (Job::Split(_), _) => Some(b"aaab\r\n\0"),
        (Job::Frames(_), _) => Some(b"\0\0\0\x01\x02\x05\x81\xff"),
        (Job::Utf8 | Job::Utf8Lossy, 0) => None,
        (Job::Utf8 | Job::Utf8Lossy, _) => Some(TEXT),
    };
    let letter = |byte: &u8| match alphabet {
        Some(letters) => letters[usize::from(*byte) % letters.len()],
        None => *byte,
    };
    let input = match (&job, kind / 24 % 2) {
        // What is text for the most part.
        (Job::Utf8 | Job::Utf8Lossy, 1) => String::from_utf8_lossy(rest).into_owned().into(),
        _ => rest.iter().map(letter).collect(),
    };
    Script {
        job,
        max: LIMITS[byte(2) % LIMITS.len()],
        cuts,
        input,
    }
}
