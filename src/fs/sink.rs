//! Files as sinks.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::cancel::Interrupt;
use crate::error::Error;
#[cfg(target_os = "linux")]
use crate::os::copy::End;
#[cfg(target_os = "linux")]
use crate::os::copy::pair;
use crate::os::{FdSink, NONBLOCK, Polled, Ready, close, is_unread};
#[cfg(target_os = "linux")]
use crate::stage::copy_path::BufferedReason;
use crate::stage::file_id::FileId;
use crate::stage::hooks::SinkHooks;
#[cfg(target_os = "linux")]
use crate::stage::offer::{CopySource, ZeroCopy};
use crate::stage::sink::{Sink, retry, write_vectored};
use crate::state::batch::Batch;

/// Opens a file for writing, and creates it or replaces its content: Node's `createWriteStream`.
///
/// The old content is removed with the first byte that is written, or at the end if there is none, and
/// not before. So a pipeline that reads the same file fails with
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) and leaves the file as it was. Only a pipeline can
/// find that, because it compares the [`FileId`](crate::zero_copy::FileId) of its source and of its sink.
///
/// The open does not block. If the path is a FIFO without a reader, the first write waits for a reader;
/// a cancel or the [idle timeout](FileSink::idle_timeout) ends that wait.
///
/// # Errors
///
/// [`ErrorKind::Io`](crate::ErrorKind::Io) if the file cannot be opened or created, such as
/// `PermissionDenied`, `IsADirectory`, or `NotFound` for a missing directory. The error names the path.
///
/// # Examples
///
/// ```
/// use highwater::{fs, pipeline};
///
/// let path = std::env::temp_dir().join(format!("highwater-doc-{}", std::process::id()));
/// pipeline(&b"one\n"[..]).to(fs::create(&path)?.sync()).run()?;
/// pipeline(&b"two\n"[..]).to(fs::append(&path)?).run()?;
/// assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\n");
/// std::fs::remove_file(&path).unwrap();
/// # Ok::<(), highwater::Error>(())
/// ```
#[doc(alias = "createWriteStream")]
pub fn create(path: impl AsRef<Path>) -> Result<FileSink, Error> {
    let mut options = OpenOptions::new();
    let mut sink = FileSink::open(path.as_ref(), options.write(true).create(true))?;
    sink.empties = sink.is_regular;
    Ok(sink)
}

/// Creates a file for writing, which must not exist: Node's flag `wx`.
///
/// # Errors
///
/// As [`create`], and `AlreadyExists` if there is a file, a link or anything else at the path.
///
/// # Examples
///
/// ```
/// use highwater::fs;
/// use std::io;
///
/// let error = fs::create_new("Cargo.toml").unwrap_err();
/// assert_eq!(error.io_error().unwrap().kind(), io::ErrorKind::AlreadyExists);
/// assert_eq!(error.stage(), Some("Cargo.toml"));
/// ```
#[doc(alias = "createWriteStream")]
pub fn create_new(path: impl AsRef<Path>) -> Result<FileSink, Error> {
    FileSink::open(
        path.as_ref(),
        OpenOptions::new().write(true).create_new(true),
    )
}

/// Opens a file for appending, and creates it if it does not exist: Node's flag `a`.
///
/// # Errors
///
/// As [`create`].
///
/// # Examples
///
/// ```
/// use highwater::{fs, pipeline};
///
/// let log = std::env::temp_dir().join(format!("highwater-doc-log-{}", std::process::id()));
/// for line in ["one\n", "two\n"] {
///     pipeline(line.as_bytes()).to(fs::append(&log)?).run()?;
/// }
/// assert_eq!(std::fs::read(&log).unwrap(), b"one\ntwo\n");
/// std::fs::remove_file(&log).unwrap();
/// # Ok::<(), highwater::Error>(())
/// ```
#[doc(alias = "createWriteStream")]
pub fn append(path: impl AsRef<Path>) -> Result<FileSink, Error> {
    FileSink::open(path.as_ref(), OpenOptions::new().append(true).create(true))
}

/// Standard output as a sink: Node's `process.stdout`. A blocked write ends with a cancel. The flags of
/// the descriptor stay as they are. Do not write to it by other means at the same time, or the bytes are
/// mixed.
///
/// # Errors
///
/// [`ErrorKind::Io`](crate::ErrorKind::Io) if standard output is closed, or no descriptor is left.
#[doc(alias = "process.stdout")]
pub fn stdout() -> Result<FileSink, Error> {
    let file = File::from(rustix::stdio::stdout().try_clone_to_owned()?);
    let polled = Polled::of(&file, Ready::ToWrite)?;
    Ok(FileSink::new(file, polled, "stdout".to_owned()))
}

/// An open file as a sink; also a pipe, a socket, a terminal or a device.
///
/// [`finish`](Sink::finish) closes the file, and succeeds only if the close does: a network file system,
/// or one with a quota, may report only then that bytes could not be stored. A file that is not finished
/// keeps what was written so far.
///
/// [`create`], [`create_new`] and [`append`] make one of a path. A [`File`] converts: it is written from
/// its current position, and its flags stay as they are. A write to a file on a disk blocks until the
/// kernel has taken it; a write to anything else ends with a cancel too.
///
/// # Examples
///
/// ```
/// use std::fs::File;
/// use highwater::{fs::FileSink, pipeline};
///
/// let null = File::options().write(true).open("/dev/null")?;
/// let report = pipeline(&b"nothing of this stays"[..]).to(FileSink::from(null)).run()?;
/// assert_eq!(report.bytes(), 21);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileSink {
    name: String,
    target: Target,
    /// Identifies the file. `None` for a FIFO that has no reader yet.
    id: Option<FileId>,
    is_regular: bool,
    /// Its old content is still to be removed.
    empties: bool,
    sync: bool,
}

#[derive(Debug)]
enum Target {
    /// A write blocks, and nothing can end that. `None` once it is closed.
    File(Option<Arc<File>>),
    /// A wake ends a write.
    Polled(FdSink),
}

impl FileSink {
    fn open(path: &Path, options: &mut OpenOptions) -> Result<Self, Error> {
        let name = path.display().to_string();
        Self::opened(path, options, &name).map_err(|error| error.during("open", &name))
    }

    fn opened(path: &Path, options: &mut OpenOptions, name: &str) -> Result<Self, Error> {
        let found = std::fs::metadata(path).map(|found| found.file_type());
        if found.as_ref().is_ok_and(|kind| !kind.is_file()) {
            // The open of a FIFO without a reader, and of some devices, blocks, and nothing can end
            // that. With `O_NONBLOCK` it fails or returns at once.
            options.custom_flags(NONBLOCK);
        }
        let file = match options.open(path) {
            Err(error) if is_unread(&error) && found.is_ok_and(|kind| kind.is_fifo()) => {
                // The first write waits for the reader.
                let target = Target::Polled(FdSink::unread(path, name.to_owned()));
                return Ok(Self::to(target, name.to_owned()));
            }
            opened => opened?,
        };
        let polled = Polled::opened(&file, Ready::ToWrite)?;
        Ok(Self::new(file, polled, name.to_owned()))
    }

    /// `polled` is `None` for a file on a disk.
    pub(super) fn new(file: File, polled: Option<Polled>, name: String) -> Self {
        let metadata = file.metadata().ok();
        let target = match polled {
            Some(polled) => Target::Polled(FdSink::new(file, polled, name.clone())),
            None => Target::File(Some(Arc::new(file))),
        };
        Self {
            id: metadata.as_ref().and_then(FileId::of),
            is_regular: metadata.is_some_and(|metadata| metadata.is_file()),
            ..Self::to(target, name)
        }
    }

    const fn to(target: Target, name: String) -> Self {
        Self {
            name,
            target,
            id: None,
            is_regular: false,
            empties: false,
            sync: false,
        }
    }

    /// Removes the old content, unless that was done already or is not wanted.
    fn empty(&mut self) -> io::Result<()> {
        if let (true, Target::File(Some(file))) = (self.empties, &self.target) {
            retry(|| file.set_len(0))?;
            self.empties = false;
        }
        Ok(())
    }

    /// Makes [`finish`](Sink::finish) wait until the bytes are on the disk (`fsync`). It has no effect on
    /// anything but a file on a disk.
    #[must_use]
    #[doc(alias = "fsync")]
    #[doc(alias = "flush")]
    pub const fn sync(mut self) -> Self {
        self.sync = true;
        self
    }

    /// Fails a write to a pipe, a socket, a terminal or a device with
    /// [`ErrorKind::TimedOut`](crate::ErrorKind::TimedOut) when the peer has taken no byte for this time, or
    /// a FIFO has had no reader. By default such a write waits for ever. It has no effect on a regular
    /// file.
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        if let Target::Polled(sink) = &mut self.target {
            sink.set_idle_timeout(timeout);
        }
        self
    }
}

impl Sink<Bytes> for FileSink {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        self.empty()?;
        match &mut self.target {
            Target::Polled(sink) => sink.write(batch),
            Target::File(Some(file)) => {
                let written = write_vectored(batch, |slices| (&**file).write_vectored(slices))?;
                batch.advance(written);
                Ok(())
            }
            Target::File(None) => Err(Error::ended()),
        }
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.empty()?;
        let file = match &mut self.target {
            Target::Polled(sink) => return sink.finish(),
            Target::File(file) => file.take(),
        };
        let Some(file) = file else {
            return Ok(());
        };
        if self.sync {
            file.sync_all()?;
        }
        close(file).map_err(|error| Error::from(error).during("close", &self.name))
    }

    fn interrupt(&self) -> Option<Interrupt> {
        match &self.target {
            Target::Polled(sink) => sink.interrupt(),
            Target::File(_) => None,
        }
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.name)
    }

    fn hooks(&mut self) -> Option<&mut dyn SinkHooks<Bytes>> {
        Some(self)
    }
}

impl SinkHooks<Bytes> for FileSink {
    fn file(&mut self) -> Option<FileId> {
        self.id.clone()
    }

    #[cfg(target_os = "linux")]
    fn accept(&mut self, offer: CopySource) -> Result<ZeroCopy<Bytes>, BufferedReason> {
        if self.empty().is_err() {
            // The first write returns the error.
            return Err(BufferedReason::Sink);
        }
        let end = match &self.target {
            Target::File(file) => file.as_ref().and_then(|file| End::file(file, None)),
            Target::Polled(sink) => sink
                .parts()
                .and_then(|(fd, polled)| End::file(fd, Some(polled))),
        };
        pair(offer, end)
    }
}
