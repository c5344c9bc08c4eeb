//! The file of a Unix socket: whose it is, whether somebody listens on it, and who takes it away.

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

/// The file of one listener, which goes with it.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    id: Id,
}

/// What tells a file from another of the same name: its device, its number there, and when it was
/// made, for a number is soon used again. Not every system knows when that was.
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
        // Somebody else may have taken it away, and put his own there.
        let there = symlink_metadata(&self.path);
        if there.is_ok_and(|there| id_of(&there) == self.id) {
            let _ = remove_file(&self.path);
        }
    }
}

/// Gives a socket its file. With `replace_stale` one that is there and that nobody listens on is
/// taken away first.
pub(crate) fn bind_to_file(
    socket: &Socket,
    addr: &SockAddr,
    path: &Path,
    replace_stale: bool,
) -> Result<(), Error> {
    // Of two that replace the same file at once, one would take away what the other has just made:
    // whether it is stale must hold until it is gone.
    let _locked = if replace_stale {
        Some(lock_folder_of(path)?)
    } else {
        None
    };
    let taken = match socket.bind(addr) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => error,
        outcome => return Ok(outcome?),
    };
    match look(path) {
        Existing::Stale if replace_stale => remove_file(path)?,
        found => return Err(explain(taken, found)),
    }
    Ok(socket.bind(addr)?)
}

/// How often, and how many times, it is tried to lock a folder. Ours keep it for a moment only, but
/// somebody else may have it for as long as he likes.
const LOCK_TICK: Duration = Duration::from_millis(1);
const LOCK_TRIES: u32 = 1000;

/// Locks the folder of a file, for that leaves nothing behind. It is let go when it is closed.
fn lock_folder_of(path: &Path) -> Result<File, Error> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or_else(|| Path::new(".")))?;
    let never = Waker::new();
    for _ in 0..LOCK_TRIES {
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => never.rest(LOCK_TICK)?,
            locked => {
                locked.map_err(io::Error::from)?;
                return Ok(folder);
            }
        }
    }
    Err(Error::new(
        ErrorKind::Io(io::ErrorKind::AddrInUse),
        "somebody keeps the folder locked",
    ))
}

/// What is there in place of a new socket.
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
    // Asked with datagrams, a socket of streams refuses, and does not see a connection come and go.
    let asked = Socket::new(Domain::UNIX, Type::DGRAM, None)
        .and_then(|socket| socket.connect(&SockAddr::unix(path)?));
    match asked {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Existing::Stale,
        // Whatever else it says, somebody may be there.
        _ => Existing::Listener,
    }
}

fn explain(taken: io::Error, found: Existing) -> Error {
    let why = match found {
        Existing::Nothing => "something was there, and is no more: try again",
        Existing::Listener => "somebody listens there",
        Existing::Stale => {
            "a file is left there that nobody listens on: remove it, or let `replace_stale` do so"
        }
        Existing::OtherFile => "a file is there that is no socket",
    };
    let kind = ErrorKind::Io(io::ErrorKind::AddrInUse);
    Error::caused(kind, why, Box::new(taken))
}
