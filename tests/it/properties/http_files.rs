//! What is read out of a request for a file, against models that are too plain to be wrong, for the
//! tests and the fuzzer.

use std::collections::BTreeSet;
use std::path::Component;
use std::time::{Duration, SystemTime};

use highwater::http::files::etag::Stamp;
use highwater::http::files::path::{RequestPath, encode};
use highwater::http::files::plan::{Content, Representation, plan};
use highwater::http::files::range::{RANGES_MAX, Selection, select};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

/// Spells a text out of a small alphabet, so that what matters is not rare.
fn spell(bytes: &[u8], alphabet: &[&str]) -> String {
    let letters = bytes
        .iter()
        .map(|byte| alphabet[usize::from(*byte) % alphabet.len()]);
    letters.collect()
}

const OF_PATHS: [&str; 24] = [
    "/", "/", "..", ".", "a", "b", "%2e", "%2E", "%2f", "%5c", "\\", "%", "%00", "%25", "%c3",
    "%a9", "é", "%c0", "%ae", " ", "%af", "~", "//", "2e",
];

/// Whatever the path, what comes of it goes down from the folder, name by name.
pub(crate) fn goes_down(bytes: &[u8]) {
    let spelt = format!("/{}", spell(bytes, &OF_PATHS));
    // And as it is, where it is text.
    for path in [Some(spelt.as_str()), std::str::from_utf8(bytes).ok()] {
        let Some(path) = path else { continue };
        let Ok(relative) = RequestPath::decode(path) else {
            continue;
        };
        let found = relative.as_bytes();
        let names: Vec<Component<'_>> = relative.as_path().components().collect();
        let only_names = names
            .iter()
            .all(|name| matches!(name, Component::Normal(_)));
        assert!(only_names, "{path:?} leads to {found:?}");
        // The file system and the rule read the same names.
        let segments = found.split(|byte| *byte == b'/');
        let segments = segments.filter(|segment| !segment.is_empty());
        assert_eq!(names.len(), segments.count(), "{path:?}");
        let is_forbidden = |byte: &u8| b"\0\\\n\r".contains(byte);
        assert!(!found.iter().any(is_forbidden), "{path:?}");
        // No lax reader finds dots or slashes in it.
        let holds = |bytes: &[u8]| found.windows(bytes.len()).any(|window| window == bytes);
        assert!(!holds(b"\xc0\xae") && !holds(b"\xc0\xaf"), "{path:?}");
        assert!(
            !found.starts_with(b"/") && !found.ends_with(b"/"),
            "{path:?}"
        );

        let names: Vec<String> = found.split(|byte| *byte == b'/').map(encode).collect();
        let slash = if relative.is_directory() && !found.is_empty() {
            "/"
        } else {
            ""
        };
        let again = RequestPath::decode(&format!("/{}{slash}", names.join("/")));
        assert_eq!(again, Ok(relative), "{path:?}");
    }
}

/// Mostly whole ranges, for one wrong letter makes a header of many as good as none.
const OF_RANGES: [&str; 24] = [
    "0-,",
    "0-40,",
    "1-2,",
    "1-1,",
    "3-8,",
    "9-20,",
    "15-30,",
    "30-33,",
    "50-,",
    "64-70,",
    "-1,",
    "-9,",
    "-0,",
    "99-,",
    "7-7 ,",
    ",\t",
    "2",
    "-",
    "10-",
    "0",
    "20-18446744073709551615,",
    "18446744073709551616-,",
    "x",
    "4-3,",
];

/// Whatever the ranges, exactly those bytes are sent that a model has, each once, and in order.
pub(crate) fn sends_what_was_asked_for(bytes: &[u8]) {
    let (len, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let len = u64::from(len % 72);
    let header = format!("bytes={}", spell(rest, &OF_RANGES));
    let found = select(header.as_bytes(), len);
    let Some(model) = model(&header["bytes=".len()..], len) else {
        assert_eq!(found, Selection::Whole, "{header:?} of {len}");
        return;
    };
    let wanted: BTreeSet<u64> = model.iter().flatten().copied().collect();
    let Selection::Parts(parts) = found else {
        assert_eq!(found, Selection::Unsatisfiable, "{header:?} of {len}");
        assert!(wanted.is_empty(), "{header:?} of {len}");
        return;
    };
    let sent: Vec<u64> = parts.iter().cloned().flatten().collect();
    let once: BTreeSet<u64> = sent.iter().copied().collect();
    assert_eq!(sent.len(), once.len(), "{header:?} of {len}");
    assert_eq!(once, wanted, "{header:?} of {len}");
    // Each part holds one that was asked for before any of the next part.
    let first_asked = |part: &std::ops::Range<u64>| {
        let place = model
            .iter()
            .position(|asked| asked.iter().any(|at| part.contains(at)));
        place.expect("a part was asked for")
    };
    assert!(
        parts.iter().map(first_asked).is_sorted(),
        "{header:?} of {len}"
    );
    let apart = |a: &std::ops::Range<u64>| !parts.iter().any(|b| b.start == a.end);
    assert!(parts.iter().all(apart), "{header:?} of {len}");
}

/// The bytes of each range, by the grammar and by hand. None is a header to be ignored.
fn model(set: &str, len: u64) -> Option<Vec<Vec<u64>>> {
    let specs: Vec<&str> = set
        .split(',')
        .map(|spec| spec.trim_matches([' ', '\t']))
        .collect();
    let specs: Vec<&str> = specs.into_iter().filter(|spec| !spec.is_empty()).collect();
    if specs.is_empty() || specs.len() > RANGES_MAX || len == 0 {
        return None;
    }
    let number = |digits: &str| {
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        // There is no byte that far, so the exact number does not matter.
        is_number.then(|| u128::from(digits.parse().unwrap_or(u64::MAX)))
    };
    let bytes =
        |wanted: &dyn Fn(u128) -> bool| (0..len).filter(|at| wanted(u128::from(*at))).collect();
    let mut asked = Vec::new();
    for spec in specs {
        let (first, last) = spec.split_once('-')?;
        asked.push(match (first, last) {
            ("", suffix) => {
                let suffix = number(suffix)?;
                bytes(&|at| u128::from(len) - at <= suffix)
            }
            (first, "") => {
                let first = number(first)?;
                bytes(&|at| at >= first)
            }
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                if last < first {
                    return None;
                }
                bytes(&|at| at >= first && at <= last)
            }
        });
    }
    Some(asked)
}

const NAMES: [&str; 8] = [
    "range",
    "if-range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "accept-encoding",
    "range",
];

const OF_HEADERS: [&str; 22] = [
    "bytes=",
    "0-0",
    "-5",
    ",",
    "2-",
    "\"",
    "\"64-de0b6b3a7640000-5\"",
    "W/",
    "*",
    "a",
    " ",
    "Sun, 09 Sep 2001 01:46:40 GMT",
    "Sun Sep  9 01:46:40 2001",
    "gzip",
    ";q=0.5",
    "1000-1999",
    "3000-3999",
    "0-99",
    "200-",
    "é",
    "bytes=0-0,1-1,50-60,70-80",
    "Mon, 01 Jan 0001 00:00:00 GMT",
];

/// Whatever the headers, the answer holds together, and never sends more than the file.
pub(crate) fn holds_together(bytes: &[u8]) {
    let mut fields = bytes.split(|byte| *byte == 0xff);
    let first = fields
        .next()
        .and_then(|field| field.first())
        .copied()
        .unwrap_or(0);
    let mut headers = HeaderMap::new();
    for field in fields {
        let (name, letters) = field.split_first().unwrap_or((&0, &[]));
        let text = spell(letters, &OF_HEADERS);
        let values = [
            HeaderValue::from_bytes(text.as_bytes()),
            HeaderValue::from_bytes(letters),
        ];
        if let Some(Ok(value)) = values.into_iter().nth(usize::from(name / 8 % 2)) {
            headers.append(NAMES[usize::from(name % 8)], value);
        }
    }
    let complete = [0, 1, 100, 4000, u64::MAX][usize::from(first % 5)];
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let stamp = Stamp {
        len: complete,
        modified,
        inode: 5,
    };
    let file = Representation {
        stamp,
        content_type: "text/plain",
        is_gzip: first & 0x40 != 0,
        varies: true,
        cache_control: None,
    };
    let method = if first & 0x80 == 0 {
        Method::GET
    } else {
        Method::HEAD
    };
    let age = Duration::from_secs(u64::from(first & 3));
    let plan = plan(&method, &headers, &file, modified + age, || 7);

    let has = |name: &str| plan.headers.contains_key(name);
    match (plan.status, &plan.body) {
        (StatusCode::OK, Content::Range(range)) => {
            assert_eq!(*range, 0..complete);
            assert!(!has("content-range"));
        }
        (StatusCode::PARTIAL_CONTENT, Content::Range(range)) => {
            assert!(
                range.start < range.end && range.end <= complete,
                "{headers:?}"
            );
            let said = format!("bytes {}-{}/{complete}", range.start, range.end - 1);
            assert_eq!(plan.headers["content-range"], said);
        }
        (StatusCode::PARTIAL_CONTENT, Content::Parts(parts)) => {
            assert!(parts.len() <= complete, "{headers:?}");
            assert!(parts.parts().len() > 1, "{headers:?}");
            assert!(!has("content-range"));
            let sent = parts.parts().iter().map(|part| {
                assert!(part.range.start < part.range.end && part.range.end <= complete);
                part.head.len() as u64 + (part.range.end - part.range.start)
            });
            assert_eq!(sent.sum::<u64>() + parts.tail().len() as u64, parts.len());
        }
        (StatusCode::NOT_MODIFIED, Content::None) => assert!(has("etag") && has("vary")),
        (StatusCode::PRECONDITION_FAILED, Content::Text(_)) => {}
        (StatusCode::RANGE_NOT_SATISFIABLE, Content::Text(_)) => {
            assert_eq!(plan.headers["content-range"], format!("bytes */{complete}"));
        }
        other => panic!("{other:?} for {headers:?}"),
    }
    if plan.status == StatusCode::PARTIAL_CONTENT {
        assert_eq!(method, Method::GET, "{headers:?}");
        assert!(headers.contains_key("range"));
    }
    if plan.status.is_success() {
        assert!(has("etag") && has("last-modified") && has("content-type"));
        assert_eq!(has("content-encoding"), file.is_gzip);
    }
}
