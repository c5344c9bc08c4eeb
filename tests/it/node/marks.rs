//! How much is taken in, and when a source is asked for more.

use bytes::Bytes;
use highwater::state::{Marks, Misuse, OutOfRange, Pull, READ_MAX, ReadableState, Reads};
use highwater::{
    Error, ErrorKind, HighWaterMark, Out, Readable, Transform, Writable, channel, pipeline_of,
};

use crate::node::parts::{Keeper, Log, Maker, bytes, filler};
use crate::support::{Gate, in_time, task};

fn reading(high: usize) -> ReadableState<Bytes, Misuse> {
    let marks = Marks::new(high, 0).unwrap();
    ReadableState::new(marks, Bytes::len, Reads::Bytes)
}

/// The largest whole number of a double: what Node takes for a mark, and more than 32 bits.
const MAX_SAFE_INTEGER: usize = (1 << 53) - 1;

// test-streams-highwatermark.js: very large ones, and -5, NaN and '5'. Most of these have no type
// here; what is left are two marks that do not fit one another.
#[test]
fn a_mark_of_more_than_32_bits_is_kept_and_one_that_makes_no_sense_is_refused() {
    for high in [MAX_SAFE_INTEGER, usize::MAX] {
        let (writer, reader) = channel::<Bytes, _>(HighWaterMark::bytes(high));
        assert_eq!(writer.high_water_mark(), high);
        assert_eq!(reader.high_water_mark(), high);
        let out = Writable::to(Vec::new(), HighWaterMark::bytes(high));
        assert_eq!((out.high_water_mark(), out.len()), (high, 0));
    }
    for low in [5, 6, usize::MAX] {
        let refused = HighWaterMark::bytes(5).low(low).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        assert!(refused.to_string().contains(&low.to_string()), "{refused}");
    }
}

// test-streams-highwatermark.js: `push()` of nothing at a mark of 0, three times.
#[test]
fn a_push_of_nothing_at_a_mark_of_0_asks_for_more() {
    let mut state = reading(0);
    for _ in 0..3 {
        assert!(!state.push(Bytes::new()).unwrap().reached());
        assert_eq!(state.len(), 0);
    }
    assert!(state.push(filler(1)).unwrap().reached());
}

// test-streams-highwatermark.js: and `read(0)` asks once.
#[test]
fn a_read_of_nothing_at_a_mark_of_0_asks_the_source_once() {
    let mut state = reading(0);
    let (taken, _) = state.read(Some(0)).unwrap();
    assert!(taken.is_none());
    assert_eq!(state.next_pull(), Some(Pull::More));
    let _ = state.read(Some(0)).unwrap();
    assert_eq!(
        state.next_pull(),
        None,
        "it was asked, and has not answered"
    );
}

// test-streams-highwatermark.js: `read(n)` above the mark raises it, up to 1 GiB.
#[test]
fn a_read_of_more_than_the_mark_raises_it_to_the_next_power_of_two() {
    let mut state = reading(4);
    assert!(state.read(Some(5)).unwrap().0.is_none());
    assert_eq!(state.high(), 8);
    assert!(state.read(Some(8)).unwrap().0.is_none());
    assert_eq!(state.high(), 8);
    let too_much = state.read(Some(READ_MAX + 1)).unwrap_err();
    assert_eq!(
        too_much,
        OutOfRange {
            wanted: READ_MAX + 1
        }
    );
    assert_eq!(state.high(), 8);

    let (_writer, mut reader) = channel::<Bytes, _>(HighWaterMark::bytes(4));
    let refused = reader.read_n(READ_MAX + 1).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::LimitExceeded);
    assert_eq!(reader.len(), 0);
}

/// What a source gives at once: one large chunk, and 40 small ones.
const BURST: usize = 65_500 + 40 * 1024;

fn burst() -> impl Iterator<Item = Bytes> {
    std::iter::once(filler(65_500)).chain((0..40).map(|_| filler(1024)))
}

// test-stream-backpressure.js: 11 reads, 410 writes, and never more than one burst at a read.
#[test]
fn a_machine_asks_for_eleven_bursts_and_holds_no_more_than_one_when_it_asks() {
    let mut state = reading(16 * 1024);
    let (mut pulls, mut reads) = (0, 0);
    let _ = state.read(Some(0)).unwrap();
    loop {
        if state.next_pull() == Some(Pull::More) {
            assert!(state.len() <= BURST, "{} held at pull {pulls}", state.len());
            pulls += 1;
            if pulls <= 10 {
                for chunk in burst() {
                    state.push(chunk).unwrap();
                }
            } else {
                state.push_end();
            }
            assert!(state.len() <= 2 * BURST);
        }
        match state.next() {
            (Some(_), _) => reads += 1,
            (None, _) if state.is_ended() => break,
            (None, _) => {}
        }
    }
    assert_eq!((pulls, reads), (11, 41 * 10));
}

/// Makes a burst of each number.
struct Burst;

impl Transform<usize, Bytes> for Burst {
    fn transform(&mut self, _: usize, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
        burst().try_for_each(|chunk| out.push(chunk))
    }
}

// test-stream-backpressure.js: here a burst waits for room in the middle.
#[test]
fn a_source_of_ten_bursts_is_read_eleven_times_and_never_a_burst_ahead() {
    in_time(|| {
        let (reads, writes) = (Log::default(), Log::default());
        let source = Maker::new(&reads, |n| Ok((n < 10).then_some(n)));
        let gate = Gate::new();
        let sink = Keeper::new(&writes).gated(&gate);
        let kept = sink.kept();
        let ready = pipeline_of(source, HighWaterMark::items(1))
            .through_with(Burst, HighWaterMark::bytes(16 * 1024))
            .to(sink);
        let running = task(move || ready.run().unwrap());
        gate.until_arrived(1);
        running.until_parked();
        let read = reads.count("read");
        assert_eq!(read, 1, "the first burst is in the middle");
        gate.open(41 * 10);
        let report = running.join();
        assert_eq!(reads.count("read"), 11);
        assert_eq!(writes.count("write"), 41 * 10);
        assert_eq!(report.bytes(), 10 * BURST as u64);
        assert!(kept.chunks().into_iter().eq((0..10).flat_map(|_| burst())));
        let peaks = report.stages().iter().filter_map(|stage| stage.buffer);
        let peaks: Vec<usize> = peaks.map(|buffer| buffer.peak).collect();
        // Node holds two bursts of 106,460 here, and this the mark and a chunk.
        assert!(peaks[0] <= 1 && peaks[1] < 16 * 1024 + 65_500, "{peaks:?}");
    });
}

// test-stream2-push.js: `readStop` at the fourth of each four chunks of 5 bytes, with a mark of 16.
#[test]
fn a_source_that_cannot_wait_is_told_to_stop_at_the_mark_and_loses_nothing() {
    let mark = HighWaterMark::bytes(16).low(0).unwrap();
    let (mut source, mut stream) = channel(mark);
    let mut written = Vec::new();
    for _ in 0..6 {
        let told = [(); 4].map(|()| source.try_write(bytes("asdfg")).unwrap().reached());
        assert_eq!(told, [false, false, false, true]);
        assert!(source.try_write(bytes("asdfg")).unwrap_err().is_full());
        written.push(stream.read_at_least(1).unwrap().unwrap());
        assert_eq!(stream.len(), 0);
    }
    source.end();
    assert_eq!(stream.read_at_least(1).unwrap(), None);
    assert_eq!(written, ["asdfgasdfgasdfgasdfg"; 6]);
    assert_eq!(stream.peak(), 20);
}

// test-stream-readable-hwm-0-async.js: 6 calls for 5 chunks and the end.
#[test]
fn a_source_behind_a_mark_of_0_is_read_once_for_each_read() {
    in_time(|| {
        for low in [false, true] {
            let log = Log::default();
            let source = Maker::new(&log, |n| Ok((n < 5).then(|| filler(1))));
            let mut stream = if low {
                Readable::from_source(source, HighWaterMark::bytes(0))
            } else {
                Readable::from_source(source, HighWaterMark::items(0))
            };
            assert_eq!(log.count("read"), 0);
            for read in 1..=5 {
                assert_eq!(stream.next().unwrap().unwrap(), "x");
                assert_eq!(log.count("read"), read, "nothing is read ahead");
            }
            for _ in 0..2 {
                assert!(stream.next().is_none());
                assert_eq!(log.count("read"), 6);
            }
            assert_eq!(stream.peak(), 1);
        }
    });
}

// test-stream-readable-hwm-0.js: a stream with nothing in it but its end.
#[test]
fn a_source_behind_a_mark_of_0_is_asked_once_for_an_end() {
    let log = Log::default();
    let source = Maker::new(&log, |_| Ok(None::<u8>));
    let mut stream = Readable::from_source(source, HighWaterMark::items(0));
    assert_eq!(log.count("read"), 0);
    assert!(stream.next().is_none());
    assert_eq!(stream.peak(), 0);
    drop(stream);
    assert_eq!(log.entries(), ["read", "source dropped"]);
}

// test-stream-readable-hwm-0-no-flow-data.js: the order of asking, giving and getting.
#[test]
fn a_read_behind_a_mark_of_0_is_what_makes_the_source_read() {
    in_time(|| {
        let (log, gate) = (Log::default(), Gate::new());
        let (made, let_in) = (log.clone(), gate.clone());
        let source = Maker::new(&log, move |n| {
            let_in.pass();
            made.note(["push a", "push end"][n]);
            Ok((n == 0).then_some('a'))
        });
        let mut stream = Readable::from_source(source, HighWaterMark::items(0));
        gate.open(1);
        log.note("ask");
        assert_eq!(stream.next().unwrap().unwrap(), 'a');
        log.note("data");
        assert_eq!(gate.arrived(), 1);
        gate.open(1);
        log.note("ask");
        assert!(stream.next().is_none());
        log.note("end");
        assert_eq!(stream.peak(), 1);
        let entries = log.entries();
        assert_eq!(entries[..4], ["ask", "read", "push a", "data"]);
        assert_eq!(entries[4..7], ["ask", "read", "push end"]);
        assert!(entries[7..].contains(&"end".to_owned()), "{entries:?}");
    });
}

const TEXT: &str = "asdfasdfasdfasdfasdf";

// test-stream-big-push.js: pushes of 20 bytes at a mark of 5.
#[test]
fn a_push_of_more_than_the_mark_is_taken_whole() {
    let mut state = reading(5);
    assert!(state.push(bytes(TEXT)).unwrap().reached());
    let (taken, _) = state.read(None).unwrap();
    assert_eq!(taken.unwrap().concat(), TEXT);
    assert!(state.read(None).unwrap().0.is_none());
    assert_eq!(state.next_pull(), Some(Pull::More));
    assert!(state.push(bytes(TEXT)).unwrap().reached());
    assert_eq!(state.next_pull(), None, "it is above its mark");
    // A read of all leaves room, and Node asks the source before it takes: so does this machine,
    // whose source answers after.
    let (taken, _) = state.read(None).unwrap();
    assert_eq!(taken.unwrap().concat(), TEXT);
    assert_eq!(state.next_pull(), Some(Pull::More));
    state.push_end();
    assert!(state.read(None).unwrap().0.is_none());
    assert!(state.is_ended());
}

// test-stream-big-push.js: and the end is read once.
#[test]
fn a_source_of_chunks_above_the_mark_is_read_to_its_end_and_not_beyond() {
    in_time(|| {
        let log = Log::default();
        let source = Maker::new(&log, |n| Ok((n < 3).then(|| bytes(TEXT))));
        let mut stream = Readable::from_source(source, HighWaterMark::bytes(5));
        let all = stream.read_n(100).unwrap().unwrap();
        assert_eq!(all, [TEXT; 3].concat());
        assert_eq!(stream.read_n(100).unwrap(), None);
        assert!(stream.peak() <= 5 + TEXT.len());
        drop(stream);
        assert_eq!(log.count("read"), 4);
    });
}
