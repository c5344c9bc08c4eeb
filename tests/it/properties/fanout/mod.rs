//! `FanoutState` against a model that is too plain to be wrong, for the tests and the fuzzer.
//!
//! The model has a queue of its own for each branch, with a copy of each chunk. The machine has one
//! queue for all: it must give every branch the same, and keep no more chunks alive than that.

// By path, because the fuzz target includes this file by its path.
mod model;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use highwater::Batch;
use highwater::state::Load;
use highwater::state::{
    Answer, BranchId, BranchPolicy, Cut, Event, Events, FanoutState, Marks, Refused,
};

use model::{Model, Phase};

/// What is done to a fan-out, by its writer, by a branch (of that index) or by someone else.
#[derive(Clone, Copy, Debug)]
enum Op {
    Write(usize),
    Subscribe(BranchPolicy),
    Take(usize),
    Settle(usize, usize),
    Wait(usize),
    EndWait(usize),
    Leave(usize),
    Stop(usize),
    Abort(usize),
    /// The writer has waited for so long.
    Waited(u64),
    End,
    Fail,
    Destroy,
}

/// A fan-out's options, and what is done to it.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    marks: Marks,
    keeps_open: bool,
    /// The writer writes only while it need not wait.
    obedient: bool,
    ops: Vec<Op>,
}

const MARKS: [(usize, usize); 8] = [
    (0, 0),
    (1, 0),
    (2, 0),
    (3, 1),
    (5, 4),
    (8, 2),
    (20, 10),
    (20, 0),
];

/// As many as are interesting: the policies meet in pairs.
const BRANCHES_MAX: usize = 5;

/// Reads a script out of any bytes, the same one for the same bytes.
pub(crate) fn script(bytes: &[u8]) -> Script {
    let mut bytes = bytes.iter().copied();
    let options = usize::from(bytes.next().unwrap_or(0));
    let (high, low) = MARKS[options / 4 % MARKS.len()];
    let mut ops = Vec::new();
    while let Some(op) = bytes.next() {
        let arg = usize::from(bytes.next().unwrap_or(0));
        let (who, small) = (arg / 16, arg % 16);
        ops.push(match op {
            0..=89 if arg == 255 => Op::Write(usize::MAX),
            0..=89 => Op::Write(small),
            90..=149 => Op::Take(who),
            150..=189 => Op::Settle(who, small / 2),
            190..=211 => Op::Subscribe(match arg % 5 {
                0 => BranchPolicy::Slowest,
                1 => BranchPolicy::Cap(arg / 8),
                2 => BranchPolicy::DropOldest(arg / 8),
                3 => BranchPolicy::DropNewest(arg / 8),
                _ => BranchPolicy::Disconnect(Duration::from_secs(arg as u64 / 8)),
            }),
            212..=219 => Op::Wait(who),
            220..=222 => Op::EndWait(who),
            223..=232 => Op::Waited(arg as u64 % 12),
            233..=239 => Op::Leave(who),
            240..=243 => Op::Stop(who),
            244..=247 => Op::Abort(who),
            // What ends it all comes seldom, so that there is something for it to end.
            _ if small < 6 => Op::Take(who),
            248..=252 => Op::End,
            253..=254 => Op::Fail,
            255 => Op::Destroy,
        });
    }
    Script {
        marks: Marks::new(high, low).expect("each of `MARKS` is valid"),
        keeps_open: options & 1 != 0,
        obedient: options & 2 != 0,
        ops,
    }
}

/// A chunk that is known by its number, and counted while it lives.
#[derive(Debug)]
struct Chunk {
    number: u64,
    live: Rc<Cell<usize>>,
}

impl Clone for Chunk {
    fn clone(&self) -> Self {
        self.live.set(self.live.get() + 1);
        Self {
            number: self.number,
            live: Rc::clone(&self.live),
        }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.live.set(self.live.get() - 1);
    }
}

/// Why it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Cut(Cut),
    Said(u64),
}

impl From<Cut> for Why {
    fn from(cut: Cut) -> Self {
        Self::Cut(cut)
    }
}

struct Run {
    state: FanoutState<Chunk, Why>,
    model: Model,
    ids: Vec<BranchId>,
    hands: Vec<Batch<Chunk>>,
    live: Rc<Cell<usize>>,
    made: u64,
    obedient: bool,
}

/// Runs a script on the machine and on the model, and panics where they differ.
pub(crate) fn agrees_with_the_model(script: &Script) {
    let mut run = Run {
        state: FanoutState::new(script.marks, "byte"),
        model: Model::new(script.marks, script.keeps_open),
        ids: Vec::new(),
        hands: Vec::new(),
        live: Rc::default(),
        made: 0,
        obedient: script.obedient,
    };
    if script.keeps_open {
        run.state.keep_open();
    }
    for op in &script.ops {
        run.play(*op);
        run.compare();
    }
    let live = Rc::clone(&run.live);
    drop(run);
    assert_eq!(live.get(), 0, "a chunk was leaked");
}

impl Run {
    fn play(&mut self, op: Op) {
        let before = (self.model.admits(), self.model.is_over());
        let Some(events) = self.act(op) else {
            return;
        };
        // Nobody waits for something that is there already and was not told.
        if !before.0 && self.model.admits() {
            assert!(events.contains(Event::Drain), "{op:?} told no drain");
        }
        if !before.1 && self.model.is_over() {
            let told = events.contains(Event::Finish) || events.contains(Event::Close);
            assert!(told, "{op:?} told no end");
        }
        let is_finish = !before.1 && self.model.phase == Phase::Finished;
        assert_eq!(events.contains(Event::Finish), is_finish);
    }

    /// Does it to both. `None` if nothing is told of it, or there is no such branch.
    fn act(&mut self, op: Op) -> Option<Events> {
        self.made += 1;
        let why = Why::Said(self.made);
        match op {
            Op::Write(size) => {
                if !self.obedient || self.model.admits() {
                    self.write(size);
                }
                None
            }
            Op::Subscribe(policy) => {
                if self.ids.len() < BRANCHES_MAX {
                    self.ids.push(self.state.subscribe(policy));
                    self.hands.push(Batch::new());
                    self.model.subscribe(policy);
                }
                None
            }
            Op::Take(who) => self.who(who).map(|who| self.take(who)),
            Op::Settle(who, chunks) => self.who(who).map(|who| self.settle(who, chunks)),
            Op::Wait(who) => self.who(who).map(|who| {
                self.model.wait(who);
                self.state.begin_wait(self.ids[who])
            }),
            Op::EndWait(who) => {
                let who = self.who(who)?;
                self.model.branches[who].waits = false;
                self.state.end_wait(self.ids[who]);
                None
            }
            Op::Leave(who) => self.who(who).map(|who| {
                drop(self.hands[who].drain());
                self.model.leave(who, why);
                self.state.leave(self.ids[who], why)
            }),
            Op::Stop(who) => self.who(who).map(|who| {
                self.model.stop(who);
                self.state.stop(self.ids[who])
            }),
            Op::Abort(who) => self.who(who).map(|who| {
                if !self.model.is_over() && self.model.branches[who].is_live() {
                    drop(self.hands[who].drain());
                }
                self.model.abort(who, why);
                self.state.abort(self.ids[who], why)
            }),
            Op::Waited(seconds) => {
                let time = Duration::from_secs(seconds);
                let expected = self.model.waited(time);
                let (cut_off, events) = self.state.waited(time);
                let cut_off: Vec<usize> = cut_off.iter().map(|id| self.place(*id)).collect();
                assert_eq!(cut_off, expected);
                for who in cut_off {
                    drop(self.hands[who].drain());
                }
                Some(events)
            }
            Op::End => {
                self.model.end(None);
                Some(self.state.end())
            }
            Op::Fail => {
                self.model.end(Some(why));
                Some(self.state.fail(why))
            }
            Op::Destroy => {
                self.destroy(why);
                None
            }
        }
    }

    fn who(&self, who: usize) -> Option<usize> {
        (!self.ids.is_empty()).then(|| who % self.ids.len())
    }

    fn place(&self, id: BranchId) -> usize {
        let place = self.ids.iter().position(|known| *known == id);
        place.expect("the machine makes up no branch")
    }

    fn write(&mut self, size: usize) {
        self.live.set(self.live.get() + 1);
        let chunk = Chunk {
            number: self.made,
            live: Rc::clone(&self.live),
        };
        match (
            self.state.write(chunk, size),
            self.model.write(self.made, size),
        ) {
            (Ok(pressure), Ok(reached)) => assert_eq!(pressure.reached(), reached),
            (Err(Refused::Ended(chunk)), Err(Phase::Ending | Phase::Finished))
            | (Err(Refused::Destroyed(chunk)), Err(Phase::Destroyed)) => {
                assert_eq!(chunk.number, self.made, "the chunk is handed back");
            }
            (state, model) => panic!("{state:?}, and the model says {model:?}"),
        }
    }

    fn take(&mut self, who: usize) -> Events {
        let mut out = Batch::new();
        let (answer, events) = self.state.take(self.ids[who], &mut out);
        let (expected, stays) = self.model.take(who);
        let taken: Vec<u64> = out.iter().map(|chunk| chunk.number).collect();
        match expected {
            Ok(chunks) => {
                assert_eq!(answer, Answer::Chunks);
                assert_eq!(taken, chunks);
            }
            Err(expected) => {
                assert_eq!(answer, expected);
                assert!(out.is_empty());
            }
        }
        if stays {
            self.hands[who].append(&mut out);
        }
        events
    }

    fn settle(&mut self, who: usize, chunks: usize) -> Events {
        let (mut settled, mut load) = (0, Load::NONE);
        while settled < chunks
            && let Some(first) = self.hands[who].pop()
        {
            settled += 1;
            load += Load::of(first.weight);
        }
        self.model.settle(who, settled);
        self.state.settle(self.ids[who], settled, load)
    }

    fn destroy(&mut self, why: Why) {
        let expected = self.model.queued();
        let was_over = self.model.is_over();
        let given_back = self.state.destroy(why);
        self.model.destroy(why);
        if !was_over {
            let given_back: Vec<u64> = given_back.iter().map(|chunk| chunk.number).collect();
            assert_eq!(given_back, expected, "what some branch had still to take");
            self.hands.iter_mut().for_each(|hand| drop(hand.drain()));
        }
    }

    /// What can be asked of the machine agrees with the model.
    fn compare(&mut self) {
        drop(self.state.take_let_go());
        let (state, model) = (&self.state, &self.model);
        assert_eq!(state.len(), model.len());
        assert_eq!(state.held(), model.held());
        assert_eq!(state.needs_drain(), model.needs_drain);
        assert_eq!(state.admits(), model.admits());
        assert_eq!(state.is_ended(), model.ended);
        assert_eq!(state.is_over(), model.is_over());
        assert_eq!(state.is_writable(), model.phase == Phase::Open);
        assert_eq!(state.branches(), model.live().count());
        assert_eq!(state.patience(), model.patience());
        for (id, branch) in self.ids.iter().zip(&model.branches) {
            assert_eq!(state.gone(*id), branch.told(model));
            if branch.is_live() {
                assert_eq!(state.lag(*id), branch.lag());
                assert_eq!(state.dropped(*id).chunks, branch.missed.0);
                assert_eq!(state.dropped(*id).weight, branch.missed.1);
                assert_eq!(state.is_filled(*id), branch.is_filled(model));
                assert!(branch.is_within_its_cap(), "{branch:?}");
            }
        }
        // One queue for all, and what each has in hand; what is set aside is a branch's own.
        let in_hand: usize = self.hands.iter().map(Batch::len).sum();
        let expected = model.shared() + model.aside() + in_hand;
        assert_eq!(self.live.get(), expected, "chunks are alive");
        if self.obedient {
            model.check_the_bound();
        }
    }
}
