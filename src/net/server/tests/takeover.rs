//! Tasks that block: no other task waits for them.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::leader::{Next, RunReason, Turn};
use crate::net::server::Connection;

use super::kit::{until, watched};
use super::{By, Echo, IDLE, client_of, on_both, ping, pong, server, spawn};

type Run = Box<dyn FnMut(&mut Echo, &Turn, RunReason) -> Next + Send>;

/// For `wait`, sends a message and then blocks until the gate is open; echoes others at once.
fn gated(
    promotes: bool,
    there: Sender<()>,
    gate: Receiver<()>,
) -> impl Fn(Connection) -> By<Run> + Send + 'static {
    move |connection| {
        let (there, gate) = (there.clone(), gate.clone());
        let run = move |echo: &mut Echo, turn: &Turn, reason: RunReason| {
            if let Some(next) = echo.run_for(reason) {
                return next;
            }
            if echo.last() == b"wait" {
                if promotes {
                    turn.promote_follower();
                    turn.promote_follower();
                    turn.clone().promote_follower();
                }
                there.send(()).expect("it listens");
                // Open when all senders are dropped.
                let _ = gate.recv();
            }
            IDLE
        };
        By(Echo::new(connection), Box::new(run))
    }
}

#[test]
fn a_task_that_blocks_delays_no_other() {
    on_both(|| {
        for promotes in [false, true] {
            let (there, are_there) = unbounded();
            let (open, gate) = unbounded();
            let server = server().idle_threads(Duration::from_millis(100));
            let server = spawn(server, gated(promotes, there, gate));
            let (mut waits, mut other) = (client_of(&server), client_of(&server));
            ping(&mut other);
            waits.write_all(b"wait").unwrap();
            are_there.recv().unwrap();
            for _ in 0..100 {
                ping(&mut other);
                ping(&mut client_of(&server));
            }
            // The leader, its follower and the one that waits. A machine with other work has more
            // of them, for each round that it has made longer than a look; they leave.
            until("three threads are enough", || server.counts().threads <= 3);
            // It comes while the task runs, and is seen afterwards.
            waits.write_all(b"ping").unwrap();
            ping(&mut other);
            drop(open);
            let mut got = [0; 4];
            waits.read_exact(&mut got).unwrap();
            assert_eq!(&got, b"wait");
            pong(&mut waits);
            let counts = watched(move || server.stop().unwrap());
            assert_eq!((counts.finished, counts.failed), (102, 0));
        }
    });
}

#[test]
fn all_that_block_at_once_are_served_at_once_and_the_threads_leave() {
    on_both(|| {
        const TASKS: usize = 100;
        for promotes in [false, true] {
            // No task passes before all are there.
            let all = Arc::new(Barrier::new(TASKS));
            let most = Arc::new(AtomicUsize::new(0));
            let quiet = Duration::from_millis(100);
            let server = spawn(server().idle_threads(quiet), {
                let most = Arc::clone(&most);
                move |connection| {
                    let (all, most) = (Arc::clone(&all), Arc::clone(&most));
                    let run = move |echo: &mut Echo, turn: &Turn, reason: RunReason| {
                        if let Some(next) = echo.run_for(reason) {
                            return next;
                        }
                        if echo.last() == b"ping" {
                            if promotes {
                                turn.promote_follower();
                            }
                            all.wait();
                            most.fetch_add(1, Ordering::SeqCst);
                        }
                        IDLE
                    };
                    By(Echo::new(connection), run)
                }
            });
            let mut clients: Vec<_> = (0..TASKS).map(|_| client_of(&server)).collect();
            for round in 1..=3 {
                for client in &mut clients {
                    client.write_all(b"ping").unwrap();
                }
                clients.iter_mut().for_each(pong);
                until("all have passed", || {
                    most.load(Ordering::SeqCst) == round * TASKS
                });
                let threads = server.counts().threads;
                assert!(threads <= TASKS + 2, "{threads} threads");
            }
            until("the threads that are not needed leave", || {
                server.counts().threads == 1
            });
            clients
                .iter_mut()
                .for_each(|client| client.write_all(b"pong").unwrap());
            for client in &mut clients {
                client.read_exact(&mut [0; 4]).unwrap();
            }
            drop(clients);
            until("all have ended", || server.counts().open == 0);
            until("the last thread leaves", || server.counts().threads == 0);
            let mut late = client_of(&server);
            late.write_all(b"late").unwrap();
            late.read_exact(&mut [0; 4]).unwrap();
            assert_eq!(
                watched(move || server.stop().unwrap()).finished,
                TASKS as u64 + 1
            );
        }
    });
}

#[test]
fn a_turn_that_outlives_its_round_does_nothing() {
    on_both(|| {
        let (give, given) = unbounded();
        let server = spawn(server(), move |connection| {
            let give = give.clone();
            let run = move |echo: &mut Echo, turn: &Turn, reason: RunReason| {
                give.send(turn.clone()).expect("it listens");
                echo.run_for(reason).unwrap_or(IDLE)
            };
            By(Echo::new(connection), run)
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
            let run = move |echo: &mut Echo, turn: &Turn, reason: RunReason| {
                count += 1;
                match count % 16 {
                    3 => thread::yield_now(),
                    // Longer than a tick of the follower.
                    7 => thread::park_timeout(Duration::from_millis(3)),
                    11 => {
                        turn.promote_follower();
                        thread::park_timeout(Duration::from_millis(1));
                    }
                    _ => {}
                }
                echo.run_for(reason).unwrap_or(IDLE)
            };
            By(Echo::new(connection), run)
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
        // No connection and no thread is left.
        assert_eq!((counts.open, counts.threads), (0, 0));
    });
}

#[test]
fn what_is_left_of_the_last_bytes_is_the_end() {
    on_both(|| {
        // The bytes and the end come together, before the task runs.
        let (open, gate) = unbounded::<()>();
        let server = spawn(server(), move |connection| {
            let gate = gate.clone();
            let run = move |echo: &mut Echo, _: &Turn, reason: RunReason| {
                let _ = gate.recv();
                echo.run_for(reason).unwrap_or(IDLE)
            };
            By(Echo::new(connection), run)
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
        until("all have ended", || server.counts().finished == 20);
        assert_eq!(watched(move || server.stop().unwrap()).failed, 0);
    });
}
