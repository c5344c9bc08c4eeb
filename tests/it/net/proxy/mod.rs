//! The example `proxy`, as a user runs it, and the tools of others through it.

mod talks;
pub(crate) mod tool;
mod tools;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use crate::support::{Folder, call, pattern};
use tool::start;

fn everything(mut from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut got = Vec::new();
    from.read_to_end(&mut got).map(|_| got)
}

#[test]
fn a_wrong_call_says_what_is_right() {
    for (args, said) in [
        (&[][..], "LISTEN and TARGET are wanted, 0 given"),
        (&["a:1"], "1 given"),
        (&["a", "b:1"], "`a` is neither HOST:PORT nor unix:PATH"),
        (&["unix:", "b:1"], "names no path"),
        (
            &["--connections", "0", "a:1", "b:1"],
            "at 0 nothing would ever move",
        ),
        (
            &["--grace", "soon", "a:1", "b:1"],
            "`soon` is no number of seconds",
        ),
        (&["--nonsense"], "--nonsense"),
    ] {
        let (code, stderr) = call("proxy", args);
        assert_eq!(code, Some(2), "{args:?}: {stderr}");
        assert!(
            stderr.contains(said) && stderr.contains("--help"),
            "{stderr}"
        );
    }
    let (code, stderr) = call("proxy", &["--help"]);
    assert_eq!((code, &*stderr), (Some(0), ""));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let (code, stderr) = call("proxy", &[&addr, &addr]);
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains(&format!("failed to listen on `tcp://{addr}`")),
        "{stderr}"
    );
    assert!(
        stderr.contains("a server listens there already"),
        "{stderr}"
    );
}

#[test]
fn it_relays_between_tcp_and_unix_and_reports() {
    let folder = Folder::new();
    let [inner, outer] = ["inner", "outer"].map(|name| folder.path(name).display().to_string());
    let server = UnixListener::bind(&inner).unwrap();
    let mut first = start(&["--report", "127.0.0.1:0", &format!("unix:{inner}")]);
    let mut second = start(&["--report", &format!("unix:{outer}"), &first.place]);
    let bytes = pattern(3 << 20);
    let sent = bytes.clone();
    let serving = thread::spawn(move || {
        let mut peer = server.accept().unwrap().0;
        let got = everything(&peer).unwrap();
        peer.write_all(&got).unwrap();
    });
    let mut client = UnixStream::connect(&outer).unwrap();
    let writer = client.try_clone().unwrap();
    let talking = thread::spawn(move || {
        (&writer).write_all(&sent).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut got = Vec::new();
    client.read_to_end(&mut got).unwrap();
    assert!(got == bytes);
    talking.join().unwrap();
    serving.join().unwrap();
    for proxy in [&mut first, &mut second] {
        proxy.says("3145728 bytes, ended");
        proxy.says("3145728 bytes, ended");
        proxy.says("6.0 MiB in ");
    }
    let (code, _) = second.stop("INT");
    assert_eq!(code, Some(130));
    assert!(
        !std::fs::exists(&outer).unwrap(),
        "the socket is taken away"
    );
    assert_eq!(first.stop("TERM").0, Some(143));
}

#[test]
fn a_target_that_is_not_there_is_told_and_no_empty_answer() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut proxy = start(&["127.0.0.1:0", &closed.to_string()]);
    for _ in 0..3 {
        let client = TcpStream::connect(&proxy.place).unwrap();
        let error = everything(client).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let said = proxy.says("failed to connect to ");
        assert!(said.contains("refused"), "{said}");
        proxy.says("does a server run there, and is that its port?");
    }
    assert_eq!(proxy.stop("INT").0, Some(130));
}

#[test]
fn a_bound_on_connections_lets_the_next_one_wait() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = server.local_addr().unwrap().to_string();
    let mut proxy = start(&["--connections", "1", "127.0.0.1:0", &target]);
    let mut first = TcpStream::connect(&proxy.place).unwrap();
    let mut second = TcpStream::connect(&proxy.place).unwrap(); // in the backlog
    second.write_all(b"second").unwrap();
    first.write_all(b"first").unwrap();
    first.shutdown(Shutdown::Write).unwrap();
    let peer = server.accept().unwrap().0;
    assert_eq!(everything(&peer).unwrap(), b"first");
    server.set_nonblocking(true).unwrap();
    assert_eq!(server.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    server.set_nonblocking(false).unwrap();
    drop(peer);
    assert_eq!(everything(first).unwrap(), b"");
    let peer = server.accept().unwrap().0;
    second.shutdown(Shutdown::Write).unwrap();
    assert_eq!(everything(peer).unwrap(), b"second");
    proxy.stop("INT");
}

#[test]
fn a_signal_lets_connections_finish_within_the_grace_and_then_resets_them() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = server.local_addr().unwrap().to_string();
    for in_time in [true, false] {
        let grace = if in_time { "20" } else { "0.2" };
        let mut proxy = start(&["--grace", grace, "127.0.0.1:0", &target]);
        let mut client = TcpStream::connect(&proxy.place).unwrap();
        client.write_all(b"asked").unwrap();
        let mut peer = server.accept().unwrap().0;
        peer.read_exact(&mut [0; 5]).unwrap();
        proxy.signal("INT");
        proxy.says("waiting for 1 connections");
        if in_time {
            peer.write_all(b"answered").unwrap();
            drop(peer);
            let mut got = [0; 8];
            client.read_exact(&mut got).unwrap();
            assert_eq!(&got, b"answered");
            drop(client);
        } else {
            let error = everything(&client).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            proxy.says("the grace time is over");
        }
        assert_eq!(proxy.finish().0, Some(130));
    }
}

#[test]
fn a_connection_that_idles_is_ended_and_the_next_one_served() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = server.local_addr().unwrap().to_string();
    let mut proxy = start(&["--idle-timeout", "0.1", "127.0.0.1:0", &target]);
    for _ in 0..2 {
        let client = TcpStream::connect(&proxy.place).unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let error = everything(&client).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        proxy.says("timed out waiting for a byte to move either way");
    }
    proxy.stop("INT");
}
