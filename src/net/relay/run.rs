//! Runs a relay: waits, reads, writes, and asks the rules what is next.

use std::io::{self, IoSlice};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::io::Errno;

use super::Relay;
use super::report::{Direction, DirectionEnd, RelayFailure, Relayed};
use super::wait::{Interest, Readiness, WakeReason, wait};
use crate::channel::mark::BYTE;
use crate::error::Error;
use crate::net::socket::Socket;
use crate::os::wait::{CancelRequest, CancellableWait};
use crate::pipeline::report::Teller;
use crate::stage::rate::RateLimit;
use crate::state::{EndKind, RelayState};
use crate::threads::worker::guard;

/// How long a direction keeps its memory while nothing moves.
const QUIET: Duration = Duration::from_secs(1);

/// A relay that runs. Direction `i` goes from side `i` to the other one.
pub(super) struct RelayRun {
    sides: [RelaySide; 2],
    directions: [RelayDirection; 2],
    /// None without a token, so that its descriptor is not made.
    cancel: Option<CancellableWait>,
    idle: Option<Duration>,
    idle_at: Option<Instant>,
    deadline: Option<Instant>,
    began: Instant,
    /// A byte was moved since the last wait.
    moved: bool,
    progress: Teller<'static>,
    /// The first cause.
    error: Option<Error>,
}

struct RelaySide {
    socket: Socket,
    /// A poll has reported that it hung up, and that was handled.
    hung_up: bool,
    /// Its connection has failed, so that an end that is read there is a failure too.
    lost: bool,
}

struct RelayDirection {
    state: RelayState,
    /// The limit on what is read, if there is one.
    limit: Option<RateLimit>,
    /// How it ends, once that is decided.
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
                    hung_up: false,
                    lost: false,
                }
            }),
            directions: [0, 1].map(|_| RelayDirection {
                state: RelayState::new(marks),
                limit: per_second.map(|rate| RateLimit::new(rate, began)),
                end: None,
            }),
            cancel: relay
                .token
                .as_ref()
                .map(|token| CancellableWait::new(Some(token))),
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
        while !self
            .directions
            .iter()
            .all(|direction| direction.state.is_over())
        {
            if let Err(error) = self.step() {
                self.break_off(error);
            }
        }
        let reported = guard(|| {
            self.progress.end();
            Ok(())
        });
        if let Err(error) = reported {
            self.note(&error);
        }
        self.finish()
    }

    /// Waits for one event, and handles it.
    fn step(&mut self) -> Result<(), Error> {
        match self.wait()? {
            WakeReason::Late => self.late(),
            WakeReason::Token => self.cancelled(),
            WakeReason::Ready(ready) => {
                for (side, ready) in ready.into_iter().enumerate() {
                    self.check_side(side, ready);
                }
                for direction in 0..2 {
                    self.advance(direction, ready[direction].read, ready[1 - direction].write)?;
                }
                Ok(())
            }
        }
    }

    fn interest(&self, side: usize) -> Interest {
        Interest {
            read: self.directions[side].may_read(),
            write: self.directions[1 - side].state.wants_write(),
        }
    }

    fn wait(&mut self) -> Result<WakeReason, Error> {
        let limit = self.limit()?;
        let can_rest = self.directions.iter().any(RelayDirection::can_rest);
        let quiet = can_rest.then_some(QUIET);
        let held = self
            .directions
            .iter()
            .filter_map(RelayDirection::held)
            .min();
        let within = [limit, quiet, held].into_iter().flatten().min();
        let [a, b] = &self.sides;
        wait(
            [&a.socket, &b.socket],
            [self.interest(0), self.interest(1)],
            [a.hung_up, b.hung_up],
            self.cancel.as_ref(),
            within,
        )
    }

    /// How long it may wait. The clock is read only if there is a limit.
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

    /// Nothing has moved for a while, or a rate limit allows the next read.
    fn late(&mut self) -> Result<(), Error> {
        for direction in self
            .directions
            .iter_mut()
            .filter(|direction| direction.can_rest())
        {
            direction.state.rest();
        }
        self.limit().map(drop)
    }

    fn cancelled(&mut self) -> Result<(), Error> {
        let cancel = self.cancel.as_ref();
        match cancel.and_then(CancellableWait::take_request) {
            Some(CancelRequest::Abort(cause)) => Err(cause),
            Some(CancelRequest::Stop) => {
                for direction in 0..2 {
                    self.end(direction, EndKind::End, DirectionEnd::Stopped);
                    self.pass_on(direction);
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Handles the failure of a side of which nothing is wanted.
    fn check_side(&mut self, side: usize, ready: Readiness) {
        if !ready.hung || !self.interest(side).is_none() {
            return;
        }
        self.sides[side].hung_up = true;
        if let Some(error) = self.sides[side].socket.take_error() {
            self.sides[side].lost = true;
            self.write_failed(1 - side, error);
        }
    }

    /// Moves one direction as far as it goes without a wait.
    fn advance(&mut self, direction: usize, readable: bool, writable: bool) -> Result<(), Error> {
        // What is held was refused by the kernel, so it is tried again only when that has room.
        let try_write = writable || self.directions[direction].state.is_empty();
        if readable && self.directions[direction].may_read() {
            self.read(direction);
        }
        if try_write && self.directions[direction].state.wants_write() {
            self.write(direction)?;
        }
        self.pass_on(direction);
        Ok(())
    }

    fn read(&mut self, direction: usize) {
        let side = &self.sides[direction];
        match side.socket.try_recv(self.directions[direction].room()) {
            Ok(0) if side.lost => {
                self.read_failed(direction, Errno::CONNRESET.into());
            }
            Ok(0) => self.end(direction, EndKind::End, DirectionEnd::End),
            Ok(bytes) => {
                self.directions[direction].received(bytes);
                self.moved = true;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => self.read_failed(direction, error),
        }
    }

    fn write(&mut self, direction: usize) -> Result<(), Error> {
        let held = self.directions[direction].state.held().map(IoSlice::new);
        let pieces = if held[1].is_empty() { 1 } else { 2 };
        match self.sides[1 - direction].socket.try_send(&held[..pieces]) {
            Ok(bytes) => {
                self.directions[direction].state.sent(bytes);
                self.moved |= bytes > 0;
                guard(|| {
                    self.progress.tell(bytes);
                    Ok(())
                })
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => {
                // A broken pipe is a peer that has closed without a failure: what it sent is whole.
                self.sides[1 - direction].lost |= error.kind() != io::ErrorKind::BrokenPipe;
                self.write_failed(direction, error);
                Ok(())
            }
        }
    }

    /// Passes on the end of a direction, once everything before it went out.
    fn pass_on(&mut self, direction: usize) {
        let passed = match self.directions[direction].state.due() {
            None => return,
            // Closing the side resets it, and its other direction is over, so that is soon.
            Some(EndKind::Reset) => Ok(()),
            Some(EndKind::End) => self.sides[1 - direction].socket.end(),
        };
        match passed {
            Ok(()) => self.directions[direction].state.finish(),
            Err(error) => {
                self.sides[1 - direction].lost = true;
                self.write_failed(direction, error);
            }
        }
    }

    /// Reads no more. The first end stays.
    fn end(&mut self, direction: usize, kind: EndKind, end: DirectionEnd) {
        if self.directions[direction].state.is_open() {
            self.directions[direction].state.end(kind);
            self.directions[direction].end = Some(end);
        }
    }

    /// The side that is read has failed, and with it the direction that writes to it.
    fn read_failed(&mut self, direction: usize, error: io::Error) {
        let from = &self.sides[direction];
        let error = Error::from(error).during("read from", from.socket.name());
        let error = error.at(self.directions[direction].state.read());
        self.note(&error);
        self.sides[direction].lost = true;
        self.end(direction, EndKind::Reset, DirectionEnd::ReadFailed(error));
        self.give_up(1 - direction, DirectionEnd::BrokenOff);
    }

    /// The side that is written to takes no more. What is read from it is still passed on.
    fn write_failed(&mut self, direction: usize, error: io::Error) {
        if self.directions[direction].state.is_over() {
            return;
        }
        let to = &self.sides[1 - direction];
        let error = Error::from(error).during("write to", to.socket.name());
        let error = error.at(self.directions[direction].state.confirmed());
        self.note(&error);
        self.give_up(direction, DirectionEnd::WriteFailed(error));
    }

    /// Ends both directions now.
    fn break_off(&mut self, error: Error) {
        self.note(&error);
        for direction in 0..2 {
            self.give_up(direction, DirectionEnd::BrokenOff);
        }
    }

    fn give_up(&mut self, direction: usize, end: DirectionEnd) {
        let direction = &mut self.directions[direction];
        if direction.state.is_over() {
            return;
        }
        direction.state.break_off();
        // A failed read is the cause, and what follows from it is not.
        if !matches!(direction.end, Some(DirectionEnd::ReadFailed(_))) {
            direction.end = Some(end);
        }
    }

    fn note(&mut self, error: &Error) {
        match &self.error {
            Some(first) => first.attach(error.clone()),
            None => self.error = Some(error.clone()),
        }
    }

    /// Closes both sides, and returns the report or the failure.
    #[expect(clippy::result_large_err)]
    fn finish(self) -> Result<Relayed, RelayFailure> {
        let report_of = |direction: usize| {
            let RelayDirection { state, end, .. } = &self.directions[direction];
            Direction {
                from: self.sides[direction].socket.name().to_owned(),
                to: self.sides[1 - direction].socket.name().to_owned(),
                read: state.read(),
                confirmed: state.confirmed(),
                ended: end.clone().unwrap_or(DirectionEnd::BrokenOff),
            }
        };
        let report = Relayed {
            a_to_b: report_of(0),
            b_to_a: report_of(1),
            elapsed: self.began.elapsed(),
        };
        for side in 0..2 {
            if !self.directions[1 - side].state.has_ended() {
                self.sides[side].socket.reset_on_close();
            }
        }
        let Some(error) = self.error else {
            return Ok(report);
        };
        let [to_b, to_a] = self
            .directions
            .map(|direction| direction.state.into_undelivered());
        Err(RelayFailure {
            error,
            report,
            undelivered_to_b: to_b,
            undelivered_to_a: to_a,
        })
    }
}

impl RelayDirection {
    /// Whether there is room for more, and no rate limit forbids it now.
    fn may_read(&self) -> bool {
        self.state.wants_read() && self.held().is_none()
    }

    /// How long a rate limit forbids to read what there is room for. The clock is read only if there
    /// is a limit.
    fn held(&self) -> Option<Duration> {
        let limit = self.limit.as_ref()?;
        let held = self.state.wants_read().then(|| limit.wait(Instant::now()));
        held.flatten()
    }

    /// The memory for the next read.
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

    /// Whether its memory can be freed. A direction that a rate limit holds needs it again soon.
    fn can_rest(&self) -> bool {
        self.state.can_rest() && self.held().is_none()
    }
}
