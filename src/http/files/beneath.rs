//! Opens files beneath a directory and nowhere else, whatever is renamed meanwhile.
//!
//! A check of a path before it is opened is a race: another process can put a link there in between. So
//! the kernel resolves the path beneath the directory (`openat2`), or each segment is opened from the one
//! before, and never through a link.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

/// A directory that files are opened beneath.
#[derive(Debug)]
pub(super) struct Beneath {
    root: OwnedFd,
    by_kernel: bool,
}

/// What to do about symbolic links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Links {
    /// They do not exist.
    Ignored,
    /// They are followed as long as they stay in the directory.
    Followed,
}

/// How files are opened. `NONBLOCK`, so that a FIFO without a writer does not block; it has no effect on
/// a regular file.
const TO_READ: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// How directories on the path are opened: passing through one needs no right to read it.
#[cfg(target_os = "linux")]
const TO_PASS: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const TO_PASS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

impl Beneath {
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        let root = openat(CWD, path, TO_PASS, Mode::empty())?;
        // An old kernel does not have the call. Some sandboxes do not permit it.
        let probed = resolve(&root, b".", Links::Ignored);
        let by_kernel = !matches!(probed, Err(Errno::NOSYS | Errno::PERM | Errno::INVAL));
        Ok(Self { root, by_kernel })
    }

    /// Opens a path for reading. The empty path is the directory itself.
    ///
    /// Only the kernel can follow links and stay in the directory: without `openat2`, no link is followed.
    pub(super) fn open(&self, path: &[u8], links: Links) -> Result<File, Errno> {
        let path = if path.is_empty() { b"." } else { path };
        let opened = if self.by_kernel {
            resolve(&self.root, path, links)
        } else {
            self.step(path)
        };
        opened.map(File::from)
    }

    /// Opens each directory on the path from the one before, and no link.
    fn step(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let open = |directory: Option<&OwnedFd>, name: &[u8], flags: OFlags| {
            if name == b".." {
                return Err(Errno::XDEV);
            }
            let flags = flags | OFlags::NOFOLLOW;
            again(|| openat(directory.unwrap_or(&self.root), name, flags, Mode::empty()))
        };
        let mut steps = path.split(|byte| *byte == b'/').peekable();
        let mut directory = None;
        while let Some(step) = steps.next() {
            if steps.peek().is_none() {
                return open(directory.as_ref(), step, TO_READ);
            }
            directory = Some(open(directory.as_ref(), step, TO_PASS)?);
        }
        Err(Errno::NOENT)
    }
}

#[cfg(target_os = "linux")]
fn resolve(root: &OwnedFd, path: &[u8], links: Links) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};

    let mut how = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    if links == Links::Ignored {
        how |= ResolveFlags::NO_SYMLINKS;
    }
    again(|| openat2(root, path, TO_READ, Mode::empty(), how))
}

#[cfg(not(target_os = "linux"))]
fn resolve(_root: &OwnedFd, _path: &[u8], _links: Links) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}

/// Repeats a call that a signal has interrupted, or that fails with `EAGAIN` because of a rename while the
/// kernel resolved `..`. Not for ever: the renames may go on.
fn again(open: impl Fn() -> Result<OwnedFd, Errno>) -> Result<OwnedFd, Errno> {
    let mut opened = open();
    for _ in 1..TRIES {
        match opened {
            Err(Errno::AGAIN | Errno::INTR) => opened = open(),
            outcome => return outcome,
        }
    }
    opened
}

/// How often a path is tried.
const TRIES: usize = 32;
