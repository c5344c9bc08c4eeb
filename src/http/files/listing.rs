//! The page that shows what is in a folder.

use std::collections::BinaryHeap;
use std::fmt::Write as _;
use std::fs::File;

use rustix::fs::{Dir, FileType};
use rustix::io::Errno;

use super::path::{can_be_asked_for, encode};

/// How many names a page has at most, so that a folder of millions costs no more memory than one of
/// these. The first ones are kept, in the order of the page.
pub(super) const NAMES_MAX: usize = 10_000;

/// What is in a folder, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    entries: Vec<Entry>,
    /// How many more there are.
    left_out: u64,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    name: String,
    is_folder: bool,
}

/// What a name stands for, if a request could have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    File,
    Folder,
    Nothing,
}

impl Listing {
    /// Reads a folder. `look` is asked about what the folder itself does not tell, such as a link.
    pub(super) fn read(
        folder: File,
        hidden: bool,
        look: impl Fn(&str) -> Shown,
    ) -> Result<Self, Errno> {
        let mut first = BinaryHeap::new();
        let mut left_out = 0;
        for entry in Dir::new(folder)? {
            let entry = entry?;
            // A name that no request can say is not shown.
            let Ok(name) = entry.file_name().to_str() else {
                continue;
            };
            if !can_be_asked_for(name) || (name.starts_with('.') && !hidden) {
                continue;
            }
            let shown = match entry.file_type() {
                FileType::RegularFile => Shown::File,
                FileType::Directory => Shown::Folder,
                FileType::Symlink | FileType::Unknown => look(name),
                _ => Shown::Nothing,
            };
            if shown == Shown::Nothing {
                continue;
            }
            first.push(Entry {
                name: name.to_owned(),
                is_folder: shown == Shown::Folder,
            });
            if first.len() > NAMES_MAX {
                first.pop();
                left_out += 1;
            }
        }
        Ok(Self {
            entries: first.into_sorted_vec(),
            left_out,
        })
    }

    /// Writes the page for a folder with this path, which is empty for the one that is served.
    pub(super) fn page(&self, path: &str) -> String {
        let slash = if path.is_empty() { "" } else { "/" };
        let title = format!("Index of /{}{slash}", escape(path));
        let mut page = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <title>{title}</title>\n<h1>{title}</h1>\n<ul>\n"
        );
        if !path.is_empty() {
            page.push_str("<li><a href=\"../\">../</a></li>\n");
        }
        for Entry { name, is_folder } in &self.entries {
            let slash = if *is_folder { "/" } else { "" };
            let (link, name) = (encode(name), escape(name));
            // Writing to a string cannot fail.
            let _ = writeln!(page, "<li><a href=\"{link}{slash}\">{name}{slash}</a></li>");
        }
        page.push_str("</ul>\n");
        if self.left_out > 0 {
            let _ = writeln!(page, "<p>and {} more</p>", self.left_out);
        }
        page
    }
}

/// Writes text so that nothing in it is read as HTML.
fn escape(text: &str) -> String {
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
