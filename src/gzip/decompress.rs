//! The stage that decompresses.

use std::borrow::Cow;

use bytes::Bytes;
use flate2::{Crc, DecompressError, FlushDecompress, Status};

use super::Format;
use super::corrupt::Corrupt;
use super::header::{FIRST_BYTE, HeaderProgress, Parser};
use super::pieces::PieceBuffer;
use crate::error::{Error, ErrorKind};
use crate::stage::transform::{Out, Transform};

/// A stage that decompresses gzip, unless told to expect [`zlib`](Self::zlib), [`raw`](Self::raw)
/// deflate, or to [`detect`](Self::detect) which of the first two it is.
///
/// Whatever can be decompressed of a chunk is passed on with it, and so is what came before an error.
///
/// # Ends
///
/// Members of gzip that stand one behind the other are one stream, as `cat a.gz b.gz` makes it, and
/// zeros behind the last one are padding, as on a tape. Anything else behind the end is an error,
/// unless it is to be [ignored](Self::ignore_trailing). Data that ends too early is
/// [`Truncated`](Corrupt::Truncated), and so is no data at all: an empty file is no gzip file, for
/// `gzip -d` and for this stage.
///
/// ```text
///            ┌──────────────────────────────┐ another member
///            ▼                              │
/// Unknown ─▶ Header ─▶ Body ─▶ Trailer ─▶ Behind ─▶ Padding
///    │                  ▲ │                 │         │ something else
///    └──────────────────┘ └─▶ Over ◀────────┴─────────┘
///       zlib                  zlib, raw: the end
/// ```
#[derive(Debug)]
pub struct Decompress {
    format: Format,
    detects: bool,
    phase: Phase,
    header: Parser,
    state: flate2::Decompress,
    /// Of what came out of this member.
    crc: Crc,
    pieces: PieceBuffer,
    ignore_trailing: bool,
    max_output: u64,
    max_ratio: u64,
    /// How much came in.
    taken: u64,
    /// How much came out.
    given: u64,
    /// How many members are whole.
    members: u64,
}

#[derive(Debug)]
enum Phase {
    /// It is gzip or zlib.
    Unknown,
    Header,
    Body,
    /// What came of it.
    Trailer(Vec<u8>),
    /// A member is whole.
    Behind,
    /// Only zeros came behind a member.
    Padding,
    Over,
}

/// So much may come out before a ratio is looked at: a small text of one letter is no attack.
const RATIO_FREE_BYTES: u64 = 4 * 1024 * 1024;

/// How long the trailer of a member is.
const TRAILER_BYTES: usize = 8;

impl Decompress {
    pub(super) fn new() -> Self {
        Self {
            format: Format::Gzip,
            detects: false,
            phase: Phase::Header,
            header: Parser::default(),
            state: flate2::Decompress::new(false),
            crc: Crc::new(),
            pieces: PieceBuffer::new(),
            ignore_trailing: false,
            max_output: u64::MAX,
            max_ratio: u64::MAX,
            taken: 0,
            given: 0,
            members: 0,
        }
    }

    /// Expects zlib (RFC 1950).
    #[must_use]
    #[doc(alias = "createInflate")]
    pub fn zlib(mut self) -> Self {
        self.detects = false;
        self.expect(Format::Zlib);
        self
    }

    /// Expects deflated data alone (RFC 1951), with no header and no checksum.
    #[must_use]
    #[doc(alias = "createInflateRaw")]
    pub fn raw(mut self) -> Self {
        self.detects = false;
        self.expect(Format::Raw);
        self
    }

    /// Expects gzip or zlib, whichever the first byte says. Raw deflate cannot be told from either.
    #[must_use]
    #[doc(alias = "createUnzip")]
    pub fn detect(mut self) -> Self {
        self.detects = true;
        self.phase = Phase::Unknown;
        self
    }

    /// Gets ready for the first byte of that format.
    fn expect(&mut self, format: Format) {
        self.format = format;
        self.state.reset(format == Format::Zlib);
        self.phase = match format {
            Format::Gzip => Phase::Header,
            Format::Zlib | Format::Raw => Phase::Body,
        };
    }

    /// Ends where the compressed data does, whatever stands behind it: `gzip` does so, with a
    /// warning. No more is then read than the chunk in which that begins.
    #[must_use]
    pub const fn ignore_trailing(mut self) -> Self {
        self.ignore_trailing = true;
        self
    }

    /// Fails with [`LimitExceeded`](ErrorKind::LimitExceeded) if more than so many bytes come out.
    /// So many do come out first.
    ///
    /// The [offset](Error::offset) of the error is how much had come in when that was clear, which is up
    /// to a few bytes more where it comes in larger chunks.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::{ErrorKind, gzip, pipeline};
    ///
    /// let (_, bomb) = pipeline(vec![0; 1 << 20]).through(gzip::compress(9)).to(Vec::new()).run_into()?;
    /// let stage = gzip::decompress().max_output(1000);
    /// let failure = pipeline(bomb.into_inner()).through(stage).to(Vec::new()).run().unwrap_err();
    /// assert_eq!(failure.error.kind(), ErrorKind::LimitExceeded);
    /// assert_eq!(failure.report.bytes(), 1000);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    #[must_use]
    pub const fn max_output(mut self, bytes: u64) -> Self {
        self.max_output = bytes;
        self
    }

    /// Fails with [`LimitExceeded`](ErrorKind::LimitExceeded) if more than `ratio` times as much
    /// comes out as went in. The first 4 MiB that come out are free.
    ///
    /// It is looked at with each piece, and so off by at most a piece. Text has a ratio of 3 to 10,
    /// logs and sparse files of up to a hundred, and a bomb one of a thousand.
    #[must_use]
    pub const fn max_ratio(mut self, ratio: u64) -> Self {
        self.max_ratio = ratio;
        self
    }

    /// Takes some of `data`, and says what is left of it.
    fn step<'d>(&mut self, data: &'d [u8], out: &mut Out<'_, Bytes>) -> Result<&'d [u8], Error> {
        let (first, rest) = data.split_first().ok_or_else(Error::ended)?;
        match &mut self.phase {
            Phase::Unknown => {
                // No zlib header begins as gzip does: its low half would be an unknown method.
                let gzip = *first == FIRST_BYTE;
                self.expect(if gzip { Format::Gzip } else { Format::Zlib });
                Ok(data)
            }
            Phase::Header => {
                match self.header.take(*first) {
                    Ok(HeaderProgress::More) => {}
                    Ok(HeaderProgress::Whole) => self.begin(),
                    // What does not begin as a member is none.
                    Err(Corrupt::Magic) if self.members > 0 => return self.trailing(data),
                    Err(corrupt) => return Err(self.corrupt(corrupt)),
                }
                self.taken += 1;
                Ok(rest)
            }
            Phase::Body => self.inflate(data, out),
            Phase::Trailer(trailer) => {
                let missing = TRAILER_BYTES - trailer.len();
                let (part, rest) = data.split_at(missing.min(data.len()));
                trailer.extend_from_slice(part);
                self.taken += part.len() as u64;
                if part.len() == missing {
                    self.check()?;
                    self.phase = Phase::Behind;
                    self.members += 1;
                }
                Ok(rest)
            }
            Phase::Behind if *first == FIRST_BYTE => {
                self.header = Parser::default();
                self.phase = Phase::Header;
                Ok(data)
            }
            // What is padding and what is not makes no difference to one that passes over both.
            Phase::Behind | Phase::Padding if *first == 0 && !self.ignore_trailing => {
                self.phase = Phase::Padding;
                self.taken += 1;
                Ok(rest)
            }
            Phase::Behind | Phase::Padding | Phase::Over => self.trailing(data),
        }
    }

    /// Begins the data of a member, whose header is whole.
    fn begin(&mut self) {
        self.state.reset(false);
        self.crc.reset();
        self.phase = Phase::Body;
    }

    /// Decompresses until all of `data` is used up or the compressed data ends.
    fn inflate<'d>(
        &mut self,
        mut data: &'d [u8],
        out: &mut Out<'_, Bytes>,
    ) -> Result<&'d [u8], Error> {
        loop {
            // One more than may come out is enough to know, and says at which byte it does.
            let left = usize::try_from(self.max_output - self.given).unwrap_or(usize::MAX);
            let room = self.pieces.room();
            let space = room.len().min(left.saturating_add(1));
            let room = &mut room[..space];
            let (taken_before, given_before) = (self.state.total_in(), self.state.total_out());
            let outcome = self.state.decompress(data, room, FlushDecompress::None);
            let taken = (self.state.total_in() - taken_before) as usize;
            let given = (self.state.total_out() - given_before) as usize;
            if self.format == Format::Gzip {
                self.crc.update(&room[..given]);
            }
            data = &data[taken..];
            self.taken += taken as u64;
            self.admit(given, out)?;
            match outcome.map_err(|error| self.broken(&error))? {
                Status::StreamEnd => {
                    self.phase = match self.format {
                        Format::Gzip => Phase::Trailer(Vec::with_capacity(TRAILER_BYTES)),
                        Format::Zlib | Format::Raw => Phase::Over,
                    };
                    return Ok(data);
                }
                // It had room left, and so has nothing more to say.
                Status::Ok | Status::BufError if data.is_empty() && given < space => {
                    return Ok(data);
                }
                Status::Ok | Status::BufError if taken == 0 && given == 0 => {
                    return Err(self.corrupt(Corrupt::Data("no way to go on".to_owned())));
                }
                Status::Ok | Status::BufError => {}
            }
        }
    }

    /// Lets out what has come, as far as the limits allow it.
    fn admit(&mut self, given: usize, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
        let left = usize::try_from(self.max_output - self.given).unwrap_or(usize::MAX);
        let allowed = given.min(left);
        self.given += allowed as u64;
        self.pieces.fill(allowed, out)?;
        if allowed < given {
            let said = format!("more than {} bytes came out", self.max_output);
            return Err(self.limited(said));
        }
        let allowed = self.taken.saturating_mul(self.max_ratio);
        if self.given > allowed.max(RATIO_FREE_BYTES) {
            let said = format!("more than {} times as much came out", self.max_ratio);
            return Err(self.limited(said));
        }
        Ok(())
    }

    /// Holds what came out against what the trailer says.
    fn check(&self) -> Result<(), Error> {
        let Phase::Trailer(trailer) = &self.phase else {
            return Ok(());
        };
        let field = |at: usize| {
            let mut field = [0; 4];
            field.copy_from_slice(&trailer[at..at + 4]);
            u32::from_le_bytes(field)
        };
        let begin = self.taken - TRAILER_BYTES as u64;
        let (found, expected) = (self.crc.sum(), field(0));
        if found != expected {
            return Err(Corrupt::Checksum { found, expected }.at(begin, &self.name()));
        }
        let (found, expected) = (self.crc.amount(), field(4));
        if found != expected {
            return Err(Corrupt::Length { found, expected }.at(begin + 4, &self.name()));
        }
        Ok(())
    }

    /// What stands behind the end.
    fn trailing<'d>(&mut self, data: &'d [u8]) -> Result<&'d [u8], Error> {
        if !self.ignore_trailing {
            return Err(self.corrupt(Corrupt::Trailing));
        }
        self.phase = Phase::Over;
        Ok(&data[data.len()..])
    }

    fn broken(&self, error: &DecompressError) -> Error {
        // On its fast path zlib-rs forgets the reason, and tells that it does not go on.
        let message = error.message().filter(|said| !said.contains("repeated"));
        let message = message.unwrap_or("invalid deflate data");
        self.corrupt(match error.needs_dictionary() {
            Some(_) => Corrupt::Dictionary,
            None => Corrupt::Data(message.to_owned()),
        })
    }

    fn corrupt(&self, corrupt: Corrupt) -> Error {
        corrupt.at(self.taken, &self.name())
    }

    fn limited(&self, said: String) -> Error {
        Error::new(ErrorKind::LimitExceeded, said)
            .during("decompress in", &self.name())
            .at(self.taken)
    }
}

impl Transform<Bytes, Bytes> for Decompress {
    fn transform(&mut self, chunk: Bytes, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
        let mut data = &chunk[..];
        let mut outcome = Ok(());
        while outcome.is_ok() && !data.is_empty() {
            outcome = self.step(data, out).map(|rest| data = rest);
        }
        // What was decompressed is good, whatever comes behind it.
        self.pieces.push(out)?;
        outcome
    }

    fn flush(&mut self, _: &mut Out<'_, Bytes>) -> Result<(), Error> {
        match self.phase {
            Phase::Behind | Phase::Padding | Phase::Over => Ok(()),
            Phase::Unknown | Phase::Header | Phase::Body | Phase::Trailer(_) => {
                Err(self.corrupt(Corrupt::Truncated))
            }
        }
    }

    fn is_done(&self) -> bool {
        self.ignore_trailing && matches!(self.phase, Phase::Over)
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self.format {
            _ if self.detects => "unzip",
            Format::Gzip => "gunzip",
            Format::Zlib => "inflate",
            Format::Raw => "inflate-raw",
        })
    }
}
