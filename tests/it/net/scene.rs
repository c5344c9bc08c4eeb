//! Who is at the other end, and processes of a test's own.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::{env, fs};

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

/// Set in a process that a test has to itself.
pub(crate) const ALONE: &str = "HIGHWATER_TEST_ALONE";

/// Says whether this is the process that a test has to itself. If not, runs the test in one, and
/// the answer is no. What it prints is printed.
pub(crate) fn is_alone(test: &str) -> bool {
    is_alone_under(None, test)
}

/// The same in a network that nobody else is in, where the system lets us have one. It has no
/// interface that is up.
pub(crate) fn is_alone_in_network(test: &str) -> bool {
    let may = |how: &&[&str]| {
        let tried = Command::new(how[0]).args(&how[1..]).arg("true").output();
        tried.is_ok_and(|tried| tried.status.success())
    };
    if env::var_os(ALONE).is_some() {
        return true;
    }
    let ways: [&[&str]; 2] = [
        &["unshare", "--net"],
        &["unshare", "--map-root-user", "--net"],
    ];
    let Some(way) = ways.iter().find(|way| may(way)) else {
        eprintln!("SKIPPED {test}: no network namespace is to be had");
        return false;
    };
    is_alone_under(Some(way), test)
}

fn is_alone_under(way: Option<&[&str]>, test: &str) -> bool {
    if env::var_os(ALONE).is_some() {
        return true;
    }
    let own = env::current_exe().unwrap();
    let mut command = match way {
        Some(way) => {
            let mut command = Command::new(way[0]);
            command.args(&way[1..]).arg(own);
            command
        }
        None => Command::new(own),
    };
    command.args(["--exact", test, "--nocapture"]);
    let alone = command.env(ALONE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&alone.stderr);
    assert!(alone.status.success(), "{said}");
    eprint!("{said}");
    false
}

/// Runs a program that says nothing when all is well. Says whether it was.
pub(crate) fn does(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let ran = Command::new(words.next().unwrap()).args(words).output();
    ran.is_ok_and(|ran| ran.status.success())
}

/// How many threads and descriptors this process has.
pub(crate) fn held() -> (usize, usize) {
    let count = |folder| fs::read_dir(folder).unwrap().count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}
