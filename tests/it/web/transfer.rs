//! What one server gives to another one, and what is no success.

use std::io::Read;
use std::net::TcpListener;
use std::process::Command;

use super::ask::{Does, Site};
use crate::support::{Running, call, example};

const EMPTY: &str = "Content-Length: 0\r\nConnection: close\r\n\r\n";

/// Gives `data`, and does as told about what is put.
fn site(put: impl Fn(&str) -> Does + Send + 'static) -> Site {
    Site::new(move |line| match line.split_once(' ').expect("a line") {
        ("GET", "/data") => {
            Does::Answers("200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndata".to_owned())
        }
        ("PUT", path) => put(path),
        (_, path) => panic!("nobody asks for {path}"),
    })
}

fn redirection(code: &str) -> String {
    format!("{code} x\r\nLocation: /elsewhere\r\n{EMPTY}")
}

fn transfer(site: &Site, path: &str) -> (Option<i32>, String) {
    let (from, to) = (format!("{}/data", site.url), format!("{}{path}", site.url));
    call("transfer", &[&from, &to])
}

fn lines(site: &Site) -> Vec<String> {
    site.seen().into_iter().map(|(line, _)| line).collect()
}

#[test]
fn a_put_that_is_redirected_so_that_it_may_become_a_get_has_failed_and_says_where_to() {
    for code in ["301", "302", "303"] {
        let site = site(|_| Does::Takes(redirection(code)));
        let (status, said) = transfer(&site, "/x");
        assert_eq!(status, Some(1), "{code}: {said}");
        assert!(said.contains(code), "{said}");
        let next = format!("{}/elsewhere", site.url);
        assert!(said.contains(&next), "{said}");
        assert_eq!(lines(&site), ["GET /data", "PUT /x"], "nothing else");
    }
}

#[test]
fn a_put_is_sent_on_by_307_or_308_while_it_is_whole_and_not_after_that() {
    for code in ["307", "308"] {
        let whole = site(|path| match path {
            "/a/x" => Does::Answers(redirection(code)),
            _ => Does::Takes(format!("201 Created\r\n{EMPTY}")),
        });
        let (status, said) = transfer(&whole, "/a/x");
        assert_eq!(status, Some(0), "{code}: {said}");
        let seen = whole.seen();
        let (line, body) = seen.last().expect("a request");
        assert_eq!((&**line, &**body), ("PUT /elsewhere", &b"data"[..]));

        let late = site(|_| Does::Takes(redirection(code)));
        let (status, said) = transfer(&late, "/x");
        assert_eq!(status, Some(1), "{code}: {said}");
        assert!(said.contains("a part of FROM was sent already"), "{said}");
        assert!(said.contains(&format!("{}/elsewhere", late.url)), "{said}");
        assert_eq!(lines(&late), ["GET /data", "PUT /x"]);
    }
}

#[test]
fn a_place_may_be_given_in_every_form_that_a_url_has() {
    let forms = ["/b/c", "c", "//HOST/b/c", "http://HOST/b/c", "?q", "c#part"];
    let wanted = ["/b/c", "/b/c", "/b/c", "/b/c", "/b/x?q", "/b/c"];
    for (form, wanted) in forms.into_iter().zip(wanted) {
        let stored = Site::new(|_| Does::Takes("204 No Content\r\n\r\n".to_owned()));
        let form = form.replace("HOST", stored.url.trim_start_matches("http://"));
        let is_there = form.contains(':') || form.starts_with("//");
        let first = site(move |path| match path {
            "/b/x" => Does::Answers(format!("307 x\r\nLocation: {form}\r\n{EMPTY}")),
            _ => Does::Takes("204 No Content\r\n\r\n".to_owned()),
        });
        let (status, said) = transfer(&first, "/b/x");
        assert_eq!(status, Some(0), "{wanted}: {said}");
        let last = if is_there { &stored } else { &first };
        assert_eq!(lines(last).last().unwrap(), &format!("PUT {wanted}"));
    }
}

#[test]
fn only_who_says_that_it_has_all_of_it_has_stored_it() {
    for code in ["300", "304", "305", "400", "404", "412", "500", "503"] {
        let site = site(move |_| Does::Takes(format!("{code} x\r\n{EMPTY}")));
        let (status, said) = transfer(&site, "/x");
        assert_eq!(status, Some(1), "{code}: {said}");
        assert!(
            said.contains(&format!("failed to put `{}/x`", site.url)),
            "{said}"
        );
        assert!(said.contains(code), "{said}");
    }
    let site = site(|_| Does::Answers(format!("200 OK\r\n{EMPTY}")));
    let (status, said) = transfer(&site, "/x");
    assert_eq!(status, Some(1), "it has taken nothing: {said}");
    assert!(said.contains("before it had all of it"), "{said}");
}

#[test]
fn the_reason_that_a_server_gives_is_told() {
    let refusal =
        "507 Insufficient Storage\r\nContent-Length: 9\r\nConnection: close\r\n\r\nit's full";
    let site = site(|_| Does::Answers(refusal.to_owned()));
    let (status, said) = transfer(&site, "/x");
    assert_eq!(status, Some(1), "{said}");
    assert!(
        said.contains("`507 Insufficient Storage`: it's full"),
        "{said}"
    );
}

#[test]
fn what_is_not_all_of_a_source_is_never_put_as_if_it_was() {
    let answers = [
        ("304 Not Modified\r\n\r\n", "304"),
        (
            "206 Partial Content\r\nContent-Range: bytes 0-3/9\r\nContent-Length: 4\r\n\r\ndata",
            "206",
        ),
        ("404 Not Found\r\nContent-Length: 4\r\n\r\ndata", "404"),
        ("301 x\r\nContent-Length: 4\r\n\r\ndata", "301"),
        (
            "302 x\r\nLocation: https://127.0.0.1/x\r\nContent-Length: 0\r\n\r\n",
            "TLS",
        ),
        (
            "302 x\r\nLocation: /data\r\nContent-Length: 0\r\n\r\n",
            "without an end",
        ),
    ];
    for (answer, words) in answers {
        let site = Site::new(|line| {
            assert_eq!(line, "GET /data", "nothing is put");
            Does::Answers(answer.replacen("\r\n", "\r\nConnection: close\r\n", 1))
        });
        let (status, said) = transfer(&site, "/x");
        assert_eq!(status, Some(1), "{answer}: {said}");
        assert!(said.contains(words), "{said}");
        assert!(
            said.contains(&format!("failed to get `{}/data`", site.url)),
            "{said}"
        );
    }
    // One that is cut short is one only to a target that does not look at the length.
    let short = Site::new(|line| match line {
        "GET /data" => Does::Answers("200 OK\r\nContent-Length: 9\r\n\r\ndata".to_owned()),
        _ => Does::Takes(format!("201 Created\r\n{EMPTY}")),
    });
    let (status, said) = transfer(&short, "/x");
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("/data` at byte 4"), "{said}");
}

#[test]
fn a_source_may_redirect() {
    let site = Site::new(|line| match line {
        "GET /data" => Does::Answers(redirection("302")),
        "GET /elsewhere" => {
            Does::Answers("200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndata".to_owned())
        }
        _ => Does::Takes(format!("201 Created\r\n{EMPTY}")),
    });
    let (status, said) = transfer(&site, "/x");
    assert_eq!(status, Some(0), "{said}");
    let seen = site.seen();
    assert_eq!(
        seen.last().unwrap(),
        &("PUT /x".to_owned(), b"data".to_vec())
    );
}

#[test]
fn a_signal_ends_a_transfer_whoever_it_waits_for() {
    for (signal, code, word) in [
        ("INT", 130, "interrupted"),
        ("TERM", 143, "terminated"),
        ("HUP", 129, "hung up"),
    ] {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let from = format!("http://{}/x", silent.local_addr().unwrap());
        let mut command = example("transfer");
        command.args([&from, "http://127.0.0.1:1/x"]);
        let mut running = Running::start(&mut command, false);
        let (mut client, _) = silent.accept().unwrap();
        // It has asked, and from now on waits for an answer.
        client.read_exact(&mut [0]).unwrap();
        let kill = format!("kill -{signal} {}", running.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status();
        assert!(sent.unwrap().success());
        let (status, said) = running.finish();
        assert_eq!(status, Some(code), "{said}");
        assert!(said.contains(word) && said.contains(&from), "{said}");
    }
}

#[test]
fn who_cannot_be_reached_is_named_with_the_port_and_the_reason() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let site = site(|_| Does::Takes(format!("201 Created\r\n{EMPTY}")));
    let data = format!("{}/data", site.url);
    let nobody = format!("http://{gone}/x");
    for (from, to, what) in [(&nobody, &data, "get"), (&data, &nobody, "put")] {
        let (status, said) = call("transfer", &[from, to]);
        assert_eq!(status, Some(1), "{said}");
        assert!(
            said.contains(&format!("failed to {what} `{nobody}`: {gone}: ")),
            "{said}"
        );
        assert!(said.contains("Connection refused"), "{said}");
        assert!(said.contains("does a server run there"), "{said}");
    }
}
