//! Each stage in a pipeline that fails, is cancelled, or has nothing to do: rules 8, 12, 13, 15, 16,
//! 18 and 19 of the contract.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use highwater::gzip::{self, BLOCK_BYTES, Corrupt, PIECE_BYTES};
use highwater::report::ReadyPipeline;
use highwater::{
    Bytes, CancelToken, Error, ErrorKind, HighWaterMark, Out, Pipeline, ReadSource, Report, Sink,
    Source, WriteSink, pipeline,
};

use crate::properties::gzip::{done, run, whole};
use crate::support::hostile::{Scripted, Step};
use crate::support::stages::{Counting, Interruptible};
use crate::support::{Gate, alone, in_time, own_threads, pattern, task, until};

const HIGH: usize = 128 * 1024;
const CHUNK: usize = 10_000;
const THREADS: usize = 2;

/// The stages, each with what goes in well, and the most that it holds of it itself.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Compress,
    Flushing,
    Parallel,
    Decompress,
}

impl Kind {
    const ALL: [Self; 4] = [
        Self::Compress,
        Self::Flushing,
        Self::Parallel,
        Self::Decompress,
    ];

    fn through(self, begun: Pipeline<'_, Bytes>) -> Pipeline<'_, Bytes> {
        match self {
            Self::Compress => begun.through(gzip::compress(1)),
            Self::Flushing => begun.through(gzip::compress(1).flush_each_chunk()),
            Self::Parallel => begun.through(gzip::compress_parallel(1, THREADS)),
            Self::Decompress => begun.through(gzip::decompress()),
        }
    }

    /// Noise, which becomes neither less nor much more on its way through.
    fn input(self, bytes: usize) -> Vec<u8> {
        match self {
            Self::Decompress => done(&mut gzip::compress(1), whole(&pattern(bytes))),
            _ => pattern(bytes),
        }
    }

    /// What came out, in terms of what went in.
    fn back(self, came: &[u8]) -> Vec<u8> {
        match self {
            Self::Decompress => came.to_vec(),
            // Of a stream that was broken off, as far as it goes.
            _ => run(&mut gzip::decompress(), whole(came)).0,
        }
    }

    const fn holds(self) -> usize {
        match self {
            Self::Compress | Self::Flushing | Self::Decompress => 2 * PIECE_BYTES + CHUNK,
            // Those on the way, the one that is gathered, and a chunk in hand.
            Self::Parallel => (2 * THREADS + 2) * BLOCK_BYTES + CHUNK,
        }
    }
}

/// A reader that gives pieces, and then does something else.
struct Input {
    bytes: Vec<u8>,
    at: usize,
    last: Step,
}

impl io::Read for Input {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let given = room.len().min(self.bytes.len() - self.at);
        if given == 0 {
            return match self.last {
                Step::Move(_) => Ok(0),
                Step::Interrupt => Err(io::ErrorKind::Interrupted.into()),
                Step::Fail(kind) => Err(kind.into()),
                Step::Panic => panic!("the reader broke"),
            };
        }
        room[..given].copy_from_slice(&self.bytes[self.at..self.at + given]);
        self.at += given;
        Ok(given)
    }
}

fn source(bytes: Vec<u8>, last: Step) -> ReadSource<Input> {
    ReadSource::new(Input { bytes, at: 0, last }, "input").chunk_bytes(CHUNK)
}

fn begin(source: impl Source<Bytes> + 'static) -> Pipeline<'static, Bytes> {
    pipeline(source).high_water_mark(HighWaterMark::bytes(HIGH))
}

#[track_caller]
fn assert_bounded(report: &Report) {
    for stage in report.stages() {
        let together = stage.busy + stage.starved + stage.blocked + stage.waiting;
        assert!(together <= report.elapsed(), "{stage:?}");
        if let Some(buffer) = stage.buffer {
            let bound = HIGH + PIECE_BYTES;
            assert!(
                buffer.peak <= bound,
                "{} before {}",
                buffer.peak,
                stage.name
            );
        }
    }
}

#[track_caller]
fn fails<K: Sink<Bytes>>(
    ready: ReadyPipeline<'_, Bytes, K>,
    kind: ErrorKind,
    stage: &str,
) -> (Report, Error) {
    let failure = ready.run().unwrap_err();
    assert_eq!(failure.error.kind(), kind, "{:#}", failure.error);
    assert_eq!(failure.error.stage(), Some(stage));
    assert_eq!(failure.error.others().count(), 0, "an echo was shown");
    assert_bounded(&failure.report);
    (failure.report, failure.error)
}

// Rule 19.
#[test]
fn a_stage_before_a_sink_that_stands_still_holds_no_more_than_it_says() {
    in_time(|| {
        for kind in Kind::ALL {
            const ALL: usize = 5_000_000;
            let gate = Gate::new();
            let sink = Interruptible {
                inner: WriteSink::new(Vec::new(), "memory"),
                gate: gate.clone(),
            };
            let read = Arc::new(AtomicUsize::new(0));
            let input = kind.input(ALL);
            let watched = Counting {
                inner: source(input.clone(), Step::Move(0)),
                read: Arc::clone(&read),
                announce: |_| {},
            };
            let begun = begin(watched);
            let monitor = begun.monitor();
            let ready = kind.through(begun).to(sink);
            let running = task(move || ready.run_into().unwrap());
            until("source and stage are held up", || {
                let report = monitor.snapshot();
                let mut before = report.stages().iter().take(2);
                !report.stages().is_empty() && before.all(|stage| !stage.blocked.is_zero())
            });
            // The stage is held up when it has nowhere to put more, and only then is the source.
            until("nothing moves", || {
                let before = read.load(Ordering::SeqCst);
                running.until_parked();
                (0..1_000).for_each(|_| std::thread::yield_now());
                before == read.load(Ordering::SeqCst)
            });
            let read = read.load(Ordering::SeqCst);
            let bound = 2 * (HIGH + PIECE_BYTES) + CHUNK + kind.holds();
            assert!(read <= bound, "{kind:?}: {read} read, {bound} allowed");
            gate.open(10_000);
            let (report, sink) = running.join();
            assert!(kind.back(&sink.inner.into_inner()) == kind.back(&through(kind, input)));
            assert_bounded(&report);
        }
    });
}

fn through(kind: Kind, input: Vec<u8>) -> Vec<u8> {
    let ready = kind
        .through(begin(source(input, Step::Move(0))))
        .to(Vec::new());
    let (report, sink) = ready.run_into().unwrap();
    assert_bounded(&report);
    sink.into_inner()
}

// Rules 8, 12 and 13.
#[test]
fn an_error_of_the_source_comes_behind_what_came_of_the_data_before_it() {
    in_time(|| {
        let reset = io::ErrorKind::ConnectionReset;
        for kind in Kind::ALL {
            for (last, told) in [
                (Step::Fail(reset), ErrorKind::Io(reset)),
                (Step::Panic, ErrorKind::Panicked),
            ] {
                let input = kind.input(1_500_000);
                let half = input[..input.len() / 2].to_vec();
                let ready = kind
                    .through(begin(source(half.clone(), last)))
                    .to(Vec::new());
                let (report, error) = fails(ready, told, "input");
                assert_eq!(error.offset(), Some(half.len() as u64));
                let least = half.len() - kind.holds().min(half.len());
                assert!(
                    report.bytes() as usize >= least,
                    "{kind:?}: {}",
                    report.bytes()
                );
            }
        }
    });
}

// Rules 12, 13 and 18.
#[test]
fn an_error_of_the_sink_ends_the_stage_and_its_source() {
    in_time(|| {
        let full = io::ErrorKind::StorageFull;
        for kind in Kind::ALL {
            for (last, told) in [
                (Step::Fail(full), ErrorKind::Io(full)),
                (Step::Panic, ErrorKind::Panicked),
            ] {
                for at in [0, 5, 300_000] {
                    let endless = source(kind.input(3_000_000), Step::Interrupt);
                    let sink = WriteSink::new(Scripted::until(at, last), "broken");
                    let (report, error) =
                        fails(kind.through(begin(endless)).to(sink), told, "broken");
                    assert_eq!(error.offset(), Some(at as u64));
                    assert_eq!(report.bytes(), at as u64);
                }
            }
        }
    });
}

// Rule 13.
#[test]
fn a_panic_behind_a_stage_is_the_error_of_the_one_that_panicked() {
    in_time(|| {
        for kind in Kind::ALL {
            let breaks = |_: Bytes, _: &mut Out<'_, Bytes>| -> Result<(), Error> {
                panic!("the next stage broke")
            };
            let endless = source(kind.input(3_000_000), Step::Interrupt);
            let ready = kind.through(begin(endless)).through(breaks).to(Vec::new());
            let (report, _) = fails(ready, ErrorKind::Panicked, "transform");
            assert_eq!(report.bytes(), 0);
        }
    });
}

// Rule 15.
#[test]
fn a_stage_that_is_blocked_is_cancelled() {
    in_time(|| {
        for kind in Kind::ALL {
            let gate = Gate::new();
            let sink = Interruptible {
                inner: WriteSink::new(Vec::new(), "memory"),
                gate: gate.clone(),
            };
            let token = CancelToken::new();
            let begun = begin(source(kind.input(5_000_000), Step::Move(0)));
            let monitor = begun.monitor();
            let ready = kind.through(begun).cancel_with(&token).to(sink);
            let running = task(move || ready.run());
            until("the stage is held up", || {
                let report = monitor.snapshot();
                report
                    .stages()
                    .get(1)
                    .is_some_and(|stage| !stage.blocked.is_zero())
            });
            token.abort("no longer wanted");
            let failure = running.join().unwrap_err();
            assert_eq!(failure.error.kind(), ErrorKind::Cancelled);
            assert!(!failure.undelivered.is_empty());
            assert_bounded(&failure.report);
        }
    });
}

#[test]
fn a_stage_that_is_stopped_ends_what_it_writes() {
    in_time(|| {
        for kind in [Kind::Compress, Kind::Flushing, Kind::Parallel] {
            let token = CancelToken::new();
            let stop = token.clone();
            let watched = Counting {
                inner: source(pattern(3_000_000), Step::Interrupt),
                read: Arc::default(),
                announce: move |_| stop.stop(),
            };
            let begun = begin(watched).cancel_with(&token);
            let (report, sink) = kind.through(begun).to(Vec::new()).run_into().unwrap();
            assert!(report.was_stopped());
            let data = done(&mut gzip::decompress(), whole(&sink.into_inner()));
            assert!(pattern(3_000_000).starts_with(&data));
            assert_bounded(&report);
        }
    });
}

#[test]
fn no_data_is_an_empty_member_and_an_empty_member_is_no_data() {
    in_time(|| {
        for kind in [Kind::Compress, Kind::Flushing, Kind::Parallel] {
            let member = through(kind, Vec::new());
            assert_eq!(member.len(), 20, "{kind:?}");
            assert_eq!(through(Kind::Decompress, member), b"");
        }
        let ready = Kind::Decompress.through(begin(source(Vec::new(), Step::Move(0))));
        let eof = ErrorKind::Io(io::ErrorKind::UnexpectedEof);
        let (_, error) = fails(ready.to(Vec::new()), eof, "gunzip");
        assert_eq!(Corrupt::of(&error), Some(&Corrupt::Truncated));
        assert_eq!(
            error.to_string(),
            "failed to decompress in `gunzip` at byte 0"
        );
    });
}

// Rule 12: what could be decompressed has arrived, and the error is behind it.
#[test]
fn what_came_before_damage_is_delivered() {
    in_time(|| {
        let data = pattern(1_000_000);
        let mut member = Kind::Decompress.input(data.len());
        let checksum = member.len() - 8;
        member[checksum] ^= 1;
        let stage = Kind::Decompress.through(begin(source(member, Step::Move(0))));
        let corrupt = ErrorKind::Io(io::ErrorKind::InvalidData);
        let (report, error) = fails(stage.to(Vec::new()), corrupt, "gunzip");
        assert_eq!(error.offset(), Some(checksum as u64));
        assert_eq!(report.bytes(), data.len() as u64);
    });
}

// Rule 16.
#[test]
fn the_threads_of_a_parallel_stage_are_gone_with_it() {
    alone(|| {
        let seen = Arc::new(AtomicUsize::new(0));
        let most = Arc::clone(&seen);
        let look = move |piece: Bytes, out: &mut Out<'_, Bytes>| {
            let own = own_threads();
            let hands = own
                .iter()
                .filter(|name| name.starts_with("highwater-gzip-"));
            most.fetch_max(hands.count(), Ordering::SeqCst);
            out.push(piece)
        };
        let begun = begin(source(pattern(2_000_000), Step::Move(0)));
        let ready = begun.through(gzip::compress_parallel(1, 3)).through(look);
        ready.to(Vec::new()).run().unwrap();
        // As many as the blocks keep busy, and never more than it may.
        assert!((1..=3).contains(&seen.load(Ordering::SeqCst)));
        assert_eq!(own_threads(), Vec::<String>::new());

        // Also when work is left whose result is not needed.
        let failing = WriteSink::new(Scripted::until(5, Step::Panic), "broken");
        let begun = begin(source(pattern(2_000_000), Step::Move(0)));
        let ready = begun.through(gzip::compress_parallel(1, 3)).to(failing);
        fails(ready, ErrorKind::Panicked, "broken");
        assert_eq!(own_threads(), Vec::<String>::new());
    });
}
