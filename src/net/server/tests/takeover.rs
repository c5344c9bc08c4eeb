//! Guests that take their time: nobody else waits for them.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::leader::{Next, Turn, Why};
use crate::net::server::Connection;

use super::kit::{until, watched};
use super::{By, Echo, IDLE, client_of, on_both, ping, pong, server, spawn};

type Attend = Box<dyn FnMut(&mut Echo, &Turn, Why) -> Next + Send>;

/// Tells that it is there, and waits until the gate is open, for `wait`; answers others at once.
fn gated(
    steps_down: bool,
    there: Sender<()>,
    gate: Receiver<()>,
) -> impl Fn(Connection) -> By<Attend> + Send + 'static {
    move |connection| {
        let (there, gate) = (there.clone(), gate.clone());
        let attend = move |echo: &mut Echo, turn: &Turn, why: Why| {
            if let Some(stay) = echo.attend_by(why) {
                return stay;
            }
            if echo.last() == b"wait" {
                if steps_down {
                    turn.promote_follower();
                    turn.promote_follower();
                    turn.clone().promote_follower();
                }
                there.send(()).expect("it listens");
                // Open when nobody can send any more.
                let _ = gate.recv();
            }
            IDLE
        };
        By(Echo::new(connection), Box::new(attend))
    }
}

#[test]
fn one_that_waits_holds_up_nobody_else() {
    on_both(|| {
        for steps_down in [false, true] {
            let (there, are_there) = unbounded();
            let (open, gate) = unbounded();
            let server = spawn(server(), gated(steps_down, there, gate));
            let (mut waits, mut other) = (client_of(&server), client_of(&server));
            ping(&mut other);
            waits.write_all(b"wait").unwrap();
            are_there.recv().unwrap();
            for _ in 0..100 {
                ping(&mut other);
                ping(&mut client_of(&server));
            }
            // Who leads, who stands by, who waits, and one that was taken for slow.
            let threads = server.counts().threads;
            // Came while it was busy, and is seen afterwards.
            waits.write_all(b"ping").unwrap();
            ping(&mut other);
            drop(open);
            let mut got = [0; 4];
            waits.read_exact(&mut got).unwrap();
            assert_eq!(&got, b"wait");
            pong(&mut waits);
            assert!(threads <= 4, "{threads} threads");
            let counts = watched(move || server.stop().unwrap());
            assert_eq!((counts.finished, counts.failed), (102, 0));
        }
    });
}

#[test]
fn all_that_block_at_once_are_served_at_once_and_the_threads_leave() {
    on_both(|| {
        const GUESTS: usize = 100;
        for steps_down in [false, true] {
            // Nobody comes through before all are there.
            let all = Arc::new(Barrier::new(GUESTS));
            let most = Arc::new(AtomicUsize::new(0));
            let quiet = Duration::from_millis(100);
            let server = spawn(server().idle_threads(quiet), {
                let most = Arc::clone(&most);
                move |connection| {
                    let (all, most) = (Arc::clone(&all), Arc::clone(&most));
                    let attend = move |echo: &mut Echo, turn: &Turn, why: Why| {
                        if let Some(stay) = echo.attend_by(why) {
                            return stay;
                        }
                        if echo.last() == b"ping" {
                            if steps_down {
                                turn.promote_follower();
                            }
                            all.wait();
                            most.fetch_add(1, Ordering::SeqCst);
                        }
                        IDLE
                    };
                    By(Echo::new(connection), attend)
                }
            });
            let mut clients: Vec<_> = (0..GUESTS).map(|_| client_of(&server)).collect();
            for round in 1..=3 {
                for client in &mut clients {
                    client.write_all(b"ping").unwrap();
                }
                clients.iter_mut().for_each(pong);
                until("all have come through", || {
                    most.load(Ordering::SeqCst) == round * GUESTS
                });
                let threads = server.counts().threads;
                assert!(threads <= GUESTS + 2, "{threads} threads");
            }
            until("who is not needed leaves", || server.counts().threads == 1);
            clients
                .iter_mut()
                .for_each(|client| client.write_all(b"pong").unwrap());
            for client in &mut clients {
                client.read_exact(&mut [0; 4]).unwrap();
            }
            drop(clients);
            until("all have gone", || server.counts().open == 0);
            until("nobody is needed", || server.counts().threads == 0);
            let mut late = client_of(&server);
            late.write_all(b"late").unwrap();
            late.read_exact(&mut [0; 4]).unwrap();
            assert_eq!(
                watched(move || server.stop().unwrap()).finished,
                GUESTS as u64 + 1
            );
        }
    });
}

#[test]
fn a_duty_that_outlives_its_round_does_nothing() {
    on_both(|| {
        let (give, given) = unbounded();
        let server = spawn(server(), move |connection| {
            let give = give.clone();
            let attend = move |echo: &mut Echo, turn: &Turn, why: Why| {
                give.send(turn.clone()).expect("it listens");
                echo.attend_by(why).unwrap_or(IDLE)
            };
            By(Echo::new(connection), attend)
        });
        let mut client = client_of(&server);
        for _ in 0..100 {
            ping(&mut client);
            let turn = given.recv().unwrap();
            thread::spawn(move || turn.promote_follower())
                .join()
                .unwrap();
        }
        assert!(server.counts().threads <= 2);
        assert_eq!(watched(move || server.stop().unwrap()).finished, 1);
        given.iter().for_each(|turn| turn.promote_follower());
    });
}

#[test]
fn a_mix_of_quick_and_slow_ones_loses_nothing() {
    on_both(|| {
        const CLIENTS: usize = 16;
        const EACH: usize = 200;
        let server = spawn(server(), |connection| {
            let mut count = 0_usize;
            let attend = move |echo: &mut Echo, turn: &Turn, why: Why| {
                count += 1;
                match count % 16 {
                    3 => thread::yield_now(),
                    // Longer than a look takes.
                    7 => thread::park_timeout(Duration::from_millis(3)),
                    11 => {
                        turn.promote_follower();
                        thread::park_timeout(Duration::from_millis(1));
                    }
                    _ => {}
                }
                echo.attend_by(why).unwrap_or(IDLE)
            };
            By(Echo::new(connection), attend)
        });
        thread::scope(|threads| {
            for _ in 0..CLIENTS {
                let mut client = client_of(&server);
                threads.spawn(move || {
                    (0..EACH).for_each(|_| ping(&mut client));
                });
            }
        });
        let threads = server.counts().threads;
        assert!(threads <= CLIENTS + 2, "{threads} threads");
        let counts = watched(move || server.stop().unwrap());
        assert_eq!((counts.finished, counts.failed), (CLIENTS as u64, 0));
        // Nobody stays.
        assert_eq!((counts.open, counts.threads), (0, 0));
    });
}

#[test]
fn what_is_left_of_the_last_bytes_is_the_end() {
    on_both(|| {
        // The bytes and the end come together, before anybody looks.
        let (open, gate) = unbounded::<()>();
        let server = spawn(server(), move |connection| {
            let gate = gate.clone();
            let attend = move |echo: &mut Echo, _: &Turn, why: Why| {
                let _ = gate.recv();
                echo.attend_by(why).unwrap_or(IDLE)
            };
            By(Echo::new(connection), attend)
        });
        let mut clients: Vec<_> = (0..20).map(|_| client_of(&server)).collect();
        for client in &mut clients {
            client.write_all(b"last").unwrap();
            client.shutdown(std::net::Shutdown::Write).unwrap();
        }
        drop(open);
        for client in &mut clients {
            let mut got = Vec::new();
            client.read_to_end(&mut got).unwrap();
            assert_eq!(got, b"last");
        }
        until("all have gone", || server.counts().finished == 20);
        assert_eq!(watched(move || server.stop().unwrap()).failed, 0);
    });
}
