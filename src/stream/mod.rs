//! What a user holds: a channel's two ends, a readable, a writable, both in one, one writer with
//! many readers, and many sources as one.

pub(crate) mod broadcast;
pub(crate) mod channel;
pub(crate) mod duplex;
pub(crate) mod flow;
mod from_std;
pub(crate) mod into;
pub(crate) mod merge;
pub(crate) mod readable;
pub(crate) mod std_io;
pub(crate) mod take;
pub(crate) mod writable;
