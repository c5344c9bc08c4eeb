//! How a response ended, as its writer returns it to the dispatcher.
//!
//! A value that is moved: [`ResponseWriter`](super::response_writer::ResponseWriter) creates it when it
//! is dropped, [`Exchange`](super::exchange::Exchange) hands it over, and the dispatcher decides by it
//! what follows on the connection. Nothing here locks or waits.

use std::convert::Infallible;

use crossbeam_channel::Receiver;

use crate::error::Error;

/// How a response ended.
#[derive(Debug)]
pub(in crate::http) enum ResponseEnd {
    /// Nothing of it was sent.
    NotSent,
    /// All of it was sent, and another request may follow.
    KeepAlive,
    /// All of it was sent, and the connection ends with it.
    Close,
    /// A part of it was sent. The client must not take that for all.
    Cut(Option<Error>),
    /// The connection continues in another protocol. Both halves are in use until a receive fails.
    Upgraded(Receiver<Infallible>),
}

/// What the dispatcher gets back when a response has ended.
pub(in crate::http) struct Finished {
    /// The memory of the head, for the next response.
    pub(in crate::http) head: Vec<u8>,
    pub(in crate::http) end: ResponseEnd,
}
