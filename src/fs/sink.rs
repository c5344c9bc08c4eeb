//! Files that are written.

use std::borrow::Cow;
use std::fs::{File, FileType, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;

use super::NONBLOCK;
use crate::cancel::Interrupt;
use crate::chunk::Batch;
use crate::error::Error;
use crate::fd::{PipeSink, is_unread};
use crate::file_id::FileId;
#[cfg(target_os = "linux")]
use crate::kernel::{self, End};
#[cfg(target_os = "linux")]
use crate::offer::{KernelCopy, Offer};
#[cfg(target_os = "linux")]
use crate::path::Why;
use crate::sink::{Sink, retry, write_vectored};

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

/// Standard output as a sink. Nobody else should write to it meanwhile.
///
/// # Errors
///
/// Whatever keeps it from being looked at.
pub fn stdout() -> Result<FileSink, Error> {
    let file = File::from(rustix::stdio::stdout().try_clone_to_owned()?);
    FileSink::new(file, "stdout".to_owned())
}

/// A file that is written.
///
/// One that is not finished stays as far as it was written.
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
    /// A write is waited for, whatever happens.
    File(File),
    /// A write can be interrupted.
    Pipe(PipeSink),
}

impl FileSink {
    fn open(path: &Path, options: &mut OpenOptions) -> Result<Self, Error> {
        let name = path.display().to_string();
        let found = std::fs::metadata(path);
        let opened = if found.is_ok_and(|found| found.file_type().is_fifo()) {
            // Opening a pipe that nobody reads blocks, where nothing can interrupt it. Without
            // blocking it fails, and the first write waits for the reader.
            match options.custom_flags(NONBLOCK).open(path) {
                Err(error) if is_unread(&error) => {
                    let target = Target::Pipe(PipeSink::unread(path, name.clone()));
                    return Ok(Self::onto(target, name));
                }
                opened => opened,
            }
        } else {
            options.open(path)
        };
        opened
            .map_err(Error::from)
            .and_then(|file| Self::new(file, name.clone()))
            .map_err(|error| error.during("open", &name))
    }

    fn new(file: File, name: String) -> Result<Self, Error> {
        let metadata = file.metadata()?;
        let kind: FileType = metadata.file_type();
        let target = if kind.is_fifo() {
            Target::Pipe(PipeSink::new(file.as_fd(), name.clone())?)
        } else {
            Target::File(file)
        };
        Ok(Self {
            id: FileId::of(&metadata),
            is_regular: kind.is_file(),
            ..Self::onto(target, name)
        })
    }

    const fn onto(target: Target, name: String) -> Self {
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
        if self.empties
            && let Target::File(file) = &self.target
        {
            retry(|| file.set_len(0))?;
            self.empties = false;
        }
        Ok(())
    }

    /// Finishes only when the data is on the disk (`fsync`), and not just with the kernel.
    #[must_use]
    pub const fn sync(mut self) -> Self {
        self.sync = true;
        self
    }

    /// Fails a write to a pipe when nobody has taken anything for so long, or reads it at all.
    /// Without, it waits for ever. A regular file is waited for, whatever happens.
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        if let Target::Pipe(sink) = &mut self.target {
            sink.set_idle_timeout(timeout);
        }
        self
    }
}

impl Sink<Bytes> for FileSink {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        self.empty()?;
        match &mut self.target {
            Target::Pipe(sink) => sink.write(batch),
            Target::File(file) => {
                let written = write_vectored(batch, |slices| file.write_vectored(slices))?;
                batch.advance(written);
                Ok(())
            }
        }
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.empty()?;
        match &mut self.target {
            Target::File(file) if self.sync => Ok(file.sync_all()?),
            Target::File(_) => Ok(()),
            Target::Pipe(sink) => sink.finish(),
        }
    }

    fn interrupt(&self) -> Option<Interrupt> {
        match &self.target {
            Target::Pipe(sink) => sink.interrupt(),
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
    fn accept(&mut self, offer: Offer) -> Result<KernelCopy<Bytes>, Why> {
        if self.empty().is_err() {
            // The first write says why.
            return Err(Why::Sink);
        }
        let end = match &self.target {
            Target::File(file) => End::file(file, None),
            Target::Pipe(sink) => sink
                .parts()
                .and_then(|(file, waker)| End::file(file, Some(waker)))
                .map(|end| end.patient(sink.idle())),
        };
        kernel::pair(offer, end)
    }
}
