//! What a server tells of what has gone wrong: failures of ours apart from what clients do.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use highwater::http::{Limits, Request, Response, Server};
use highwater::net::{ServerCounts, ServerEvent};
use highwater::{Error, ErrorKind, HighWaterMark};

use crate::http::kit::{Client, get, post, talk};
use crate::support::alone;

fn answer(mut request: Request, response: Response) -> Result<(), Error> {
    match request.path() {
        "/fails" => Err(Error::other(
            "the disk is on fire\nGET /forged: all is well",
        )),
        "/panics" => panic!("out of mind"),
        "/cut" => {
            let mut out = response.length(10).writable(HighWaterMark::bytes(1024));
            out.write_all(b"part")?;
            Err(Error::other("broken off"))
        }
        "/endless" => {
            let mut out = response.writable(HighWaterMark::bytes(16 << 10));
            loop {
                out.write_all(&[b'x'; 8 << 10])?;
            }
        }
        "/late" => {
            response.send("late")?;
            Err(Error::other("too late"))
        }
        _ => {
            let body = request.body().to_bytes(10)?;
            response.send(body)
        }
    }
}

/// What clients do wrong, in all ways, and what each of them counts as.
fn clients_fail(server: &highwater::net::RunningServer) {
    for refused in [
        post("/", "longer than ten"),
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        "\0".to_owned(),
        "GET / HTTP/3.0\r\n\r\n".to_owned(),
        "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n".to_owned(),
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n".to_owned(),
    ] {
        assert!(talk(server, refused).starts_with("HTTP/1.1 "));
    }
    for slow in [
        "GET / HTTP/1.1\r\nHo",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx",
    ] {
        assert_eq!(Client::of(server).say(slow).answer().status, 408);
    }
    for gone in [
        "GET / HT",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx",
    ] {
        talk(server, gone);
    }
    let mut gone = Client::of(server);
    gone.say(get("/endless"));
    gone.stream.read_exact(&mut [0; 1000]).unwrap();
}

const REFUSED: u64 = 9;
const DISCONNECTED: u64 = 3;

fn server() -> Server {
    let limits = Limits::default()
        .head_timeout(Duration::from_millis(200))
        .body_idle(Duration::from_millis(200));
    Server::bind("127.0.0.1:0").unwrap().limits(limits)
}

#[track_caller]
fn counted(counts: ServerCounts, failed: u64) {
    assert_eq!(counts.failed, failed, "{counts:?}");
    assert_eq!(counts.refused, REFUSED, "{counts:?}");
    assert_eq!(counts.disconnected, DISCONNECTED, "{counts:?}");
    assert_eq!((counts.finished, counts.aborted), (1, 0), "{counts:?}");
    let ended = failed + REFUSED + DISCONNECTED + 1;
    assert_eq!(counts.accepted, ended, "{counts:?}");
}

const FAILING: [(&str, &str); 5] = [
    (
        "`GET /fails` (500)",
        "the disk is on fire\\nGET /forged: all is well",
    ),
    ("`GET /panics` (500)", "panicked: out of mind"),
    ("`GET /cut`", "broken off"),
    ("`GET /late`", "too late"),
    (
        "`GET /fails?query=%0a&'` (500)",
        "the disk is on fire\\nGET /forged: all is well",
    ),
];

/// Asks for each thing that fails, and gives the line that is to be told of it.
fn handlers_fail(server: &highwater::net::RunningServer) -> Vec<String> {
    let told = FAILING.map(|(request, why)| {
        let target = request.split(['`', ' ']).nth(2).unwrap();
        let mut client = Client::of(server);
        let peer = client.stream.get_ref().local_addr().unwrap();
        client.say(get(target)).end();
        let _ = client.rest();
        format!("failed to serve {request} from `tcp://{peer}`: {why}")
    });
    told.into()
}

#[test]
fn a_failure_is_a_line_on_standard_error_and_what_clients_do_is_none() {
    let said = alone(|| {
        let server = server().spawn(answer).unwrap();
        assert!(talk(&server, post("/", "well")).ends_with("well"));
        clients_fail(&server);
        for line in handlers_fail(&server) {
            println!("expected: {line}");
            eprintln!("expected: {line}");
        }
        counted(server.stop().unwrap(), FAILING.len() as u64);
    });
    let Some(said) = said else { return };
    let of = |prefix| {
        let lines = said
            .lines()
            .filter_map(move |line| line.strip_prefix(prefix));
        let mut lines: Vec<&str> = lines.collect();
        lines.sort_unstable();
        lines
    };
    let expected = of("expected: ");
    assert_eq!(expected.len(), FAILING.len(), "{said}");
    assert_eq!(of("highwater: "), expected);
}

#[test]
fn each_kind_of_what_goes_wrong_is_told_as_that() {
    let told: Arc<Mutex<Vec<ServerEvent>>> = Arc::default();
    let tell = Arc::clone(&told);
    let server = server().on_event(move |event| tell.lock().unwrap().push(event.clone()));
    let server = server.spawn(answer).unwrap();
    assert!(talk(&server, post("/", "well")).ends_with("well"));
    clients_fail(&server);
    let mut lines = handlers_fail(&server);
    counted(server.stop().unwrap(), FAILING.len() as u64);
    let told = told.lock().unwrap();
    let of = |is: fn(&ServerEvent) -> bool| told.iter().filter(move |event| is(event));
    assert_eq!(
        of(|event| matches!(event, ServerEvent::Refused { .. })).count() as u64,
        REFUSED
    );
    assert_eq!(
        of(|event| matches!(event, ServerEvent::Disconnected { .. })).count() as u64,
        DISCONNECTED
    );
    let failed = of(|event| matches!(event, ServerEvent::Failed { .. }));
    let mut failed: Vec<String> = failed.map(ToString::to_string).collect();
    failed.sort_unstable();
    lines.sort_unstable();
    assert_eq!(failed, lines);
    // What was refused says so once, with the request and the status.
    let long = of(|event| event.error().kind() == ErrorKind::LimitExceeded);
    let long: Vec<String> = long.map(ToString::to_string).collect();
    assert!(
        long[0].starts_with("refused `POST /` (413) from `tcp://127.0.0.1:"),
        "{long:?}"
    );
    assert!(
        long[0].ends_with("`: the body is longer than 10 bytes at byte 0"),
        "{long:?}"
    );
    for event in told.iter() {
        let line = event.to_string();
        let said: Vec<&str> = line.split(": ").collect();
        let mut once = said.clone();
        once.dedup();
        assert_eq!(said, once, "{line}");
        assert!(!line.contains('\n'), "{line}");
    }
}

#[test]
fn a_connection_that_the_server_ends_is_no_failure_of_its_handler() {
    let said = alone(|| {
        let (tell, told) = std::sync::mpsc::channel();
        let server = Server::bind("127.0.0.1:0").unwrap();
        let server = server.spawn(move |mut request: Request, response: Response| {
            tell.send(()).unwrap();
            let body = request.body().to_bytes(10)?;
            response.send(body)
        });
        let server = server.unwrap();
        let mut client = Client::of(&server);
        client.say("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx");
        told.recv().unwrap();
        server.handle().abort("enough");
        let counts = server.join().unwrap();
        assert_eq!((counts.aborted, counts.failed), (1, 0), "{counts:?}");
    });
    assert!(!said.unwrap_or_default().contains("highwater: "));
}
