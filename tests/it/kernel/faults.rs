//! Ends that fail in the middle of a copy: the same errors as through buffers, to the byte.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use highwater::{ErrorKind, IntoSource, fs as ends, pipeline};

use crate::kernel::ends::{Place, pair, path};
use crate::support::{Folder, SLICE_BYTES, bounded, pattern, watched};

/// Breaks a connection off, so that the other side sees a reset.
fn reset(stream: TcpStream) {
    let socket = socket2::SockRef::from(&stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

/// How a connection that was reset is told of, depending on what noticed it.
fn is_reset(kind: ErrorKind) -> bool {
    [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe]
        .map(ErrorKind::Io)
        .contains(&kind)
}

#[test]
fn a_peer_that_resets_in_the_middle_got_no_more_than_was_confirmed() {
    for from in [Place::File, Place::Tcp, Place::Pipe] {
        let bytes = pattern(16 << 20);
        let folder = Folder::new();
        let source: Box<dyn highwater::Source<_>> = match from {
            // Whoever feeds it notices too.
            Place::Tcp => {
                let (ours, mut feeder) = pair();
                let bytes = bytes.clone();
                thread::spawn(move || feeder.write_all(&bytes));
                Box::new(ours.into_source())
            }
            Place::Pipe => {
                let fifo = folder.fifo("from");
                let source = ends::read(&fifo).unwrap();
                let bytes = bytes.clone();
                thread::spawn(move || fs::write(fifo, bytes));
                Box::new(source)
            }
            from => from.source(&folder, &bytes),
        };
        let (to, mut peer) = pair();
        let taken = thread::spawn(move || {
            let mut got = vec![0; 3_000_000];
            peer.read_exact(&mut got).unwrap();
            reset(peer);
            got
        });
        let run = pipeline(source).to(to);
        let failure = watched(move || run.run().unwrap_err());
        let got = taken.join().unwrap();
        assert!(is_reset(failure.error.kind()), "{:?}", failure.error);
        assert_eq!(failure.error.operation(), Some("write to"));
        assert!(failure.error.stage().unwrap().starts_with("tcp://"));
        let confirmed = failure.report.bytes();
        assert_eq!(failure.error.offset(), Some(confirmed));
        assert!(got.len() as u64 <= confirmed && got == bytes[..got.len()]);
        // What was read and not confirmed comes back, from right behind that.
        let held = failure.undelivered.concat();
        let confirmed = confirmed as usize;
        assert!(held == bytes[confirmed..confirmed + held.len()]);
        assert_eq!(failure.report.stages()[0].bytes, confirmed as u64);
        bounded(&failure.report);
    }
}

#[test]
fn a_source_that_is_reset_is_no_end_and_what_it_sent_has_arrived() {
    for to in [Place::File, Place::Tcp] {
        let bytes = pattern(2_000_000);
        let folder = Folder::new();
        let (from, mut feeder) = pair();
        let (sent, was_sent) = channel();
        let fed = thread::spawn({
            let bytes = bytes.clone();
            move || {
                feeder.write_all(&bytes).unwrap();
                // Not before everything has gone through, or the reset overtakes it.
                was_sent.recv().unwrap();
                reset(feeder);
            }
        });
        let (sink, arrived) = match to {
            Place::File => to.sink(&folder, 0),
            // Whoever takes it sees a reset, as of any sink that is not finished.
            _ => Place::Pipe.sink(&folder, bytes.len()),
        };
        let total = bytes.len() as u64;
        let run = pipeline(from.into_source())
            .progress(move |progress| {
                if progress.bytes == total {
                    sent.send(()).unwrap();
                }
            })
            .to(sink);
        let failure = watched(move || run.run().unwrap_err());
        fed.join().unwrap();
        let was_reset = ErrorKind::Io(io::ErrorKind::ConnectionReset);
        assert_eq!(failure.error.kind(), was_reset);
        assert_eq!(failure.error.operation(), Some("read from"));
        assert_eq!(failure.error.offset(), Some(total));
        assert_eq!(failure.report.bytes(), total);
        assert_eq!(path(&failure.report), "splice");
        assert!(arrived.bytes() == bytes);
        assert!(failure.undelivered.is_empty());
        bounded(&failure.report);
    }
}

#[test]
fn a_range_that_is_cut_off_meanwhile_is_missed() {
    let bytes = pattern(4 * SLICE_BYTES);
    for to in [Place::File, Place::Tcp] {
        let folder = Folder::new();
        let from = folder.file("from", &bytes);
        let source = ends::read(&from).unwrap().range(..).unwrap().stable();
        // It is cut where the second slice ends, after the first one.
        let cut = 2 * SLICE_BYTES as u64;
        let file = File::options().write(true).open(&from).unwrap();
        let (sink, _peer) = match to {
            Place::Tcp => {
                let (ours, mut peer) = pair();
                let taker = thread::spawn(move || {
                    let mut got = Vec::new();
                    // It ends with a reset, since the sink was not finished.
                    let _ = peer.read_to_end(&mut got);
                });
                let sink: Box<dyn highwater::Sink<_>> =
                    Box::new(highwater::IntoSink::into_sink(ours));
                (sink, Some(taker))
            }
            to => (to.sink(&folder, 0).0, None),
        };
        let run = pipeline(source)
            .progress(move |_| file.set_len(cut).unwrap())
            .to(sink);
        let failure = watched(move || run.run().unwrap_err());
        let cut_off = ErrorKind::Io(io::ErrorKind::UnexpectedEof);
        assert_eq!(failure.error.kind(), cut_off);
        assert_eq!(failure.error.operation(), Some("read from"));
        assert_eq!(failure.error.offset(), Some(cut));
        assert_eq!(failure.report.bytes(), cut);
        assert!(!path(&failure.report).starts_with("buffered"));
        bounded(&failure.report);
    }
}

#[test]
fn a_file_that_is_cut_or_grows_meanwhile_ends_where_it_ends() {
    let bytes = pattern(4 * SLICE_BYTES);
    for len in [SLICE_BYTES + 5, 5 * SLICE_BYTES] {
        let folder = Folder::new();
        let from = folder.file("from", &bytes);
        let file = File::options().write(true).open(&from).unwrap();
        let (sink, arrived) = Place::File.sink(&folder, 0);
        let run = pipeline(ends::read(&from).unwrap())
            .progress(move |_| file.set_len(len as u64).unwrap())
            .to(sink);
        let report = watched(move || run.run().unwrap());
        assert_eq!(report.bytes(), len as u64);
        let mut whole = bytes.clone();
        whole.resize(len, 0);
        assert!(arrived.bytes() == whole);
        assert_eq!(path(&report), "copy_file_range");
        bounded(&report);
    }
}

#[test]
fn progress_that_panics_fails_the_copy_and_hangs_nothing() {
    for to in [Place::File, Place::Tcp] {
        let folder = Folder::new();
        let source = Place::Tcp.source(&folder, &pattern(100));
        let (sink, _arrived) = match to {
            Place::File => to.sink(&folder, 0),
            _ => Place::Pipe.sink(&folder, 100),
        };
        let run = pipeline(source).progress(|_| panic!("on purpose")).to(sink);
        let failure = watched(move || run.run().unwrap_err());
        assert_eq!(failure.error.kind(), ErrorKind::Panicked);
        assert_eq!(failure.report.bytes(), 100);
        assert_eq!(path(&failure.report), "splice");
    }
}
