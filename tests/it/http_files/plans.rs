//! What a request for a file is answered with, in tables and without a file.

use std::time::{Duration, SystemTime};

use highwater::http::files::etag::Stamp;
use highwater::http::files::plan::{Content, Plan, Representation, plan};
use http::{HeaderValue, Method, StatusCode};

use crate::http_files::kit::{Lines, headers, long_ago};

const LEN: u64 = 1_000;

fn file() -> Representation {
    Representation {
        stamp: Stamp {
            len: LEN,
            modified: long_ago(),
            inode: 5,
        },
        content_type: "text/plain; charset=utf-8",
        is_gzip: false,
        varies: false,
        cache_control: Some(HeaderValue::from_static("max-age=60")),
    }
}

const TAG: &str = "\"3e8-de0b6b3a7640000-5\"";

fn answer(method: Method, lines: &[(&str, &str)], file: &Representation) -> Plan {
    let now: SystemTime = long_ago() + Duration::from_secs(60);
    plan(&method, &headers(lines), file, now, || 0xab)
}

#[track_caller]
fn says(plan: &Plan, lines: &[(&str, &str)]) {
    for (name, value) in lines {
        assert_eq!(plan.headers.get(*name).expect(name), value, "{name}");
    }
    assert_eq!(plan.headers.len(), lines.len(), "{:?}", plan.headers);
}

#[test]
fn a_file_is_sent_with_all_that_there_is_to_say_about_it() {
    for method in [Method::GET, Method::HEAD] {
        let plan = answer(method, &[], &file());
        assert_eq!(plan.status, StatusCode::OK);
        assert_eq!(plan.body, Content::Range(0..LEN));
        says(
            &plan,
            &[
                ("content-type", "text/plain; charset=utf-8"),
                ("x-content-type-options", "nosniff"),
                ("etag", TAG),
                ("last-modified", "Sun, 09 Sep 2001 01:46:40 GMT"),
                ("accept-ranges", "bytes"),
                ("cache-control", "max-age=60"),
            ],
        );
    }
}

#[test]
fn each_request_has_its_status_and_its_bytes() {
    let many = (0..300)
        .map(|n| format!("{0}-{0}", n * 2))
        .collect::<Vec<_>>();
    let many = format!("bytes={}", many.join(","));
    let overlapping = format!("bytes={}", vec!["0-"; 200].join(","));
    let whole = || (200, Content::Range(0..LEN));
    let part = |range| (206, Content::Range(range));
    let table: [(Lines<'_>, (u16, Content)); 16] = [
        (&[], whole()),
        (&[("range", "bytes=0-")], part(0..LEN)),
        (&[("range", "bytes=5-9")], part(5..10)),
        (&[("range", "bytes=-10")], part(990..LEN)),
        (&[("range", "bytes=0-9,5-20")], part(0..21)),
        (&[("range", "nonsense")], whole()),
        (&[("range", "bytes=0-1"), ("range", "bytes=3-4")], whole()),
        // No amplification: once, or as if nothing had been asked for.
        (&[("range", &overlapping)], part(0..LEN)),
        (&[("range", &many)], whole()),
        // The parts alone would be fewer bytes, but their heads are more.
        (&[("range", "bytes=0-399,500-899")], whole()),
        // What the client holds is another state of the file.
        (&[("range", "bytes=5-9"), ("if-range", TAG)], part(5..10)),
        (&[("range", "bytes=5-9"), ("if-range", "\"a\"")], whole()),
        (&[("range", "bytes=1000-"), ("if-range", "\"a\"")], whole()),
        // A condition goes before a range.
        (
            &[("range", "bytes=5-9"), ("if-none-match", TAG)],
            (304, Content::None),
        ),
        (&[("range", "bytes=5-9"), ("if-match", TAG)], part(5..10)),
        (&[("if-none-match", TAG)], (304, Content::None)),
    ];
    for (lines, (status, body)) in table {
        let plan = answer(Method::GET, lines, &file());
        assert_eq!(plan.status, status, "{lines:?}");
        assert_eq!(plan.body, body, "{lines:?}");
    }
}

#[test]
fn a_range_means_nothing_to_a_head() {
    for range in ["bytes=0-9", "bytes=1000-"] {
        let plan = answer(Method::HEAD, &[("range", range)], &file());
        assert_eq!((plan.status, plan.body.len()), (StatusCode::OK, LEN));
    }
}

#[test]
fn a_part_says_which_it_is() {
    let plan = answer(Method::GET, &[("range", "bytes=5-9")], &file());
    assert_eq!(plan.headers["content-range"], "bytes 5-9/1000");
    assert_eq!(plan.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(plan.headers["etag"], TAG);
}

#[test]
fn several_parts_are_shorter_than_the_file_and_say_which_they_are() {
    let plan = answer(Method::GET, &[("range", "bytes=0-9,500-509,-10")], &file());
    assert_eq!(plan.status, StatusCode::PARTIAL_CONTENT);
    let Content::Parts(parts) = &plan.body else {
        panic!("{:?}", plan.body);
    };
    assert!(parts.len() <= LEN);
    let ranges: Vec<_> = parts
        .parts()
        .iter()
        .map(|part| part.range.clone())
        .collect();
    assert_eq!(ranges, [0..10, 500..510, 990..1000]);
    let said = "multipart/byteranges; boundary=000000000000000000000000000000ab";
    assert_eq!(plan.headers["content-type"], said);
    assert!(!plan.headers.contains_key("content-range"));
}

#[test]
fn a_range_behind_the_end_is_told_how_long_the_file_is() {
    let plan = answer(Method::GET, &[("range", "bytes=1000-")], &file());
    assert_eq!(plan.status, StatusCode::RANGE_NOT_SATISFIABLE);
    says(
        &plan,
        &[
            ("content-range", "bytes */1000"),
            ("content-type", "text/plain; charset=utf-8"),
        ],
    );
}

#[test]
fn an_empty_file_is_sent_whole_whatever_part_of_it_is_asked_for() {
    let mut file = file();
    file.stamp.len = 0;
    for range in ["bytes=0-", "bytes=-1", "bytes=0-0"] {
        let plan = answer(Method::GET, &[("range", range)], &file);
        assert_eq!(
            (plan.status, plan.body),
            (StatusCode::OK, Content::Range(0..0))
        );
    }
}

#[test]
fn a_304_says_what_caches_need_and_a_412_nothing() {
    let varies = Representation {
        varies: true,
        ..file()
    };
    let plan = answer(Method::GET, &[("if-none-match", TAG)], &varies);
    assert_eq!(plan.status, StatusCode::NOT_MODIFIED);
    says(
        &plan,
        &[
            ("etag", TAG),
            ("vary", "accept-encoding"),
            ("cache-control", "max-age=60"),
        ],
    );
    let plan = answer(Method::GET, &[("if-match", "\"a\"")], &varies);
    assert_eq!(plan.status, StatusCode::PRECONDITION_FAILED);
    says(&plan, &[("content-type", "text/plain; charset=utf-8")]);
    assert_eq!(plan.body, Content::Text("412 Precondition Failed\n".into()));
}

#[test]
fn a_variant_has_a_tag_of_its_own_and_is_sent_in_parts_of_its_own() {
    let gzip = Representation {
        is_gzip: true,
        varies: true,
        ..file()
    };
    let plan = answer(Method::GET, &[("range", "bytes=5-9")], &gzip);
    assert_eq!(plan.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(plan.headers["content-encoding"], "gzip");
    assert_eq!(plan.headers["vary"], "accept-encoding");
    assert_eq!(plan.headers["etag"], "\"3e8-de0b6b3a7640000-5-gz\"");
    let lines = [("range", "bytes=5-9"), ("if-range", TAG)];
    let plan = answer(Method::GET, &lines, &gzip);
    assert_eq!(
        plan.status,
        StatusCode::OK,
        "that of another form is not this one"
    );
}

#[test]
fn a_time_that_no_header_can_say_is_left_out() {
    let mut file = file();
    file.stamp.modified = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    let plan = answer(Method::GET, &[], &file);
    assert!(!plan.headers.contains_key("last-modified"));
    assert!(plan.headers.contains_key("etag"));
}
