//! What all connections of a server share.
//!
//! One [`ServerConfig`] belongs to all connections of a server, in an `Arc`. It does not change while
//! the server runs. The pool has a lock of its own, which is never held across a wait.

use crate::http::proto::Limits;
use crate::stage::buffer_pool::Pool;

/// The limits of a server, and the buffers that request bodies are read into.
#[derive(Debug)]
pub(in crate::http) struct ServerConfig {
    pub(in crate::http) limits: Limits,
    pub(in crate::http) pool: Pool,
}

/// How many bytes of a body are read at once.
const READ_BYTES: usize = 64 * 1024;

/// How many unused buffers are kept for the next body.
const BUFFERS_KEPT: usize = 16;

impl ServerConfig {
    pub(in crate::http) fn new(limits: Limits) -> Self {
        Self {
            limits,
            pool: Pool::new(READ_BYTES, BUFFERS_KEPT),
        }
    }
}
