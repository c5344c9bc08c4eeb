//! Writing and reading the header of a gzip member (RFC 1952, 2.3).

use std::time::{SystemTime, UNIX_EPOCH};

use flate2::Crc;

use super::corrupt::Corrupt;
use crate::error::{Error, ErrorKind};

const MAGIC: [u8; 2] = [0x1f, 0x8b];
const DEFLATE: u8 = 8;

// The flags.
const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// The operating system in the header: "unknown", so that the same data makes the same bytes everywhere.
const UNKNOWN_SYSTEM: u8 = 255;

/// The first byte of a member.
pub(super) const FIRST_BYTE: u8 = MAGIC[0];

/// The length of the fields that every header has.
const FIXED_BYTES: usize = 10;

/// The fields of a header about the data.
#[derive(Clone, Debug, Default)]
pub(super) struct Header {
    pub(super) name: Vec<u8>,
    pub(super) modified: Option<SystemTime>,
}

impl Header {
    /// The bytes of the header.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the name cannot be written.
    pub(super) fn bytes(&self, level: u32) -> Result<Vec<u8>, Error> {
        if self.name.contains(&0) {
            let message = "the file name in a gzip header ends with a zero byte, and can hold none";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let flags = if self.name.is_empty() { 0 } else { NAME };
        // The extra flags: 2 for the smallest output, 4 for the fastest.
        let effort = match level {
            9 => 2,
            1 => 4,
            _ => 0,
        };
        let mut bytes = vec![MAGIC[0], MAGIC[1], DEFLATE, flags];
        bytes.extend_from_slice(&self.seconds().to_le_bytes());
        bytes.extend_from_slice(&[effort, UNKNOWN_SYSTEM]);
        if !self.name.is_empty() {
            bytes.extend_from_slice(&self.name);
            bytes.push(0);
        }
        Ok(bytes)
    }

    /// Seconds since 1970. 0 means no time, and stands for a time that does not fit 32 bits too.
    fn seconds(&self) -> u32 {
        let since = self
            .modified
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        since.map_or(0, |since| u32::try_from(since.as_secs()).unwrap_or(0))
    }
}

/// Reads a header byte by byte and stores none of it, so that the length of a name needs no bound.
///
/// ```text
/// Fixed ─▶ ExtraLength ─▶ Extra ─▶ Name ─▶ Comment ─▶ Checksum ─▶ whole
///   └──────────┴────────────┴───────┴─────────┴──────────▲ each only if its flag is set
/// ```
#[derive(Debug, Default)]
pub(super) struct Parser {
    field: Field,
    flags: u8,
    /// The checksum of the bytes before the checksum field.
    crc: Crc,
}

#[derive(Clone, Copy, Debug)]
enum Field {
    /// How many of the fixed bytes were read.
    Fixed(usize),
    /// The low byte, if it was read.
    ExtraLength(Option<u8>),
    /// How many bytes are left.
    Extra(u16),
    Name,
    Comment,
    /// The low byte, if it was read.
    Checksum(Option<u8>),
    Whole,
}

impl Default for Field {
    fn default() -> Self {
        Self::Fixed(0)
    }
}

/// Whether a header is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderProgress {
    More,
    Whole,
}

impl Parser {
    /// Takes the next byte.
    ///
    /// # Errors
    ///
    /// What is invalid about it.
    pub(super) fn take(&mut self, byte: u8) -> Result<HeaderProgress, Corrupt> {
        self.field = self.behind(byte)?;
        Ok(match self.field {
            Field::Whole => HeaderProgress::Whole,
            _ => HeaderProgress::More,
        })
    }

    /// The field after this byte.
    fn behind(&mut self, byte: u8) -> Result<Field, Corrupt> {
        if !matches!(self.field, Field::Checksum(_)) {
            self.crc.update(&[byte]);
        }
        Ok(match self.field {
            Field::Fixed(at) => {
                match at {
                    0 | 1 if byte != MAGIC[at] => return Err(Corrupt::Magic),
                    2 if byte != DEFLATE => return Err(Corrupt::Method(byte)),
                    3 if byte & RESERVED != 0 => return Err(Corrupt::Flags(byte)),
                    3 => self.flags = byte,
                    _ => {}
                }
                if at + 1 < FIXED_BYTES {
                    Field::Fixed(at + 1)
                } else {
                    self.from(EXTRA)
                }
            }
            Field::ExtraLength(None) => Field::ExtraLength(Some(byte)),
            Field::ExtraLength(Some(low)) => match u16::from_le_bytes([low, byte]) {
                0 => self.from(NAME),
                length => Field::Extra(length),
            },
            Field::Extra(1) => self.from(NAME),
            Field::Extra(left) => Field::Extra(left - 1),
            Field::Name if byte == 0 => self.from(COMMENT),
            Field::Comment if byte == 0 => self.from(HEADER_CRC),
            Field::Checksum(None) => Field::Checksum(Some(byte)),
            Field::Checksum(Some(low)) => {
                // The lower half of a CRC-32.
                if u16::from_le_bytes([low, byte]) != self.crc.sum() as u16 {
                    return Err(Corrupt::HeaderChecksum);
                }
                Field::Whole
            }
            same @ (Field::Name | Field::Comment | Field::Whole) => same,
        })
    }

    /// The first field that is present, from that of `flag` on.
    const fn from(&self, flag: u8) -> Field {
        let mut flag = flag;
        loop {
            if self.flags & flag != 0 {
                return match flag {
                    EXTRA => Field::ExtraLength(None),
                    NAME => Field::Name,
                    COMMENT => Field::Comment,
                    _ => Field::Checksum(None),
                };
            }
            // In the order of the fields, which is not that of the bits.
            flag = match flag {
                EXTRA => NAME,
                NAME => COMMENT,
                COMMENT => HEADER_CRC,
                _ => return Field::Whole,
            };
        }
    }
}
