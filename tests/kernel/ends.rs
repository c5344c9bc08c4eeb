//! Files, sockets and pipes for both ends of a copy, folders, and calls that must come back.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{env, process};

use highwater::{
    Bytes, CopyPath, IntoSink, IntoSource, READ_BYTES, Report, Sink, Source, fs as ends,
};

/// What is ended from outside is ended within this, on a machine with other work.
const PROMPT: Duration = Duration::from_secs(15);

/// The most that is moved between two looks at everything else.
pub(crate) const SLICE_BYTES: usize = 1 << 20;

/// Makes a call on a thread of its own. It has to come back.
#[track_caller]
pub(crate) fn in_time<R: Send + 'static>(call: impl FnOnce() -> R + Send + 'static) -> R {
    once_polling(call, None)
}

/// Makes a call, and does something as soon as its thread waits for a descriptor.
#[track_caller]
pub(crate) fn once_it_waits<R: Send + 'static>(
    call: impl FnOnce() -> R + Send + 'static,
    act: impl FnOnce() + 'static,
) -> R {
    once_polling(call, Some(Box::new(act)))
}

#[track_caller]
fn once_polling<R: Send + 'static>(
    call: impl FnOnce() -> R + Send + 'static,
    act: Option<Box<dyn FnOnce()>>,
) -> R {
    let (tell, told) = channel();
    let (give, given) = channel();
    let caller = thread::spawn(move || {
        let own = fs::read_link("/proc/thread-self").expect("there is a proc");
        tell.send(Path::new("/proc").join(own)).expect("it listens");
        give.send(call()).expect("it listens");
    });
    let task = told.recv().expect("the thread starts");
    if let Some(act) = act {
        until("it waits for a descriptor", || {
            let waits = fs::read_to_string(task.join("wchan")).unwrap_or_default();
            waits.contains("poll")
        });
        act();
    }
    let Ok(result) = given.recv_timeout(PROMPT) else {
        if caller.is_finished() {
            caller.join().expect("the call does not panic");
        }
        panic!("the call did not come back");
    };
    caller.join().expect("it has given its result");
    result
}

/// Waits for something that no event tells.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PROMPT, "never: {what}");
        thread::yield_now();
    }
}

/// What is on the way in the kernel is no more than a slice, and in a buffer no more than the mark
/// and a chunk.
#[track_caller]
pub(crate) fn bounded(report: &Report) {
    let buffers = report.stages().iter().filter_map(|stage| stage.buffer);
    for buffer in buffers {
        let bound = match report.path() {
            Some(CopyPath::Kernel(_) | CopyPath::Switched { .. }) => SLICE_BYTES,
            _ => buffer.high_water_mark + READ_BYTES,
        };
        assert!(buffer.peak <= bound, "{buffer:?} by {}", path(report));
    }
}

/// Which way was taken, in words.
#[track_caller]
pub(crate) fn path(report: &Report) -> String {
    report.path().expect("it is known").to_string()
}

/// A folder of one test, gone with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        Self::below(&env::temp_dir())
    }

    pub(crate) fn below(place: &Path) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = place.join(format!("highwater-kernel-{}-{number}", process::id()));
        fs::create_dir(&path).expect("a folder for the test");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("a file for the test");
        path
    }

    pub(crate) fn fifo(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        let made = process::Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo runs").success());
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Bytes in which a lost, doubled or moved piece shows.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    let words = (0_u64..).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    let mut bytes: Vec<u8> = words.take(len / 8 + 1).flatten().collect();
    bytes.truncate(len);
    bytes
}

/// Two ends of one connection, neither of which blocks.
pub(crate) fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    ours.set_nonblocking(true).unwrap();
    (ours, listener.accept().unwrap().0)
}

/// What stands at an end of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    File,
    Pipe,
    Tcp,
    Unix,
}

impl Place {
    pub(crate) const ALL: [Self; 4] = [Self::File, Self::Pipe, Self::Tcp, Self::Unix];

    /// A source that brings these bytes and ends.
    pub(crate) fn source(self, folder: &Folder, bytes: &[u8]) -> Box<dyn Source<Bytes>> {
        let bytes = bytes.to_vec();
        match self {
            Self::File => Box::new(ends::read(folder.file("from", &bytes)).unwrap().stable()),
            Self::Pipe => {
                let fifo = folder.fifo("from");
                // Before anybody writes to it: that is no end.
                let source = ends::read(&fifo).unwrap();
                thread::spawn(move || fs::write(fifo, bytes).unwrap());
                Box::new(source)
            }
            Self::Tcp => {
                let (ours, mut peer) = pair();
                thread::spawn(move || peer.write_all(&bytes).unwrap());
                Box::new(ours.into_source())
            }
            Self::Unix => {
                let (ours, mut peer) = UnixStream::pair().unwrap();
                ours.set_nonblocking(true).unwrap();
                thread::spawn(move || peer.write_all(&bytes).unwrap());
                Box::new(ours.into_source())
            }
        }
    }

    /// A sink, and what will have come there once that is finished.
    pub(crate) fn sink(self, folder: &Folder, bytes: usize) -> (Box<dyn Sink<Bytes>>, Arrived) {
        match self {
            Self::File => {
                let path = folder.path("to");
                let sink = ends::create(&path).unwrap();
                (Box::new(sink), Arrived::In(path))
            }
            Self::Pipe => {
                let fifo = folder.fifo("to");
                // Opened both ways, so that neither open waits for the other.
                let held = File::options().read(true).write(true).open(&fifo).unwrap();
                let sink = ends::create(&fifo).unwrap();
                let taken = held.try_clone().unwrap();
                let taker = thread::spawn(move || {
                    let mut got = vec![0; bytes];
                    (&taken).read_exact(&mut got).unwrap();
                    got
                });
                (Box::new(sink), Arrived::Through(taker, held))
            }
            Self::Tcp => {
                let (ours, peer) = pair();
                (Box::new(ours.into_sink()), Arrived::At(taker(peer)))
            }
            Self::Unix => {
                let (ours, peer) = UnixStream::pair().unwrap();
                ours.set_nonblocking(true).unwrap();
                (Box::new(ours.into_sink()), Arrived::At(taker(peer)))
            }
        }
    }
}

/// What has come to the other side of a sink.
pub(crate) enum Arrived {
    In(PathBuf),
    At(JoinHandle<Vec<u8>>),
    /// A pipe, that somebody has open for as long as this is not asked.
    Through(JoinHandle<Vec<u8>>, File),
}

impl Arrived {
    pub(crate) fn bytes(self) -> Vec<u8> {
        match self {
            Self::In(path) => fs::read(path).unwrap(),
            Self::At(taker) => taker.join().unwrap(),
            Self::Through(taker, held) => {
                let got = taker.join().unwrap();
                drop(held);
                got
            }
        }
    }
}

/// Takes everything to the end, on a thread.
pub(crate) fn taker(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    let (tell, told) = sync_channel(1);
    let taker = thread::spawn(move || {
        tell.send(()).unwrap();
        let mut got = Vec::new();
        from.read_to_end(&mut got).unwrap();
        got
    });
    told.recv().unwrap();
    taker
}
