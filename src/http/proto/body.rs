//! Decodes the body of a request: separates the data from the framing.

use bytes::{Buf, Bytes};
use http::HeaderMap;
use memchr::memchr;

use super::chunk::SizeLine;
use super::framing::BodyFraming;
use super::limits::BodyLimits;
use super::rejection::{Rejection, RejectionKind};
use super::trailers;

/// What was found at the front of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// Data, at least one byte: a slice of the input.
    Data(Bytes),
    /// Nothing but framing, which was all of the input: more input is needed.
    More,
    /// The body has ended. What is left of the input belongs to the next request.
    End,
}

/// Decodes a body, wherever the input is cut.
///
/// It holds no data, and of the framing nothing but a trailer section within its limit.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use highwater::Bytes;
/// use highwater::http::Limits;
/// use highwater::http::proto::{BodyDecoder, BodyFraming, Decoded};
///
/// let mut body = BodyDecoder::new(BodyFraming::Chunked, Limits::default().body())?;
/// let mut input = Bytes::from("3\r\nabc\r\n0\r\nDigest: x\r\n\r\nGET");
/// assert_eq!(body.decode(&mut input)?, Decoded::Data("abc".into()));
/// assert_eq!(body.decode(&mut input)?, Decoded::End);
/// assert_eq!(body.trailers().unwrap()["digest"], "x");
/// assert_eq!(input, "GET");
/// # }
/// # Ok::<(), highwater::Error>(())
/// ```
#[derive(Debug)]
pub struct BodyDecoder {
    limits: BodyLimits,
    state: DecodeState,
    /// How many bytes of the body were taken, framing included.
    taken: u64,
    /// How much of it was data, or is announced to be.
    data: u64,
    extension_bytes: usize,
    /// What was received of a trailer section.
    section: Vec<u8>,
    trailers: Option<HeaderMap>,
}

#[derive(Clone, Copy, Debug)]
enum DecodeState {
    /// This much of a body with a length is still to come.
    Length(u64),
    Size(SizeLine),
    /// This much of a chunk is still to come.
    Chunk(u64),
    /// After a chunk.
    ChunkCr,
    ChunkLf,
    /// After the last chunk.
    Trailers,
    End,
    /// Rejected, for good.
    Rejected(Rejection),
}

impl BodyDecoder {
    /// Creates a decoder of one body.
    ///
    /// # Errors
    ///
    /// [`BodyTooLarge`](RejectionKind::BodyTooLarge) if the length is over the limit.
    pub fn new(framing: BodyFraming, limits: BodyLimits) -> Result<Self, Rejection> {
        let state = match framing {
            BodyFraming::None | BodyFraming::Length(0) => DecodeState::End,
            BodyFraming::Length(length) if length > limits.bytes => {
                return Err(Rejection::new(RejectionKind::BodyTooLarge, 0));
            }
            BodyFraming::Length(length) => DecodeState::Length(length),
            BodyFraming::Chunked => DecodeState::Size(SizeLine::default()),
        };
        Ok(Self {
            limits,
            state,
            taken: 0,
            data: 0,
            extension_bytes: 0,
            section: Vec::new(),
            trailers: None,
        })
    }

    /// Takes the next data off the front of the input, and the framing before it.
    ///
    /// Returns [`Decoded::More`] if the input is empty, or [`Decoded::End`] if the body has ended.
    ///
    /// # Errors
    ///
    /// A [`Rejection`], at the first byte that breaks a rule. All later calls return the same.
    pub fn decode(&mut self, input: &mut Bytes) -> Result<Decoded, Rejection> {
        loop {
            let len = match self.state {
                DecodeState::End => return Ok(Decoded::End),
                DecodeState::Rejected(rejection) => return Err(rejection),
                _ if input.is_empty() => return Ok(Decoded::More),
                DecodeState::Length(left) | DecodeState::Chunk(left) => {
                    let len = input.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    self.pass(left, len as u64);
                    self.taken += len as u64;
                    return Ok(Decoded::Data(input.split_to(len)));
                }
                DecodeState::Trailers => self
                    .take_trailers(input)
                    .map_err(|rejection| self.reject(rejection))?,
                _ => self.take_framing(input).map_err(|kind| {
                    let rejection = Rejection::new(kind, 0).after(self.taken);
                    self.reject(rejection)
                })?,
            };
            self.taken += len as u64;
            input.advance(len);
        }
    }

    /// Goes on after `len` bytes of data, of which `left` were to come.
    fn pass(&mut self, left: u64, len: u64) {
        let left = left - len;
        self.state = match self.state {
            DecodeState::Length(_) if left > 0 => DecodeState::Length(left),
            DecodeState::Length(_) => DecodeState::End,
            _ if left > 0 => DecodeState::Chunk(left),
            _ => DecodeState::ChunkCr,
        };
    }

    /// Takes framing: all between two chunks at once if it was received and has no extensions, as nearly
    /// always, else a byte.
    fn take_framing(&mut self, input: &[u8]) -> Result<usize, RejectionKind> {
        let (line, before) = match (self.state, input) {
            (DecodeState::ChunkCr, [b'\r', b'\n', line @ ..]) => (line, 2),
            (DecodeState::Size(size), line) if size.is_new() => (line, 0),
            _ => {
                self.state = self.take(input[0])?;
                return Ok(1);
            }
        };
        self.state = DecodeState::Size(SizeLine::default());
        match SizeLine::plain(line) {
            Some((size, len)) if size <= self.limits.bytes - self.data => {
                self.state = self.begin(size);
                Ok(before + len)
            }
            _ if before > 0 => Ok(before),
            _ => {
                self.state = self.take(input[0])?;
                Ok(1)
            }
        }
    }

    /// The state after a size line.
    fn begin(&mut self, size: u64) -> DecodeState {
        self.data += size;
        if size == 0 {
            DecodeState::Trailers
        } else {
            DecodeState::Chunk(size)
        }
    }

    /// Takes a byte of framing.
    fn take(&mut self, byte: u8) -> Result<DecodeState, RejectionKind> {
        Ok(match (self.state, byte) {
            (DecodeState::Size(mut line), _) => {
                let size = line.take(byte, &mut self.extension_bytes, &self.limits)?;
                // Before the line is complete: a line that is too long may never end.
                if line.size() > self.limits.bytes - self.data {
                    return Err(RejectionKind::BodyTooLarge);
                }
                match size {
                    None => DecodeState::Size(line),
                    Some(size) => self.begin(size),
                }
            }
            (DecodeState::ChunkCr, b'\r') => DecodeState::ChunkLf,
            (DecodeState::ChunkCr, b'\n') => return Err(RejectionKind::BareLf),
            (DecodeState::ChunkLf, b'\n') => DecodeState::Size(SizeLine::default()),
            _ => return Err(RejectionKind::ChunkEnd),
        })
    }

    /// Takes the next line of the trailers, and parses them once all are there.
    fn take_trailers(&mut self, input: &[u8]) -> Result<usize, Rejection> {
        let section_at = self.taken - self.section.len() as u64;
        let reject = |kind, len: usize| Rejection::new(kind, len).after(section_at);
        let line = memchr(b'\n', input).map_or(input.len(), |lf| lf + 1);
        // The empty line that ends them is not counted.
        let room = self.limits.trailer_bytes.saturating_add(2) - self.section.len();
        if line > room {
            return Err(reject(
                RejectionKind::TrailersTooLarge,
                self.section.len() + room,
            ));
        }
        self.section.extend_from_slice(&input[..line]);
        match self.section.as_slice() {
            [b'\r', b'\n'] => {}
            [.., b'\r', b'\n', b'\r', b'\n'] => {
                let trailers = trailers::read(&self.section, self.limits.trailers)
                    .map_err(|rejection| rejection.after(section_at))?;
                self.trailers = Some(trailers);
            }
            [.., b'\r', b'\n'] => return Ok(line),
            [before @ .., b'\n'] => return Err(reject(RejectionKind::BareLf, before.len())),
            _ => return Ok(line),
        }
        self.section = Vec::new();
        self.state = DecodeState::End;
        Ok(line)
    }

    /// Keeps a rejection, for all later calls.
    fn reject(&mut self, rejection: Rejection) -> Rejection {
        self.state = DecodeState::Rejected(rejection);
        self.section = Vec::new();
        rejection
    }

    /// Returns whether the body has ended.
    #[must_use]
    pub const fn is_end(&self) -> bool {
        matches!(self.state, DecodeState::End)
    }

    /// How much data is certain to come next: the rest of the body if its length is known, else the rest
    /// of the chunk.
    #[must_use]
    pub const fn left(&self) -> u64 {
        match self.state {
            DecodeState::Length(left) | DecodeState::Chunk(left) => left,
            _ => 0,
        }
    }

    /// Notes that the connection has ended.
    ///
    /// # Errors
    ///
    /// [`Incomplete`](RejectionKind::Incomplete) if the body had not ended, or the earlier rejection.
    pub fn finish_of_input(&mut self) -> Result<(), Rejection> {
        match self.state {
            DecodeState::End => Ok(()),
            DecodeState::Rejected(rejection) => Err(rejection),
            _ => Err(self.reject(Rejection::new(RejectionKind::Incomplete, 0).after(self.taken))),
        }
    }

    /// The trailers, if the body has ended and had any. Headers that may not be trailers are left out
    /// ([`is_trailer`](super::is_trailer)).
    #[must_use]
    pub const fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_ref()
    }

    /// Takes the trailers out.
    pub fn into_trailers(self) -> Option<HeaderMap> {
        self.trailers
    }
}
