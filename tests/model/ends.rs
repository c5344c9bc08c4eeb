//! How it ends: whoever waits is told, and told the same as the other side.

use highwater::{CancelToken, Error, ErrorKind, HighWaterMark, channel};
use loom::thread;

use crate::books::{kind, ours, with_writer};
use crate::{Bound, explore};

#[test]
fn a_reader_that_is_dropped() {
    explore(
        "a reader dropped beside a blocked writer",
        Bound::Every,
        || {
            let (writing, reader, _) = with_writer(1, |mut writer, books| {
                let (accepted, outcome) = books.write_until_closed(&mut writer, 3);
                assert!(accepted <= 1);
                assert_eq!(kind(&outcome), Some(ErrorKind::Closed));
                assert_eq!(kind(&writer.finish()), Some(ErrorKind::Closed));
            });
            drop(reader);
            writing.join().unwrap();
        },
    );
    explore(
        "a reader dropped after a read",
        Bound::Preemptions(3),
        || {
            let (writing, mut reader, books) = with_writer(1, |mut writer, books| {
                let (accepted, outcome) = books.write_until_closed(&mut writer, 4);
                assert!((1..=2).contains(&accepted));
                assert_eq!(kind(&outcome), Some(ErrorKind::Closed));
            });
            assert_eq!(books.next(&mut reader).unwrap().unwrap(), 0);
            drop(reader);
            writing.join().unwrap();
        },
    );
    explore("a reader dropped beside a finish", Bound::Every, || {
        let (writing, mut reader, books) = with_writer(1, |mut writer, books| {
            books.write_each(&mut writer, 0..1);
            writer.finish()
        });
        assert_eq!(books.next(&mut reader).unwrap().unwrap(), 0);
        drop(reader);
        // All was read; whether the end was there to be read is a matter of luck.
        let outcome = writing.join().unwrap();
        assert!(matches!(kind(&outcome), None | Some(ErrorKind::Closed)));
    });
    explore("a reader dropped beside a rendezvous", Bound::Every, || {
        let (writing, reader, _) = with_writer(0, |mut writer, books| {
            let (accepted, outcome) = books.write_until_closed(&mut writer, 1);
            assert_eq!(accepted, 0);
            assert_eq!(kind(&outcome), Some(ErrorKind::Closed));
        });
        drop(reader);
        writing.join().unwrap();
    });
}

#[test]
fn a_writer_that_is_dropped() {
    explore(
        "a writer dropped beside a blocked reader",
        Bound::Every,
        || {
            let (writing, mut reader, books) = with_writer(2, |mut writer, books| {
                books.write_each(&mut writer, 0..2);
            });
            let (chunks, outcome) = books.read(&mut reader);
            assert_eq!(chunks, [0, 1]);
            assert_eq!(kind(&outcome), Some(ErrorKind::PrematureClose));
            writing.join().unwrap();
        },
    );
    explore("one of two writers dropped", Bound::Preemptions(3), || {
        let (writing, mut reader, books) = with_writer(1, |mut writer, books| {
            let other = writer.clone();
            let dropping = thread::spawn(move || drop(other));
            let outcome = books.write(&mut writer, 0);
            writer.end();
            dropping.join().unwrap();
            outcome
        });
        let (chunks, outcome) = books.read(&mut reader);
        assert_eq!(kind(&outcome), Some(ErrorKind::PrematureClose));
        match writing.join().unwrap() {
            Ok(()) => assert_eq!(chunks, [0]),
            Err(refused) => {
                assert_eq!(
                    refused.cause().map(Error::kind),
                    Some(ErrorKind::PrematureClose)
                );
                assert_eq!((chunks, refused.into_chunk()), (vec![], 0));
            }
        }
    });
}

#[test]
fn a_destroy_from_either_side() {
    for (count, bound) in [(1, Bound::Every), (2, Bound::Preemptions(3))] {
        let what = format!("a destroy behind {count} beside a blocked reader");
        explore(&what, bound, move || {
            let (writing, mut reader, books) = with_writer(2, move |mut writer, books| {
                books.write_each(&mut writer, 0..count);
                let given_back = writer.destroy(ours());
                assert_eq!(kind(&writer.wait_finish()), Some(ErrorKind::Failed));
                given_back
            });
            let (mut chunks, outcome) = books.read(&mut reader);
            assert_eq!(kind(&outcome), Some(ErrorKind::Failed));
            // Whatever was not read was given back.
            chunks.extend(writing.join().unwrap());
            assert!(chunks.into_iter().eq(0..count));
        });
    }
    explore("a destroy beside a blocked writer", Bound::Every, || {
        let (writing, mut reader, _) = with_writer(1, |mut writer, books| {
            let (accepted, outcome) = books.write_until_closed(&mut writer, 3);
            assert!(accepted <= 1);
            assert_eq!(kind(&outcome), Some(ErrorKind::Failed));
            assert_eq!(kind(&writer.finish()), Some(ErrorKind::Failed));
        });
        reader.destroy(ours());
        assert_eq!(kind(&reader.next().unwrap()), Some(ErrorKind::Failed));
        writing.join().unwrap();
    });
    explore("two destroys", Bound::Every, || {
        let (writing, mut reader, _) = with_writer(1, |mut writer, _| {
            drop(writer.destroy(ours()));
            writer.wait_finish().unwrap_err()
        });
        reader.destroy(Error::new(ErrorKind::Cancelled, "the other"));
        let told = reader.next().unwrap().unwrap_err();
        // One cause, and what came later is attached to it.
        assert!(told.is_same(&writing.join().unwrap()));
        assert_eq!(told.others().count(), 1);
    });
    explore("a destroy by another writer", Bound::Preemptions(3), || {
        let (writing, reader, _) = with_writer(1, |mut writer, books| {
            let mut other = writer.clone();
            let destroying = thread::spawn(move || other.destroy(ours()).into_iter().count());
            let (accepted, outcome) = books.write_until_closed(&mut writer, 3);
            assert_eq!(kind(&outcome), Some(ErrorKind::Failed));
            assert_eq!(destroying.join().unwrap(), accepted as usize);
        });
        writing.join().unwrap();
        assert_eq!(
            reader.error().as_ref().map(Error::kind),
            Some(ErrorKind::Failed)
        );
    });
}

#[test]
fn a_failure_travels_behind_the_data() {
    explore("a failure behind 2 writes", Bound::Every, || {
        let (writing, mut reader, books) = with_writer(2, |mut writer, books| {
            books.write_each(&mut writer, 0..2);
            writer.fail(ours());
            assert_eq!(kind(&writer.wait_finish()), Some(ErrorKind::Failed));
        });
        let (chunks, outcome) = books.read(&mut reader);
        assert_eq!(chunks, [0, 1]);
        assert_eq!(kind(&outcome), Some(ErrorKind::Failed));
        writing.join().unwrap();
    });
    explore(
        "a failure beside another writer",
        Bound::Preemptions(3),
        || {
            let (writing, mut reader, books) = with_writer(1, |mut writer, books| {
                let mut other = writer.clone();
                let failing = thread::spawn(move || other.fail(ours()));
                let (accepted, _) = books.write_until_closed(&mut writer, 2);
                failing.join().unwrap();
                assert_eq!(kind(&writer.wait_finish()), Some(ErrorKind::Failed));
                accepted
            });
            let (chunks, outcome) = books.read(&mut reader);
            assert_eq!(kind(&outcome), Some(ErrorKind::Failed));
            assert!(chunks.into_iter().eq(0..writing.join().unwrap()));
        },
    );
}

#[test]
fn a_token_from_a_third_thread() {
    explore("an abort beside a blocked writer", Bound::Every, || {
        let token = CancelToken::new();
        let (writing, reader, _) = with_writer(1, |mut writer, books| {
            let (accepted, outcome) = books.write_until_closed(&mut writer, 2);
            assert_eq!(kind(&outcome), Some(ErrorKind::Cancelled));
            assert!(writer.take_undelivered().into_iter().eq(0..accepted));
        });
        reader.cancel_with(&token);
        token.abort("enough");
        writing.join().unwrap();
        assert_eq!(
            reader.error().as_ref().map(Error::kind),
            Some(ErrorKind::Cancelled)
        );
    });
    explore("an abort beside a blocked reader", Bound::Every, || {
        let (writer, mut reader) = channel::<u32, _>(HighWaterMark::items(1));
        let token = CancelToken::new();
        writer.cancel_with(&token);
        let reading = thread::spawn(move || reader.next());
        token.abort("enough");
        let next = reading.join().unwrap().unwrap();
        assert_eq!(kind(&next), Some(ErrorKind::Cancelled));
        drop(writer);
    });
    explore("an abort beside both", Bound::Preemptions(2), || {
        let token = CancelToken::new();
        let aborting = token.clone();
        let (writing, mut reader, books) = with_writer(1, move |mut writer, books| {
            writer.cancel_with(&token);
            let (accepted, _) = books.write_until_closed(&mut writer, 2);
            let outcome = writer.wait_finish();
            (accepted, outcome, writer.take_undelivered())
        });
        let aborting = thread::spawn(move || aborting.abort("enough"));
        let (mut chunks, read) = books.read(&mut reader);
        let (accepted, written, undelivered) = writing.join().unwrap();
        // It may come when all is over. Both sides tell the same, and nothing is lost.
        assert!(matches!(kind(&read), None | Some(ErrorKind::Cancelled)));
        assert_eq!(kind(&read), kind(&written));
        chunks.extend(undelivered);
        assert!(chunks.into_iter().eq(0..accepted));
        aborting.join().unwrap();
    });
    explore("a stop beside a blocked writer", Bound::Every, || {
        let token = CancelToken::new();
        let (writing, mut reader, books) = with_writer(1, |mut writer, books| {
            let (accepted, outcome) = books.write_until_closed(&mut writer, 2);
            assert_eq!(kind(&outcome), Some(ErrorKind::Cancelled));
            accepted
        });
        reader.cancel_with(&token);
        token.stop();
        // What was accepted goes through, and then the stream ends well.
        let accepted = writing.join().unwrap();
        books.read_each(&mut reader, 0..accepted);
    });
    explore("a stop beside a blocked reader", Bound::Every, || {
        let (writer, mut reader) = channel::<u32, _>(HighWaterMark::items(1));
        let token = CancelToken::new();
        writer.cancel_with(&token);
        let reading = thread::spawn(move || reader.next().is_none());
        token.stop();
        assert!(reading.join().unwrap());
        drop(writer);
    });
    explore("a stop beside both", Bound::Preemptions(2), || {
        let token = CancelToken::new();
        let stopping = token.clone();
        let (writing, mut reader, books) = with_writer(1, move |mut writer, books| {
            writer.cancel_with(&token);
            let (accepted, _) = books.write_until_closed(&mut writer, 2);
            writer.end();
            accepted
        });
        let stopping = thread::spawn(move || stopping.stop());
        let (chunks, outcome) = books.read(&mut reader);
        outcome.expect("a stop is an end");
        assert!(chunks.into_iter().eq(0..writing.join().unwrap()));
        stopping.join().unwrap();
    });
}

#[test]
fn a_failure_behind_what_was_put_back() {
    explore(
        "a failure behind two unshifts",
        Bound::Preemptions(3),
        || {
            let (writing, mut reader, books) = with_writer(2, |mut writer, books| {
                books.write_each(&mut writer, 0..2);
                writer.fail(ours());
            });
            let first = books.next(&mut reader).unwrap().unwrap();
            let second = books.next(&mut reader).unwrap().unwrap();
            let put_back = reader.unshift(second).and_then(|()| reader.unshift(first));
            let read: Vec<_> = reader.by_ref().map_while(Result::ok).collect();
            // What was put back is refused once the stream is gone, and otherwise read again.
            match put_back {
                Ok(()) => assert_eq!(read, [0, 1]),
                Err(_) => assert!(read.is_empty()),
            }
            writing.join().unwrap();
        },
    );
}
