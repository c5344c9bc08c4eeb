//! Where a piece ends.

use memchr::memchr;
use memchr::memmem::Finder;

use super::prefix::{FrameHead, Prefix};

/// The rule by which a stream is cut into pieces.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    /// `\n`, or `\r\n`.
    Line,
    Byte(u8),
    /// More than one byte.
    Bytes(Box<Finder<'static>>),
    Frame(Prefix),
}

/// What the bytes since the end of the last piece are found to be.
pub(super) enum Scan {
    Piece(Span),
    /// The beginning of a piece.
    Part,
    /// The beginning of a frame that is longer than the limit, with the length that it announces.
    TooLong(u64),
    /// Bytes that no frame begins with.
    Malformed,
}

/// Where a piece is, within the held bytes and the chunk behind them.
pub(super) struct Span {
    /// How many bytes of the chunk belong to it, with its delimiter.
    pub(super) taken: usize,
    /// How many bytes at its front are prefix.
    pub(super) head: usize,
    /// How many bytes at its back are delimiter.
    pub(super) tail: usize,
}

impl Rule {
    /// Makes the rule that pieces end with `delimiter`, which is not empty.
    pub(super) fn delimited(delimiter: &[u8]) -> Self {
        match delimiter {
            [byte] => Self::Byte(*byte),
            longer => Self::Bytes(Box::new(Finder::new(longer).into_owned())),
        }
    }

    /// The byte that a piece ends with, if the delimiter is one byte.
    #[inline]
    pub(super) const fn end(&self) -> Option<u8> {
        match self {
            Self::Line => Some(b'\n'),
            Self::Byte(byte) => Some(*byte),
            Self::Bytes(_) | Self::Frame(_) => None,
        }
    }

    /// Removes the `\r` before that byte, if the rule is for lines.
    #[inline]
    pub(super) fn trim<'a>(&self, piece: &'a [u8]) -> &'a [u8] {
        match (self, piece) {
            (Self::Line, [line @ .., b'\r']) => line,
            _ => piece,
        }
    }

    /// Finds the end of the piece that begins with `held` and goes on with `rest`. There is no end in
    /// `held`.
    pub(super) fn look(&self, held: &[u8], rest: &[u8], max: usize) -> Scan {
        match self {
            Self::Line => memchr(b'\n', rest).map_or(Scan::Part, |at| {
                // The `\r` may be the last byte of `held`.
                let before = if at > 0 {
                    rest.get(at - 1)
                } else {
                    held.last()
                };
                let tail = if before == Some(&b'\r') { 2 } else { 1 };
                Scan::delimited(at + 1, tail)
            }),
            Self::Byte(byte) => {
                memchr(*byte, rest).map_or(Scan::Part, |at| Scan::delimited(at + 1, 1))
            }
            Self::Bytes(finder) => match find_bytes(finder, held, rest) {
                Some(taken) => Scan::delimited(taken, finder.needle().len()),
                None => Scan::Part,
            },
            Self::Frame(prefix) => look_at_frame(*prefix, held, rest, max),
        }
    }

    /// How many bytes more than the limit may be held before a piece is known to be too long: they may be
    /// a part of its delimiter, or its prefix.
    pub(super) fn slack(&self) -> usize {
        match self {
            Self::Line => 1,
            Self::Byte(_) => 0,
            Self::Bytes(finder) => finder.needle().len() - 1,
            Self::Frame(prefix) => prefix.len_max(),
        }
    }

    /// The name of a piece in errors.
    pub(super) const fn noun(&self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Byte(_) | Self::Bytes(_) => "piece",
            Self::Frame(_) => "frame",
        }
    }

    /// The name of the stage.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Line => "lines",
            Self::Byte(_) | Self::Bytes(_) => "split",
            Self::Frame(_) => "frames",
        }
    }
}

impl Scan {
    const fn delimited(taken: usize, tail: usize) -> Self {
        Self::Piece(Span {
            taken,
            head: 0,
            tail,
        })
    }
}

/// The number of bytes of `rest` up to the end of the first delimiter.
fn find_bytes(finder: &Finder<'_>, held: &[u8], rest: &[u8]) -> Option<usize> {
    let needle = finder.needle().len();
    if !held.is_empty() {
        // A delimiter that begins in `held` ends within the first bytes of `rest`. Only the seam is
        // searched: to search all of `held` for each chunk would take quadratic time.
        let kept = &held[held.len() - held.len().min(needle - 1)..];
        let fresh = &rest[..rest.len().min(needle - 1)];
        let seam = [kept, fresh].concat();
        if let Some(at) = finder.find(&seam) {
            return Some(at + needle - kept.len());
        }
    }
    finder.find(rest).map(|at| at + needle)
}

fn look_at_frame(prefix: Prefix, held: &[u8], rest: &[u8], max: usize) -> Scan {
    let head = if held.is_empty() {
        prefix.read(rest)
    } else {
        read_across(prefix, held, rest)
    };
    match head {
        FrameHead::Whole { prefix, body } => {
            let Some(len) = usize::try_from(body).ok().filter(|len| *len <= max) else {
                return Scan::TooLong(body);
            };
            // A length that no memory can hold is never complete.
            let missing = len.saturating_add(prefix) - held.len();
            if missing > rest.len() {
                return Scan::Part;
            }
            Scan::Piece(Span {
                taken: missing,
                head: prefix,
                tail: 0,
            })
        }
        FrameHead::More => Scan::Part,
        FrameHead::Malformed => Scan::Malformed,
    }
}

/// Reads a length that may be cut in two.
fn read_across(prefix: Prefix, held: &[u8], rest: &[u8]) -> FrameHead {
    let mut bytes = [0; Prefix::LEN_MAX];
    let mut filled = 0;
    for (slot, byte) in bytes.iter_mut().zip(held.iter().chain(rest)) {
        *slot = *byte;
        filled += 1;
    }
    prefix.read(&bytes[..filled])
}
