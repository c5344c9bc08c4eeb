//! A thread of the pool that panics: every connection ends, and the join returns the panic.

use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::error::ErrorKind;
use crate::leader::{Key, Poll, Poller, ReadyList};

use super::kit::{until, watched};
use super::{Echo, client_of, ping, server};

/// A poller that panics once it is to break.
struct Breaking(Poll, Arc<AtomicBool>);

impl Poller for Breaking {
    fn add(&self, fd: BorrowedFd<'_>, key: Key) -> io::Result<()> {
        self.0.add(fd, key)
    }

    fn arm(&self, key: Key) {
        self.0.arm(key);
    }

    fn remove(&self, fd: BorrowedFd<'_>, key: Key) {
        self.0.remove(fd, key);
    }

    fn wait(&self, news: &mut ReadyList, timeout: Option<Duration>) {
        self.0.wait(news, timeout);
        assert!(!self.1.swap(false, Ordering::SeqCst), "the poller broke");
    }

    fn wake(&self) {
        self.0.wake();
    }
}

#[test]
fn a_panic_of_the_leader_ends_every_connection_and_is_returned_by_join() {
    let breaks = Arc::<AtomicBool>::default();
    let poller = Breaking(Poll::new().unwrap(), Arc::clone(&breaks));
    let server = server().grace(Duration::MAX);
    let server = server.spawn_tasks_on(poller, Echo::new).unwrap();
    let mut clients: Vec<_> = (0..5).map(|_| client_of(&server)).collect();
    clients.iter_mut().for_each(ping);
    breaks.store(true, Ordering::SeqCst);
    // Whatever comes has it look.
    drop(clients.pop());
    let handle = server.handle().clone();
    let error = watched(move || server.join().unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Panicked, "{error:#}");
    assert!(format!("{error:#}").contains("the poller broke"));
    for client in &mut clients {
        assert!(matches!(client.read(&mut [0; 1]), Ok(0) | Err(_)));
    }
    until("nothing is left", || handle.counts().threads == 0);
    let counts = handle.counts();
    assert_eq!((counts.open, counts.accepted), (0, 5));
    assert_eq!(counts.aborted + counts.failed + counts.finished, 5);
}
