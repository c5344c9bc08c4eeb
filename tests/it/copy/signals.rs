//! Ctrl-C and SIGTERM, wherever a copy waits.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use crate::copy::peers::{listens, peer};
use crate::support::Folder;
use crate::support::child::{PROMPT, Running, copy};

/// Sends each signal to a copy that waits in that function of the kernel.
#[track_caller]
fn is_ended(function: &str, mut command: impl FnMut() -> Command) {
    for (signal, code, said) in [
        ("INT", 130, "cancelled: interrupted"),
        ("TERM", 143, "cancelled: terminated"),
    ] {
        let mut command = command();
        command.stdin(Stdio::piped());
        let mut running = Running::start_fed(command);
        let stdin = running.stdin(); // which shall not end
        running.waits_in(function);
        running.signal(signal);
        let outcome = running.finish().failed(code, &[said]);
        drop(stdin);
        assert!(outcome.took < PROMPT);
    }
}

#[test]
fn a_copy_that_waits_for_standard_input_is_ended() {
    let folder = Folder::new();
    is_ended("poll", || copy(["-", &*folder.arg("to")]));
}

#[test]
fn a_copy_that_waits_for_a_fifo_is_ended() {
    let folder = Folder::new();
    let (from, fifo) = (folder.file_arg("from", b"bytes"), folder.fifo_arg("fifo"));
    is_ended("poll", || copy([&*fifo, &*folder.arg("to")]));
    // One that nobody reads cannot even be opened, nor one that shall get nothing but an end.
    is_ended("poll", || copy([&from, &fifo]));
    is_ended("poll", || copy(["--append", &from, &fifo]));
    is_ended("poll", || copy(["/dev/null", &*fifo]));
}

#[test]
fn a_copy_that_waits_for_a_peer_to_come_is_ended() {
    for places in [
        ["tcp-listen://127.0.0.1:0", "/dev/null"],
        ["/dev/zero", "tcp-listen://127.0.0.1:0"],
    ] {
        is_ended("poll", || copy(places));
    }
}

#[test]
fn a_copy_that_waits_to_be_let_in_is_ended() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let addr = socket.local_addr().unwrap().as_socket().unwrap();
    // The one that may wait is there, and whoever comes now is not answered.
    let _first = std::net::TcpStream::connect(addr).unwrap();
    let place = crate::copy::peers::place(addr);
    is_ended("poll", || copy([&*place, "/dev/null"]));
    is_ended("poll", || copy(["/dev/zero", &*place]));
    Running::start(copy(["--connect-timeout", "0.05", &*place, "/dev/null"]))
        .finish()
        .failed(
            1,
            &[
                "failed to connect to",
                &place,
                "timed out waiting for an answer",
            ],
        );
}

#[test]
fn a_copy_whose_peer_says_nothing_is_ended() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp_place = crate::copy::peers::place(tcp.local_addr().unwrap());
    let folder = Folder::new();
    let path = folder.arg("socket");
    let _unix = UnixListener::bind(&path).unwrap();
    for place in [tcp_place, format!("unix:{path}")] {
        is_ended("poll", || copy([&*place, "/dev/null"]));
        // It takes what the kernel holds for it, and no more.
        is_ended("poll", || copy(["/dev/zero", &*place]));
    }
}

#[test]
fn a_peer_that_never_reads_costs_a_mark_and_a_chunk() {
    let (place, peer) = peer(|stream| stream);
    let running = Running::start(copy(["--high", "1M", "/dev/zero", &*place]));
    let stream = peer.join().unwrap();
    running.waits_in("poll"); // the sink
    running.waits_in("futex"); // the source
    running.signal("INT");
    // That it is bounded is checked with every outcome.
    let outcome = running.finish().failed(130, &["cancelled: interrupted"]);
    let (peak, high) = outcome.held().unwrap();
    assert!(peak >= high, "{peak} of {high}: it was held up by nothing");
    drop(stream);
}

#[test]
fn a_copy_that_was_slowed_down_is_ended_in_its_sleep() {
    is_ended("futex", || copy(["--limit", "1", "/dev/zero", "/dev/null"]));
}

#[test]
fn a_second_signal_changes_nothing() {
    let mut running = Running::start(copy(["tcp-listen://127.0.0.1:0", "/dev/null"]));
    listens(&mut running);
    running.signal("TERM");
    running.signal("TERM");
    running.finish().failed(143, &["cancelled: terminated"]);
}
