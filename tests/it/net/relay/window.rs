//! A peer whose receive window stays shut: nothing moves, nothing is lost, and it goes on.

use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use highwater::HighWaterMark;
use highwater::net::Relay;
use rustix::time::{ClockId, clock_gettime};

use super::{Kind, everything, pair};

use crate::support::{pattern, until};

/// Says for how many seconds the window stays shut, in place of half of one.
const SECONDS: &str = "HIGHWATER_WINDOW_SECONDS";

#[test]
fn a_window_of_nothing_holds_a_mark_for_as_long_as_it_lasts_and_then_everything_arrives() {
    let shut = std::env::var(SECONDS).map_or(0.5, |seconds| seconds.parse().unwrap());
    // Small before it connects, for then the window is.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let small = socket2::SockRef::from(&listener);
    small.set_recv_buffer_size(4096).unwrap();
    let b = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server: socket2::Socket = listener.accept().unwrap().0.into();
    let (mut client, a) = pair(Kind::Tcp);

    let high = 32 << 10;
    let relay = Relay::new(a, b).high_water_mark(HighWaterMark::bytes(high));
    let monitor = relay.monitor();
    let relay = thread::spawn(move || {
        let outcome = relay.run().map_err(Box::new);
        (outcome, clock_gettime(ClockId::ThreadCPUTime))
    });
    let bytes = pattern(16 << 20);
    let sent = bytes.clone();
    let sender = thread::spawn(move || {
        client.write_all(&sent).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        everything(&client).unwrap()
    });
    let held = || {
        let way = monitor.snapshot().a_to_b;
        way.read - way.confirmed
    };
    // What the system of the relay still takes by and by is little; then it takes nothing, and the
    // relay holds something between its marks.
    until("something is held", || held() > high as u64 / 2);
    let mut before = monitor.snapshot();
    until("nothing moves", || {
        thread::park_timeout(Duration::from_millis(250));
        let earlier = std::mem::replace(&mut before, monitor.snapshot());
        earlier == before
    });
    thread::park_timeout(Duration::from_secs_f64(shut));
    assert_eq!(monitor.snapshot(), before);
    // Below its low mark it would have read again.
    assert!((high as u64 / 2 + 1..=high as u64).contains(&held()));

    let receiver = thread::spawn(move || {
        let got = everything(&server).unwrap();
        (&server).write_all(b"thanks").unwrap();
        got
    });
    assert!(receiver.join().unwrap() == bytes);
    assert_eq!(sender.join().unwrap(), b"thanks");
    let (outcome, worked) = relay.join().unwrap();
    assert_eq!(outcome.unwrap().bytes(), bytes.len() as u64 + 6);
    // The wait itself costs nothing; what it moves costs some, in a build that checks everything.
    assert!(worked.tv_sec < 5, "{worked:?}");
}
