//! The rules of the writing side in their plainest form.

use std::collections::VecDeque;

use highwater::state::{Batching, Event, Misuse, Pressure, Refused};

use super::{Asked, Cause, Chunk, Looks, Script};

/// A flag for each word of the rules, and sums that are made anew each time.
pub(super) struct Model {
    pub(super) high: usize,
    low: usize,
    batching: Batching,
    by_items: bool,
    charges: bool,
    /// How many chunks were taken so far, which is the number of the next one.
    taken: usize,
    /// Each chunk's number and weight.
    queue: VecDeque<(usize, usize)>,
    pub(super) asked: Option<Asked>,
    /// What the sink has in hand and has not reported as written.
    unwritten: usize,
    /// How many chunks of it weigh nothing, if those count.
    blanks: usize,
    /// What was queued at a destroy, as long as the sink has something in hand.
    lingering: usize,
    pub(super) corks: usize,
    told_to_wait: bool,
    ended: bool,
    finished: bool,
    destroyed: bool,
    closed: bool,
    error: Option<Cause>,
    /// The error is to be told. One that comes after the destroy is not.
    loud: bool,
}

impl Model {
    pub(super) fn new(script: &Script) -> Self {
        Self {
            high: script.marks.high(),
            low: script.marks.low(),
            batching: script.batching,
            by_items: script.by_items,
            charges: script.charges,
            taken: 0,
            queue: VecDeque::new(),
            asked: None,
            unwritten: 0,
            blanks: 0,
            lingering: 0,
            corks: 0,
            told_to_wait: false,
            ended: false,
            finished: false,
            destroyed: false,
            closed: false,
            error: None,
            loud: false,
        }
    }

    pub(super) fn write(&mut self, weight: usize) -> Result<Pressure, Refused<()>> {
        if self.ended {
            if !self.destroyed {
                self.tear_down(Some(Misuse::WriteAfterEnd.into()));
            }
            return Err(Refused::Ended(()));
        }
        if self.destroyed {
            return Err(Refused::Destroyed(()));
        }
        self.queue.push_back((self.taken, weight));
        self.taken += 1;
        if self.len() < self.high || self.len() == 0 {
            return Ok(Pressure::Below);
        }
        self.told_to_wait = true;
        Ok(Pressure::Reached)
    }

    pub(super) fn end_with(&mut self, weight: usize) -> Result<(), Refused<()>> {
        let written = self.write(weight);
        self.corks = 0;
        if written.is_ok() {
            self.end();
        }
        written.map(|_| ())
    }

    pub(super) fn end(&mut self) {
        self.corks = 0;
        self.told_to_wait = false;
        // As in Node, where a stream that has failed cannot be ended.
        self.ended |= self.error.is_none();
    }

    pub(super) fn next_request(&mut self) -> Option<Asked> {
        if !self.is_request_due() {
            return None;
        }
        self.asked = Some(if self.destroyed {
            Asked::Release
        } else if self.queue.is_empty() {
            Asked::Final
        } else {
            let count = match self.batching {
                Batching::One => 1,
                Batching::All => self.queue.len(),
            };
            let batch: Vec<(usize, usize)> = self.queue.drain(..count).collect();
            self.unwritten = batch.iter().map(|(_, weight)| self.charge(*weight)).sum();
            let blanks = batch.iter().filter(|(_, weight)| *weight == 0).count();
            self.blanks = if self.charges { blanks } else { 0 };
            Asked::Write(batch.iter().map(|(id, _)| *id).collect())
        });
        self.asked.clone()
    }

    fn is_request_due(&self) -> bool {
        if self.asked.is_some() || self.closed {
            false
        } else if self.destroyed {
            true
        } else if self.queue.is_empty() {
            self.ended
        } else {
            self.corks == 0
        }
    }

    pub(super) fn progress(&mut self, weight: usize) -> Vec<Event> {
        let heavy = (self.unwritten - self.blanks).saturating_sub(weight);
        self.blanks = self.blanks.saturating_sub(weight);
        self.unwritten = heavy + self.blanks;
        self.drain()
    }

    pub(super) fn complete(&mut self) -> Vec<Event> {
        if self.answered() == Some(Asked::Final) && !self.destroyed {
            self.finished = true;
            self.destroyed = true;
            return vec![Event::Finish];
        }
        self.drain()
    }

    pub(super) fn fail(&mut self, error: Cause) -> Vec<usize> {
        let answered = self.answered();
        if !self.destroyed {
            return self.tear_down(Some(error));
        }
        // As in Node: a write that fails too late is still looked at, a finish is not.
        if matches!(answered, Some(Asked::Write(_))) && self.error.is_none() {
            self.error = Some(error);
        }
        Vec::new()
    }

    /// What the sink has in hand is over. A release is so only with `released`.
    fn answered(&mut self) -> Option<Asked> {
        if self.asked == Some(Asked::Release) {
            return None;
        }
        self.unwritten = 0;
        self.blanks = 0;
        self.lingering = 0;
        self.asked.take()
    }

    pub(super) fn destroy(&mut self, error: Option<Cause>) -> Vec<usize> {
        if self.destroyed {
            return Vec::new();
        }
        self.tear_down(error)
    }

    fn tear_down(&mut self, error: Option<Cause>) -> Vec<usize> {
        let len = self.len();
        self.destroyed = true;
        self.told_to_wait = false;
        self.loud = error.is_some();
        self.error = error;
        if self.asked.is_some() {
            self.lingering = len - self.unwritten;
        }
        self.queue.drain(..).map(|(id, _)| id).collect()
    }

    pub(super) fn released(&mut self) -> Vec<Event> {
        if self.asked != Some(Asked::Release) {
            return Vec::new();
        }
        self.asked = None;
        self.closed = true;
        if self.loud {
            vec![Event::Error, Event::Close]
        } else {
            vec![Event::Close]
        }
    }

    fn drain(&mut self) -> Vec<Event> {
        if self.told_to_wait && self.len() <= self.low {
            self.told_to_wait = false;
            return vec![Event::Drain];
        }
        Vec::new()
    }

    fn len(&self) -> usize {
        let queued: usize = self
            .queue
            .iter()
            .map(|(_, weight)| self.charge(*weight))
            .sum();
        queued + self.unwritten + self.lingering
    }

    /// What a weight counts for against the marks.
    pub(super) fn charge(&self, weight: usize) -> usize {
        weight.max(usize::from(self.charges))
    }

    pub(super) fn weigh(&self, chunk: &Chunk) -> usize {
        if self.by_items { 1 } else { chunk.size }
    }

    pub(super) fn looks(&self) -> Looks {
        Looks {
            len: self.len(),
            needs_drain: self.told_to_wait,
            corked: self.corks,
            is_ended: self.ended,
            is_finished: self.finished,
            is_destroyed: self.destroyed,
            is_closed: self.closed,
            is_writable: !self.ended && !self.destroyed,
            is_running: self.asked.is_some(),
            is_request_due: self.is_request_due(),
            is_queue_empty: self.queue.is_empty(),
            errored: self.error.clone(),
        }
    }
}
