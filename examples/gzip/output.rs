//! The file that is made: its name, and what it takes over from the other.

use std::ffi::{OsStr, OsString};
use std::fs::{File, FileTimes, Metadata, OpenOptions, Permissions};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use highwater::Error;

use crate::Trouble;
use crate::options::{Format, Options};

/// What the names of compressed files end in beside the suffix that is written, and what that becomes.
const OTHERS: [(&str, &str); 7] = [
    (".gz", ""),
    (".z", ""),
    ("-gz", ""),
    ("-z", ""),
    ("_z", ""),
    (".tgz", ".tar"),
    (".taz", ".tar"),
];

/// The name of what is in a compressed file, and the suffix that marks it as one, in small or
/// capital letters. None if there is none.
pub(crate) fn stem<'a>(options: &'a Options, file: &Path) -> Option<(PathBuf, &'a OsStr)> {
    let name = file.file_name()?.as_bytes();
    let others = OTHERS.map(|(suffix, becomes)| (OsStr::new(suffix), becomes));
    let others = others
        .into_iter()
        .filter(|_| options.format == Format::Gzip);
    for (suffix, becomes) in std::iter::once((&*options.suffix, "")).chain(others) {
        let Some(at) = name.len().checked_sub(suffix.len()).filter(|at| *at > 0) else {
            continue;
        };
        if name[at..].eq_ignore_ascii_case(suffix.as_bytes()) {
            let stem = [&name[..at], becomes.as_bytes()].concat();
            return Some((file.with_file_name(OsString::from_vec(stem)), suffix));
        }
    }
    None
}

/// What is made of a file.
pub(crate) fn target(options: &Options, file: &Path) -> Result<PathBuf, Trouble> {
    let name = file.display();
    match (options.decompress, stem(options, file)) {
        (true, Some((stem, _))) => Ok(stem),
        (true, None) => Err(Trouble::Ignored(format!(
            "{name}: unknown suffix -- ignored: its name does not end in `{}`; -S names another suffix, -c \
             writes to standard output",
            options.suffix.display()
        ))),
        (false, Some((_, suffix))) if !options.force => Err(Trouble::Unchanged(format!(
            "{name} already has {} suffix -- unchanged",
            suffix.display()
        ))),
        (false, _) => Ok(with_suffix(options, file)),
    }
}

pub(crate) fn with_suffix(options: &Options, file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(&options.suffix);
    name.into()
}

/// A file that is gone unless it is kept.
pub(crate) struct Output {
    /// What is written. It takes the place of the target only when it is whole.
    pub(crate) written: PathBuf,
    target: PathBuf,
    file: File,
}

impl Output {
    /// Creates a file that no other user can read, until it gets the permissions of the other.
    pub(crate) fn create(target: PathBuf, force: bool) -> Result<Self, Trouble> {
        let mut written = target.clone().into_os_string();
        if force {
            written.push(format!(".{}", std::process::id()));
        }
        let written = PathBuf::from(written);
        let mut new = OpenOptions::new();
        match new.write(true).create_new(true).mode(0o600).open(&written) {
            Ok(file) => Ok(Self {
                written,
                target,
                file,
            }),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(Trouble::Ignored(format!(
                    "{} already exists; not overwritten: -f overwrites it",
                    written.display()
                )))
            }
            Err(error) => {
                let error = Error::from(error).during("create", &written.display().to_string());
                Err(error.into())
            }
        }
    }

    /// Gives it the times, the owner and the permissions of the file that it was made of. The owner
    /// first: a change of owner clears the bits that run a program as its owner, and a file of
    /// another owner must not get them.
    pub(crate) fn take_after(&self, found: &Metadata) -> Result<(), Error> {
        let set = || {
            let times = FileTimes::new().set_accessed(found.accessed()?);
            self.file.set_times(times.set_modified(found.modified()?))?;
            let owner = (found.uid(), found.gid());
            // Where that is not permitted, the group alone may be.
            if fchown(&self.file, Some(owner.0), Some(owner.1)).is_err() {
                let _ = fchown(&self.file, None, Some(owner.1));
            }
            let made = self.file.metadata()?;
            let mode = mode_for(found, (made.uid(), made.gid()));
            self.file.set_permissions(Permissions::from_mode(mode))
        };
        let name = self.written.display().to_string();
        set().map_err(|error| Error::from(error).during("set the permissions of", &name))
    }

    /// Gives it its name. If that is for good, because what it was made of goes then, it is on the disk.
    pub(crate) fn keep(mut self, for_good: bool) -> Result<PathBuf, Error> {
        if for_good {
            self.file.sync_all()?;
        }
        if self.written != self.target {
            std::fs::rename(&self.written, &self.target).map_err(|error| {
                Error::from(error).during("replace", &self.target.display().to_string())
            })?;
        }
        self.written.clear();
        if for_good {
            self.sync_directory();
        }
        Ok(std::mem::take(&mut self.target))
    }

    fn sync_directory(&self) {
        let directory = self.target.parent().filter(|it| !it.as_os_str().is_empty());
        // Not every file system syncs a directory, and a directory may not be readable.
        let _ =
            File::open(directory.unwrap_or_else(|| Path::new("."))).and_then(|it| it.sync_all());
    }
}

/// The permissions of a file, for one that belongs to `made`.
fn mode_for(found: &Metadata, made: (u32, u32)) -> u32 {
    const SET_USER: u32 = 0o4000;
    const SET_GROUP: u32 = 0o2000;
    let mut mode = found.mode() & 0o7777;
    if made.0 != found.uid() {
        mode &= !SET_USER;
    }
    if made.1 != found.gid() {
        // Its group is another one, which may do no more than all others may.
        mode &= !SET_GROUP;
        mode &= !0o070 | (mode & 0o007) << 3;
    }
    mode
}

impl Drop for Output {
    fn drop(&mut self) {
        // An empty path is that of nothing.
        let _ = std::fs::remove_file(&self.written);
    }
}

/// The name that is stored in compressed data.
pub(crate) fn stored_name(file: &Path) -> &OsStr {
    file.file_name().unwrap_or_default()
}
