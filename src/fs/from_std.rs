//! Conversions from the files and the pipes of std.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::process::{ChildStderr, ChildStdin, ChildStdout};

use bytes::Bytes;

use super::{FileSink, FileSource};
use crate::os::{Polled, Ready};
use crate::stream::into::{IntoSink, IntoSource};

/// Takes over an open file. It may block or not; its flags stay as they are.
impl From<File> for FileSource {
    fn from(file: File) -> Self {
        // If `fstat` fails, so does the first read.
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

/// Takes over an open file. It may block or not; its flags stay as they are.
impl From<File> for FileSink {
    fn from(file: File) -> Self {
        // If `fstat` fails, so does the first write.
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

/// Its reads can be interrupted.
impl IntoSource<Bytes> for ChildStdout {
    type Source = FileSource;

    fn into_source(self) -> FileSource {
        pipe_source(self.into(), "child stdout")
    }
}

/// Its reads can be interrupted.
impl IntoSource<Bytes> for ChildStderr {
    type Source = FileSource;

    fn into_source(self) -> FileSource {
        pipe_source(self.into(), "child stderr")
    }
}

/// Its writes can be interrupted. The finish closes it, so that the child reads the end.
impl IntoSink<Bytes> for ChildStdin {
    type Sink = FileSink;

    fn into_sink(self) -> FileSink {
        let pipe = File::from(OwnedFd::from(self));
        let polled = Polled::of(&pipe, Ready::ToWrite).unwrap_or_default();
        FileSink::new(pipe, polled, "child stdin".to_owned())
    }
}

fn pipe_source(pipe: OwnedFd, name: &str) -> FileSource {
    let pipe = File::from(pipe);
    let polled = Polled::of(&pipe, Ready::ToRead).unwrap_or_default();
    FileSource::new(pipe, polled, name.to_owned())
}
