//! What the system refuses a server: descriptors, and threads. Real limits, of a process of its own.

use std::fs;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use highwater::net::{Server, ServerEvent, SocketOptions};
use highwater::{ErrorKind, Source};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

use crate::net::scene::ours_and_peer;
use crate::net::server::{addr_of, client_of, echo, ping};
use crate::support::{alone, memory_kib, until, watched};

fn limit(resource: Resource, current: Option<u64>) {
    let maximum = getrlimit(resource).maximum;
    setrlimit(resource, Rlimit { current, maximum }).unwrap();
}

/// For how long the thread of the server has had a processor.
fn cpu_of_the_door() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let mut doors = tasks.filter(|task| {
        fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name == "highwater-serve\n")
    });
    let spent = fs::read_to_string(doors.next().unwrap().path().join("schedstat")).unwrap();
    let nanos = spent.split_whitespace().next().unwrap().parse().unwrap();
    Duration::from_nanos(nanos)
}

#[test]
fn without_descriptors_it_waits_and_serves_again_when_there_are() {
    alone(|| {
        let (tell, told) = mpsc::channel();
        let server = Server::bind("127.0.0.1:0").unwrap();
        let server = server.on_event(move |event| tell.send(event.clone()).expect("it listens"));
        let server = server.spawn(echo).unwrap();
        let mut early = client_of(&server);
        ping(&mut early);
        let addr: SocketAddr = addr_of(&server);
        // Made while there are descriptors; to connect takes none.
        let clients: Vec<_> = (0..20)
            .map(|_| Socket::new(Domain::IPV4, Type::STREAM, None).unwrap())
            .collect();
        let before = cpu_of_the_door();
        let enough = getrlimit(Resource::Nofile).current;
        limit(Resource::Nofile, Some(3));
        let began = Instant::now();
        for client in &clients {
            client.connect(&addr.into()).unwrap();
        }
        // 5 ms, and twice as long each time.
        until("it has tried a few times", || {
            server.counts().accept_failures >= 7
        });
        let waited = began.elapsed();
        assert!(waited >= Duration::from_millis(5 + 10 + 20 + 40 + 80 + 160));
        // The connections that are open are served meanwhile.
        ping(&mut early);
        let failures = server.counts().accept_failures;
        assert!(failures <= 12, "{failures} in {waited:?}");
        limit(Resource::Nofile, enough);

        let spent = cpu_of_the_door() - before;
        assert!(spent < waited / 5, "{spent:?} of {waited:?}");
        let mut pauses = Vec::new();
        for event in told.try_iter() {
            let ServerEvent::AcceptFailed { error, retry_in } = event else {
                panic!("{event}");
            };
            let too_many = error.io_error().and_then(io::Error::raw_os_error);
            assert_eq!(too_many, Some(rustix::io::Errno::MFILE.raw_os_error()));
            assert!(error.to_string().contains(&addr.to_string()), "{error}");
            pauses.push(retry_in);
        }
        assert!(pauses.is_sorted() && pauses[0] == Duration::from_millis(5));
        for mut client in clients {
            client
                .set_read_timeout(Some(Duration::from_secs(10)))
                .unwrap();
            ping(&mut client);
        }
        drop(early);
        let counts = watched(move || server.stop().unwrap());
        assert_eq!(
            (counts.accepted, counts.finished, counts.dropped),
            (21, 21, 0)
        );
    });
}

#[test]
fn whoever_was_let_in_waits_and_is_woken_although_no_descriptor_is_left() {
    alone(|| {
        let brief = SocketOptions::new().idle_timeout(Duration::from_millis(50));
        let (ours, mut peer) = ours_and_peer(&brief);
        let (mut source, _sink) = ours.split();
        let interrupt = source.interrupt().unwrap();
        let enough = getrlimit(Resource::Nofile).current;
        limit(Resource::Nofile, Some(3));
        // It has never waited so far, and so has no descriptor to be woken by.
        let waited = source.read().unwrap_err();
        peer.write_all(b"late").unwrap();
        let got = source.read().unwrap();
        interrupt.wake();
        let woken = source.read().unwrap_err();
        limit(Resource::Nofile, enough);
        let again = source.read().unwrap_err();
        assert_eq!(waited.kind(), ErrorKind::TimedOut);
        assert_eq!(got.unwrap(), "late");
        assert_eq!(woken.kind(), ErrorKind::Cancelled);
        assert_eq!(again.kind(), ErrorKind::Cancelled);
    });
}

#[test]
fn without_threads_a_connection_waits_for_one_that_comes_free() {
    alone(|| {
        // Far more than whatever else this process may take up or give back meanwhile, such as the heap of
        // a thread that starts, which is a few hundred megabytes for a moment.
        const STACK: usize = 4 << 30;
        let (tell, told) = mpsc::channel();
        let server = Server::bind("127.0.0.1:0").unwrap().stack_bytes(STACK);
        let server = server
            .idle_threads(Duration::from_millis(50))
            .on_event(move |event| {
                tell.send(event.clone()).expect("it listens");
            });
        let server = server.spawn(echo).unwrap();
        let next = || told.recv_timeout(Duration::from_secs(10)).unwrap();
        // No room for another stack: the start of a thread fails with EAGAIN.
        let little = || limit(Resource::As, Some(vm_bytes() + STACK as u64 / 2));

        little();
        let reset = client_of(&server).read(&mut [0; 1]).unwrap_err();
        assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
        let event = next();
        assert!(matches!(event, ServerEvent::Dropped { .. }), "{event}");
        let again = ErrorKind::Io(io::ErrorKind::WouldBlock);
        assert_eq!(event.error().kind(), again, "{event}");

        limit(Resource::As, None);
        let mut first = client_of(&server);
        ping(&mut first);
        little();
        let mut second = client_of(&server);
        second.write_all(b"ping").unwrap();
        let event = next();
        assert!(matches!(event, ServerEvent::NoThread { .. }), "{event}");
        ping(&mut first);
        drop(first);
        let mut got = [0; 4];
        second.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"ping");

        limit(Resource::As, None);
        ping(&mut client_of(&server));
        drop(second);
        let counts = watched(move || server.stop().unwrap());
        assert_eq!(
            (counts.accepted, counts.finished, counts.dropped),
            (4, 3, 1)
        );
    });
}

fn vm_bytes() -> u64 {
    memory_kib("VmSize:") * 1024
}
