//! Five thousand clients that stay, and say nothing.

use std::time::Duration;

use highwater::http::{Request, Response, Server};
use highwater::net;

use crate::http_clients::crowd::Client;
use crate::support::{alone, held, memory_kib, raise_descriptors, until, watched};

const CONNECTIONS: usize = 5000;
/// The clients are in the same process, and in the same figure.
const PEAK_MAX_KIB: u64 = 128 << 10;
/// So many come at the same time.
const TOGETHER: usize = 100;
/// An answer takes no time, so that one thread gives all of them. That there are more comes of a
/// machine that has other work.
const THREADS_MAX: usize = 32;

#[test]
fn five_thousand_idle_connections_take_no_thread_and_little_memory() {
    let said = alone(|| {
        raise_descriptors();
        let before = held();
        let server = net::Server::bind("127.0.0.1:0").unwrap();
        let server = server.idle_threads(Duration::from_millis(50));
        let server = Server::on(server).connections(CONNECTIONS);
        let server = server
            .spawn(|request: Request, response: Response| response.send(request.path().to_owned()));
        let server = server.unwrap();
        let addr = server.local_addr().unwrap();
        let at_rest = held().0;
        let mut most = 0;
        let mut clients: Vec<Client> = Vec::new();
        while clients.len() < CONNECTIONS {
            let first = clients.len();
            clients.extend((0..TOGETHER).map(|_| Client::of(addr)));
            let new = clients[first..].iter_mut().zip(first..);
            let new: Vec<_> = new.collect();
            for (client, number) in &new {
                client.ask(&format!("/{number}"));
            }
            for (client, number) in new {
                client.is_told(&format!("/{number}"));
            }
            most = most.max(held().0 - at_rest);
        }
        let counts = server.counts();
        assert_eq!(
            (counts.open, counts.accepted),
            (CONNECTIONS, CONNECTIONS as u64)
        );
        // Threads that have nothing to do go away, and idle connections are nothing to do.
        until("the threads are let go", || server.counts().threads <= 2);
        let resting = server.counts().threads;
        // Nobody was forgotten: all ask at once, and the last one first.
        for (number, client) in clients.iter().enumerate().rev() {
            client.ask(&format!("/again/{number}"));
        }
        for (number, client) in clients.iter_mut().enumerate() {
            client.is_told(&format!("/again/{number}"));
        }
        most = most.max(held().0 - at_rest);
        let peak = memory_kib("VmHWM:");
        eprintln!(
            "{CONNECTIONS} connections: {peak} KiB at most with the clients, {most} threads at \
             most, {resting} at rest"
        );
        assert!(peak < PEAK_MAX_KIB, "{peak} KiB");
        assert!(most <= THREADS_MAX, "{most} threads");
        let counts = watched(move || server.stop().unwrap());
        assert_eq!(counts.finished, CONNECTIONS as u64, "{counts:?}");
        clients.iter_mut().for_each(Client::is_over);
        drop(clients);
        until("nothing is left", || held() == before);
    });
    eprint!("{}", said.unwrap_or_default());
}
