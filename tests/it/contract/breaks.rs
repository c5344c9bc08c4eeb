//! Rules 10 and 11: how a stream breaks off, behind its data or at once.

use bytes::Bytes;
use highwater::{Error, ErrorKind, HighWaterMark, Writable, channel};

use crate::support::{Census, Gate, in_time, task};

// Rule 10.
#[test]
fn fail_travels_behind_the_data() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::items(4));
        writer.write(1).unwrap();
        writer.write(2).unwrap();
        let cause = Error::other("bad block");
        writer.fail(cause.clone());
        let refused = writer.write(3).unwrap_err();
        assert_eq!(refused.into_chunk(), 3);
        assert_eq!(reader.next().unwrap().unwrap(), 1);
        assert_eq!(reader.next().unwrap().unwrap(), 2);
        assert!(reader.next().unwrap().unwrap_err().is_same(&cause));
        assert!(reader.next().is_none(), "an iterator tells it once");
        assert!(reader.try_next().unwrap_err().is_same(&cause));
        assert!(writer.error().unwrap().is_same(&cause));
        assert!(writer.finish().unwrap_err().is_same(&cause));
    });
}

// Rule 10: nor does what the reader has put back get lost to it.
#[test]
fn fail_travels_behind_what_was_put_back() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::items(1));
        writer.write(1).unwrap();
        assert_eq!(reader.next().unwrap().unwrap(), 1);
        writer.fail(Error::other("bad block"));
        reader.unshift(1).unwrap();
        reader.unshift(0).unwrap();
        assert_eq!(reader.next().unwrap().unwrap(), 0);
        assert_eq!(reader.next().unwrap().unwrap(), 1);
        assert!(reader.next().unwrap().is_err());
    });
}

// Rule 10: nor what a long read has gathered.
#[test]
fn fail_travels_behind_what_a_long_read_has_gathered() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::bytes(64));
        writer.write(Bytes::from_static(b"half a fr")).unwrap();
        let cause = Error::other("bad block");
        let reading = task(move || (reader.read_n(20), reader));
        reading.until_parked();
        writer.write(Bytes::from_static(b"ame")).unwrap();
        writer.fail(cause.clone());
        let (read, mut reader) = reading.join();
        assert!(
            read.unwrap_err().is_same(&cause),
            "there will never be so much"
        );
        assert_eq!(reader.read_n(12).unwrap().unwrap(), "half a frame");
        assert!(reader.read_n(1).unwrap_err().is_same(&cause));
        assert!(reader.peak() <= 12);
    });
}

// Rule 10.
#[test]
fn a_sink_gets_everything_that_was_written_before_a_fail() {
    in_time(|| {
        let gate = Gate::new();
        let (tell, told) = std::sync::mpsc::channel();
        let passed = gate.clone();
        let each = move |n: u32| {
            passed.pass();
            tell.send(n).map_err(Error::other)
        };
        let mut out = Writable::from_fn(each, HighWaterMark::items(8));
        for n in 0..5 {
            out.write(n).unwrap();
        }
        let cause = Error::other("enough");
        out.fail(cause.clone());
        gate.open(5);
        assert!(out.finish().err().unwrap().is_same(&cause));
        assert_eq!(told.iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!(gate.arrived(), 5);
    });
}

// Rule 10.
#[test]
fn destroy_is_at_once_and_hands_back_what_was_buffered() {
    in_time(|| {
        for taken in 0..=40_usize {
            let census = Census::default();
            let (mut writer, mut reader) = channel(HighWaterMark::items(50));
            for number in 0..40 {
                writer.write(census.chunk(number)).unwrap();
            }
            for number in 0..taken {
                assert_eq!(reader.try_next().unwrap().unwrap().number, number);
            }
            let cause = Error::other("enough");
            let given_back = writer.destroy(cause.clone());
            let numbers: Vec<_> = given_back.iter().map(|chunk| chunk.number).collect();
            assert_eq!(numbers, (taken..40).collect::<Vec<_>>());
            assert_eq!(writer.confirmed(), taken as u64, "the rest was taken");
            drop(given_back);
            assert_eq!(census.live(), 0);
            assert!(reader.next().unwrap().unwrap_err().is_same(&cause));
            assert!(writer.destroy(Error::other("again")).is_empty());
            assert!(writer.finish().unwrap_err().is_same(&cause));
        }
    });
}

// Rule 10: at once, and not when the batch that its sink has in hand is through.
#[test]
fn destroy_stops_a_sink_in_the_middle_of_its_batch() {
    in_time(|| {
        let gate = Gate::new();
        let passed = gate.clone();
        let each = move |_: u32| {
            passed.pass();
            Ok(())
        };
        let mut out = Writable::from_fn(each, HighWaterMark::items(10));
        out.write(0).unwrap();
        gate.until_arrived(1);
        for n in 1..10 {
            out.write(n).unwrap();
        }
        gate.open(1);
        gate.until_arrived(2);
        assert_eq!(out.len(), 9, "the second batch is all the rest");
        let cause = Error::other("enough");
        let given_back = out.destroy(cause.clone());
        gate.open(100);
        assert!(out.wait_finish().unwrap_err().is_same(&cause));
        assert_eq!(gate.arrived(), 2, "the call it was in, and no more");
        assert_eq!(out.confirmed(), 2);
        let left = out.take_undelivered().len() + given_back.len();
        assert_eq!(left, 8);
    });
}

// Rule 11.
#[test]
fn a_reader_that_goes_away_is_told_to_its_writer() {
    in_time(|| {
        let (mut writer, reader) = channel(HighWaterMark::items(2));
        writer.write(1).unwrap();
        drop(reader);
        let refused = writer.write(2).unwrap_err();
        assert_eq!(refused.cause().unwrap().kind(), ErrorKind::Closed);
        assert_eq!(refused.into_chunk(), 2);
        assert_eq!(writer.wait_drain().unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(writer.finish().unwrap_err().kind(), ErrorKind::Closed);
    });
}

// Rule 11.
#[test]
fn a_reader_that_breaks_off_tells_its_writer_why() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::items(1));
        writer.write(1).unwrap();
        let cause = Error::other("not what was asked for");
        let writing = task(move || (writer.write(2).unwrap_err(), writer));
        writing.until_parked();
        reader.destroy(cause.clone());
        let (refused, writer) = writing.join();
        assert!(refused.cause().unwrap().is_same(&cause));
        assert_eq!(refused.into_chunk(), 2);
        assert!(writer.error().unwrap().is_same(&cause));
        assert!(reader.error().unwrap().is_same(&cause));
        assert_eq!(reader.peak(), 1);
    });
}

// Rules 7 and 11: who has read everything may go before it has read the end.
#[test]
fn a_reader_that_has_read_everything_may_go() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::items(2));
        writer.write(1).unwrap();
        writer.write(2).unwrap();
        writer.end();
        assert_eq!(reader.next().unwrap().unwrap(), 1);
        assert_eq!(reader.next().unwrap().unwrap(), 2);
        drop(reader);
        writer.finish().unwrap();
    });
}

// Rule 16: nothing stays behind for as long as somebody else holds a handle.
#[test]
fn what_a_reader_has_put_back_goes_with_it() {
    in_time(|| {
        for fails in [true, false] {
            let census = Census::default();
            let (mut writer, mut reader) = channel(HighWaterMark::items(2));
            writer.write(census.chunk(0)).unwrap();
            if fails {
                writer.fail(Error::other("enough"));
            } else {
                writer.end();
            }
            let chunk = reader.next().unwrap().unwrap();
            assert_eq!(reader.peak(), 1);
            if reader.unshift(chunk).is_ok() {
                assert_eq!(census.live(), 1);
            }
            drop(reader);
            assert_eq!(census.live(), 0);
            drop(writer);
        }
    });
}
