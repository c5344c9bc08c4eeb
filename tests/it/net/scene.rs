//! Who is at the other end, and processes of a test's own.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use highwater::net::{self, Socket, SocketOptions};

/// Two ends of one connection: ours, with options, and that of a peer that is not ours.
pub(crate) fn ours_and_peer(options: &SocketOptions) -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let ours = net::connect(addr).options(options).open().unwrap();
    (ours, listener.accept().unwrap().0)
}

/// An address where nobody listens.
pub(crate) fn refused() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Somebody who lets nobody in, for as long as it lives: his backlog is full.
pub(crate) struct Full {
    pub(crate) addr: SocketAddr,
    pub(crate) listener: TcpListener,
    first: TcpStream,
}

impl Full {
    pub(crate) fn new() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap())
    }

    pub(crate) fn at(addr: SocketAddr) -> Self {
        let domain = socket2::Domain::for_address(addr);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None).unwrap();
        socket.bind(&addr.into()).unwrap();
        socket.listen(0).unwrap();
        let listener = TcpListener::from(socket);
        let addr = listener.local_addr().unwrap();
        let first = TcpStream::connect(addr).unwrap();
        Self {
            addr,
            listener,
            first,
        }
    }

    /// Makes room for one.
    pub(crate) fn relent(&self) {
        let (accepted, peer) = self.listener.accept().unwrap();
        assert_eq!(peer, self.first.local_addr().unwrap());
        drop(accepted);
    }
}

/// Everything until the end.
pub(crate) fn everything(mut from: impl Read) -> io::Result<Vec<u8>> {
    let mut got = Vec::new();
    from.read_to_end(&mut got).map(|_| got)
}

/// Runs a program that says nothing when all is well. Says whether it was.
pub(crate) fn does(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let ran = Command::new(words.next().unwrap()).args(words).output();
    ran.is_ok_and(|ran| ran.status.success())
}
