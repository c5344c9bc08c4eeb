//! A host with several addresses: all of them are tried, the first that answers wins.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use highwater::net::{self, Connect};
use highwater::{CancelToken, Error, ErrorKind};

use crate::net::scene::{Full, everything, refused};
use crate::support::{interrupted, watched};

const BRIEF: Duration = Duration::from_millis(20);
const REFUSED: ErrorKind = ErrorKind::Io(io::ErrorKind::ConnectionRefused);

/// A host with these addresses, the next of which is never tried because of the time alone.
fn host(addrs: impl IntoIterator<Item = SocketAddr>) -> Connect {
    let host = net::connect("host.invalid:1").known_addrs(addrs);
    host.attempt_delay(Duration::MAX)
}

fn open_listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

#[track_caller]
fn connects_to(connect: Connect, addr: SocketAddr) {
    let socket = watched(move || connect.open().unwrap());
    assert_eq!(socket.peer_addr().unwrap(), addr);
    assert_eq!(socket.name(), "tcp://host.invalid:1");
}

#[test]
fn an_address_that_is_refused_makes_room_for_the_next_at_once() {
    let (_listener, open) = open_listener();
    connects_to(host([refused(), refused(), open]), open);
}

#[test]
fn an_address_that_does_not_answer_keeps_the_next_waiting_for_the_delay_and_no_longer() {
    let full = Full::new();
    let (_listener, open) = open_listener();
    let began = Instant::now();
    connects_to(host([full.addr, open]).attempt_delay(BRIEF), open);
    assert!(began.elapsed() >= BRIEF);
    // By default as RFC 8305 has it.
    let began = Instant::now();
    let connect = net::connect("host.invalid:1");
    connects_to(connect.known_addrs([full.addr, open]), open);
    assert!(began.elapsed() >= Duration::from_millis(250));
    // Or until its own time is up.
    connects_to(host([full.addr, open]).attempt_timeout(BRIEF), open);
}

#[test]
fn an_address_that_was_overtaken_can_still_win() {
    let (slow, never) = (Full::new(), Full::at("127.0.0.2:0".parse().unwrap()));
    let connect = host([slow.addr, never.addr]).attempt_delay(BRIEF);
    let addr = slow.addr;
    // Both are waited for. The system asks again after a second, and is let in.
    let socket = interrupted("poll", move || connect.open().unwrap(), || slow.relent());
    assert_eq!(socket.peer_addr().unwrap(), addr);
}

#[test]
fn one_that_has_lost_leaves_no_empty_stream_behind() {
    let (slow, other) = (Full::new(), Full::at("127.0.0.2:0".parse().unwrap()));
    let connect = host([slow.addr, other.addr]).attempt_delay(Duration::ZERO);
    let both = || {
        slow.relent();
        other.relent();
    };
    let socket = interrupted("poll", move || connect.open().unwrap(), both);
    let lost = [&slow, &other].into_iter();
    for lost in lost.filter(|it| it.addr != socket.peer_addr().unwrap()) {
        lost.listener.set_nonblocking(true).unwrap();
        match lost.listener.accept() {
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            Ok((accepted, _)) => {
                accepted.set_nonblocking(false).unwrap();
                let reset = everything(accepted).unwrap_err();
                assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
            }
        }
    }
}

/// Where each of these stands in what an error says.
fn order(error: &Error, addrs: &[SocketAddr]) -> Vec<usize> {
    let said = error.to_string();
    let place = |addr: &SocketAddr| said.find(&format!("tcp://{addr}: ")).expect(&said);
    addrs.iter().map(place).collect()
}

#[test]
fn when_all_fail_each_is_named_with_its_reason_and_the_families_took_turns() {
    let port = refused().port();
    let addr = |host: &str| format!("{host}:{port}").parse::<SocketAddr>().unwrap();
    let [one, two, three] = [addr("127.0.0.1"), addr("127.0.0.2"), addr("127.0.0.3")];
    let six = addr("[::1]");
    let error = watched(move || host([one, two, three, six]).open().unwrap_err());
    assert_eq!(error.stage(), Some("tcp://host.invalid:1"));
    // Where there is no IPv6 it fails otherwise, and in the same place.
    let order = order(&error, &[one, six, two, three]);
    assert!(order.is_sorted(), "{error}");
    assert_eq!(error.kind(), REFUSED);
    assert!(error.io_error().is_some(), "{error:?}");
    let others: Vec<_> = error.others().filter_map(Error::stage).collect();
    assert_eq!(
        others,
        [six, two, three].map(|addr| format!("tcp://{addr}"))
    );
    assert_eq!(
        error.to_string().matches("refused").count(),
        4 - usize::from(no_ipv6())
    );
}

fn no_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_err()
}

#[test]
fn the_whole_time_ends_all_attempts_and_says_what_became_of_each() {
    let (full, other) = (Full::new(), Full::at("127.0.0.2:0".parse().unwrap()));
    let addrs = [refused(), full.addr, other.addr];
    let connect = host(addrs).attempt_delay(Duration::ZERO).timeout(BRIEF);
    let error = watched(move || connect.open().unwrap_err());
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    assert!(order(&error, &addrs).is_sorted());
    assert_eq!(error.others().count(), 3);
    // No time at all is one look.
    let (_listener, open) = open_listener();
    connects_to(host([open]).timeout(Duration::ZERO), open);
    let full_addr = full.addr;
    let none = watched(move || host([full_addr]).timeout(Duration::ZERO).open());
    assert_eq!(none.unwrap_err().kind(), ErrorKind::TimedOut);
    connects_to(host([open]).timeout(Duration::MAX), open);
}

#[test]
fn a_token_ends_all_attempts() {
    let (full, other) = (Full::new(), Full::at("127.0.0.2:0".parse().unwrap()));
    let token = CancelToken::new();
    let connect = host([full.addr, other.addr]).attempt_delay(Duration::ZERO);
    let connect = connect.cancel_with(&token);
    let call = move || connect.open().unwrap_err();
    let error = interrupted("poll", call, || token.abort("enough"));
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(format!("{error:#}").contains("enough"), "{error:#}");
}

#[test]
fn it_comes_from_the_address_it_was_told() {
    let (listener, open) = open_listener();
    let local = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 7), 0));
    let six = "[::1]:1".parse().unwrap();
    let socket = host([six, open]).local_addr(local).open().unwrap();
    let (_, peer) = listener.accept().unwrap();
    assert_eq!(peer.ip(), local.ip());
    assert_eq!(socket.local_addr().unwrap(), peer);
    let wrong = host([six]).local_addr(local).open().unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::InvalidInput);
    let taken = host([open]).local_addr(open).open().unwrap_err();
    let in_use = ErrorKind::Io(io::ErrorKind::AddrInUse);
    assert_eq!(taken.kind(), in_use, "{taken}");
}

#[test]
fn a_name_that_is_looked_up_is_ended_by_a_token_before_it_begins() {
    let token = CancelToken::new();
    token.abort("too late");
    let connect = net::connect("host.invalid:1").cancel_with(&token);
    let error = watched(move || connect.open().unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let (_listener, open) = open_listener();
    let by_name = net::connect(format!("localhost:{}", open.port()));
    let by_name = by_name.timeout(Duration::from_secs(9));
    let socket = watched(move || by_name.open().unwrap());
    assert_eq!(socket.peer_addr().unwrap(), open);
}
