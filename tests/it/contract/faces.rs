//! The faces under which a stream is read and written: `Read`, `BufRead`, `Write`, and a pipe.

use std::io::{self, BufRead, Read, Write};

use bytes::Bytes;
use highwater::{Error, ErrorKind, HighWaterMark, Readable, Writable, channel};

use crate::support::hostile::{Pattern, Scripted, Step, byte_at, pattern};
use crate::support::{in_time, task};

// Rule 10: what cannot be put back comes back, and not something else.
#[test]
fn a_chunk_that_cannot_be_put_back_comes_back() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::bytes(8));
        writer.write(Bytes::from_static(b"hello")).unwrap();
        let mut two = [0; 2];
        reader.read_exact(&mut two).unwrap();
        drop(writer.destroy(Error::other("enough")));
        let own = Bytes::from_static(b"own");
        assert_eq!(reader.unshift(own.clone()), Err(own));
    });
}

// The faces of a stream may be mixed.
#[test]
fn read_bufread_iterator_and_long_reads_may_be_mixed() {
    in_time(|| {
        let source = Pattern::new(10_000, [Step::Move(97), Step::Move(3), Step::Interrupt]);
        let mut reader = Readable::from_read(source, HighWaterMark::bytes(128));
        let mut read = Vec::new();
        let mut turn = 0;
        while read.len() < 10_000 {
            turn += 1;
            match turn % 5 {
                0 => read.extend_from_slice(&reader.next().unwrap().unwrap()),
                1 => {
                    let mut room = [0; 17];
                    let bytes = reader.read(&mut room).unwrap();
                    read.extend_from_slice(&room[..bytes]);
                }
                2 => {
                    let there = reader.fill_buf().unwrap();
                    let used = there.len().div_ceil(2);
                    read.extend_from_slice(&there[..used]);
                    reader.consume(used);
                }
                3 => read.extend_from_slice(&reader.read_n(200).unwrap().unwrap_or_default()),
                _ => {
                    let chunk = reader.read_at_least(5).unwrap().unwrap_or_default();
                    let (kept, back) = chunk.split_at(chunk.len() / 2);
                    read.extend_from_slice(kept);
                    reader.unshift(Bytes::copy_from_slice(back)).unwrap();
                }
            }
            assert_eq!(read.last(), Some(&byte_at(read.len() - 1)));
        }
        assert!(read == pattern(10_000));
        assert_eq!(reader.read(&mut [0; 5]).unwrap(), 0);
        assert!(reader.peak() < 128 + 97);
    });
}

// Rule 9: an item that has no bytes is no end.
#[test]
fn an_empty_item_is_not_the_end_of_a_read() {
    in_time(|| {
        let parts = [&b""[..], b"a", b"", b"", b"b"].map(Bytes::from_static);
        let mut reader = Readable::from_iter(parts, HighWaterMark::items(2));
        let mut read = String::new();
        reader.read_to_string(&mut read).unwrap();
        assert_eq!(read, "ab");
        assert!(reader.peak() <= 2);
    });
}

// Small writes are merged, and never lost to a call that may not wait.
#[test]
fn small_writes_arrive_whatever_comes_between_them() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::bytes(4).low(0).unwrap());
        Write::write_all(&mut writer, b"ab").unwrap();
        assert_eq!(reader.try_next().unwrap_err().kind(), ErrorKind::WouldBlock);
        writer.write(Bytes::from_static(b"cdef")).unwrap();
        Write::write_all(&mut writer, b"gh").unwrap();
        let chunk = Bytes::from_static(b"ij");
        let full = writer.try_write(chunk.clone()).unwrap_err();
        assert_eq!(full.into_chunk(), chunk);
        let timed_out = writer
            .write_timeout(chunk, std::time::Duration::ZERO)
            .unwrap_err();
        let chunk = timed_out.into_chunk();
        let mut read = Vec::new();
        for _ in 0..2 {
            read.extend_from_slice(&reader.try_next().unwrap().unwrap());
        }
        writer.try_write(chunk).unwrap();
        writer.end();
        reader.read_to_end(&mut read).unwrap();
        assert_eq!(read, b"abcdefghij");
        writer.finish().unwrap();
        assert!(reader.peak() <= 4 + 4);
    });
}

// Rule 3, under the face of a `Write`.
#[test]
fn small_writes_are_bounded() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::bytes(32));
        let data = pattern(10_000);
        let sent = data.clone();
        let writing = task(move || {
            for (n, piece) in sent.chunks(11).enumerate() {
                Write::write_all(&mut writer, piece).unwrap();
                if n % 50 == 0 {
                    Write::flush(&mut writer).unwrap();
                }
                assert!(writer.len() < 64);
            }
            writer.finish()
        });
        writing.until_parked();
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert!(read == data);
        writing.join().unwrap();
        assert!(reader.peak() < 64);
    });
}

// Rules 7 and 12, under the face of a `Write`.
#[test]
fn an_error_goes_through_the_traits_of_std_unharmed() {
    in_time(|| {
        let cause = Error::other("broken");
        let (mut writer, mut reader) = channel(HighWaterMark::bytes(4));
        reader.destroy(cause.clone());
        let refused = Write::write_all(&mut writer, b"more than four").unwrap_err();
        assert!(Error::from(refused).is_same(&cause));
        assert!(Error::from(reader.read(&mut [0]).unwrap_err()).is_same(&cause));
        assert!(Error::from(reader.fill_buf().unwrap_err()).is_same(&cause));

        let mut sink = Scripted::new([Step::Move(9)]);
        sink.flush = Step::Fail(io::ErrorKind::StorageFull);
        let mut out = Writable::to(sink, HighWaterMark::bytes(64));
        Write::write_all(&mut out, b"abc").unwrap();
        let refused = Write::flush(&mut out).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        assert!(Error::from(refused).is_same(&out.error().unwrap()));
    });
}

// Rules 9, 12 and 18.
#[test]
fn a_pipe_carries_the_end_and_the_error_both_ways() {
    in_time(|| {
        let source = Pattern::new(5_000, [Step::Move(100)]);
        let reader = Readable::from_read(source, HighWaterMark::bytes(256));
        let out = Writable::to(Vec::new(), HighWaterMark::bytes(256));
        assert!(reader.pipe_to(out).unwrap() == pattern(5_000));

        let (mut writer, reader) = channel(HighWaterMark::bytes(256));
        let broken = Scripted::until(150, Step::Fail(io::ErrorKind::StorageFull));
        let out = Writable::to(broken, HighWaterMark::bytes(64));
        let writing = task(move || {
            loop {
                match writer.write(Bytes::from(vec![0; 50])) {
                    Ok(_) => assert!(writer.len() < 256 + 50),
                    Err(refused) => break Error::from(refused),
                }
            }
        });
        let error = reader.pipe_to(out).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io(io::ErrorKind::StorageFull));
        assert_eq!(error.offset(), Some(150));
        assert!(
            writing.join().is_same(&error),
            "the writer is told the first cause"
        );
    });
}

// Rule 10: an error waits until the last chunk is out of the reader's hands.
#[test]
fn what_is_left_of_a_chunk_is_read_before_an_error() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::bytes(64));
        writer.write(Bytes::from_static(b"head and body")).unwrap();
        drop(writer);
        let mut head = [0; 5];
        reader.read_exact(&mut head).unwrap();
        assert_eq!(reader.read_n(8).unwrap().unwrap(), "and body");
        reader.unshift(Bytes::from_static(b"body")).unwrap();
        assert_eq!(reader.next().unwrap().unwrap(), "body");
        let error = reader.next().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PrematureClose);
        assert_eq!(reader.peak(), 13);
    });
}
