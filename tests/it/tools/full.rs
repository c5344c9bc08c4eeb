//! Standard streams that are set not to block, and have no room: what is printed waits for it, and is
//! whole.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::support::{Folder, example};
use crate::tools::run;

/// A stream that does not block, with no room left, and its reader. How much is in it.
fn full() -> (UnixStream, UnixStream, usize) {
    let (mut writer, reader) = UnixStream::pair().unwrap();
    writer.set_nonblocking(true).unwrap();
    let mut bytes = 0;
    // The last of the room is less than a page.
    for size in [4096, 1] {
        loop {
            match writer.write(&vec![b'.'; size]) {
                Ok(written) => bytes += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
    (writer, reader, bytes)
}

/// Waits until a thread of the child waits for something that is not a futex, or the child has ended.
fn waits(child: &mut Child) {
    let tasks = format!("/proc/{}/task", child.id());
    while child.try_wait().unwrap().is_none() {
        let waits = fs::read_dir(&tasks).unwrap().flatten().any(|task| {
            let channel = fs::read_to_string(task.path().join("wchan"));
            channel.unwrap_or_default().contains("poll")
        });
        if waits {
            return;
        }
        thread::yield_now();
    }
}

/// What comes out of a tool behind what was there before, and its status.
fn printed(command: &mut Command, on_stderr: bool) -> (String, Option<i32>) {
    let (writer, mut reader, before) = full();
    let stream = Stdio::from(OwnedFd::from(writer));
    command.stdin(Stdio::null());
    let mut child = if on_stderr {
        command.stdout(Stdio::null()).stderr(stream).spawn()
    } else {
        command.stdout(stream).spawn()
    }
    .unwrap();
    // The command has a copy of the stream, which would never end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    waits(&mut child);
    let mut text = Vec::new();
    reader.read_to_end(&mut text).unwrap();
    let text = String::from_utf8(text.split_off(before)).unwrap();
    (text, child.wait().unwrap().code())
}

#[test]
fn help_waits_for_room_in_standard_output() {
    for tool in ["copy", "serve"] {
        let help = String::from_utf8(run(tool, &["--help"], 0).stdout).unwrap();
        let got = printed(example(tool).arg("--help"), false);
        assert_eq!(got, (help, Some(0)));
    }
}

#[test]
fn a_count_and_a_hash_wait_for_room_in_standard_output() {
    let folder = Folder::new();
    let file = folder.path("file");
    fs::write(&file, "one\ntwo\n").unwrap();
    let got = printed(example("lines").arg("--count").arg(&file), false);
    assert_eq!(got, ("2\n".to_owned(), Some(0)));
    let (hash, code) = printed(example("tee").arg(&file).arg("/dev/null"), false);
    assert!(hash.ends_with(&format!("  {}\n", file.display())), "{hash}");
    assert_eq!(code, Some(0));
}

#[test]
fn an_error_waits_for_room_in_standard_error() {
    let got = printed(example("copy").args(["no-such-file", "to"]), true);
    let (said, code) = got;
    assert!(
        said.starts_with("copy: failed to open `no-such-file`: "),
        "{said}"
    );
    assert!(
        said.contains("\ncopy:   relative paths start at "),
        "{said}"
    );
    assert_eq!(code, Some(1));
    let (said, code) = printed(example("gzip").arg("--sideways"), true);
    assert!(said.ends_with("(see --help)\n"), "{said}");
    assert_eq!(code, Some(2));
}
