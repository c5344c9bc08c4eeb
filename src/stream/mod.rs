//! What a user holds: a channel's two ends, a readable, a writable, both in one, one writer with
//! many readers, and many sources as one.
//!
//! The types that most programs need, [`Readable`](crate::Readable),
//! [`Writable`](crate::Writable), [`Duplex`](crate::Duplex) and
//! [`Broadcast`](crate::Broadcast), stand at the root of the crate. Here is what goes with them:
//!
//! - [`merge`] and [`concat`](fn@concat): many sources as one, as their chunks come or one after
//!   the other;
//! - [`duplex_pair`]: two ends, each of which reads what the other one writes;
//! - [`ReceiverSource`], [`SenderSink`]: the ends of a crossbeam channel;
//! - [`take_bytes`]: the first bytes of a source;
//! - [`BranchPolicy`]: what becomes of a reader of a broadcast that is too slow.

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

#[doc(inline)]
pub use crate::state::{BranchPolicy, Dropped};
pub use channel::channel_within;
pub use duplex::{HalfOpen, duplex_pair};
pub use flow::{Flow, flow};
pub use into::{Memory, MemorySlice, ReceiverSource, SenderSink};
pub use merge::{Concat, concat, merge};
pub use take::{TakeBytes, take_bytes};
pub use writable::Cork;
