//! Plays a script on a channel and on the model, and compares after each step.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use highwater::stream::Cork;
use highwater::{
    Bytes, CancelToken, Error, ErrorKind, HighWaterMark, Readable, Writable, WriteError, channel,
};

use super::model::{Cause, Model, Phase};
use super::{Op, Script};

/// How many producers there may be at once.
const PRODUCERS_MAX: usize = 4;

pub(super) struct Player {
    pub(super) model: Model,
    producers: Vec<(Writable<Bytes>, bool)>,
    pub(super) reader: Option<Readable<Bytes>>,
    corks: Vec<Cork<Bytes>>,
    token: CancelToken,
    live: Arc<AtomicUsize>,
    made: u8,
    /// Chunks that an abort has kept, and that no producer is left to ask for.
    kept: usize,
}

/// Memory that counts until the last slice of it is dropped.
struct Counted(Vec<u8>, Arc<AtomicUsize>);

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Plays the script.
///
/// # Panics
///
/// If the channel does anything that the model does not.
pub(crate) fn agrees_with_the_model(script: &Script) {
    let (high, low) = (script.high, script.low);
    let (writer, reader) = if script.by_items {
        channel(HighWaterMark::items(high).low(low).expect("valid marks"))
    } else {
        channel(HighWaterMark::bytes(high).low(low).expect("valid marks"))
    };
    let token = CancelToken::new();
    reader.cancel_with(&token);
    let mut player = Player {
        model: Model {
            high,
            low,
            by_items: script.by_items,
            phase: Phase::Open,
            stopped: false,
            needs_drain: false,
            paused: false,
            corked: 0,
            unread: [].into(),
            current: None,
            handed: 0,
            largest: 0,
            end_may_be_known: false,
            may_be_gone: false,
            producers: 1,
        },
        producers: vec![(writer, false)],
        reader: Some(reader),
        corks: Vec::new(),
        token,
        live: Arc::default(),
        made: 0,
        kept: 0,
    };
    for op in &script.ops {
        player.play(*op);
        player.compare();
    }
    let live = Arc::clone(&player.live);
    drop(player);
    assert_eq!(live.load(Ordering::Relaxed), 0, "something was leaked");
}

impl Player {
    fn play(&mut self, op: Op) {
        match op {
            Op::TryWrite(who, size) => self.write(who, size, false),
            Op::Write(who, size) if self.model.admits() => self.write(who, size, true),
            Op::WriteAll(who, size) => self.write_all(who, size),
            Op::Cork(who) => self.cork(who),
            Op::Uncork(who) if !self.corks.is_empty() => {
                drop(self.corks.swap_remove(who % self.corks.len()));
                self.model.uncork();
            }
            Op::Clone(who) if self.producers.len() < PRODUCERS_MAX => {
                if let Some((writer, ended)) = self.producer(who) {
                    let clone = (writer.clone(), *ended);
                    self.model.producers += usize::from(!clone.1);
                    self.producers.push(clone);
                }
            }
            Op::End(who) => self.end(who),
            Op::Leave(who) if !self.producers.is_empty() => {
                let (writer, ended) = self.producers.swap_remove(who % self.producers.len());
                drop(writer);
                if !ended {
                    self.model.fail(Cause::Made(ErrorKind::PrematureClose));
                }
            }
            Op::Fail(who) => self.fail(who),
            Op::Destroy(who) => self.destroy(who),
            Op::Finish(who) => self.finish(who),
            Op::TryNext => self.next(true),
            Op::Next if self.model.has_something() => self.next(false),
            Op::Read(size) if self.model.has_something() => self.read_into(size),
            Op::ReadN(wanted) => self.read_amount(wanted, true),
            Op::ReadAtLeast(wanted) => self.read_amount(wanted, false),
            Op::Unshift(size) => self.unshift(size),
            Op::Pause | Op::Resume => {
                if let Some(reader) = &mut self.reader {
                    self.model.paused = matches!(op, Op::Pause);
                    if self.model.paused {
                        reader.pause()
                    } else {
                        reader.resume()
                    }
                }
            }
            Op::BreakOff => {
                let cause = Error::other("the reader breaks off");
                if let Some(reader) = &mut self.reader {
                    reader.destroy(cause.clone());
                    self.torn_down(Cause::Known(cause), None);
                }
            }
            Op::HangUp => {
                if self.reader.take().is_some() {
                    self.model.current = None;
                    self.torn_down(Cause::Made(ErrorKind::Closed), None);
                }
            }
            Op::Stop => {
                self.token.stop();
                self.model.stopped |= self.model.is_open();
                self.model.end();
            }
            Op::Abort => self.abort(),
            Op::Write(..)
            | Op::Uncork(_)
            | Op::Clone(_)
            | Op::Leave(_)
            | Op::Next
            | Op::Read(_) => {}
        }
    }

    fn producer(&mut self, who: usize) -> Option<&mut (Writable<Bytes>, bool)> {
        let producers = self.producers.len().max(1);
        self.producers.get_mut(who % producers)
    }

    /// A chunk that is like no other, and a copy of it for the model.
    pub(super) fn chunk(&mut self, size: usize) -> (Bytes, Bytes) {
        self.made = self.made.wrapping_add(1);
        self.live.fetch_add(1, Ordering::Relaxed);
        let memory = vec![self.made; size];
        let copy = Bytes::copy_from_slice(&memory);
        let counted = Counted(memory, Arc::clone(&self.live));
        (Bytes::from_owner(counted), copy)
    }

    fn write(&mut self, who: usize, size: usize, may_wait: bool) {
        let (chunk, copy) = self.chunk(size);
        let admits = self.model.admits();
        let Some((writer, ended)) = self.producer(who) else {
            return;
        };
        let (ended, len) = (*ended, writer.len());
        let written = if may_wait {
            writer.write(chunk)
        } else {
            writer.try_write(chunk)
        };
        match written {
            Ok(pressure) => {
                assert!(admits && !ended);
                assert_eq!(pressure.reached(), self.model.written(copy, len));
            }
            Err(refused) => self.refused(refused, &copy, ended),
        }
    }

    /// A write was refused. Was that right, and is it the same chunk?
    fn refused(&mut self, refused: WriteError<Bytes>, chunk: &Bytes, ended: bool) {
        match &refused {
            WriteError::Ended(_) => assert!(ended),
            WriteError::Full(_) => {
                assert!(!ended && self.model.is_open() && !self.model.admits());
            }
            WriteError::Closed(_, cause) => {
                assert!(!ended);
                match &mut self.model.phase {
                    Phase::Failing(first) | Phase::Gone(first) => first.check(cause),
                    _ => assert!(self.model.stopped && cause.kind() == ErrorKind::Cancelled),
                }
            }
            other => panic!("{other:?} of a call that has no time"),
        }
        assert_eq!(refused.into_chunk(), chunk);
    }

    /// Writes two chunks at once, if neither has to wait.
    fn write_all(&mut self, who: usize, size: usize) {
        let (first, first_copy) = self.chunk(size);
        let (second, second_copy) = self.chunk(1);
        let weight = self.model.weight(&first);
        let (admits, high) = (self.model.admits(), self.model.high);
        let Some((writer, false)) = self.producer(who) else {
            return;
        };
        let len = writer.len();
        if admits && len + weight < high {
            let mut chunks = [first, second].into();
            writer.write_batch(&mut chunks).expect("there is room");
            self.model.written(first_copy, len);
            self.model.written(second_copy, len + weight);
        }
    }

    fn cork(&mut self, who: usize) {
        if let Some((writer, _)) = self.producer(who) {
            let cork = writer.cork();
            self.corks.push(cork);
            // On a stream that takes no more there is nothing to hold back.
            self.model.corked += usize::from(self.model.is_open());
        }
    }

    fn end(&mut self, who: usize) {
        let Some((writer, ended)) = self.producer(who) else {
            return;
        };
        writer.end();
        if !std::mem::replace(ended, true) {
            self.model.producers -= 1;
            if self.model.producers == 0 {
                self.model.end();
            }
        }
    }

    fn fail(&mut self, who: usize) {
        let cause = Error::other("a producer fails");
        if let Some((writer, ended)) = self.producer(who) {
            writer.fail(cause.clone());
            *ended = true;
            self.model.fail(Cause::Known(cause));
        }
    }

    fn destroy(&mut self, who: usize) {
        let cause = Error::other("a producer destroys");
        if let Some((writer, ended)) = self.producer(who) {
            *ended = true;
            let given_back = writer.destroy(cause.clone()).into_iter().collect();
            self.torn_down(Cause::Known(cause), Some(given_back));
        }
    }

    fn abort(&mut self) {
        let before = self.token.cause();
        self.token.abort("the user aborts");
        let cause = self.token.cause().expect("it was aborted");
        if before.is_some() {
            return;
        }
        if self.producers.is_empty() {
            self.kept = self.model.unread.len();
        }
        let given_back = self
            .producer(0)
            .map(|(writer, _)| writer.take_undelivered().into_iter().collect());
        self.torn_down(Cause::Known(cause), given_back);
    }

    /// Everything was torn down: was what came back what had not been read?
    fn torn_down(&mut self, cause: Cause, given_back: Option<Vec<Bytes>>) {
        if matches!(self.model.phase, Phase::Ended | Phase::Gone(_)) {
            assert!(given_back.is_none_or(|chunks| chunks.is_empty()));
            return;
        }
        // Who has read everything that was written may know of the end already, which then
        // stays; so does what such a reader has put back.
        let all_was_read = self.model.unread.iter().all(|unread| !unread.counts);
        let over = all_was_read && !self.model.is_open();
        if over && self.reader.is_none() {
            let error = self
                .producers
                .first()
                .and_then(|(writer, _)| writer.error());
            self.model.unread.clear();
            match &mut self.model.phase {
                Phase::Failing(_) => drop(self.model.destroy(cause)),
                _ if error.is_none() => self.model.phase = Phase::Ended,
                _ => drop(self.model.destroy(cause)),
            }
            return;
        }
        if over {
            let reader = self.reader.as_ref().expect("it is there");
            let told = reader.error().is_some_and(|error| match &cause {
                Cause::Known(known) => error.is_same(known),
                Cause::Made(kind) => error.kind() == *kind,
            });
            let came_back = given_back.as_ref().is_some_and(|chunks| !chunks.is_empty());
            if !told && !came_back {
                assert!(given_back.is_none_or(|chunks| chunks.is_empty()));
                // Whether the failure had come through before it, only the reader can say.
                self.model.may_be_gone = matches!(self.model.phase, Phase::Failing(_));
                return;
            }
        }
        let expected = self.model.destroy(cause);
        if let Some(given_back) = given_back {
            assert_eq!(given_back, expected);
        }
    }

    fn finish(&mut self, who: usize) {
        self.end(who);
        let all_was_read = self.model.unread_weight() == 0;
        let Some((writer, _)) = self.producer(who) else {
            return;
        };
        let finished = writer.wait_finish_timeout(Duration::ZERO);
        match (finished, &mut self.model.phase) {
            (Ok(()), Phase::Ending | Phase::Ended) => assert!(all_was_read),
            (Ok(()), other) => panic!("finished, and {other:?}"),
            (Err(error), Phase::Gone(cause)) => cause.check(&error),
            (Err(error), Phase::Failing(cause)) if error.kind() != ErrorKind::TimedOut => {
                cause.check(&error);
            }
            (Err(error), Phase::Ended) => panic!("the end was read, and {error:?}"),
            (Err(error), _) => assert_eq!(error.kind(), ErrorKind::TimedOut),
        }
    }

    /// What can be asked of the channel agrees with the model.
    fn compare(&mut self) {
        let Some(len) = (self.reader.as_ref())
            .map(Readable::len)
            .or_else(|| self.producers.first().map(|(writer, _)| writer.len()))
        else {
            return;
        };
        let model = &mut self.model;
        let unread = model.unread_weight();
        assert!(len >= unread, "{len} is less than the {unread} there are");
        assert!(len <= unread + model.handed, "{len} is more than {unread}");
        if len == unread {
            model.handed = 0;
        }
        model.needs_drain &= len > model.low || model.high == 0;
        assert!(
            !model.needs_drain || unread > model.low || model.high == 0,
            "a drain is due: {unread} of {} are left",
            model.low
        );
        for (writer, ended) in &self.producers {
            assert_eq!(writer.needs_drain(), model.needs_drain);
            assert!(writer.is_ended() || !ended);
            assert_eq!(writer.len(), len);
        }
        if let Some(reader) = &self.reader {
            let bound = model.high.saturating_sub(1) + model.largest;
            assert!(reader.peak() <= bound, "{} of {bound}", reader.peak());
        }
        let held = model.unread.len() + self.kept + usize::from(model.current.is_some());
        let live = self.live.load(Ordering::Relaxed);
        assert!(
            live <= held,
            "{live} chunks are alive, and {held} are not read"
        );
    }
}
