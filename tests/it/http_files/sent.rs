//! Files behind a server: what comes over a socket, and what becomes of a file that changes meanwhile.

use std::fs;
use std::io::{self, Read, Write};

use crate::http_files::kit::{Temp, age, long_ago};
use crate::http_files::site::{Head, Site, ask, take};
use crate::support::{alone, memory_kib};

#[test]
fn one_connection_has_every_kind_of_answer_in_turn() {
    let text: String = (0..2_000).map(|n| format!("{n:04}\n")).collect();
    let temp = Temp::with(&[("a.txt", &text), ("empty", ""), ("b/c", "c")]);
    let site = Site::of(temp.folder().listing(true));
    let mut stream = site.connect();
    for _ in 0..3 {
        let head = ask(&mut stream, "GET", "/a.txt", &[]);
        assert_eq!((head.status, head.length()), (200, 10_000));
        assert_eq!(take(&mut stream, 10_000), text.as_bytes());
        let tag = head.headers["etag"].clone();
        let date = &head.headers["date"];
        assert!(httpdate::parse_http_date(date).is_ok(), "{date}");

        let head = ask(&mut stream, "HEAD", "/a.txt", &[]);
        assert_eq!((head.status, head.length()), (200, 10_000));

        let known = format!("If-None-Match: {tag}");
        let head = ask(&mut stream, "GET", "/a.txt", &[&known]);
        assert_eq!(head.status, 304);
        assert!(!head.headers.contains_key("content-length"));
        assert!(!head.headers.contains_key("transfer-encoding"));

        let head = ask(&mut stream, "GET", "/a.txt", &["Range: bytes=5-9"]);
        assert_eq!((head.status, head.length()), (206, 5));
        assert_eq!(take(&mut stream, 5), b"0001\n");

        let range = "Range: bytes=9995-,0-4,5000-5004";
        let head = ask(&mut stream, "GET", "/a.txt", &[range]);
        assert_eq!(head.status, 206);
        let body = String::from_utf8(take(&mut stream, head.length())).unwrap();
        let of_part = |range: &str, text: &str| {
            format!(
                "content-type: text/plain; charset=utf-8\r\n\
                 content-range: bytes {range}/10000\r\n\r\n{text}\r\n--"
            )
        };
        let expected = [
            of_part("9995-9999", "1999\n"),
            of_part("0-4", "0000\n"),
            of_part("5000-5004", "1000\n"),
        ];
        let found: Vec<usize> = expected.iter().filter_map(|part| body.find(part)).collect();
        assert!(found.len() == 3 && found.is_sorted(), "{body}");

        let head = ask(&mut stream, "GET", "/a.txt", &["Range: bytes=10000-"]);
        assert_eq!(head.status, 416);
        assert_eq!(head.headers["content-range"], "bytes */10000");
        take(&mut stream, head.length());

        let head = ask(&mut stream, "GET", "/empty", &["Range: bytes=0-"]);
        assert_eq!((head.status, head.length()), (200, 0));

        let head = ask(&mut stream, "GET", "/b", &[]);
        assert_eq!((head.status, &*head.headers["location"]), (301, "/b/"));
        take(&mut stream, head.length());

        let head = ask(&mut stream, "GET", "/b/", &[]);
        assert_eq!(head.status, 200);
        let page = String::from_utf8(take(&mut stream, head.length())).unwrap();
        assert!(page.contains("<a href=\"c\">c</a>"), "{page}");

        let head = ask(&mut stream, "GET", "/none", &[]);
        assert_eq!(head.status, 404);
        take(&mut stream, head.length());

        let head = ask(&mut stream, "DELETE", "/a.txt", &[]);
        assert_eq!(
            (head.status, &*head.headers["allow"]),
            (405, "GET, HEAD, OPTIONS")
        );
        take(&mut stream, head.length());
    }
    drop(stream);
    assert_eq!(site.told(), [] as [&str; 0]);
}

/// A file with nothing on the disk, larger than what a socket holds.
fn large(temp: &Temp, bytes: u64) {
    let path = temp.path("large.bin");
    fs::File::create(&path).unwrap().set_len(bytes).unwrap();
    age(&path, long_ago());
}

const LARGE: u64 = 64 << 20;

/// Asks for a large file, has something done to it while it is on the way, and reads on to the end.
/// Tells the head, how much has come, and how it ended.
fn meanwhile(
    range: &[&str],
    change: impl FnOnce(&Temp),
) -> (Head, u64, io::Result<()>, Vec<String>) {
    let temp = Temp::new();
    large(&temp, LARGE);
    let site = Site::of(temp.folder());
    let mut stream = site.connect();
    let lines = [range, &["Connection: close"]].concat();
    let head = ask(&mut stream, "GET", "/large.bin", &lines);
    // The server is in the middle of it: no socket holds so much.
    change(&temp);
    let mut come = 0;
    let mut room = vec![0; 1 << 16];
    let ended = loop {
        match stream.read(&mut room) {
            Ok(0) => break Ok(()),
            Ok(bytes) => come += bytes as u64,
            Err(error) => break Err(error),
        }
    };
    (head, come, ended, site.told())
}

const TWO_RANGES: &[&str] = &["Range: bytes=0-20000000,30000000-60000000"];

#[test]
fn a_file_that_becomes_shorter_cuts_the_connection() {
    for range in [&[][..], &["Range: bytes=1-"], TWO_RANGES] {
        let (head, come, _ended, told) = meanwhile(range, |temp| {
            let file = fs::File::options().write(true).open(temp.path("large.bin"));
            file.unwrap().set_len(100).unwrap();
        });
        assert!(head.length() > LARGE / 2);
        assert!(
            come < head.length(),
            "{come} of {} for {range:?}",
            head.length()
        );
        assert!(
            told.iter().any(|error| error.contains("the file")),
            "{told:?}"
        );
    }
}

#[test]
fn of_a_file_that_grows_no_more_is_sent_than_was_promised() {
    for range in [&[][..], &["Range: bytes=1-"], TWO_RANGES] {
        let (head, come, ended, told) = meanwhile(range, |temp| {
            let file = fs::File::options()
                .append(true)
                .open(temp.path("large.bin"));
            file.unwrap().write_all(&[b'x'; 100_000]).unwrap();
        });
        ended.unwrap();
        assert_eq!(come, head.length(), "{range:?}");
        assert_eq!(told, [] as [&str; 0]);
    }
}

#[test]
fn a_client_that_goes_away_is_the_end_of_its_connection_alone() {
    let temp = Temp::with(&[("a.txt", "a")]);
    large(&temp, LARGE);
    let site = Site::of(temp.folder());
    for range in [&[][..], TWO_RANGES] {
        let mut gone = site.connect();
        let head = ask(&mut gone, "GET", "/large.bin", range);
        assert!(head.status < 300);
        drop(gone);
        let mut stream = site.connect();
        let head = ask(&mut stream, "GET", "/a.txt", &[]);
        assert_eq!((head.status, take(&mut stream, 1)), (200, b"a".to_vec()));
    }
}

/// Whatever its size, a file costs a buffer, in one range and in several, at whatever pace it is read.
#[test]
fn a_large_file_costs_no_more_memory_than_a_small_one() {
    alone(|| {
        const HUGE: u64 = 1 << 30;
        const CLIENTS: usize = 8;
        let temp = Temp::new();
        large(&temp, HUGE);
        let site = Site::of(temp.folder());
        let before = memory_kib("VmRSS:") << 10;
        let ranges = ["Range: bytes=0-", "Range: bytes=0-499999999,600000000-"];
        let mut streams: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let mut stream = site.connect();
                let head = ask(&mut stream, "GET", "/large.bin", &[ranges[client % 2]]);
                assert_eq!(head.status, 206);
                stream
            })
            .collect();
        // Each takes a part of its own, and no more: all of them are in the middle of it.
        let mut room = vec![0; 1 << 20];
        let mut most = 0;
        for _ in 0..8 {
            for stream in &mut streams {
                stream.read_exact(&mut room).unwrap();
            }
            most = most.max((memory_kib("VmRSS:") << 10).saturating_sub(before));
        }
        // A mark, a chunk, the one in hand, and what the allocator makes of it; nothing of a gigabyte.
        assert!(most < CLIENTS as u64 * (2 << 20) + (8 << 20), "{most}");
    });
}
