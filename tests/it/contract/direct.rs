//! A sink of one's own over one that says when it would block: what is written is framed, from the
//! thread that writes as long as nothing blocks.

use std::io::Write;
use std::thread::{self, ThreadId};

use bytes::Bytes;
use highwater::Batch;
use highwater::stage::{Attempt, Direct};
use highwater::{Error, HighWaterMark, Sink, Writable};

use crate::support::{Gate, alone, in_time, own_threads};

/// Takes so many bytes in a call, and would block for ever once its allowance is used up, but for
/// a gate. Knows who has called.
struct Stingy {
    taken: Vec<u8>,
    most: usize,
    allowance: usize,
    gate: Gate,
    callers: Vec<ThreadId>,
    finished: bool,
}

impl Stingy {
    fn new(most: usize, allowance: usize, gate: &Gate) -> Self {
        Self {
            taken: Vec::new(),
            most,
            allowance,
            gate: gate.clone(),
            callers: Vec::new(),
            finished: false,
        }
    }

    fn take(&mut self, batch: &mut Batch<Bytes>) {
        let first = batch.first().expect("there is something to write");
        let taken = first.len().min(self.most);
        self.taken.extend_from_slice(&first[..taken]);
        self.called();
        batch.advance(taken);
    }

    fn called(&mut self) {
        let caller = thread::current().id();
        if self.callers.last() != Some(&caller) {
            self.callers.push(caller);
        }
    }
}

impl Sink<Bytes> for Stingy {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        self.gate.pass();
        self.take(batch);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.called();
        self.finished = true;
        Ok(())
    }

    fn direct(&mut self) -> Option<&mut dyn Direct<Bytes>> {
        Some(self)
    }
}

impl Direct<Bytes> for Stingy {
    fn try_write(&mut self, batch: &mut Batch<Bytes>) -> Result<Attempt, Error> {
        if self.allowance == 0 {
            return Ok(Attempt::WouldBlock);
        }
        self.allowance -= 1;
        self.take(batch);
        Ok(Attempt::Done)
    }

    fn try_finish(&mut self) -> Result<Attempt, Error> {
        self.finish().map(|()| Attempt::Done)
    }
}

/// Puts a length before each chunk, and a 0 at the end.
struct Framed<K> {
    inner: K,
    /// What was framed and is not out.
    out: Batch<Bytes>,
    ended: bool,
}

impl<K: Sink<Bytes>> Framed<K> {
    const fn new(inner: K) -> Self {
        Self {
            inner,
            out: Batch::new(),
            ended: false,
        }
    }

    fn put(&mut self, chunk: Bytes) {
        let weight = chunk.len();
        self.out.push(chunk, weight);
    }

    /// Frames what is next, if all before it is out.
    fn frame(&mut self, batch: &Batch<Bytes>) {
        if self.out.is_empty()
            && let Some(first) = batch.first()
        {
            let body = first.clone();
            self.put(format!("{}:", body.len()).into());
            self.put(body);
        }
    }

    fn frame_the_end(&mut self) {
        if !std::mem::replace(&mut self.ended, true) {
            self.put("0:".into());
        }
    }

    fn try_out(&mut self) -> Result<Attempt, Error> {
        while !self.out.is_empty() {
            let Some(inner) = self.inner.direct() else {
                return Ok(Attempt::WouldBlock);
            };
            if inner.try_write(&mut self.out)? == Attempt::WouldBlock {
                return Ok(Attempt::WouldBlock);
            }
        }
        Ok(Attempt::Done)
    }

    fn write_out(&mut self) -> Result<(), Error> {
        while !self.out.is_empty() {
            self.inner.write(&mut self.out)?;
        }
        Ok(())
    }
}

impl<K: Sink<Bytes>> Sink<Bytes> for Framed<K> {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        self.frame(batch);
        self.write_out()?;
        drop(batch.pop());
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.frame_the_end();
        self.write_out()?;
        self.inner.finish()
    }

    fn direct(&mut self) -> Option<&mut dyn Direct<Bytes>> {
        self.inner.direct().is_some().then_some(self)
    }
}

impl<K: Sink<Bytes>> Direct<Bytes> for Framed<K> {
    fn try_write(&mut self, batch: &mut Batch<Bytes>) -> Result<Attempt, Error> {
        self.frame(batch);
        let tried = self.try_out()?;
        if tried == Attempt::Done {
            drop(batch.pop());
        }
        Ok(tried)
    }

    fn try_finish(&mut self) -> Result<Attempt, Error> {
        self.frame_the_end();
        let tried = self.try_out()?;
        match self.inner.direct() {
            Some(inner) if tried == Attempt::Done => inner.try_finish(),
            _ => Ok(Attempt::WouldBlock),
        }
    }
}

fn framed(chunks: &[&str]) -> String {
    let frames = chunks
        .iter()
        .map(|chunk| format!("{}:{chunk}", chunk.len()));
    frames.chain(["0:".to_owned()]).collect()
}

const MARK: usize = 16;

fn writable(most: usize, allowance: usize, gate: &Gate) -> Writable<Bytes, Framed<Stingy>> {
    let sink = Framed::new(Stingy::new(most, allowance, gate));
    Writable::from_sink(sink, HighWaterMark::bytes(MARK))
}

#[test]
fn what_does_not_block_is_framed_and_finished_by_the_thread_that_writes() {
    alone(|| {
        let mut out = writable(2, usize::MAX, &Gate::new());
        for chunk in ["head", "body"] {
            out.write(chunk.into()).unwrap();
            assert_eq!(out.len(), 0, "it is out before the write is over");
        }
        write!(out, "a small one").unwrap();
        assert!(own_threads().is_empty());
        let sink = out.finish().unwrap().inner;
        assert!(own_threads().is_empty());
        assert!(sink.finished);
        assert_eq!(sink.callers, [thread::current().id()]);
        let expected = framed(&["head", "body", "a small one"]);
        assert_eq!(String::from_utf8(sink.taken).unwrap(), expected);
    });
}

#[test]
fn wherever_it_blocks_in_a_frame_the_thread_goes_on_from_there_and_ends_with_the_handle() {
    alone(|| {
        let chunks = ["head", "body", "x", "tail"];
        let expected = framed(&chunks);
        for allowance in 0..expected.len() {
            let expected = expected.clone();
            in_time(move || {
                let gate = Gate::new();
                let mut out = writable(1, allowance, &gate);
                for chunk in chunks {
                    out.write(chunk.into()).unwrap();
                    assert!(out.len() < MARK + 4, "{}", out.len());
                }
                assert_eq!(out.confirmed() + out.len() as u64, 13);
                gate.open(expected.len());
                let sink = out.finish().unwrap().inner;
                assert!(own_threads().is_empty(), "the thread went with its handle");
                assert!(sink.finished);
                // Once the thread is there, what it leaves may be tried by neither or by both.
                assert!(sink.callers.len() > usize::from(allowance > 0));
                assert_eq!(String::from_utf8(sink.taken).unwrap(), expected);
            });
        }
    });
}

#[test]
fn a_handle_that_is_dropped_takes_a_blocked_frame_along() {
    alone(|| {
        in_time(|| {
            let gate = Gate::new();
            let mut out = writable(1, 3, &gate);
            out.write("head".into()).unwrap();
            gate.until_arrived(1);
            gate.open(8);
            drop(out);
            assert!(own_threads().is_empty());
        });
    });
}
