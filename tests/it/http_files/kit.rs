//! What the tests share: headers, folders that go away, and what a request is answered with.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use highwater::http::files::Folder;
use highwater::http::files::plan::{Content, Plan};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::support;

/// The headers of a request.
pub(crate) type Lines<'a> = &'a [(&'a str, &'a str)];

pub(crate) fn headers(lines: Lines<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

/// A folder of this test, which goes away with it.
#[derive(Debug)]
pub(crate) struct Temp(support::Folder);

impl Temp {
    pub(crate) fn new() -> Self {
        Self(support::Folder::new())
    }

    /// With these files in it, last changed long ago. The folders on the way are made.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let temp = Self::new();
        for (name, text) in files {
            temp.write(name, text);
        }
        temp
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        age(&path, long_ago());
    }

    pub(crate) fn folder(&self) -> Folder {
        Folder::open(self.0.path("")).unwrap()
    }
}

/// 2001-09-09T01:46:40Z.
pub(crate) fn long_ago() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)
}

pub(crate) fn age(path: &Path, modified: SystemTime) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(modified).unwrap();
}

/// Asks a folder, and reads what it would send.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

pub(crate) fn ask(folder: &Folder, method: Method, path: &str, lines: Lines<'_>) -> Answer {
    let prepared = folder
        .prepare(&method, &path.parse().unwrap(), &headers(lines))
        .unwrap();
    let len = prepared.body_len();
    let (plan, file) = prepared.into_parts();
    let body = body(&plan, file.as_ref());
    assert_eq!(body.len() as u64, len);
    Answer {
        status: plan.status,
        headers: plan.headers,
        body,
    }
}

pub(crate) fn get(folder: &Folder, path: &str) -> Answer {
    ask(folder, Method::GET, path, &[])
}

fn body(plan: &Plan, file: Option<&fs::File>) -> Vec<u8> {
    let read = |range: &std::ops::Range<u64>| {
        let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap()];
        let file = file.expect("bytes of a file come of one");
        file.read_exact_at(&mut bytes, range.start).unwrap();
        bytes
    };
    match &plan.body {
        Content::None => Vec::new(),
        Content::Text(text) => text.to_vec(),
        Content::Range(range) => read(range),
        Content::Parts(parts) => {
            let each = parts.parts().iter();
            let mut body: Vec<u8> = each
                .flat_map(|part| [part.head.to_vec(), read(&part.range)].concat())
                .collect();
            body.extend_from_slice(parts.tail());
            body
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        Some(self.headers.get(name)?.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}
