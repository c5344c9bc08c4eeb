//! What a fan-out is, told as plainly as can be: a queue for each branch.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use highwater::state::{Answer, BranchPolicy, Cut, Marks};

use super::Why;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    Ending,
    Finished,
    Destroyed,
}

/// How many chunks a branch is given at a time.
const BATCH_MAX: usize = 32;

/// A chunk: its number, and what it weighs.
type Chunk = (u64, usize);

#[derive(Debug)]
pub(super) struct Branch {
    policy: BranchPolicy,
    /// What it has still to take.
    unread: VecDeque<Chunk>,
    /// How many of those are the branch's own copies.
    aside: usize,
    hand: VecDeque<Chunk>,
    pub(super) missed: (u64, u64),
    offset: u64,
    pub(super) waits: bool,
    waited: Duration,
    stopped: bool,
    left: bool,
    cut: Option<Why>,
}

/// What some chunks count for: one that weighs nothing counts 1.
fn charge<'a>(chunks: impl IntoIterator<Item = &'a Chunk>) -> usize {
    let charges = chunks.into_iter().map(|chunk| chunk.1.max(1));
    charges.fold(0, usize::saturating_add)
}

impl Branch {
    pub(super) fn is_live(&self) -> bool {
        !self.left && self.cut.is_none()
    }

    pub(super) fn lag(&self) -> usize {
        charge(self.unread.iter().chain(&self.hand))
    }

    fn paces(&self) -> bool {
        self.policy.paces() && !self.stopped
    }

    fn is_done(&self) -> bool {
        self.unread.is_empty() && self.hand.is_empty()
    }

    pub(super) fn told(&self, model: &Model) -> Option<Why> {
        self.cut.or(model.errored)
    }

    pub(super) fn is_filled(&self, model: &Model) -> bool {
        !self.unread.is_empty() || self.stopped || model.ended
    }

    fn cap(&self) -> Option<usize> {
        match self.policy {
            BranchPolicy::Cap(cap)
            | BranchPolicy::DropOldest(cap)
            | BranchPolicy::DropNewest(cap) => Some(cap),
            _ => None,
        }
    }

    /// No more than that, or one chunk.
    pub(super) fn is_within_its_cap(&self) -> bool {
        (self.cap()).is_none_or(|cap| self.lag() <= cap || self.unread.len() <= 1)
    }

    fn is_over(&self, cap: usize, weight: usize) -> bool {
        self.lag() > 0 && self.lag().saturating_add(weight.max(1)) > cap
    }

    fn clear(&mut self) {
        self.unread.clear();
        self.hand.clear();
        self.aside = 0;
    }
}

#[derive(Debug)]
pub(super) struct Model {
    marks: Marks,
    keeps_open: bool,
    pub(super) phase: Phase,
    pub(super) ended: bool,
    failure: Option<Why>,
    errored: Option<Why>,
    pub(super) needs_drain: bool,
    /// A branch that has left had read everything.
    complete: bool,
    largest: usize,
    pub(super) branches: Vec<Branch>,
}

impl Model {
    pub(super) fn new(marks: Marks, keeps_open: bool) -> Self {
        Self {
            marks,
            keeps_open,
            phase: Phase::Open,
            ended: false,
            failure: None,
            errored: None,
            needs_drain: false,
            complete: false,
            largest: 0,
            branches: Vec::new(),
        }
    }

    pub(super) fn live(&self) -> impl Iterator<Item = &Branch> {
        self.branches.iter().filter(|branch| branch.is_live())
    }

    fn pacing(&self) -> impl Iterator<Item = &Branch> {
        self.live().filter(|branch| branch.paces())
    }

    pub(super) fn len(&self) -> usize {
        self.pacing().map(Branch::lag).max().unwrap_or(0)
    }

    pub(super) fn held(&self) -> usize {
        self.live().map(Branch::lag).max().unwrap_or(0)
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Finished | Phase::Destroyed)
    }

    pub(super) fn admits(&self) -> bool {
        self.phase == Phase::Open
            && !self.needs_drain
            && (self.marks.high() > 0 || self.pacing().all(|branch| branch.waits))
    }

    pub(super) fn subscribe(&mut self, policy: BranchPolicy) {
        self.branches.push(Branch {
            policy,
            unread: VecDeque::new(),
            aside: 0,
            hand: VecDeque::new(),
            missed: (0, 0),
            offset: 0,
            waits: false,
            waited: Duration::ZERO,
            stopped: false,
            left: false,
            cut: None,
        });
    }

    /// Says whether the next write would wait.
    pub(super) fn write(&mut self, number: u64, weight: usize) -> Result<bool, Phase> {
        if self.phase != Phase::Open {
            return Err(self.phase);
        }
        let weight = weight.min((usize::MAX / 2).saturating_sub(self.held()));
        self.largest = self.largest.max(weight.max(1));
        for who in 0..self.branches.len() {
            let branch = &mut self.branches[who];
            if !branch.is_live() || branch.stopped {
                continue;
            }
            match branch.policy {
                BranchPolicy::Cap(limit) if branch.is_over(limit, weight) => {
                    let offset = branch.offset;
                    let unit = "byte";
                    let cut = Cut::Behind {
                        limit,
                        offset,
                        unit,
                    };
                    self.cut(who, Why::Cut(cut));
                    continue;
                }
                BranchPolicy::DropNewest(cap) if branch.is_over(cap, weight) => {
                    branch.missed.0 += 1;
                    branch.missed.1 = branch.missed.1.saturating_add(weight as u64);
                    branch.aside = branch.unread.len();
                    continue;
                }
                BranchPolicy::DropOldest(cap) => {
                    while branch.is_over(cap, weight) {
                        let oldest = branch.unread.pop_front().expect("it has something");
                        branch.missed.0 += 1;
                        branch.missed.1 = branch.missed.1.saturating_add(oldest.1 as u64);
                    }
                }
                _ => {}
            }
            branch.unread.push_back((number, weight));
        }
        if self.phase != Phase::Open {
            return Err(self.phase);
        }
        for branch in &mut self.branches {
            branch.waits = false;
        }
        let is_rendezvous = self.marks.high() == 0 && self.pacing().next().is_some();
        let len = self.len();
        let reached = is_rendezvous || (len > 0 && len >= self.marks.high());
        self.needs_drain |= reached && len > self.marks.low();
        Ok(reached)
    }

    /// What a branch gets, and whether that is in its hands until it is settled.
    pub(super) fn take(&mut self, who: usize) -> (Result<Vec<u64>, Answer<Why>>, bool) {
        let told = self.branches[who].told(self);
        let branch = &mut self.branches[who];
        if let Some(why) = told {
            return (Err(Answer::Gone(why)), false);
        }
        if branch.left {
            return (Err(Answer::End), false);
        }
        branch.waits = false;
        if branch.unread.is_empty() {
            let answer = match self.failure {
                _ if branch.stopped => Answer::End,
                _ if !self.ended => Answer::Nothing,
                Some(failure) => Answer::Gone(failure),
                None => Answer::End,
            };
            return (Err(answer), false);
        }
        if branch.paces() {
            let taken = branch.unread.len().min(BATCH_MAX);
            let taken: Vec<Chunk> = branch.unread.drain(..taken).collect();
            branch.hand.extend(&taken);
            return (Ok(taken.iter().map(|chunk| chunk.0).collect()), true);
        }
        let first = branch.unread.pop_front().expect("it is not empty");
        branch.aside = branch.aside.saturating_sub(1);
        branch.offset = branch.offset.saturating_add(first.1 as u64);
        self.follow_up();
        (Ok(vec![first.0]), false)
    }

    pub(super) fn settle(&mut self, who: usize, chunks: usize) {
        let low = self.marks.low();
        let branch = &mut self.branches[who];
        if !branch.is_live() {
            return;
        }
        for chunk in branch.hand.drain(..chunks) {
            branch.offset = branch.offset.saturating_add(chunk.1 as u64);
        }
        if branch.lag() <= low {
            branch.waited = Duration::ZERO;
        }
        self.follow_up();
    }

    pub(super) fn wait(&mut self, who: usize) {
        let branch = &mut self.branches[who];
        branch.waits = true;
        branch.waited = Duration::ZERO;
    }

    pub(super) fn leave(&mut self, who: usize, why: Why) {
        if self.branches[who].is_live() {
            self.branches[who].left = true;
            self.gone(who, why);
        }
        // It is told nothing of its own any more.
        self.branches[who].left = true;
        self.branches[who].cut = None;
        self.follow_up();
    }

    pub(super) fn stop(&mut self, who: usize) {
        let branch = &mut self.branches[who];
        if self.phase == Phase::Open && branch.is_live() && !branch.stopped {
            branch.stopped = true;
            branch.aside = branch.unread.len();
        }
        self.follow_up();
    }

    pub(super) fn abort(&mut self, who: usize, why: Why) {
        if !self.is_over() && self.branches[who].is_live() {
            self.cut(who, why);
        }
        self.follow_up();
    }

    fn cut(&mut self, who: usize, why: Why) {
        self.branches[who].cut = Some(why);
        self.gone(who, why);
    }

    /// A branch is no more. Was it the last?
    fn gone(&mut self, who: usize, why: Why) {
        self.complete |= self.ended && self.branches[who].is_done();
        self.branches[who].clear();
        let unread = self.phase == Phase::Open || (self.phase == Phase::Ending && !self.complete);
        if self.live().next().is_none() && !self.keeps_open && unread {
            self.tear_down(why);
        }
    }

    fn holds_up(&self, branch: &Branch) -> bool {
        branch.is_live()
            && match self.phase {
                Phase::Open if self.marks.high() == 0 => branch.paces() && !branch.waits,
                Phase::Open => {
                    branch.paces() && self.needs_drain && branch.lag() > self.marks.low()
                }
                Phase::Ending => !branch.is_done(),
                Phase::Finished | Phase::Destroyed => false,
            }
    }

    pub(super) fn patience(&self) -> Option<Duration> {
        let left = |branch: &Branch| match branch.policy {
            BranchPolicy::Disconnect(after) if self.holds_up(branch) => {
                Some(after.saturating_sub(branch.waited))
            }
            _ => None,
        };
        self.branches.iter().filter_map(left).min()
    }

    pub(super) fn waited(&mut self, time: Duration) -> Vec<usize> {
        let mut cut_off = Vec::new();
        for who in 0..self.branches.len() {
            let BranchPolicy::Disconnect(after) = self.branches[who].policy else {
                continue;
            };
            if !self.holds_up(&self.branches[who]) {
                continue;
            }
            let branch = &mut self.branches[who];
            branch.waited += time;
            if branch.waited >= after {
                cut_off.push(who);
                let (offset, unit) = (branch.offset, "byte");
                let cut = Cut::Slow {
                    after,
                    offset,
                    unit,
                };
                self.cut(who, Why::Cut(cut));
            }
        }
        self.follow_up();
        cut_off
    }

    pub(super) fn end(&mut self, failure: Option<Why>) {
        if self.phase == Phase::Open {
            self.phase = Phase::Ending;
            self.failure = failure;
            self.needs_drain = false;
        }
        self.ended = true;
        self.follow_up();
    }

    pub(super) fn destroy(&mut self, why: Why) {
        if !self.is_over() {
            self.tear_down(why);
        }
    }

    fn tear_down(&mut self, why: Why) {
        self.phase = Phase::Destroyed;
        self.errored = Some(self.failure.unwrap_or(why));
        self.ended = true;
        self.needs_drain = false;
        for branch in &mut self.branches {
            branch.clear();
            branch.stopped = false;
        }
    }

    fn follow_up(&mut self) {
        self.needs_drain &= self.len() > self.marks.low();
        if self.phase == Phase::Ending && self.live().all(Branch::is_done) {
            self.phase = Phase::Finished;
        }
    }

    /// The numbers of what is in the queue: what some branch has to take, in order, and what was
    /// written behind the first of that.
    pub(super) fn queued(&self) -> Vec<u64> {
        let of_queue = self
            .live()
            .flat_map(|branch| branch.unread.iter().skip(branch.aside));
        let numbers: BTreeSet<u64> = of_queue.map(|chunk| chunk.0).collect();
        numbers.into_iter().collect()
    }

    pub(super) fn shared(&self) -> usize {
        self.queued().len()
    }

    pub(super) fn aside(&self) -> usize {
        self.live().map(|branch| branch.aside).sum()
    }

    /// What an obedient writer's branches have still to read between them, each chunk once, is no
    /// more than the marks and the caps say.
    pub(super) fn check_the_bound(&self) {
        let all = self
            .live()
            .flat_map(|branch| branch.unread.iter().chain(&branch.hand));
        let distinct: BTreeSet<Chunk> = all.copied().collect();
        let held = distinct
            .iter()
            .map(|chunk| chunk.1.max(1) as u128)
            .sum::<u128>();
        let largest = self.largest as u128;
        let paced = (self.marks.high() as u128).saturating_sub(1) + largest;
        let (mut shared, mut own) = (0, 0);
        for branch in self.live() {
            let most = branch.cap().map_or(paced, |cap| largest.max(cap as u128));
            shared = most.max(shared);
            if branch.stopped || (branch.missed.0 > 0 && branch.aside > 0) {
                own += most;
            }
        }
        assert!(held <= shared + own, "{held} of {shared} and {own}");
    }
}
