//! Files, sockets and pipes for both ends of a copy, and folders.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};

use highwater::{Bytes, IntoSink, IntoSource, Report, Sink, Source, fs as ends};

use crate::support::Folder;

/// Which way was taken, in words.
#[track_caller]
pub(crate) fn path(report: &Report) -> String {
    report.path().expect("it is known").to_string()
}

/// Two ends of one connection, neither of which blocks.
pub(crate) fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    ours.set_nonblocking(true).unwrap();
    (ours, listener.accept().unwrap().0)
}

/// What stands at an end of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    File,
    Pipe,
    Tcp,
    Unix,
}

impl Place {
    pub(crate) const ALL: [Self; 4] = [Self::File, Self::Pipe, Self::Tcp, Self::Unix];

    /// A source that brings these bytes and ends.
    pub(crate) fn source(self, folder: &Folder, bytes: &[u8]) -> Box<dyn Source<Bytes>> {
        let bytes = bytes.to_vec();
        match self {
            Self::File => Box::new(ends::read(folder.file("from", &bytes)).unwrap().stable()),
            Self::Pipe => {
                let fifo = folder.fifo("from");
                // Before anybody writes to it: that is no end.
                let source = ends::read(&fifo).unwrap();
                thread::spawn(move || fs::write(fifo, bytes).unwrap());
                Box::new(source)
            }
            Self::Tcp => {
                let (ours, mut peer) = pair();
                thread::spawn(move || peer.write_all(&bytes).unwrap());
                Box::new(ours.into_source())
            }
            Self::Unix => {
                let (ours, mut peer) = UnixStream::pair().unwrap();
                ours.set_nonblocking(true).unwrap();
                thread::spawn(move || peer.write_all(&bytes).unwrap());
                Box::new(ours.into_source())
            }
        }
    }

    /// A sink, and what will have come there once that is finished.
    pub(crate) fn sink(self, folder: &Folder, bytes: usize) -> (Box<dyn Sink<Bytes>>, Arrived) {
        match self {
            Self::File => {
                let path = folder.path("to");
                let sink = ends::create(&path).unwrap();
                (Box::new(sink), Arrived::In(path))
            }
            Self::Pipe => {
                let fifo = folder.fifo("to");
                // Opened both ways, so that neither open waits for the other.
                let held = File::options().read(true).write(true).open(&fifo).unwrap();
                let sink = ends::create(&fifo).unwrap();
                let taken = held.try_clone().unwrap();
                let taker = thread::spawn(move || {
                    let mut got = vec![0; bytes];
                    (&taken).read_exact(&mut got).unwrap();
                    got
                });
                (Box::new(sink), Arrived::Through(taker, held))
            }
            Self::Tcp => {
                let (ours, peer) = pair();
                (Box::new(ours.into_sink()), Arrived::At(taker(peer)))
            }
            Self::Unix => {
                let (ours, peer) = UnixStream::pair().unwrap();
                ours.set_nonblocking(true).unwrap();
                (Box::new(ours.into_sink()), Arrived::At(taker(peer)))
            }
        }
    }
}

/// What has come to the other side of a sink.
pub(crate) enum Arrived {
    In(PathBuf),
    At(JoinHandle<Vec<u8>>),
    /// A pipe, that somebody has open for as long as this is not asked.
    Through(JoinHandle<Vec<u8>>, File),
}

impl Arrived {
    pub(crate) fn bytes(self) -> Vec<u8> {
        match self {
            Self::In(path) => fs::read(path).unwrap(),
            Self::At(taker) => taker.join().unwrap(),
            Self::Through(taker, held) => {
                let got = taker.join().unwrap();
                drop(held);
                got
            }
        }
    }
}

/// Takes everything to the end, on a thread.
pub(crate) fn taker(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    let (tell, told) = sync_channel(1);
    let taker = thread::spawn(move || {
        tell.send(()).unwrap();
        let mut got = Vec::new();
        from.read_to_end(&mut got).unwrap();
        got
    });
    told.recv().unwrap();
    taker
}
