//! The inverse of the splitter: pieces in, a stream of bytes out.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use super::prefix::Prefix;
use crate::error::{Error, ErrorKind};
use crate::stage::transform::{Out, Transform};

/// Makes a stream of bytes out of lines, pieces or frames: the inverse of a
/// [`Splitter`](super::Splitter).
///
/// [`append_end`](super::append_end) and [`prepend_len`](super::prepend_len) make one. Nothing is held back:
/// each piece goes on at once. A short piece is copied into a shared buffer, so that its end or its length
/// is in the same chunk; a long piece is passed by reference, as a chunk of its own.
///
/// # Errors
///
/// [`LimitExceeded`](ErrorKind::LimitExceeded) if a frame is longer than its prefix can express, with the
/// [offset](Error::offset) in the output.
#[derive(Debug)]
pub struct Joiner {
    mark: Mark,
    /// The memory that short pieces are copied into.
    buffer: BytesMut,
    /// How many bytes were output.
    at: u64,
}

/// What is added to each piece.
#[derive(Debug)]
enum Mark {
    End(Bytes),
    Len(Prefix),
}

/// Up to this length a copy costs less than another chunk.
const SHORT_BYTES_MAX: usize = 4096;

/// The size of the memory that short pieces share.
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
