//! What is left when it is over: no thread, and no descriptor.

use std::thread;
use std::time::Duration;

use highwater::net::{self, Socket};
use highwater::{CancelToken, IntoSink, Readable, Writable, fs as ends, pipeline};

use crate::endpoints::sockets::pair;
use crate::support::{Folder, alone, bounded, interrupted, listed, pattern, until, watched};

/// Threads and descriptors are those of a process, so it is looked at in one of its own.
#[test]
fn no_thread_and_no_descriptor_outlives_its_stream() {
    alone(|| {
        let scenarios: [(&str, fn()); 8] = [
            ("files", files),
            ("sockets", sockets),
            ("halves", halves),
            ("failures", failures),
            ("refusals", refusals),
            ("cancels", cancels),
            ("fifos", fifos),
            ("handles dropped early", dropped),
        ];
        for (what, scenario) in scenarios {
            let before = (listed("/proc/self/fd"), listed("/proc/self/task"));
            scenario();
            // The kernel forgets a thread a moment after it was joined.
            until(what, || {
                before == (listed("/proc/self/fd"), listed("/proc/self/task"))
            });
        }
    });
}

fn files() {
    let folder = Folder::new();
    let from = folder.file("from", &pattern(1 << 20));
    let to = ends::create(folder.path("to")).unwrap();
    bounded(&pipeline(ends::read(from).unwrap()).to(to).run().unwrap());
}

fn sockets() {
    let listener = net::listen("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        let peer = listener.accept().unwrap();
        pipeline(peer).to(Vec::new()).run().unwrap()
    });
    let socket = net::connect(addr).open().unwrap();
    bounded(&pipeline(pattern(1 << 20)).to(socket).run().unwrap());
    bounded(&server.join().unwrap());
}

fn halves() {
    for source_first in [true, false] {
        let (ours, peer) = pair();
        let (source, sink) = Socket::from(ours).split();
        if source_first {
            drop(source);
            drop(sink);
        } else {
            drop(sink);
            drop(source);
        }
        drop(peer);
    }
}

fn failures() {
    let full = ends::create("/dev/full").unwrap();
    let zeros = ends::read("/dev/zero").unwrap();
    bounded(&pipeline(zeros).to(full).run().unwrap_err().report);
    let (ours, peer) = pair();
    drop(Socket::from(peer).into_sink());
    let zeros = ends::read("/dev/zero").unwrap();
    bounded(&pipeline(zeros).to(ours).run().unwrap_err().report);
}

fn refusals() {
    let folder = Folder::new();
    ends::read(folder.path("missing")).unwrap_err();
    ends::create(folder.path("no/where")).unwrap_err();
    net::connect_unix(folder.path("missing"))
        .open()
        .unwrap_err();
    let socket = net::listen_unix(folder.path("socket")).unwrap();
    net::listen_unix(folder.path("socket")).unwrap_err();
    drop(socket);
    let closed = net::listen("127.0.0.1:0").unwrap().local_addr().unwrap();
    net::connect(closed.to_string()).open().unwrap_err();
}

fn cancels() {
    let token = CancelToken::new();
    let listener = net::listen("127.0.0.1:0").unwrap().cancel_with(&token);
    interrupted(
        "poll",
        move || listener.accept().unwrap_err(),
        || token.stop(),
    );
    let (ours, peer) = pair();
    let token = CancelToken::new();
    let zeros = ends::read("/dev/zero").unwrap();
    let run = pipeline(zeros).cancel_with(&token).to(ours);
    let failure = interrupted(
        "poll",
        move || run.run().unwrap_err(),
        || token.abort("enough"),
    );
    bounded(&failure.report);
    drop(peer);
}

fn fifos() {
    let folder = Folder::new();
    let fifo = folder.fifo("fifo");
    drop(ends::create(&fifo).unwrap());
    drop(ends::read(&fifo).unwrap());
    let reads = fifo.clone();
    let reader = thread::spawn(move || {
        let source = ends::read(reads).unwrap();
        pipeline(source).to(Vec::new()).run().unwrap()
    });
    let sink = ends::create(&fifo).unwrap();
    bounded(&pipeline(pattern(1 << 20)).to(sink).run().unwrap());
    bounded(&reader.join().unwrap());
}

/// Streams with threads in them that are blocked in the kernel.
fn dropped() {
    watched(|| {
        let (ours, peer) = pair();
        let (source, sink) = Socket::from(ours).split();
        let mark = highwater::HighWaterMark::bytes(64 << 10);
        let mut out = Writable::from_sink(sink, mark);
        // More than the kernel takes, so that its thread waits.
        let chunk = highwater::Bytes::from(pattern(64 << 10));
        while out
            .write_timeout(chunk.clone(), Duration::from_millis(50))
            .is_ok()
        {}
        assert!(out.len() <= 128 << 10);
        let mut input = Readable::from_source(source, mark);
        assert!(input.next_timeout(Duration::from_millis(1)).is_err());
        drop(input);
        drop(out);
        drop(peer);
    });
}
