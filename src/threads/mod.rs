//! Threads and what they share: the lock, the condvar and the atomics by one name each, and a
//! thread that has an owner.

pub(crate) mod sync;
pub(crate) mod waits;
pub(crate) mod worker;
