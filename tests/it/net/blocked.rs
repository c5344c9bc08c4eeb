//! Every kind of call that can be blocked in the kernel.

use std::fs::{File, OpenOptions};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use highwater::net::{self, Address, Connect, Listen, Listener, Socket, SocketOptions};
use highwater::{
    Bytes, CancelToken, Error, ErrorKind, HighWaterMark, IntoSink, IntoSource, Readable, Sink,
    Source, Writable, fs, pipeline,
};

use crate::net::scene::{Full, ours_and_peer};
use crate::support::Folder;

/// What a call that was ended came back with.
pub(crate) type Outcome = Result<(), Error>;

/// A call, ready to be made under a token.
pub(crate) type Prepared<'a> = Box<dyn FnOnce(&CancelToken) -> Outcome + 'a>;

pub(crate) struct Call {
    pub(crate) name: &'static str,
    /// Whether a stop ends it.
    pub(crate) stops: bool,
    /// Whether that is a good end.
    pub(crate) is_read: bool,
    /// Makes it ready, with the time that it has.
    pub(crate) prepare: for<'a> fn(&'a Place, Option<Duration>) -> Prepared<'a>,
}

const fn makes(
    name: &'static str,
    prepare: for<'a> fn(&'a Place, Option<Duration>) -> Prepared<'a>,
) -> Call {
    Call {
        name,
        stops: true,
        is_read: false,
        prepare,
    }
}

const fn reads(
    name: &'static str,
    prepare: for<'a> fn(&'a Place, Option<Duration>) -> Prepared<'a>,
) -> Call {
    Call {
        is_read: true,
        ..makes(name, prepare)
    }
}

const fn writes(
    name: &'static str,
    prepare: for<'a> fn(&'a Place, Option<Duration>) -> Prepared<'a>,
) -> Call {
    Call {
        stops: false,
        ..makes(name, prepare)
    }
}

pub(crate) const CALLS: [Call; 14] = [
    makes("accept tcp", |_, within| {
        accept(net::listen("127.0.0.1:0").unwrap(), within)
    }),
    makes("accept unix", |place, within| {
        let path = place.folder.path("listener");
        accept(net::listen_unix(path).unwrap(), within)
    }),
    makes("accept abstract", |place, within| {
        let name = format!("@highwater-{}-{}", std::process::id(), place.number);
        accept(net::listen_unix(name).unwrap(), within)
    }),
    makes("connect tcp", |place, within| {
        open(net::connect(place.full.addr.to_string()), within)
    }),
    makes("connect to many", |place, within| {
        let addrs = [place.full.addr, place.other.addr];
        let connect = net::connect("host.invalid:1").known_addrs(addrs);
        open(connect.attempt_delay(Duration::ZERO), within)
    }),
    makes("connect unix", |place, within| {
        open(net::connect_unix(place.folder.path("full")), within)
    }),
    reads("read tcp", |_, within| {
        let (mut ours, peer) = ours_and_peer(&SocketOptions::new());
        ours.set_options(&limited(within)).unwrap();
        read(ours.into_source(), peer)
    }),
    reads("read unix", |_, within| {
        let (ours, peer) = UnixStream::pair().unwrap();
        let mut ours = Socket::from(ours);
        ours.set_options(&limited(within)).unwrap();
        read(ours.into_source(), peer)
    }),
    reads("next of a fifo", |place, within| {
        let source = fs::read(place.folder.path("silent")).unwrap();
        next(source, within, ())
    }),
    reads("next of tcp", |_, within| {
        let (ours, peer) = ours_and_peer(&SocketOptions::new());
        next(ours.into_source(), within, peer)
    }),
    writes("write tcp", |_, within| {
        let (mut ours, peer) = small_pair();
        ours.set_options(&limited(within)).unwrap();
        write(ours.into_sink(), peer)
    }),
    writes("write unix", |_, within| {
        let (ours, peer) = UnixStream::pair().unwrap();
        let mut ours = Socket::from(ours);
        ours.set_options(&limited(within).send_buffer(8 << 10))
            .unwrap();
        write(ours.into_sink(), peer)
    }),
    writes("write to a fifo", |place, within| {
        let sink = fs::create(place.folder.path("unread")).unwrap();
        put(sink, within, ())
    }),
    writes("write to tcp", |_, within| {
        let (ours, peer) = small_pair();
        put(ours.into_sink(), within, peer)
    }),
];

fn limited(within: Option<Duration>) -> SocketOptions {
    let options = SocketOptions::new();
    match within {
        Some(within) => options.idle_timeout(within),
        None => options,
    }
}

/// A connection that does not take much.
fn small_pair() -> (Socket, TcpStream) {
    ours_and_peer(&SocketOptions::new().send_buffer(8 << 10))
}

fn accept<'a>(listener: Listener, within: Option<Duration>) -> Prepared<'a> {
    Box::new(move |token| {
        let listener = listener.cancel_with(token);
        let accepted = match within {
            Some(within) => listener.accept_timeout(within),
            None => listener.accept(),
        };
        accepted.map(drop)
    })
}

fn open<'a>(connect: Connect, within: Option<Duration>) -> Prepared<'a> {
    Box::new(move |token| {
        let connect = connect.cancel_with(token);
        let connect = match within {
            Some(within) => connect.timeout(within),
            None => connect,
        };
        connect.open().map(drop)
    })
}

/// In a pipeline: the socket itself knows its time.
fn read<'a, P: 'a>(source: impl Source<Bytes> + 'static, peer: P) -> Prepared<'a> {
    Box::new(move |token| {
        let run = pipeline(source).cancel_with(token).to(Vec::new());
        let outcome = run.run().map_err(|failure| failure.error);
        drop(peer);
        outcome.map(|report| assert!(report.was_stopped()))
    })
}

fn write<'a, P: 'a>(sink: impl Sink<Bytes> + 'static, peer: P) -> Prepared<'a> {
    Box::new(move |token| {
        let zeros = fs::read("/dev/zero").unwrap();
        let mark = HighWaterMark::bytes(64 << 10);
        let run = pipeline(zeros).high_water_mark(mark).cancel_with(token);
        let outcome = run.to(sink).run().map_err(|failure| failure.error);
        drop(peer);
        outcome.map(drop)
    })
}

/// In a stream with a thread of its own: the caller knows the time.
fn next<'a, P: 'a>(
    source: impl Source<Bytes> + 'static,
    within: Option<Duration>,
    peer: P,
) -> Prepared<'a> {
    Box::new(move |token| {
        let mut readable = Readable::from_source(source, HighWaterMark::bytes(64 << 10));
        readable.cancel_with(token);
        let got = match within {
            Some(within) => readable.next_timeout(within),
            None => readable.next().transpose(),
        };
        drop(readable);
        drop(peer);
        got.map(|got| assert!(got.is_none(), "nobody sent that"))
    })
}

fn put<'a, P: 'a>(
    sink: impl Sink<Bytes> + 'static,
    within: Option<Duration>,
    peer: P,
) -> Prepared<'a> {
    Box::new(move |token| {
        let mut writable = Writable::from_sink(sink, HighWaterMark::bytes(64 << 10));
        writable.cancel_with(token);
        let chunk = Bytes::from_static(&[0; 16 << 10]);
        let refused = loop {
            let written = match within {
                Some(within) => writable.write_timeout(chunk.clone(), within),
                None => writable.write(chunk.clone()),
            };
            if let Err(refused) = written {
                break refused;
            }
            assert!(writable.len() <= (64 + 16) << 10);
        };
        // A write is refused with what ended its stream.
        let outcome = writable.error().unwrap_or_else(|| refused.into());
        drop(writable);
        drop(peer);
        Err(outcome)
    })
}

/// Where the calls of one thread are made.
pub(crate) struct Place {
    number: usize,
    folder: Folder,
    full: Full,
    other: Full,
    /// Keeps a Unix socket full, and a FIFO from having no reader.
    _kept: (Listener, Vec<Socket>, File),
}

impl Place {
    pub(crate) fn new(number: usize) -> Self {
        let folder = Folder::new();
        let listen = Listen::on(Address::Unix(folder.path("full"))).backlog(0);
        let listener = listen.open().unwrap();
        let connect = net::connect_unix(folder.path("full")).timeout(Duration::ZERO);
        let mut waiting = Vec::new();
        let full = loop {
            match connect.open() {
                Ok(socket) => waiting.push(socket),
                Err(full) => break full,
            }
        };
        assert_eq!(full.kind(), ErrorKind::TimedOut, "{full:#}");
        folder.fifo("silent");
        let unread = folder.fifo("unread");
        let reader = OpenOptions::new().read(true).write(true).open(unread);
        Self {
            number,
            folder,
            full: Full::new(),
            other: Full::at("127.0.0.2:0".parse().unwrap()),
            _kept: (listener, waiting, reader.unwrap()),
        }
    }
}
