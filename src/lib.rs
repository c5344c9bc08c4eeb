//! Streams for blocking Rust.

// In reading order: a module imports only from those above it.
pub mod chunk;
pub mod state;

mod error;
mod mark;
mod sync;

mod cancel;
mod channel;
mod pool;

mod worker;
mod sink;
mod source;
mod readable;
mod writable;
mod pair;

pub use bytes::Bytes;

pub use cancel::{CancelToken, Interrupt};
pub use error::{Error, ErrorKind, WriteError};
pub use mark::{DEFAULT_BYTES, HighWaterMark, InBytes, InItems, InWeight, READ_BYTES, Unit};
pub use pair::channel;
pub use pool::{Buffer, Pool};
pub use readable::Readable;
pub use sink::{Sink, WriteSink};
pub use source::{ReadSource, Source};
pub use state::Pressure;
pub use writable::{Cork, Writable};
