//! Clients that others wrote: curl, wget, and Python's `http.client`.

use std::fs;
use std::process::Command;

use crate::http_files::kit::{Temp, age, long_ago};
use crate::http_files::site::{Site, has};

fn numbers(count: usize) -> String {
    (0..count).map(|n| format!("{n:06}\n")).collect()
}

#[test]
fn curl_gets_a_file_and_parts_of_it() {
    if !has("curl") {
        return;
    }
    let text = numbers(100_000);
    let temp = Temp::with(&[("a b.txt", &text)]);
    let site = Site::of(temp.folder());
    let get = |args: &[&str]| site.curl(args, "/a%20b.txt").stdout;
    assert_eq!(get(&[]), text.as_bytes());
    assert_eq!(get(&["-0"]), text.as_bytes());
    assert_eq!(get(&["-r", "7-13"]), &text.as_bytes()[7..14]);
    assert_eq!(get(&["-r", "-7"]), b"099999\n");
    assert_eq!(get(&["-r", "699993-"]), b"099999\n");

    let code = ["-o", "/dev/null", "-w", "%{http_code} %{size_download}"];
    let said = |args: &[&str]| String::from_utf8(get(&[&code, args].concat())).unwrap();
    assert_eq!(said(&["-r", "7-13"]), "206 7");
    assert_eq!(said(&["-r", "0-6,1-13"]), "206 14");
    assert!(said(&["-r", "700000-"]).starts_with("416 "));
    let parts = String::from_utf8(get(&["-r", "0-6,14-20"])).unwrap();
    for part in [
        "bytes 0-6/700000\r\n\r\n000000\n",
        "bytes 14-20/700000\r\n\r\n000002\n",
    ] {
        assert!(parts.contains(part), "{parts}");
    }
    let head = String::from_utf8(get(&["-I"])).unwrap();
    assert!(head.contains("content-length: 700000\r\n"), "{head}");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn a_download_that_broke_off_is_resumed() {
    let text = numbers(100_000);
    let temp = Temp::with(&[("in/a.txt", &text)]);
    let site = Site::of(highwater::http::files::Folder::open(temp.path("in")).unwrap());
    if has("curl") {
        let half = temp.path("half");
        fs::write(&half, &text.as_bytes()[..300_007]).unwrap();
        let args = ["-C", "-", "-w", "%{http_code} %{size_download}", "-o"];
        let args = [&args[..], &[half.to_str().unwrap()]].concat();
        let said = site.curl(&args, "/a.txt").stdout;
        assert_eq!(String::from_utf8(said).unwrap(), "206 399993");
        assert_eq!(fs::read_to_string(&half).unwrap(), text);
    }
    if has("wget") {
        let half = temp.path("a.txt");
        fs::write(&half, &text.as_bytes()[..300_007]).unwrap();
        let ran = Command::new("wget")
            .args(["-c", "-S", "-P", temp.path("").to_str().unwrap()])
            .arg(site.url("/a.txt"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{said}");
        assert!(said.contains("206 Partial Content"), "{said}");
        assert_eq!(fs::read_to_string(&half).unwrap(), text);
    }
}

#[test]
fn curl_keeps_what_has_not_changed() {
    if !has("curl") {
        return;
    }
    let temp = Temp::with(&[("in/a.txt", "one")]);
    let site = Site::of(highwater::http::files::Folder::open(temp.path("in")).unwrap());
    let (tag, copy) = (temp.path("tag"), temp.path("copy"));
    let (tag, copy) = (tag.to_str().unwrap(), copy.to_str().unwrap());
    let by_tag = |code: &str| {
        let args = [
            "--etag-save",
            tag,
            "--etag-compare",
            tag,
            "-w",
            "%{http_code}",
        ];
        let said = site.curl(&[&args[..], &["-o", copy]].concat(), "/a.txt");
        assert_eq!(String::from_utf8(said.stdout).unwrap(), code);
    };
    fs::write(tag, "").unwrap();
    by_tag("200");
    by_tag("304");
    // By the time of the copy.
    let by_time = |time: &str| {
        let args = ["-z", time, "-w", "%{http_code}", "-o", "/dev/null"];
        String::from_utf8(site.curl(&args, "/a.txt").stdout).unwrap()
    };
    assert_eq!(by_time("Sun, 09 Sep 2001 01:46:40 GMT"), "304");
    assert_eq!(by_time("Sun, 09 Sep 2001 01:46:39 GMT"), "200");
    assert_eq!(by_time("-Sun, 09 Sep 2001 01:46:39 GMT"), "412");

    fs::write(temp.path("in/a.txt"), "two").unwrap();
    by_tag("200");
    assert_eq!(fs::read_to_string(copy).unwrap(), "two");
}

#[test]
fn curl_unpacks_what_was_packed_beforehand() {
    if !has("curl") || !has("gzip") {
        return;
    }
    let text = numbers(10_000);
    let temp = Temp::with(&[("a.css", &text)]);
    let packed = Command::new("gzip")
        .arg("-k")
        .arg(temp.path("a.css"))
        .status();
    assert!(packed.unwrap().success());
    let site = Site::of(temp.folder().gzip(true));
    let packed_bytes = fs::metadata(temp.path("a.css.gz")).unwrap().len();
    assert!(packed_bytes < 70_000 / 2);

    let said = site.curl(&["--compressed", "-D", "-"], "/a.css").stdout;
    let said = String::from_utf8(said).unwrap();
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    assert!(body == text, "unpacked it is the file");
    assert!(head.contains("content-encoding: gzip"), "{head}");
    assert!(
        head.contains("content-type: text/css; charset=utf-8"),
        "{head}"
    );
    assert!(
        head.contains(&format!("content-length: {packed_bytes}")),
        "{head}"
    );
    assert!(site.curl(&[], "/a.css").stdout == text.as_bytes());
}

#[test]
fn curl_gets_nothing_that_is_not_in_the_folder() {
    if !has("curl") {
        return;
    }
    let temp = Temp::with(&[("secret.txt", "secret"), ("in/a.txt", "a")]);
    let site = Site::of(highwater::http::files::Folder::open(temp.path("in")).unwrap());
    for (path, code) in [
        ("/a.txt", "200"),
        ("/../secret.txt", "400"),
        ("/%2e%2e/secret.txt", "400"),
        ("/..%2fsecret.txt", "400"),
        ("/%252e%252e/secret.txt", "404"),
        ("/..\\secret.txt", "400"),
        ("/..%5csecret.txt", "400"),
        ("/a.txt%00.jpg", "400"),
        ("//etc/passwd", "400"),
        ("/a/./a.txt", "400"),
        ("/%c0%ae%c0%ae/secret.txt", "400"),
        ("/etc/passwd", "404"),
    ] {
        let args = ["-w", "\n%{http_code}"];
        let said = String::from_utf8(site.curl(&args, path).stdout).unwrap();
        assert!(said.ends_with(code), "{path}: {said}");
        assert!(
            !said.contains("secret\n") && !said.contains("root:"),
            "{path}: {said}"
        );
    }
}

/// What the script is told by: where the server is, and the text of the file.
const PYTHON: &str = r#"
import email, http.client, sys
host, text = sys.argv[1], open(sys.argv[2], "rb").read()
c = http.client.HTTPConnection(host, timeout=20)
def ask(method, path, **headers):
    c.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    r = c.getresponse()
    return r, r.read()
r, body = ask("GET", "/a.txt")
assert (r.status, body) == (200, text), r.status
socket = c.sock
tag, time = r.headers["etag"], r.headers["last-modified"]
r, body = ask("HEAD", "/a.txt")
assert (r.status, body, int(r.headers["content-length"])) == (200, b"", len(text))
r, body = ask("GET", "/a.txt", If_None_Match='"x", ' + tag)
assert (r.status, body) == (304, b"") and r.headers["etag"] == tag
r, body = ask("GET", "/a.txt", If_Modified_Since=time)
assert (r.status, body) == (304, b"")
r, body = ask("GET", "/a.txt", If_Match='"x"')
assert r.status == 412, r.status
for valid, status in [(tag, 206), (time, 206), ('"x"', 200)]:
    r, body = ask("GET", "/a.txt", Range="bytes=10-19", If_Range=valid)
    assert (r.status, body) == (status, text[10:20] if status == 206 else text), valid
wanted = [(0, 10), (500, 600), (len(text) - 7, len(text))] + [(n, n + 1) for n in range(2000, 2400, 2)]
r, body = ask("GET", "/a.txt", Range="bytes=" + ",".join(f"{a}-{b - 1}" for a, b in wanted))
assert r.status == 206, r.status
whole = b"Content-Type: " + r.headers["content-type"].encode() + b"\r\n\r\n" + body
parts = email.message_from_bytes(whole).get_payload()
assert len(parts) == len(wanted), len(parts)
for part, (a, b) in zip(parts, wanted):
    assert part["content-range"] == f"bytes {a}-{b - 1}/{len(text)}", part["content-range"]
    assert part["content-type"] == "text/plain; charset=utf-8"
    assert part.get_payload(decode=True) == text[a:b], (a, b)
r, body = ask("POST", "/a.txt")
assert (r.status, r.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
r, body = ask("OPTIONS", "/a.txt")
assert (r.status, r.headers["allow"], body) == (204, "GET, HEAD, OPTIONS", b"")
r, body = ask("GET", "/none")
assert r.status == 404
assert c.sock is socket, "all on one connection"
print("ok")
"#;

#[test]
fn python_takes_parts_and_conditions_apart() {
    if !has("python3") {
        return;
    }
    let text = numbers(20_000);
    let temp = Temp::with(&[("a.txt", &text)]);
    age(&temp.path("a.txt"), long_ago());
    let site = Site::of(temp.folder());
    let host = site.url("");
    let ran = Command::new("python3")
        .args(["-c", PYTHON, host.strip_prefix("http://").unwrap()])
        .arg(temp.path("a.txt"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    assert_eq!(ran.stdout, b"ok\n");
    assert_eq!(site.told(), [] as [&str; 0]);
}
