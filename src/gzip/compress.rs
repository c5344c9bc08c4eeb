//! The compressing stage.

use std::borrow::Cow;
use std::time::SystemTime;

use bytes::Bytes;
use flate2::{Compression, Crc, FlushCompress, Status};

use super::Format;
use super::header::Header;
use super::pieces::PieceBuffer;
use crate::error::{Error, ErrorKind};
use crate::stage::transform::{Out, Transform};

/// A stage that compresses to gzip, or to [`zlib`](Self::zlib) or [`raw`](Self::raw) deflate.
///
/// Compressed bytes are held back until there are enough for a piece, or until the end, unless
/// [`flush_each_chunk`](Self::flush_each_chunk) is set.
///
/// ```text
/// Fresh ─▶ Open ─▶ Ended        the header is output with the first chunk, flush or end
/// ```
#[derive(Debug)]
pub struct Compress {
    level: u32,
    format: Format,
    header: Header,
    each_chunk: bool,
    phase: Phase,
    /// The checksum of the input.
    crc: Crc,
    pieces: PieceBuffer,
}

#[derive(Debug)]
enum Phase {
    Fresh,
    Open(flate2::Compress),
    Ended,
}

impl Compress {
    pub(super) fn new(level: u32) -> Self {
        Self {
            level,
            format: Format::Gzip,
            header: Header::default(),
            each_chunk: false,
            phase: Phase::Fresh,
            crc: Crc::new(),
            pieces: PieceBuffer::new(),
        }
    }

    /// Writes zlib (RFC 1950), which HTTP calls "deflate".
    #[must_use]
    #[doc(alias = "createDeflate")]
    pub const fn zlib(mut self) -> Self {
        self.format = Format::Zlib;
        self
    }

    /// Writes raw deflate (RFC 1951), without header and checksum.
    #[must_use]
    #[doc(alias = "createDeflateRaw")]
    pub const fn raw(mut self) -> Self {
        self.format = Format::Raw;
        self
    }

    /// Sets the file name in the gzip header. The standard asks for ISO 8859-1. Other formats have no name.
    ///
    /// A name that contains a zero byte fails the stage with
    /// [`InvalidInput`](ErrorKind::InvalidInput), before a byte of output.
    #[must_use]
    pub fn file_name(mut self, name: impl Into<Vec<u8>>) -> Self {
        self.header.name = name.into();
        self
    }

    /// Sets the modification time in the gzip header. A time before 1970 or after 2106 is left out. Other
    /// formats have no time.
    #[must_use]
    #[doc(alias = "mtime")]
    pub const fn modified(mut self, at: SystemTime) -> Self {
        self.header.modified = Some(at);
        self
    }

    /// Flushes after every chunk, so that the reader gets it at once. Each flush costs four bytes and some
    /// compression: use it for a log or a conversation, not for a file.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::{Error, Out, Transform, gzip};
    /// use highwater::stage::apply;
    ///
    /// let mut stage = gzip::compress(6).flush_each_chunk();
    /// let mut sent = Vec::new();
    /// let mut push = |piece| Ok(sent.push(piece));
    /// stage.transform("a line\n".into(), &mut Out::new(&mut push))?;
    ///
    /// // The stream has not ended, and the reader has the line.
    /// let mut seen = Vec::new();
    /// let mut push = |piece| Ok(seen.push(piece));
    /// let mut reader = gzip::decompress();
    /// for piece in sent {
    ///     reader.transform(piece, &mut Out::new(&mut push))?;
    /// }
    /// assert_eq!(seen.concat(), b"a line\n");
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub const fn flush_each_chunk(mut self) -> Self {
        self.each_chunk = true;
        self
    }

    /// Outputs everything compressed so far, so that the reader can decompress all of the input: zlib's
    /// `Z_SYNC_FLUSH`. Waits for room, as [`Out::push`] does.
    ///
    /// It is for a stage of your own that decides when to flush: in this example one whose chunks are lines
    /// or requests to flush.
    ///
    /// # Errors
    ///
    /// Those of [`Transform::transform`].
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::{Bytes, Error, Out, Transform, gzip};
    /// use highwater::stage::apply;
    ///
    /// struct OnRequest(gzip::Compress);
    ///
    /// impl Transform<Option<Bytes>, Bytes> for OnRequest {
    ///     fn transform(&mut self, line: Option<Bytes>, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
    ///         match line {
    ///             Some(line) => self.0.transform(line, out),
    ///             None => self.0.sync_flush(out),
    ///         }
    ///     }
    ///
    ///     fn flush(&mut self, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
    ///         self.0.flush(out)
    ///     }
    /// }
    ///
    /// let lines = [Some(Bytes::from("one\n")), Some(Bytes::from("two\n")), None];
    /// let pieces = apply(&mut OnRequest(gzip::compress(6)), lines)?;
    /// assert_eq!(pieces.len(), 2); // the flushed lines, and the end
    /// # Ok::<(), Error>(())
    /// ```
    pub fn sync_flush(&mut self, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
        self.write(&[], FlushCompress::Sync, out)?;
        self.pieces.push(out)
    }

    /// Compresses some data. Returns in the phase `Open`, or an error.
    fn write(
        &mut self,
        data: &[u8],
        flush: FlushCompress,
        out: &mut Out<'_, Bytes>,
    ) -> Result<(), Error> {
        if let Phase::Fresh = self.phase {
            self.open(out)?;
        }
        let Phase::Open(state) = &mut self.phase else {
            return Err(Error::ended());
        };
        if self.format == Format::Gzip {
            self.crc.update(data);
        }
        deflate(state, data, flush, &mut self.pieces, out)
    }

    fn open(&mut self, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
        let level = checked(self.level)?;
        if self.format == Format::Gzip {
            self.pieces
                .copy_from(&self.header.bytes(self.level)?, out)?;
        }
        let zlib = self.format == Format::Zlib;
        self.phase = Phase::Open(flate2::Compress::new(level, zlib));
        Ok(())
    }
}

impl Transform<Bytes, Bytes> for Compress {
    fn transform(&mut self, chunk: Bytes, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
        self.write(&chunk, FlushCompress::None, out)?;
        if self.each_chunk {
            self.sync_flush(out)?;
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
        self.write(&[], FlushCompress::Finish, out)?;
        self.phase = Phase::Ended;
        if self.format == Format::Gzip {
            self.pieces.copy_from(&trailer(&self.crc), out)?;
        }
        self.pieces.push(out)
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self.format {
            Format::Gzip => "gzip",
            Format::Zlib => "deflate",
            Format::Raw => "deflate-raw",
        })
    }
}

/// Checks the level.
pub(super) fn checked(level: u32) -> Result<Compression, Error> {
    if level > 9 {
        let message = format!("compression level {level} is not one of 0 to 9");
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    Ok(Compression::new(level))
}

/// The trailer of a member: checksum, and length modulo 2^32.
pub(super) fn trailer(crc: &Crc) -> [u8; 8] {
    let mut trailer = [0; 8];
    trailer[..4].copy_from_slice(&crc.sum().to_le_bytes());
    trailer[4..].copy_from_slice(&crc.amount().to_le_bytes());
    trailer
}

/// Compresses all of `data` with this kind of flush.
pub(super) fn deflate(
    state: &mut flate2::Compress,
    mut data: &[u8],
    flush: FlushCompress,
    pieces: &mut PieceBuffer,
    out: &mut Out<'_, Bytes>,
) -> Result<(), Error> {
    loop {
        let room = pieces.room();
        let space = room.len();
        let (taken_before, given_before) = (state.total_in(), state.total_out());
        let status = state.compress(data, room, flush).map_err(Error::other)?;
        let taken = (state.total_in() - taken_before) as usize;
        let given = (state.total_out() - given_before) as usize;
        data = &data[taken..];
        pieces.fill(given, out)?;
        match status {
            Status::StreamEnd => return Ok(()),
            // Room is left, so there is no more output. Only an end has a status of its own.
            Status::Ok | Status::BufError
                if data.is_empty() && given < space && flush != FlushCompress::Finish =>
            {
                return Ok(());
            }
            Status::Ok | Status::BufError if taken == 0 && given == 0 => {
                return Err(Error::other("the compressor makes no progress"));
            }
            Status::Ok | Status::BufError => {}
        }
    }
}
