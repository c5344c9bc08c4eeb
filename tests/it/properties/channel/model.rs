//! What a channel is, told as plainly as can be: a queue, and how it has ended.

use std::collections::VecDeque;

use highwater::Bytes;
use highwater::{Error, ErrorKind};

/// Why a stream is over.
#[derive(Clone, Debug)]
pub(crate) enum Cause {
    /// This very error.
    Known(Error),
    /// One that the library makes. Once it was seen it is known.
    Made(ErrorKind),
}

impl Cause {
    /// Checks an error against it, which from then on is the one.
    pub(crate) fn check(&mut self, error: &Error) {
        match self {
            Self::Known(known) => assert!(error.is_same(known), "{error:?} and not {known:?}"),
            Self::Made(kind) => assert_eq!(error.kind(), *kind),
        }
        *self = Self::Known(error.clone());
    }
}

/// How far the stream has come.
#[derive(Clone, Debug)]
pub(crate) enum Phase {
    Open,
    /// No more is written; what is there is still read.
    Ending,
    /// The same, with an error behind it.
    Failing(Cause),
    /// The end was read.
    Ended,
    /// The error was read, or came at once.
    Gone(Cause),
}

/// A chunk that was not read yet.
#[derive(Clone, Debug)]
pub(crate) struct Unread {
    pub(crate) chunk: Bytes,
    /// It counts against the mark; what the reader holds does not.
    pub(crate) counts: bool,
    /// It was written under a cork that is still in.
    pub(crate) held: bool,
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) high: usize,
    pub(crate) low: usize,
    pub(crate) by_items: bool,
    pub(crate) phase: Phase,
    /// It was a token that has ended it.
    pub(crate) stopped: bool,
    pub(crate) needs_drain: bool,
    pub(crate) paused: bool,
    pub(crate) corked: usize,
    pub(crate) unread: VecDeque<Unread>,
    /// What is left of a chunk that was read in part: out of the stream, in the reader's hands.
    pub(crate) current: Option<Bytes>,
    /// What the reader was handed since the length was last exact.
    pub(crate) handed: usize,
    pub(crate) largest: usize,
    /// A long read has taken the last there was, be it that it did not say so.
    pub(crate) end_may_be_known: bool,
    /// It was failing when it was torn down: what the reader has put back may be gone with it.
    pub(crate) may_be_gone: bool,
    /// Producers that have not ended.
    pub(crate) producers: usize,
}

impl Model {
    /// What it counts for against the mark.
    pub(crate) fn weight(&self, chunk: &Bytes) -> usize {
        if self.by_items { 1 } else { chunk.len().max(1) }
    }

    /// What really counts against the mark.
    pub(crate) fn unread_weight(&self) -> usize {
        let counting = self.unread.iter().filter(|unread| unread.counts);
        counting.map(|unread| self.weight(&unread.chunk)).sum()
    }

    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Says whether a write would be taken now: nobody is ever waiting for it to come.
    pub(crate) const fn admits(&self) -> bool {
        self.is_open() && !self.paused && !self.needs_drain && self.high > 0
    }

    /// Says whether there is certainly something to read, be it the end.
    pub(crate) fn has_something(&self) -> bool {
        self.current.is_some()
            || self.unread.front().is_some_and(|unread| !unread.counts)
            || (self.corked == 0 && !self.unread.is_empty())
            || (self.unread.is_empty() && !self.is_open())
    }

    /// A chunk was taken, into a buffer that said it held `len`.
    pub(crate) fn written(&mut self, chunk: Bytes, len: usize) -> bool {
        let weight = self.weight(&chunk);
        self.largest = self.largest.max(weight);
        let reached = len + weight >= self.high;
        self.needs_drain |= reached;
        self.unread.push_back(Unread {
            chunk,
            counts: true,
            held: self.corked > 0,
        });
        reached
    }

    /// The reader was given this chunk, or so much of the front of what there is.
    pub(crate) fn read(&mut self, chunk: &Bytes, whole: bool) {
        self.may_be_gone = false;
        let mut left = chunk.clone();
        if whole && chunk.is_empty() {
            let first = self.unread.pop_front().expect("an empty item was written");
            assert!(first.chunk.is_empty() && !first.held);
            self.handed += usize::from(first.counts);
            return;
        }
        while !left.is_empty() {
            let mut first = self.unread.pop_front().expect("more was read than written");
            assert!(!first.held, "a cork held nothing");
            let bytes = first.chunk.len().min(left.len());
            assert!(
                !whole || bytes == first.chunk.len(),
                "only a part of a chunk"
            );
            assert_eq!(first.chunk.split_to(bytes), left.split_to(bytes));
            if first.counts {
                self.handed += if self.by_items { 1 } else { bytes.max(1) };
            }
            if !first.chunk.is_empty() {
                self.unread.push_front(first);
            }
        }
    }

    /// A read by the byte has found too little: empty chunks are nothing to it.
    pub(crate) fn pass_over_empty(&mut self) {
        for unread in &self.unread {
            self.handed += usize::from(unread.counts && unread.chunk.is_empty());
        }
        self.unread.retain(|unread| !unread.chunk.is_empty());
    }

    pub(crate) fn end(&mut self) {
        if self.is_open() {
            self.phase = Phase::Ending;
            self.lift_corks();
            self.needs_drain = false;
        }
    }

    pub(crate) fn fail(&mut self, cause: Cause) {
        if self.is_open() {
            self.end();
            self.phase = Phase::Failing(cause);
        }
    }

    pub(crate) fn lift_corks(&mut self) {
        self.corked = 0;
        for unread in &mut self.unread {
            unread.held = false;
        }
    }

    pub(crate) fn uncork(&mut self) {
        match self.corked {
            0 | 1 => self.lift_corks(),
            more => self.corked = more - 1,
        }
    }

    /// Tears everything down, for this cause unless there was one before. Gives back what was
    /// not read.
    pub(crate) fn destroy(&mut self, cause: Cause) -> Vec<Bytes> {
        self.needs_drain = false;
        let first = match std::mem::replace(&mut self.phase, Phase::Open) {
            Phase::Failing(first) | Phase::Gone(first) => first,
            _ => cause,
        };
        self.phase = Phase::Gone(first);
        self.unread.drain(..).map(|unread| unread.chunk).collect()
    }

    /// A read found nothing more: what does it say?
    pub(crate) fn check_end(&mut self, outcome: Result<(), &Error>) {
        if self.may_be_gone {
            self.unread.clear();
        }
        assert!(
            self.unread
                .iter()
                .all(|unread| unread.held || self.corked > 0),
            "something is left: {:?}",
            self.unread
        );
        self.phase = match std::mem::replace(&mut self.phase, Phase::Open) {
            Phase::Open => {
                assert_eq!(outcome.unwrap_err().kind(), ErrorKind::WouldBlock);
                Phase::Open
            }
            Phase::Ending | Phase::Ended => {
                outcome.expect("it has ended well");
                Phase::Ended
            }
            Phase::Failing(mut cause) | Phase::Gone(mut cause) => {
                cause.check(outcome.unwrap_err());
                Phase::Gone(cause)
            }
        };
    }
}
