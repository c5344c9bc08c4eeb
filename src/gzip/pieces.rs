//! The buffer in which output is collected until a piece is full.

use crate::error::Error;
use crate::stage::buffer_pool::{Buffer, Pool};
use crate::stage::transform::Out;
use bytes::Bytes;

/// The largest piece of output, in bytes.
///
/// Smaller pieces cost more hand-overs; larger ones gain nothing.
pub const PIECE_BYTES: usize = 64 * 1024;

/// As many as a stream with the default mark buffers, and one to fill.
const PIECES_KEPT: usize = 6;

/// A pool of pieces, and the one that is being filled.
///
/// # Invariants
///
/// Between calls, `piece` is not full.
#[derive(Debug)]
pub(super) struct PieceBuffer {
    pool: Pool,
    piece: Option<Buffer>,
}

impl PieceBuffer {
    pub(super) fn new() -> Self {
        Self::from_pool(pool())
    }

    pub(super) const fn from_pool(pool: Pool) -> Self {
        Self { pool, piece: None }
    }

    /// The free part of the piece, which is never empty.
    pub(super) fn room(&mut self) -> &mut [u8] {
        let take = || self.pool.take();
        self.piece.get_or_insert_with(take).room()
    }

    /// Counts the first `bytes` of the [`room`](Self::room) as filled, and passes on what is full.
    pub(super) fn fill(&mut self, bytes: usize, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
        let Some(piece) = &mut self.piece else {
            return Ok(());
        };
        piece.fill(bytes);
        if piece.is_full() {
            self.push(out)?;
        }
        Ok(())
    }

    /// Adds bytes.
    pub(super) fn copy_from(
        &mut self,
        mut data: &[u8],
        out: &mut Out<'_, Bytes>,
    ) -> Result<(), Error> {
        while !data.is_empty() {
            let room = self.room();
            let copied = data.len().min(room.len());
            room[..copied].copy_from_slice(&data[..copied]);
            data = &data[copied..];
            self.fill(copied, out)?;
        }
        Ok(())
    }

    /// Passes on a piece that is not full.
    pub(super) fn push(&mut self, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
        match self.piece.take_if(|piece| !piece.is_empty()) {
            Some(piece) => out.push(piece.freeze()),
            None => Ok(()),
        }
    }
}

/// A pool of pieces that several threads may share.
pub(super) fn pool() -> Pool {
    Pool::new(PIECE_BYTES, PIECES_KEPT)
}
