//! Finds the data in a request's body.

use std::ops::Range;

use http::HeaderMap;
use memchr::memchr;

use super::chunk::SizeLine;
use super::framing::BodyFraming;
use super::limits::BodyLimits;
use super::refusal::{Rejection, RejectionKind};
use super::trailers;

/// What a piece of input turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// Data, at `data` in the input. What is before it was framing.
    Data {
        /// Where it is, and never empty.
        data: Range<usize>,
        /// How much of the input is done with: to the end of the data.
        consumed: usize,
    },
    /// Framing alone, and all of the input: there is more to come.
    More {
        /// How much that was.
        consumed: usize,
    },
    /// The body is over. What follows in the input belongs to the next request.
    End {
        /// How much of the input was still the body's.
        consumed: usize,
    },
}

/// Finds the data in a body, wherever the input is cut.
///
/// It holds no data, and no more framing than a trailer section within its limit.
///
/// # Examples
///
/// ```
/// use highwater::http::proto::{BodyDecoder, BodyFraming, Decoded, Limits};
///
/// let mut body = BodyDecoder::new(BodyFraming::Chunked, Limits::default().body())?;
/// let input = b"3\r\nabc\r\n0\r\nDigest: x\r\n\r\nGET";
/// assert_eq!(body.decode(input)?, Decoded::Data { data: 3..6, consumed: 6 });
/// assert_eq!(body.decode(&input[6..])?, Decoded::End { consumed: 18 });
/// assert_eq!(body.trailers().unwrap()["digest"], "x");
/// # Ok::<(), highwater::http::proto::Refusal>(())
/// ```
#[derive(Debug)]
pub struct BodyDecoder {
    limits: BodyLimits,
    state: DecodeState,
    /// How much of the body was taken, as it is sent.
    taken: u64,
    /// How much of it was data, or is announced to be.
    data: u64,
    extension_bytes: usize,
    /// What came of a trailer section.
    section: Vec<u8>,
    trailers: Option<HeaderMap>,
}

#[derive(Clone, Copy, Debug)]
enum DecodeState {
    /// So much of a body with a length is to come.
    Length(u64),
    Size(SizeLine),
    /// So much of a chunk is to come.
    Chunk(u64),
    /// Behind a chunk.
    ChunkCr,
    ChunkLf,
    /// Behind the last chunk.
    Trailers,
    End,
    /// Refused, and so it stays.
    Refused(Rejection),
}

impl BodyDecoder {
    /// Makes a decoder of one body.
    ///
    /// # Errors
    ///
    /// [`BodyTooLarge`](RejectionKind::BodyTooLarge), if that is known already.
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

    /// Looks at what comes next of the body, up to and with the first data in it.
    ///
    /// Call it again with what was not consumed. No input gives [`Decoded::More`], or
    /// [`Decoded::End`] once the body is over.
    ///
    /// # Errors
    ///
    /// A [`Rejection`], at the first byte that cannot be right. It stays refused.
    pub fn decode(&mut self, input: &[u8]) -> Result<Decoded, Rejection> {
        let mut consumed = 0;
        loop {
            let rest = &input[consumed..];
            match self.state {
                DecodeState::End => return Ok(self.took(consumed, Decoded::End { consumed })),
                DecodeState::Refused(refusal) => return Err(refusal),
                _ if rest.is_empty() => {
                    return Ok(self.took(consumed, Decoded::More { consumed }));
                }
                DecodeState::Length(left) | DecodeState::Chunk(left) => {
                    let len = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    self.pass(left, len as u64);
                    let data = consumed..consumed + len;
                    let consumed = data.end;
                    return Ok(self.took(consumed, Decoded::Data { data, consumed }));
                }
                DecodeState::Trailers => {
                    let at = self.taken + consumed as u64;
                    consumed += self
                        .take_trailers(rest, at)
                        .map_err(|refusal| self.refuse(refusal))?;
                }
                _ => match self.take_framing(rest) {
                    Ok(len) => consumed += len,
                    Err(kind) => {
                        let refusal = Rejection::new(kind, consumed).after(self.taken);
                        return Err(self.refuse(refusal));
                    }
                },
            }
        }
    }

    /// Goes on behind `len` bytes of data, of which `left` were to come.
    fn pass(&mut self, left: u64, len: u64) {
        let left = left - len;
        self.state = match self.state {
            DecodeState::Length(_) if left > 0 => DecodeState::Length(left),
            DecodeState::Length(_) => DecodeState::End,
            _ if left > 0 => DecodeState::Chunk(left),
            _ => DecodeState::ChunkCr,
        };
    }

    /// Takes framing: what is between two chunks at once if it is all there and plain, as it nearly
    /// always is, else a byte.
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

    /// The state behind the line of a size.
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
                // Before its line is whole: what is too large may never end.
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

    /// Takes what is there of the trailers, a line at a time, and reads them once they are whole.
    fn take_trailers(&mut self, input: &[u8], at: u64) -> Result<usize, Rejection> {
        let section_at = at - self.section.len() as u64;
        let refuse = |kind, len: usize| Rejection::new(kind, len).after(section_at);
        let line = memchr(b'\n', input).map_or(input.len(), |lf| lf + 1);
        // The empty line that ends them is not counted.
        let room = self.limits.trailer_bytes.saturating_add(2) - self.section.len();
        if line > room {
            return Err(refuse(
                RejectionKind::TrailersTooLarge,
                self.section.len() + room,
            ));
        }
        self.section.extend_from_slice(&input[..line]);
        match self.section.as_slice() {
            [b'\r', b'\n'] => {}
            [.., b'\r', b'\n', b'\r', b'\n'] => {
                let trailers = trailers::read(&self.section, self.limits.trailers)
                    .map_err(|refusal| refusal.after(section_at))?;
                self.trailers = Some(trailers);
            }
            [.., b'\r', b'\n'] => return Ok(line),
            [before @ .., b'\n'] => return Err(refuse(RejectionKind::BareLf, before.len())),
            _ => return Ok(line),
        }
        self.section = Vec::new();
        self.state = DecodeState::End;
        Ok(line)
    }

    fn took(&mut self, consumed: usize, decoded: Decoded) -> Decoded {
        self.taken += consumed as u64;
        decoded
    }

    /// Stays with a refusal.
    fn refuse(&mut self, refusal: Rejection) -> Rejection {
        self.state = DecodeState::Refused(refusal);
        self.section = Vec::new();
        refusal
    }

    /// Says whether the body is over.
    #[must_use]
    pub const fn is_end(&self) -> bool {
        matches!(self.state, DecodeState::End)
    }

    /// Says how much data is to come for certain before anything else does: the rest of the body
    /// if its length is known, else of the chunk.
    #[must_use]
    pub const fn left(&self) -> u64 {
        match self.state {
            DecodeState::Length(left) | DecodeState::Chunk(left) => left,
            _ => 0,
        }
    }

    /// Takes note that the connection has ended.
    ///
    /// # Errors
    ///
    /// [`Incomplete`](RejectionKind::Incomplete) if the body was not over, or what it was refused for.
    pub fn finish_of_input(&mut self) -> Result<(), Rejection> {
        match self.state {
            DecodeState::End => Ok(()),
            DecodeState::Refused(refusal) => Err(refusal),
            _ => Err(self.refuse(Rejection::new(RejectionKind::Incomplete, 0).after(self.taken))),
        }
    }

    /// The trailers, if the body is over and had any. Those that may not come behind a body are not
    /// among them ([`is_trailer`](super::is_trailer)).
    #[must_use]
    pub const fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_ref()
    }

    /// Gives the trailers away.
    pub fn into_trailers(self) -> Option<HeaderMap> {
        self.trailers
    }
}
