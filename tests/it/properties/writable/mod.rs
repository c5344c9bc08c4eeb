//! `WritableState` against a model that is too plain to be wrong, for the tests and the fuzzer.
//!
//! The model follows the rules as they are told. The ledger knows no rules: it follows each chunk
//! from the write that took it to where it went.

// By path, because the fuzz target includes this file by its path.
mod ledger;
mod model;

use std::cell::Cell;
use std::rc::Rc;

use highwater::Batch;
use highwater::state::Load;
use highwater::state::{Batching, Marks, Misuse, Pressure, SinkRequest, WritableState};

use ledger::Ledger;
use model::Model;

/// What is done to a stream, by its writer, by its sink or by someone else.
#[derive(Clone, Copy, Debug)]
enum Op {
    Write(usize),
    Cork,
    Uncork,
    End,
    EndWith(usize),
    Poll,
    Progress(usize),
    Complete,
    Fail(u8),
    Destroy(Option<u8>),
    Released,
    Recycle,
}

/// A stream's options, and what is done to it.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    marks: Marks,
    batching: Batching,
    /// Chunks weigh 1, and not what their size is.
    by_items: bool,
    /// Chunks that weigh nothing count 1, as in every stream of the library and not as in Node.
    charges: bool,
    /// The writer writes only while it need not wait.
    obedient: bool,
    /// The sink asks after each operation, and not only when the script says so.
    prompt: bool,
    ops: Vec<Op>,
}

/// Reads a script out of any bytes, the same one for the same bytes.
pub(crate) fn script(bytes: &[u8]) -> Script {
    let mut bytes = bytes.iter().copied();
    let (options, marks) = (bytes.next().unwrap_or(0), bytes.next().unwrap_or(0));
    let (high, low) = MARKS[usize::from(marks) % MARKS.len()];
    let (mut ops, mut ended, mut destroyed) = (Vec::new(), false, false);
    while let Some(byte) = bytes.next() {
        let mut size = || match usize::from(bytes.next().unwrap_or(0)) % 10 {
            7 => high.saturating_sub(1),
            8 => high,
            9 => high + 1,
            small => small,
        };
        let op = match byte {
            // A write after the end is the end of it all: with many of them no stream would finish.
            0..=79 if ended && byte % 8 != 0 => Op::Complete,
            0..=79 => Op::Write(size()),
            80..=139 => Op::Poll,
            // Hardly any script would come by itself to a sink that fails too late.
            140..=184 if destroyed && byte % 2 != 0 => Op::Fail(byte),
            140..=184 => Op::Complete,
            185..=199 => Op::Progress(size()),
            200..=207 => Op::Cork,
            208..=219 => Op::Uncork,
            220..=229 => Op::Recycle,
            230..=238 => Op::Released,
            239..=242 => Op::End,
            243..=245 => Op::EndWith(size()),
            246..=250 => Op::Fail(byte),
            251..=253 => Op::Destroy(None),
            254..=255 => Op::Destroy(Some(byte)),
        };
        ended |= matches!(op, Op::End | Op::EndWith(_));
        destroyed |= matches!(op, Op::Destroy(_));
        ops.push(op);
    }
    Script {
        marks: Marks::new(high, low).expect("each of `MARKS` is valid"),
        batching: [Batching::All, Batching::One][usize::from(options & 1)],
        by_items: options & 2 != 0,
        charges: options & 16 != 0,
        obedient: options & 4 != 0,
        prompt: options & 8 != 0,
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
    let weigh: fn(&Chunk) -> usize = if script.by_items {
        |chunk| chunk.weighed_as(1)
    } else {
        |chunk| chunk.weighed_as(chunk.size)
    };
    let state = WritableState::new(script.marks, weigh, script.batching);
    let mut run = Run {
        state: if script.charges {
            state.charging_weightless()
        } else {
            state
        },
        model: Model::new(script),
        ledger: Ledger::default(),
        obedient: script.obedient,
        batch: Batch::new(),
    };
    for op in &script.ops {
        run.step(*op);
        if script.prompt {
            run.step(Op::Poll);
        }
    }
    run.wind_up();
}

struct Run {
    state: WritableState<Chunk, Cause>,
    model: Model,
    ledger: Ledger,
    obedient: bool,
    /// What the sink has in hand, or had last.
    batch: Batch<Chunk>,
}

impl Run {
    fn step(&mut self, op: Op) {
        match op {
            Op::Write(_) if self.obedient && self.state.needs_drain() => {}
            Op::Write(size) => {
                let chunk = self.ledger.new_chunk(size);
                let weight = self.model.weigh(&chunk);
                let token = Rc::clone(&chunk.token);
                let answer = self.state.write(chunk);
                let answer = self.ledger.took(&token, answer);
                assert_eq!(answer, self.model.write(weight));
                self.ledger.owed_drain |= answer == Ok(Pressure::Reached);
                let most = self.model.high.saturating_sub(1) + self.model.charge(weight);
                let bounded = answer.is_err() || self.state.len() <= most;
                assert!(bounded || !self.obedient, "more than the mark and a chunk");
            }
            Op::EndWith(size) => {
                let chunk = self.ledger.new_chunk(size);
                let weight = self.model.weigh(&chunk);
                let token = Rc::clone(&chunk.token);
                let answer = self.state.end_with(chunk);
                let answer = self.ledger.took(&token, answer);
                assert_eq!(answer, self.model.end_with(weight));
            }
            Op::Cork => {
                self.state.cork();
                self.model.corks += 1;
            }
            Op::Uncork => {
                self.state.uncork();
                self.model.corks = self.model.corks.saturating_sub(1);
            }
            Op::End => {
                self.state.end();
                self.model.end();
            }
            Op::Poll => self.poll(),
            Op::Progress(weight) => {
                // So many of those that weigh nothing, too.
                let weightless = weight;
                let events = self.state.progress(Load { weight, weightless });
                assert_eq!(
                    self.ledger.told(events, &self.state),
                    self.model.progress(weight)
                );
            }
            Op::Complete => {
                let events = self.state.complete();
                self.ledger.answered();
                assert_eq!(self.ledger.told(events, &self.state), self.model.complete());
            }
            Op::Fail(code) => {
                let handed_back = self.state.fail(Cause::Given(code));
                self.ledger.answered();
                let ids = self.ledger.handed_back(handed_back);
                assert_eq!(ids, self.model.fail(Cause::Given(code)));
            }
            Op::Destroy(code) => {
                let handed_back = self.state.destroy(code.map(Cause::Given));
                let ids = self.ledger.handed_back(handed_back);
                assert_eq!(ids, self.model.destroy(code.map(Cause::Given)));
            }
            Op::Released => {
                let events = self.state.released();
                self.ledger.let_go();
                assert_eq!(self.ledger.told(events, &self.state), self.model.released());
            }
            // The chunks are still in it, and must not come back with its memory.
            Op::Recycle if self.model.asked.is_none() => {
                self.state.recycle(std::mem::take(&mut self.batch));
            }
            Op::Recycle => {}
        }
        assert_eq!(Looks::of(&self.state), self.model.looks(), "after {op:?}");
        self.ledger.check();
    }

    fn poll(&mut self) {
        let asked = match self.state.next_request() {
            Some(SinkRequest::Write(batch)) => {
                let weights = batch
                    .iter()
                    .map(|chunk| self.model.weigh(chunk))
                    .sum::<usize>();
                assert_eq!(batch.weight(), weights);
                self.batch = batch;
                Some(Asked::Write(
                    self.batch.iter().map(|chunk| chunk.id).collect(),
                ))
            }
            Some(SinkRequest::Final) => Some(Asked::Final),
            Some(SinkRequest::Release) => Some(Asked::Release),
            None => None,
        };
        assert_eq!(asked, self.model.next_request());
        if let Some(asked) = asked {
            self.ledger.asked(asked);
        }
    }

    /// Lets the stream come to its end, wherever it is, and checks that it does.
    fn wind_up(&mut self) {
        while self.state.corked() > 0 {
            self.step(Op::Uncork);
        }
        self.answer_everything();
        assert!(!self.state.needs_drain() && self.state.len() == 0, "stuck");
        self.step(Op::End);
        self.answer_everything();
        assert!(self.state.is_closed() && self.state.is_queue_empty());
        self.ledger.check_closed(self.state.is_finished());
    }

    fn answer_everything(&mut self) {
        loop {
            self.step(Op::Poll);
            match self.model.asked {
                Some(Asked::Release) => self.step(Op::Released),
                Some(_) => self.step(Op::Complete),
                None => return,
            }
        }
    }
}

/// What a stream shows of itself.
#[derive(Debug, PartialEq)]
struct Looks {
    len: usize,
    needs_drain: bool,
    corked: usize,
    is_ended: bool,
    is_finished: bool,
    is_destroyed: bool,
    is_closed: bool,
    is_writable: bool,
    is_running: bool,
    is_request_due: bool,
    is_queue_empty: bool,
    errored: Option<Cause>,
}

impl Looks {
    fn of(state: &WritableState<Chunk, Cause>) -> Self {
        Self {
            len: state.len(),
            needs_drain: state.needs_drain(),
            corked: state.corked(),
            is_ended: state.is_ended(),
            is_finished: state.is_finished(),
            is_destroyed: state.is_destroyed(),
            is_closed: state.is_closed(),
            is_writable: state.is_writable(),
            is_running: state.is_running(),
            is_request_due: state.is_request_due(),
            is_queue_empty: state.is_queue_empty(),
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

/// What the sink has in hand, a batch by the numbers of its chunks.
#[derive(Clone, Debug, PartialEq)]
enum Asked {
    Write(Vec<usize>),
    Final,
    Release,
}

struct Chunk {
    id: usize,
    size: usize,
    /// Shared with the ledger, which so sees whether the chunk still exists. Counts how often it
    /// was weighed.
    token: Rc<Cell<usize>>,
}

impl Chunk {
    fn weighed_as(&self, weight: usize) -> usize {
        self.token.set(self.token.get() + 1);
        weight
    }
}
