//! What is no file of the folder: links out of it, pipes, devices, what may not be read.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::{env, fs, thread};

use highwater::http::files::Folder;
use http::StatusCode;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::http_files::kit::{Temp, get};

/// A folder `in` beside a file that is none of its business, with links of every kind in it.
fn with_links() -> Temp {
    let temp = Temp::with(&[
        ("secret.txt", "secret"),
        ("in/a.txt", "a"),
        ("in/b/c.txt", "c"),
    ]);
    let link = |to: &str, at: &str| symlink(to, temp.path(at)).unwrap();
    link("../secret.txt", "in/up.txt");
    link("..", "in/up");
    link("../in/a.txt", "in/up-and-back.txt");
    link("/etc/passwd", "in/absolute.txt");
    link(
        temp.path("in/a.txt").to_str().unwrap(),
        "in/absolute-inside.txt",
    );
    link("/", "in/slash");
    link("/proc/self/root", "in/magic");
    link("loop", "in/loop");
    link("none", "in/dangling");
    link("a.txt", "in/inside.txt");
    link("b", "in/inside");
    link("../a.txt", "in/b/inside.txt");
    temp
}

const OUT: [&str; 11] = [
    "/up.txt",
    "/up/secret.txt",
    "/up",
    "/up/in/a.txt",
    "/up-and-back.txt",
    "/absolute.txt",
    "/absolute-inside.txt",
    "/slash/etc/passwd",
    "/magic/etc/passwd",
    "/loop",
    "/dangling",
];

const INSIDE: [(&str, &str); 3] = [
    ("/inside.txt", "a"),
    ("/inside/c.txt", "c"),
    ("/b/inside.txt", "a"),
];

#[test]
fn no_link_leads_out_of_the_folder_and_none_is_followed_unless_it_may_be() {
    let temp = with_links();
    let refused = Folder::open(temp.path("in")).unwrap();
    let followed = Folder::open(temp.path("in")).unwrap().symlinks(true);
    for path in OUT {
        for folder in [&refused, &followed] {
            assert_eq!(get(folder, path).status, StatusCode::NOT_FOUND, "{path}");
        }
    }
    let follows = env::var_os(BY_STEPS).is_none();
    for (path, text) in INSIDE {
        assert_eq!(get(&refused, path).status, StatusCode::NOT_FOUND, "{path}");
        let answer = get(&followed, path);
        if follows {
            assert_eq!(
                (answer.status, answer.text()),
                (StatusCode::OK, text),
                "{path}"
            );
        } else {
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
    for folder in [&refused, &followed] {
        assert_eq!(get(folder, "/a.txt").text(), "a");
        assert_eq!(get(folder, "/b/c.txt").text(), "c");
        assert_eq!(get(folder, "/b").status, StatusCode::MOVED_PERMANENTLY);
    }
}

/// A folder may itself be behind a link: who serves it has named it.
#[test]
fn the_folder_itself_may_be_a_link() {
    let temp = with_links();
    symlink("in", temp.path("link")).unwrap();
    let folder = Folder::open(temp.path("link")).unwrap();
    assert_eq!(get(&folder, "/a.txt").text(), "a");
}

#[test]
fn what_is_no_regular_file_holds_up_nobody_and_is_not_found() {
    let temp = Temp::with(&[("a.txt", "a")]);
    mknodat(
        CWD,
        temp.path("pipe"),
        FileType::Fifo,
        Mode::RUSR | Mode::WUSR,
        0,
    )
    .unwrap();
    let _listener = UnixListener::bind(temp.path("socket")).unwrap();
    let null = rustix::fs::makedev(1, 3);
    let has_device = mknodat(
        CWD,
        temp.path("device"),
        FileType::CharacterDevice,
        Mode::RUSR,
        null,
    )
    .is_ok();
    if !has_device {
        eprintln!("no device could be made: that row is skipped");
    }
    let folder = temp.folder().gzip(true).listing(true);
    // A pipe that nobody writes to would block whoever opens it. That this comes back is the test.
    for path in ["/pipe", "/socket", "/device", "/pipe/", "/socket/"] {
        assert_eq!(get(&folder, path).status, StatusCode::NOT_FOUND, "{path}");
    }
    let page = get(&folder, "/");
    assert!(page.text().contains("a.txt"));
    for name in ["pipe", "socket", "device"] {
        assert!(!page.text().contains(name), "{name}");
    }
    // Nor does one that is beside a file, or in the place of an index.
    mknodat(CWD, temp.path("a.txt.gz"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    mknodat(CWD, temp.path("index.html"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    assert_eq!(get(&folder, "/a.txt").text(), "a");
    assert!(get(&folder, "/").text().contains("a.txt"));
}

#[test]
fn what_may_not_be_read_is_forbidden() {
    let temp = Temp::with(&[("a.txt", "a"), ("b/c.txt", "c"), ("d/index.html", "d")]);
    let mode = |name: &str, mode| {
        fs::set_permissions(temp.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("a.txt", 0);
    mode("b", 0);
    mode("d/index.html", 0);
    // Nothing is forbidden to root, so a thread of its own gives that up, and ends.
    thread::scope(|scope| {
        let as_nobody = scope.spawn(|| {
            if rustix::process::getuid().is_root() {
                let nobody = rustix::thread::Uid::from_raw(65534);
                rustix::thread::set_thread_uid(nobody).unwrap();
            }
            for path in ["/a.txt", "/b/c.txt", "/d/", "/d/index.html"] {
                let answer = get(&temp.folder(), path);
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
                assert_eq!(answer.text(), "403 Forbidden\n");
            }
            assert_eq!(get(&temp.folder(), "/none").status, StatusCode::NOT_FOUND);
        });
        as_nobody.join().unwrap();
    });
    mode("b", 0o700);
}

/// Set in a process for which there is no `openat2`.
const BY_STEPS: &str = "HIGHWATER_TEST_BY_STEPS";

/// Runs the tests of this file again, where an old kernel or a sandbox answers.
#[test]
fn without_openat2_each_step_is_opened_by_itself() {
    if env::var_os(BY_STEPS).is_some() {
        return;
    }
    if Command::new("strace").arg("-V").output().is_err() {
        eprintln!("skipped: there is no strace");
        return;
    }
    for errno in ["ENOSYS", "EPERM"] {
        let ran = Command::new("strace")
            .args(["-f", "--seccomp-bpf", "-qq", "-e", "trace=openat2", "-e"])
            .arg(format!("inject=openat2:error={errno}"))
            .arg(env::current_exe().unwrap())
            .args([
                "http_files::escapes::",
                "http_files::found::",
                "http_files::swapped::",
            ])
            .env(BY_STEPS, "yes")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success(), "{said}");
        assert!(said.contains(" passed"), "{said}");
        let traced = String::from_utf8_lossy(&ran.stderr);
        assert!(traced.contains("INJECTED"), "{traced}");
    }
}
