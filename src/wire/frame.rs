//! The frames of a wire, and their bytes.

use bytes::{BufMut, Bytes};

use super::cause;
use crate::error::Error;

/// The version of the format that this crate implements.
pub const VERSION: u8 = 1;

/// The largest number of bytes of data in one frame.
pub const DATA_BYTES_MAX: usize = 64 * 1024;

/// The largest number of bytes of an error in one frame. Longer texts are cut.
pub const CAUSE_BYTES_MAX: usize = 16 * 1024;

/// The largest credit that a writer may have, in bytes.
pub const CREDIT_MAX: u32 = 1 << 31;

/// The first bytes of either side, before its version and its role. The first is not ASCII.
pub(super) const MAGIC: [u8; 6] = *b"\x8Ahwire";

pub(super) const HELLO_BYTES: usize = MAGIC.len() + 2;
pub(super) const HEAD_BYTES: usize = 4;

/// The role of one side of a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sends data.
    Writer,
    /// Receives data, and sends credit.
    Reader,
}

impl Role {
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Writer => 1,
            Self::Reader => 2,
        }
    }

    pub(super) const fn of_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Writer),
            2 => Some(Self::Reader),
            _ => None,
        }
    }
}

/// One frame of a wire, or a piece of its data.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Frame {
    /// The first of either side.
    Hello(Role),
    /// The head of a data frame: this number of bytes follows.
    Data(u32),
    /// A piece of the data that the head has announced, as it was received.
    Body(Bytes),
    /// The end: no data follows.
    End,
    /// The writer has failed with this error: no data follows.
    Fail(Error),
    /// The writer may send this number of bytes more.
    Credit(u32),
    /// The reader has read everything up to the end.
    Done,
    /// The reader goes away with this cause.
    Closed(Error),
}

/// The first byte of a frame behind the hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameKind {
    Data = 1,
    End = 2,
    Fail = 3,
    Credit = 4,
    Done = 5,
    Closed = 6,
}

impl FrameKind {
    pub(super) const fn of_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Data,
            2 => Self::End,
            3 => Self::Fail,
            4 => Self::Credit,
            5 => Self::Done,
            6 => Self::Closed,
            _ => return None,
        })
    }

    /// The smallest and the largest length of a frame of this kind, without the head.
    pub(super) const fn lengths(self) -> (usize, usize) {
        match self {
            Self::Data => (1, DATA_BYTES_MAX),
            Self::End | Self::Done => (0, 0),
            Self::Credit => (4, 4),
            Self::Fail | Self::Closed => (cause::BYTES_MIN, CAUSE_BYTES_MAX),
        }
    }
}

impl Frame {
    /// Appends the frame to `out`. Of [`Data`](Self::Data) only the head is written; the data must follow.
    ///
    /// The texts of an error that is longer than its frame may be are cut.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Hello(role) => {
                out.put_slice(&MAGIC);
                out.put_u8(VERSION);
                out.put_u8(role.code());
            }
            Self::Data(bytes) => put_head(out, FrameKind::Data, *bytes),
            Self::Body(piece) => out.put_slice(piece),
            Self::End => put_head(out, FrameKind::End, 0),
            Self::Fail(error) => put_cause(out, FrameKind::Fail, error),
            Self::Credit(bytes) => {
                put_head(out, FrameKind::Credit, 4);
                out.put_u32(*bytes);
            }
            Self::Done => put_head(out, FrameKind::Done, 0),
            Self::Closed(error) => put_cause(out, FrameKind::Closed, error),
        }
    }
}

/// The kind in the highest byte, and the length in the three others.
fn put_head(out: &mut Vec<u8>, kind: FrameKind, len: u32) {
    out.put_u32((kind as u32) << 24 | len);
}

fn put_cause(out: &mut Vec<u8>, kind: FrameKind, error: &Error) {
    let body = cause::encode(error);
    // An error is cut to far less than the largest number of three bytes.
    put_head(out, kind, u32::try_from(body.len()).unwrap_or(0));
    out.put_slice(&body);
}
