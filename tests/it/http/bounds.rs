//! A bound is a bound, and not an allocation: limits that no machine could hold.

use std::time::Duration;

use highwater::http::{Limits, Server};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::http::kit::{Client, echo};
use crate::support::alone;

#[test]
fn no_limit_and_no_bound_on_connections_is_an_allocation() {
    alone(|| {
        let current = Some(1 << 30);
        let maximum = current;
        setrlimit(Resource::As, Rlimit { current, maximum }).unwrap();
        for bound in [100_000_000, usize::MAX] {
            let limits = Limits::default()
                .request_line_bytes(bound)
                .head_bytes(bound)
                .headers(bound)
                .body_bytes(u64::MAX)
                .extension_bytes(bound)
                .trailer_bytes(bound)
                .head_timeout(Duration::MAX)
                .body_idle(Duration::MAX)
                .keep_alive(Duration::MAX)
                .write_stall(Duration::MAX)
                .requests(u64::MAX)
                .drain_bytes(u64::MAX)
                .linger(Duration::MAX);
            let server = Server::bind("127.0.0.1:0").unwrap();
            let server = server.connections(bound).limits(limits);
            let server = server.spawn(echo).unwrap();
            let mut client = Client::of(&server);
            for _ in 0..3 {
                client.say("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
                let answer = client.answer();
                assert_eq!(
                    (answer.status, &answer.body[..]),
                    (200, &b"POST /a abc"[..])
                );
                client.say(
                    "POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: t\r\n\
                         \r\n3;a=b\r\nabc\r\n0\r\nt: 1\r\n\r\n",
                );
                let answer = client.answer();
                assert_eq!(
                    (answer.status, &answer.body[..]),
                    (200, &b"POST /b abc"[..])
                );
            }
            drop(client);
            let counts = server.stop().unwrap();
            assert_eq!((counts.accepted, counts.open, counts.peak), (1, 0, 1));
        }
    });
}
