//! Both kinds of connection, and a peer that speaks the format by hand.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use highwater::Bytes;
use highwater::net::{self, Socket};
use highwater::wire::{Frame, FrameDecoder, Role};

/// Two ends of a connection over the loopback.
pub(crate) fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// A connection of either kind.
pub(crate) fn both() -> [(Socket, Socket); 2] {
    let (a, b) = tcp();
    let (c, d) = UnixStream::pair().unwrap();
    [(a.into(), b.into()), (c.into(), d.into())]
}

/// A connection whose first end gives up when nothing has moved for so long.
pub(crate) fn impatient(idle: Duration) -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let ours = net::connect(addr).idle_timeout(idle).open().unwrap();
    (ours, listener.accept().unwrap().0)
}

/// A peer by hand: what it says is as wrong as a test wants it.
pub(crate) struct Peer<S> {
    stream: S,
    decoder: FrameDecoder,
    input: Bytes,
}

impl<S: Read + Write> Peer<S> {
    pub(crate) fn new(stream: S, role: Role) -> Self {
        let mut peer = Self {
            stream,
            decoder: FrameDecoder::new(),
            input: Bytes::new(),
        };
        peer.say(&Frame::Hello(role));
        peer
    }

    pub(crate) fn say(&mut self, frame: &Frame) {
        let mut out = Vec::new();
        frame.encode(&mut out);
        self.stream.write_all(&out).unwrap();
    }

    pub(crate) fn data(&mut self, data: &'static [u8]) {
        self.say(&Frame::Data(u32::try_from(data.len()).unwrap()));
        self.say(&Frame::Body(Bytes::from_static(data)));
    }

    /// Waits for what the other side says next. `None` is its end.
    pub(crate) fn hear(&mut self) -> Option<Frame> {
        loop {
            let frame = self.decoder.decode(&mut self.input).unwrap();
            if frame.is_some() {
                return frame;
            }
            let mut room = vec![0; 1 << 16];
            let got = self.stream.read(&mut room).unwrap();
            if got == 0 {
                return None;
            }
            room.truncate(got);
            self.input = room.into();
        }
    }

    /// Hears up to a frame that is wanted.
    pub(crate) fn hear_until(&mut self, wanted: impl Fn(&Frame) -> bool) -> Frame {
        loop {
            let frame = self.hear().expect("it says more");
            if wanted(&frame) {
                return frame;
            }
        }
    }
}
