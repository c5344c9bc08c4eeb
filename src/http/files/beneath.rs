//! Opens what lies beneath a folder, and nothing else, whoever moves what meanwhile.
//!
//! To look at a path and then to open it are two things, and a link can be put there in between. So
//! the kernel is told to resolve it beneath the folder (`openat2`), or each step is opened from the one
//! before and never through a link.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

/// A folder that things are opened beneath.
#[derive(Debug)]
pub(super) struct Beneath {
    root: OwnedFd,
    by_kernel: bool,
}

/// What to do about symbolic links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Links {
    /// There is nothing behind them.
    Refused,
    /// They are followed as long as they stay in the folder.
    Followed,
}

/// How files are opened. Without blocking, so that a FIFO that nobody writes to holds up nobody; for
/// a regular file that means nothing.
const TO_READ: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// How folders on the way are opened: to go through one is not to read it.
#[cfg(target_os = "linux")]
const TO_PASS: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const TO_PASS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

impl Beneath {
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        let root = openat(CWD, path, TO_PASS, Mode::empty())?;
        // An old kernel does not know the call. Some sandboxes say that it is not permitted.
        let probed = resolve(&root, b".", Links::Refused);
        let by_kernel = !matches!(probed, Err(Errno::NOSYS | Errno::PERM | Errno::INVAL));
        Ok(Self { root, by_kernel })
    }

    /// Opens a path to read, which is empty for the folder itself.
    ///
    /// Only the kernel can follow links and stay in the folder: where it cannot, all are refused.
    pub(super) fn open(&self, path: &[u8], links: Links) -> Result<File, Errno> {
        let path = if path.is_empty() { b"." } else { path };
        let opened = if self.by_kernel {
            resolve(&self.root, path, links)
        } else {
            self.step(path)
        };
        opened.map(File::from)
    }

    /// Opens each folder on the way from the one before it, through no link.
    fn step(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let open = |folder: Option<&OwnedFd>, name: &[u8], flags: OFlags| {
            if name == b".." {
                return Err(Errno::XDEV);
            }
            let flags = flags | OFlags::NOFOLLOW;
            again(|| openat(folder.unwrap_or(&self.root), name, flags, Mode::empty()))
        };
        let mut steps = path.split(|byte| *byte == b'/').peekable();
        let mut folder = None;
        while let Some(step) = steps.next() {
            if steps.peek().is_none() {
                return open(folder.as_ref(), step, TO_READ);
            }
            folder = Some(open(folder.as_ref(), step, TO_PASS)?);
        }
        Err(Errno::NOENT)
    }
}

#[cfg(target_os = "linux")]
fn resolve(root: &OwnedFd, path: &[u8], links: Links) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};

    let mut how = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    if links == Links::Refused {
        how |= ResolveFlags::NO_SYMLINKS;
    }
    again(|| openat2(root, path, TO_READ, Mode::empty(), how))
}

#[cfg(not(target_os = "linux"))]
fn resolve(_root: &OwnedFd, _path: &[u8], _links: Links) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}

/// Opens again what a signal has interrupted, or what was renamed while the kernel went up a link
/// with dots in it: it says so rather than to be unsure. Not for ever, for who renames may go on.
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

/// How often a path is opened that is being renamed.
const TRIES: usize = 32;
