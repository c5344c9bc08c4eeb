//! Clients that say as little as they can, so as to hold what is held for them.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use highwater::http::{Limits, Request, Response, Server};
use highwater::{ErrorKind, net};

use crate::http_clients::crowd::{Client, narrow, read_some};
use crate::support::{alone, held, memory_kib, raise_descriptors, until, watched};

/// Of each kind.
const ATTACKERS: usize = 100;
/// Nobody is answered late for being in the company of attackers, but this long is not too late.
const SHORT: Duration = Duration::from_secs(2);

/// A thread for each slow body, and what it has read: far less than it may be sent.
const PEAK_MAX_KIB: u64 = 48 << 10;

const HEAD: &str = "POST / HTTP/1.1\r\nHost: here\r\nX-Slow: ";
const BODY: &str = "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 1000000\r\n\r\nslow";

/// One that has begun a request, and goes on with it a byte at a time, or not at all.
struct Attacker {
    stream: TcpStream,
    drips: bool,
    answer: Vec<u8>,
    is_cut: bool,
}

impl Attacker {
    fn of(addr: SocketAddr, begin: &str, drips: bool) -> Self {
        let mut stream = narrow(addr);
        stream.write_all(begin.as_bytes()).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self {
            stream,
            drips,
            answer: Vec::new(),
            is_cut: false,
        }
    }

    /// Says one byte more, and listens whether that was the last one.
    fn go_on(&mut self) {
        if self.is_cut {
            return;
        }
        if self.drips {
            // Whoever was cut is told so by the read.
            let _: io::Result<usize> = self.stream.write(b"a");
        }
        let mut buffer = [0; 1024];
        match read_some(&self.stream, &mut buffer) {
            Some(Ok(read @ 1..)) => self.answer.extend_from_slice(&buffer[..read]),
            Some(Ok(0) | Err(_)) => self.is_cut = true,
            _ => {}
        }
    }

    fn status(&self) -> String {
        let answer = String::from_utf8_lossy(&self.answer);
        answer.lines().next().unwrap_or("none").to_owned()
    }
}

#[test]
fn attackers_that_are_slow_are_cut_off_and_cost_the_others_nothing() {
    let said = alone(|| {
        raise_descriptors();
        let before = held();
        let limits = Limits::default()
            .head_timeout(SHORT)
            .body_idle(SHORT)
            .least_rate(100_000)
            .linger(Duration::from_millis(100));
        let told: Arc<Mutex<Vec<ErrorKind>>> = Arc::default();
        let tell = Arc::clone(&told);
        let server = net::Server::bind("127.0.0.1:0").unwrap();
        let server = server.idle_threads(Duration::from_millis(50));
        let server = Server::on(server)
            .limits(limits)
            .on_event(move |event| tell.lock().unwrap().push(event.error().kind()))
            .spawn(|mut request: Request, response: Response| {
                let bytes = request.body().to_bytes(1 << 20)?.len();
                response.send(format!("{} {bytes}", request.path()))
            })
            .unwrap();
        let addr = server.local_addr().unwrap();
        let mut normal = Client::of(addr);
        let mut served = 0_usize;
        let mut serve = || {
            normal.ask("/normal");
            normal.is_told("/normal 0");
            served += 1;
            served
        };
        serve();
        let kinds = [(HEAD, true), (HEAD, false), (BODY, true), (BODY, false)];
        let mut attackers: Vec<Attacker> = Vec::new();
        let mut before_the_first = None;
        let mut go_on = |attackers: &mut [Attacker]| {
            let served = serve();
            attackers.iter_mut().for_each(Attacker::go_on);
            let cut = attackers.iter().filter(|attacker| attacker.is_cut).count();
            if cut > 0 {
                before_the_first.get_or_insert(served);
            }
            cut == attackers.len()
        };
        // From the first ones on somebody is served beside them.
        for _ in 0..ATTACKERS {
            let new = kinds.map(|(begin, drips)| Attacker::of(addr, begin, drips));
            attackers.extend(new);
            go_on(&mut attackers);
        }
        until("they are cut off", || go_on(&mut attackers));
        let served = serve();
        let mut answers = BTreeMap::new();
        for attacker in &attackers {
            *answers.entry(attacker.status()).or_insert(0) += 1;
        }
        let peak = memory_kib("VmHWM:");
        eprintln!(
            "{before_the_first:?} of {served} served before the first was cut; {answers:?}; {peak} \
             KiB at most"
        );
        assert!(peak < PEAK_MAX_KIB, "{peak} KiB");
        assert!(before_the_first > Some(2), "nobody was served beside them");
        let all = kinds.len() * ATTACKERS;
        assert_eq!(
            answers,
            BTreeMap::from([("HTTP/1.1 408 Request Timeout".to_owned(), all)])
        );
        // Of them nothing is left, while the server goes on.
        drop(attackers);
        until("only the normal client is left", || {
            server.counts().open == 1
        });
        until("their threads are gone", || server.counts().threads <= 2);
        serve();
        let counts = watched(move || server.stop().unwrap());
        assert_eq!(counts.accepted, all as u64 + 1, "{counts:?}");
        assert_eq!(
            (counts.refused, counts.finished),
            (all as u64, 1),
            "{counts:?}"
        );
        let told = told.lock().unwrap();
        assert_eq!(told.len(), all);
        assert!(
            told.iter().all(|kind| *kind == ErrorKind::TimedOut),
            "{told:?}"
        );
        normal.is_over();
        drop(normal);
        until("nothing is left", || held() == before);
    });
    eprint!("{}", said.unwrap_or_default());
}
