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

mod ends;
mod pair;
mod readable;
mod sink;
mod source;
mod transform;
mod worker;
mod writable;

mod monitor;
mod pipeline;

#[cfg(unix)]
mod fd;
#[cfg(unix)]
pub mod fs;
#[cfg(unix)]
pub mod net;
mod report;
#[cfg(unix)]
mod socket;

pub use bytes::Bytes;

pub use cancel::{CancelToken, Interrupt};
pub use ends::{IntoSink, IntoSource, Memory, ReceiverSource, SenderSink};
pub use error::{Error, ErrorKind, WriteError};
pub use mark::{DEFAULT_BYTES, HighWaterMark, InBytes, InItems, InWeight, READ_BYTES, Unit};
pub use monitor::Monitor;
pub use pair::channel;
pub use pipeline::{Failure, Pipeline, Ready, pipeline, pipeline_of};
pub use pool::{Buffer, Pool};
pub use readable::Readable;
pub use report::{BufferReport, Progress, Report, StageReport};
pub use sink::{Sink, WriteSink};
pub use source::{ReadSource, Source};
pub use state::Pressure;
pub use transform::{Out, Transform};
pub use writable::{Cork, Writable};
