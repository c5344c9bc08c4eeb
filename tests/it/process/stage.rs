//! A child between two pipelines: what goes in comes out, and what goes wrong is told on both
//! sides.

use std::io;
use std::process::Command;
use std::thread;

use highwater::process::{self, ChildSink, Halves, Spawn};
use highwater::{
    Bytes, CancelToken, Error, ErrorKind, Failure, HighWaterMark, IntoSource, Out, ReadSource,
    Readable, Report, Sink, Source, Writable, fs as ends, pipeline,
};

use crate::process::kin::{code, idle, reaped, sh};
use crate::support::{bounded, interrupted, pattern, until_still, watched};

const MARK: HighWaterMark<highwater::mark::InBytes> = HighWaterMark::bytes(64 << 10);

type Outcome = Result<(Report, Vec<u8>), Failure<Bytes>>;

/// Feeds the child from one pipeline, and collects what comes out in another.
fn through(halves: Halves, from: impl IntoSource<Bytes> + Send + 'static) -> (Outcome, Outcome) {
    let Halves { sink, source } = halves;
    let id = sink.id();
    let both = watched(move || {
        let feed = move || pipeline(from).high_water_mark(MARK).to(sink).run();
        let feeder = thread::spawn(feed);
        let run = pipeline(source).high_water_mark(MARK).to(Vec::new());
        let out = run
            .run_into()
            .map(|(report, got)| (report, got.into_inner()));
        let fed = feeder.join().unwrap();
        (fed.map(|report| (report, Vec::new())), out)
    });
    for outcome in [&both.0, &both.1] {
        bounded(match outcome {
            Ok((report, _)) => report,
            Err(failure) => &failure.report,
        });
    }
    reaped(id);
    both
}

/// What came out of a child that ended well on both sides.
fn comes_out(command: Command, bytes: Vec<u8>) -> Vec<u8> {
    let len = bytes.len() as u64;
    let (fed, out) = through(process::stage(command).unwrap(), bytes);
    assert_eq!(fed.unwrap().0.bytes(), len);
    out.unwrap().1
}

#[test]
fn what_goes_in_comes_out() {
    let bytes = pattern((10 << 20) + 3);
    assert!(comes_out(Command::new("cat"), bytes.clone()) == bytes);
    assert!(comes_out(Command::new("cat"), Vec::new()).is_empty());
    let sorted = comes_out(Command::new("sort"), b"c\na\nb\n".to_vec());
    assert_eq!(sorted, b"a\nb\nc\n");
    let packed = comes_out(Command::new("gzip"), bytes.clone());
    let mut unpack = Command::new("gzip");
    unpack.arg("-d");
    assert!(comes_out(unpack, packed) == bytes);
}

#[test]
fn a_failure_is_one_error_on_both_sides() {
    let script = "head -c 100000; echo bad input >&2; exit 3";
    let zeros = ends::read("/dev/zero").unwrap();
    let (fed, out) = through(process::stage(sh(script)).unwrap(), zeros);
    let (fed, out) = (fed.unwrap_err(), out.unwrap_err());
    assert_eq!(out.report.bytes(), 100_000);
    assert_eq!(code(&out.error), 3);
    assert!(fed.error.is_same(&out.error), "{fed} and {out}");

    let mut unpack = Command::new("gzip");
    unpack.arg("-d");
    let (_, out) = through(process::stage(unpack).unwrap(), pattern(1000));
    let chain = format!("{:#}", out.unwrap_err().error);
    assert!(chain.contains("not in gzip format"), "{chain}");
}

#[test]
fn a_child_that_exits_well_has_had_enough() {
    let zeros = ends::read("/dev/zero").unwrap();
    let mut head = Command::new("head");
    head.args(["-c", "100000"]);
    let (fed, out) = through(process::stage(head).unwrap(), zeros);
    fed.unwrap();
    assert_eq!(out.unwrap().1.len(), 100_000);
}

#[test]
fn a_reader_that_goes_away_lets_the_writer_end_well() {
    for (command, read) in [(Command::new("cat"), true), (idle(), false)] {
        let Halves { sink, source } = process::stage(command).unwrap();
        let id = sink.id();
        watched(move || {
            let zeros = ends::read("/dev/zero").unwrap();
            let feeder = thread::spawn(move || pipeline(zeros).to(sink).run());
            let mut out = Readable::from_source(source, MARK);
            if read {
                out.next().unwrap().unwrap();
            }
            drop(out);
            bounded(&feeder.join().unwrap().unwrap());
        });
        reaped(id);
    }
    let Halves { sink, source } = process::stage(Command::new("cat")).unwrap();
    assert!(!sink.is_done());
    drop(source);
    assert!(sink.is_done());
}

#[test]
fn a_writer_that_fails_fails_the_reader_with_its_error() {
    // It would take the end of its input for a good end.
    for _ in 0..20 {
        let broken = ReadSource::new(Breaks(3), "breaks");
        let (fed, out) = through(process::stage(Command::new("cat")).unwrap(), broken);
        let (fed, out) = (fed.unwrap_err(), out.unwrap_err());
        assert_eq!(fed.error.kind(), ErrorKind::Io(io::ErrorKind::InvalidData));
        assert!(fed.error.is_same(&out.error), "{fed} and {out}");
    }
}

/// Fails after so many reads.
struct Breaks(usize);

impl io::Read for Breaks {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::InvalidData)?;
        room.fill(b'x');
        Ok(room.len())
    }
}

#[test]
fn a_writer_that_goes_away_is_no_end() {
    for finish in [false, true] {
        let Halves {
            mut sink,
            mut source,
        } = process::stage(Command::new("cat")).unwrap();
        let id = sink.id();
        let end = watched(move || {
            write_all(&mut sink, b"some");
            assert_eq!(source.read().unwrap().unwrap(), "some");
            if finish {
                sink.finish().unwrap();
            }
            drop(sink);
            source.read()
        });
        match end {
            Ok(end) => assert!(finish && end.is_none()),
            Err(error) => assert!(!finish && error.kind() == ErrorKind::PrematureClose),
        }
        reaped(id);
    }
}

fn write_all(sink: &mut ChildSink, bytes: &'static [u8]) {
    let mut batch = highwater::Batch::new();
    batch.push(Bytes::from_static(bytes), bytes.len());
    while !batch.is_empty() {
        sink.write(&mut batch).unwrap();
    }
}

#[test]
fn both_halves_wait_at_the_mark_for_a_child_that_does_nothing() {
    let halves = Spawn::new(idle()).pipe_bytes(4096).stage().unwrap();
    let Halves { sink, source } = halves;
    let id = sink.id();
    let mut out = Writable::from_sink(sink, HighWaterMark::bytes(16 << 10));
    let chunk = Bytes::from(vec![1; 1024]);
    while out.try_write(chunk.clone()).is_ok() {}
    // A page, or what is left of it when pieces of another length are put together.
    let taken = until_still("the pipe is full", || out.confirmed() as usize);
    assert!((1..=4096).contains(&taken), "{taken}");
    assert!(out.len() <= 17 << 10);
    let token = CancelToken::new();
    let run = pipeline(source).cancel_with(&token).to(Vec::new());
    let failure = interrupted("futex", || run.run().unwrap_err(), || token.abort("enough"));
    assert_eq!(failure.error.kind(), ErrorKind::Cancelled);
    // The child is killed for want of a reader, and so the writer is let go.
    let error = watched(move || out.finish().map(drop));
    error.unwrap();
    reaped(id);
}

#[test]
fn a_stop_of_the_source_ends_the_input_and_the_output_is_read_to_its_end() {
    let Halves { sink, source } = process::stage(Command::new("sort")).unwrap();
    let id = sink.id();
    let silent = process::source(sh("echo b; echo a; exec sleep 1000")).unwrap();
    let token = CancelToken::new();
    let stopper = token.clone();
    let run = pipeline(silent)
        .cancel_with(&token)
        .progress(move |_| stopper.stop())
        .to(sink);
    let (report, got) = watched(move || {
        let feeder = thread::spawn(move || run.run().unwrap());
        let (_, got) = pipeline(source).to(Vec::new()).run_into().unwrap();
        (feeder.join().unwrap(), got.into_inner())
    });
    assert!(report.was_stopped());
    assert!(got == b"a\nb\n" || got == b"b\n", "{got:?}");
    assert_eq!(got.len() as u64, report.bytes());
    bounded(&report);
    reaped(id);
}

#[test]
fn a_panic_on_either_side_is_told_on_the_other() {
    let afraid = |_: Bytes, _: &mut Out<'_, Bytes>| -> Result<(), Error> { panic!("afraid") };
    let Halves { sink, source } = process::stage(Command::new("cat")).unwrap();
    let id = sink.id();
    let (fed, out) = watched(move || {
        let feeder = thread::spawn(move || {
            let zeros = ends::read("/dev/zero").unwrap();
            pipeline(zeros).through(afraid).to(sink).run().unwrap_err()
        });
        let out = pipeline(source).to(Vec::new()).run().unwrap_err();
        (feeder.join().unwrap(), out)
    });
    assert_eq!(fed.error.kind(), ErrorKind::Panicked);
    assert!(fed.error.is_same(&out.error), "{fed} and {out}");
    reaped(id);

    let Halves { sink, source } = process::stage(Command::new("cat")).unwrap();
    let id = sink.id();
    let (fed, out) = watched(move || {
        let feeder = thread::spawn(move || {
            let zeros = ends::read("/dev/zero").unwrap();
            pipeline(zeros).to(sink).run()
        });
        let run = pipeline(source).through(afraid).to(Vec::new());
        let out = run.run().unwrap_err();
        (feeder.join().unwrap(), out)
    });
    assert_eq!(out.error.kind(), ErrorKind::Panicked);
    bounded(&fed.unwrap());
    reaped(id);
}
