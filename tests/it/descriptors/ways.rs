//! Every way in and out of a descriptor that was handed in.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use highwater::fs::{FileSink, FileSource};
use highwater::stream::take_bytes;
use highwater::{
    CancelToken, Error, HighWaterMark, IntoSink, IntoSource, ReadSource, Readable, Report, Source,
    Writable, WriteSink, fs as ends, pipeline, process,
};

use crate::descriptors::kinds::{Kind, Way};
use crate::support::{Folder, bounded, pattern};

pub(crate) const HIGH: usize = 64 * 1024;

fn mark() -> HighWaterMark<highwater::mark::InBytes> {
    HighWaterMark::bytes(HIGH)
}

/// A way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Out {
    /// A pipeline that ends in a [`File`].
    File,
    /// One that ends in a writer.
    Writer,
    /// The writer of the standard library for this kind, where there is one.
    Own,
    /// A stream that is written by hand.
    Writable,
    /// Opened by the name of what was handed in.
    Path,
    /// From a file on a disk that is promised to stay.
    OfFile,
    /// From a pipe.
    OfPipe,
    /// From a child.
    OfChild,
}

impl Out {
    pub(crate) const ALL: [Self; 8] = [
        Self::File,
        Self::Writer,
        Self::Own,
        Self::Writable,
        Self::Path,
        Self::OfFile,
        Self::OfPipe,
        Self::OfChild,
    ];

    pub(crate) fn is_for(self, kind: Kind) -> bool {
        match self {
            Self::Path => kind.opens_again(),
            Self::Own => matches!(kind, Kind::Pipe | Kind::Unix | Kind::Tcp),
            _ => true,
        }
    }

    /// Writes the pattern of so many bytes, and says how many were confirmed.
    pub(crate) fn write(
        self,
        kind: Kind,
        fd: OwnedFd,
        bytes: usize,
        token: &CancelToken,
    ) -> Result<u64, Error> {
        let folder = Folder::new();
        let bytes = pattern(bytes);
        let memory = || bytes.clone().into_source();
        match self {
            Self::File => run(memory(), FileSink::from(File::from(fd)), token),
            Self::Writer => run(memory(), WriteSink::new(File::from(fd), "writer"), token),
            Self::Own => match kind {
                Kind::Unix => {
                    let stream = std::os::unix::net::UnixStream::from(fd);
                    run(memory(), WriteSink::new(stream, "unix"), token)
                }
                Kind::Tcp => {
                    let stream = std::net::TcpStream::from(fd);
                    run(memory(), WriteSink::new(stream, "tcp"), token)
                }
                _ => {
                    let pipe = io::PipeWriter::from(fd);
                    run(memory(), WriteSink::new(pipe, "pipe"), token)
                }
            },
            Self::Writable => {
                let mut out = Writable::to(File::from(fd), mark());
                out.cancel_with(token);
                out.write_all(&bytes)?;
                out.end();
                let waited = out.wait_finish();
                let confirmed = out.confirmed();
                waited?;
                drop(out.finish()?);
                Ok(confirmed)
            }
            Self::Path => {
                let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
                let sink = ends::append(path)?;
                drop(fd);
                run(memory(), sink, token)
            }
            Self::OfFile => {
                let path = folder.file("file", &bytes);
                let source = ends::read(path)?.stable();
                run(source, FileSink::from(File::from(fd)), token)
            }
            Self::OfPipe => {
                let (reader, mut writer) = io::pipe()?;
                let feeder = thread::spawn(move || writer.write_all(&bytes));
                let source = FileSource::from(File::from(OwnedFd::from(reader)));
                let outcome = run(source, FileSink::from(File::from(fd)), token);
                let fed = feeder.join().expect("it does not panic");
                assert!(fed.is_ok() || outcome.is_err());
                outcome
            }
            Self::OfChild => {
                let path = folder.file("file", &bytes);
                let mut cat = Command::new("cat");
                cat.arg(path);
                let source = process::source(cat)?;
                run(source, File::from(fd).into_sink(), token)
            }
        }
    }
}

/// A way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum In {
    File,
    Reader,
    Own,
    Readable,
    Path,
    /// To a file on a disk.
    ToFile,
    /// To a pipe.
    ToPipe,
    /// To a child.
    ToChild,
}

impl In {
    pub(crate) const ALL: [Self; 8] = [
        Self::File,
        Self::Reader,
        Self::Own,
        Self::Readable,
        Self::Path,
        Self::ToFile,
        Self::ToPipe,
        Self::ToChild,
    ];

    pub(crate) fn is_for(self, kind: Kind) -> bool {
        match self {
            Self::Path => kind.opens_again(),
            Self::Own => matches!(kind, Kind::Pipe | Kind::Unix | Kind::Tcp),
            _ => true,
        }
    }

    /// Reads so many bytes, and gives them.
    pub(crate) fn read(
        self,
        kind: Kind,
        fd: OwnedFd,
        bytes: usize,
        token: &CancelToken,
    ) -> Result<Vec<u8>, Error> {
        let folder = Folder::new();
        let copied = folder.path("copied");
        match self {
            Self::File => collect(FileSource::from(File::from(fd)), bytes, token),
            Self::Reader => collect(ReadSource::new(File::from(fd), "reader"), bytes, token),
            Self::Own => match kind {
                Kind::Unix => {
                    let stream = std::os::unix::net::UnixStream::from(fd);
                    collect(ReadSource::new(stream, "unix"), bytes, token)
                }
                Kind::Tcp => {
                    let stream = std::net::TcpStream::from(fd);
                    collect(ReadSource::new(stream, "tcp"), bytes, token)
                }
                _ => {
                    let pipe = io::PipeReader::from(fd);
                    collect(ReadSource::new(pipe, "pipe"), bytes, token)
                }
            },
            Self::Readable => {
                let mut readable = Readable::from_read(File::from(fd), mark());
                readable.cancel_with(token);
                let mut got = vec![0; bytes];
                readable.read_exact(&mut got)?;
                Ok(got)
            }
            Self::Path => {
                let source = ends::read(format!("/proc/self/fd/{}", fd.as_raw_fd()))?;
                drop(fd);
                collect(source, bytes, token)
            }
            Self::ToFile => {
                let sink = ends::create(&copied)?;
                run(first(FileSource::from(File::from(fd)), bytes), sink, token)?;
                Ok(std::fs::read(copied)?)
            }
            Self::ToPipe => {
                let (mut reader, writer) = io::pipe()?;
                let eater = thread::spawn(move || {
                    let mut got = Vec::new();
                    reader.read_to_end(&mut got).map(|_| got)
                });
                let sink = FileSink::from(File::from(OwnedFd::from(writer)));
                let outcome = run(first(FileSource::from(File::from(fd)), bytes), sink, token);
                let got = eater.join().expect("it does not panic")?;
                outcome.map(|_| got)
            }
            Self::ToChild => {
                let to = File::create(&copied)?;
                let mut cat = Command::new("cat");
                cat.stdout(Stdio::from(to));
                let sink = process::sink(cat)?;
                run(first(FileSource::from(File::from(fd)), bytes), sink, token)?;
                Ok(std::fs::read(copied)?)
            }
        }
    }
}

/// So many bytes of a source, where a terminal has no end.
fn first(
    source: impl Source<highwater::Bytes> + 'static,
    bytes: usize,
) -> impl Source<highwater::Bytes> {
    take_bytes(source, bytes as u64)
}

fn collect(
    source: impl Source<highwater::Bytes> + 'static,
    bytes: usize,
    token: &CancelToken,
) -> Result<Vec<u8>, Error> {
    let run = pipeline(first(source, bytes)).high_water_mark(mark());
    let (report, got) = run.cancel_with(token).to(Vec::new()).run_into()?;
    counted(&report);
    Ok(got.into_inner())
}

fn run(
    source: impl Source<highwater::Bytes> + 'static,
    sink: impl IntoSink<highwater::Bytes>,
    token: &CancelToken,
) -> Result<u64, Error> {
    let run = pipeline(source).high_water_mark(mark()).cancel_with(token);
    match run.to(sink).run() {
        Ok(report) => {
            counted(&report);
            Ok(report.bytes())
        }
        Err(failure) => {
            bounded(&failure.report);
            Err(failure.error)
        }
    }
}

/// What came in went out, and no buffer held more than it may.
fn counted(report: &Report) {
    bounded(report);
    assert_eq!(report.bytes(), report.stages()[0].bytes);
}

/// Which of the two it is, for what a test says.
pub(crate) fn case(way: Way, kind: Kind, blocks: bool, by: impl std::fmt::Debug) -> String {
    let calls = if blocks { "blocks" } else { "does not block" };
    format!("{way:?} of a {kind:?} that {calls}, by {by:?}")
}

/// Says how long what was ended took to come back.
pub(crate) fn tell(mut times: Vec<(Duration, String)>) {
    times.sort();
    let of = |part: usize| &times[(times.len() - 1) * part / 100];
    let ((median, _), (most, _), (longest, case)) = (of(50), of(90), of(100));
    let count = times.len();
    println!("{count}: median {median:.1?}, 90 % {most:.1?}, longest {longest:.1?}: {case}");
}
