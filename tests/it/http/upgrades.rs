//! A connection that goes on in another protocol.

use std::io::Read;
use std::sync::mpsc;
use std::time::Duration;

use highwater::http::{Request, Response};
use highwater::{Error, ErrorKind, HighWaterMark};

use crate::http::kit::{Client, get, serve};

const ASKS: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n";

/// Says everything in capitals.
fn shout(request: Request, response: Response) -> Result<(), Error> {
    let duplex = response.upgrade(request, "shout", HighWaterMark::bytes(16 * 1024))?;
    let (read, mut written) = duplex.split();
    for chunk in read {
        written.write(chunk?.to_ascii_uppercase().into())?;
    }
    written.finish()
}

#[test]
fn what_was_sent_behind_the_request_comes_first() {
    let server = serve(shout);
    let mut client = Client::of(&server);
    client.say(format!("{ASKS}early, "));
    let answer = client.answer();
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("upgrade"), Some("shout"));
    assert_eq!(answer.header("connection"), Some("upgrade"));
    client.say("and late").end();
    assert_eq!(client.rest().unwrap(), b"EARLY, AND LATE");
    let counts = server.stop().unwrap();
    assert_eq!((counts.finished, counts.open), (1, 0));
}

#[test]
fn a_protocol_that_nobody_asked_for_is_refused() {
    let (tell, told) = mpsc::channel();
    let server = serve(move |request, response| {
        let mark = HighWaterMark::bytes(1024);
        let refused = response.upgrade(request, "other", mark).unwrap_err();
        tell.send(refused.kind()).unwrap();
        Err(refused)
    });
    for input in [ASKS.to_owned(), get("/")] {
        assert_eq!(Client::of(&server).say(input).answer().status, 500);
        assert_eq!(told.recv().unwrap(), ErrorKind::InvalidInput);
    }
}

#[test]
fn an_upgrade_that_is_not_wanted_leaves_a_request_like_any_other() {
    let server = serve(|request, response| response.send(request.path().to_owned()));
    let mut client = Client::of(&server);
    client.say(format!("{ASKS}{}", get("/next")));
    assert_eq!(client.answer().text(), "/");
    assert_eq!(client.answer().text(), "/next");
}

#[test]
fn a_server_that_is_dropped_ends_what_was_upgraded() {
    let server = serve(shout);
    let mut client = Client::of(&server);
    assert_eq!(client.say(ASKS).answer().status, 101);
    client
        .stream
        .get_ref()
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    drop(server);
    let mut rest = Vec::new();
    // It ends, one way or the other.
    let _ = client.stream.read_to_end(&mut rest);
    assert_eq!(rest, b"");
}
