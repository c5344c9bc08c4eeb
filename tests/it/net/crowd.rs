//! Five thousand connections at once, one in ten of them to a client that does not read.
//!
//! The server has a process of its own, whose memory the system tells; the clients have another.

use std::env;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use highwater::net::{Listen, Server};
use socket2::{Domain, Socket, Type};

use crate::net::scene::everything;
use crate::net::server::echo;
use crate::support::{
    alone, held, memory_kib, once_more, pattern, raise_descriptors, until, watched,
};

const CONNECTIONS: usize = 5000;
const BAD_ONE_IN: usize = 10;
/// What a good client has on the way at a time.
const MESSAGE_BYTES: usize = 512;
/// How often it is measured without the bad ones, and with them.
const TURNS: usize = 3;
const RSS_MAX_KIB: u64 = 200 << 10;

const CLIENTS: &str = "HIGHWATER_TEST_CLIENTS_OF";

#[test]
fn five_thousand_at_once_are_served_whoever_does_not_read() {
    if let Ok(addr) = env::var(CLIENTS) {
        return clients(addr.parse().unwrap());
    }
    alone(|| {
        raise_descriptors();
        let before = held();
        let listener = Listen::on(highwater::net::Address::Tcp("127.0.0.1:0".into()));
        let listener = listener.backlog(4096).open().unwrap();
        let server = Server::on(listener).connections(CONNECTIONS);
        let server = server.spawn(echo).unwrap();
        let addr = server.local_addr().unwrap().to_string();
        let ran = once_more().env(CLIENTS, addr).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{said}");
        let counts = server.counts();
        let peak_kib = memory_kib("VmHWM:");
        eprintln!(
            "{said}{} at once, {peak_kib} KiB at most, {} bytes a connection",
            counts.peak,
            peak_kib * 1024 / CONNECTIONS as u64
        );
        assert_eq!(
            (counts.peak, counts.accepted),
            (CONNECTIONS, CONNECTIONS as u64)
        );
        assert!(peak_kib < RSS_MAX_KIB, "{peak_kib} KiB");
        let counts = watched(move || server.stop().unwrap());
        assert_eq!(counts.finished, CONNECTIONS as u64, "{counts:?}");
        until("nothing is left", || held() == before);
    });
}

/// A client, and what it has sent and not got back yet.
struct Client {
    stream: TcpStream,
    sent: Vec<u8>,
}

fn clients(addr: SocketAddr) {
    raise_descriptors();
    let mut good: Vec<Client> = (0..CONNECTIONS).map(|_| Client::of(addr)).collect();
    let mut bad = good.split_off(CONNECTIONS - CONNECTIONS / BAD_ONE_IN);
    // Each is served, and not just in the backlog.
    bad.iter_mut().for_each(|client| client.exchange(&[7; 1]));
    let mut stuck = 0;
    let endless = pattern(64 << 10);
    let (mut without, mut with) = (Vec::new(), Vec::new());
    measure(&mut good, 0);
    for turn in 1..=TURNS {
        without.push(measure(&mut good, 2 * turn));
        bad.iter_mut().for_each(|client| client.stuff(&endless));
        stuck += bad.iter().map(|client| client.sent.len()).sum::<usize>();
        with.push(measure(&mut good, 2 * turn + 1));
        bad.iter_mut().for_each(Client::receive);
    }
    let stuck = stuck / (TURNS * bad.len()) / 1024;
    eprintln!("{stuck} KiB on the way to a client that does not read");
    for (index, what) in FIGURES.iter().enumerate() {
        let ratios = with.iter().zip(&without);
        let ratio = median(ratios.map(|(with, without)| with[index] / without[index]));
        let with = median(with.iter().map(|figures| figures[index]));
        let without = median(without.iter().map(|figures| figures[index]));
        eprintln!("{what}: {without:.0} without, {with:.0} with bad ones, ratio {ratio:.2}");
        // Other tests run at the same time, and the slowest of a hundred answers tells of them. A
        // server that a bad client holds up would not end at all.
        assert!(
            index == 2 || ratio < 3.0,
            "{what} takes {ratio} times as long"
        );
    }
    for client in good.iter_mut().chain(&mut bad) {
        client.stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(everything(&client.stream).unwrap(), b"");
    }
}

/// What is measured, in microseconds.
const FIGURES: [&str; 3] = [
    "us for a message of every good client at once",
    "us for an answer to one at a time, median",
    "us for an answer to one at a time, 99 of 100",
];

fn measure(good: &mut [Client], number: usize) -> [f64; 3] {
    let began = Instant::now();
    for round in 0..2 {
        for (index, client) in good.iter_mut().enumerate() {
            client.send(&message(index + (number * 2 + round) * CONNECTIONS));
        }
        good.iter_mut().for_each(Client::receive);
    }
    let round = began.elapsed().as_secs_f64() * 1e6 / 2.0;
    let mut answers: Vec<f64> = (0..good.len())
        .step_by(5)
        .map(|index| {
            let message = message(index + number);
            let began = Instant::now();
            good[index].exchange(&message);
            began.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    answers.sort_by(f64::total_cmp);
    [
        round,
        answers[answers.len() / 2],
        answers[answers.len() * 99 / 100],
    ]
}

/// One that no other client sends, nor this one at another time.
fn message(number: usize) -> Vec<u8> {
    let mut message = pattern(MESSAGE_BYTES);
    message[..8].copy_from_slice(&number.to_be_bytes());
    message
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

impl Client {
    fn of(addr: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        // So that little is on the way when a client does not read.
        socket.set_recv_buffer_size(8 << 10).unwrap();
        socket.set_send_buffer_size(8 << 10).unwrap();
        socket.connect(&addr.into()).unwrap();
        socket.set_tcp_nodelay(true).unwrap();
        let stream = TcpStream::from(socket);
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let sent = Vec::new();
        Self { stream, sent }
    }

    fn send(&mut self, message: &[u8]) {
        self.stream.write_all(message).unwrap();
        self.sent.extend_from_slice(message);
    }

    /// Gets back what was sent, byte for byte.
    fn receive(&mut self) {
        let mut got = vec![0; self.sent.len()];
        self.stream.read_exact(&mut got).unwrap();
        assert!(got == self.sent, "not what was sent");
        self.sent.clear();
    }

    fn exchange(&mut self, message: &[u8]) {
        self.send(message);
        self.receive();
    }

    /// Sends until nothing is taken any more, because nothing is read.
    fn stuff(&mut self, bytes: &[u8]) {
        self.stream.set_nonblocking(true).unwrap();
        let mut stalls = 0;
        while stalls < 20 {
            match self.stream.write(bytes) {
                Ok(taken) => self.sent.extend_from_slice(&bytes[..taken]),
                // Something may still be on the way to where there is room.
                Err(_) => {
                    stalls += 1;
                    std::thread::yield_now();
                }
            }
        }
        self.stream.set_nonblocking(false).unwrap();
        // More than there is room for on the way to it, so that the server waits for it.
        assert!(self.sent.len() > 16 << 10, "{} bytes", self.sent.len());
    }
}
