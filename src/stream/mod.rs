//! What a user holds: a channel's two ends, a readable, a writable, both in one, one writer with
//! many readers, and many sources as one.

pub(crate) mod broadcast;
pub(crate) mod channel;
pub(crate) mod duplex;
pub(crate) mod flow;
pub(crate) mod into;
pub(crate) mod merge;
pub(crate) mod readable;
pub(crate) mod std_io;
pub(crate) mod take;
pub(crate) mod writable;

pub use crate::state::{BranchPolicy, Dropped};
pub use channel::channel_within;
pub use duplex::{HalfOpen, duplex_pair};
pub use flow::{Flow, flow};
pub use into::{Memory, ReceiverSource, SenderSink};
pub use merge::{Concat, concat, merge};
pub use take::{TakeBytes, take_bytes};
pub use writable::Cork;
