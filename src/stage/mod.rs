//! What a stream is made of: sources, sinks, transforms, the operators that are transforms, and
//! what drives a sink with what a channel gives.

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
#[cfg_attr(not(test), expect(dead_code, reason = "only its tests use it"))]
pub(crate) mod stop_signal;
pub(crate) mod transform;
pub(crate) mod worker_pool;
