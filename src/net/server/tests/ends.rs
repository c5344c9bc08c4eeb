//! How guests end: by patience, by a stop, by an abort, by a panic. Nothing is left.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;

use crate::error::{Error, ErrorKind};
use crate::leader::{Next, Turn, Why};
use crate::net::server::ServerEvent;

use super::kit::{held, is_alone, until, watched};
use super::{By, Echo, IDLE, client_of, on_both, ping, server, spawn};

#[test]
fn patience_ends_once_and_what_comes_renews_it() {
    on_both(|| {
        const PATIENCE: Duration = Duration::from_millis(60);
        let (tell, told) = unbounded();
        let server = spawn(server(), move |connection| {
            let tell = tell.clone();
            let mut until = Instant::now();
            let attend = move |echo: &mut Echo, _: &Turn, why: Why| {
                let now = Instant::now();
                if why == Why::TimedOut {
                    tell.send(now - until).expect("it listens");
                }
                echo.attend_by(why).unwrap_or_else(|| {
                    until = now + PATIENCE;
                    Next::Idle { until: Some(until) }
                })
            };
            By(Echo::new(connection), attend)
        });
        let (mut idle, mut busy) = (client_of(&server), client_of(&server));
        ping(&mut idle);
        let began = Instant::now();
        while told.is_empty() {
            ping(&mut busy);
            assert!(began.elapsed() < Duration::from_secs(10));
        }
        // Not before its time, and no later than that allows for.
        assert!(began.elapsed() >= PATIENCE - Duration::from_millis(1));
        assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0);
        ping(&mut busy);
        assert_eq!(busy.read(&mut [0; 1]).unwrap(), 0);
        assert_eq!(told.len(), 2);
        assert_eq!(watched(move || server.stop().unwrap()).finished, 2);
    });
}

#[test]
fn one_who_never_says_anything_is_let_go_as_well() {
    on_both(|| {
        struct Silent(Echo);
        impl crate::leader::Task for Silent {
            fn fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.0.fd()
            }
            fn until(&self) -> Option<Instant> {
                Some(Instant::now() + Duration::from_millis(20))
            }
            fn attend(&mut self, _: &Turn, why: Why) -> Next {
                assert_eq!(why, Why::TimedOut);
                Next::Gone(Err(Error::new(ErrorKind::TimedOut, "nothing was said")))
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
fn a_stop_is_told_once_and_who_is_not_done_then_may_finish() {
    on_both(|| {
        let stops = Arc::new(AtomicUsize::new(0));
        let server = spawn(server(), {
            let stops = Arc::clone(&stops);
            move |connection| {
                let stops = Arc::clone(&stops);
                let attend = move |echo: &mut Echo, _: &Turn, why: Why| {
                    if why == Why::Stopping {
                        stops.fetch_add(1, Ordering::SeqCst);
                        return IDLE;
                    }
                    echo.attend_by(why).unwrap_or(IDLE)
                };
                By(Echo::new(connection), attend)
            }
        });
        let mut clients: Vec<_> = (0..10).map(|_| client_of(&server)).collect();
        clients.iter_mut().for_each(ping);
        server.handle().stop();
        until("all were told", || stops.load(Ordering::SeqCst) == 10);
        clients.iter_mut().for_each(ping);
        drop(clients);
        let counts = watched(move || server.join().unwrap());
        assert_eq!((counts.finished, counts.aborted), (10, 0));
        assert_eq!(stops.load(Ordering::SeqCst), 10);
    });
}

#[test]
fn who_stays_beyond_the_grace_is_aborted_be_it_idle_or_busy() {
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
            let attend = move |echo: &mut Echo, _: &Turn, why: Why| {
                let _ = &woken;
                if why == Why::Stopping {
                    return IDLE;
                }
                if let Some(stay) = echo.attend_by(why) {
                    return stay;
                }
                if echo.last() == b"wait" {
                    there.send(()).expect("it listens");
                    let _ = gate.recv();
                }
                IDLE
            };
            By(Echo::new(connection), attend)
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
fn a_panic_is_the_end_of_one_guest() {
    on_both(|| {
        let (tell, told) = unbounded();
        let server = server().on_event(move |event| tell.send(event.clone()).expect("it listens"));
        let server = spawn(server, |connection| {
            assert!(connection.number() != 3, "out of mind");
            let attend = |echo: &mut Echo, _: &Turn, why: Why| {
                if let Some(stay) = echo.attend_by(why) {
                    return stay;
                }
                assert!(echo.last() != b"fall", "out of order");
                IDLE
            };
            By(Echo::new(connection), attend)
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
            // In the middle of it.
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
