//! How a handler answers, and what the client sees of it.

use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use highwater::http::{Limits, Response, StatusCode, Trailers};
use highwater::{Error, ErrorKind, HighWaterMark};

use crate::http::kit::{Client, addr_of, get, kinds, post, serve, serve_with, talk};
use crate::support::PATIENCE;

/// How long a handler waits for a client that has failed.
const HANDLER_LIMIT: Duration = Duration::from_secs(10);

fn mark() -> HighWaterMark<highwater::mark::InBytes> {
    HighWaterMark::bytes(16 * 1024)
}

#[test]
fn an_answer_that_is_there_has_a_length_and_a_date() {
    let server = serve(|_, mut response: Response| {
        response.header("content-type", "text/plain")?;
        response.send("hello\n")
    });
    let mut client = Client::of(&server);
    let answer = client.say(get("/")).answer();
    assert_eq!(answer.line, "HTTP/1.1 200 OK");
    assert_eq!(answer.text(), "hello\n");
    assert_eq!(answer.header("content-length"), Some("6"));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    // RFC 9110 6.6.1: IMF-fixdate.
    let date = answer.header("date").unwrap();
    assert_eq!(date.len(), "Sun, 06 Nov 1994 08:49:37 GMT".len(), "{date}");
    assert!(date.ends_with(" GMT"), "{date}");
    assert_eq!(answer.header("connection"), None);
}

#[test]
fn a_body_that_is_written_goes_out_in_chunks() {
    let server = serve(|_, response| {
        let mut out = response.writable(mark());
        out.write("one".into())?;
        out.write("two".into())?;
        assert_eq!(out.finish()?.bytes(), 6);
        Ok(())
    });
    let mut client = Client::of(&server);
    for _ in 0..3 {
        let answer = client.say(get("/")).answer();
        assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
        assert_eq!(answer.header("content-length"), None);
        assert_eq!(answer.text(), "onetwo");
    }
    let text = talk(&server, get("/"));
    assert!(
        text.ends_with("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"),
        "{text}"
    );
}

#[test]
fn a_body_of_known_length_is_sent_as_it_is() {
    let server = serve(|_, response| {
        let mut out = response.length(6).writable(mark());
        write!(out, "one")?;
        write!(out, "two")?;
        out.finish()?;
        Ok(())
    });
    let answer = Client::of(&server).say(get("/")).answer();
    assert_eq!(answer.header("content-length"), Some("6"));
    assert_eq!(answer.header("transfer-encoding"), None);
    assert_eq!(answer.text(), "onetwo");
}

#[test]
fn what_is_written_to_a_client_of_http_1_0_ends_with_the_connection() {
    let server = serve(|_, response| {
        let mut out = response.writable(mark());
        out.write("all".into())?;
        out.finish()?;
        Ok(())
    });
    let mut client = Client::of(&server);
    let answer = client
        .say("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        .answer();
    assert_eq!(answer.text(), "all");
    assert_eq!(answer.header("transfer-encoding"), None);
    assert_eq!(answer.header("connection"), Some("close"));
}

#[test]
fn an_empty_body_is_an_answer_too() {
    let server = serve(|_, response| response.writable(mark()).finish().map(drop));
    let answer = Client::of(&server).say(get("/")).answer();
    assert_eq!((answer.status, answer.text()), (200, ""));
    let server = serve(|_, response| response.send(""));
    let answer = Client::of(&server).say(get("/")).answer();
    assert_eq!(answer.header("content-length"), Some("0"));
}

#[test]
fn a_file_goes_out_in_part() {
    let path = std::env::temp_dir().join(format!("highwater-http-{}", std::process::id()));
    let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n / 7) as u8).collect();
    std::fs::write(&path, &bytes).unwrap();
    let file = File::open(&path).unwrap();
    let server = serve(move |_, response| response.send_file(&file, 1_000..250_001));
    let mut client = Client::of(&server);
    for _ in 0..2 {
        let answer = client.say(get("/")).answer();
        assert_eq!(answer.header("content-length"), Some("249001"));
        assert!(answer.body == bytes[1_000..250_001]);
        let head = client
            .say("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
            .answer_to_head();
        assert_eq!(head.header("content-length"), Some("249001"));
    }
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_head_has_the_same_header_and_no_body() {
    // RFC 9110 9.3.2
    let server = serve(|request, mut response| {
        response.header("etag", "\"1\"")?;
        if request.path() == "/sent" {
            return response.send("hello");
        }
        let mut out = response.length(5).writable(mark());
        out.write("hello".into())?;
        assert_eq!(out.finish()?.bytes(), 5);
        Ok(())
    });
    let mut client = Client::of(&server);
    for path in ["/sent", "/written"] {
        let got = client.say(get(path)).answer();
        let head = client
            .say(format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
            .answer_to_head();
        assert_eq!(head.headers, got.headers);
        assert_eq!(head.body, b"");
    }
}

#[test]
fn a_status_without_a_body_goes_without_and_says_nothing_of_one() {
    // RFC 9110 15.3.5 and 15.4.5, RFC 9112 6.3
    let server = serve(|request, response| {
        let status = request.path()[1..].parse().unwrap();
        response.status(status).send("")
    });
    let mut client = Client::of(&server);
    for status in ["204", "304"] {
        let answer = client.say(get(&format!("/{status}"))).answer();
        assert_eq!(answer.status.to_string(), status);
        assert_eq!(answer.header("content-length"), None);
        assert_eq!(answer.header("transfer-encoding"), None);
    }
    let answer = client.say(get("/205")).answer();
    assert_eq!(answer.header("content-length"), Some("0"));
}

#[test]
fn a_body_for_a_status_that_has_none_is_refused() {
    for written in [false, true] {
        let (server, told) = serve_with(Limits::default(), move |_, response| {
            let response = response.status(StatusCode::NO_CONTENT);
            if !written {
                return response.send("x");
            }
            let mut out = response.writable(mark());
            out.write("x".into())?;
            out.finish().map(drop)
        });
        let mut client = Client::of(&server);
        let answer = client.say(get("/")).answer();
        assert_eq!(answer.status, 500);
        assert_eq!(answer.header("connection"), Some("close"));
        client.is_over();
        assert_eq!(server.stop().unwrap().failed, 1);
        assert_ne!(kinds(&told), []);
    }
}

#[test]
fn trailers_follow_the_body() {
    // RFC 9112 7.1.2
    let server = serve(|_, mut response| {
        let trailers: Trailers = response.trailers();
        let mut out = response.writable(mark());
        out.write("data".into())?;
        trailers.set("x-sum", "1234")?;
        let refused = trailers.set("content-length", "4").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        out.finish().map(drop)
    });
    let mut client = Client::of(&server);
    let answer = client.say(get("/")).answer();
    assert_eq!(answer.text(), "data");
    assert_eq!(answer.trailers["x-sum"], "1234");
    assert_eq!(answer.trailers.len(), 1);
}

#[test]
fn what_would_break_out_of_its_line_is_refused_when_it_is_set() {
    // RFC 9112 11.1
    let server = serve(|_, mut response| {
        let breaks = ["a\r\nset-cookie: b", "a\nb", "a\0b", "a\rb"];
        for value in breaks {
            let refused = response.header("x-a", value).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput);
            let refused = response.header(value, "a").unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        }
        for (name, value) in [
            ("transfer-encoding", "chunked"),
            ("connection", "keep-alive"),
            ("content-length", "+5"),
            ("content-length", ""),
        ] {
            let refused = response.header(name, value).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{name}");
        }
        response.send("well")
    });
    let answer = Client::of(&server).say(get("/")).answer();
    assert_eq!(answer.text(), "well");
    assert_eq!(answer.header("x-a"), None);
}

#[test]
fn hints_come_before_the_answer_and_not_to_http_1_0() {
    let server = serve(|_, mut response| {
        let mut links = highwater::http::HeaderMap::new();
        links.insert("link", "</a.css>; rel=preload".parse().unwrap());
        response.inform(StatusCode::EARLY_HINTS, &links)?;
        let refused = response.inform(StatusCode::OK, &links).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        response.send("page")
    });
    let mut client = Client::of(&server);
    let hints = client.say(get("/")).answer();
    assert_eq!(hints.status, 103);
    assert_eq!(hints.header("link"), Some("</a.css>; rel=preload"));
    assert_eq!(client.answer().text(), "page");
    let text = talk(&server, "GET / HTTP/1.0\r\n\r\n");
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
}

#[test]
fn hints_come_also_after_a_request_that_waited_for_100() {
    let server = serve(|mut request, mut response| {
        request.body().to_bytes(100)?;
        response.inform(StatusCode::EARLY_HINTS, &highwater::http::HeaderMap::new())?;
        response.send("page")
    });
    let mut client = Client::of(&server);
    let head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    assert_eq!(client.say(head).answer().status, 100);
    client.say("hi");
    for _ in 0..2 {
        assert_eq!(client.answer().status, 103);
        assert_eq!(client.answer().text(), "page");
        client.say(get("/"));
    }
}

#[test]
fn hints_to_a_client_that_takes_nothing_end_in_time() {
    let (failed, failure) = mpsc::channel();
    let failed = Mutex::new(failed);
    let limits = Limits::default().write_stall(Duration::from_millis(200));
    let (server, _) = serve_with(limits, move |_, mut response| {
        let mut links = highwater::http::HeaderMap::new();
        links.insert("link", "x".repeat(10_000).parse().unwrap());
        loop {
            if let Err(error) = response.inform(StatusCode::EARLY_HINTS, &links) {
                failed.lock().unwrap().send(error.kind()).unwrap();
                return Err(error);
            }
        }
    });
    let mut client = Client::of(&server);
    client.say(get("/"));
    assert_eq!(failure.recv_timeout(PATIENCE), Ok(ErrorKind::TimedOut));
}

#[test]
fn an_answer_may_come_from_another_thread() {
    let server = serve(|mut request, response| {
        let body = request.body().to_bytes(100)?;
        std::thread::spawn(move || response.send(body));
        Ok(())
    });
    let mut client = Client::of(&server);
    for n in 0..10 {
        let said = n.to_string();
        let answer = client.say(post("/", &said)).answer();
        assert_eq!(answer.text(), said);
    }
    assert!(addr_of(&server).port() > 0);
}

#[test]
fn a_head_leaves_with_a_flush() {
    let (tell, told) = mpsc::channel::<()>();
    let told = Mutex::new(told);
    let server = serve(move |_, response| -> Result<(), Error> {
        let mut out = response.writable(mark());
        out.flush()?;
        // Nothing is written before the client has seen the head.
        told.lock()
            .unwrap()
            .recv_timeout(HANDLER_LIMIT)
            .map_err(Error::other)?;
        out.write("then".into())?;
        out.finish().map(drop)
    });
    let mut client = Client::of(&server);
    client.say(get("/"));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut client.stream, &mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 200 OK\r\n");
    tell.send(()).unwrap();
    let mut rest = String::new();
    while !rest.ends_with("0\r\n\r\n") {
        std::io::BufRead::read_line(&mut client.stream, &mut rest).unwrap();
    }
    assert!(rest.contains("4\r\nthen\r\n"), "{rest}");
}

// Rule 6: in a body an empty chunk is nothing, and least of all the last chunk.
#[test]
fn an_empty_chunk_ends_no_body() {
    let server = serve(|request, mut response| {
        let blanks = match request.path() {
            "/few" => 1,
            _ => 500,
        };
        response.header("content-type", "text/plain")?;
        let mut body = response.writable(HighWaterMark::bytes(64));
        for part in ["", "one", "", " two", ""] {
            for _ in 0..blanks {
                let _ = body.write(highwater::Bytes::new())?;
            }
            let _ = body.write(part.into())?;
        }
        body.end();
        body.finish().map(drop)
    });
    let mut client = Client::of(&server);
    for path in ["/few", "/many", "/few"] {
        let answer = client.say(get(path)).answer();
        assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
        assert_eq!(answer.text(), "one two", "{path}");
    }
}
