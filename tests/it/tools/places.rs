//! Places that are almost right: what is wrong with them, and what would be right.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::{Folder, example, have};
use crate::tools::{ends_with, run, said};

#[test]
fn a_place_that_is_almost_right_gets_a_sentence_and_makes_no_file() {
    let folder = Folder::new();
    for (place, why) in [
        ("http://localhost/x", "no HTTP is spoken here"),
        ("https://localhost/x", "curl"),
        ("ftp://localhost/x", "ftp:// is not known"),
        ("tcp://localhost", "names no port"),
        ("tcp://localhost:", "has an invalid port"),
        ("tcp://localhost:http", "has an invalid port"),
        ("tcp://localhost:80/x", "has an invalid port"),
        ("tcp://localhost:65536", "has an invalid port"),
        ("tcp://localhost:+80", "has an invalid port"),
        ("tcp://:80", "names no host"),
        ("tcp://[::1]", "names no port"),
        ("tcp://::1:80", "without brackets"),
        ("tcp-listen://localhost", "names no port"),
        ("tcp:localhost:80", "two slashes"),
        ("unix:", "names no path"),
    ] {
        for tool in ["copy", "tee"] {
            for places in [["/dev/null", place], [place, "/dev/null"]] {
                let mut command = example(tool);
                command.args(places).current_dir(folder.path("."));
                let said = said(&ends_with(command.stdin(Stdio::null()), 2));
                assert!(said.contains(place) && said.contains(why), "{said}");
                assert!(said.contains("(see --help)"), "{said}");
            }
        }
    }
    assert_eq!(fs::read_dir(folder.path(".")).unwrap().count(), 0);
    // With a folder before it, it is a file.
    fs::create_dir_all(folder.path("http:/x")).unwrap();
    let mut command = example("copy");
    command.current_dir(folder.path("."));
    ends_with(command.args(["/dev/null", "./http://x/y"]), 0);
    assert!(folder.path("http:/x/y").exists());
}

#[test]
fn a_proxy_says_which_of_its_places_has_no_port() {
    for place in ["tcp://host", "host:", "host:http", "::1:80", ":80"] {
        for places in [[place, "127.0.0.1:1"], ["127.0.0.1:0", place]] {
            let said = said(&run("proxy", &places, 2));
            assert!(
                said.contains(place) && said.contains("give HOST:PORT"),
                "{said}"
            );
        }
    }
}

#[test]
fn a_folder_is_named_as_the_end_that_it_is() {
    let folder = Folder::new();
    let (file, place) = (folder.path("file"), folder.path("place"));
    fs::write(&file, "one").unwrap();
    fs::create_dir(&place).unwrap();
    let [file, place] = [file, place].map(|path| path.into_os_string().into_string().unwrap());
    let to_folder = said(&run("copy", &[&file, &place], 1));
    let inside = format!("DST is a directory: name the file in it, such as {place}/file");
    assert!(to_folder.contains(&inside), "{to_folder}");
    let from_stdin = said(&run("copy", &["-", &place], 1));
    assert!(
        from_stdin.contains(&format!("such as {place}/FILE")),
        "{from_stdin}"
    );
    let from_folder = said(&run("copy", &[&place, &file], 1));
    assert!(
        from_folder.contains("a directory cannot be copied"),
        "{from_folder}"
    );
    assert!(!from_folder.contains("DST is a directory"), "{from_folder}");
    assert_eq!(fs::read(&file).unwrap(), b"one");
    let tee = said(&run("tee", &[&file, &place], 1));
    assert!(tee.contains("that is a directory"), "{tee}");
}

#[test]
fn a_tool_that_waits_for_a_terminal_says_so() {
    if !have(&["script"]) {
        return;
    }
    let folder = Folder::new();
    let to = folder.path("to").display().to_string();
    for (tool, args) in [
        ("copy", &["-", &*to][..]),
        ("lines", &[]),
        ("tee", &["-", &to]),
        ("gzip", &["-f"]),
    ] {
        let program = example(tool);
        let line = [&[program.get_program().to_str().unwrap()], args]
            .concat()
            .join(" ");
        let mut terminal = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        terminal
            .stdin
            .take()
            .unwrap()
            .write_all(b"typed\n\x04")
            .unwrap();
        let shown = terminal.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&shown.stdout).into_owned();
        let mention = format!("{tool}: reading standard input from the terminal");
        assert!(text.contains(&mention), "{text}");
        assert!(shown.status.success(), "{text}");
    }
    // Not where there is none.
    assert_eq!(said(&run("copy", &["-", &to], 0)), "");
}
