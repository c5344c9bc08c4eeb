//! Ten megabytes that unfold to ten gigabytes: no more of them is held than the marks allow, and no
//! more comes out than the limits do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use highwater::Batch;
use highwater::gzip::{self, Corrupt, PIECE_BYTES};
use highwater::stage::apply;
use highwater::{
    Bytes, CancelToken, Error, ErrorKind, HighWaterMark, ReadSource, Report, Sink, WriteSink,
    pipeline,
};

use crate::properties::gzip::{Format, done, whole};
use crate::support::stages::{Counting, Interruptible};
use crate::support::{Gate, in_time, task, until};

const MIB: usize = 1 << 20;
const HIGH: usize = 256 * 1024;
const CHUNK: usize = 16 * 1024;
const UNFOLDED: u64 = 10 << 30;

/// A thousand members, each of which unfolds to a thousand times its size.
fn bomb() -> Vec<u8> {
    let member = done(&mut gzip::compress(9), whole(&vec![0; 10 * MIB]));
    let bomb = member.repeat((UNFOLDED / (10 * MIB as u64)) as usize);
    assert!(bomb.len() < 12 * MIB);
    bomb
}

fn source(bomb: Vec<u8>) -> ReadSource<std::io::Cursor<Vec<u8>>> {
    ReadSource::new(std::io::Cursor::new(bomb), "bomb").chunk_bytes(CHUNK)
}

#[track_caller]
fn assert_bounded(report: &Report) {
    let (stage, sink) = (&report.stages()[1], &report.stages()[2]);
    let (before, behind) = (stage.buffer.unwrap(), sink.buffer.unwrap());
    assert!(before.peak <= HIGH + CHUNK, "{} before it", before.peak);
    assert!(
        behind.peak <= HIGH + PIECE_BYTES,
        "{} behind it",
        behind.peak
    );
}

/// Counts, and keeps nothing.
struct Count(Arc<AtomicUsize>);

impl Sink<Bytes> for Count {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        self.0.fetch_add(batch.weight(), Ordering::SeqCst);
        batch.advance(batch.weight());
        Ok(())
    }
}

#[test]
fn a_sink_that_stands_still_holds_a_bomb_back() {
    in_time(|| {
        let gate = Gate::new();
        let sink = Interruptible {
            inner: WriteSink::new(std::io::sink(), "nowhere"),
            gate: gate.clone(),
        };
        let read = Arc::new(AtomicUsize::new(0));
        let watched = Counting {
            inner: source(bomb()),
            read: Arc::clone(&read),
            announce: |_| {},
        };
        let token = CancelToken::new();
        let begun = pipeline(watched).high_water_mark(HighWaterMark::bytes(HIGH));
        let monitor = begun.monitor();
        let ready = begun
            .cancel_with(&token)
            .through(gzip::decompress())
            .to(sink);
        let running = task(move || ready.run());
        until("source and stage are held up", || {
            let report = monitor.snapshot();
            let mut before = report.stages().iter().take(2);
            !report.stages().is_empty() && before.all(|stage| !stage.blocked.is_zero())
        });
        assert_bounded(&monitor.snapshot());
        let read = read.load(Ordering::SeqCst);
        assert!(read <= HIGH + 3 * CHUNK, "{read} read");

        token.abort("enough of this");
        let failure = running.join().unwrap_err();
        assert_eq!(failure.error.kind(), ErrorKind::Cancelled);
        assert!(failure.undelivered.weight() <= HIGH + 2 * PIECE_BYTES);
        assert_bounded(&failure.report);
    });
}

#[test]
fn a_limit_lets_exactly_so_much_out() {
    in_time(|| {
        let bomb = bomb();
        for max in [0, 1, PIECE_BYTES, 10 * MIB, 64 * MIB + 1] {
            let count = Arc::new(AtomicUsize::new(0));
            let begun = pipeline(source(bomb.clone())).high_water_mark(HighWaterMark::bytes(HIGH));
            let stage = gzip::decompress().max_output(max as u64);
            let ready = begun.through(stage).to(Count(Arc::clone(&count)));
            let failure = ready.run().unwrap_err();
            assert_eq!(failure.error.kind(), ErrorKind::LimitExceeded);
            assert!(Corrupt::of(&failure.error).is_none());
            assert_eq!(failure.error.stage(), Some("gunzip"));
            assert!(failure.error.offset().unwrap() < bomb.len() as u64 / 100);
            assert_eq!(count.load(Ordering::SeqCst), max);
            assert_bounded(&failure.report);
        }
    });
}

#[test]
fn a_ratio_stops_a_bomb_and_nothing_else() {
    in_time(|| {
        let count = Arc::new(AtomicUsize::new(0));
        let begun = pipeline(source(bomb())).high_water_mark(HighWaterMark::bytes(HIGH));
        let ready = begun.through(gzip::decompress().max_ratio(200));
        let failure = ready.to(Count(Arc::clone(&count))).run().unwrap_err();
        assert_eq!(failure.error.kind(), ErrorKind::LimitExceeded);
        // What is free, and a piece.
        assert!(count.load(Ordering::SeqCst) <= 4 * MIB + PIECE_BYTES);
        assert_bounded(&failure.report);

        // A little of anything is free, and much that was hard to compress is no bomb.
        let text = b"a line of text\n".repeat(MIB / 15);
        let little = done(&mut gzip::compress(9), whole(&vec![0; 3 * MIB]));
        for (small, bytes) in [
            (little, 3 * MIB),
            (
                done(&mut gzip::compress(1).flush_each_chunk(), whole(&text)).repeat(20),
                text.len() * 20,
            ),
        ] {
            let most = if bytes == 3 * MIB { 2 } else { 1_100 };
            let mut stage = gzip::decompress().max_ratio(most);
            let came = apply(&mut stage, whole(&small)).unwrap();
            assert_eq!(came.iter().map(Bytes::len).sum::<usize>(), bytes);
        }
    });
}

#[test]
fn what_comes_to_the_limit_and_no_further_is_whole() {
    for pieces in 0..4 {
        for bytes in [
            pieces * PIECE_BYTES,
            pieces * PIECE_BYTES + 1,
            (pieces + 1) * PIECE_BYTES - 1,
        ] {
            for format in Format::ALL {
                let small = done(&mut format.compress(6), whole(&vec![7; bytes]));
                let mut stage = format.decompress().max_output(bytes as u64);
                assert_eq!(done(&mut stage, whole(&small)).len(), bytes, "{format:?}");
            }
        }
    }
}
