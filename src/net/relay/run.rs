//! Runs a relay: waits, reads, writes, and asks the rules what is next.

use std::io::{self, IoSlice};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::io::Errno;

use super::Relay;
use super::report::{Direction, DirectionEnd, RelayFailure, Relayed};
use super::wait::{Interest, Order, Orders, Readiness, WakeReason, wait};
use crate::channel::mark::BYTE;
use crate::error::Error;
use crate::net::socket::Socket;
use crate::pipeline::report::Teller;
use crate::stage::rate::RateLimit;
use crate::state::{EndKind, RelayState};
use crate::threads::worker::guard;

/// After how long a direction in which nothing moves lets go of its memory.
const QUIET: Duration = Duration::from_secs(1);

/// A relay that runs. Direction `i` goes from side `i` to the other one.
pub(super) struct RelayRun {
    sides: [RelaySide; 2],
    ways: [Way; 2],
    orders: Option<Orders>,
    idle: Option<Duration>,
    idle_at: Option<Instant>,
    deadline: Option<Instant>,
    began: Instant,
    /// Whether a byte was moved since the last wait.
    moved: bool,
    progress: Teller,
    /// The first cause.
    error: Option<Error>,
}

struct RelaySide {
    socket: Socket,
    /// Whether it has told that it hung up.
    told: bool,
    /// Whether its connection has failed, so that an end that is read is none.
    lost: bool,
}

struct Way {
    state: RelayState,
    /// How fast it may be read, if there is a limit.
    limit: Option<RateLimit>,
    /// How it ends, as soon as that is known.
    end: Option<DirectionEnd>,
}

impl RelayRun {
    pub(super) fn new(relay: Relay, began: Instant) -> Self {
        let idle = relay.idle.or_else(|| {
            let idles = [relay.a.idle(), relay.b.idle()];
            idles.into_iter().flatten().min()
        });
        let marks = relay.mark.strategy::<Bytes>().marks();
        let mut progress = relay.progress;
        progress.begin(None, BYTE);
        let (per_second, refused) = match relay.limit {
            Ok(limit) => (limit, None),
            Err(refused) => (None, Some(refused)),
        };
        let mut run = Self {
            sides: [relay.a, relay.b].map(|socket| {
                socket.send_at_once();
                RelaySide {
                    socket,
                    told: false,
                    lost: false,
                }
            }),
            ways: [0, 1].map(|_| Way {
                state: RelayState::new(marks),
                limit: per_second.map(|rate| RateLimit::new(rate, began)),
                end: None,
            }),
            orders: relay.token.map(Orders::new),
            idle,
            // A time that cannot be represented is no limit.
            idle_at: idle.and_then(|idle| began.checked_add(idle)),
            deadline: relay.within.and_then(|within| began.checked_add(within)),
            began,
            moved: false,
            progress,
            error: None,
        };
        if let Some(refused) = refused {
            run.break_off(run.named(refused));
        }
        run
    }

    #[expect(clippy::result_large_err)]
    pub(super) fn run(mut self) -> Result<Relayed, RelayFailure> {
        while !self.ways.iter().all(|way| way.state.is_over()) {
            if let Err(error) = self.turn() {
                self.break_off(error);
            }
        }
        let told = guard(|| {
            self.progress.end();
            Ok(())
        });
        if let Err(error) = told {
            self.note(&error);
        }
        self.finish()
    }

    /// Waits for something, and does it.
    fn turn(&mut self) -> Result<(), Error> {
        match self.wait()? {
            WakeReason::Late => self.late(),
            WakeReason::Token => self.obey(),
            WakeReason::Ready(ready) => {
                for (side, ready) in ready.into_iter().enumerate() {
                    self.look_after(side, ready);
                }
                for way in 0..2 {
                    self.advance(way, ready[way].read, ready[1 - way].write)?;
                }
                Ok(())
            }
        }
    }

    fn interest(&self, side: usize) -> Interest {
        Interest {
            read: self.ways[side].may_read(),
            write: self.ways[1 - side].state.wants_write(),
        }
    }

    fn wait(&mut self) -> Result<WakeReason, Error> {
        let limit = self.limit()?;
        let can_rest = self.ways.iter().any(Way::can_rest);
        let quiet = can_rest.then_some(QUIET);
        let held = self.ways.iter().filter_map(Way::held).min();
        let within = [limit, quiet, held].into_iter().flatten().min();
        let [a, b] = &self.sides;
        wait(
            [&a.socket, &b.socket],
            [self.interest(0), self.interest(1)],
            [a.told, b.told],
            self.orders.as_ref(),
            within,
        )
    }

    /// For how long it may wait. The clock is read only if there is a limit.
    fn limit(&mut self) -> Result<Option<Duration>, Error> {
        if self.deadline.is_none() && self.idle.is_none() {
            return Ok(None);
        }
        let now = Instant::now();
        if self.moved {
            self.moved = false;
            self.idle_at = self.idle.and_then(|idle| now.checked_add(idle));
        }
        let waited_for = match (self.deadline, self.idle_at) {
            (Some(at), _) if at <= now => "the end of both sides",
            (_, Some(at)) if at <= now => "a byte to move either way",
            (deadline, idle) => {
                let next = deadline.into_iter().chain(idle).min();
                return Ok(next.map(|at| at.saturating_duration_since(now)));
            }
        };
        Err(self.named(Error::timed_out(waited_for)))
    }

    fn named(&self, error: Error) -> Error {
        let [a, b] = &self.sides;
        let pair = format!("{} and {}", a.socket.name(), b.socket.name());
        error.during("relay between", &pair)
    }

    /// Nothing has moved for a while, or the time has come to read again.
    fn late(&mut self) -> Result<(), Error> {
        for way in self.ways.iter_mut().filter(|way| way.can_rest()) {
            way.state.rest();
        }
        self.limit().map(drop)
    }

    fn obey(&mut self) -> Result<(), Error> {
        match self.orders.as_ref().map(Orders::hear) {
            Some(Order::Abort(cause)) => Err(cause),
            Some(Order::Stop) => {
                for way in 0..2 {
                    self.end(way, EndKind::End, DirectionEnd::Stopped);
                    self.pass_on(way);
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// A side on which nothing is waited for may have failed all the same.
    fn look_after(&mut self, side: usize, ready: Readiness) {
        if !ready.hung || !self.interest(side).is_none() {
            return;
        }
        self.sides[side].told = true;
        if let Some(error) = self.sides[side].socket.take_error() {
            self.sides[side].lost = true;
            self.write_failed(1 - side, error);
        }
    }

    /// Moves one direction as far as it goes without a wait.
    fn advance(&mut self, way: usize, readable: bool, writable: bool) -> Result<(), Error> {
        // The system had no room for what is held, unless it says so: that need not be tried.
        let try_write = writable || self.ways[way].state.is_empty();
        if readable && self.ways[way].may_read() {
            self.read(way);
        }
        if try_write && self.ways[way].state.wants_write() {
            self.write(way)?;
        }
        self.pass_on(way);
        Ok(())
    }

    fn read(&mut self, way: usize) {
        let side = &self.sides[way];
        match side.socket.try_recv(self.ways[way].room()) {
            Ok(0) if side.lost => {
                self.read_failed(way, Errno::CONNRESET.into());
            }
            Ok(0) => self.end(way, EndKind::End, DirectionEnd::End),
            Ok(bytes) => {
                self.ways[way].received(bytes);
                self.moved = true;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => self.read_failed(way, error),
        }
    }

    fn write(&mut self, way: usize) -> Result<(), Error> {
        let held = self.ways[way].state.held().map(IoSlice::new);
        let pieces = if held[1].is_empty() { 1 } else { 2 };
        match self.sides[1 - way].socket.try_send(&held[..pieces]) {
            Ok(bytes) => {
                self.ways[way].state.sent(bytes);
                self.moved |= bytes > 0;
                guard(|| {
                    self.progress.tell(bytes);
                    Ok(())
                })
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => {
                // A broken pipe is a peer that has closed in peace: what it said before is whole.
                self.sides[1 - way].lost |= error.kind() != io::ErrorKind::BrokenPipe;
                self.write_failed(way, error);
                Ok(())
            }
        }
    }

    /// Passes on the end of a direction, once everything before it went out.
    fn pass_on(&mut self, way: usize) {
        let passed = match self.ways[way].state.due() {
            None => return,
            // Closing the side does it, which cannot be far: its other direction is over.
            Some(EndKind::Reset) => Ok(()),
            Some(EndKind::End) => self.sides[1 - way].socket.end(),
        };
        match passed {
            Ok(()) => self.ways[way].state.finish(),
            Err(error) => {
                self.sides[1 - way].lost = true;
                self.write_failed(way, error);
            }
        }
    }

    /// Nothing more is read. How it ended first stays.
    fn end(&mut self, way: usize, tail: EndKind, end: DirectionEnd) {
        if self.ways[way].state.is_open() {
            self.ways[way].state.end(tail);
            self.ways[way].end = Some(end);
        }
    }

    /// The side that is read is gone, and so is the way back to it.
    fn read_failed(&mut self, way: usize, error: io::Error) {
        let from = &self.sides[way];
        let error = Error::from(error).during("read from", from.socket.name());
        let error = error.at(self.ways[way].state.read());
        self.note(&error);
        self.sides[way].lost = true;
        self.end(way, EndKind::Reset, DirectionEnd::ReadFailed(error));
        self.give_up(1 - way, DirectionEnd::BrokenOff);
    }

    /// The side that is written to takes no more. What it says is still passed on.
    fn write_failed(&mut self, way: usize, error: io::Error) {
        if self.ways[way].state.is_over() {
            return;
        }
        let to = &self.sides[1 - way];
        let error = Error::from(error).during("write to", to.socket.name());
        let error = error.at(self.ways[way].state.confirmed());
        self.note(&error);
        self.give_up(way, DirectionEnd::WriteFailed(error));
    }

    /// Ends everything now.
    fn break_off(&mut self, error: Error) {
        self.note(&error);
        for way in 0..2 {
            self.give_up(way, DirectionEnd::BrokenOff);
        }
    }

    fn give_up(&mut self, way: usize, end: DirectionEnd) {
        let way = &mut self.ways[way];
        if way.state.is_over() {
            return;
        }
        way.state.break_off();
        // Why nothing more could be read is what matters, if it was that.
        if !matches!(way.end, Some(DirectionEnd::ReadFailed(_))) {
            way.end = Some(end);
        }
    }

    fn note(&mut self, error: &Error) {
        match &self.error {
            Some(first) => first.attach(error.clone()),
            None => self.error = Some(error.clone()),
        }
    }

    /// Closes both sides, and says what came of it.
    #[expect(clippy::result_large_err)]
    fn finish(self) -> Result<Relayed, RelayFailure> {
        let leg = |way: usize| {
            let Way { state, end, .. } = &self.ways[way];
            Direction {
                from: self.sides[way].socket.name().to_owned(),
                to: self.sides[1 - way].socket.name().to_owned(),
                read: state.read(),
                confirmed: state.confirmed(),
                ended: end.clone().unwrap_or(DirectionEnd::BrokenOff),
            }
        };
        let report = Relayed {
            a_to_b: leg(0),
            b_to_a: leg(1),
            elapsed: self.began.elapsed(),
        };
        for side in 0..2 {
            if !self.ways[1 - side].state.has_ended() {
                self.sides[side].socket.reset_on_close();
            }
        }
        let Some(error) = self.error else {
            return Ok(report);
        };
        let [to_b, to_a] = self.ways.map(|way| way.state.into_undelivered());
        Err(RelayFailure {
            error,
            report,
            undelivered_to_b: to_b,
            undelivered_to_a: to_a,
        })
    }
}

impl Way {
    /// Says whether there is room for more, and it is time for it.
    fn may_read(&self) -> bool {
        self.state.wants_read() && self.held().is_none()
    }

    /// For how long a limit keeps it from reading what there is room for. The clock is read only if
    /// there is one.
    fn held(&self) -> Option<Duration> {
        let limit = self.limit.as_ref()?;
        let held = self.state.wants_read().then(|| limit.wait(Instant::now()));
        held.flatten()
    }

    /// Where to read to.
    fn room(&mut self) -> &mut [u8] {
        let room = self.state.room();
        match &self.limit {
            Some(limit) => {
                let piece = limit.piece_within(room.len());
                &mut room[..piece]
            }
            None => room,
        }
    }

    fn received(&mut self, bytes: usize) {
        self.state.received(bytes);
        if let Some(limit) = &mut self.limit {
            limit.passed(bytes as u64, Instant::now());
        }
    }

    /// Says whether its memory is of no use. One that a limit holds needs it again soon.
    fn can_rest(&self) -> bool {
        self.state.can_rest() && self.held().is_none()
    }
}
