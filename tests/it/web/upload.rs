//! Files that are taken.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use std::thread;

use sha2::{Digest, Sha256};

use super::ask::{answer, ask, begin};
use super::{curl, got, start, until};
use crate::support::{Folder, Running, Tool, example, have, pattern};

pub(super) fn names(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.path("")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[test]
fn a_file_is_there_when_all_of_it_is() {
    if !have(&["curl", "sha256sum"]) {
        return;
    }
    let (from, to) = (Folder::new(), Folder::new());
    let file = from.path("some.bin").display().to_string();
    fs::write(&file, pattern(5 << 20)).unwrap();
    let mut upload = start("upload", &["--sync", &to.path("").display().to_string()]);
    let url = format!("http://{}", upload.place);

    let hash = got(&["-T", &file, &url]);
    let mut check = Command::new("sha256sum");
    let checked = check.arg(to.path("some.bin")).output().unwrap().stdout;
    assert_eq!(hash.as_bytes()[..64], checked[..64]);
    // In chunks, from a pipe, over what is there.
    let code = curl(&[
        "-w",
        "%{http_code}",
        "-T",
        "-",
        "-o",
        "/dev/null",
        &format!("{url}some.bin"),
    ]);
    assert_eq!(code.stdout, b"200");
    assert_eq!(fs::read(to.path("some.bin")).unwrap(), b"");
    assert_eq!(names(&to), ["some.bin"]);
    let (code, said) = upload.stop("TERM");
    assert_eq!(code, Some(143), "{said}");
}

#[test]
fn an_upload_that_breaks_off_leaves_what_was_there() {
    if !have(&["curl"]) {
        return;
    }
    let folder = Folder::new();
    fs::write(folder.path("kept"), "before").unwrap();
    let shown = folder.path("").display().to_string();
    let mut upload = start("upload", &["--max", "1000", &shown]);
    let url = format!("http://{}", upload.place);

    let addr = upload.place.trim_end_matches('/');
    let mut client = TcpStream::connect(addr).unwrap();
    client
        .write_all(b"PUT /kept HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nhalf")
        .unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let _ = upload.says("lost the client of `PUT /kept`");
    let status = ["-o", "/dev/null", "-w", "%{http_code}"];
    let large = "x".repeat(2000);
    for (args, wanted) in [
        (vec!["-X", "PUT", "-d", large.as_str()], "413"),
        (vec!["-X", "PUT", "-d", "x", "--path-as-is"], "400"),
        (vec!["-d", "x"], "405"),
    ] {
        let place = if wanted == "400" {
            format!("{url}../kept")
        } else {
            format!("{url}kept")
        };
        let mut all = status.to_vec();
        all.extend(args);
        all.push(&place);
        let output = curl(&all);
        assert_eq!(String::from_utf8_lossy(&output.stdout), wanted, "{all:?}");
    }
    assert_eq!(fs::read(folder.path("kept")).unwrap(), b"before");
    assert_eq!(names(&folder), ["kept"]);
    assert_eq!(upload.stop("INT").0, Some(130));
}

/// Those that are still being written.
pub(super) fn parts(folder: &Folder) -> Vec<String> {
    let mut names = names(folder);
    names.retain(|name| name.ends_with(".part"));
    names
}

fn mode(folder: &Folder, name: &str) -> u32 {
    let found = fs::symlink_metadata(folder.path(name)).unwrap();
    found.permissions().mode() & 0o7777
}

fn hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn two_processes_take_files_of_one_name_into_one_folder_side_by_side() {
    let folder = Folder::new();
    let shown = folder.path("").display().to_string();
    let uploads = [start("upload", &[&shown]), start("upload", &[&shown])];
    let bodies: Vec<Vec<u8>> = (0..8_u8).map(|n| vec![n; (1 << 20) + 1]).collect();
    thread::scope(|scope| {
        for (body, upload) in bodies.iter().zip(uploads.iter().cycle()) {
            let addr = upload.place.trim_end_matches('/');
            scope.spawn(move || {
                let answer = ask(addr, "PUT /one", "", body);
                assert!([200, 201].contains(&answer.status()), "{answer:?}");
                assert_eq!(answer.text(), format!("{}  one\n", hash(body)));
            });
        }
    });
    let found = fs::read(folder.path("one")).unwrap();
    assert!(bodies.contains(&found), "all of one of them");
    assert_eq!(names(&folder), ["one"]);
    for upload in uploads {
        assert!(upload.peak_bytes() < 16 << 20, "a body is not held");
    }
}

#[test]
fn what_was_put_where_a_part_could_be_foretold_is_not_written_to() {
    let (folder, outside) = (Folder::new(), Folder::new());
    fs::write(outside.path("victim"), "before").unwrap();
    symlink(outside.path("victim"), folder.path(".upload-0.part")).unwrap();
    symlink(outside.path("victim"), folder.path("link")).unwrap();
    let upload = start("upload", &[&folder.path("").display().to_string()]);
    let addr = upload.place.trim_end_matches('/');
    assert_eq!(ask(addr, "PUT /one", "", b"one").status(), 201);
    // A link is replaced itself.
    assert_eq!(ask(addr, "PUT /link", "", b"new").status(), 200);
    assert_eq!(fs::read(outside.path("victim")).unwrap(), b"before");
    assert_eq!(fs::read(folder.path("link")).unwrap(), b"new");
    assert!(!folder.path("link").is_symlink());
}

#[test]
fn a_part_of_a_file_or_another_form_of_it_is_not_taken_for_the_file() {
    let folder = Folder::new();
    fs::write(folder.path("kept"), "before").unwrap();
    let upload = start("upload", &[&folder.path("").display().to_string()]);
    let addr = upload.place.trim_end_matches('/');
    for (field, status, word) in [
        ("content-range: bytes 4-5/6", 400, "Content-Range"),
        ("content-range: bytes */6", 400, "Content-Range"),
        ("content-range: nonsense", 400, "Content-Range"),
        ("content-encoding: gzip", 415, "Content-Encoding"),
    ] {
        let answer = ask(addr, "PUT /kept", &format!("{field}\r\n"), b"re");
        assert_eq!(answer.status(), status, "{field}");
        assert!(answer.text().contains(word), "{answer:?}");
        assert_eq!(fs::read(folder.path("kept")).unwrap(), b"before");
    }
    let identity = ask(addr, "PUT /kept", "content-encoding: identity\r\n", b"new");
    assert_eq!(identity.status(), 200);
}

#[test]
fn a_file_that_is_replaced_keeps_its_permissions_and_a_new_one_has_those_of_the_mask() {
    let folder = Folder::new();
    let mut command = Command::new("sh");
    command.args(["-c", "umask 027; exec \"$@\"", "sh"]);
    command.arg(example("upload").get_program());
    command.args(["--listen", "0"]).arg(folder.path(""));
    let upload = Tool::listening(&mut command, "at http://");
    let addr = upload.place.trim_end_matches('/');
    for (had, wanted) in [
        (0o600, 0o600),
        (0o666, 0o666),
        (0o444, 0o444),
        (0o6755, 0o755),
    ] {
        let path = folder.path("file");
        let _ = fs::remove_file(&path);
        fs::write(&path, "before").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(had)).unwrap();
        let mut begun = begin(addr, "PUT /file", "", 4);
        begun.write_all(b"ha").unwrap();
        until(|| !parts(&folder).is_empty());
        assert_eq!(
            mode(&folder, &parts(&folder)[0]),
            0o600,
            "until it is whole"
        );
        begun.write_all(b"lf").unwrap();
        assert_eq!(answer(begun).status(), 200);
        assert_eq!(mode(&folder, "file"), wanted, "{had:o}");
    }
    assert_eq!(ask(addr, "PUT /new", "", b"new").status(), 201);
    assert_eq!(mode(&folder, "new"), 0o640);
}

#[test]
fn what_is_no_file_is_not_replaced_and_a_name_may_be_of_any_letters() {
    let folder = Folder::new();
    folder.fifo("pipe");
    fs::create_dir(folder.path("folder")).unwrap();
    let upload = start("upload", &[&folder.path("").display().to_string()]);
    let addr = upload.place.trim_end_matches('/');
    let long = format!("/{}", "n".repeat(300));
    for (path, status) in [
        ("/pipe", 409),
        ("/folder", 409),
        ("/folder/x", 400),
        ("/folder/", 400),
        ("/", 400),
        ("/.hidden", 400),
        ("/%2e%2e", 400),
        ("/a%2fb", 400),
        (&*long, 400),
        ("/two%20words", 201),
        ("/caf%E9", 201),
    ] {
        assert_eq!(
            ask(addr, &format!("PUT {path}"), "", b"x").status(),
            status,
            "{path}"
        );
    }
    let names: BTreeSet<_> = fs::read_dir(folder.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_encoded_bytes())
        .collect();
    let wanted = [&b"caf\xe9"[..], b"folder", b"pipe", b"two words"];
    assert_eq!(names, wanted.map(<[u8]>::to_vec).into());
    for (method, status) in [
        ("GET", 405),
        ("DELETE", 405),
        ("OPTIONS", 204),
        ("BREW", 501),
    ] {
        let answer = ask(addr, &format!("{method} /pipe"), "", b"");
        assert_eq!(answer.status(), status, "{method}");
        let allow = (status < 500).then_some("OPTIONS, PUT");
        assert_eq!(answer.field("allow"), allow, "{method}");
    }
}

#[test]
fn what_there_is_no_room_for_is_told_and_leaves_what_was_there() {
    let folder = Folder::new();
    fs::write(folder.path("kept"), "before").unwrap();
    // No file may have more than a few blocks: an error, and not a signal.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -f 8; trap '' XFSZ; exec \"$@\"", "sh"]);
    command.arg(example("upload").get_program());
    command.args(["--listen", "0"]).arg(folder.path(""));
    let mut upload = Tool::listening(&mut command, "at http://");
    let addr = upload.place.trim_end_matches('/').to_owned();
    let answer = ask(&addr, "PUT /kept", "", &pattern(32 << 10));
    assert_eq!(answer.status(), 507, "{answer:?}");
    upload.says("File too large");
    assert_eq!(fs::read(folder.path("kept")).unwrap(), b"before");
    assert_eq!(names(&folder), ["kept"]);
}

#[test]
fn a_signal_that_ends_it_leaves_no_part_of_an_upload() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let folder = Folder::new();
        let shown = folder.path("").display().to_string();
        let mut upload = start("upload", &["--grace", "0", &shown]);
        let mut begun = begin(upload.place.trim_end_matches('/'), "PUT /x", "", 4);
        begun.write_all(b"ha").unwrap();
        until(|| !parts(&folder).is_empty());
        let (status, said) = upload.stop(signal);
        assert_eq!(status, Some(code), "{said}");
        assert_eq!(names(&folder), [""; 0], "{signal}");
    }
}

#[test]
fn a_synced_upload_syncs_the_file_and_then_the_folder_that_has_its_name() {
    if !have(&["strace"]) {
        return;
    }
    let (folder, log) = (Folder::new(), Folder::new());
    let mut command = Command::new("strace");
    // The tracer is the grandchild, so that signals reach the tool.
    command.args(["-D", "-f", "-y", "-e", "trace=fsync,rename,renameat2", "-o"]);
    command
        .arg(log.path("log"))
        .arg(example("upload").get_program());
    command
        .args(["--sync", "--listen", "0"])
        .arg(folder.path(""));
    let mut upload = Tool::listening(&mut command, "at http://");
    let addr = upload.place.trim_end_matches('/').to_owned();
    for status in [201, 200] {
        assert_eq!(ask(&addr, "PUT /x", "", b"x").status(), status);
    }
    assert_eq!(upload.stop("TERM").0, Some(143));
    until(|| fs::read_to_string(log.path("log")).is_ok_and(|log| log.contains("exited with 143")));
    let calls = fs::read_to_string(log.path("log")).unwrap();
    let calls = calls.lines().filter_map(|line| {
        let call = line.split_once(' ')?.1.trim_start();
        let is_of_part = call.contains(".part");
        Some(match call.split_once('(')?.0 {
            "fsync" if is_of_part => "file",
            "fsync" => "folder",
            "rename" | "renameat2" => "rename",
            _ => return None,
        })
    });
    let mut calls: Vec<&str> = calls.collect();
    calls.dedup();
    assert_eq!(calls, ["file", "rename", "folder"].repeat(2));
}

/// A file system may report only at the close that it could not keep the data.
#[test]
fn an_upload_is_closed_before_it_is_put_in_its_place() {
    if !have(&["strace"]) {
        return;
    }
    let (folder, log) = (Folder::new(), Folder::new());
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-y", "-e", "trace=close,rename,renameat2", "-o"]);
    command
        .arg(log.path("log"))
        .arg(example("upload").get_program());
    command.args(["--listen", "0"]).arg(folder.path(""));
    let mut upload = Tool::listening(&mut command, "at http://");
    let addr = upload.place.trim_end_matches('/').to_owned();
    assert_eq!(ask(&addr, "PUT /x", "", b"x").status(), 201);
    assert_eq!(upload.stop("TERM").0, Some(143));
    until(|| fs::read_to_string(log.path("log")).is_ok_and(|log| log.contains("exited with 143")));
    let calls = fs::read_to_string(log.path("log")).unwrap();
    let calls = calls.lines().filter(|line| line.contains(".part"));
    let calls: Vec<&str> = calls
        .filter_map(|line| line.split_once('(')?.0.split(' ').next_back())
        .collect();
    assert_eq!(calls.first(), Some(&"close"), "{calls:?}");
    assert!(calls[1].starts_with("rename"), "{calls:?}");
}

#[test]
fn a_folder_that_another_process_holds_is_given_up() {
    if !have(&["flock"]) {
        return;
    }
    let folder = Folder::new();
    let mut holder = Command::new("flock");
    holder
        .arg(folder.path(""))
        .args(["-c", "echo held >&2; read x"]);
    let mut holder = Running::start(&mut holder, false);
    holder.says("held");
    let upload = start("upload", &[&folder.path("").display().to_string()]);
    let addr = upload.place.trim_end_matches('/');
    let answer = ask(addr, "PUT /x", "", b"x");
    assert_eq!(answer.status(), 503, "{answer:?}");
    assert_eq!(names(&folder), [""; 0]);
    drop(holder.child.stdin.take());
    holder.finish();
    assert_eq!(ask(addr, "PUT /x", "", b"x").status(), 201);
}
