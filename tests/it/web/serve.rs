//! A folder that is served, and what is got of it sent on.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::os::unix::ffi::OsStrExt;

use super::ask::ask;
use super::{curl, got, start};
use crate::support::{Folder, Tool, call, example, have, pattern};

#[test]
fn a_folder_is_served_and_a_signal_lets_an_answer_finish() {
    if !have(&["curl"]) {
        return;
    }
    let folder = Folder::new();
    fs::write(folder.path("a.txt"), "hello\n").unwrap();
    folder.fifo("pipe");
    let bytes = pattern(8 << 20);
    fs::write(folder.path("big"), &bytes).unwrap();
    let shown = folder.path("").display().to_string();
    let mut serve = start("serve", &["--grace", "20", &shown]);
    let base = format!("http://{}", serve.place);

    assert_eq!(got(&[&format!("{base}a.txt")]), "hello\n");
    assert_eq!(got(&["-r", "1-3", &format!("{base}a.txt")]), "ell");
    assert!(got(&[&base]).contains("a.txt"), "it lists what is there");
    let missing = curl(&[
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        &format!("{base}none"),
    ]);
    assert_eq!(missing.stdout, b"404");
    // One that nobody writes holds nobody up.
    let pipe = curl(&[
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        &format!("{base}pipe"),
    ]);
    assert_eq!(pipe.stdout, b"404");

    // A client that has asked, and has read only the beginning.
    let addr = serve.place.trim_end_matches('/').to_owned();
    let mut slow = TcpStream::connect(&addr).unwrap();
    std::io::Write::write_all(&mut slow, b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut answer = vec![0; 4096];
    slow.read_exact(&mut answer).unwrap();
    assert!(serve.peak_bytes() < 16 << 20, "a file is not held");
    serve.signal("TERM");
    let _ = serve.says("waiting for 1 connection");
    slow.read_to_end(&mut answer).unwrap();
    let body = answer
        .windows(4)
        .position(|end| end == b"\r\n\r\n")
        .unwrap()
        + 4;
    assert!(answer[body..] == bytes, "all of it has come");
    let (code, said) = serve.finish();
    assert_eq!(code, Some(143), "{said}");
}

#[test]
fn what_is_served_is_sent_on_and_progress_is_told() {
    if !have(&["curl"]) {
        return;
    }
    let (from, to) = (Folder::new(), Folder::new());
    let bytes = pattern(3 << 20);
    fs::write(from.path("file"), &bytes).unwrap();
    let [from, shown] = [&from, &to].map(|folder| folder.path("").display().to_string());
    let serve = start("serve", &[&from]);
    let mut upload = start("upload", &["--progress", &shown]);
    let (there, here) = (
        format!("http://{}file", serve.place),
        format!("http://{}copy.bin", upload.place),
    );
    // Two seconds of it, so that there is something to tell.
    let (code, said) = call("transfer", &["--limit", "1500000", &there, &here]);
    assert_eq!(code, Some(0), "{said}");
    assert!(fs::read(to.path("copy.bin")).unwrap() == bytes);
    let told = upload.says("PUT /copy.bin: ");
    assert!(told.ends_with("/s"), "{told}");
    assert!(upload.peak_bytes() < 16 << 20, "a body is not held");
    assert_eq!(upload.stop("INT").0, Some(130));
}

#[test]
fn a_transfer_names_the_side_that_failed() {
    let folder = Folder::new();
    let shown = folder.path("").display().to_string();
    let serve = start("serve", &[&shown]);
    let there = format!("http://{}missing", serve.place);
    let (code, said) = call("transfer", &[&there, "http://127.0.0.1:1/x"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("failed to get `{there}`")), "{said}");
    assert!(said.contains("404"), "{said}");
}

#[test]
fn a_folder_and_files_whose_names_are_not_utf_8_are_served() {
    let folder = Folder::new();
    let path = folder.path("").join(OsStr::from_bytes(b"w\xff"));
    fs::create_dir(&path).unwrap();
    fs::write(path.join(OsStr::from_bytes(b"caf\xe9.txt")), "hello\n").unwrap();
    let mut command = example("serve");
    command.args(["--listen", "0"]).arg(&path);
    let serve = Tool::listening(&mut command, "at http://");
    let addr = serve.place.trim_end_matches('/');
    let page = ask(addr, "GET /", "", b"");
    let row = "<a href=\"caf%E9.txt\">caf\u{fffd}.txt</a></td><td>6</td><td>20";
    assert!(page.text().contains(row), "{}", page.text());
    let file = ask(addr, "GET /caf%E9.txt", "", b"");
    assert_eq!((file.status(), file.text()), (200, "hello\n"));
}

#[test]
fn options_are_told_and_what_is_no_method_is_not_known() {
    let serve = start("serve", &[]);
    let addr = serve.place.trim_end_matches('/');
    for target in ["*", "/", "/none"] {
        let options = ask(addr, &format!("OPTIONS {target}"), "", b"");
        assert_eq!(options.status(), 204, "{target}");
        assert_eq!(options.field("allow"), Some("GET, HEAD, OPTIONS"));
        assert_eq!(options.body, b"");
    }
    assert_eq!(ask(addr, "PROPFIND /", "", b"").status(), 501);
    let put = ask(addr, "PUT /x", "", b"");
    assert_eq!(
        (put.status(), put.field("allow")),
        (405, Some("GET, HEAD, OPTIONS"))
    );
}
