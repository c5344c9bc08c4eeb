//! The decompressing stage.

use std::borrow::Cow;

use bytes::Bytes;
use flate2::{Crc, DecompressError, FlushDecompress, Status};

use super::Format;
use super::corrupt::Corrupt;
use super::header::{FIRST_BYTE, HeaderProgress, Parser};
use super::pieces::PieceBuffer;
use crate::error::{Error, ErrorKind};
use crate::stage::transform::{Out, Transform};

/// A stage that decompresses gzip, [`zlib`](Self::zlib) or [`raw`](Self::raw) deflate, or
/// [detects](Self::detect) which of the first two the input is.
///
/// All output that a chunk gives is passed on with that chunk, and so is the output before an error.
///
/// # Ends
///
/// Gzip members one after another are one stream, as `cat a.gz b.gz` makes it. Zeros after the last member
/// are padding, as on a tape. Any other byte after the end is an error, unless
/// [`ignore_trailing`](Self::ignore_trailing) is set. Data that ends too early is
/// [`Truncated`](Corrupt::Truncated), and so is an empty input: an empty file is not a gzip file, for
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
    /// The checksum of the output of this member.
    crc: Crc,
    pieces: PieceBuffer,
    ignore_trailing: bool,
    max_output: u64,
    max_ratio: u64,
    /// How many bytes of input were taken.
    taken: u64,
    /// How many bytes were output.
    given: u64,
    /// How many members are complete.
    members: u64,
}

#[derive(Debug)]
enum Phase {
    /// The first byte decides between gzip and zlib.
    Unknown,
    Header,
    Body,
    /// What came of it.
    Trailer(Vec<u8>),
    /// A member is complete.
    Behind,
    /// Only zeros came after a member.
    Padding,
    Over,
}

/// The output up to which the ratio is not checked: a small text of one letter is not an attack.
const RATIO_FREE_BYTES: u64 = 4 * 1024 * 1024;

/// The length of the trailer of a member.
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

    /// Expects raw deflate (RFC 1951), without header and checksum.
    #[must_use]
    #[doc(alias = "createInflateRaw")]
    pub fn raw(mut self) -> Self {
        self.detects = false;
        self.expect(Format::Raw);
        self
    }

    /// Expects gzip or zlib, and decides by the first byte. Raw deflate cannot be detected.
    #[must_use]
    #[doc(alias = "createUnzip")]
    pub fn detect(mut self) -> Self {
        self.detects = true;
        self.phase = Phase::Unknown;
        self
    }

    /// Starts at the first byte of that format.
    fn expect(&mut self, format: Format) {
        self.format = format;
        self.state.reset(format == Format::Zlib);
        self.phase = match format {
            Format::Gzip => Phase::Header,
            Format::Zlib | Format::Raw => Phase::Body,
        };
    }

    /// Ends with the compressed data, and ignores bytes after it: `gzip` does so with a warning. The chunk
    /// in which those bytes begin is the last one that is read.
    #[must_use]
    pub const fn ignore_trailing(mut self) -> Self {
        self.ignore_trailing = true;
        self
    }

    /// Fails with [`LimitExceeded`](ErrorKind::LimitExceeded) after this number of bytes of output. All of
    /// them are passed on first.
    ///
    /// The [offset](Error::offset) of the error is the number of bytes of input by then. It can be a few
    /// bytes more if the input comes in larger chunks.
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

    /// Fails with [`LimitExceeded`](ErrorKind::LimitExceeded) if the output is more than `ratio` times the
    /// input. The first 4 MiB of output are not counted.
    ///
    /// The ratio is checked with each piece, so up to a piece more may be output. Text has a ratio of 3 to
    /// 10, logs and sparse files of up to 100, and a decompression bomb of about 1,000.
    #[must_use]
    pub const fn max_ratio(mut self, ratio: u64) -> Self {
        self.max_ratio = ratio;
        self
    }

    /// Takes some of `data`, and returns the rest.
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
                    // Bytes that do not begin like a member are trailing.
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
            // Padding and other bytes are both skipped.
            Phase::Behind | Phase::Padding if *first == 0 && !self.ignore_trailing => {
                self.phase = Phase::Padding;
                self.taken += 1;
                Ok(rest)
            }
            Phase::Behind | Phase::Padding | Phase::Over => self.trailing(data),
        }
    }

    /// Begins the data of a member, whose header is complete.
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
            // One byte more than the limit is enough to know, and gives the offset.
            let left = usize::try_from(self.max_output - self.given).unwrap_or(usize::MAX);
            let room = self.pieces.room();
            let space = room.len().min(left.saturating_add(1));
            let room = &mut room[..space];
            let (taken_before, given_before) = (self.state.total_in(), self.state.total_out());
            let result = self.state.decompress(data, room, FlushDecompress::None);
            let taken = (self.state.total_in() - taken_before) as usize;
            let given = (self.state.total_out() - given_before) as usize;
            if self.format == Format::Gzip {
                self.crc.update(&room[..given]);
            }
            data = &data[taken..];
            self.taken += taken as u64;
            self.admit(given, out)?;
            match result.map_err(|error| self.broken(&error))? {
                Status::StreamEnd => {
                    self.phase = match self.format {
                        Format::Gzip => Phase::Trailer(Vec::with_capacity(TRAILER_BYTES)),
                        Format::Zlib | Format::Raw => Phase::Over,
                    };
                    return Ok(data);
                }
                // Room is left, so there is no more output.
                Status::Ok | Status::BufError if data.is_empty() && given < space => {
                    return Ok(data);
                }
                Status::Ok | Status::BufError if taken == 0 && given == 0 => {
                    return Err(self.corrupt(Corrupt::Data("no progress is possible".to_owned())));
                }
                Status::Ok | Status::BufError => {}
            }
        }
    }

    /// Passes on the output, as far as the limits allow.
    fn admit(&mut self, given: usize, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
        let left = usize::try_from(self.max_output - self.given).unwrap_or(usize::MAX);
        let allowed = given.min(left);
        self.given += allowed as u64;
        self.pieces.fill(allowed, out)?;
        if allowed < given {
            let message = format!("more than {} bytes came out", self.max_output);
            return Err(self.limited(message));
        }
        let allowed = self.taken.saturating_mul(self.max_ratio);
        if self.given > allowed.max(RATIO_FREE_BYTES) {
            let message = format!("more than {} times as much came out", self.max_ratio);
            return Err(self.limited(message));
        }
        Ok(())
    }

    /// Compares the output with the trailer.
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
        // On its fast path zlib-rs loses the reason, and reports a repeated call instead.
        let message = error.message().filter(|text| !text.contains("repeated"));
        let message = message.unwrap_or("invalid deflate data");
        self.corrupt(match error.needs_dictionary() {
            Some(_) => Corrupt::Dictionary,
            None => Corrupt::Data(message.to_owned()),
        })
    }

    fn corrupt(&self, corrupt: Corrupt) -> Error {
        corrupt.at(self.taken, &self.name())
    }

    fn limited(&self, message: String) -> Error {
        Error::new(ErrorKind::LimitExceeded, message)
            .during("decompress in", &self.name())
            .at(self.taken)
    }
}

impl Transform<Bytes, Bytes> for Decompress {
    fn transform(&mut self, chunk: Bytes, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
        let mut data = &chunk[..];
        let mut result = Ok(());
        while result.is_ok() && !data.is_empty() {
            result = self.step(data, out).map(|rest| data = rest);
        }
        // The output before an error is valid, and is passed on.
        self.pieces.push(out)?;
        result
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
