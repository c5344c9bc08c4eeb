//! Tasks that do not block: one thread for all of them.

use std::io::Read;
use std::net::Shutdown;

use super::kit::{everything, watched};
use super::{Echo, client_of, on_both, ping, server, spawn};

#[test]
fn every_task_is_served_by_one_thread_beside_a_follower() {
    on_both(|| {
        let server = spawn(server(), Echo::new);
        let mut clients: Vec<_> = (0..100).map(|_| client_of(&server)).collect();
        for _ in 0..20 {
            clients.iter_mut().for_each(ping);
        }
        let counts = server.counts();
        assert_eq!((counts.open, counts.peak), (100, 100));
        for client in &clients[..50] {
            client.shutdown(Shutdown::Write).unwrap();
            assert_eq!(everything(client).unwrap(), b"");
        }
        let counts = watched(move || server.stop().unwrap());
        assert_eq!((counts.accepted, counts.finished), (100, 100));
        assert_eq!((counts.open, counts.threads, counts.failed), (0, 0, 0));
        for client in &mut clients[50..] {
            assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
        }
    });
}
