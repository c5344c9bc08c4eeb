//! A thousand clients that were refused, and go on sending for ever.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use highwater::http::{Request, Response, Server, StatusCode};
use highwater::net;

use crate::http_clients::crowd::Client;
use crate::support::{alone, held, memory_kib, raise_descriptors, until, watched};

const CLIENTS: usize = 1000;
/// The clients are in the same process, and in the same figure.
const PEAK_MAX_KIB: u64 = 48 << 10;
/// They have no thread of their own. That there are more than two comes of a machine that has other
/// work.
const THREADS_MAX: usize = 32;
/// What each of them sends on in a round.
const PIECE: [u8; 16 << 10] = [b'x'; 16 << 10];
const ROUNDS: usize = 20;

const HEAD: &str = "PUT /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n";

/// One that was refused, and sends on as if it was not.
struct Endless {
    stream: TcpStream,
    sent: usize,
}

impl Endless {
    fn of(addr: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.write_all(HEAD.as_bytes()).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self { stream, sent: 0 }
    }

    /// Sends what there is room for. Says whether the connection is still there.
    fn go_on(&mut self) -> bool {
        match self.stream.write(&PIECE) {
            Ok(sent) => self.sent += sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
        true
    }

    /// Reads its answer, which is there although it has sent so much.
    fn is_refused(&mut self) -> bool {
        let mut answer = [0; 64];
        let read = self.stream.read(&mut answer);
        read.is_ok_and(|read| answer[..read].starts_with(b"HTTP/1.1 403 "))
    }
}

fn serve(connections: usize) -> net::RunningServer {
    let server = net::Server::bind("127.0.0.1:0").unwrap();
    let server = server.idle_threads(Duration::from_millis(50));
    let server = Server::on(server).connections(connections);
    let served = |request: Request, response: Response| match request.path() {
        "/refused" => response.status(StatusCode::FORBIDDEN).send("no\n"),
        path => {
            let path = path.to_owned();
            response.send(path)
        }
    };
    server.spawn(served).unwrap()
}

#[test]
fn a_thousand_that_send_for_ever_take_no_thread_and_little_memory() {
    let said = alone(|| {
        raise_descriptors();
        let before = held();
        let server = serve(CLIENTS + 1);
        let addr = server.local_addr().unwrap();
        let mut normal = Client::of(addr);
        let mut endless: Vec<Endless> = (0..CLIENTS).map(|_| Endless::of(addr)).collect();
        let mut most = 0;
        for _ in 0..ROUNDS {
            // Somebody is served beside them, while they send.
            normal.ask("/normal");
            let all = endless.iter_mut().all(Endless::go_on);
            assert!(all, "one was cut off");
            normal.is_told("/normal");
            most = most.max(held().0);
        }
        // Each has sent more than would have waited for it unread.
        let sent: usize = endless.iter().map(|one| one.sent).sum();
        let peak = memory_kib("VmHWM:");
        let threads = most - before.0;
        eprintln!(
            "{CLIENTS} that send for ever: {peak} KiB at most with the clients, {threads} threads \
             at most, {} MiB thrown away",
            sent >> 20
        );
        assert!(peak < PEAK_MAX_KIB, "{peak} KiB");
        assert!(threads <= THREADS_MAX, "{threads} threads");
        assert_eq!(server.counts().open, CLIENTS + 1);
        let told = endless
            .into_iter()
            .filter_map(|mut one| one.is_refused().then_some(()));
        assert_eq!(told.count(), CLIENTS);
        drop(normal);
        let counts = watched(move || server.stop().unwrap());
        assert_eq!((counts.failed, counts.aborted), (0, 0), "{counts:?}");
        assert_eq!(counts.finished, CLIENTS as u64 + 1, "{counts:?}");
        until("nothing is left", || held() == before);
    });
    eprint!("{}", said.unwrap_or_default());
}

#[test]
fn those_that_send_for_ever_give_way_when_there_is_no_room() {
    const BOUND: usize = 8;
    let server = serve(BOUND);
    let addr = server.local_addr().unwrap();
    let mut endless: Vec<Endless> = (0..BOUND).map(|_| Endless::of(addr)).collect();
    until("all are left", || {
        assert!(endless.iter_mut().all(Endless::go_on), "one was cut off");
        endless.iter().all(|one| one.sent > 4 << 20)
    });
    // More come than there is room for, while those go on.
    let mut come: Vec<Client> = Vec::new();
    for number in 0..2 * BOUND {
        let mut client = Client::of(addr);
        client.ask(&format!("/{number}"));
        endless.iter_mut().for_each(|one| {
            one.go_on();
        });
        client.is_told(&format!("/{number}"));
        come.push(client);
    }
    let counts = server.counts();
    assert_eq!(counts.peak, BOUND, "{counts:?}");
    drop(come);
    drop(endless);
    let counts = watched(move || server.stop().unwrap());
    assert_eq!((counts.failed, counts.aborted), (0, 0), "{counts:?}");
}
