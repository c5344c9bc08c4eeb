//! curl. Ranges and resumed downloads are where the files are.

use std::process::{Command, Output};

use crate::http_clients::site::{LARGE, Site, has, hash_of, run, told_in_chunks, told_with_length};

fn curl(args: &[&str], input: &'static [u8]) -> Output {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "60"]);
    run(command.args(args), input)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn curl_keeps_its_connection_for_the_next_url() {
    if !has("curl", &["--version"]) {
        return;
    }
    let site = Site::new();
    let (one, two) = (site.url("/one"), site.url("/two"));
    let count = ["-w", "%{http_version} %{num_connects}\n"];
    let said = text(curl(&[&count[..], &[&one, &two, &one]].concat(), b"").stdout);
    assert_eq!(said, "/one\n1.1 1\n/two\n1.1 0\n/one\n1.1 0\n");
    // Also behind bodies in chunks, and those that nobody reads.
    let large = site.url("/large");
    let args = ["-o", "/dev/null", "-o", "/dev/null", &large, &large];
    let said = text(curl(&[&count[..], &args].concat(), b"").stdout);
    assert_eq!(said, "1.1 1\n1.1 0\n");
    let said = text(curl(&[&count[..], &["-d", "unread", &one, &two]].concat(), b"").stdout);
    assert_eq!(said, "/one\n1.1 1\n/two\n1.1 0\n");
    // Nor does it wait for a body that a HEAD does not have.
    let said = text(curl(&["-I", &one, &two], b"").stdout);
    let heads: Vec<&str> = said.split_terminator("\r\n\r\n").collect();
    assert_eq!(heads.len(), 2, "{said}");
    assert!(heads.iter().all(|head| head.contains("content-length: 5")));
    assert_eq!(site.ended(), (4, vec![]));
}

#[test]
fn curl_speaks_http_1_0() {
    if !has("curl", &["--version"]) {
        return;
    }
    let site = Site::new();
    let count = ["-0", "-w", "%{num_connects}\n"];
    let (one, two) = (site.url("/one"), site.url("/two"));
    let said = text(curl(&[&count[..], &[&one, &two]].concat(), b"").stdout);
    assert_eq!(said, "/one\n1\n/two\n1\n");
    // What would be in chunks ends with the connection.
    let got = curl(&["-0", &site.url("/large")], b"").stdout;
    assert!(got == LARGE[..], "{} bytes", got.len());
    let said = text(curl(&["-0", "-d", "body", &site.url("/told")], b"").stdout);
    let hash = hash_of(b"body");
    assert_eq!(said, format!("POST HTTP/1.0 4 4 {hash} none"));
    assert_eq!(site.ended(), (4, vec![]));
}

#[test]
fn curl_uploads_what_it_does_not_know_the_length_of() {
    if !has("curl", &["--version"]) {
        return;
    }
    let site = Site::new();
    let url = site.url("/told");
    let told = told_in_chunks("PUT", &LARGE, "none");
    for wait in ["1", "60"] {
        // With and without waiting to be told to go on.
        let args = ["-v", "-T", "-", "--expect100-timeout", wait, &url];
        let output = curl(&args, &LARGE);
        assert_eq!(text(output.stdout), told);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("> Expect: 100-continue"), "{said}");
        assert!(said.contains("< HTTP/1.1 100 Continue"), "{said}");
    }
    let args = ["-T", "-", "-H", "Expect:", &url];
    assert_eq!(text(curl(&args, &LARGE).stdout), told);
    assert_eq!(site.ended(), (3, vec![]));
}

#[test]
fn curl_sends_a_body_when_it_is_told_to_and_not_when_it_is_refused() {
    if !has("curl", &["--version"]) {
        return;
    }
    let site = Site::new();
    // It would wait for a minute if it was told nothing, and the call would be cut off.
    let patient = ["--expect100-timeout", "90", "--data-binary", "@-"];
    let send = |path| {
        let count = ["-w", "\n%{http_code} %{size_upload}"];
        let url = site.url(path);
        let ask = ["-H", "Expect: 100-continue", &url];
        text(curl(&[&patient[..], &count, &ask].concat(), &LARGE).stdout)
    };
    let (told, length) = (told_with_length("POST", &LARGE), LARGE.len());
    assert_eq!(send("/told"), format!("{told}\n200 {length}"));
    assert_eq!(send("/refused"), "no\n\n403 0");
    assert_eq!(site.ended(), (2, vec![]));
}

#[test]
fn curl_gets_a_hundred_at_a_time() {
    if !has("curl", &["--version"]) {
        return;
    }
    let site = Site::new();
    let urls = site.url("/[1-400]");
    let args = ["-Z", "--parallel-immediate", "--parallel-max", "100"];
    let said = text(curl(&[&args[..], &[&urls]].concat(), b"").stdout);
    let mut got: Vec<u32> = said
        .lines()
        .map(|line| line[1..].parse().unwrap())
        .collect();
    got.sort_unstable();
    assert!(got.iter().copied().eq(1..=400), "{got:?}");
    let (connections, told) = site.ended();
    assert_eq!(told, [] as [&str; 0]);
    assert!((1..=400).contains(&connections), "{connections}");
}

#[test]
fn curl_can_tell_an_answer_that_was_broken_off() {
    if !has("curl", &["--version"]) {
        return;
    }
    let site = Site::new();
    for path in ["/cut", "/cut-length"] {
        let args = ["-s", "--max-time", "60", "-o", "/dev/null"];
        let ran = Command::new("curl").args(args).arg(site.url(path)).status();
        // 18: a partial file; 56: a reset while it is read.
        let code = ran.unwrap().code();
        assert!(matches!(code, Some(18 | 56)), "{path}: {code:?}");
    }
    let (connections, told) = site.ended();
    assert_eq!((connections, told.len()), (2, 2), "{told:?}");
    assert!(
        told.iter().all(|said| said.contains("broken off")),
        "{told:?}"
    );
}
