//! Files, and what stands among them: pipes, terminals, devices, the standard streams.

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
#[cfg(target_os = "linux")]
use crate::stage::offer::CopySource;
use crate::stage::source::{Source, read_chunk, read_pool, shrink};
use crate::stream::into::IntoSource;

pub use sink::{FileSink, append, create, create_new, stdout};

/// Opens a file to read: Node's `createReadStream`.
///
/// A pipe, a terminal or a device is read as it comes, and a blocked read of it can be interrupted.
/// A read of a regular file cannot, and is waited for.
///
/// # Errors
///
/// Whatever keeps it from being opened, with the path. A folder is
/// [`IsADirectory`](io::ErrorKind::IsADirectory).
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
        // Opening a pipe without a writer blocks, where nothing can interrupt it, and so does
        // opening some devices. Without blocking it opens at once, and the first read waits.
        options.custom_flags(NONBLOCK);
    }
    let file = options.open(path)?;
    let polled = Polled::opened(&file, Ready::ToRead)?;
    Ok(FileSource::new(file, polled, name.to_owned()))
}

/// Standard input as a source: a blocked read of it can be interrupted. Its flags stay as they are.
///
/// # Errors
///
/// Whatever keeps it from being looked at.
pub fn stdin() -> Result<FileSource, Error> {
    let file = File::from(rustix::stdio::stdin().try_clone_to_owned()?);
    let polled = Polled::of(&file, Ready::ToRead)?;
    Ok(FileSource::new(file, polled, "stdin".to_owned()))
}

/// A file that is read, or what stands among files: a pipe, a socket, a terminal, a device.
///
/// One that was opened before is read from where it stands, and its flags stay as they are. If it is
/// a file on a disk, a read of it is waited for; any other read can be interrupted.
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
    /// How much is left of the range that was asked for. A copy in the kernel counts it down too.
    left: Option<Arc<AtomicU64>>,
    /// How long a regular file was when it was opened.
    len: Option<u64>,
    /// Which file it is, if it is one that could be written meanwhile.
    id: Option<FileId>,
    /// Nobody changes it.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    stable: bool,
}

#[derive(Debug)]
enum FileKind {
    Regular {
        file: Arc<File>,
        pool: Pool,
    },
    /// Everything that can be polled.
    Polled(FdSource),
}

impl FileSource {
    /// `polled` is how to use what is no file on a disk.
    fn new(file: File, polled: Option<Polled>, name: String) -> Self {
        let pool = read_pool(READ_BYTES);
        // Of the file that was opened, which may be another one than the one that was looked at.
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

    /// Reads only this range of bytes, which has to be there: Node's `start` and `end`, except
    /// that a Rust range ends before its end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if it ends past the end of the file, starts past its own end, or
    /// if this is no regular file.
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
            let said = format!("range {start}..{end} is not within its {len} bytes");
            return Err(self.refused(&said));
        }
        (&**file)
            .seek(SeekFrom::Start(start))
            .map_err(|error| Error::from(error).during("seek in", name))?;
        self.start = start;
        self.left = Some(Arc::new(AtomicU64::new(end - start)));
        Ok(self)
    }

    /// Promises that nobody changes what is read before it has arrived at whoever reads it in the
    /// end. Then a pipeline from here into a socket or a pipe has the kernel send the pages of the
    /// file, and no copy of them, which takes less of the processor. A change meanwhile may arrive
    /// too, or a part of it. Into a file it is copied there and then, and no promise is needed.
    ///
    /// The socket must not block: those of [`net`](crate::net) do not, and no other one after
    /// [`set_nonblocking`](std::net::TcpStream::set_nonblocking).
    /// [`Report::path`](crate::Report::path) says which way was taken, and why not this one.
    /// When a peer has gone the kernel raises `SIGPIPE`, which a Rust program ignores unless it has
    /// changed that.
    ///
    /// # Examples
    ///
    /// ```
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
    /// # Ok::<(), highwater::Error>(())
    /// ```
    #[must_use]
    pub const fn stable(mut self) -> Self {
        self.stable = true;
        self
    }

    fn refused(&self, said: &str) -> Error {
        Error::new(ErrorKind::InvalidInput, said).during("read", &self.name)
    }

    /// Reads at most so many bytes at once, in place of [`READ_BYTES`], and never more than 1 MiB.
    #[must_use]
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        let fresh = read_pool(bytes);
        match &mut self.kind {
            FileKind::Regular { pool, .. } => *pool = fresh,
            FileKind::Polled(source) => source.set_pool(fresh),
        }
        self
    }

    /// Fails a read of a pipe, a socket, a terminal or a device when nothing has come for so long.
    /// Without, it waits for ever. A regular file is waited for, whatever happens.
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        if let FileKind::Polled(source) = &mut self.kind {
            source.set_idle_timeout(timeout);
        }
        self
    }
}

/// Takes a file as it is, whichever way it blocks.
impl From<File> for FileSource {
    fn from(file: File) -> Self {
        // What cannot even be looked at says so when it is read.
        let polled = Polled::of(&file, Ready::ToRead).unwrap_or_default();
        Self::new(file, polled, "file".to_owned())
    }
}

impl IntoSource<Bytes> for File {
    type Source = FileSource;

    fn into_source(self) -> FileSource {
        self.into()
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
        // The range was there when it was asked for. An end before its end means that somebody
        // has cut the file short, and what was read is not what was wanted.
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

    fn files(&self) -> Vec<FileId> {
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
            // A copy of a file that the kernel makes as it is read would wait in the call.
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
