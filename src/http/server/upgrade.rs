//! A connection that continues in another protocol.
//!
//! Owner: the two halves, which the handler has; each moves on its own threads. The dispatcher waits
//! meanwhile for `in_use` to fail, which it does when both halves were dropped, and then closes the
//! socket. No lock here; an abort wakes both halves through `conn.reading` and `conn.writing`.

use std::borrow::Cow;
use std::convert::Infallible;

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};

use super::conn::Conn;
use crate::cancel::Interrupt;
use crate::channel::mark::{HighWaterMark, InBytes};
use crate::error::Error;
use crate::net::socket::{SocketSink, SocketSource};
use crate::stage::sink::{Direct, Sink};
use crate::stage::source::Source;
use crate::state::batch::Batch;
use crate::stream::duplex::Duplex;
use crate::stream::readable::Readable;
use crate::stream::writable::Writable;

/// Both directions of a connection, and a receiver that fails when both were dropped.
pub(in crate::http) fn halves(
    conn: &Conn,
    early: Bytes,
    mark: HighWaterMark<InBytes>,
) -> (Duplex<Bytes>, Receiver<Infallible>) {
    let (in_use, ended) = bounded(0);
    let (source, sink) = conn.socket().share().split();
    conn.reading.set(source.interrupt());
    conn.writing.set(sink.interrupt());
    let source = UpgradedSource {
        early,
        source,
        _in_use: in_use.clone(),
    };
    let sink = UpgradedSink {
        sink,
        _in_use: in_use,
    };
    let readable = Readable::from_source(source, mark);
    let writable = Writable::spawn(sink, &mark, |_| ());
    (Duplex::new(readable, writable), ended)
}

/// Its receiver fails when the last clone was dropped. Nothing is ever sent.
type InUse = Sender<Infallible>;

/// Reads: first what was received after the head of the request.
struct UpgradedSource {
    early: Bytes,
    source: SocketSource,
    _in_use: InUse,
}

impl Source<Bytes> for UpgradedSource {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        if !self.early.is_empty() {
            return Ok(Some(std::mem::take(&mut self.early)));
        }
        self.source.read()
    }

    fn interrupt(&self) -> Option<Interrupt> {
        self.source.interrupt()
    }

    fn name(&self) -> Cow<'_, str> {
        self.source.name()
    }
}

/// Writes.
struct UpgradedSink {
    sink: SocketSink,
    _in_use: InUse,
}

impl Sink<Bytes> for UpgradedSink {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        self.sink.write(batch)
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.sink.finish()
    }

    fn direct(&mut self) -> Option<&mut dyn Direct<Bytes>> {
        self.sink.direct()
    }

    fn interrupt(&self) -> Option<Interrupt> {
        self.sink.interrupt()
    }

    fn name(&self) -> Cow<'_, str> {
        self.sink.name()
    }
}
