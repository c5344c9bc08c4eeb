//! The file of a Unix socket: whether a socket listens on it, and when it is removed.

use std::fs::{File, Metadata, remove_file, symlink_metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

use super::address::Address;
use crate::error::{Error, ErrorKind};
use crate::os::Waker;

/// The file of one listener, which is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    id: Id,
}

/// Identifies a file: device, inode number, and the time it was made, because inode numbers are soon
/// used again. Not every file system has that time.
type Id = (u64, u64, Option<SystemTime>);

fn id_of(metadata: &Metadata) -> Id {
    (metadata.dev(), metadata.ino(), metadata.created().ok())
}

impl SocketFile {
    /// The file that was made by listening on `address`.
    pub(crate) fn of(address: &Address) -> Option<Self> {
        let Address::Unix(path) = address else {
            return None;
        };
        let metadata = symlink_metadata(path).ok()?;
        Some(Self {
            path: path.clone(),
            id: id_of(&metadata),
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another process may have replaced it by a file of its own.
        let found = symlink_metadata(&self.path);
        if found.is_ok_and(|found| id_of(&found) == self.id) {
            let _ = remove_file(&self.path);
        }
    }
}

/// Binds a socket to a path. With `replace_stale` a file on which no socket listens is removed first.
pub(crate) fn bind_to_file(
    socket: &Socket,
    addr: &SockAddr,
    path: &Path,
    replace_stale: bool,
) -> Result<(), Error> {
    // Of two processes that replace the same file at once, one could remove the new file of the other:
    // between the look at the file and its removal no other process may replace it.
    let _locked = if replace_stale {
        Some(lock_directory_of(path)?)
    } else {
        None
    };
    let taken = match socket.bind(addr) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => error,
        result => return Ok(result?),
    };
    match look(path) {
        Existing::Stale if replace_stale => remove_file(path)?,
        found => return Err(explain(taken, found)),
    }
    Ok(socket.bind(addr)?)
}

/// How often, and how many times, the lock of a directory is tried. This crate holds it for a moment
/// only, but another program may hold it for any time.
const LOCK_TICK: Duration = Duration::from_millis(1);
const LOCK_TRIES: u32 = 1000;

/// Locks the directory of a file, because a lock file would be left behind. Closing it unlocks it.
fn lock_directory_of(path: &Path) -> Result<File, Error> {
    let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
    let directory = File::open(directory.unwrap_or_else(|| Path::new(".")))?;
    let never = Waker::new();
    for _ in 0..LOCK_TRIES {
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => never.rest(LOCK_TICK)?,
            locked => {
                locked.map_err(io::Error::from)?;
                return Ok(directory);
            }
        }
    }
    Err(Error::new(
        ErrorKind::Io(io::ErrorKind::AddrInUse),
        "another process keeps the directory locked",
    ))
}

/// What is at the path of a new socket.
enum Existing {
    Nothing,
    Listener,
    Stale,
    OtherFile,
}

fn look(path: &Path) -> Existing {
    match symlink_metadata(path) {
        Err(_) => return Existing::Nothing,
        Ok(metadata) if !metadata.file_type().is_socket() => return Existing::OtherFile,
        Ok(_) => {}
    }
    // A datagram socket is used, because a stream listener refuses it without a connection that comes
    // and goes.
    let probe = Socket::new(Domain::UNIX, Type::DGRAM, None)
        .and_then(|socket| socket.connect(&SockAddr::unix(path)?));
    match probe {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Existing::Stale,
        // Any other result, such as a wrong type, means that a socket is bound there.
        _ => Existing::Listener,
    }
}

fn explain(taken: io::Error, found: Existing) -> Error {
    let why = match found {
        Existing::Nothing => "the file was removed meanwhile: try again",
        Existing::Listener => "a socket listens there already",
        Existing::Stale => {
            "a stale file is there, on which no socket listens: remove it, or set `replace_stale`"
        }
        Existing::OtherFile => "the file there is not a socket",
    };
    let kind = ErrorKind::Io(io::ErrorKind::AddrInUse);
    Error::caused(kind, why, Box::new(taken))
}
