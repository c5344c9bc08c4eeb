//! A sink that is called by whoever makes something due for it, from more threads than one.

use std::sync::{Arc, Mutex};

use highwater::chunk::Batch;
use highwater::{CancelToken, Direct, Error, HighWaterMark, Sink, Tried, Writable};
use loom::thread;

use crate::{Bound, explore};

/// What has become of a sink.
#[derive(Debug, Default, PartialEq, Eq)]
struct Fate {
    written: Vec<u8>,
    finished: bool,
    failed: bool,
    dropped: bool,
}

/// A sink that never would block. It is not to be used by two at once, nor after its end.
struct Told(Arc<Mutex<Fate>>);

impl Told {
    fn tell(&self, what: impl FnOnce(&mut Fate)) {
        let mut fate = self.0.try_lock().expect("nobody else has it");
        assert!(!fate.finished && !fate.failed, "{fate:?}");
        what(&mut fate);
    }
}

impl Sink<u8> for Told {
    fn write(&mut self, batch: &mut Batch<u8>) -> Result<(), Error> {
        self.tell(|fate| fate.written.extend(batch.drain().map(|one| one.chunk)));
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.tell(|fate| fate.finished = true);
        Ok(())
    }

    fn fail(&mut self, _cause: &Error) {
        self.tell(|fate| fate.failed = true);
    }

    fn direct(&mut self) -> Option<&mut dyn Direct<u8>> {
        Some(self)
    }
}

impl Direct<u8> for Told {
    fn try_write(&mut self, batch: &mut Batch<u8>) -> Result<Tried, Error> {
        self.write(batch).map(|()| Tried::Done)
    }

    fn try_finish(&mut self) -> Result<Tried, Error> {
        self.finish().map(|()| Tried::Done)
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let mut fate = self.0.try_lock().expect("nobody else has it");
        fate.dropped = true;
    }
}

fn told() -> (Writable<u8, Told>, Arc<Mutex<Fate>>) {
    let fate = Arc::new(Mutex::new(Fate::default()));
    let sink = Told(Arc::clone(&fate));
    (Writable::from_sink(sink, HighWaterMark::items(2)), fate)
}

#[test]
fn an_uncork_on_another_thread_and_a_direct_write() {
    explore("an uncork and a direct write", Bound::Every, || {
        let (mut out, fate) = told();
        let cork = out.cork();
        let _ = out.write(1).unwrap();
        let other = thread::spawn(move || drop(cork));
        let _ = out.write(2).unwrap();
        out.end();
        other.join().unwrap();
        drop(out.finish().unwrap());
        let fate = fate.lock().unwrap();
        assert_eq!(fate.written, [1, 2]);
        assert!(fate.finished && fate.dropped && !fate.failed);
    });
}

#[test]
fn a_token_and_a_direct_write() {
    explore("an abort and a direct write", Bound::Every, || {
        let (mut out, fate) = told();
        let token = CancelToken::new();
        out.cancel_with(&token);
        let other = thread::spawn(move || token.abort("enough"));
        let written = out.write(1);
        other.join().unwrap();
        let closed = out.is_closed();
        let back = out.take_undelivered().len() + usize::from(written.is_err());
        let confirmed = out.confirmed();
        drop(out);
        let fate = fate.lock().unwrap();
        assert!(closed && fate.failed && fate.dropped && !fate.finished);
        assert_eq!(confirmed as usize, fate.written.len());
        assert_eq!(back + fate.written.len(), 1);
    });
    explore("a stop and a direct write", Bound::Every, || {
        let (mut out, fate) = told();
        let token = CancelToken::new();
        out.cancel_with(&token);
        let other = thread::spawn(move || token.stop());
        let written = out.write(1);
        other.join().unwrap();
        assert!(out.is_finished());
        drop(out.finish().unwrap());
        let fate = fate.lock().unwrap();
        assert_eq!(fate.written.len(), usize::from(written.is_ok()));
        assert!(fate.finished && !fate.failed);
    });
}
