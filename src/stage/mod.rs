//! What a stream is made of: sources, sinks and transforms, and what drives a sink with what a
//! channel gives.
//!
//! The traits [`Source`](crate::Source), [`Sink`](crate::Sink) and
//! [`Transform`](crate::Transform) stand at the root of the crate. Here is what comes with them:
//!
//! - [`operators`]: `map`, `filter` and the others as transforms; [`apply`] runs a transform with
//!   no thread;
//! - [`Collect`], [`CollectBytes`], [`Fold`]: sinks that keep what they get;
//! - [`Retry`]: a source that is opened again where it broke off;
//! - [`Interrupt`], [`Direct`], [`waiting`]: what a source or sink of your own offers so that it can
//!   be woken, can be called without a thread, and is not taken for the bottleneck while it waits;
//! - [`Pool`]: buffers that are used again.

pub(crate) mod buffer_pool;
pub(crate) mod collect;
pub(crate) mod copy_path;
pub(crate) mod drive;
pub(crate) mod file_id;
pub(crate) mod hooks;
#[cfg_attr(any(not(target_os = "linux"), loom), allow(dead_code))]
pub(crate) mod offer;
pub mod operators;
pub(crate) mod par_map;
pub(crate) mod rate;
pub(crate) mod retry;
pub(crate) mod sink;
pub(crate) mod source;
pub(crate) mod stop_signal;
pub(crate) mod transform;
pub(crate) mod worker_pool;

pub use crate::cancel::Interrupt;
pub use crate::threads::waits::waiting;
pub use buffer_pool::{Buffer, Pool};
pub use collect::{Collect, CollectBytes, Fold};
pub use hooks::{SinkHooks, SourceHooks};
pub use retry::Retry;
pub use sink::{Attempt, Direct};
pub use transform::apply;
