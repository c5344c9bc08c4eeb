//! The laws that hold whatever the rules are: of each chunk, and of each event.

use std::cell::Cell;
use std::rc::Rc;

use highwater::Batch;
use highwater::state::{Event, Events, Refused, WritableState};

use super::{Asked, Cause, Chunk};

/// Follows each chunk that was taken, and each event, without a model.
#[derive(Default)]
pub(super) struct Ledger {
    chunks: Vec<(Rc<Cell<usize>>, Place)>,
    running: Option<Asked>,
    finals: usize,
    /// A write was told to wait, and no drain came since.
    pub(super) owed_drain: bool,
    told: Vec<Event>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Queued,
    InHand,
    Answered,
    HandedBack,
    /// Gone with the write after the end that has destroyed the stream.
    Dropped,
}

impl Ledger {
    pub(super) fn new_chunk(&self, size: usize) -> Chunk {
        Chunk {
            id: self.chunks.len(),
            size,
            token: Rc::default(),
        }
    }

    /// Books a write that was taken, or looks whether a refused one gave back the very chunk.
    pub(super) fn took<A>(
        &mut self,
        token: &Rc<Cell<usize>>,
        answer: Result<A, Refused<Chunk>>,
    ) -> Result<A, Refused<()>> {
        let (chunk, refused) = match answer {
            Ok(answer) => {
                self.chunks.push((Rc::clone(token), Place::Queued));
                return Ok(answer);
            }
            Err(Refused::Ended(chunk)) => {
                self.all(Place::Queued, Place::Dropped);
                (chunk, Refused::Ended(()))
            }
            Err(Refused::Destroyed(chunk)) => (chunk, Refused::Destroyed(())),
        };
        assert!(
            Rc::ptr_eq(token, &chunk.token),
            "another chunk was given back"
        );
        Err(refused)
    }

    pub(super) fn asked(&mut self, asked: Asked) {
        assert_eq!(self.running, None, "two requests at a time");
        if let Asked::Write(ids) = &asked {
            for id in ids {
                self.leaves_queue(*id, Place::InHand);
            }
        }
        self.running = Some(asked);
    }

    pub(super) fn answered(&mut self) {
        if self.running != Some(Asked::Release) {
            self.finals += usize::from(self.running == Some(Asked::Final));
            self.running = None;
            self.all(Place::InHand, Place::Answered);
        }
    }

    pub(super) fn let_go(&mut self) {
        if self.running == Some(Asked::Release) {
            self.running = None;
        }
    }

    pub(super) fn handed_back(&mut self, batch: Batch<Chunk>) -> Vec<usize> {
        let ids: Vec<usize> = batch.iter().map(|chunk| chunk.id).collect();
        for id in &ids {
            self.leaves_queue(*id, Place::HandedBack);
        }
        ids
    }

    fn leaves_queue(&mut self, id: usize, place: Place) {
        let first = self
            .chunks
            .iter()
            .position(|(_, place)| *place == Place::Queued);
        assert_eq!(Some(id), first, "out of order, twice or never written");
        self.chunks[id].1 = place;
    }

    fn all(&mut self, from: Place, to: Place) {
        for (_, place) in &mut self.chunks {
            if *place == from {
                *place = to;
            }
        }
    }

    pub(super) fn told(
        &mut self,
        events: Events,
        state: &WritableState<Chunk, Cause>,
    ) -> Vec<Event> {
        let events: Vec<Event> = events.iter().collect();
        for event in &events {
            assert_ne!(
                self.told.last(),
                Some(&Event::Close),
                "{event:?} after close"
            );
            assert!(
                *event == Event::Drain || !self.told.contains(event),
                "{event:?} twice"
            );
            if *event == Event::Drain {
                assert!(self.owed_drain && state.len() <= state.marks().low());
                self.owed_drain = false;
            }
            assert!(
                *event != Event::Finish || self.finals == 1,
                "finish without final"
            );
            self.told.push(*event);
        }
        events
    }

    /// Nothing was lost: what is queued or in hand exists, and what was given away does not.
    pub(super) fn check(&self) {
        for (id, (token, place)) in self.chunks.iter().enumerate() {
            let exists = Rc::strong_count(token) > 1;
            match place {
                Place::Queued | Place::InHand => assert!(exists, "{id} is lost"),
                Place::HandedBack | Place::Dropped => assert!(!exists, "{id} is kept"),
                Place::Answered => {}
            }
            assert_eq!(token.get(), 1, "{id} is to be weighed once");
        }
    }

    pub(super) fn check_closed(&self, finished: bool) {
        assert_eq!(self.told.last(), Some(&Event::Close));
        assert_eq!(self.told.contains(&Event::Finish), finished);
        for (id, (_, place)) in self.chunks.iter().enumerate() {
            match place {
                Place::Queued | Place::InHand => panic!("{id} is forgotten"),
                Place::Answered => {}
                Place::HandedBack | Place::Dropped => assert!(!finished, "{id} was not written"),
            }
        }
    }
}
