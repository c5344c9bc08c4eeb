//! Programs of others, through the proxy.

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use super::tool::start;
use crate::support::{Folder, Running, have, pattern};

/// Runs a client with this on its standard input, and gives its standard output.
#[track_caller]
fn talk(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = thread::spawn(move || stdin.write_all(&input));
    let mut got = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut got).unwrap();
    assert!(child.wait().unwrap().success(), "{command:?}");
    writer.join().unwrap().unwrap();
    got
}

#[test]
fn socat_and_nc_get_back_what_they_sent() {
    if !have(&["socat", "nc"]) {
        return;
    }
    let mut server = Running::start(
        Command::new("socat").args(["-d", "-d", "TCP-LISTEN:0,bind=127.0.0.1,fork", "EXEC:cat"]),
        false,
    );
    let target = server.says("AF=2 ");
    let mut proxy = start(&["--report", "127.0.0.1:0", &target]);
    let (host, port) = proxy.place.split_once(':').unwrap();
    let bytes = pattern(2_000_003);
    let address = format!("TCP:{host}:{port}");
    let mut socat = Command::new("socat");
    assert!(talk(socat.args(["-t", "20", "-", &address]), &bytes) == bytes);
    let mut nc = Command::new("nc");
    assert!(talk(nc.args(["-N", host, port]), &bytes) == bytes);
    for _ in 0..4 {
        proxy.says("2000003 bytes, ended");
    }
    proxy.stop("INT");
}

#[test]
fn curl_gets_files_and_posts_one_after_the_other() {
    if !have(&["curl", "python3"]) {
        return;
    }
    let folder = Folder::new();
    let bytes = pattern(3_000_001);
    fs::write(folder.path("file"), &bytes).unwrap();
    let mut server = Running::start(
        Command::new("python3")
            .args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0"])
            .arg("--directory")
            .arg(folder.path(".")),
        true,
    );
    let said = server.says("Serving HTTP on 127.0.0.1 port ");
    let port = said.split(' ').next().unwrap();
    let mut proxy = start(&["--report", "127.0.0.1:0", &format!("127.0.0.1:{port}")]);
    let url = format!("http://{}/file", proxy.place);
    for _ in 0..2 {
        let mut curl = Command::new("curl");
        assert!(talk(curl.args(["-sS", "--max-time", "20", &url]), b"") == bytes);
    }
    // What the server does not understand, it answers with an error, which arrives.
    let mut curl = Command::new("curl");
    let post = [
        "-sS",
        "--max-time",
        "20",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
    ];
    let code = talk(curl.args(post).args(["--data", "some", &url]), b"");
    assert_eq!(code, b"501");
    proxy.stop("INT");
}

#[test]
fn openssl_talks_to_openssl() {
    if !have(&["openssl"]) {
        return;
    }
    let folder = Folder::new();
    let [key, cert] = ["key", "cert"].map(|name| folder.path(name).display().to_string());
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-keyout", &key, "-out", &cert])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let mut server = Running::start(
        Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-rev"])
            .args(["-key", &key, "-cert", &cert]),
        true,
    );
    let target = server.says("ACCEPT ");
    let mut proxy = start(&["127.0.0.1:0", &target]);
    let mut client = Command::new("openssl")
        .args([
            "s_client",
            "-quiet",
            "-verify_return_error",
            "-CAfile",
            &cert,
        ])
        .args(["-connect", &proxy.place])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut say, mut hear) = (client.stdin.take().unwrap(), client.stdout.take().unwrap());
    for _ in 0..20 {
        say.write_all(b"backwards\n").unwrap();
        let mut got = [0; 10];
        hear.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"sdrawkcab\n");
    }
    client.kill().unwrap();
    client.wait().unwrap();
    proxy.stop("INT");
}
