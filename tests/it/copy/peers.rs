//! Who is at the other end of a socket: our own threads, and programs of others.

use std::io::{self, BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::support::child::Running;

/// A thread that lets one peer in and does this with it.
pub(crate) fn peer<R: Send + 'static>(
    act: impl FnOnce(TcpStream) -> R + Send + 'static,
) -> (String, JoinHandle<R>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = place(listener.local_addr().unwrap());
    let peer = thread::spawn(move || act(listener.accept().unwrap().0));
    (place, peer)
}

pub(crate) fn place(addr: SocketAddr) -> String {
    format!("tcp://{addr}")
}

/// Somebody who takes everything, and gives it to the test.
pub(crate) fn taker() -> (String, JoinHandle<Vec<u8>>) {
    peer(|stream| everything(stream).unwrap())
}

pub(crate) fn everything(mut from: impl Read) -> io::Result<Vec<u8>> {
    let mut got = Vec::new();
    from.read_to_end(&mut got)?;
    Ok(got)
}

/// Closes with a reset, and not with an end.
pub(crate) fn reset(stream: TcpStream) {
    let socket = socket2::SockRef::from(&stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

/// Where a copy says that it listens.
#[track_caller]
pub(crate) fn listens(running: &mut Running) -> String {
    let addr = running.says("listening on tcp://");
    assert!(!addr.ends_with(":0"), "{addr}");
    addr
}

/// A program that waits for one peer, on a port of its own choice, and then writes what it gets
/// to its standard output, or sends what is in a file.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) place: String,
}

impl Server {
    /// Starts it, and waits until it has said, behind `words`, where it listens.
    #[track_caller]
    pub(crate) fn start(command: &mut Command, words: &str) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let place = loop {
            let line = said.next().expect("it listens").unwrap();
            if let Some((_, place)) = line.split_once(words) {
                break place.to_owned();
            }
        };
        // It may go on talking.
        thread::spawn(move || said.for_each(drop));
        Self { child, place }
    }

    pub(crate) fn socat<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut socat = Command::new("socat");
        let mut server = Self::start(socat.args(["-d", "-d", "-u"]).args(words), "AF=2 ");
        server.place = format!("tcp://{}", server.place);
        server
    }

    pub(crate) fn netcat() -> Self {
        let mut nc = Command::new("nc");
        let mut server = Self::start(
            nc.args(["-v", "-n", "-l", "127.0.0.1", "0"]),
            "Listening on ",
        );
        let port = server.place.split(' ').nth(1).expect("HOST PORT");
        server.place = format!("tcp://127.0.0.1:{port}");
        server
    }

    pub(crate) fn netcat_unix(path: &str) -> Self {
        let mut nc = Command::new("nc");
        let mut server = Self::start(nc.args(["-v", "-l", "-U", path]), "Listening on ");
        server.place = format!("unix:{path}");
        server
    }

    /// A script that says `listening on PORT` on standard error.
    pub(crate) fn script(program: &str, option: &str, text: &str) -> Self {
        let mut server = Self::start(Command::new(program).args([option, text]), "listening on ");
        server.place = format!("tcp://127.0.0.1:{}", server.place);
        server
    }

    pub(crate) fn stdout(&mut self) -> ChildStdout {
        self.child.stdout.take().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
