//! The laws that hold whatever the rules are: of each pull, and of each event.

use highwater::state::{Event, Events, Marks, Pull, ReadableState};

use super::Cause;

/// Follows the pulls and the events, without a model.
pub(super) struct Ledger {
    low: usize,
    pulling: bool,
    pub(super) source_ended: bool,
    /// The length was at the high mark, and not yet down to the low one.
    full: bool,
    told: Vec<Event>,
}

impl Ledger {
    pub(super) fn new(marks: Marks) -> Self {
        Self {
            low: marks.low(),
            pulling: false,
            source_ended: false,
            full: false,
            told: Vec::new(),
        }
    }

    pub(super) fn pulled(&mut self, pull: Option<Pull>, state: &ReadableState<Vec<u8>, Cause>) {
        if pull.is_some() {
            assert!(!self.pulling, "{pull:?} while a pull runs");
        }
        if pull == Some(Pull::More) {
            assert!(
                state.is_readable() && !self.source_ended,
                "a pull past the end"
            );
            assert!(self.low == 0 || !self.full, "a pull above the low mark");
            self.pulling = true;
        }
    }

    pub(super) fn answered(&mut self) {
        self.pulling = false;
    }

    /// Who waits for more must be able to count on the source, or both wait for ever.
    pub(super) fn read(&mut self, met: bool, state: &ReadableState<Vec<u8>, Cause>) {
        if met || self.source_ended || !state.is_readable() {
            return;
        }
        self.full = false;
        let asks = self.pulling || state.clone().next_pull() == Some(Pull::More);
        assert!(asks, "a read waits, and the source is not asked");
    }

    pub(super) fn told(
        &mut self,
        events: Events,
        state: &ReadableState<Vec<u8>, Cause>,
    ) -> Vec<Event> {
        let events: Vec<Event> = events.iter().collect();
        for event in &events {
            assert_ne!(
                self.told.last(),
                Some(&Event::Close),
                "{event:?} after close"
            );
            assert!(!self.told.contains(event), "{event:?} twice");
            let nothing_left = self.source_ended && state.is_buffer_empty();
            assert!(
                *event != Event::End || nothing_left,
                "an end with something left"
            );
            self.told.push(*event);
        }
        events
    }

    pub(super) fn check(&mut self, state: &ReadableState<Vec<u8>, Cause>) {
        self.full = state.len() > self.low && (self.full || state.len() >= state.high());
    }
}
