//! Two `RelayState`s, as a relay has them, against a model that is too plain to be wrong, for the
//! tests and the fuzzer: nothing is lost or out of order, no more is held than the mark, and each
//! way ends by itself.

use std::collections::VecDeque;

use highwater::state::{EndKind, Marks, RelayState};

/// What is done to one of the two ways.
#[derive(Clone, Copy, Debug)]
enum Op {
    /// Reads so many bytes, or as many as there is room for.
    Receive(usize),
    /// Writes so many bytes, or as many as are held.
    Send(usize),
    End(EndKind),
    /// Passes the tail on, if it is due.
    Finish,
    BreakOff,
    Rest,
}

/// The options of a relay, and what is done to it.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    marks: Marks,
    /// Whoever reads does so only when it is wanted, and not whenever there is room.
    obedient: bool,
    /// Which way is the first to end, of those that have not when all else is done.
    ends_first: usize,
    ops: Vec<(usize, Op)>,
}

/// Reads a script out of any bytes, the same one for the same bytes.
pub(crate) fn script(bytes: &[u8]) -> Script {
    let mut bytes = bytes.iter().copied();
    let (options, marks) = (bytes.next().unwrap_or(0), bytes.next().unwrap_or(0));
    let (high, low) = MARKS[usize::from(marks) % MARKS.len()];
    let mut ops = Vec::new();
    while let Some(byte) = bytes.next() {
        let mut size = || match usize::from(bytes.next().unwrap_or(0)) % 10 {
            8 => high,
            9 => high + 1,
            small => small,
        };
        let op = match byte / 2 {
            0..=54 => Op::Receive(size()),
            55..=104 => Op::Send(size()),
            105..=108 => Op::Rest,
            109..=119 => Op::Finish,
            120..=123 => Op::End(EndKind::End),
            124..=125 => Op::End(EndKind::Reset),
            _ => Op::BreakOff,
        };
        ops.push((usize::from(byte % 2), op));
    }
    Script {
        marks: Marks::new(high, low).expect("each of `MARKS` is valid"),
        obedient: options & 1 != 0,
        ends_first: usize::from(options >> 1 & 1),
        ops,
    }
}

const MARKS: [(usize, usize); 8] = [
    (0, 0),
    (1, 0),
    (2, 1),
    (3, 0),
    (5, 4),
    (8, 2),
    (20, 10),
    (200, 100),
];

/// Runs a script on both ways and on their models, and panics where they differ.
pub(crate) fn agrees_with_the_model(script: &Script) {
    let mut ways = [Way::new(script), Way::new(script)];
    for (way, op) in &script.ops {
        ways[*way].step(*op);
        ways.iter().for_each(Way::compare);
    }
    let [first, second] = &mut ways;
    let (first, second) = match script.ends_first {
        0 => (first, second),
        _ => (second, first),
    };
    first.wind_up();
    // A half-close: the other way goes on as if nothing had happened.
    let (was_open, before) = (second.state.is_open(), second.state.read());
    second.step(Op::Send(usize::MAX));
    second.step(Op::Receive(1));
    assert_eq!(second.state.read(), before + u64::from(was_open));
    second.wind_up();
    ways.into_iter().for_each(Way::settle);
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Open,
    Ending(EndKind),
    Finished(EndKind),
    Failed,
}

/// One way, and what is known of it without a ring.
struct Way {
    state: RelayState,
    obedient: bool,
    high: usize,
    low: usize,
    phase: Phase,
    held: VecDeque<u8>,
    is_stalled: bool,
    has_memory: bool,
    read: u64,
    confirmed: u64,
}

/// The byte at a place. No ring here is as long as its period, so a piece that moved shows.
fn byte(place: u64) -> u8 {
    (place % 251) as u8
}

impl Way {
    fn new(script: &Script) -> Self {
        Self {
            state: RelayState::new(script.marks),
            obedient: script.obedient,
            high: script.marks.high().max(1),
            low: script.marks.low(),
            phase: Phase::Open,
            held: VecDeque::new(),
            is_stalled: false,
            has_memory: false,
            read: 0,
            confirmed: 0,
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Finished(_) | Phase::Failed)
    }

    fn due(&self) -> Option<EndKind> {
        match self.phase {
            Phase::Ending(tail) if self.held.is_empty() => Some(tail),
            _ => None,
        }
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::Receive(most) => self.receive(most),
            Op::Send(most) => self.send(most),
            Op::End(tail) => {
                self.state.end(tail);
                if self.phase == Phase::Open {
                    self.phase = Phase::Ending(tail);
                }
            }
            Op::Finish => {
                if let Some(tail) = self.due() {
                    self.state.finish();
                    self.phase = Phase::Finished(tail);
                }
            }
            Op::BreakOff => {
                self.state.break_off();
                if !self.is_over() {
                    self.phase = Phase::Failed;
                }
            }
            Op::Rest => {
                self.state.rest();
                self.has_memory &= !self.held.is_empty();
            }
        }
    }

    fn receive(&mut self, most: usize) {
        if self.phase != Phase::Open || self.obedient && self.is_stalled {
            return;
        }
        let wanted = self.state.wants_read();
        let room = self.state.room();
        self.has_memory = true;
        assert!(room.len() <= self.high - self.held.len(), "over the mark");
        assert!(!wanted || !room.is_empty(), "wanted, and no room");
        assert!(
            !self.held.is_empty() || room.len() == self.high,
            "in pieces"
        );
        let bytes = most.min(room.len());
        for slot in &mut room[..bytes] {
            *slot = byte(self.read);
            self.held.push_back(*slot);
            self.read += 1;
        }
        self.state.received(bytes);
        self.is_stalled |= self.held.len() == self.high;
    }

    fn send(&mut self, most: usize) {
        if self.phase == Phase::Failed {
            return;
        }
        let bytes = most.min(self.held.len());
        for sent in self.held.drain(..bytes) {
            assert_eq!(sent, byte(self.confirmed), "out of order");
            self.confirmed += 1;
        }
        self.state.sent(bytes);
        self.is_stalled &= self.held.len() > self.low;
    }

    fn compare(&self) {
        let Self { state, held, .. } = self;
        assert!(state.held().concat().into_iter().eq(held.iter().copied()));
        assert!(state.len() <= self.high, "over the mark");
        assert_eq!(state.len(), held.len());
        assert_eq!(state.is_empty(), held.is_empty());
        assert_eq!(
            (state.read(), state.confirmed()),
            (self.read, self.confirmed)
        );
        let is_open = self.phase == Phase::Open;
        assert_eq!(state.is_open(), is_open);
        assert_eq!(state.wants_read(), is_open && !self.is_stalled);
        assert_eq!(
            state.wants_write(),
            !held.is_empty() && self.phase != Phase::Failed
        );
        assert_eq!(state.due(), self.due());
        assert_eq!(state.is_over(), self.is_over());
        assert_eq!(
            state.has_ended(),
            self.phase == Phase::Finished(EndKind::End)
        );
        assert_eq!(state.can_rest(), self.has_memory && held.is_empty());
    }

    /// Brings it to its end, if it has none.
    fn wind_up(&mut self) {
        for op in [
            Op::End(EndKind::End),
            Op::Send(usize::MAX),
            Op::Finish,
            Op::Rest,
        ] {
            self.step(op);
            self.compare();
        }
        assert!(self.state.is_over());
    }

    /// Every byte that was read was sent, or is given back, and only by one that has failed.
    fn settle(self) {
        let undelivered = self.state.into_undelivered();
        assert_eq!(self.read, self.confirmed + undelivered.len() as u64);
        let places = self.confirmed..self.read;
        assert!(undelivered.into_iter().eq(places.map(byte)));
        assert!(self.confirmed == self.read || self.phase == Phase::Failed);
    }
}
