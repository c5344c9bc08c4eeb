//! What all the connections of a server have in common.

use crate::http::proto::Limits;
use crate::stage::buffer_pool::Pool;

/// The limits of a server, and the buffers that bodies are read into.
#[derive(Debug)]
pub(in crate::http) struct ServerConfig {
    pub(in crate::http) limits: Limits,
    pub(in crate::http) pool: Pool,
}

/// How much of a body is read at once.
const READ_BYTES: usize = 64 * 1024;

/// How many buffers wait for the next body.
const BUFFERS_KEPT: usize = 16;

impl ServerConfig {
    pub(in crate::http) fn new(limits: Limits) -> Self {
        Self {
            limits,
            pool: Pool::new(READ_BYTES, BUFFERS_KEPT),
        }
    }
}
