//! What may stand around an end of a copy: a bound on the bytes, a count, somebody who wants to
//! know how it ended; and what a connection keeps of it.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use highwater::Batch;
use highwater::net::{self, Socket, SocketOptions};
use highwater::stage::{SinkHooks, SourceHooks};
use highwater::stream::take_bytes;
use highwater::zero_copy::CopySource;
use highwater::{
    Bytes, CancelToken, Error, ErrorKind, ReadSource, Sink, Source, fs as ends, pipeline,
};

use crate::kernel::ends::{Arrived, Place, pair, path, taker};
use crate::support::{Folder, SLICE_BYTES, bounded, interrupted, pattern, watched};

/// The first of many, behind a bound of its own.
const WANTED: usize = SLICE_BYTES + 4099;

#[test]
fn the_first_bytes_are_copied_in_the_kernel_and_no_more() {
    let bytes = pattern(3 * SLICE_BYTES);
    for (from, to, call) in [
        (Place::File, Place::File, "copy_file_range"),
        (Place::File, Place::Tcp, "sendfile"),
        (Place::Pipe, Place::Unix, "splice"),
        (Place::Unix, Place::File, "splice"),
        (Place::Unix, Place::Tcp, "splice"),
    ] {
        for wanted in [1, WANTED, bytes.len() + 1] {
            let folder = Folder::new();
            let source = match from {
                // Whoever feeds it may find that it has gone.
                Place::Pipe | Place::Unix => fed(from, &folder, &bytes),
                from => from.source(&folder, &bytes),
            };
            let arrives = wanted.min(bytes.len());
            let (sink, arrived) = to.sink(&folder, arrives);
            // The narrower of two is what counts, whichever is around the other.
            let twice = take_bytes(take_bytes(source, wanted as u64), wanted as u64 + 1);
            let run = pipeline(twice).to(sink);
            let report = watched(move || run.run().unwrap());
            assert_eq!(report.bytes(), arrives as u64);
            assert!(arrived.bytes() == bytes[..arrives], "{from:?} to {to:?}");
            assert_eq!(path(&report), call);
            bounded(&report);
        }
    }
}

fn fed(from: Place, folder: &Folder, bytes: &[u8]) -> Box<dyn Source<Bytes>> {
    let bytes = bytes.to_vec();
    if from == Place::Pipe {
        let fifo = folder.fifo("from");
        let source = ends::read(&fifo).unwrap();
        thread::spawn(move || fs::write(fifo, bytes));
        return Box::new(source);
    }
    let (ours, mut peer) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    thread::spawn(move || peer.write_all(&bytes));
    Box::new(Socket::from(ours).split().0)
}

#[test]
fn the_first_bytes_are_as_many_through_buffers_and_on_both_ways_together() {
    let bytes = pattern(3 * SLICE_BYTES);
    for wanted in [0, 1, WANTED, bytes.len() + 1] {
        let expected = &bytes[..wanted.min(bytes.len())];
        let folder = Folder::new();
        let read = |place: Place| take_bytes(place.source(&folder, &bytes), wanted as u64);
        let (sink, arrived) = Place::Tcp.sink(&folder, expected.len());
        let report = pipeline(read(Place::File)).in_buffers().to(sink).run();
        let report = report.unwrap();
        assert!(arrived.bytes() == expected);
        bounded(&report);
        // What was in the pipe when the kernel refused counts too.
        let behind = folder.file("behind", b"");
        let source = take_bytes(fed(Place::Unix, &folder, &bytes), wanted as u64);
        let run = pipeline(source).to(ends::append(&behind).unwrap());
        let report = watched(move || run.run().unwrap());
        assert!(Arrived::In(behind).bytes() == expected);
        assert_eq!(report.bytes(), expected.len() as u64);
        bounded(&report);
    }
}

/// A source that keeps the kernel's copy, and hears how it ends.
struct Heard<S> {
    source: S,
    heard: Arc<Mutex<Vec<String>>>,
    confirms: bool,
}

impl<S> Heard<S> {
    fn new(source: S) -> (Self, Arc<Mutex<Vec<String>>>) {
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let source = Self {
            source,
            heard: Arc::clone(&heard),
            confirms: false,
        };
        (source, heard)
    }
}

impl<S: Source<Bytes>> Source<Bytes> for Heard<S> {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        self.source.read()
    }

    fn fail(&mut self, cause: &Error) {
        self.heard.lock().unwrap().push(cause.to_string());
    }

    fn interrupt(&self) -> Option<highwater::stage::Interrupt> {
        self.source.interrupt()
    }

    fn hooks(&mut self) -> Option<&mut dyn SourceHooks<Bytes>> {
        Some(self)
    }
}

impl<S: Source<Bytes>> SourceHooks<Bytes> for Heard<S> {
    fn confirms(&mut self) -> bool {
        self.confirms
    }

    fn finish(&mut self) {
        self.heard.lock().unwrap().push("finished".to_owned());
    }

    fn offer(&mut self) -> Option<CopySource> {
        self.source.hooks()?.offer()
    }
}

/// A sink that needs no more as soon as its file has something.
struct UntilThere {
    sink: ends::FileSink,
    path: PathBuf,
    finished: bool,
}

impl Sink<Bytes> for UntilThere {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        self.sink.write(batch)
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.finished = true;
        self.sink.finish()
    }

    fn is_done(&self) -> bool {
        fs::metadata(&self.path).unwrap().len() > 0
    }

    fn hooks(&mut self) -> Option<&mut dyn SinkHooks<Bytes>> {
        self.sink.hooks()
    }
}

#[test]
fn a_sink_that_needs_no_more_is_finished_and_its_source_learns_of_it() {
    let folder = Folder::new();
    let bytes = pattern(3 * SLICE_BYTES);
    let (source, heard) = Heard::new(ends::read(folder.file("from", &bytes)).unwrap());
    let to = folder.path("to");
    let sink = UntilThere {
        sink: ends::create(&to).unwrap(),
        path: to.clone(),
        finished: false,
    };
    let (report, sink) = pipeline(source).to(sink).run_into().unwrap();
    assert!(sink.finished);
    assert_eq!(path(&report), "copy_file_range");
    assert_eq!(report.bytes(), SLICE_BYTES as u64);
    assert!(Arrived::In(to).bytes() == bytes[..SLICE_BYTES]);
    assert_eq!(*heard.lock().unwrap(), ["no more is wanted"]);
    bounded(&report);
}

#[test]
fn a_source_hears_why_it_is_copied_no_more_and_nothing_when_all_is_well() {
    // Well.
    let folder = Folder::new();
    let bytes = pattern(SLICE_BYTES + 1);
    let from = folder.file("from", &bytes);
    let (source, heard) = Heard::new(ends::read(&from).unwrap());
    let report = pipeline(source)
        .to(ends::create(folder.path("to")).unwrap())
        .run();
    assert_eq!(path(&report.unwrap()), "copy_file_range");
    assert!(heard.lock().unwrap().is_empty());

    // Stopped, and aborted, while it says nothing.
    for (stops, cause) in [(true, "stopped"), (false, "cancelled")] {
        let (from, _feeder) = pair();
        let (source, heard) = Heard::new(Socket::from(from).split().0);
        let token = CancelToken::new();
        let run = pipeline(source)
            .cancel_with(&token)
            .to(ends::create(folder.path("to")).unwrap());
        let outcome = interrupted(
            "poll",
            move || run.run(),
            move || match stops {
                true => token.stop(),
                false => token.abort("enough"),
            },
        );
        assert_eq!(outcome.is_ok(), stops);
        let heard = heard.lock().unwrap();
        assert!(heard.len() == 1 && heard[0].contains(cause), "{heard:?}");
    }

    // The sink has failed.
    let endless = folder.file("endless", &pattern(16 << 20));
    let (source, heard) = Heard::new(ends::read(endless).unwrap().stable());
    let (to, peer) = pair();
    drop(peer);
    let run = pipeline(source).to(to);
    let failure = watched(move || run.run().unwrap_err());
    assert_eq!(path(&failure.report), "sendfile");
    assert_eq!(*heard.lock().unwrap(), [failure.error.to_string()]);
}

#[test]
fn a_source_that_waits_to_hear_how_its_chunks_fared_brings_chunks() {
    let folder = Folder::new();
    let bytes = pattern(SLICE_BYTES + 1);
    let (mut source, heard) = Heard::new(ends::read(folder.file("from", &bytes)).unwrap());
    source.confirms = true;
    let (sink, arrived) = Place::File.sink(&folder, bytes.len());
    let report = pipeline(source).to(sink).run().unwrap();
    assert!(arrived.bytes() == bytes);
    assert_eq!(
        path(&report),
        "buffered: the source is no file, pipe or socket"
    );
    assert_eq!(*heard.lock().unwrap(), ["finished"]);
    bounded(&report);
}

#[test]
fn what_the_kernel_moves_is_counted_by_both_connections() {
    let bytes = pattern(3 * SLICE_BYTES + 5);
    let (from, mut feeder) = pair();
    let (to, peer) = pair();
    let (from, to) = (Socket::from(from), Socket::from(to));
    let (read, written) = (from.monitor(), to.monitor());
    let sent = bytes.clone();
    let fed = thread::spawn(move || feeder.write_all(&sent).unwrap());
    let arrived = taker(peer);
    let run = pipeline(from).to(to);
    let report = watched(move || run.run().unwrap());
    fed.join().unwrap();
    assert_eq!(path(&report), "splice");
    assert!(arrived.join().unwrap() == bytes);
    let total = bytes.len() as u64;
    assert_eq!((read.bytes_read(), read.bytes_written()), (total, 0));
    assert_eq!((written.bytes_read(), written.bytes_written()), (0, total));
    bounded(&report);
}

#[test]
fn the_life_of_a_socket_ends_on_either_side_however_much_still_moves() {
    let listener = net::listen("127.0.0.1:0").unwrap();
    let folder = Folder::new();
    let connect = || {
        let address = listener.local_addr().unwrap().to_string();
        let life = SocketOptions::new().lifetime(Duration::from_millis(80));
        let socket = net::connect(address).options(&life).open().unwrap();
        (socket, listener.accept().unwrap())
    };
    // From a peer that never stops.
    let (from, feeder) = connect();
    let endless = ReadSource::new(std::io::repeat(7), "endless");
    let fed = thread::spawn(move || pipeline(endless).to(feeder).run());
    let (to, peer) = pair();
    let eaten = thread::spawn(move || {
        let mut peer = peer;
        std::io::copy(&mut peer, &mut std::io::sink())
    });
    let run = pipeline(from).to(to);
    let failure = watched(move || run.run().unwrap_err());
    let over = |error: &Error| error.kind() == ErrorKind::TimedOut;
    assert!(over(&failure.error) && failure.report.bytes() > 0);
    assert_eq!(failure.error.operation(), Some("read from"));
    assert_eq!(path(&failure.report), "splice");
    assert!(fed.join().unwrap().is_err());
    // It ends with a reset.
    let _ = eaten.join().unwrap();

    // To a peer that takes nothing, with no limit on that.
    let (to, _peer) = connect();
    let source = Place::File.source(&folder, &pattern(32 << 20));
    let run = pipeline(source).to(to);
    let failure = watched(move || run.run().unwrap_err());
    assert!(over(&failure.error), "{:?}", failure.error);
    assert_eq!(failure.error.operation(), Some("write to"));
    assert_eq!(failure.error.offset(), Some(failure.report.bytes()));
    assert_eq!(path(&failure.report), "sendfile");
}
