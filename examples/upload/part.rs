//! A file that takes the place of another one when all of it is there.

use std::borrow::Cow;
use std::fs::{File, Metadata, OpenOptions, Permissions, hard_link, remove_file, rename};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use highwater::fs::FileSink;
use highwater::stage::{Interrupt, SinkHooks};
use highwater::zero_copy::FileId;
use highwater::{Batch, Bytes, Error, ErrorKind, Sink};
use rustix::fs::{FlockOperation, Mode, flock};
use rustix::io::Errno;
use rustix::process::umask;

/// A directory in which files are put in their place, by this process and by others.
pub(crate) struct Place {
    path: PathBuf,
    /// Locked against other processes while a file is put in its place.
    directory: File,
    /// Held by the thread that does so, for a process is not locked against itself.
    turn: Mutex<()>,
    /// The permissions of a file that replaces none.
    permissions: u32,
}

/// What a file is put in the place of: nothing, or a file.
pub(crate) type Found = Option<Metadata>;

/// Why a file was not put in its place.
pub(crate) enum Unplaced<R> {
    /// By what is there now.
    Refused(R),
    Failed(Error),
}

impl<R> From<Error> for Unplaced<R> {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Place {
    /// Opens the directory. To be called before there are threads, for the mask of the process can be
    /// read only by setting it.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let opened = File::open(path).map_err(|error| named(error, "open", path))?;
        let mask = umask(Mode::from_raw_mode(0o077));
        umask(mask);
        #[allow(
            clippy::useless_conversion,
            reason = "other systems have it in 16 bits"
        )]
        let bits = u32::from(mask.bits());
        Ok(Self {
            path: path.to_owned(),
            directory: opened,
            turn: Mutex::new(()),
            permissions: 0o666 & !bits,
        })
    }

    /// Creates a file to be written, which only its owner can read. Its name cannot be guessed, so
    /// that no other program has put a link there.
    pub(crate) fn create(&self) -> Result<Part, Error> {
        let half = || RandomState::new().hash_one(0_u8);
        let name = format!(".upload-{:016x}{:016x}.part", half(), half());
        let path = self.path.join(name);
        let mut new = OpenOptions::new();
        let made = new.write(true).create_new(true).mode(0o600).open(&path);
        let file = made.map_err(|error| named(error, "create", &path))?;
        Ok(Part { file, path })
    }

    /// What is there under a name. A link is not followed.
    pub(crate) fn look(&self, target: &Path) -> Result<Found, Error> {
        match target.symlink_metadata() {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(named(error, "look at", target)),
        }
    }

    /// Puts a file in its place, if `check` finds nothing against what is there at that moment. No
    /// other file of this tool gets there in between. Gives what it has replaced.
    ///
    /// A file that is replaced hands on its permissions, and its owner as far as that is allowed.
    pub(crate) fn put<R>(
        &self,
        mut part: Part,
        target: &Path,
        sync: bool,
        check: impl Fn(&Found) -> Result<(), R>,
    ) -> Result<Found, Unplaced<R>> {
        // What takes long is done while others are put in their places.
        let mut found = self.look(target)?;
        part.adopt(found.as_ref(), self.permissions)?;
        if sync {
            part.sync()?;
        }
        let locked = self.lock()?;
        loop {
            let now = self.look(target)?;
            check(&now).map_err(Unplaced::Refused)?;
            if rights(&now) != rights(&found) {
                part.adopt(now.as_ref(), self.permissions)?;
                if sync {
                    part.sync()?;
                }
            }
            if part.rename(target, now.is_some())? {
                drop(locked);
                if sync {
                    let synced = self.directory.sync_all();
                    synced.map_err(|error| named(error, "sync", &self.path))?;
                }
                return Ok(now);
            }
            // A program that does not lock has put a file there meanwhile.
            found = now;
        }
    }

    /// Waits until no other file is put in its place. Other processes hold it for moments; one that
    /// does not let go of it is given up.
    fn lock(&self) -> Result<Locked<'_>, Error> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let began = Instant::now();
        loop {
            match flock(&self.directory, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {
                    return Ok(Locked {
                        directory: &self.directory,
                        _turn: turn,
                    });
                }
                Err(Errno::WOULDBLOCK) if began.elapsed() < PATIENCE => {
                    thread::park_timeout(Duration::from_millis(1));
                }
                Err(Errno::WOULDBLOCK) => {
                    let message = "another process holds a lock on it";
                    let error = Error::new(ErrorKind::TimedOut, message);
                    return Err(error.during("lock", &self.path.display().to_string()));
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(named(errno.into(), "lock", &self.path)),
            }
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(2);

/// The directory, locked.
struct Locked<'a> {
    directory: &'a File,
    _turn: MutexGuard<'a, ()>,
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // It fails for what is not locked.
        let _ = flock(self.directory, FlockOperation::Unlock);
    }
}

/// What a file hands on to the one that replaces it.
fn rights(found: &Found) -> Option<(u32, u32, u32)> {
    let found = found.as_ref().filter(|found| found.is_file())?;
    Some((found.mode(), found.uid(), found.gid()))
}

/// A file that is gone unless it is put in its place.
pub(crate) struct Part {
    file: File,
    path: PathBuf,
}

impl Part {
    /// Writes to it. The sink closes its descriptor when it is finished, and fails if the file system
    /// reports only then that it could not keep the data.
    pub(crate) fn sink(&self) -> Result<impl Sink<Bytes> + use<>, Error> {
        let file = self.file.try_clone();
        let file = file.map_err(|error| named(error, "write to", &self.path))?;
        Ok(PartSink {
            sink: file.into(),
            name: self.path.display().to_string(),
        })
    }

    fn sync(&self) -> Result<(), Error> {
        let synced = self.file.sync_all();
        synced.map_err(|error| named(error, "sync", &self.path))
    }

    /// Takes the owner and the permissions of the file that is to be replaced, or those of a new
    /// one. What lets a program run as its owner is left off: another one has written it.
    fn adopt(&self, found: Option<&Metadata>, permissions: u32) -> Result<(), Error> {
        let mode = match found.filter(|found| found.is_file()) {
            Some(found) if self.chown(found)? => found.mode() & 0o777,
            // The group is another one, so it may do no more than all others.
            Some(found) => found.mode() & (0o707 | (found.mode() & 0o007) << 3),
            None => permissions,
        };
        let set = self.file.set_permissions(Permissions::from_mode(mode));
        set.map_err(|error| named(error, "set the permissions of", &self.path))
    }

    /// Gives it the owner and the group of another file. Whether it has that group then.
    fn chown(&self, found: &Metadata) -> Result<bool, Error> {
        let own = self.file.metadata();
        let own = own.map_err(|error| named(error, "look at", &self.path))?;
        if (own.uid(), own.gid()) == (found.uid(), found.gid()) {
            return Ok(true);
        }
        // Only root may give a file away, and others a group that they are not in.
        let group = Some(found.gid());
        let both = fchown(&self.file, Some(found.uid()), group);
        Ok(both.or_else(|_| fchown(&self.file, None, group)).is_ok())
    }

    /// Gives it its name. False if there was no file of that name and one has come there
    /// meanwhile, which stays.
    fn rename(&mut self, target: &Path, replaces: bool) -> Result<bool, Error> {
        let renamed = if replaces {
            rename(&self.path, target)
        } else {
            rename_new(&self.path, target)
        };
        match renamed {
            Ok(()) => {
                self.path.clear();
                Ok(true)
            }
            Err(error) if !replaces && error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(named(error, "put in its place", target)),
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // A part of an upload is of no use.
            let _ = remove_file(&self.path);
        }
    }
}

/// A sink for a file that was opened before, with its path as its name.
struct PartSink {
    sink: FileSink,
    name: String,
}

impl Sink<Bytes> for PartSink {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        self.sink.write(batch)
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.sink.finish()
    }

    fn interrupt(&self) -> Option<Interrupt> {
        self.sink.interrupt()
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.name)
    }

    fn hooks(&mut self) -> Option<&mut dyn SinkHooks<Bytes>> {
        Some(self)
    }
}

/// The bytes of a part come through the buffers, so only the file is passed on.
impl SinkHooks<Bytes> for PartSink {
    fn file(&mut self) -> Option<FileId> {
        self.sink.hooks()?.file()
    }
}

/// Renames a file, unless there is one of that name.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};

        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // Not every file system can.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            renamed => return Ok(renamed?),
        }
    }
    hard_link(from, to)?;
    remove_file(from)
}

fn named(error: io::Error, operation: &'static str, path: &Path) -> Error {
    Error::from(error).during(operation, &path.display().to_string())
}
