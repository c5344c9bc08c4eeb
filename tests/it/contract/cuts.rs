//! A stream that is torn down from its other side, and what reads it, however far behind: rules 10
//! to 12 and 15.
//!
//! The sink at the end takes nothing, as a socket does whose peer does not read: it can only be
//! interrupted.

use std::time::Duration;

use bytes::Bytes;
use highwater::mark::InBytes;
use highwater::stage::operators::map;
use highwater::stream::{BranchPolicy, concat, merge, take_bytes};
use highwater::{
    Branch, Broadcast, CancelToken, Duplex, Error, ErrorKind, HighWaterMark, Pipeline, Readable,
    Source, Writable, WriteError, WriteSink, broadcast, channel, pipeline,
};

use crate::support::stages::{At, CHUNK, Gated, HIGH, Interruptible, same};
use crate::support::{Gate, in_time, task, until};

type Stuck = Interruptible<WriteSink<Vec<u8>>>;

fn mark() -> HighWaterMark<InBytes> {
    HighWaterMark::bytes(HIGH)
}

fn memory() -> WriteSink<Vec<u8>> {
    WriteSink::new(Vec::new(), "memory")
}

fn stuck(gate: Gate) -> Stuck {
    Interruptible {
        inner: memory(),
        gate,
    }
}

fn chunk() -> Bytes {
    Bytes::from_static(&[7; CHUNK])
}

/// Runs a pipeline into a sink that takes nothing. Says how it failed.
fn run(pipeline: Pipeline<'_, Bytes>, gate: Gate) -> Error {
    let pipeline = pipeline.high_water_mark(mark());
    let failure = pipeline.to(stuck(gate)).run().unwrap_err();
    assert_eq!(failure.report.bytes(), 0, "nothing was written");
    failure.error
}

/// Reads a source to the end of something, into a sink that takes nothing.
type Reads<S> = (&'static str, fn(S, Gate) -> Error);

fn readable(source: impl Source<Bytes> + 'static) -> Readable<Bytes> {
    Readable::from_source(source, mark())
}

fn pipe_branch(branch: Branch<Bytes>, gate: Gate) -> Error {
    let out = Writable::from_sink(stuck(gate), mark());
    branch.pipe_to(out).err().unwrap()
}

fn pipe(readable: Readable<Bytes>, gate: Gate) -> Error {
    let out = Writable::from_sink(stuck(gate), mark());
    readable.pipe_to(out).err().unwrap()
}

/// Whatever a source can be read by.
fn ways<S: Source<Bytes> + 'static>() -> Vec<Reads<S>> {
    vec![
        ("pipeline", |source, gate| run(pipeline(source), gate)),
        ("stages", |source, gate| {
            let staged = pipeline(source).through(same(At::Never)).buffered(mark());
            run(staged.through(same(At::Never)), gate)
        }),
        ("light stages", |source, gate| {
            run(pipeline(source).map(|chunk| chunk), gate)
        }),
        ("tee", |source, gate| {
            run(pipeline(source).tee(stuck(Gate::new())), gate)
        }),
        ("tee, beside", |source, gate| {
            run(pipeline(source).tee(stuck(gate)), Gate::new())
        }),
        ("par_map", |source, gate| {
            run(pipeline(source).par_map(2, Ok), gate)
        }),
        ("the source of two halves", |source, gate| {
            let (_end, nothing) = channel(mark());
            run(pipeline(nothing).via(memory(), source), gate)
        }),
        ("merge", |source, gate| {
            run(merge([source], mark()).into_pipeline(), gate)
        }),
        ("merge as a source", |source, gate| {
            run(pipeline(merge([source], mark())), gate)
        }),
        ("concat", |source, gate| {
            let first: Box<dyn Source<Bytes>> = Box::new(readable(WriteNothing));
            run(pipeline(concat([first, Box::new(source)])), gate)
        }),
        ("take_bytes", |source, gate| {
            run(pipeline(take_bytes(source, u64::MAX)), gate)
        }),
        ("readable", |source, gate| {
            run(readable(source).into_pipeline(), gate)
        }),
        ("readable as a source", |source, gate| {
            run(pipeline(readable(source)), gate)
        }),
        ("operators", |source, gate| {
            run(pipeline(readable(source).flow().map(|chunk| chunk)), gate)
        }),
        ("through", |source, gate| {
            let through = readable(source).through(map(|chunk: Bytes| chunk), mark());
            run(through.into_pipeline(), gate)
        }),
        ("a pipeline that is read", |source, gate| {
            let inner = pipeline(source).high_water_mark(mark());
            run(inner.readable().into_pipeline(), gate)
        }),
        ("pipe_to", |source, gate| pipe(readable(source), gate)),
        ("a broadcast", |source, gate| {
            let inner = broadcast(mark());
            let branch = inner.subscribe(BranchPolicy::Slowest);
            let last = task(move || run(pipeline(branch), gate));
            let filling = pipeline(source).high_water_mark(mark()).to(inner);
            let cause = filling.run().unwrap_err().error;
            let error = last.join();
            assert!(error.is_same(&cause), "{error:?}, and not {cause:?}");
            error
        }),
    ]
}

/// A source that has ended.
struct WriteNothing;

impl Source<Bytes> for WriteNothing {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        Ok(None)
    }
}

/// Writes until the branch is cut off.
fn until_cut(writer: &mut Broadcast<Bytes>) {
    while writer.branches() > 0 {
        writer.write(chunk()).unwrap();
    }
}

/// Tears a branch down, which is read by something that is blocked by now.
type Cuts = fn(&mut Broadcast<Bytes>, &CancelToken);

const CUTS: [(&str, BranchPolicy, Cuts, ErrorKind); 5] = [
    (
        "slow",
        BranchPolicy::Disconnect(Duration::from_millis(1)),
        |writer, _| until_cut(writer),
        ErrorKind::TimedOut,
    ),
    (
        "behind its cap",
        BranchPolicy::Cap(HIGH),
        |writer, _| until_cut(writer),
        ErrorKind::LimitExceeded,
    ),
    (
        "aborted",
        BranchPolicy::Slowest,
        |_, token| token.abort("the branch is not wanted"),
        ErrorKind::Cancelled,
    ),
    (
        "aborted when full",
        BranchPolicy::Slowest,
        |writer, token| {
            while writer.try_write(chunk()).is_ok() {}
            token.abort("the branch is not wanted");
        },
        ErrorKind::Cancelled,
    ),
    (
        "destroyed",
        BranchPolicy::Slowest,
        |writer, _| drop(writer.destroy(Error::other("torn down"))),
        ErrorKind::Failed,
    ),
];

// Rules 10, 12 and 15.
#[test]
fn a_cut_aborts_what_reads_the_branch_at_once_and_is_its_cause() {
    in_time(|| {
        let own: Reads<Branch<Bytes>> = ("pipe_to, by itself", pipe_branch);
        for (name, read) in ways().into_iter().chain([own]) {
            for (cut, policy, cuts, kind) in CUTS {
                let mut writer = broadcast(mark()).keep_open();
                let branch = writer.subscribe(policy);
                let token = CancelToken::new();
                branch.cancel_with(&token);
                let gate = Gate::new();
                let at_gate = gate.clone();
                let reader = task(move || read(branch, at_gate));
                writer.write(chunk()).unwrap();
                gate.until_arrived(1);
                cuts(&mut writer, &token);
                let error = reader.join();
                assert_eq!(error.kind(), kind, "{name}, {cut}: {error:?}");
                if let Some(cause) = token.cause().or_else(|| writer.error()) {
                    assert!(error.is_same(&cause), "{name}, {cut}: {error:?}");
                }
                assert!(writer.peak() < HIGH + CHUNK, "{name}, {cut}");
                assert_eq!(gate.arrived(), 1, "{name}, {cut}: nothing was written on");
            }
        }
    });
}

// Rules 10 and 12: the same, where a writer destroys what it writes.
#[test]
fn a_destroy_by_the_writer_aborts_what_reads_the_stream_at_once() {
    in_time(|| {
        let ways = ways::<Readable<Bytes>>();
        let others: [Reads<Readable<Bytes>>; 3] = [
            ("into_pipeline", |from, gate| {
                run(from.into_pipeline(), gate)
            }),
            ("into_pipeline, with stages", |from, gate| {
                let staged = from.into_pipeline().through(same(At::Never));
                run(staged.buffered(mark()), gate)
            }),
            ("pipe_to, by itself", pipe),
        ];
        for (name, read) in ways.into_iter().chain(others) {
            let (mut writer, reader) = channel(mark());
            let gate = Gate::new();
            let at_gate = gate.clone();
            let reader = task(move || read(reader, at_gate));
            writer.write(chunk()).unwrap();
            gate.until_arrived(1);
            let given_back = {
                while writer.try_write(chunk()).is_ok() {}
                writer.destroy(Error::other("torn down"))
            };
            assert!(given_back.weight() < HIGH + CHUNK, "{name}");
            let (error, cause) = (reader.join(), writer.error().unwrap());
            assert!(error.is_same(&cause), "{name}: {error:?}");
            assert_eq!(gate.arrived(), 1, "{name}: nothing was written on");
        }
    });
}

// Rule 10.
#[test]
fn a_destroy_goes_through_a_duplex_at_once() {
    in_time(|| {
        let both = Duplex::over(map(|chunk: Bytes| chunk), mark(), mark());
        let (reader, mut writer) = both.split();
        let gate = Gate::new();
        let at_gate = gate.clone();
        let reader = task(move || run(reader.into_pipeline(), at_gate));
        writer.write(chunk()).unwrap();
        gate.until_arrived(1);
        drop(writer.destroy(Error::other("torn down")));
        assert!(reader.join().is_same(&writer.error().unwrap()));
        assert_eq!(gate.arrived(), 1);
    });
}

// Rules 10, 12 and 14: a thread of one's own, which is blocked in something else.
#[test]
fn a_cut_aborts_what_a_thread_writes_to_that_reads_the_branch() {
    in_time(|| {
        // More than both buffers take, and no more than the branch may be behind.
        const SOON: usize = 3 * HIGH / CHUNK;
        const CAP: usize = 2 * SOON * CHUNK;
        let mut writer = broadcast(mark()).keep_open();
        let mut branch = writer.subscribe(BranchPolicy::Cap(CAP));
        let gate = Gate::new();
        let mut out = Writable::from_sink(stuck(gate.clone()), mark());
        let reader = task(move || {
            let token = CancelToken::new();
            branch.aborts(&token);
            out.cancel_with(&token);
            let refused = branch
                .by_ref()
                .find_map(|next| out.write(next.unwrap()).err());
            (refused.unwrap(), branch.error().unwrap())
        });
        for _ in 0..SOON {
            writer.write(chunk()).unwrap();
        }
        gate.until_arrived(1);
        reader.until_parked();
        until_cut(&mut writer);
        let (refused, cut) = reader.join();
        assert_eq!(cut.kind(), ErrorKind::LimitExceeded);
        assert!(
            matches!(&refused, WriteError::Closed(_, cause) if cause.is_same(&cut)),
            "{refused:?}"
        );
        assert!(writer.peak() <= CAP);
    });
}

// Rule 14: one that comes after the fact.
#[test]
fn a_stream_that_reads_what_was_torn_down_before_is_aborted_too() {
    in_time(|| {
        let mut writer = broadcast(mark());
        let mut branch = writer.subscribe(BranchPolicy::Slowest);
        writer.write(chunk()).unwrap();
        drop(writer.destroy(Error::other("torn down")));
        let token = CancelToken::new();
        branch.aborts(&token);
        assert!(token.cause().unwrap().is_same(&writer.error().unwrap()));

        let (mut writer, mut reader) = channel(mark());
        writer.write(chunk()).unwrap();
        drop(writer.destroy(Error::other("torn down")));
        let token = CancelToken::new();
        reader.aborts(&token);
        assert!(token.cause().unwrap().is_same(&writer.error().unwrap()));
    });
}

type Begins = fn(Readable<Bytes>) -> Pipeline<'static, Bytes>;

// Rules 7 and 10: what is read no more takes nothing down.
#[test]
fn what_becomes_of_a_source_that_was_read_to_its_end_is_no_matter() {
    in_time(|| {
        let ways: [(&str, Begins); 3] = [
            ("take_bytes", |from| {
                pipeline(take_bytes(from, CHUNK as u64))
            }),
            ("take", |from| pipeline(from).take(1)),
            ("into_pipeline", |from| from.into_pipeline().take(1)),
        ];
        for (name, begin) in ways {
            let (mut writer, reader) = channel(mark());
            let gate = Gate::new();
            let sink = Gated {
                inner: memory(),
                gate: gate.clone(),
            };
            let pipeline = begin(reader).high_water_mark(mark()).to(sink);
            let pipeline = task(move || pipeline.run_into());
            writer.write(chunk()).unwrap();
            if name == "take_bytes" {
                gate.until_arrived(1);
                until("the source was let go", || writer.is_closed());
            } else {
                gate.open(1);
                until("no more is wanted", || writer.is_closed());
            }
            drop(writer.destroy(Error::other("too late")));
            gate.open(1);
            let (report, sink) = pipeline.join().unwrap();
            assert_eq!(report.bytes(), CHUNK as u64, "{name}");
            assert_eq!(sink.inner.into_inner(), chunk(), "{name}");
        }
    });
}

// Rule 10: an error that travels behind the data stays there.
#[test]
fn a_failure_arrives_behind_the_data_however_full_the_sink_is() {
    in_time(|| {
        for begin in [pipeline::<Readable<Bytes>>, Readable::into_pipeline] {
            let (mut writer, reader) = channel(mark());
            let gate = Gate::new();
            let sink = Gated {
                inner: memory(),
                gate: gate.clone(),
            };
            let pipeline = begin(reader).high_water_mark(mark()).to(sink);
            let pipeline = task(move || pipeline.run());
            writer.write(chunk()).unwrap();
            gate.until_arrived(1);
            writer.write(chunk()).unwrap();
            writer.fail(Error::other("the source broke"));
            gate.open(2);
            let failure = pipeline.join().unwrap_err();
            assert_eq!(failure.report.bytes(), 2 * CHUNK as u64);
            assert!(failure.error.is_same(&writer.error().unwrap()));
        }
    });
}
