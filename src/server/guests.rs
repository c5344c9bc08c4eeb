//! The connections of a server on a rota: a thread each only while something is to be done.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::Sender;

use crate::error::Error;
use crate::rota::{Guest, Host, Room, Rota, SystemWatch, Watch};
use crate::server::connection::{Connection, Reins};
use crate::server::event::ServerEvent;
use crate::server::handle::Control;
use crate::server::staff::{Staff, settle};
use crate::worker::guard;

/// Makes a guest of a connection.
pub(super) type MakeGuest = Box<dyn Fn(Connection) -> Box<dyn Guest> + Send>;

/// The rota of a server.
pub(super) struct Guests<W: Watch = SystemWatch> {
    rota: Arc<Rota<W, Arc<Books>>>,
    books: Arc<Books>,
    make_guest: MakeGuest,
}

/// What the server has to know of its guests.
struct Books {
    control: Arc<Control>,
    ended: Sender<u64>,
}

/// What a guest is known by. When it is dropped, whichever way, the connection has ended.
struct Ticket {
    number: u64,
    /// Taken when it is told how the guest has gone.
    peer: Option<String>,
    reins: Reins,
    books: Arc<Books>,
}

impl<W: Watch> Guests<W> {
    pub(super) fn new(
        watch: W,
        make_guest: MakeGuest,
        control: Arc<Control>,
        ended: Sender<u64>,
        quiet: Duration,
        stack_bytes: usize,
    ) -> Self {
        let books = Arc::new(Books { control, ended });
        Self {
            rota: Rota::new(watch, Arc::clone(&books), quiet, stack_bytes),
            books,
            make_guest,
        }
    }
}

impl<W: Watch> Staff for Guests<W> {
    fn claim(&self) -> bool {
        self.rota.has_threads()
    }

    fn start(&mut self) -> io::Result<()> {
        self.rota.open()
    }

    fn give(&mut self, connection: Connection, reins: Reins) {
        let ticket = Ticket {
            number: connection.number(),
            peer: Some(connection.peer().to_owned()),
            reins,
            books: Arc::clone(&self.books),
        };
        match guard(|| Ok((self.make_guest)(connection))) {
            Ok(guest) => self.rota.admit(guest, ticket),
            Err(error) => self.rota.host().gone(ticket, Err(error)),
        }
    }

    fn has_room_to_make(&self) -> bool {
        true
    }

    fn make_room(&self) -> Room {
        self.rota.make_room()
    }

    fn has_any(&self) -> bool {
        self.rota.is_in_use()
    }

    fn tend(&mut self) {
        self.rota.tend();
    }

    fn stop(&self) {
        self.rota.stop();
    }

    fn abort(&self) {
        self.rota.abort();
    }

    fn join(self: Box<Self>) {
        self.rota.join();
    }
}

impl Ticket {
    fn settle(&mut self, outcome: Result<(), Error>) {
        if let Some(peer) = self.peer.take() {
            settle(&self.books.control, outcome, peer, &self.reins);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // Only a thread that comes down has not told how the guest has gone.
        self.settle(Err(Error::interrupted()));
        // It never waits.
        let _ = self.books.ended.send(self.number);
    }
}

impl Host for Arc<Books> {
    type Ticket = Ticket;

    fn gone(&self, mut ticket: Ticket, outcome: Result<(), Error>) {
        ticket.settle(outcome);
        drop(ticket);
        self.control.room_came();
    }

    fn room_came(&self) {
        self.control.yields_came();
    }

    fn broken(&self, error: Error) {
        self.control.broke(&error);
    }

    fn starting(&self) {
        let threads = &self.control.tally.threads;
        threads.fetch_add(1, Ordering::SeqCst);
    }

    fn left(&self) {
        let threads = &self.control.tally.threads;
        threads.fetch_sub(1, Ordering::SeqCst);
    }

    fn refused(&self, error: io::Error) {
        let error = Error::from(error).during("start a thread for", "a connection");
        self.control.report(&ServerEvent::NoThread { error });
    }
}
