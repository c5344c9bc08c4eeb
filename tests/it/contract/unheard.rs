//! Rule 7: an error that no call has returned, for the handle was dropped, is told all the same.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

use bytes::Bytes;
use highwater::mark::InBytes;
use highwater::stream::BranchPolicy;
use highwater::{
    Branch, CancelToken, Duplex, Error, ErrorKind, HighWaterMark, Writable, WriteSink, broadcast,
    channel, set_error_hook,
};

use crate::support::hostile::{Scripted, Step};
use crate::support::stages::Gated;
use crate::support::{Gate, alone, in_time, task, until};

type Out = Writable<Bytes, WriteSink<Scripted>>;

const FULL: ErrorKind = ErrorKind::Io(io::ErrorKind::StorageFull);

fn mark() -> HighWaterMark<InBytes> {
    HighWaterMark::bytes(64)
}

/// A disk that is full after so many bytes.
fn full(after: usize) -> WriteSink<Scripted> {
    let disk = Scripted::until(after, Step::Fail(io::ErrorKind::StorageFull));
    WriteSink::new(disk, "disk")
}

fn out() -> Out {
    Writable::from_sink(full(4), mark())
}

fn five() -> Bytes {
    Bytes::from_static(b"bytes")
}

fn once_failed(out: &Out) {
    until("the sink has failed", || out.is_closed());
}

/// Uses a handle, and drops it.
type Use = fn(Out);

/// Where no call returns the error.
const SILENT: [(&str, Use); 6] = [
    ("end", |mut out| {
        out.write(five()).unwrap();
        out.end();
    }),
    ("small writes, and end", |mut out| {
        Write::write_all(&mut out, b"bytes").unwrap();
        out.end();
    }),
    ("no end", |mut out| {
        out.write(five()).unwrap();
        once_failed(&out);
    }),
    ("half of a duplex", |mut out| {
        out.write(five()).unwrap();
        let (_writer, reader) = channel::<(), _>(HighWaterMark::items(1));
        let mut both = Duplex::new(reader, out);
        both.end();
    }),
    ("a destroy that comes too late", |mut out| {
        out.write(five()).unwrap();
        once_failed(&out);
        drop(out.destroy(Error::other("of no interest")));
    }),
    ("a wait whose time is up", |out| {
        let gate = Gate::new();
        let sink = Gated {
            inner: full(4),
            gate: gate.clone(),
        };
        drop(out.finish());
        let mut out = Writable::from_sink(sink, mark());
        out.write(five()).unwrap();
        let up = out.wait_finish_timeout(std::time::Duration::ZERO);
        assert_eq!(up.unwrap_err().kind(), ErrorKind::TimedOut);
        gate.open(2);
    }),
];

/// Where a call returns it, or the caller knows of it.
const HEARD: [(&str, Use); 10] = [
    ("finish", |mut out| {
        out.write(five()).unwrap();
        assert_eq!(out.finish().err().unwrap().kind(), FULL);
    }),
    ("wait_finish", |mut out| {
        out.write(five()).unwrap();
        assert_eq!(out.wait_finish().unwrap_err().kind(), FULL);
    }),
    ("flush", |mut out| {
        out.write(five()).unwrap();
        assert_eq!(out.flush().unwrap_err().kind(), FULL);
    }),
    ("flush of small writes", |mut out| {
        out.write_all(b"bytes").unwrap();
        let error = Write::flush(&mut out).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }),
    ("write", |mut out| {
        out.write(five()).unwrap();
        once_failed(&out);
        assert_eq!(out.write(five()).unwrap_err().into_parts().1.kind(), FULL);
    }),
    ("write_batch", |mut out| {
        out.write(five()).unwrap();
        once_failed(&out);
        let refused = out.write_batch(&mut [five()].into()).unwrap_err();
        assert_eq!(refused.kind(), FULL);
    }),
    ("wait_drain", |mut out| {
        out.write(five()).unwrap();
        once_failed(&out);
        assert_eq!(out.wait_drain().unwrap_err().kind(), FULL);
    }),
    ("error", |mut out| {
        out.write(five()).unwrap();
        once_failed(&out);
        assert_eq!(out.error().unwrap().kind(), FULL);
    }),
    ("an error of the caller's own", |mut out| {
        out.fail(Error::other("of the caller"));
    }),
    ("a destroy", |mut out| {
        drop(out.destroy(Error::other("of the caller")));
    }),
];

// Rule 7.
#[test]
fn an_error_that_no_call_has_returned_goes_to_the_hook_and_any_other_does_not() {
    in_time(|| {
        alone(|| {
            let (tell, told) = mpsc::channel();
            set_error_hook(move |error| tell.send(error.clone()).unwrap()).unwrap();
            let another = set_error_hook(|_| {}).unwrap_err();
            assert_eq!(another.kind(), ErrorKind::InvalidInput);
            for (name, use_it) in SILENT {
                use_it(out());
                let error = told.try_recv().expect(name);
                assert_eq!(error.kind(), FULL, "{name}");
                assert_eq!(error.stage(), Some("disk"), "{name}");
                assert_eq!(error.operation(), Some("write to"), "{name}");
                assert_eq!(error.offset(), Some(4), "{name}");
                assert!(told.try_recv().is_err(), "{name}: once");
            }
            for (name, use_it) in HEARD {
                use_it(out());
                let told = told.try_recv();
                assert!(told.is_err(), "{name}: {told:?}");
            }
            a_success_is_no_error();
            an_abort_is_known();
            the_other_end_of_a_stream_is_told();
            let none = told.try_recv();
            assert!(none.is_err(), "{none:?}");
        });
    });
}

fn a_success_is_no_error() {
    let mut out = Writable::to(Vec::new(), mark());
    out.write(five()).unwrap();
    out.end();
    drop(out);
    // What has arrived is not lost, though it was not finished.
    let mut out = Writable::to(Vec::new(), mark());
    out.write(five()).unwrap();
    out.flush().unwrap();
    drop(out);
    drop(Writable::to(Vec::new(), mark()));
}

fn an_abort_is_known() {
    let token = CancelToken::new();
    let mut out = out();
    out.cancel_with(&token);
    token.abort("enough");
    out.end();
}

fn the_other_end_of_a_stream_is_told() {
    let (mut writer, reader) = channel(HighWaterMark::items(2));
    writer.write(1).unwrap();
    drop(writer);
    drop(reader);
    let mut writer = broadcast(HighWaterMark::items(2));
    let branch = writer.subscribe(BranchPolicy::Slowest);
    writer.write(1).unwrap();
    drop(writer);
    drop(branch);
}

// Rules 7 and 8: what is lost with a handle has no other end that would see it.
#[test]
fn what_is_lost_with_a_handle_that_did_not_end_is_told() {
    in_time(|| {
        alone(|| {
            let (tell, told) = mpsc::channel();
            set_error_hook(move |error| tell.send(error.to_string()).unwrap()).unwrap();

            let mut out = Writable::to(Vec::new(), mark());
            write!(out, "never handed over").unwrap();
            drop(out);
            assert_eq!(
                told.try_recv().unwrap(),
                "failed to write to `writer`: dropped before its end, with 17 bytes not written at \
                 byte 0"
            );

            let gate = Gate::new();
            let each = gate.clone();
            let slow = move |_: u32| {
                each.pass();
                Ok(())
            };
            let mut out = Writable::from_fn(slow, HighWaterMark::items(4));
            (0..3).for_each(|n| drop(out.write(n)));
            gate.until_arrived(1);
            // The call that the sink is in is waited for.
            let dropped = task(move || drop(out));
            dropped.until_parked();
            gate.open(1);
            dropped.join();
            assert_eq!(
                told.try_recv().unwrap(),
                "failed to write to `from_fn`: dropped before its end, with 2 items not written \
                 at item 1"
            );

            // A panic has said so itself.
            let broke = catch_unwind(AssertUnwindSafe(|| {
                let mut out = Writable::to(Vec::new(), mark());
                out.write(five()).unwrap();
                write!(out, "never handed over").unwrap();
                panic!("a thread breaks");
            }));
            broke.unwrap_err();
            assert!(told.try_recv().is_err());
        });
    });
}

// Rule 7: where there is no hook it is a line, and no more.
#[test]
fn without_a_hook_an_error_that_no_call_has_returned_is_a_line_on_standard_error() {
    in_time(|| {
        let said = alone(|| {
            let mut out = out();
            out.write(five()).unwrap();
            out.end();
        });
        if let Some(said) = said {
            let ours: Vec<_> = said.lines().filter(|line| line.contains("disk")).collect();
            assert_eq!(
                ours,
                [
                    "highwater: failed to write to `disk` at byte 4: no storage space (its handle was \
                     dropped without `finish`)"
                ]
            );
        }
    });
}

// Rule 14: where another thread might read it, nothing fails; but it is said.
#[test]
fn a_writer_that_waits_for_a_branch_that_nothing_reads_says_so_once_and_waits_on() {
    in_time(|| {
        alone(|| {
            const CHUNKS: usize = 20;
            let (tell, told) = mpsc::channel();
            set_error_hook(move |error| tell.send(error.clone()).unwrap()).unwrap();
            let (hand_over, handed_over) = mpsc::channel::<Branch<usize>>();
            let reader = task(move || {
                // Not before it was said.
                let error = told.recv().unwrap();
                let branch = handed_over.recv().unwrap();
                (error, branch.count(), told.try_recv().is_err())
            });
            let mut writer = broadcast(HighWaterMark::items(4));
            let branch = writer.subscribe(BranchPolicy::Slowest);
            hand_over.send(branch).unwrap();
            for n in 0..CHUNKS {
                writer.write(n).unwrap();
            }
            assert_eq!(writer.peak(), 4);
            writer.finish().unwrap();
            let (error, read, once) = reader.join();
            assert_eq!(error.kind(), ErrorKind::Deadlock);
            assert!(
                error.to_string().contains("a branch that nothing reads"),
                "{error}"
            );
            assert_eq!(read, CHUNKS);
            assert!(once);
        });
    });
}
