//! How tasks end: by a deadline, a stop, an abort, a panic. Nothing is left.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;

use crate::error::{Error, ErrorKind};
use crate::leader::{Next, RunReason, Turn};
use crate::net::server::ServerEvent;

use super::kit::{held, is_alone, until, watched};
use super::{By, Echo, IDLE, client_of, on_both, ping, server, spawn};

#[test]
fn a_deadline_passes_once_and_what_comes_renews_it() {
    on_both(|| {
        const PATIENCE: Duration = Duration::from_millis(60);
        let (tell, told) = unbounded();
        let server = spawn(server(), move |connection| {
            let tell = tell.clone();
            let number = connection.number();
            let mut until = Instant::now();
            let run = move |echo: &mut Echo, _: &Turn, reason: RunReason| {
                let now = Instant::now();
                if reason == RunReason::TimedOut {
                    // Not before its time, by the clock of the pool, which counts milliseconds.
                    let is_early = now + Duration::from_millis(1) < until;
                    tell.send((number, is_early)).expect("it listens");
                }
                echo.run_for(reason).unwrap_or_else(|| {
                    until = now + PATIENCE;
                    Next::Idle { until: Some(until) }
                })
            };
            By(Echo::new(connection), run)
        });
        let mut idle = client_of(&server);
        let began = Instant::now();
        ping(&mut idle);
        // A machine with other work may let this thread renew one too late: then another one is.
        let mut clients = 1;
        let mut busy = loop {
            let mut busy = client_of(&server);
            clients += 1;
            while told.is_empty() && is_answered(&mut busy) {
                assert!(began.elapsed() < Duration::from_secs(10));
            }
            let (number, is_early) = told.recv().unwrap();
            assert!(!is_early, "connection {number}");
            if number == 1 {
                break busy;
            }
        };
        assert!(began.elapsed() >= PATIENCE - Duration::from_millis(1));
        assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0);
        if is_answered(&mut busy) {
            assert_eq!(busy.read(&mut [0; 1]).unwrap(), 0);
        }
        assert_eq!(told.recv().unwrap(), (clients, false));
        assert_eq!(told.len(), 0);
        assert_eq!(watched(move || server.stop().unwrap()).finished, clients);
    });
}

/// Sends something, and returns whether it came back.
fn is_answered(client: &mut std::net::TcpStream) -> bool {
    client.write_all(b"ping").is_ok() && client.read_exact(&mut [0; 4]).is_ok()
}

#[test]
fn a_client_that_sends_nothing_is_closed_as_well() {
    on_both(|| {
        struct Silent(Echo);
        impl crate::leader::Task for Silent {
            fn fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
                self.0.fd()
            }
            fn until(&self) -> Option<Instant> {
                Some(Instant::now() + Duration::from_millis(20))
            }
            fn run(&mut self, _: &Turn, reason: RunReason) -> Next {
                assert_eq!(reason, RunReason::TimedOut);
                Next::Done(Err(Error::new(ErrorKind::TimedOut, "nothing was said")))
            }
        }
        let (tell, told) = unbounded();
        let server = server().on_event(move |event| tell.send(event.clone()).expect("it listens"));
        let server = spawn(server, |connection| Silent(Echo::new(connection)));
        let mut clients = [client_of(&server), client_of(&server)];
        for client in &mut clients {
            assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
        }
        for event in [told.recv().unwrap(), told.recv().unwrap()] {
            assert!(matches!(event, ServerEvent::Failed { .. }), "{event}");
            assert_eq!(event.error().kind(), ErrorKind::TimedOut);
        }
        assert_eq!(watched(move || server.stop().unwrap()).failed, 2);
    });
}

#[test]
fn a_task_is_stopped_once_and_may_finish() {
    on_both(|| {
        let stops = Arc::new(AtomicUsize::new(0));
        let server = spawn(server(), {
            let stops = Arc::clone(&stops);
            move |connection| {
                let stops = Arc::clone(&stops);
                let run = move |echo: &mut Echo, _: &Turn, reason: RunReason| {
                    if reason == RunReason::Stopping {
                        stops.fetch_add(1, Ordering::SeqCst);
                        return IDLE;
                    }
                    echo.run_for(reason).unwrap_or(IDLE)
                };
                By(Echo::new(connection), run)
            }
        });
        let mut clients: Vec<_> = (0..10).map(|_| client_of(&server)).collect();
        clients.iter_mut().for_each(ping);
        server.handle().stop();
        until("all were stopped", || stops.load(Ordering::SeqCst) == 10);
        clients.iter_mut().for_each(ping);
        drop(clients);
        let counts = watched(move || server.join().unwrap());
        assert_eq!((counts.finished, counts.aborted), (10, 0));
        assert_eq!(stops.load(Ordering::SeqCst), 10);
    });
}

#[test]
fn a_task_beyond_the_grace_time_is_aborted_idle_or_running() {
    on_both(|| {
        let (there, are_there) = unbounded();
        let (tell, told) = unbounded();
        let server = server().grace(Duration::from_millis(50));
        let server = server.on_event(move |event| tell.send(event.clone()).expect("it listens"));
        let server = spawn(server, move |connection| {
            let there = there.clone();
            let (open, gate) = unbounded::<()>();
            let token = connection.token().clone();
            let woken = Arc::new(Opens(open));
            token.register(Arc::downgrade(&woken) as _);
            let run = move |echo: &mut Echo, _: &Turn, reason: RunReason| {
                let _ = &woken;
                if reason == RunReason::Stopping {
                    return IDLE;
                }
                if let Some(next) = echo.run_for(reason) {
                    return next;
                }
                if echo.last() == b"wait" {
                    there.send(()).expect("it listens");
                    let _ = gate.recv();
                }
                IDLE
            };
            By(Echo::new(connection), run)
        });
        let (mut idle, mut busy) = (client_of(&server), client_of(&server));
        ping(&mut idle);
        busy.write_all(b"wait").unwrap();
        are_there.recv().unwrap();
        let counts = watched(move || server.stop().unwrap());
        assert_eq!((counts.aborted, counts.finished, counts.failed), (2, 0, 0));
        for event in told.iter() {
            assert_eq!(event.error().kind(), ErrorKind::Cancelled, "{event}");
            assert!(event.to_string().contains("grace time"), "{event}");
        }
    });
}

/// Opens a gate when it is aborted.
struct Opens(crossbeam_channel::Sender<()>);

impl crate::cancel::Cancel for Opens {
    fn stop(&self) {}

    fn abort(&self, _cause: &Error) {
        let _ = self.0.send(());
    }

    fn was_stopped(&self) -> bool {
        false
    }
}

#[test]
fn a_panic_ends_one_task() {
    on_both(|| {
        let (tell, told) = unbounded();
        let server = server().on_event(move |event| tell.send(event.clone()).expect("it listens"));
        let server = spawn(server, |connection| {
            assert!(connection.number() != 3, "out of mind");
            let run = |echo: &mut Echo, _: &Turn, reason: RunReason| {
                if let Some(next) = echo.run_for(reason) {
                    return next;
                }
                assert!(echo.last() != b"fall", "out of order");
                IDLE
            };
            By(Echo::new(connection), run)
        });
        let (mut first, mut second) = (client_of(&server), client_of(&server));
        ping(&mut first);
        second.write_all(b"fall").unwrap();
        let event = told.recv().unwrap();
        assert!(event.to_string().contains("out of order"), "{event}");
        let reset = client_of(&server).read(&mut [0; 1]).unwrap_err();
        assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
        let event = told.recv().unwrap();
        assert!(event.to_string().contains("out of mind"), "{event}");
        ping(&mut first);
        let counts = watched(move || server.stop().unwrap());
        assert_eq!((counts.failed, counts.finished), (2, 1));
    });
}

#[test]
fn no_thread_and_no_descriptor_is_left() {
    on_both(|| {
        if !is_alone("net::server::tests::ends::no_thread_and_no_descriptor_is_left") {
            return;
        }
        let before = held();
        for _ in 0..3 {
            let server = spawn(server(), Echo::new);
            let mut clients: Vec<_> = (0..20).map(|_| client_of(&server)).collect();
            clients.iter_mut().for_each(ping);
            // While they are open.
            watched(move || drop(server));
            for client in &mut clients {
                // An echo has no say in how its socket is closed.
                assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
            }
            drop(clients);
            until("nothing is left", || held() == before);
        }
        drop(spawn(server(), Echo::new));
        until("nothing is left", || held() == before);
    });
}
