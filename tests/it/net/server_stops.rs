//! How a server ends: with a grace, at once, or because its handle is gone. Nothing is left.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use highwater::net::{Connection, Server, ServerEvent};
use highwater::{CancelToken, Error, ErrorKind, pipeline};

use crate::net::scene::everything;
use crate::net::server::{addr_of, client_of, echo, ping, piped_echo};
use crate::support::{Folder, alone, held, until, watched};

#[test]
fn a_connection_that_runs_finishes_after_a_stop() {
    for handler in [echo, piped_echo] {
        let server = Server::bind("127.0.0.1:0").unwrap().spawn(handler).unwrap();
        let mut client = client_of(&server);
        ping(&mut client);
        let (handle, addr) = (server.handle().clone(), addr_of(&server));
        handle.stop();
        // Nobody else is let in meanwhile.
        until("the door is shut", || TcpStream::connect(addr).is_err());
        ping(&mut client);
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(everything(&client).unwrap(), b"");
        let counts = watched(move || server.join().unwrap());
        assert_eq!((counts.finished, counts.aborted, counts.failed), (1, 0, 0));
    }
}

#[test]
fn one_that_does_not_is_aborted_when_the_grace_is_over() {
    const GRACE: Duration = Duration::from_millis(100);
    for handler in [echo, piped_echo] {
        let (tell, told) = mpsc::channel();
        let server = Server::bind("127.0.0.1:0").unwrap().grace(GRACE);
        let server = server.on_event(move |event| tell.send(event.clone()).expect("it listens"));
        let server = server.spawn(handler).unwrap();
        let mut reads = client_of(&server);
        ping(&mut reads);
        let writes = stuffed(client_of(&server));
        until("both are served", || server.counts().open == 2);
        let began = Instant::now();
        let counts = watched(move || server.stop().unwrap());
        assert!(began.elapsed() >= GRACE);
        assert_eq!((counts.finished, counts.aborted, counts.failed), (0, 2, 0));
        for client in [reads, writes] {
            let reset = everything(client).unwrap_err();
            assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset, "no end");
        }
        for event in told.try_iter() {
            let ServerEvent::Failed { error, .. } = event else {
                panic!("{event}");
            };
            assert_eq!(error.kind(), ErrorKind::Cancelled);
            assert!(format!("{error:#}").contains("grace time"), "{error:#}");
        }
    }
}

/// One that sends and does not read, until the server takes no more.
fn stuffed(mut client: TcpStream) -> TcpStream {
    client
        .set_write_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    while client.write(&[7; 64 << 10]).is_ok() {}
    client
}

#[test]
fn an_abort_ends_all_at_once_with_its_cause() {
    for handler in [echo, piped_echo] {
        let (tell, told) = mpsc::channel();
        let server = Server::bind("127.0.0.1:0").unwrap();
        let server = server.on_event(move |event| tell.send(event.clone()).expect("it listens"));
        let server = server.spawn(handler).unwrap();
        let mut clients: Vec<_> = (0..4).map(|_| client_of(&server)).collect();
        clients.iter_mut().for_each(ping);
        server.handle().abort("the house is on fire");
        let counts = watched(move || server.join().unwrap());
        assert_eq!((counts.aborted, counts.failed, counts.open), (4, 0, 0));
        for event in told.iter() {
            assert_eq!(event.error().kind(), ErrorKind::Cancelled);
            let said = format!("{event}");
            assert!(said.contains("the house is on fire"), "{said}");
        }
    }
}

#[test]
fn an_abort_ends_a_grace() {
    let server = Server::bind("127.0.0.1:0").unwrap().spawn(echo).unwrap();
    ping(&mut client_of(&server));
    let mut stays = client_of(&server);
    ping(&mut stays);
    let handle = server.handle().clone();
    handle.stop();
    let addr = addr_of(&server);
    until("the door is shut", || TcpStream::connect(addr).is_err());
    handle.abort("no more");
    assert_eq!(watched(move || server.join().unwrap()).aborted, 1);
}

#[test]
fn a_stream_without_end_can_be_ended_by_the_stop_itself() {
    let log = |connection: Connection| {
        let stopping = connection.stopping().clone();
        let socket = connection.into_socket();
        let run = pipeline(socket).cancel_with(&stopping).to(Vec::new());
        run.run()?;
        Ok(())
    };
    let server = Server::bind("127.0.0.1:0").unwrap().spawn(log).unwrap();
    let mut client = client_of(&server);
    client.write_all(b"it never ends").unwrap();
    until("it is served", || server.counts().open == 1);
    let counts = watched(move || server.stop().unwrap());
    assert_eq!((counts.finished, counts.aborted), (1, 0));
}

#[test]
fn a_server_on_the_callers_thread_is_ended_by_a_token() {
    let arms: [fn(&CancelToken); 2] = [|token| token.stop(), |token| token.abort("enough")];
    for arm in arms {
        let token = CancelToken::new();
        let server = Server::bind("127.0.0.1:0").unwrap().cancel_with(&token);
        let handle = server.handle();
        let serving = thread::spawn(move || server.serve(echo).unwrap());
        ping(&mut TcpStream::connect(handle.local_addr().unwrap()).unwrap());
        until("it has ended", || handle.counts().open == 0);
        arm(&token);
        let counts = watched(move || serving.join().unwrap());
        assert_eq!((counts.finished, counts.threads), (1, 0));
        assert_eq!(counts, handle.counts());

        // One that was ended before lets nobody in.
        let late = Server::bind("127.0.0.1:0").unwrap().cancel_with(&token);
        assert_eq!(watched(|| late.serve(echo)).unwrap().accepted, 0);
    }
}

#[test]
fn no_thread_no_descriptor_and_no_file_is_left() {
    alone(|| {
        let folder = Folder::new();
        let path = folder.path("socket");
        let before = held();
        for handler in [echo, piped_echo] as [fn(Connection) -> Result<(), Error>; 2] {
            let server = Server::bind("127.0.0.1:0").unwrap().spawn(handler).unwrap();
            let mut clients: Vec<_> = (0..20).map(|_| client_of(&server)).collect();
            clients.iter_mut().for_each(ping);
            let unix = Server::bind_unix(&path).unwrap().spawn(handler).unwrap();
            let mut client = std::os::unix::net::UnixStream::connect(&path).unwrap();
            ping(&mut client);
            // Their handles are dropped, and they in the middle of it.
            watched(move || drop((server, unix)));
            assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
            drop((clients, client));
            until("nothing is left", || held() == before);
            assert!(!path.exists());
        }
        // One that has never served, and one that was never to.
        drop(Server::bind("127.0.0.1:0").unwrap().spawn(echo).unwrap());
        drop(Server::bind_unix(&path).unwrap());
        until("nothing is left", || held() == before);
        assert!(!path.exists());
    });
}
