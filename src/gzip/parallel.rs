//! The stage that compresses on several threads, in order.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::thread::available_parallelism;
use std::time::SystemTime;

use bytes::Bytes;
use flate2::{Compression, Crc, FlushCompress};

use super::compress::{checked, deflate, trailer};
use super::header::Header;
use super::pieces;
use super::pieces::PieceBuffer;
use crate::error::Error;
use crate::stage::buffer_pool::{Buffer, Pool};
use crate::stage::transform::{Out, Transform};
use crate::stage::worker_pool::{Pending, WorkerPool};

/// The size of the block that a thread compresses at once, in bytes.
pub const BLOCK_BYTES: usize = 256 * 1024;

/// More threads than processors only cost stacks.
const THREADS_MAX: usize = 256;

/// How far back deflate can refer (RFC 1951, 2).
const WINDOW_BYTES: usize = 32 * 1024;

/// A stage that compresses to gzip on several threads, in order.
///
/// The input is cut into blocks of [`BLOCK_BYTES`]. Each is compressed on its own with the 32 KiB before it
/// as a dictionary, as `pigz` does, and ends on a byte boundary: together they are the data of one member.
/// A member for each block would be simpler; but some readers, browsers among them, stop after the first
/// member, and without the dictionary each block is one percent larger.
///
/// A thread is started for a block for which no other thread is free. The threads are joined at the end, or
/// when the stage is dropped.
///
/// ```text
/// Fresh ─▶ Open ─▶ Ended
/// ```
///
/// # Memory
///
/// With *n* threads at most 2*n* blocks are being compressed, each with its output. Besides them there are
/// the block that is being filled, the one before, and the output that is being passed on: at most
/// (4*n* + 3) blocks, which for two threads is 2.75 MiB, and 300 KiB for each thread.
pub struct ParallelCompress {
    level: u32,
    header: Header,
    threads: usize,
    phase: Phase,
    /// The pending results, in order: at most twice as many as there are threads.
    slots: VecDeque<Pending<Compressed>>,
    blocks: Pool,
    /// The block that is being filled.
    block: Option<Buffer>,
    /// The end of the block before.
    window: Bytes,
    crc: Crc,
}

enum Phase {
    Fresh,
    Open(WorkerPool<'static, Block, Compressed>),
    Ended,
}

/// A block to compress.
struct Block {
    data: Bytes,
    /// The bytes before it: the dictionary.
    window: Bytes,
    last: bool,
}

/// A compressed block.
struct Compressed {
    pieces: Vec<Bytes>,
    crc: Crc,
}

impl ParallelCompress {
    pub(super) fn new(level: u32, threads: usize) -> Self {
        let threads = match threads {
            0 => available_parallelism().map_or(1, usize::from),
            threads => threads.min(THREADS_MAX),
        };
        Self {
            level,
            header: Header::default(),
            threads,
            phase: Phase::Fresh,
            slots: VecDeque::new(),
            // The pending ones, the one that is being filled, and the one before it.
            blocks: Pool::new(BLOCK_BYTES, 2 * threads + 2),
            block: None,
            window: Bytes::new(),
            crc: Crc::new(),
        }
    }

    /// Sets the file name in the header, as [`Compress::file_name`](super::Compress::file_name).
    #[must_use]
    pub fn file_name(mut self, name: impl Into<Vec<u8>>) -> Self {
        self.header.name = name.into();
        self
    }

    /// Sets the modification time in the header, as [`Compress::modified`](super::Compress::modified).
    #[must_use]
    #[doc(alias = "mtime")]
    pub const fn modified(mut self, at: SystemTime) -> Self {
        self.header.modified = Some(at);
        self
    }

    /// Passes on the header, once.
    fn open(&mut self, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
        if let Phase::Fresh = self.phase {
            let level = checked(self.level)?;
            let header = self.header.bytes(self.level)?;
            let pool = pieces::pool();
            let work = move |block| compress(level, block, &pool);
            self.phase = Phase::Open(WorkerPool::new("gzip", self.threads, work));
            out.push(header.into())?;
        }
        Ok(())
    }

    /// Submits the block to a free thread, once there is room in the window.
    fn submit(&mut self, last: bool, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
        let data = self.block.take().map_or_else(Bytes::new, Buffer::freeze);
        let next = data.slice(data.len().saturating_sub(WINDOW_BYTES)..);
        let window = std::mem::replace(&mut self.window, next);
        if let Phase::Open(workers) = &self.phase {
            if self.slots.len() == 2 * workers.threads_max() {
                self.pass_on(out)?;
            }
        }
        let Phase::Open(workers) = &mut self.phase else {
            return Err(Error::ended());
        };
        let block = Block { data, window, last };
        self.slots.push_back(workers.submit(block)?);
        Ok(())
    }

    /// Waits for the oldest block, and passes on its output.
    fn pass_on(&mut self, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
        if let Some(slot) = self.slots.pop_front() {
            let Compressed { pieces, crc } = slot.wait()?;
            self.crc.combine(&crc);
            for piece in pieces {
                out.push(piece)?;
            }
        }
        Ok(())
    }
}

impl Transform<Bytes, Bytes> for ParallelCompress {
    fn transform(&mut self, chunk: Bytes, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
        self.open(out)?;
        let mut data = &chunk[..];
        while !data.is_empty() {
            let block = self.block.get_or_insert_with(|| self.blocks.take());
            data = &data[block.copy_from(data)..];
            if block.is_full() {
                self.submit(false, out)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
        self.open(out)?;
        // Also an empty block: one of them must be marked as the last.
        self.submit(true, out)?;
        while !self.slots.is_empty() {
            self.pass_on(out)?;
        }
        self.phase = Phase::Ended;
        out.push(Bytes::copy_from_slice(&trailer(&self.crc)))
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("gzip")
    }
}

impl fmt::Debug for ParallelCompress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParallelCompress")
            .field("level", &self.level)
            .field("threads", &self.threads)
            .field("pending", &self.slots.len())
            .finish_non_exhaustive()
    }
}

/// Compresses one block, on a thread of the pool.
fn compress(level: Compression, block: Block, pool: &Pool) -> Result<Compressed, Error> {
    let Block { data, window, last } = block;
    let mut state = flate2::Compress::new(level, false);
    if !window.is_empty() {
        state.set_dictionary(&window).map_err(Error::other)?;
    }
    let flush = if last {
        FlushCompress::Finish
    } else {
        FlushCompress::Sync // which ends on a byte
    };
    let mut crc = Crc::new();
    crc.update(&data);
    let mut part = Vec::new();
    let mut push = |piece| {
        part.push(piece);
        Ok(())
    };
    let mut out = Out::new(&mut push);
    let mut pieces = PieceBuffer::from_pool(pool.clone());
    deflate(&mut state, &data, flush, &mut pieces, &mut out)?;
    pieces.push(&mut out)?;
    Ok(Compressed { pieces: part, crc })
}
