//! What a crowd needs: one connection of it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// For one answer of a server that serves everybody.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// A connection that holds little in the kernel, so that a server has to wait for it.
pub(crate) fn narrow(addr: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(8 << 10).unwrap();
    socket.connect(&addr.into()).unwrap();
    socket.set_tcp_nodelay(true).unwrap();
    socket.set_read_timeout(Some(ANSWER_LIMIT)).unwrap();
    TcpStream::from(socket)
}

/// Asks for a path.
pub(crate) fn ask(mut stream: &TcpStream, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
}

/// Takes the head of an answer whose body has a length, and gives that.
#[track_caller]
pub(crate) fn take_head(answer: &mut impl BufRead) -> u64 {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let read = answer.read_line(&mut head).unwrap();
        assert_ne!(read, 0, "the end, behind {head:?}");
    }
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    length.unwrap().parse().unwrap()
}

/// A client that asks, and is answered.
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) fn of(addr: SocketAddr) -> Self {
        // What it takes at once is a head and a few bytes.
        Self(BufReader::with_capacity(512, narrow(addr)))
    }

    pub(crate) fn ask(&self, path: &str) {
        ask(self.0.get_ref(), path);
    }

    /// Takes an answer, which is to be `body`.
    #[track_caller]
    pub(crate) fn is_told(&mut self, body: &str) {
        let length = take_head(&mut self.0);
        let mut said = String::new();
        self.0
            .by_ref()
            .take(length)
            .read_to_string(&mut said)
            .unwrap();
        assert_eq!(said, body);
    }

    /// Nothing comes any more.
    #[track_caller]
    pub(crate) fn is_over(&mut self) {
        let mut rest = Vec::new();
        let read = self.0.read_to_end(&mut rest);
        assert_eq!((read.unwrap(), &rest[..]), (0, &b""[..]));
    }
}

/// What is there to be read now. None if there is nothing yet.
pub(crate) fn read_some(mut stream: &TcpStream, buffer: &mut [u8]) -> Option<io::Result<usize>> {
    match stream.read(buffer) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        read => Some(read),
    }
}
