//! The page that lists a directory.

use std::collections::BinaryHeap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Dir, FileType, statat};
use rustix::io::Errno;

use super::etag::Stamp;
use super::path::{can_be_asked_for, encode};

/// How many names a page has at most: a directory of millions costs no more memory than one of these. The
/// first ones are kept, in the order of the page.
pub(super) const NAMES_MAX: usize = 10_000;

/// The entries of a directory, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    entries: Vec<Entry>,
    /// How many entries are left out.
    left_out: u64,
    /// How many have a name that no request can ask for.
    unnameable: u64,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    /// The bytes of the name.
    name: Vec<u8>,
    is_directory: bool,
    /// `None` if it was removed meanwhile.
    facts: Option<Facts>,
}

/// What a page shows next to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Facts {
    len: u64,
    /// In seconds since 1970.
    modified: i64,
}

impl Facts {
    pub(super) fn of(stamp: &Stamp) -> Self {
        let since = stamp.modified.duration_since(UNIX_EPOCH);
        let seconds = since.map_or(-1, |since| {
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        });
        Self {
            len: stamp.len,
            modified: seconds,
        }
    }

    /// Those of a name in an open directory.
    fn in_directory(directory: &Dir, name: &[u8]) -> Option<Self> {
        let found = statat(directory.fd().ok()?, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some(Self {
            len: u64::try_from(found.st_size).ok()?,
            modified: found.st_mtime as i64,
        })
    }
}

/// What a name leads to, if a request could get it. Without facts, those of the name itself are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    File(Option<Facts>),
    Directory(Option<Facts>),
    Nothing,
}

impl Listing {
    /// Reads a directory. `look` is called for entries whose kind the directory does not tell, such as a
    /// link.
    pub(super) fn read(
        directory: File,
        hidden: bool,
        look: impl Fn(&OsStr) -> Shown,
    ) -> Result<Self, Errno> {
        let mut first = BinaryHeap::new();
        let (mut left_out, mut unnameable) = (0, 0);
        let mut directory = Dir::new(directory)?;
        while let Some(entry) = directory.read() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") || (name.starts_with(b".") && !hidden) {
                continue;
            }
            if !can_be_asked_for(name) {
                unnameable += 1;
                continue;
            }
            let shown = match entry.file_type() {
                FileType::RegularFile => Shown::File(None),
                FileType::Directory => Shown::Directory(None),
                FileType::Symlink | FileType::Unknown => look(OsStr::from_bytes(name)),
                _ => Shown::Nothing,
            };
            let (is_directory, facts) = match shown {
                Shown::File(facts) => (false, facts),
                Shown::Directory(facts) => (true, facts),
                Shown::Nothing => continue,
            };
            first.push(Entry {
                name: name.to_owned(),
                is_directory,
                facts,
            });
            if first.len() > NAMES_MAX {
                first.pop();
                left_out += 1;
            }
        }
        let mut entries = first.into_sorted_vec();
        // Only for the entries on the page: a directory can have millions.
        for entry in &mut entries {
            let facts = entry.facts.take();
            entry.facts = facts.or_else(|| Facts::in_directory(&directory, &entry.name));
        }
        Ok(Self {
            entries,
            left_out,
            unnameable,
        })
    }

    /// The page for a directory with this path, which is empty for the root.
    pub(super) fn page(&self, path: &[u8]) -> String {
        let slash = if path.is_empty() { "" } else { "/" };
        let title = format!("Index of /{}{slash}", escape(path));
        let mut page = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <title>{title}</title>\n<style>th, td {{ padding-right: 2em; text-align: left }} \
             td:nth-child(2) {{ text-align: right }}</style>\n<h1>{title}</h1>\n<table>\n\
             <tr><th>Name</th><th>Size in bytes</th><th>Modified (UTC)</th></tr>\n"
        );
        if !path.is_empty() {
            page.push_str("<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
        }
        for entry in &self.entries {
            entry.write(&mut page);
        }
        page.push_str("</table>\n");
        // Writing to a string cannot fail.
        if self.left_out > 0 {
            let _ = writeln!(page, "<p>and {} more</p>", self.left_out);
        }
        if self.unnameable > 0 {
            let _ = writeln!(
                page,
                "<p>and {} whose names no address can have</p>",
                self.unnameable
            );
        }
        page
    }
}

impl Entry {
    fn write(&self, page: &mut String) {
        let slash = if self.is_directory { "/" } else { "" };
        let (link, name) = (encode(&self.name), escape(&self.name));
        let len = match self.facts {
            Some(facts) if !self.is_directory => facts.len.to_string(),
            _ => String::new(),
        };
        let modified = self.facts.and_then(|facts| date(facts.modified));
        let modified = modified.unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "<tr><td><a href=\"{link}{slash}\">{name}{slash}</a></td><td>{len}</td><td>{modified}</td></tr>"
        );
    }
}

/// Formats a time as `2001-09-09 01:46`. `None` before 1970, and for a year of more than four digits.
fn date(seconds: i64) -> Option<String> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let seconds = u64::try_from(seconds)
        .ok()
        .filter(|since| *since < YEAR_10000)?;
    let time: SystemTime = UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    // Such as `Sun, 09 Sep 2001 01:46:40 GMT`.
    let text = httpdate::fmt_http_date(time);
    let month = MONTHS.find(text.get(8..11)?)? / 3 + 1;
    let (year, day, time) = (text.get(12..16)?, text.get(5..7)?, text.get(17..22)?);
    Some(format!("{year}-{month:02}-{day} {time}"))
}

/// When the year 10000 begins, which a date of HTTP cannot express.
const YEAR_10000: u64 = 253_402_300_800;

/// Escapes a name, so that nothing in it is read as HTML. What is not UTF-8 is shown as `�`.
fn escape(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
