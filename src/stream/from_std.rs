//! Conversions from the readers and writers of std that every platform has.

use std::io;

use bytes::Bytes;

use super::into::{IntoSink, IntoSource};
use super::std_io::{ReadSource, WriteSink};

/// It keeps what the handle has read ahead. A blocked read of it is waited for; that of
/// [`fs::stdin`](crate::fs::stdin) can be interrupted.
impl IntoSource<Bytes> for io::Stdin {
    type Source = ReadSource<Self>;

    fn into_source(self) -> ReadSource<Self> {
        ReadSource::new(self, "stdin")
    }
}

/// What the handle holds back is written first. It is flushed at the end, and not closed.
impl IntoSink<Bytes> for io::Stdout {
    type Sink = WriteSink<Self>;

    fn into_sink(self) -> WriteSink<Self> {
        WriteSink::new(self, "stdout")
    }
}

/// It is not closed at the end.
impl IntoSink<Bytes> for io::Stderr {
    type Sink = WriteSink<Self>;

    fn into_sink(self) -> WriteSink<Self> {
        WriteSink::new(self, "stderr")
    }
}

/// What it has buffered comes first. Then its reader is read, without the buffer between.
impl<R: io::Read + Send + 'static> IntoSource<Bytes> for io::BufReader<R> {
    type Source = ReadSource<R>;

    fn into_source(self) -> ReadSource<R> {
        let ahead = Bytes::copy_from_slice(self.buffer());
        ReadSource::new(self.into_inner(), "reader").behind(ahead)
    }
}

// Where files and pipes are not known better; see `fs`.
#[cfg(any(not(unix), loom))]
mod files {
    use std::fs::File;
    use std::process::{ChildStderr, ChildStdin, ChildStdout};

    use bytes::Bytes;

    use crate::stream::into::{IntoSink, IntoSource};
    use crate::stream::std_io::{ReadSource, WriteSink};

    macro_rules! sources {
        ($($reader:ty: $name:literal),+) => {$(
            impl IntoSource<Bytes> for $reader {
                type Source = ReadSource<Self>;

                fn into_source(self) -> ReadSource<Self> {
                    ReadSource::new(self, $name)
                }
            }
        )+};
    }

    macro_rules! sinks {
        ($($writer:ty: $name:literal),+) => {$(
            impl IntoSink<Bytes> for $writer {
                type Sink = WriteSink<Self>;

                fn into_sink(self) -> WriteSink<Self> {
                    WriteSink::new(self, $name)
                }
            }
        )+};
    }

    sources!(File: "file", ChildStdout: "child stdout", ChildStderr: "child stderr");
    sinks!(File: "file", ChildStdin: "child stdin");
}
