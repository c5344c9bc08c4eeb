//! What all the connections of a server have in common.

use super::proto::Limits;
use crate::pool::Pool;

/// The limits of a server, and the buffers that bodies are read into.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) limits: Limits,
    pub(super) pool: Pool,
}

/// How much of a body is read at once.
const READ_BYTES: usize = 64 * 1024;

/// How many buffers wait for the next body.
const BUFFERS_KEPT: usize = 16;

impl Rules {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            pool: Pool::new(READ_BYTES, BUFFERS_KEPT),
        }
    }
}
