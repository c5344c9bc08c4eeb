//! What a stream is made of: sources, sinks, transforms, the operators that are transforms, and
//! what drives a sink with what a channel gives.

pub(crate) mod buffer_pool;
pub(crate) mod collect;
pub(crate) mod copy_path;
pub(crate) mod drive;
pub(crate) mod file_id;
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
pub use retry::Retry;
pub use sink::{Attempt, Direct};
pub use transform::apply;
