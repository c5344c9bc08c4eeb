//! From and to sockets, in peace and with peers that break off.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use crate::copy::peers::{Server, everything, listens, peer, reset, taker};
use crate::support::child::{PROMPT, Running, copy, run};
use crate::support::{Folder, have, pattern};

const BYTES: usize = 3_000_001;

#[test]
fn a_file_goes_to_netcat_socat_python_and_node() {
    const PYTHON: &str = "\
import shutil, socket, sys
server = socket.create_server(('127.0.0.1', 0))
print('listening on', server.getsockname()[1], file=sys.stderr, flush=True)
shutil.copyfileobj(server.accept()[0].makefile('rb'), sys.stdout.buffer)";
    const NODE: &str = "\
const server = require('net').createServer(peer => { peer.pipe(process.stdout); server.close(); });
server.listen(0, '127.0.0.1', () => console.error('listening on ' + server.address().port));";
    let folder = Folder::new();
    let from = folder.file_arg("from", &pattern(BYTES));
    for tool in ["nc", "socat", "python3", "node"] {
        if have(&[tool]) {
            let mut server = match tool {
                "nc" => Server::netcat(),
                "socat" => Server::socat(["TCP-LISTEN:0,bind=127.0.0.1", "-"]),
                "python3" => Server::script("python3", "-c", PYTHON),
                _ => Server::script("node", "-e", NODE),
            };
            let got = server.stdout();
            let got = thread::spawn(move || everything(got).unwrap());
            run(copy([&from, &server.place])).succeeded();
            assert!(got.join().unwrap() == pattern(BYTES), "{tool}");
        }
    }
}

#[test]
fn a_file_comes_from_socat() {
    if !have(&["socat"]) {
        return;
    }
    let folder = Folder::new();
    let (from, to) = (folder.file_arg("from", &pattern(BYTES)), folder.arg("to"));
    let sends = format!("OPEN:{from}");
    let mut server = Server::socat([&*sends, "TCP-LISTEN:0,bind=127.0.0.1"]);
    run(copy([&server.place, &to])).succeeded();
    assert!(server.child.wait().unwrap().success());
    assert!(fs::read(&to).unwrap() == pattern(BYTES));
}

#[test]
fn netcat_connects_to_a_copy_that_listens_either_way() {
    if !have(&["nc"]) {
        return;
    }
    let folder = Folder::new();
    let (from, to) = (folder.file_arg("from", &pattern(BYTES)), folder.arg("to"));
    let netcat = |copy: &mut Running| {
        let addr = listens(copy);
        let (host, port) = addr.rsplit_once(':').unwrap();
        let mut nc = Command::new("nc");
        nc.args(["-N", host, port]);
        nc
    };
    let mut sends = Running::start(copy([&*from, "tcp-listen://127.0.0.1:0"]));
    let got = netcat(&mut sends).stdin(Stdio::null()).output().unwrap();
    sends.finish().succeeded();
    assert!(got.stdout == pattern(BYTES));

    let mut takes = Running::start(copy(["tcp-listen://127.0.0.1:0", &*to]));
    let mut nc = netcat(&mut takes);
    let sent = nc.stdin(fs::File::open(&from).unwrap()).status().unwrap();
    takes.finish().succeeded();
    assert!(sent.success());
    assert!(fs::read(&to).unwrap() == pattern(BYTES));
}

#[test]
fn two_copies_talk_to_one_another() {
    let folder = Folder::new();
    let (from, to) = (folder.file_arg("from", &pattern(BYTES)), folder.arg("to"));
    for any in ["127.0.0.1:0", "[::1]:0", "localhost:0"] {
        let mut takes = Running::start(copy([&format!("tcp-listen://{any}"), &to]));
        let place = format!("tcp://{}", listens(&mut takes));
        run(copy([&from, &place])).succeeded();
        takes.finish().succeeded();
        assert!(fs::read(&to).unwrap() == pattern(BYTES));
    }
}

#[test]
fn unix_sockets_carry_both_ways() {
    let folder = Folder::new();
    let (from, to) = (folder.file_arg("from", &pattern(BYTES)), folder.arg("to"));
    if have(&["nc"]) {
        let mut server = Server::netcat_unix(&folder.arg("nc"));
        let got = server.stdout();
        let got = thread::spawn(move || everything(got).unwrap());
        run(copy([&from, &server.place])).succeeded();
        assert!(got.join().unwrap() == pattern(BYTES));
    }
    let path = folder.arg("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let peer = thread::spawn(move || listener.accept().unwrap().0.write_all(&pattern(BYTES)));
    run(copy([&format!("unix:{path}"), &to])).succeeded();
    peer.join().unwrap().unwrap();
    assert!(fs::read(&to).unwrap() == pattern(BYTES));
    // The listener has gone and its path has stayed.
    run(copy([&from, &format!("unix:{path}")])).failed(
        1,
        &[
            "failed to connect to `unix:",
            "socket`",
            "Connection refused",
        ],
    );
}

#[test]
fn a_peer_that_sends_sees_an_end_of_ours_and_no_reset() {
    let folder = Folder::new();
    let (place, peer) = peer(|mut stream| {
        stream.write_all(&pattern(BYTES)).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        everything(stream)
    });
    run(copy([&place, &folder.arg("to")])).succeeded();
    assert_eq!(peer.join().unwrap().expect("an end"), b"");
}

#[test]
fn a_peer_that_talks_loses_nothing_of_what_it_is_sent() {
    let (go_on, wait) = mpsc::channel();
    let (place, peer) = peer(move |mut stream| {
        stream.write_all(b"hello\n").unwrap();
        wait.recv().unwrap();
        let got = everything(&stream);
        let _ = stream.write_all(b"goodbye\n");
        got
    });
    let mut copy = copy(["-", &*place]);
    copy.stdin(Stdio::piped());
    let mut running = Running::start_fed(copy);
    running.stdin().write_all(&pattern(200_000)).unwrap();
    running.waits_in("poll"); // for its end, after ours
    go_on.send(()).unwrap();
    running.finish().succeeded();
    assert!(peer.join().unwrap().expect("an end") == pattern(200_000));
}

#[test]
fn a_port_that_nobody_listens_on_refuses() {
    let (closed, peer) = taker();
    drop(TcpStream::connect(closed.trim_start_matches("tcp://")).unwrap());
    peer.join().unwrap();
    for places in [[&*closed, "-"], ["/dev/null", &*closed]] {
        run(copy(places)).failed(
            1,
            &[
                "failed to connect to",
                &closed,
                "Connection refused",
                "does a server run there",
            ],
        );
    }
    let unknown = "tcp://no-such-host.invalid:80";
    run(copy([unknown, "-"])).failed(1, &["failed to connect to", unknown, "lookup"]);
    for invalid in ["tcp://127.0.0.1", "tcp://127.0.0.1:99999", "tcp://"] {
        for places in [[invalid, "-"], ["-", invalid]] {
            run(copy(places)).failed(2, &[invalid, "give HOST:PORT", "(see --help)"]);
        }
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("tcp-listen://{}", taken.local_addr().unwrap());
    run(copy([&*taken, "-"])).failed(1, &["failed to listen on", "Address already in use"]);
}

#[test]
fn a_peer_that_is_killed_is_noticed() {
    if !have(&["socat"]) {
        return;
    }
    let mut server = Server::socat(["TCP-LISTEN:0,bind=127.0.0.1", "-"]);
    let running = Running::start(copy(["/dev/zero", &*server.place]));
    server.stdout().read_exact(&mut vec![0; 1 << 20]).unwrap();
    server.child.kill().unwrap();
    let outcome = running
        .finish()
        .failed(1, &["failed to write to", &server.place, "at byte"]);
    let known = ["Connection reset by peer", "Broken pipe"];
    assert!(known.iter().any(|cause| outcome.stderr.contains(cause)));
    assert!(outcome.confirmed() >= 1 << 20);
    assert!(outcome.took < PROMPT);
}

#[test]
fn a_reset_is_an_error_and_not_an_end() {
    let folder = Folder::new();
    let to = folder.arg("to");
    let (go_on, wait) = mpsc::channel();
    let (place, peer_that_sent) = peer(move |mut stream| {
        stream.write_all(&pattern(100_000)).unwrap();
        wait.recv().unwrap();
        reset(stream);
    });
    let running = Running::start(copy([&place, &to]));
    running.waits_in("poll"); // for more, so it is connected
    go_on.send(()).unwrap();
    let outcome = running.finish().failed(
        1,
        &["failed to read from", &place, "Connection reset by peer"],
    );
    peer_that_sent.join().unwrap();
    let got = fs::read(&to).unwrap();
    assert!(outcome.confirmed() == got.len() as u64 && pattern(100_000).starts_with(&got));

    let (place, peer_that_took) = peer(|mut stream| {
        stream.read_exact(&mut [0; 100_000]).unwrap();
        reset(stream);
    });
    run(copy(["/dev/zero", &*place])).failed(
        1,
        &["failed to write to", &place, "Connection reset by peer"],
    );
    peer_that_took.join().unwrap();
}

#[test]
fn a_copy_that_fails_resets_its_peer() {
    let (tell, told) = mpsc::channel();
    let (place, peer) = peer(move |mut stream| {
        stream.read_exact(&mut [0; 10]).unwrap();
        tell.send(()).unwrap();
        everything(stream)
    });
    let folder = Folder::new();
    let fifo = folder.fifo_arg("fifo");
    let running = Running::start(copy([&fifo, &place]));
    let mut writer = fs::OpenOptions::new().write(true).open(&fifo).unwrap();
    writer.write_all(b"half of it").unwrap();
    told.recv().unwrap();
    running.signal("TERM");
    running.finish().failed(143, &["cancelled: terminated"]);
    let reset = peer.join().unwrap().expect_err("not an end");
    assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
}
