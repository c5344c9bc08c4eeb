//! Races: what is served while somebody swaps what is there.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use highwater::http::files::Folder;
use http::StatusCode;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::http_files::kit::{Temp, get};

/// How often a name is swapped for another at most. It stops when enough has been asked.
const SWAPS: usize = 10_000_000;

/// How often it is asked for meanwhile, and at most, on a machine where one of the two has to wait.
const REQUESTS: usize = 5_000;
const REQUESTS_MAX: usize = 1_000_000;

/// Asks for a path again and again while two names change places, and never gets what is outside.
/// Says how often it got the file, and how often none: at least as often as is wanted.
fn raced(
    temp: &Temp,
    folder: &Folder,
    path: &str,
    names: [&str; 2],
    wanted: [usize; 2],
) -> [usize; 2] {
    let done = AtomicBool::new(false);
    let mut counts = [0; 2];
    thread::scope(|scope| {
        scope.spawn(|| {
            let [one, other] = names.map(|name| temp.path(name));
            let swap = || renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
            for _ in 0..SWAPS {
                // Twice, so that in the end all is where it was.
                swap();
                swap();
                if done.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        for asked in 0..REQUESTS_MAX {
            if asked >= REQUESTS && counts[0] >= wanted[0] && counts[1] >= wanted[1] {
                break;
            }
            let answer = get(folder, path);
            match answer.status {
                StatusCode::OK => {
                    assert_eq!(answer.text(), "public", "{path}");
                    counts[0] += 1;
                }
                // Renamed so often that the kernel would not be sure.
                StatusCode::NOT_FOUND | StatusCode::SERVICE_UNAVAILABLE => counts[1] += 1,
                status => panic!("{status} for {path}"),
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    counts
}

#[test]
fn a_link_that_is_swapped_in_is_never_followed_out() {
    let temp = Temp::with(&[
        ("out/a.txt", "secret"),
        ("in/a.txt", "public"),
        ("in/b/a.txt", "public"),
        ("in/b/c/a.txt", "public"),
    ]);
    symlink("../out/a.txt", temp.path("in/link.txt")).unwrap();
    symlink("../out", temp.path("in/link")).unwrap();
    symlink("../../out", temp.path("in/b/link")).unwrap();
    let refused = Folder::open(temp.path("in")).unwrap();
    let followed = Folder::open(temp.path("in")).unwrap().symlinks(true);
    for folder in [&refused, &followed] {
        for (path, names) in [
            ("/a.txt", ["in/a.txt", "in/link.txt"]),
            ("/b/a.txt", ["in/b", "in/link"]),
            ("/b/c/a.txt", ["in/b/c", "in/b/link"]),
        ] {
            let [found, missing] = raced(&temp, folder, path, names, [10, 10]);
            assert!(
                found >= 10 && missing >= 10,
                "no race: {path}, {found}, {missing}"
            );
        }
    }
}

/// A folder that is moved out while a path goes through it has taken its file along. What is behind
/// it then is no longer reached.
#[test]
fn a_folder_that_is_moved_out_takes_nobody_further_out() {
    let temp = Temp::with(&[
        ("in/b/a.txt", "public"),
        ("out/a.txt", "public"),
        ("secret", "secret"),
    ]);
    // From where `out` is, two dots would lead to the secret.
    symlink("../secret", temp.path("in/b/up")).unwrap();
    let folder = Folder::open(temp.path("in")).unwrap().symlinks(true);
    let names = ["in/b", "out"];
    let [found, missing] = raced(&temp, &folder, "/b/up", names, [0, REQUESTS]);
    assert_eq!((found, missing), (0, REQUESTS));
    fs::remove_file(temp.path("secret")).unwrap();
}
