//! The rules of the reading side in their plainest form.

use std::collections::VecDeque;

use highwater::state::{Event, Misuse, OutOfRange, Pressure, Pull, READ_MAX};

use super::{Cause, Looks, Script, Unit};

/// A run of bytes with the places where chunks end, and a flag for each word of the rules.
pub(super) struct Model {
    unit: Unit,
    high: usize,
    low: usize,
    bytes: Vec<u8>,
    /// The size of each chunk in `bytes`.
    sizes: VecDeque<usize>,
    /// How many `read`s got something.
    pub(super) met: usize,
    running: Option<Pull>,
    wanted: bool,
    /// The length was at the high mark, and not yet down to a low one above 0.
    paused: bool,
    source_ended: bool,
    end_read: bool,
    destroyed: bool,
    closed: bool,
    error: Option<Cause>,
}

impl Model {
    pub(super) fn new(script: &Script) -> Self {
        Self {
            unit: script.unit,
            high: script.marks.high(),
            low: script.marks.low(),
            bytes: Vec::new(),
            sizes: VecDeque::new(),
            met: 0,
            running: None,
            wanted: false,
            paused: false,
            source_ended: false,
            end_read: false,
            destroyed: false,
            closed: false,
            error: None,
        }
    }

    pub(super) fn next_pull(&mut self) -> Option<Pull> {
        if self.running.is_some() || self.closed {
            return None;
        }
        if self.destroyed {
            self.running = Some(Pull::Release);
        } else if self.wanted {
            self.wanted = false;
            self.running = Some(Pull::More);
        }
        self.running
    }

    pub(super) fn push(&mut self, chunk: Vec<u8>) -> Result<Pressure, Vec<u8>> {
        let (pressure, mut refused) = self.push_batch(vec![chunk]);
        refused.pop().map_or(Ok(pressure), Err)
    }

    pub(super) fn push_batch(&mut self, chunks: Vec<Vec<u8>>) -> (Pressure, Vec<Vec<u8>>) {
        self.answered();
        if chunks.iter().all(|chunk| self.is_nothing(chunk)) {
            self.refill();
            return (self.pressure(), Vec::new());
        }
        if self.source_ended {
            self.destroy(Some(Misuse::PushAfterEnd.into()));
        }
        if self.destroyed {
            return (Pressure::Reached, chunks);
        }
        for chunk in chunks {
            if !self.is_nothing(&chunk) {
                self.sizes.push_back(chunk.len());
                self.bytes.extend(chunk);
            }
        }
        self.refill();
        (self.pressure(), Vec::new())
    }

    pub(super) fn push_end(&mut self) {
        self.answered();
        self.source_ended = true;
        self.wanted = false;
    }

    pub(super) fn unshift(&mut self, chunk: Vec<u8>) -> Result<Pressure, Vec<u8>> {
        if self.is_nothing(&chunk) {
            return Ok(self.pressure());
        }
        if self.destroyed {
            return Err(chunk);
        }
        self.sizes.push_front(chunk.len());
        self.bytes.splice(0..0, chunk);
        self.refill();
        Ok(self.pressure())
    }

    pub(super) fn next(&mut self) -> (Option<(Vec<u8>, usize)>, Vec<Event>) {
        let weight = self.sizes.front().map_or(0, |size| self.weigh(*size));
        self.ask(weight);
        match self.take_chunk() {
            Some(chunk) => (Some((chunk, weight)), Vec::new()),
            None => (None, self.end()),
        }
    }

    #[expect(clippy::type_complexity, reason = "it is what the machine answers")]
    pub(super) fn read(
        &mut self,
        wanted: Option<usize>,
    ) -> Result<(Option<Vec<Vec<u8>>>, Vec<Event>), OutOfRange> {
        if let Some(wanted) = wanted
            && wanted > self.high
        {
            if wanted > READ_MAX {
                return Err(OutOfRange { wanted });
            }
            self.high = 1;
            while self.high < wanted {
                self.high *= 2;
            }
        }
        let amount = self.amount(wanted);
        if amount == 0 {
            if self.source_ended {
                return Ok((None, self.end()));
            }
            // A read that waits for more than there is must not wait for the low mark as well.
            self.paused &= wanted == Some(0);
            self.ask(0);
            return Ok((None, Vec::new()));
        }
        let taken = if self.unit == Unit::Bytes {
            self.ask(amount);
            self.take_bytes(amount)
        } else {
            self.ask(self.weigh(self.sizes[0]));
            Vec::from_iter(self.take_chunk())
        };
        self.met += 1;
        let events = if wanted == Some(amount) {
            // Who gets just what it wanted is told of the end by its next read.
            Vec::new()
        } else {
            self.end()
        };
        Ok((Some(taken), events))
    }

    /// In bytes, or in chunks where those are read whole.
    fn amount(&self, wanted: Option<usize>) -> usize {
        let there = match self.unit {
            Unit::Bytes => self.bytes.len(),
            Unit::Items | Unit::WeighedItems => {
                return self.sizes.len().min(wanted.unwrap_or(1)).min(1);
            }
        };
        match wanted {
            Some(wanted) if wanted <= there => wanted,
            Some(_) if !self.source_ended => 0,
            _ => there,
        }
    }

    pub(super) fn destroy(&mut self, error: Option<Cause>) {
        if !self.destroyed {
            self.destroyed = true;
            self.wanted = false;
            self.error = error;
        }
    }

    pub(super) fn released(&mut self) -> Vec<Event> {
        if self.running != Some(Pull::Release) {
            return Vec::new();
        }
        self.running = None;
        self.closed = true;
        if self.error.is_some() {
            vec![Event::Error, Event::Close]
        } else {
            vec![Event::Close]
        }
    }

    pub(super) fn take_buffer(&mut self) -> Vec<Vec<u8>> {
        self.paused = false;
        std::iter::from_fn(|| self.take_chunk()).collect()
    }

    fn answered(&mut self) {
        if self.running == Some(Pull::More) {
            self.running = None;
        }
    }

    /// Asks for more after something was put in.
    fn refill(&mut self) {
        let len = self.len();
        self.mind_marks(len);
        if len > 0 && len >= self.high {
            self.wanted = false;
        } else if len < self.high && self.may_ask() {
            self.wanted = true;
        }
    }

    /// Asks for more ahead of a read that takes `weight`.
    fn ask(&mut self, weight: usize) {
        let left = self.len() - weight;
        self.mind_marks(left);
        if (self.len() == 0 || left < self.high) && self.may_ask() {
            self.wanted = true;
        }
    }

    fn mind_marks(&mut self, len: usize) {
        if len <= self.low {
            self.paused = false;
        } else if len >= self.high {
            self.paused = self.low > 0;
        }
    }

    fn may_ask(&self) -> bool {
        self.running.is_none() && !self.paused && !self.source_ended && !self.destroyed
    }

    fn end(&mut self) -> Vec<Event> {
        if self.destroyed || !self.source_ended || !self.sizes.is_empty() {
            return Vec::new();
        }
        self.end_read = true;
        self.destroyed = true;
        vec![Event::End]
    }

    fn take_chunk(&mut self) -> Option<Vec<u8>> {
        let size = self.sizes.pop_front()?;
        Some(self.bytes.drain(..size).collect())
    }

    /// Cuts `amount` off the front, at the chunks' ends and where it stops.
    fn take_bytes(&mut self, amount: usize) -> Vec<Vec<u8>> {
        let mut taken = Vec::new();
        let mut missing = amount;
        while missing > 0 {
            if self.sizes[0] > missing {
                self.sizes[0] -= missing;
                self.sizes.push_front(missing);
            }
            missing -= self.sizes[0];
            taken.extend(self.take_chunk());
        }
        taken
    }

    fn pressure(&self) -> Pressure {
        if self.source_ended || (self.len() >= self.high && self.len() > 0) {
            Pressure::Reached
        } else {
            Pressure::Below
        }
    }

    fn is_nothing(&self, chunk: &[u8]) -> bool {
        self.unit == Unit::Bytes && chunk.is_empty()
    }

    pub(super) fn weigh(&self, size: usize) -> usize {
        if self.unit == Unit::Items { 1 } else { size }
    }

    fn len(&self) -> usize {
        self.sizes.iter().map(|size| self.weigh(*size)).sum()
    }

    pub(super) fn looks(&self) -> Looks {
        Looks {
            len: self.len(),
            is_buffer_empty: self.sizes.is_empty(),
            high: self.high,
            is_ended: self.end_read,
            is_last: self.source_ended && !self.destroyed,
            is_destroyed: self.destroyed,
            is_closed: self.closed,
            is_readable: !self.destroyed,
            errored: self.error.clone(),
        }
    }
}
