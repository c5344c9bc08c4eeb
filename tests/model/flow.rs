//! What flows: every chunk once, in order, and no more of them at a time than the mark says.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use highwater::{Error, ErrorKind, HighWaterMark, channel};
use loom::thread;

use crate::books::{Books, kind, ours, with_writer};
use crate::{Bound, explore};

/// A writer of `count` chunks that ends, and a reader of all.
fn writes_are_read(high: usize, count: u32) {
    let (writing, mut reader, books) = with_writer(high, move |mut writer, books| {
        books.write_each(&mut writer, 0..count);
        writer.end();
    });
    books.read_each(&mut reader, 0..count);
    writing.join().unwrap();
}

#[test]
fn a_blocked_writer_and_its_reader() {
    explore("2 writes at a mark of 1", Bound::Every, || {
        writes_are_read(1, 2);
    });
    explore("3 writes at a mark of 1", Bound::Preemptions(3), || {
        writes_are_read(1, 3);
    });
    explore("3 writes at a mark of 2", Bound::Every, || {
        writes_are_read(2, 3);
    });
    explore("4 writes at a mark of 2", Bound::Preemptions(3), || {
        writes_are_read(2, 4);
    });
}

#[test]
fn a_rendezvous() {
    explore("a rendezvous of 1", Bound::Every, || writes_are_read(0, 1));
    explore("a rendezvous of 2", Bound::Preemptions(3), || {
        writes_are_read(0, 2);
    });
}

#[test]
fn an_end_and_a_read() {
    explore("an end and a read", Bound::Every, || writes_are_read(1, 0));
    explore("a write, an end and a read", Bound::Every, || {
        writes_are_read(1, 1);
    });
}

#[test]
fn a_finish_waits_for_the_reader() {
    explore("a finish and a reader", Bound::Every, || {
        let (writing, mut reader, books) = with_writer(2, |mut writer, books| {
            books.write_each(&mut writer, 0..2);
            writer.finish().expect("all is read");
            // The reader has left the channel with the last one, and not yet counted it.
            assert!(books.taken() + 1 >= 2);
        });
        books.read_each(&mut reader, 0..2);
        writing.join().unwrap();
    });
}

#[test]
fn two_producers_at_one_mark() {
    for (high, each, bound) in [(1, 1, 3), (2, 2, 2), (0, 1, 2), (1, 2, 2)] {
        let what = format!("two writers of {each} at a mark of {high}");
        explore(&what, Bound::Preemptions(bound), move || {
            let books = Books::new(high);
            let (mut first, mut reader) = channel(HighWaterMark::items(high));
            let mut second = first.clone();
            let writing = thread::spawn({
                let books = Arc::clone(&books);
                move || {
                    books.write_each(&mut first, 0..each);
                    first.end();
                }
            });
            let also_writing = thread::spawn({
                let books = Arc::clone(&books);
                move || {
                    books.write_each(&mut second, 10..10 + each);
                    second.end();
                }
            });
            let (chunks, outcome) = books.read(&mut reader);
            outcome.expect("the stream ends with the last writer");
            let (from_first, from_second): (Vec<u32>, Vec<u32>) =
                chunks.into_iter().partition(|chunk| *chunk < 10);
            assert!(from_first.into_iter().eq(0..each));
            assert!(from_second.into_iter().eq(10..10 + each));
            writing.join().unwrap();
            also_writing.join().unwrap();
        });
    }
}

#[test]
fn a_wait_for_the_drain() {
    for (high, bound) in [(1, Bound::Every), (2, Bound::Every)] {
        let what = format!("a wait for the drain at a mark of {high}");
        explore(&what, bound, move || {
            let (writing, mut reader, books) = with_writer(high, move |mut writer, books| {
                books.write_each(&mut writer, 0..high as u32);
                writer.wait_drain().expect("nobody closes it");
                // It is down at the low mark, so this one does not wait.
                writer.try_write(high as u32).expect("there is room");
                writer.end();
            });
            books.read_each(&mut reader, 0..high as u32 + 1);
            writing.join().unwrap();
        });
    }
    explore("a wait for a drain that never comes", Bound::Every, || {
        let (writing, reader, _) =
            with_writer(1, |mut writer, books| match books.write(&mut writer, 0) {
                Ok(()) => kind(&writer.wait_drain()),
                Err(refused) => refused.cause().map(Error::kind),
            });
        drop(reader);
        assert_eq!(writing.join().unwrap(), Some(ErrorKind::Closed));
    });
}

#[test]
fn a_flush_and_a_reader() {
    explore("a flush and a reader", Bound::Every, || {
        let (writing, mut reader, books) = with_writer(3, |mut writer, books| {
            books.write_each(&mut writer, 0..2);
            writer.flush().expect("all is read");
            // The reader has left the channel with the last one, and not yet counted it.
            assert!(books.taken() + 1 >= 2);
            writer.end();
        });
        books.read_each(&mut reader, 0..2);
        writing.join().unwrap();
    });
    explore("a flush and a reader that is dropped", Bound::Every, || {
        let (writing, mut reader, books) = with_writer(3, |mut writer, books| {
            for chunk in 0..2 {
                if books.write(&mut writer, chunk).is_err() {
                    return;
                }
            }
            assert_eq!(kind(&writer.flush()), Some(ErrorKind::Closed));
        });
        assert_eq!(books.next(&mut reader).unwrap().unwrap(), 0);
        drop(reader);
        writing.join().unwrap();
    });
}

#[test]
fn a_chunk_that_is_put_back() {
    explore(
        "an unshift beside a blocked writer",
        Bound::Preemptions(3),
        || {
            let (writing, mut reader, books) = with_writer(1, |mut writer, books| {
                books.write_each(&mut writer, 0..2);
                writer.end();
            });
            let first = books.next(&mut reader).unwrap().unwrap();
            // It does not count against the mark: the reader has it.
            reader.unshift(first).expect("the end was not read");
            assert_eq!(reader.next().unwrap().unwrap(), 0);
            books.read_each(&mut reader, 1..2);
            writing.join().unwrap();
        },
    );
    explore("an unshift beside a destroy", Bound::Preemptions(3), || {
        let (writing, mut reader, books) = with_writer(2, |mut writer, books| {
            books.write_each(&mut writer, 0..2);
            writer.destroy(ours())
        });
        let mut chunks = Vec::new();
        if let Some(Ok(first)) = books.next(&mut reader)
            && let Err(refused) = reader.unshift(first)
        {
            chunks.push(refused);
        }
        let (read, _) = books.read(&mut reader);
        chunks.extend(read);
        chunks.extend(writing.join().unwrap());
        assert_eq!(chunks, [0, 1]);
    });
}

#[test]
fn a_cork_and_a_reader() {
    explore("a cork and a blocked reader", Bound::Every, || {
        let (writing, mut reader, books) = with_writer(3, |mut writer, books| {
            let cork = writer.cork();
            books.write_each(&mut writer, 0..2);
            drop(cork);
            // Before the end, which would lift it too.
            writer.flush().expect("all is read");
            writer.end();
        });
        books.read_each(&mut reader, 0..2);
        writing.join().unwrap();
    });
    explore(
        "a corked writer that fills the buffer",
        Bound::Preemptions(3),
        || {
            let (writing, mut reader, books) = with_writer(1, |mut writer, books| {
                let _cork = writer.cork();
                books.write_each(&mut writer, 0..2);
                writer.end();
            });
            books.read_each(&mut reader, 0..2);
            writing.join().unwrap();
        },
    );
}

#[test]
fn a_pause_and_a_writer() {
    explore("a pause, a resume and a writer", Bound::Every, || {
        let (writing, mut reader, books) = with_writer(1, |mut writer, books| {
            books.write_each(&mut writer, 0..1);
            writer.end();
        });
        reader.pause();
        reader.resume();
        books.read_each(&mut reader, 0..1);
        writing.join().unwrap();
    });
    explore("a pause from the start", Bound::Every, || {
        let (mut writer, mut reader) = channel(HighWaterMark::items(1));
        reader.pause();
        let writing = thread::spawn(move || {
            assert!(writer.write(0).is_ok());
            writer.end();
        });
        assert_eq!(kind(&reader.try_next()), Some(ErrorKind::WouldBlock));
        reader.resume();
        assert_eq!(reader.next().unwrap().unwrap(), 0);
        assert!(reader.next().is_none());
        writing.join().unwrap();
    });
}

#[test]
fn what_does_not_wait() {
    explore("a try_write and a try_next", Bound::Every, || {
        let (writing, mut reader, books) = with_writer(1, |mut writer, books| {
            books.write_each(&mut writer, 0..1);
            let refused = match writer.try_write(1) {
                Ok(_) => false,
                Err(refused) => {
                    assert!(refused.is_full());
                    assert_eq!(refused.into_chunk(), 1);
                    true
                }
            };
            writer.end();
            refused
        });
        let mut chunks = Vec::new();
        match reader.try_next() {
            Ok(first) => chunks.extend(first),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        let (rest, outcome) = books.read(&mut reader);
        outcome.expect("the stream ends well");
        chunks.extend(rest);
        let refused = writing.join().unwrap();
        assert_eq!(chunks, if refused { vec![0] } else { vec![0, 1] });
    });
}

#[test]
fn a_batch_of_writes() {
    explore("a batch of 3 at a mark of 2", Bound::Every, || {
        let (writing, mut reader, books) = with_writer(2, |mut writer, _| {
            let mut chunks: VecDeque<u32> = (0..3).collect();
            writer.write_batch(&mut chunks).expect("nobody closes it");
            assert!(chunks.is_empty());
            writer.end();
        });
        books.read_each(&mut reader, 0..3);
        writing.join().unwrap();
    });
    explore(
        "a batch of 3 and a reader that is dropped",
        Bound::Every,
        || {
            let (writing, mut reader, books) = with_writer(1, |mut writer, _| {
                let mut chunks: VecDeque<u32> = (0..3).collect();
                let refused = writer.write_batch(&mut chunks).unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::Closed);
                // What was not taken is still there.
                assert!((1..=2).contains(&chunks.len()));
                assert_eq!(chunks.back(), Some(&2));
            });
            assert_eq!(books.next(&mut reader).unwrap().unwrap(), 0);
            drop(reader);
            writing.join().unwrap();
        },
    );
}

#[test]
fn a_read_that_is_longer_than_the_mark() {
    explore(
        "a read of 2 bytes at a mark of 1",
        Bound::Preemptions(3),
        || {
            let (mut writer, mut reader) = channel(HighWaterMark::bytes(1));
            let writing = thread::spawn(move || {
                for byte in [&b"a"[..], b"b", b"c"] {
                    writer
                        .write(Bytes::from_static(byte))
                        .expect("nobody closes it");
                }
                writer.finish().expect("all is read");
            });
            assert_eq!(reader.read_n(2).unwrap().as_deref(), Some(&b"ab"[..]));
            assert_eq!(reader.read_n(2).unwrap().as_deref(), Some(&b"c"[..]));
            assert_eq!(reader.read_n(2).unwrap(), None);
            assert!(reader.peak() <= 1);
            writing.join().unwrap();
        },
    );
}
