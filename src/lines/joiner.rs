//! The way back: pieces in, a stream of bytes out.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use super::prefix::Prefix;
use crate::error::{Error, ErrorKind};
use crate::stage::transform::{Out, Transform};

/// Makes a stream of bytes out of lines, pieces or frames: what a [`Splitter`](super::Splitter)
/// takes apart.
///
/// It is made by [`append_end`](super::append_end) or [`prepend_len`](super::prepend_len). Nothing
/// is held back: each piece goes on at once. Short ones are copied into a buffer that they share, so
/// that what ends them, or says their length, is in the same chunk; long ones are passed by
/// reference, in a chunk between.
///
/// # Errors
///
/// [`LimitExceeded`](ErrorKind::LimitExceeded), if a frame is longer than its prefix can say, with
/// the [offset](Error::offset) in what came out.
#[derive(Debug)]
pub struct Joiner {
    mark: Mark,
    /// What short pieces are copied into.
    buffer: BytesMut,
    /// How much came out.
    at: u64,
}

/// What is put to each piece.
#[derive(Debug)]
enum Mark {
    End(Bytes),
    Len(Prefix),
}

/// Up to here a copy costs less than another chunk does.
const SHORT_BYTES_MAX: usize = 4096;

/// How much memory short pieces share.
const BUFFER_BYTES: usize = 32 * 1024;

impl Joiner {
    pub(super) fn appending(end: Bytes) -> Self {
        Self::new(Mark::End(end))
    }

    pub(super) fn prepending(prefix: Prefix) -> Self {
        Self::new(Mark::Len(prefix))
    }

    fn new(mark: Mark) -> Self {
        Self {
            mark,
            buffer: BytesMut::new(),
            at: 0,
        }
    }

    fn pass(&mut self, parts: [Bytes; 2], out: &mut Out<'_, Bytes>) -> Result<(), Error> {
        let len = parts[0].len() + parts[1].len();
        self.at += len as u64;
        if len > SHORT_BYTES_MAX {
            return parts
                .into_iter()
                .filter(|part| !part.is_empty())
                .try_for_each(|part| out.push(part));
        }
        if self.buffer.capacity() < len {
            self.buffer = BytesMut::with_capacity(BUFFER_BYTES);
        }
        for part in &parts {
            self.buffer.extend_from_slice(part);
        }
        let joined = self.buffer.split().freeze();
        if joined.is_empty() {
            return Ok(());
        }
        out.push(joined)
    }
}

impl Transform<Bytes, Bytes> for Joiner {
    fn transform(&mut self, piece: Bytes, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
        let parts = match &self.mark {
            Mark::End(end) => [piece, end.clone()],
            Mark::Len(prefix) => {
                let (len, max) = (piece.len() as u64, prefix.body_max());
                if len > max {
                    let message = format!(
                        "over the limit of its prefix, {max} bytes: a frame of {len}, which begins"
                    );
                    return Err(Error::new(ErrorKind::LimitExceeded, message).at(self.at));
                }
                let mut room = [0; Prefix::LEN_MAX];
                let written = prefix.write(len, &mut room);
                [Bytes::copy_from_slice(&room[..written]), piece]
            }
        };
        self.pass(parts, out)
    }

    fn is_light(&self) -> bool {
        true
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self.mark {
            Mark::End(_) => "append_end",
            Mark::Len(_) => "prepend_len",
        })
    }
}
