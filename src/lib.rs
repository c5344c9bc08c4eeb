//! Streams for blocking Rust.

pub mod chunk;
pub mod state;
