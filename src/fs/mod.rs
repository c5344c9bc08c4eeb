//! Files as sources and sinks, and what is opened like a file: pipes, terminals, devices, the standard
//! streams. Node's `fs.createReadStream` and `fs.createWriteStream`.
//!
//! [`read`] opens a [`FileSource`]; [`create`], [`create_new`] and [`append`] open a [`FileSink`]. Each
//! names its path in errors, with the byte at which something failed.
//!
//! A call on a regular file blocks until the disk has answered; nothing can end it. A blocked read or
//! write of a pipe, a socket, a terminal or a device ends with a cancel or with an idle timeout.
//!
//! ```
//! use highwater::{fs, pipeline};
//!
//! let copy = std::env::temp_dir().join(format!("highwater-doc-copy-{}", std::process::id()));
//! let report = pipeline(fs::read("Cargo.toml")?).to(fs::create(&copy)?).run()?;
//! assert_eq!(std::fs::read(&copy).unwrap(), std::fs::read("Cargo.toml").unwrap());
//! assert_eq!(report.bytes(), std::fs::metadata(&copy).unwrap().len());
//! std::fs::remove_file(&copy).unwrap();
//! # Ok::<(), highwater::Error>(())
//! ```

mod from_std;
mod sink;

use std::borrow::Cow;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::{Bound, RangeBounds};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::cancel::Interrupt;
use crate::channel::mark::READ_BYTES;
use crate::error::{Error, ErrorKind};
#[cfg(target_os = "linux")]
use crate::os::copy::{End, ReadEnd};
use crate::os::{FdSource, NONBLOCK, Polled, Ready};
use crate::stage::buffer_pool::Pool;
use crate::stage::file_id::FileId;
use crate::stage::hooks::SourceHooks;
#[cfg(target_os = "linux")]
use crate::stage::offer::CopySource;
use crate::stage::source::{Source, read_chunk, read_pool, shrink};

pub use sink::{FileSink, append, create, create_new, stdout};

/// Opens a file for reading: Node's `createReadStream`.
///
/// The open does not block. A read of a regular file blocks until the disk has answered. A blocked read
/// of a pipe, a terminal or a device ends with bytes, the end, a cancel, or an
/// [idle timeout](FileSource::idle_timeout).
///
/// # Errors
///
/// [`ErrorKind::Io`] if the file cannot be opened: `NotFound`, `PermissionDenied`, or
/// [`IsADirectory`](io::ErrorKind::IsADirectory) for a directory. The error names the path.
///
/// # Examples
///
/// ```
/// use highwater::{fs, pipeline};
///
/// let (report, head) = pipeline(fs::read("Cargo.toml")?.range(..9)?).to(Vec::new()).run_into()?;
/// assert_eq!(head.into_inner(), b"[package]");
/// assert_eq!(report.stages()[0].name, "Cargo.toml");
/// # Ok::<(), highwater::Error>(())
/// ```
#[doc(alias = "createReadStream")]
#[doc(alias = "open")]
pub fn read(path: impl AsRef<Path>) -> Result<FileSource, Error> {
    let path = path.as_ref();
    let name = path.display().to_string();
    open_to_read(path, &name).map_err(|error| error.during("open", &name))
}

fn open_to_read(path: &Path, name: &str) -> Result<FileSource, Error> {
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory).into());
    }
    let mut options = OpenOptions::new();
    options.read(true);
    if !kind.is_file() {
        // The open of a FIFO without a writer, and of some devices, blocks, and nothing can end that.
        // With `O_NONBLOCK` it returns at once, and the first read waits instead.
        options.custom_flags(NONBLOCK);
    }
    let file = options.open(path)?;
    let polled = Polled::opened(&file, Ready::ToRead)?;
    Ok(FileSource::new(file, polled, name.to_owned()))
}

/// Standard input as a source: Node's `process.stdin`. A blocked read ends with a cancel. The flags of
/// the descriptor stay as they are.
///
/// # Errors
///
/// [`ErrorKind::Io`] if standard input is closed, or no descriptor is left.
#[doc(alias = "process.stdin")]
pub fn stdin() -> Result<FileSource, Error> {
    let file = File::from(rustix::stdio::stdin().try_clone_to_owned()?);
    let polled = Polled::of(&file, Ready::ToRead)?;
    Ok(FileSource::new(file, polled, "stdin".to_owned()))
}

/// An open file as a source; also a pipe, a socket, a terminal or a device.
///
/// [`read`] makes one of a path. A [`File`] converts: it is read from its current position, and its flags
/// stay as they are. A read of a file on a disk blocks until the disk has answered; a read of anything
/// else ends with a cancel too.
///
/// # Examples
///
/// ```
/// use std::fs::File;
/// use highwater::{fs::FileSource, pipeline};
///
/// let source = FileSource::from(File::open("Cargo.toml")?);
/// let (report, got) = pipeline(source).to(Vec::new()).run_into()?;
/// assert_eq!(got.into_inner(), std::fs::read("Cargo.toml")?);
/// assert_eq!(report.stages()[0].name, "file");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileSource {
    name: String,
    kind: FileKind,
    /// Where the first read starts.
    start: u64,
    /// How many bytes are left of the range. A zero-copy pipeline counts it down too.
    left: Option<Arc<AtomicU64>>,
    /// The length of a regular file when it was opened.
    len: Option<u64>,
    /// Identifies the file, to find a sink that writes the same one.
    id: Option<FileId>,
    /// The caller has promised that the file does not change.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    stable: bool,
}

#[derive(Debug)]
enum FileKind {
    Regular {
        file: Arc<File>,
        pool: Pool,
    },
    /// Anything that can be polled.
    Polled(FdSource),
}

impl FileSource {
    /// `polled` is `None` for a file on a disk.
    fn new(file: File, polled: Option<Polled>, name: String) -> Self {
        let pool = read_pool(READ_BYTES);
        // Of the open file: between the look at the path and the open it may have been replaced.
        let metadata = file.metadata().ok();
        let id = metadata.as_ref().and_then(FileId::of);
        let len = metadata.filter(Metadata::is_file).map(|file| file.len());
        let start = len.and_then(|_| (&file).stream_position().ok());
        let kind = match polled {
            Some(polled) => FileKind::Polled(FdSource::new(file, polled, name.clone(), pool)),
            None => FileKind::Regular {
                file: Arc::new(file),
                pool,
            },
        };
        Self {
            name,
            kind,
            start: start.unwrap_or(0),
            left: None,
            len,
            id,
            stable: false,
        }
    }

    /// Reads only this range of bytes, which must lie within the file: Node's `start` and `end`, except
    /// that the end of a Rust range is exclusive. A file that becomes shorter while it is read fails with
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if the range ends past the end of the file or starts past its own end,
    /// or if this is not a regular file. [`ErrorKind::Io`] if the seek fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::{ErrorKind, fs, pipeline};
    ///
    /// let (_, name) = pipeline(fs::read("Cargo.toml")?.range(1..=7)?).to(Vec::new()).run_into()?;
    /// assert_eq!(name.into_inner(), b"package");
    ///
    /// let past = fs::read("Cargo.toml")?.range(..1 << 40).unwrap_err();
    /// assert_eq!(past.kind(), ErrorKind::InvalidInput);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn range(mut self, range: impl RangeBounds<u64>) -> Result<Self, Error> {
        let Self {
            kind: FileKind::Regular { file, .. },
            len: Some(len),
            name,
            ..
        } = &mut self
        else {
            return Err(self.refused("only a regular file has a range"));
        };
        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(last) => last.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => *len,
        };
        if start > end || end > *len {
            let message = format!("range {start}..{end} is not within its {len} bytes");
            return Err(self.refused(&message));
        }
        (&**file)
            .seek(SeekFrom::Start(start))
            .map_err(|error| Error::from(error).during("seek in", name))?;
        self.start = start;
        self.left = Some(Arc::new(AtomicU64::new(end - start)));
        Ok(self)
    }

    /// Promises that the bytes of the file do not change before the reader at the far end has read them.
    ///
    /// Then the kernel sends the pages of the file from a pipeline into a socket or a pipe without a copy
    /// (`sendfile`, `splice`), which takes less processor time. If the file is changed all the same, the
    /// change, or a part of it, may arrive. From file to file the kernel copies at once, and no promise is
    /// needed.
    ///
    /// Calls on the socket must not block: those of a socket of `net` do
    /// not, nor those of a [`TcpStream`](std::net::TcpStream) after
    /// [`set_nonblocking`](std::net::TcpStream::set_nonblocking).
    /// [`Report::path`](crate::Report::path) returns how the bytes were copied, and the reason if it was
    /// not by the kernel. When the peer is gone the kernel raises `SIGPIPE`, which a Rust program ignores
    /// by default.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "net")] {
    /// use std::thread;
    /// use highwater::{fs, net, pipeline};
    ///
    /// let listener = net::listen("127.0.0.1:0")?;
    /// let socket = net::connect(listener.local_addr()?.to_string()).open()?;
    /// let peer = thread::spawn(move || {
    ///     let (_, got) = pipeline(listener.accept()?).to(Vec::new()).run_into()?;
    ///     Ok::<_, highwater::Error>(got.into_inner())
    /// });
    ///
    /// let report = pipeline(fs::read("Cargo.toml")?.stable()).to(socket).run()?;
    /// assert_eq!(peer.join().unwrap()?, std::fs::read("Cargo.toml").unwrap());
    /// # #[cfg(target_os = "linux")]
    /// assert_eq!(report.path().unwrap().to_string(), "sendfile");
    /// # }
    /// # Ok::<(), highwater::Error>(())
    /// ```
    #[must_use]
    pub const fn stable(mut self) -> Self {
        self.stable = true;
        self
    }

    fn refused(&self, message: &str) -> Error {
        Error::new(ErrorKind::InvalidInput, message).during("read", &self.name)
    }

    /// Sets the largest number of bytes that one read returns, up to 1 MiB. The default is
    /// [`READ_BYTES`].
    #[must_use]
    #[doc(alias = "highWaterMark")]
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        let fresh = read_pool(bytes);
        match &mut self.kind {
            FileKind::Regular { pool, .. } => *pool = fresh,
            FileKind::Polled(source) => source.set_pool(fresh),
        }
        self
    }

    /// Fails a read of a pipe, a socket, a terminal or a device with [`ErrorKind::TimedOut`] when no byte
    /// has come for this time. By default such a read waits for ever. It has no effect on a regular
    /// file.
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        if let FileKind::Polled(source) = &mut self.kind {
            source.set_idle_timeout(timeout);
        }
        self
    }
}

impl Source<Bytes> for FileSource {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        let (file, pool) = match &mut self.kind {
            FileKind::Polled(source) => return source.read(),
            FileKind::Regular { file, pool } => (&**file, &*pool),
        };
        let mut file = file;
        let Some(range) = &self.left else {
            return Ok(read_chunk(pool, |room| file.read(room))?);
        };
        let left = range.load(Ordering::Relaxed);
        if left == 0 {
            return Ok(None);
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX);
        let chunk = read_chunk(pool, |room| {
            let most = most.min(room.len());
            file.read(&mut room[..most])
        })?;
        // The range was within the file when it was set, so the file was cut short since.
        let Some(chunk) = chunk else {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        };
        range.fetch_sub(chunk.len() as u64, Ordering::Relaxed);
        Ok(Some(chunk))
    }

    fn interrupt(&self) -> Option<Interrupt> {
        match &self.kind {
            FileKind::Regular { .. } => None,
            FileKind::Polled(source) => source.interrupt(),
        }
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.name)
    }

    fn len_hint(&self) -> Option<u64> {
        match &self.left {
            Some(left) => Some(left.load(Ordering::Relaxed)),
            None => Some(self.len?.saturating_sub(self.start)),
        }
    }

    fn hooks(&mut self) -> Option<&mut dyn SourceHooks<Bytes>> {
        Some(self)
    }
}

impl SourceHooks<Bytes> for FileSource {
    fn files(&mut self) -> Vec<FileId> {
        self.id.iter().cloned().collect()
    }

    fn set_chunk_bytes(&mut self, most: usize) {
        match &mut self.kind {
            FileKind::Regular { pool, .. } => shrink(pool, most),
            FileKind::Polled(source) => source.set_chunk_bytes(most),
        }
    }

    #[cfg(target_os = "linux")]
    fn offer(&mut self) -> Option<CopySource> {
        let end = match &self.kind {
            FileKind::Regular { file, .. } => End::file(file, None),
            // Such as /proc/kmsg, where the call would block.
            FileKind::Polled(_) if self.len.is_some() && self.stable => None,
            FileKind::Polled(source) => {
                let (fd, polled) = source.parts();
                End::file(fd, Some(polled))
            }
        };
        let end = ReadEnd::new(end?).range(self.left.clone());
        Some(end.stable(self.stable).offer())
    }
}
