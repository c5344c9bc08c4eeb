//! Files that are written.

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
use crate::os::copy as kernel;
#[cfg(target_os = "linux")]
use crate::os::copy::End;
use crate::os::{FdSink, NONBLOCK, Polled, Ready, close, is_unread};
#[cfg(target_os = "linux")]
use crate::stage::copy_path::BufferedReason;
use crate::stage::file_id::FileId;
#[cfg(target_os = "linux")]
use crate::stage::offer::{CopySource, ZeroCopy};
use crate::stage::sink::{Sink, retry, write_vectored};
use crate::state::batch::Batch;
use crate::stream::into::IntoSink;

/// Creates a file to write, or empties the one that is there: Node's `createWriteStream`.
///
/// What is in it goes when the first byte is written, or at the end if there is none, and not before:
/// a pipeline that reads the same file fails with [`InvalidInput`](crate::ErrorKind::InvalidInput),
/// and leaves it as it was. That is seen by [`FileId`](crate::FileId), from end to end of one
/// pipeline, and from nowhere else: a [`Writable`](crate::Writable) does not know what is read.
///
/// A FIFO that nobody reads is waited for in the first write, which can be interrupted.
///
/// # Errors
///
/// Whatever keeps it from being opened, with the path.
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
pub fn create(path: impl AsRef<Path>) -> Result<FileSink, Error> {
    let mut options = OpenOptions::new();
    let mut sink = FileSink::open(path.as_ref(), options.write(true).create(true))?;
    sink.empties = sink.is_regular;
    Ok(sink)
}

/// Creates a file to write, which must not be there.
///
/// # Errors
///
/// Whatever keeps it from being created, with the path.
pub fn create_new(path: impl AsRef<Path>) -> Result<FileSink, Error> {
    FileSink::open(
        path.as_ref(),
        OpenOptions::new().write(true).create_new(true),
    )
}

/// Opens a file to write behind what is in it, or creates it.
///
/// # Errors
///
/// Whatever keeps it from being opened, with the path.
pub fn append(path: impl AsRef<Path>) -> Result<FileSink, Error> {
    FileSink::open(path.as_ref(), OpenOptions::new().append(true).create(true))
}

/// Standard output as a sink: a blocked write to it can be interrupted. Nothing else should write to
/// it meanwhile. Its flags stay as they are.
///
/// # Errors
///
/// Whatever keeps it from being looked at.
pub fn stdout() -> Result<FileSink, Error> {
    let file = File::from(rustix::stdio::stdout().try_clone_to_owned()?);
    let polled = Polled::of(&file, Ready::ToWrite)?;
    Ok(FileSink::new(file, polled, "stdout".to_owned()))
}

/// A file that is written, or what stands among files: a pipe, a socket, a terminal, a device.
///
/// Finishing it closes it, and is done only when the system has said that all is well with that
/// too: a network file system, or one with a quota, may say only then that the file could not be
/// kept. One that is not finished stays as far as it was written.
///
/// One that was opened before is written from where it stands, and its flags stay as they are. If it
/// is a file on a disk, a write to it is waited for; any other write can be interrupted.
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
    /// Which file it is. Of a FIFO without a reader it is not known yet.
    id: Option<FileId>,
    is_regular: bool,
    /// What is in it is still to go.
    empties: bool,
    sync: bool,
}

#[derive(Debug)]
enum Target {
    /// A write is waited for, whatever happens. None once it was closed.
    File(Option<Arc<File>>),
    /// A write can be interrupted.
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
            // Opening a pipe without a reader blocks, where nothing can interrupt it, and so does
            // opening some devices. Without blocking it fails, or opens at once.
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

    /// `polled` is how to use what is no file on a disk.
    fn new(file: File, polled: Option<Polled>, name: String) -> Self {
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

    /// Empties the file, unless that was done or is not to be.
    fn empty(&mut self) -> io::Result<()> {
        if let (true, Target::File(Some(file))) = (self.empties, &self.target) {
            retry(|| file.set_len(0))?;
            self.empties = false;
        }
        Ok(())
    }

    /// Finishes only when the data is on the disk (`fsync`), and not just with the kernel. What is no
    /// file on a disk is not asked for that.
    #[must_use]
    pub const fn sync(mut self) -> Self {
        self.sync = true;
        self
    }

    /// Fails a write to a pipe, a socket, a terminal or a device when the peer has taken nothing for so
    /// long, or a FIFO has no reader. Without, it waits for ever. A regular file is waited for, whatever
    /// happens.
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        if let Target::Polled(sink) = &mut self.target {
            sink.set_idle_timeout(timeout);
        }
        self
    }
}

/// Takes a file as it is, whichever way it blocks.
impl From<File> for FileSink {
    fn from(file: File) -> Self {
        // What cannot even be looked at says so when it is written.
        let polled = Polled::of(&file, Ready::ToWrite).unwrap_or_default();
        Self::new(file, polled, "file".to_owned())
    }
}

impl IntoSink<Bytes> for File {
    type Sink = FileSink;

    fn into_sink(self) -> FileSink {
        self.into()
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

    fn file(&self) -> Option<FileId> {
        self.id.clone()
    }

    #[cfg(target_os = "linux")]
    fn accept(&mut self, offer: CopySource) -> Result<ZeroCopy<Bytes>, BufferedReason> {
        if self.empty().is_err() {
            // The first write says why.
            return Err(BufferedReason::Sink);
        }
        let end = match &self.target {
            Target::File(file) => file.as_ref().and_then(|file| End::file(file, None)),
            Target::Polled(sink) => sink
                .parts()
                .and_then(|(fd, polled)| End::file(fd, Some(polled))),
        };
        kernel::pair(offer, end)
    }
}
