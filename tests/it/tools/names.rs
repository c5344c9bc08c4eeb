//! Names that are any bytes, and lines of checksums that are read again.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::thread;

use crate::support::{Folder, Tool, example, have};
use crate::tools::{ends_with, said};

/// A name that is no UTF-8.
const ODD: &[u8] = b"odd \xff\xfe name";

fn unix(path: &std::path::Path) -> OsString {
    let mut place = OsString::from("unix:");
    place.push(path);
    place
}

#[test]
fn a_file_may_have_any_name() {
    let folder = Folder::new();
    let odd = folder.path("x").with_file_name(OsStr::from_bytes(ODD));
    let (plain, copied) = (folder.path("plain"), folder.path("copied"));
    fs::write(&plain, "one\n").unwrap();
    ends_with(example("copy").args([&plain, &odd]), 0);
    ends_with(example("copy").args([&odd, &copied]), 0);
    let hash = ends_with(example("tee").args([&odd, &copied]), 0).stdout;
    assert!(hash.ends_with(&[b"  ", odd.as_os_str().as_bytes(), b"\n"].concat()));
    ends_with(example("tee").args([&plain, &odd]), 0);
    assert_eq!(ends_with(example("lines").arg(&odd), 0).stdout, b"one\n");
    ends_with(example("gzip").arg(&odd), 0);
    assert!(!odd.exists());
    let mut small = odd.clone().into_os_string();
    small.push(".gz");
    ends_with(example("gzip").arg("-d").arg(&small), 0);
    assert_eq!(fs::read(&odd).unwrap(), b"one\n");
    // And any end.
    let end = OsStr::from_bytes(b".\xff");
    ends_with(example("gzip").arg("-S").arg(end).arg(&odd), 0);
    let mut small = odd.clone().into_os_string();
    small.push(end);
    ends_with(example("gzip").arg("-d").arg("-S").arg(end).arg(small), 0);
    assert_eq!(fs::read(&odd).unwrap(), b"one\n");
}

#[test]
fn a_socket_may_have_any_name_and_is_no_file_of_that_name() {
    let folder = Folder::new();
    let odd = folder.path("x").with_file_name(OsStr::from_bytes(ODD));
    let file = folder.path("file");
    fs::write(&file, "through a socket").unwrap();
    // There is no listener: an error, and no new file.
    for tool in ["copy", "tee"] {
        let output = ends_with(example(tool).arg(&file).arg(unix(&odd)), 1);
        assert!(
            said(&output).contains("failed to connect to `unix:"),
            "{}",
            said(&output)
        );
    }
    assert_eq!(fs::read_dir(folder.path(".")).unwrap().count(), 1);
    let listener = UnixListener::bind(&odd).unwrap();
    for tool in ["copy", "tee"] {
        let listener = listener.try_clone().unwrap();
        let taken = thread::spawn(move || {
            let mut got = String::new();
            listener
                .accept()
                .unwrap()
                .0
                .read_to_string(&mut got)
                .unwrap();
            got
        });
        ends_with(example(tool).arg(&file).arg(unix(&odd)), 0);
        assert_eq!(taken.join().unwrap(), "through a socket");
    }
    for tool in ["copy", "tee", "proxy"] {
        let mut command = example(tool);
        let output = ends_with(command.arg(&file).arg("unix:"), 2);
        assert!(said(&output).contains("names no path") || tool == "proxy");
    }
}

#[test]
fn a_proxy_listens_and_connects_by_any_name() {
    let folder = Folder::new();
    let inner = folder
        .path("x")
        .with_file_name(OsStr::from_bytes(b"in \xff"));
    let outer = folder
        .path("x")
        .with_file_name(OsStr::from_bytes(b"out \xfe"));
    let server = UnixListener::bind(&inner).unwrap();
    let mut command = example("proxy");
    command.arg(unix(&outer)).arg(unix(&inner));
    let mut proxy = Tool::listening(&mut command, "listening on ");
    let echo = thread::spawn(move || {
        let mut peer = server.accept().unwrap().0;
        let mut got = [0; 5];
        peer.read_exact(&mut got).unwrap();
        peer.write_all(&got).unwrap();
    });
    let mut client = UnixStream::connect(&outer).unwrap();
    client.write_all(b"hello").unwrap();
    let mut got = [0; 5];
    client.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"hello");
    drop(client);
    echo.join().unwrap();
    assert_eq!(proxy.stop("TERM").0, Some(143));
    assert!(!outer.exists());
}

#[test]
fn a_line_of_a_checksum_is_that_of_sha256sum_whatever_the_name() {
    if !have(&["sha256sum"]) {
        return;
    }
    let folder = Folder::new();
    let names: [&[u8]; 9] = [
        b"plain",
        b"two  spaces ",
        b"new\nline",
        b"\nfirst",
        b"back\\slash",
        b"both\\\n\\n\n",
        b"carriage\rreturn",
        b"tab\t\x01\x7f",
        ODD,
    ];
    let mut lines = Vec::new();
    for (number, name) in names.into_iter().enumerate() {
        let path = folder
            .path("x")
            .with_file_name(OsString::from_vec(name.to_owned()));
        fs::write(&path, format!("file {number}\n")).unwrap();
        let ours = ends_with(example("tee").arg(&path).arg("/dev/null"), 0).stdout;
        let theirs = Command::new("sha256sum")
            .arg(&path)
            .output()
            .unwrap()
            .stdout;
        assert_eq!(ours, theirs, "{}", path.display());
        lines.extend(ours);
    }
    let mut check = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    check.stdin.take().unwrap().write_all(&lines).unwrap();
    let checked = check.wait_with_output().unwrap();
    assert!(
        checked.status.success() && checked.stdout.is_empty(),
        "{checked:?}"
    );
}
