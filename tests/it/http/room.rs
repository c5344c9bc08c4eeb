//! Connections for which there is no room, beside those that are idle.

use std::io::{self, Write};

use highwater::Error;
use highwater::http::{Request, Response, Server};
use highwater::net::{self, RunningServer};

use crate::http::kit::{Client, get};
use crate::support::until;

fn echo(request: Request, response: Response) -> Result<(), Error> {
    let path = request.path().to_owned();
    response.send(path)
}

fn served(server: &RunningServer, path: &str) -> Client {
    let mut client = Client::of(server);
    assert_eq!(client.say(get(path)).answer().text(), path);
    client
}

#[test]
fn an_idle_connection_gives_way_to_a_new_one_the_longest_idle_first() {
    let server = Server::bind("127.0.0.1:0").unwrap().connections(3);
    let server = server.spawn(echo).unwrap();
    let [mut first, mut second, mut third] = ["/1", "/2", "/3"].map(|path| served(&server, path));
    // Not by when it has come, but by when it was served last.
    assert_eq!(first.say(get("/again")).answer().text(), "/again");
    let mut fourth = served(&server, "/4");
    second.is_over();
    let mut fifth = served(&server, "/5");
    third.is_over();
    for client in [&mut first, &mut fourth, &mut fifth] {
        assert_eq!(client.say(get("/still")).answer().text(), "/still");
    }
    let counts = server.stop().unwrap();
    assert_eq!((counts.peak, counts.accepted), (3, 5), "{counts:?}");
    assert_eq!((counts.failed, counts.finished), (0, 5), "{counts:?}");
}

#[test]
fn one_that_becomes_idle_gives_way_to_those_that_wait() {
    let server = Server::bind("127.0.0.1:0").unwrap().connections(1);
    let server = server.spawn(echo).unwrap();
    // Each is in the middle of a request when the next ones come.
    let mut clients: Vec<Client> = (0..20).map(|_| Client::of(&server)).collect();
    for client in &mut clients {
        client.say("GET /last HTTP/1.1\r\nHo");
    }
    for client in &mut clients {
        assert_eq!(client.say("st: a\r\n\r\n").answer().text(), "/last");
    }
    let counts = server.stop().unwrap();
    assert_eq!((counts.peak, counts.accepted), (1, 20), "{counts:?}");
    assert_eq!((counts.failed, counts.aborted), (0, 0), "{counts:?}");
}

#[test]
fn one_gives_way_where_those_beyond_the_bound_are_dropped() {
    let server = net::Server::bind("127.0.0.1:0").unwrap().drop_when_full();
    let server = Server::on(server).connections(1).spawn(echo).unwrap();
    let mut idle = served(&server, "/1");
    // A moment passes between the answer to a request and the time when its connection is idle. Who
    // comes in that moment is dropped.
    let mut next = None;
    until("the first one is idle", || {
        let mut client = Client::of(&server);
        let asked = client.stream.get_mut().write_all(get("/2").as_bytes());
        let answer = client.try_answer(false);
        let is_served = asked.is_ok() && answer.is_ok_and(|answer| answer.text() == "/2");
        next = is_served.then_some(client);
        is_served
    });
    let mut next = next.unwrap();
    let early = server.counts().dropped;
    idle.is_over();
    // In the middle of a request it does not.
    next.say("GET /3 HTTP/1.1\r\nHo");
    let reset = Client::of(&server).rest().unwrap_err();
    assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(next.say("st: a\r\n\r\n").answer().text(), "/3");
    let counts = server.stop().unwrap();
    assert_eq!(counts.peak, 1, "{counts:?}");
    assert_eq!(
        (counts.accepted, counts.dropped),
        (3 + early, 1 + early),
        "{counts:?}"
    );
}
