//! `ReadableState` against a model that is too plain to be wrong, for the tests and the fuzzer.
//!
//! The model has all that is buffered as one run of bytes. The ledger knows no rules: it follows
//! the pulls and the events.

// By path, because the fuzz target includes this file by its path.
mod ledger;
mod model;

use highwater::Batch;
use highwater::state::{Marks, Misuse, READ_MAX, ReadableState, Reads};

use ledger::Ledger;
use model::Model;

/// What is done to a stream, by its reader, by its source or by someone else.
#[derive(Clone, Debug)]
enum Op {
    Push(usize),
    PushBatch(Vec<usize>),
    PushEnd,
    Unshift(usize),
    Next,
    Read(Option<usize>),
    /// Reads just what is there, and so much more.
    ReadAll(usize),
    Destroy(Option<u8>),
    Poll,
    Released,
    TakeBuffer,
}

/// A stream's options, and what is done to it.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    marks: Marks,
    unit: Unit,
    /// The source asks after each operation, and not only when the script says so.
    prompt: bool,
    ops: Vec<Op>,
}

/// What a chunk counts for, and what a read takes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Unit {
    Bytes,
    Items,
    /// Chunks are read whole and weigh what their size is, which may be nothing.
    WeighedItems,
}

/// Reads a script out of any bytes, the same one for the same bytes.
pub(crate) fn script(bytes: &[u8]) -> Script {
    let mut bytes = bytes.iter().copied();
    let (options, marks) = (bytes.next().unwrap_or(0), bytes.next().unwrap_or(0));
    let (high, low) = MARKS[usize::from(marks) % MARKS.len()];
    let mut ops = Vec::new();
    while let Some(byte) = bytes.next() {
        let mut size = || match usize::from(bytes.next().unwrap_or(0)) % 10 {
            7 => high.saturating_sub(1),
            8 => high,
            9 => high + 1,
            small => small,
        };
        ops.push(match byte {
            0..=59 => Op::Push(size()),
            60..=74 => Op::PushBatch((0..byte % 4).map(|_| size()).collect()),
            75..=119 => Op::Poll,
            120..=144 => Op::Next,
            145..=159 => Op::Read(None),
            160..=169 => Op::ReadAll(0),
            170..=174 => Op::ReadAll(1),
            175..=209 => Op::Read(Some(size())),
            210..=213 => Op::Read(Some(2 * size() + 1)),
            214 => Op::Read(Some(READ_MAX)),
            215 => Op::Read(Some(READ_MAX + 1 + size())),
            216..=233 => Op::Unshift(size()),
            234..=238 => Op::TakeBuffer,
            239..=247 => Op::Released,
            248..=252 => Op::PushEnd,
            253..=254 => Op::Destroy(None),
            255 => Op::Destroy(Some(byte)),
        });
    }
    Script {
        marks: Marks::new(high, low).expect("each of `MARKS` is valid"),
        unit: [Unit::Bytes, Unit::Bytes, Unit::Items, Unit::WeighedItems][usize::from(options % 4)],
        prompt: options & 4 != 0,
        ops,
    }
}

const MARKS: [(usize, usize); 10] = [
    (0, 0),
    (1, 0),
    (2, 0),
    (2, 1),
    (3, 1),
    (5, 0),
    (5, 4),
    (8, 2),
    (20, 0),
    (20, 10),
];

/// Runs a script on the machine and on the model, and panics where they differ.
pub(crate) fn agrees_with_the_model(script: &Script) {
    let (weigh, reads): (fn(&Vec<u8>) -> usize, Reads) = match script.unit {
        Unit::Bytes => (Vec::len, Reads::Bytes),
        Unit::Items => (|_| 1, Reads::Items),
        Unit::WeighedItems => (Vec::len, Reads::Items),
    };
    let mut run = Run {
        state: ReadableState::new(script.marks, weigh, reads),
        model: Model::new(script),
        ledger: Ledger::new(script.marks),
        made: 0,
    };
    for op in &script.ops {
        run.step(op);
        if script.prompt {
            run.step(&Op::Poll);
        }
    }
    run.wind_up();
}

struct Run {
    state: ReadableState<Vec<u8>, Cause>,
    model: Model,
    ledger: Ledger,
    /// How many bytes were made so far. Each one is told from its neighbours by its value.
    made: usize,
}

impl Run {
    fn step(&mut self, op: &Op) {
        match op {
            Op::Push(size) => {
                let chunk = self.chunk(*size);
                let answer = self.state.push(chunk.clone());
                self.ledger.answered();
                assert_eq!(answer, self.model.push(chunk));
            }
            Op::PushBatch(sizes) => {
                let chunks: Vec<Vec<u8>> = sizes.iter().map(|size| self.chunk(*size)).collect();
                let mut batch = Batch::new();
                for chunk in &chunks {
                    batch.push(chunk.clone(), self.model.weigh(chunk.len()));
                }
                let answer = self.state.push_batch(&mut batch);
                self.ledger.answered();
                let refused: Vec<Vec<u8>> = batch.into_iter().collect();
                assert_eq!((answer, refused), self.model.push_batch(chunks));
            }
            Op::PushEnd => {
                self.state.push_end();
                self.ledger.answered();
                self.ledger.source_ended = true;
                self.model.push_end();
            }
            Op::Unshift(size) => {
                let chunk = self.chunk(*size);
                let answer = self.state.unshift(chunk.clone());
                assert_eq!(answer, self.model.unshift(chunk));
            }
            Op::Next => {
                let (taken, events) = self.state.next();
                self.ledger.read(taken.is_some(), &self.state);
                let events = self.ledger.told(events, &self.state);
                let taken = taken.map(|taken| (taken.chunk, taken.weight));
                assert_eq!((taken, events), self.model.next());
            }
            Op::Read(wanted) => self.read(*wanted),
            Op::ReadAll(more) => self.read(Some(self.state.len() + more)),
            Op::Destroy(code) => {
                self.state.destroy(code.map(Cause::Given));
                self.model.destroy(code.map(Cause::Given));
            }
            Op::Poll => {
                let pull = self.state.next_pull();
                self.ledger.pulled(pull, &self.state);
                assert_eq!(pull, self.model.next_pull());
            }
            Op::Released => {
                let events = self.state.released();
                let events = self.ledger.told(events, &self.state);
                assert_eq!(events, self.model.released());
            }
            Op::TakeBuffer => {
                let taken: Vec<Vec<u8>> = self.state.take_buffer().into_iter().collect();
                assert_eq!(taken, self.model.take_buffer());
            }
        }
        assert_eq!(Looks::of(&self.state), self.model.looks(), "after {op:?}");
        self.ledger.check(&self.state);
    }

    fn read(&mut self, wanted: Option<usize>) {
        let answer = self.state.read(wanted).map(|(taken, events)| {
            if wanted != Some(0) {
                self.ledger.read(taken.is_some(), &self.state);
            }
            let events = self.ledger.told(events, &self.state);
            (taken.map(|taken| taken.into_iter().collect()), events)
        });
        assert_eq!(answer, self.model.read(wanted));
    }

    fn chunk(&mut self, size: usize) -> Vec<u8> {
        // A prime, so that no mark and no size hides a gap of one round.
        let chunk = (self.made..self.made + size).map(|number| (number % 251) as u8);
        self.made += size;
        chunk.collect()
    }

    /// Lets the stream come to its end, wherever it is, and checks that it does.
    fn wind_up(&mut self) {
        self.feed_a_read();
        self.step(&Op::PushEnd);
        // All there is, chunk by chunk where that is what a read takes, and the end.
        while self.state.is_readable() {
            self.step(&Op::Read(None));
        }
        self.step(&Op::Poll);
        self.step(&Op::Released);
        assert!(self.state.is_closed());
    }

    /// Reads as much as the mark while the source gives a little at a time.
    fn feed_a_read(&mut self) {
        // A mark that a read has raised to a gigabyte is not to be filled here.
        let wanted = self.state.high().clamp(1, 64);
        while self.state.is_readable() && !self.state.is_last() {
            let before = self.model.met;
            self.step(&Op::Read(Some(wanted)));
            if self.model.met > before {
                return;
            }
            self.step(&Op::Poll);
            self.step(&Op::Push(1));
        }
    }
}

/// What a stream shows of itself.
#[derive(Debug, PartialEq)]
struct Looks {
    len: usize,
    is_buffer_empty: bool,
    high: usize,
    is_ended: bool,
    is_last: bool,
    is_destroyed: bool,
    is_closed: bool,
    is_readable: bool,
    errored: Option<Cause>,
}

impl Looks {
    fn of(state: &ReadableState<Vec<u8>, Cause>) -> Self {
        Self {
            len: state.len(),
            is_buffer_empty: state.is_buffer_empty(),
            high: state.high(),
            is_ended: state.is_ended(),
            is_last: state.is_last(),
            is_destroyed: state.is_destroyed(),
            is_closed: state.is_closed(),
            is_readable: state.is_readable(),
            errored: state.errored().cloned(),
        }
    }
}

/// What a stream failed with.
#[derive(Clone, Debug, PartialEq)]
enum Cause {
    Misuse(Misuse),
    Given(u8),
}

impl From<Misuse> for Cause {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}
