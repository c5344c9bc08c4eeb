//! Files that are taken.

use std::fs;
use std::io::Write;
use std::net::{Shutdown, TcpStream};

use super::{curl, got, start};
use crate::folder::Folder;
use crate::tool::{have, pattern};

fn names(folder: &Folder) -> Vec<String> {
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
    let mut check = std::process::Command::new("sha256sum");
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
