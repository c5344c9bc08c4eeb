//! Decoding frames out of bytes, however these are cut into chunks.

use bytes::{Buf, Bytes};

use super::cause;
use super::frame::{Frame, FrameKind, HEAD_BYTES, HELLO_BYTES, MAGIC, Role, VERSION};
use super::refusal;
use crate::error::{Error, ErrorKind};

/// Decodes the frames that one side of a wire sends. It does no I/O, and checks the format only:
/// [`Sending`](super::Sending) and [`Receiving`](super::Receiving) check which frame may come when.
///
/// # Invariants
///
/// `held` is the beginning of a hello, a head, or a body that is no data, and no more than
/// [`CAUSE_BYTES_MAX`](super::CAUSE_BYTES_MAX) bytes.
///
/// # Examples
///
/// ```
/// use highwater::Bytes;
/// use highwater::wire::{Frame, FrameDecoder, Role};
///
/// let mut sent = Vec::new();
/// Frame::Hello(Role::Reader).encode(&mut sent);
/// Frame::Credit(65_536).encode(&mut sent);
///
/// let mut decoder = FrameDecoder::new();
/// let mut input = Bytes::from(sent);
/// assert!(matches!(decoder.decode(&mut input)?, Some(Frame::Hello(Role::Reader))));
/// assert!(matches!(decoder.decode(&mut input)?, Some(Frame::Credit(65_536))));
/// assert!(decoder.decode(&mut input)?.is_none()); // no more frames yet
/// # Ok::<(), highwater::Error>(())
/// ```
#[derive(Debug)]
pub struct FrameDecoder {
    phase: Phase,
    held: Vec<u8>,
    /// The offset of the frame that is being decoded.
    begins: u64,
    /// How many bytes were taken.
    offset: u64,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Hello,
    Head,
    /// So much data is still to come.
    Data(usize),
    Body(FrameKind, usize),
}

impl FrameDecoder {
    /// A decoder at the start of a connection.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            phase: Phase::Hello,
            held: Vec::new(),
            begins: 0,
            offset: 0,
        }
    }

    /// How many bytes it has taken.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The offset of the frame that was decoded last, or is being decoded.
    #[must_use]
    pub const fn begins(&self) -> u64 {
        self.begins
    }

    /// Takes the next frame off the front of `input`, or all of `input` if the frame is not complete.
    ///
    /// # Errors
    ///
    /// [`InvalidData`](std::io::ErrorKind::InvalidData) of [`ErrorKind::Io`] for bytes that break the
    /// format, [`Unsupported`](std::io::ErrorKind::Unsupported) for another version of it, and
    /// [`ErrorKind::LimitExceeded`] for a frame that is too long; each with the
    /// offset of the byte. After an error the decoder must not be used again.
    pub fn decode(&mut self, input: &mut Bytes) -> Result<Option<Frame>, Error> {
        loop {
            match self.phase {
                Phase::Hello => {
                    if self.hold(input, HELLO_BYTES) < HELLO_BYTES {
                        return self.check_magic().map(|()| None);
                    }
                    self.check_magic()?;
                    let role = self.read_hello()?;
                    self.enter(Phase::Head);
                    return Ok(Some(Frame::Hello(role)));
                }
                Phase::Head => {
                    if self.held.is_empty() {
                        self.begins = self.offset;
                    }
                    if self.hold(input, HEAD_BYTES) < HEAD_BYTES {
                        return Ok(None);
                    }
                    let (kind, len) = self.read_head()?;
                    if kind == FrameKind::Data {
                        self.enter(Phase::Data(len));
                        return Ok(Some(Frame::Data(u32::try_from(len).unwrap_or(0))));
                    }
                    self.enter(Phase::Body(kind, len));
                }
                Phase::Data(0) => self.enter(Phase::Head),
                Phase::Data(left) => {
                    let piece = input.split_to(left.min(input.len()));
                    self.offset += piece.len() as u64;
                    self.phase = Phase::Data(left - piece.len());
                    return Ok((!piece.is_empty()).then_some(Frame::Body(piece)));
                }
                Phase::Body(kind, len) => {
                    if self.hold(input, len) < len {
                        return Ok(None);
                    }
                    let frame = self.read_body(kind)?;
                    self.enter(Phase::Head);
                    return Ok(Some(frame));
                }
            }
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.held.clear();
    }

    /// Fills `held` up to `len` bytes, as far as there are any. Returns how many it holds.
    fn hold(&mut self, input: &mut Bytes, len: usize) -> usize {
        let missing = (len - self.held.len()).min(input.len());
        self.held.extend_from_slice(&input[..missing]);
        input.advance(missing);
        self.offset += missing as u64;
        self.held.len()
    }

    /// Refuses the first wrong byte at once: a peer of another protocol may wait for a reply behind it.
    fn check_magic(&self) -> Result<(), Error> {
        let wrong = self.held.iter().zip(&MAGIC).position(|(a, b)| a != b);
        match wrong {
            Some(at) => Err(refusal("the peer speaks something else", at as u64)),
            None => Ok(()),
        }
    }

    fn read_hello(&self) -> Result<Role, Error> {
        let (version, role) = (self.held[MAGIC.len()], self.held[MAGIC.len() + 1]);
        if version != VERSION {
            let message = format!("version {version} of the format, which is {VERSION} here");
            let kind = ErrorKind::Io(std::io::ErrorKind::Unsupported);
            return Err(Error::new(kind, message).at(MAGIC.len() as u64));
        }
        let at = MAGIC.len() as u64 + 1;
        Role::of_code(role).ok_or_else(|| refusal("a role that is not known", at))
    }

    fn read_head(&self) -> Result<(FrameKind, usize), Error> {
        let [code, high, middle, low] = self.held[..] else {
            return Err(refusal("a head that is not four bytes", self.begins));
        };
        let Some(kind) = FrameKind::of_code(code) else {
            let message = format!("a frame of a kind that is not known: {code}");
            return Err(refusal(message, self.begins));
        };
        let len = u32::from_be_bytes([0, high, middle, low]) as usize;
        let (least, most) = kind.lengths();
        if len > most {
            let message = format!("a frame of {len} bytes, which may have {most}: {kind:?}");
            return Err(Error::new(ErrorKind::LimitExceeded, message).at(self.begins));
        }
        if len < least {
            let message = format!("a frame of {len} bytes, which has {least} at least: {kind:?}");
            return Err(refusal(message, self.begins));
        }
        Ok((kind, len))
    }

    fn read_body(&self, kind: FrameKind) -> Result<Frame, Error> {
        let error = || {
            let body = Bytes::copy_from_slice(&self.held);
            cause::decode(body).map_err(|message| refusal(message, self.begins))
        };
        Ok(match kind {
            FrameKind::Data => Frame::Data(0),
            FrameKind::End => Frame::End,
            FrameKind::Done => Frame::Done,
            FrameKind::Fail => Frame::Fail(error()?),
            FrameKind::Closed => Frame::Closed(error()?),
            FrameKind::Credit => match self.held.first_chunk() {
                Some(bytes) => Frame::Credit(u32::from_be_bytes(*bytes)),
                None => return Err(refusal("a credit that is not four bytes", self.begins)),
            },
        })
    }
}

impl Default for FrameDecoder {
    fn default() -> Self {
        Self::new()
    }
}
