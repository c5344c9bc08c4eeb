//! A file system that fills up in the middle of a copy, for real.

use std::fs;
use std::io::{self, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;

use crate::support::{Folder, example, pattern, skip, watched};

/// Mounts a small file system with a file in it, copies into it from there or from elsewhere, and
/// says how long the copy is.
const IN_A_SMALL_PLACE: &str = r#"
    place=$1; copy=$2; from=${3:-$place/from}
    mount -t tmpfs -o size=1m none "$place" 2>/dev/null || exit 77
    head -c 700000 /dev/zero > "$place/from"
    "$copy" --report "$from" "$place/to"; code=$?
    echo "left: $(stat -c %s "$place/to")" >&2
    umount "$place"
    exit $code
"#;

/// Runs that, and gives what was said; None if nothing may be mounted here.
fn copied(from: Option<&str>) -> Option<String> {
    let folder = Folder::new();
    let place = folder.path("small");
    fs::create_dir(&place).unwrap();
    let mut shell = Command::new("unshare");
    shell.args(["-Urm", "sh", "-c", IN_A_SMALL_PLACE, "sh"]);
    shell
        .arg(&place)
        .arg(example("copy").get_program())
        .args(from);
    shell.stdin(Stdio::null());
    let output = watched(move || shell.output());
    let Ok(output) = output else {
        skip("there is no `unshare`");
        return None;
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() == Some(77) || said.contains("unshare: ") {
        skip("nothing may be mounted here");
        return None;
    }
    assert_eq!(output.status.code(), Some(1), "{said}");
    Some(said)
}

/// What stands between two words.
fn between<'a>(said: &'a str, before: &str, behind: &str) -> &'a str {
    let rest = said.split_once(before).map(|(_, rest)| rest);
    let found = rest.and_then(|rest| rest.split_once(behind));
    found
        .unwrap_or_else(|| panic!("no `{before}`, `{behind}` in:\n{said}"))
        .0
}

/// It has failed for want of room, and the file has what was confirmed, to the byte.
#[track_caller]
fn is_full_to_the_byte(said: &str, call: &str) {
    assert!(said.contains("No space left on device"), "{said}");
    assert!(said.contains("failed to write to `"), "{said}");
    let confirmed = between(said, "copy: ", " bytes were confirmed by ");
    assert_eq!(between(said, "left: ", "\n"), confirmed, "{said}");
    let at = between(said, "` at byte ", ":");
    assert_eq!(at, confirmed, "{said}");
    assert!(confirmed.parse().is_ok_and(|bytes: u64| bytes > 100_000));
    assert!(said.contains(&format!("path: {call}")), "{said}");
}

#[test]
fn a_copy_from_file_to_file_is_confirmed_to_the_byte() {
    if let Some(said) = copied(None) {
        is_full_to_the_byte(&said, "copy_file_range");
    }
}

#[test]
fn a_copy_from_a_socket_is_confirmed_to_the_byte() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let sender = thread::spawn(move || -> io::Result<()> {
        let (mut peer, _) = listener.accept()?;
        // Nobody takes the rest of it.
        peer.write_all(&pattern(3_000_001))
    });
    if let Some(said) = copied(Some(&address)) {
        is_full_to_the_byte(&said, "splice");
        let _ = sender.join().unwrap();
    }
}
