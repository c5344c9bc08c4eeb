//! Conditions: RFC 9110, section 13, each row with its rule.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use highwater::http::files::conditional::{Validators, Verdict, allows_range, judge};
use highwater::http::files::etag::{ETag, SETTLES_IN, Stamp};
use http::Method;

use crate::http_files::kit::{Lines, headers, long_ago};

fn now() -> SystemTime {
    long_ago() + Duration::from_secs(1_000)
}

/// A file of 100 bytes in the inode 5. Its tag is `TAG`, and its time `TIME`.
fn stamp() -> Stamp {
    Stamp {
        len: 100,
        modified: long_ago(),
        inode: 5,
    }
}

const TAG: &str = "\"64-de0b6b3a7640000-5\"";
const WEAK: &str = "W/\"64-de0b6b3a7640000-5\"";
const TIME: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
const EARLIER: &str = "Sun, 09 Sep 2001 01:46:39 GMT";
const LATER: &str = "Sun, 09 Sep 2001 01:46:41 GMT";

fn validators() -> Validators {
    Validators::of(&stamp(), None, now())
}

#[test]
fn a_condition_is_judged_in_the_order_of_the_rfc() {
    use Verdict::{Failed, NotModified, Proceed};
    let list = format!("\"a\", {TAG}");
    let commas = format!("\"a,b\",W/\"c,\", {TAG}");
    let weak_list = format!("\"a\",{WEAK} ,\"b\"");
    let table: [(Lines<'_>, Verdict, Verdict); 38] = [
        // What is sent, what a GET comes to, and what a DELETE would.
        (&[], Proceed, Proceed),
        // 13.1.1, strong comparison
        (&[("if-match", TAG)], Proceed, Proceed),
        (&[("if-match", &list)], Proceed, Proceed),
        (
            &[("if-match", "\"a\""), ("if-match", TAG)],
            Proceed,
            Proceed,
        ),
        (&[("if-match", "*")], Proceed, Proceed),
        (&[("if-match", "\"a\"")], Failed, Failed),
        (&[("if-match", WEAK)], Failed, Failed),
        (&[("if-match", "")], Failed, Failed),
        (&[("if-match", "64-de0b6b3a7640000-5")], Failed, Failed),
        // 13.1.2, weak comparison
        (&[("if-none-match", TAG)], NotModified, Failed),
        (&[("if-none-match", WEAK)], NotModified, Failed),
        (&[("if-none-match", &weak_list)], NotModified, Failed),
        (
            &[("if-none-match", "\"a\""), ("if-none-match", TAG)],
            NotModified,
            Failed,
        ),
        (&[("if-none-match", &commas)], NotModified, Failed),
        (&[("if-none-match", "*")], NotModified, Failed),
        (&[("if-none-match", "\"a\"")], Proceed, Proceed),
        (&[("if-none-match", "\"a,\", \"b")], Proceed, Proceed),
        (
            &[("if-none-match", "w/\"64-de0b6b3a7640000-5\"")],
            Proceed,
            Proceed,
        ),
        (&[("if-none-match", "nonsense")], Proceed, Proceed),
        // 13.1.3
        (&[("if-modified-since", TIME)], NotModified, Proceed),
        (&[("if-modified-since", LATER)], NotModified, Proceed),
        (&[("if-modified-since", EARLIER)], Proceed, Proceed),
        (
            &[("if-modified-since", "Sunday, 09-Sep-01 01:46:40 GMT")],
            NotModified,
            Proceed,
        ),
        (
            &[("if-modified-since", "Sun Sep  9 01:46:40 2001")],
            NotModified,
            Proceed,
        ),
        (&[("if-modified-since", "yesterday")], Proceed, Proceed),
        (&[("if-modified-since", "")], Proceed, Proceed),
        (
            &[("if-modified-since", TIME), ("if-modified-since", LATER)],
            Proceed,
            Proceed,
        ),
        // 13.1.4
        (&[("if-unmodified-since", TIME)], Proceed, Proceed),
        (&[("if-unmodified-since", LATER)], Proceed, Proceed),
        (&[("if-unmodified-since", EARLIER)], Failed, Failed),
        (&[("if-unmodified-since", "yesterday")], Proceed, Proceed),
        // 13.2.2: a tag goes before a date, and If-Match before If-None-Match.
        (
            &[("if-none-match", "\"a\""), ("if-modified-since", LATER)],
            Proceed,
            Proceed,
        ),
        (
            &[("if-none-match", TAG), ("if-modified-since", EARLIER)],
            NotModified,
            Failed,
        ),
        (
            &[("if-match", TAG), ("if-unmodified-since", EARLIER)],
            Proceed,
            Proceed,
        ),
        (
            &[("if-match", "\"a\""), ("if-none-match", TAG)],
            Failed,
            Failed,
        ),
        (
            &[("if-match", TAG), ("if-none-match", TAG)],
            NotModified,
            Failed,
        ),
        (
            &[("if-unmodified-since", EARLIER), ("if-none-match", TAG)],
            Failed,
            Failed,
        ),
        (
            &[("if-unmodified-since", TIME), ("if-modified-since", TIME)],
            NotModified,
            Proceed,
        ),
    ];
    for (lines, of_get, of_delete) in table {
        let headers = headers(lines);
        let verdict = |method| judge(&method, &headers, &validators());
        assert_eq!(verdict(Method::GET), of_get, "{lines:?}");
        assert_eq!(verdict(Method::HEAD), of_get, "{lines:?}");
        assert_eq!(verdict(Method::DELETE), of_delete, "{lines:?}");
    }
}

#[test]
fn a_range_is_sent_only_of_what_the_client_has_the_beginning_of() {
    let table: [(Lines<'_>, bool); 12] = [
        (&[], true),
        (&[("if-range", TAG)], true),
        (&[("if-range", TIME)], true),
        // 13.1.5: strong comparison, and a date to the second.
        (&[("if-range", WEAK)], false),
        (&[("if-range", "\"a\"")], false),
        (&[("if-range", LATER)], false),
        (&[("if-range", EARLIER)], false),
        // One tag, and no list.
        (&[("if-range", "*")], false),
        (&[("if-range", "\"64-de0b6b3a7640000-5\", \"a\"")], false),
        (&[("if-range", "nonsense")], false),
        (&[("if-range", "")], false),
        (&[("if-range", TAG), ("if-range", TAG)], false),
    ];
    for (lines, allowed) in table {
        let found = allows_range(&headers(lines), &validators());
        assert_eq!(found, allowed, "{lines:?}");
    }
}

#[test]
fn a_tag_is_weak_until_its_file_can_no_longer_change_within_a_tick() {
    let at = |now: SystemTime| ETag::of(&stamp(), None, now);
    assert_eq!(at(now()).to_string(), TAG);
    assert_eq!(at(long_ago() + SETTLES_IN).to_string(), TAG);
    let almost = long_ago() + SETTLES_IN - Duration::from_nanos(1);
    assert_eq!(at(almost).to_string(), WEAK);
    assert!(at(long_ago()).is_weak());
    assert!(
        at(long_ago() - Duration::from_secs(1_000_000)).is_weak(),
        "a time in the future"
    );

    // What is weak is good enough for a copy, and not for a part of one.
    let fresh = Validators::of(&stamp(), None, almost);
    let verdict = |name| judge(&Method::GET, &headers(&[(name, WEAK)]), &fresh);
    assert_eq!(verdict("if-none-match"), Verdict::NotModified);
    assert_eq!(verdict("if-match"), Verdict::Failed);
    for value in [TAG, WEAK, TIME] {
        assert!(
            !allows_range(&headers(&[("if-range", value)]), &fresh),
            "{value}"
        );
    }
    // A copy that was taken then is still as good later.
    let verdict = judge(
        &Method::GET,
        &headers(&[("if-none-match", WEAK)]),
        &validators(),
    );
    assert_eq!(verdict, Verdict::NotModified);
}

#[test]
fn whatever_sets_two_files_apart_sets_their_tags_apart() {
    let of = |len, nanos, inode, variant| {
        let modified = long_ago() + Duration::from_nanos(nanos);
        ETag::of(
            &Stamp {
                len,
                modified,
                inode,
            },
            variant,
            now(),
        )
        .to_string()
    };
    let tags = [
        of(100, 0, 5, None),
        of(101, 0, 5, None),
        of(100, 1, 5, None),
        of(100, 0, 6, None),
        of(100, 0, 5, Some("gz")),
    ];
    for (at, tag) in tags.iter().enumerate() {
        assert!(!tags[..at].contains(tag), "{tags:?}");
    }
}

#[test]
fn a_time_that_no_header_can_say_is_not_said() {
    let before_1970 = UNIX_EPOCH - Duration::from_nanos(1_500_000_000);
    let far = UNIX_EPOCH + Duration::from_secs(1 << 40);
    for modified in [before_1970, far, UNIX_EPOCH, now() + Duration::from_secs(1)] {
        let stamp = Stamp {
            modified,
            ..stamp()
        };
        let validators = Validators::of(&stamp, None, now());
        let said = validators.last_modified();
        assert!(said.is_none_or(|said| said <= now()), "{modified:?}");
        assert_eq!(said.is_none(), modified < UNIX_EPOCH, "{modified:?}");
        // Never the same as that of another time.
        assert_ne!(*validators.etag(), *self::validators().etag());
        let headers = headers(&[("if-modified-since", TIME)]);
        let verdict = judge(&Method::GET, &headers, &validators);
        let is_known = verdict == Verdict::NotModified;
        assert_eq!(is_known, modified == UNIX_EPOCH, "{modified:?}");
    }
    let stamp = Stamp {
        modified: before_1970,
        ..stamp()
    };
    assert_eq!(
        ETag::of(&stamp, None, now()).to_string(),
        "\"64--59682f00-5\""
    );
}
