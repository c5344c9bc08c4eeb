//! Where a piece ends.

use memchr::memchr;
use memchr::memmem::Finder;

use super::prefix::{FrameHead, Prefix};

/// What tells one piece from the next.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    /// `\n`, or `\r\n`.
    Line,
    Byte(u8),
    /// More than one byte.
    Bytes(Box<Finder<'static>>),
    Frame(Prefix),
}

/// What the bytes since the end of the last piece are.
pub(super) enum Scan {
    Piece(Span),
    /// The beginning of a piece.
    Part,
    /// The beginning of a frame that is longer than the limit, with the length that it announces.
    TooLong(u64),
    /// The beginning of no frame.
    Malformed,
}

/// Where a piece is, in what is held of it and the chunk behind that.
pub(super) struct Span {
    /// How many bytes of the chunk belong to it, with what ends it.
    pub(super) taken: usize,
    /// How many bytes at its front are no part of what it says.
    pub(super) head: usize,
    /// How many bytes at its back are no part of what it says.
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

    /// The one byte that a piece ends with, if it is one.
    #[inline]
    pub(super) const fn end(&self) -> Option<u8> {
        match self {
            Self::Line => Some(b'\n'),
            Self::Byte(byte) => Some(*byte),
            Self::Bytes(_) | Self::Frame(_) => None,
        }
    }

    /// Takes off what is before that byte and belongs to it.
    #[inline]
    pub(super) fn trim<'a>(&self, piece: &'a [u8]) -> &'a [u8] {
        match (self, piece) {
            (Self::Line, [line @ .., b'\r']) => line,
            _ => piece,
        }
    }

    /// Looks for the end of the piece that begins with `held` and goes on with `rest`. It does not
    /// end in `held`.
    pub(super) fn look(&self, held: &[u8], rest: &[u8], max: usize) -> Scan {
        match self {
            Self::Line => memchr(b'\n', rest).map_or(Scan::Part, |at| {
                // The end may be cut in two.
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

    /// How many more bytes than the longest piece may have can be there before it is clear that a
    /// piece is longer: what ends it may have come in part.
    pub(super) fn slack(&self) -> usize {
        match self {
            Self::Line => 1,
            Self::Byte(_) => 0,
            Self::Bytes(finder) => finder.needle().len() - 1,
            Self::Frame(prefix) => prefix.len_max(),
        }
    }

    /// What a piece is called.
    pub(super) const fn noun(&self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Byte(_) | Self::Bytes(_) => "piece",
            Self::Frame(_) => "frame",
        }
    }

    /// What the stage is called.
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

/// Says how many bytes of `rest` there are up to the end of the first delimiter.
fn find_bytes(finder: &Finder<'_>, held: &[u8], rest: &[u8]) -> Option<usize> {
    let needle = finder.needle().len();
    if !held.is_empty() {
        // One that begins in what is held ends within the first bytes of the rest. What is held
        // is not searched again: a piece over many chunks would cost their square.
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
            // One that no memory could hold is never whole.
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
