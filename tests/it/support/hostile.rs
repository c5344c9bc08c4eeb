//! Sinks and sources that do what the contract of `Read` and `Write` allows, at its worst.

use std::io::{self, IoSlice, Read, Write};

use crate::support::Gate;

/// A writer that takes at most so many bytes a call, each call after a permit.
#[derive(Debug)]
pub(crate) struct Slow {
    gate: Gate,
    most: usize,
    pub(crate) written: Vec<u8>,
}

impl Slow {
    pub(crate) fn new(gate: Gate, most: usize) -> Self {
        Self {
            gate,
            most,
            written: Vec::new(),
        }
    }
}

impl Write for Slow {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.gate.pass();
        let taken = data.len().min(self.most);
        self.written.extend_from_slice(&data[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a scripted writer or reader does with one call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Takes, or gives, so many bytes at most.
    Move(usize),
    /// A signal came.
    Interrupt,
    Fail(io::ErrorKind),
    Panic,
}

/// A writer that follows a script, over and over, and writes from all slices that it is given.
#[derive(Debug)]
pub(crate) struct Scripted {
    script: Vec<Step>,
    calls: usize,
    /// Once so many bytes are written, every call does this.
    last: Option<(usize, Step)>,
    pub(crate) written: Vec<u8>,
    pub(crate) flush: Step,
    pub(crate) flushes: usize,
}

impl Scripted {
    pub(crate) fn new(script: impl Into<Vec<Step>>) -> Self {
        Self {
            script: script.into(),
            calls: 0,
            last: None,
            written: Vec::new(),
            flush: Step::Move(0),
            flushes: 0,
        }
    }

    /// Takes exactly so many bytes, and then does `last`.
    pub(crate) fn until(bytes: usize, last: Step) -> Self {
        let mut sink = Self::new([Step::Move(usize::MAX)]);
        sink.last = Some((bytes, last));
        sink
    }
}

impl Write for Scripted {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(data)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut step = self.script[self.calls % self.script.len()];
        self.calls += 1;
        let mut room = usize::MAX;
        if let Some((bytes, last)) = self.last {
            room = bytes - self.written.len();
            if room == 0 {
                step = last;
            }
        }
        let before = self.written.len();
        match step {
            Step::Move(most) => {
                for slice in slices {
                    let left = most.min(room) - (self.written.len() - before);
                    let taken = slice.len().min(left);
                    self.written.extend_from_slice(&slice[..taken]);
                }
                Ok(self.written.len() - before)
            }
            Step::Interrupt => Err(io::ErrorKind::Interrupted.into()),
            Step::Fail(kind) => Err(kind.into()),
            Step::Panic => panic!("the writer broke"),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushes += 1;
        match self.flush {
            Step::Move(_) => Ok(()),
            Step::Interrupt => {
                self.flush = Step::Move(0);
                Err(io::ErrorKind::Interrupted.into())
            }
            Step::Fail(kind) => Err(kind.into()),
            Step::Panic => panic!("the flush broke"),
        }
    }
}

/// A reader that follows a script, over and over, through a pattern without end or up to one.
#[derive(Debug)]
pub(crate) struct Pattern {
    script: Vec<Step>,
    calls: usize,
    at: usize,
    end: usize,
}

impl Pattern {
    pub(crate) fn new(end: usize, script: impl Into<Vec<Step>>) -> Self {
        Self {
            script: script.into(),
            calls: 0,
            at: 0,
            end,
        }
    }
}

/// The byte at a place of the pattern, which no short period hides.
pub(crate) fn byte_at(place: usize) -> u8 {
    (place.wrapping_mul(31) >> 3) as u8 ^ place as u8
}

pub(crate) fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(byte_at).collect()
}

impl Read for Pattern {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let step = self.script[self.calls % self.script.len()];
        self.calls += 1;
        match step {
            Step::Move(most) => {
                let given = room.len().min(most).min(self.end - self.at);
                for slot in &mut room[..given] {
                    *slot = byte_at(self.at);
                    self.at += 1;
                }
                Ok(given)
            }
            Step::Interrupt => Err(io::ErrorKind::Interrupted.into()),
            Step::Fail(kind) => Err(kind.into()),
            Step::Panic => panic!("the reader broke"),
        }
    }
}
