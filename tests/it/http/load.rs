//! Memory stays flat however much is sent, and whoever is slow holds up nobody else.

use std::io::{ErrorKind as Io, Read, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use highwater::http::Limits;
use highwater::{Bytes, HighWaterMark};

use crate::http::kit::{Client, get, serve, serve_with};
use crate::support::{alone, memory_kib, raise_descriptors, skip};

/// How long nothing has moved when everybody waits for everybody.
const STILL: Duration = Duration::from_millis(300);

/// Waits until a count has stopped to move, and gives it.
fn settled(count: impl Fn() -> u64) -> u64 {
    let mut last = u64::MAX;
    loop {
        let now = count();
        if now == last {
            return now;
        }
        last = now;
        thread::park_timeout(STILL);
    }
}

#[test]
fn a_client_that_reads_nothing_stops_the_one_that_writes() {
    const HIGH: usize = 64 * 1024;
    const CHUNK: usize = 16 * 1024;
    let written = Arc::new(AtomicU64::new(0));
    let peak = Arc::new(AtomicUsize::new(0));
    let (count, most) = (Arc::clone(&written), Arc::clone(&peak));
    let server = serve(move |_, response| {
        let mut out = response.writable(HighWaterMark::bytes(HIGH));
        for _ in 0..16 * 1024 {
            out.write(Bytes::from_static(&[b'x'; CHUNK]))?;
            count.fetch_add(CHUNK as u64, Ordering::SeqCst);
            most.fetch_max(out.len(), Ordering::SeqCst);
        }
        out.finish().map(drop)
    });
    let mut client = Client::of(&server);
    client.say(get("/"));
    // What the kernel keeps for both ends, and the mark: of 256 MiB.
    let held = settled(|| written.load(Ordering::SeqCst));
    assert!(
        held < 16 << 20,
        "{held} bytes were taken for a client that reads nothing"
    );
    let answer = client.answer();
    assert_eq!(answer.body.len(), 256 << 20);
    assert!(peak.load(Ordering::SeqCst) <= HIGH + CHUNK, "{peak:?}");
}

#[test]
fn a_handler_that_reads_nothing_stops_the_client() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let server = serve(move |mut request, response| {
        gone.lock()
            .unwrap()
            .recv_timeout(Duration::from_secs(20))
            .unwrap();
        let mut bytes = 0;
        for chunk in request.body() {
            bytes += chunk?.len();
        }
        response.send(bytes.to_string())
    });
    let total = 64 << 20;
    let mut client = Client::of(&server);
    client.say(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {total}\r\n\r\n"
    ));
    let sent = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&sent);
    let mut stream = client.stream.get_ref().try_clone().unwrap();
    let sender = thread::spawn(move || {
        let chunk = [b'x'; 16 * 1024];
        for _ in 0..total / chunk.len() {
            stream.write_all(&chunk).unwrap();
            count.fetch_add(chunk.len() as u64, Ordering::SeqCst);
        }
    });
    let held = settled(|| sent.load(Ordering::SeqCst));
    assert!(
        held < 16 << 20,
        "{held} bytes were taken for a handler that reads nothing"
    );
    go.send(()).unwrap();
    assert_eq!(client.answer().text(), total.to_string());
    sender.join().unwrap();
}

#[test]
fn a_flood_of_requests_is_read_no_further_than_it_is_answered() {
    // RFC 9112 9.3.2
    let served = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&served);
    let limits = Limits::default().requests(u64::MAX);
    let (server, _) = serve_with(limits, move |_, response| {
        count.fetch_add(1, Ordering::SeqCst);
        response.send(Bytes::from_static(&[b'x'; 8 * 1024]))
    });
    let client = Client::of(&server);
    let mut stream = client.stream.get_ref().try_clone().unwrap();
    let sent = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&sent);
    // It never reads, until nobody takes anything from anybody any more.
    let flood = thread::spawn(move || {
        let many = get("/").repeat(100);
        loop {
            match stream.write(many.as_bytes()) {
                Ok(bytes) => count.fetch_add(bytes as u64, Ordering::SeqCst),
                Err(error) => break error.kind(),
            };
        }
    });
    let answered = settled(|| served.load(Ordering::SeqCst));
    let taken = settled(|| sent.load(Ordering::SeqCst));
    assert!(
        answered * 8 * 1024 < 16 << 20,
        "{answered} answers for a client that reads none"
    );
    assert!(taken < 16 << 20, "{taken} bytes of requests were taken");
    // Others are served all the while.
    let mut other = Client::of(&server);
    assert_eq!(other.say(get("/")).answer().body.len(), 8 * 1024);
    drop(client);
    drop(server);
    let ended = flood.join().unwrap();
    assert!(
        matches!(ended, Io::BrokenPipe | Io::ConnectionReset | Io::WouldBlock),
        "{ended:?}"
    );
}

#[test]
fn slow_heads_and_slow_bodies_cost_the_others_nothing() {
    let server = serve(|mut request, response| {
        let body = request.body().to_bytes(1 << 20)?;
        response.send(body)
    });
    let slow: Vec<Client> = (0..100)
        .map(|n| {
            let mut client = Client::of(&server);
            if n % 2 == 0 {
                client.say("GET / HTTP/1.1\r\nHost: a\r\nX-Slow");
            } else {
                client.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
            }
            client
        })
        .collect();
    let mut quick = Client::of(&server);
    for n in 0..100 {
        let said = n.to_string();
        let post = crate::http::kit::post("/", &said);
        assert_eq!(quick.say(post).answer().text(), said);
    }
    // A slow head has no thread; a slow body has one, which waits for it.
    let counts = server.counts();
    assert_eq!(counts.open, 101);
    assert!(counts.threads <= 55, "{counts:?}");
    drop(slow);
    drop(quick);
}

#[test]
fn idle_connections_have_no_thread_and_no_buffer() {
    const CONNECTIONS: usize = 2_000;
    alone(|| {
        if raise_descriptors().is_some_and(|most| most < 3 * CONNECTIONS as u64) {
            return skip("too few descriptors");
        }
        let server = highwater::http::Server::bind("127.0.0.1:0").unwrap();
        let server = server
            .connections(CONNECTIONS)
            .spawn(|_, response| response.send("x"));
        let server = server.unwrap();
        // Not what is mapped of the program: how much of that is in memory is up to the kernel.
        let before = memory_kib("RssAnon:");
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            let addr = crate::http::kit::addr_of(&server);
            let mut client = std::net::TcpStream::connect(addr).unwrap();
            client.write_all(get("/").as_bytes()).unwrap();
            let mut answer = [0; 256];
            assert!(client.read(&mut answer).unwrap() > 0);
            clients.push(client);
        }
        let counts = server.counts();
        assert_eq!(counts.open, CONNECTIONS);
        assert!(counts.threads <= 4, "{counts:?}");
        let each = (memory_kib("RssAnon:") - before) * 1024 / CONNECTIONS as u64;
        // 128 MiB for 5,000 would be 26 KiB.
        assert!(each < 4 * 1024, "{each} bytes for each connection");
    });
}
