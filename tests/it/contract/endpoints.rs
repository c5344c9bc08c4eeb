//! A user's own crossbeam channels as the ends of a stream.

use bytes::Bytes;
use crossbeam_channel::{bounded, unbounded};
use highwater::stream::{ReceiverSource, SenderSink};
use highwater::{
    CancelToken, Error, ErrorKind, HighWaterMark, Out, Readable, Writable, pipeline_of,
};

use crate::support::{Census, in_time, task};

// Rules 3 and 9.
#[test]
fn a_receiver_is_read_to_its_end_and_no_further_than_the_mark() {
    in_time(|| {
        let census = Census::default();
        let (sender, receiver) = bounded(1);
        let mut reader =
            Readable::from_source(ReceiverSource::new(receiver), HighWaterMark::items(4));
        let made = census.clone();
        let sending = task(move || {
            for number in 0..200 {
                sender.send(made.chunk(number)).unwrap();
            }
        });
        for number in 0..200 {
            assert_eq!(reader.next().unwrap().unwrap().number, number);
        }
        assert!(reader.next().is_none());
        sending.join();
        assert!(reader.peak() <= 4);
        // The mark, the one in the source's hands, the sender's two, and the reader's.
        assert!(census.peak() <= 8, "{} were alive", census.peak());
        assert_eq!(census.live(), 0);
    });
}

// Rules 3 and 7.
#[test]
fn a_full_sender_holds_its_writer_up() {
    in_time(|| {
        let census = Census::default();
        let (sender, receiver) = bounded(1);
        let made = census.clone();
        let writing = task(move || {
            let mut out = Writable::from_sink(SenderSink::new(sender), HighWaterMark::items(4));
            for number in 0..100 {
                out.write(made.chunk(number)).unwrap();
                assert!(out.len() <= 4);
            }
            out.finish().map(drop)
        });
        writing.until_parked();
        // The mark, the channel's one, and the one of the blocked write.
        assert!(census.live() <= 6, "{} are alive", census.live());
        for number in 0..100 {
            assert_eq!(receiver.recv().unwrap().number, number);
        }
        writing.join().unwrap();
        assert!(receiver.recv().is_err(), "the sink is gone");
        assert!(census.peak() <= 7);
    });
}

// Rules 12, 17 and 18: what was offered and not sent was not written.
#[test]
fn a_sender_without_a_receiver_is_the_error_of_its_stream() {
    in_time(|| {
        let (sender, receiver) = bounded(2);
        let mut out = Writable::from_sink(SenderSink::new(sender), HighWaterMark::items(8));
        for n in 0..5 {
            out.write(n).unwrap();
        }
        assert_eq!(receiver.recv().unwrap(), 0);
        drop(receiver);
        let error = out.wait_finish().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io(std::io::ErrorKind::BrokenPipe));
        assert_eq!(error.stage(), Some("sender"));
        let confirmed = out.confirmed();
        assert!((1..=4).contains(&confirmed));
        let left: Vec<_> = out.take_undelivered().into_iter().collect();
        assert_eq!(left, (confirmed..5).collect::<Vec<_>>());
    });
}

// Rules 12 and 15.
#[test]
fn both_can_be_woken_while_they_wait() {
    in_time(|| {
        for aborts in [true, false] {
            let token = CancelToken::new();
            let (sender, receiver) = bounded::<u8>(1);
            let mut reader =
                Readable::from_source(ReceiverSource::new(receiver), HighWaterMark::items(4));
            reader.cancel_with(&token);
            let reading = task(move || reader.next());
            reading.until_parked();

            let (full, _receiver) = bounded(0);
            let mut out = Writable::from_sink(SenderSink::new(full), HighWaterMark::items(2));
            out.cancel_with(&token);
            assert!(
                out.write(1)
                    .map(|_| out.write(2).unwrap().reached())
                    .unwrap()
            );
            let writing = task(move || (Error::from(out.write(3).unwrap_err()), out));
            writing.until_parked();
            if aborts {
                token.abort("the user went home");
                let cause = token.cause().unwrap();
                assert!(reading.join().unwrap().unwrap_err().is_same(&cause));
                let (error, mut out) = writing.join();
                assert!(error.is_same(&cause));
                assert!(out.wait_finish().unwrap_err().is_same(&cause));
                assert_eq!(cause.others().count(), 0, "an echo was shown");
                assert_eq!(out.confirmed(), 0);
                let left: Vec<_> = out.take_undelivered().into_iter().collect();
                assert_eq!(left, [1, 2], "also what was offered and not sent");
            } else {
                token.stop();
                assert!(reading.join().is_none(), "a clean end");
                let (error, out) = writing.join();
                assert_eq!(error.kind(), ErrorKind::Cancelled);
                drop(_receiver);
                assert!(out.finish().is_err(), "nobody took what was buffered");
            }
            drop(sender);
        }
    });
}

// Rules 9 and 19.
#[test]
fn a_pipeline_runs_between_two_channels() {
    in_time(|| {
        let (sender, receiver) = unbounded();
        let (out, into) = unbounded();
        for n in 0..500_u32 {
            sender.send(n).unwrap();
        }
        drop(sender);
        let text = |n: u32, out: &mut Out<'_, Bytes>| out.push(Bytes::from(n.to_string()));
        let report = pipeline_of(ReceiverSource::new(receiver), HighWaterMark::items(8))
            .through_with(text, HighWaterMark::bytes(16))
            .to(SenderSink::new(out))
            .run()
            .unwrap();
        let read: Vec<_> = into.iter().collect();
        assert!(
            read.iter()
                .enumerate()
                .all(|(n, text)| *text == n.to_string())
        );
        assert_eq!(report.stages()[1].chunks, 500);
        assert!(report.stages()[1].buffer.unwrap().peak <= 8);
        assert!(report.stages()[2].buffer.unwrap().peak < 16 + 3);
    });
}
