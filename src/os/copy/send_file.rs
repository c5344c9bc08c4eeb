//! Sending a part of a file to a socket, in steps that do not block.

use std::fs::File;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use crate::error::Error;
use crate::os::shared_socket::SharedSocket;
use crate::stage::copy_path::BufferedReason;
use crate::stage::offer::{CopyFailure, CopySide};
use crate::stage::sink::{Attempt, retry};

/// A part of a regular file that is being sent to a socket.
///
/// The kernel sends it where it can (`sendfile`); if the file is changed meanwhile, the change may arrive.
/// Where it cannot, the rest is read and sent. The position of the file is neither used nor changed.
///
/// # Invariants
///
/// 1. The bytes before `at` were sent, and none from there on: `start <= at <= end`.
/// 2. `read[from..]` are the bytes of the file at `at`, as far as they were read ahead.
#[derive(Debug)]
pub(crate) struct FileSend<'a> {
    file: &'a File,
    start: u64,
    at: u64,
    end: u64,
    /// Why the kernel no longer sends it, and from which byte on.
    refused: Option<(BufferedReason, u64)>,
    read: Vec<u8>,
    from: usize,
}

/// How many bytes the kernel sends at once: between two slices a cancel and a timeout are checked.
const SLICE_BYTES: usize = 1024 * 1024;

/// How many bytes are read at once where the kernel does not send.
const READ_BYTES: usize = 128 * 1024;

/// The result of a call that the kernel may refuse.
#[cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only Linux has it")
)]
enum SendOutcome {
    Bytes(usize),
    Refused(BufferedReason),
}

impl<'a> FileSend<'a> {
    pub(crate) const fn new(file: &'a File, range: Range<u64>) -> Self {
        Self {
            file,
            start: range.start,
            at: range.start,
            end: range.end,
            refused: None,
            read: Vec::new(),
            from: 0,
        }
    }

    /// How many bytes the socket has taken, also after a failure.
    pub(crate) const fn sent(&self) -> u64 {
        self.at - self.start
    }

    /// How many bytes the socket has not taken yet.
    pub(crate) const fn left(&self) -> u64 {
        self.end.saturating_sub(self.at)
    }

    /// Sends what the socket takes now, up to a slice. Does not wait for the peer; a read of the file may
    /// wait for the disk.
    ///
    /// # Errors
    ///
    /// That of the file or of the socket. [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the file has
    /// become shorter than the range: the bytes that it had were sent.
    pub(crate) fn try_slice(&mut self, to: &SharedSocket) -> Result<Attempt, CopyFailure> {
        match self.slice(to) {
            Ok(()) => Ok(Attempt::Done),
            Err(SendFailure::Full) => Ok(Attempt::WouldBlock),
            Err(SendFailure::At(side, error)) => Err(broken(side, error)),
        }
    }

    fn slice(&mut self, to: &SharedSocket) -> Result<(), SendFailure> {
        if self.refused.is_none() {
            let sent = send_in_kernel(self.file, self.at, self.most(SLICE_BYTES), to);
            match sent.map_err(failed_to_send)? {
                SendOutcome::Bytes(bytes) => {
                    self.at += bytes as u64;
                    return Ok(());
                }
                SendOutcome::Refused(why) => self.refused = Some((why, self.at)),
            }
        }
        if self.from == self.read.len() {
            self.read_ahead()
                .map_err(|error| SendFailure::At(CopySide::Source, error))?;
        }
        let ahead = IoSlice::new(&self.read[self.from..]);
        let sent = retry(|| to.send(&[ahead])).map_err(failed_to_send)?;
        self.from += sent;
        self.at += sent as u64;
        Ok(())
    }

    fn read_ahead(&mut self) -> io::Result<()> {
        self.from = 0;
        self.read.resize(self.most(READ_BYTES), 0);
        let read = retry(|| self.file.read_at(&mut self.read, self.at));
        self.read.truncate(*read.as_ref().unwrap_or(&0));
        match read? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    fn most(&self, bytes: usize) -> usize {
        usize::try_from(self.left()).map_or(bytes, |left| left.min(bytes))
    }
}

/// Why a slice was not sent.
enum SendFailure {
    /// The socket takes no byte now.
    Full,
    At(CopySide, io::Error),
}

fn failed_to_send(error: io::Error) -> SendFailure {
    match error.kind() {
        io::ErrorKind::WouldBlock => SendFailure::Full,
        _ => SendFailure::At(CopySide::Sink, error),
    }
}

fn broken(side: CopySide, error: impl Into<Error>) -> CopyFailure {
    let error = error.into();
    CopyFailure { side, error }
}

/// Has the kernel send a part of a file. Does not wait for the peer.
#[cfg(target_os = "linux")]
fn send_in_kernel(file: &File, at: u64, most: usize, to: &SharedSocket) -> io::Result<SendOutcome> {
    use rustix::fs::sendfile;
    use rustix::io::{Errno, retry_on_intr};

    use super::end::{blocks, is_of_a_connection};

    // `O_NONBLOCK` is shared with every process that has inherited the descriptor, so it is not set here.
    if blocks(to) {
        return Ok(SendOutcome::Refused(BufferedReason::Blocks));
    }
    let mut at = at;
    match retry_on_intr(|| to.sending(|| sendfile(to, file, Some(&mut at), most))) {
        // The end of the file; but for some files, such as in /proc, only a read finds the end.
        Ok(0) => Ok(SendOutcome::Refused(BufferedReason::Empty)),
        Ok(sent) => Ok(SendOutcome::Bytes(sent)),
        Err(errno @ (Errno::AGAIN | Errno::PIPE)) => Err(errno.into()),
        Err(errno) if is_of_a_connection(errno) => Err(errno.into()),
        // Any other error is met again by a read or a send, which returns it.
        Err(errno) => Ok(SendOutcome::Refused(BufferedReason::Refused(
            errno.raw_os_error(),
        ))),
    }
}

#[cfg(not(target_os = "linux"))]
fn send_in_kernel(_: &File, _: u64, _: usize, _: &SharedSocket) -> io::Result<SendOutcome> {
    Ok(SendOutcome::Refused(BufferedReason::Sink))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::env;
    use std::fs;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;
    use std::time::Duration;

    use socket2::{SockRef, Socket};

    use super::*;
    use crate::error::ErrorKind;
    use crate::os::Waker;
    use crate::os::stall::WriteStall;
    use crate::os::timeouts::Timeouts;
    use crate::stage::copy_path::{CopyPath, KernelCall};

    /// A file of one test, which has no name any more.
    fn file(bytes: &[u8]) -> File {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("highwater-send-{}-{number}", std::process::id());
        let path = env::temp_dir().join(name);
        fs::write(&path, bytes).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        fs::remove_file(path).unwrap();
        file
    }

    /// How it was sent so far.
    fn path_of(send: &FileSend<'_>) -> CopyPath {
        let call = KernelCall::Sendfile;
        match send.refused {
            None => CopyPath::Kernel(call),
            Some((why, at)) if at == send.start => CopyPath::Buffered(why),
            Some((why, at)) => CopyPath::Switched {
                call,
                at: at - send.start,
                why,
            },
        }
    }

    /// Sends all of it, as a server does.
    fn run(
        send: &mut FileSend<'_>,
        to: &SharedSocket,
        limits: &Timeouts,
        waker: &Waker,
    ) -> Result<(), CopyFailure> {
        let mut stall = WriteStall::default();
        while send.left() > 0 {
            let checked = limits.check().and_then(|()| waker.check());
            checked.map_err(|error| broken(CopySide::Sink, error))?;
            match send.try_slice(to)? {
                Attempt::Done => stall.is_over(),
                Attempt::WouldBlock => {
                    let waited = stall.wait(limits, waker, to);
                    waited.map_err(|error| broken(CopySide::Sink, error))?;
                }
            }
        }
        Ok(())
    }

    fn pattern(len: usize) -> Vec<u8> {
        let words = (0_u64..).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
        words.flatten().take(len).collect()
    }

    /// A connection whose calls block or not, and its peer. There is little room between them.
    fn connected(blocks: bool) -> (SharedSocket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let room = SockRef::from(&listener).set_recv_buffer_size(64 * 1024);
        room.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let ours = Socket::from(ours);
        ours.set_send_buffer_size(64 * 1024).unwrap();
        ours.set_nonblocking(!blocks).unwrap();
        let connection = SharedSocket::new(ours, "tcp".to_owned());
        (connection, listener.accept().unwrap().0)
    }

    fn taken(mut peer: TcpStream) -> thread::JoinHandle<Vec<u8>> {
        thread::spawn(move || {
            let mut got = Vec::new();
            peer.read_to_end(&mut got).unwrap();
            got
        })
    }

    const BYTES: usize = 3 * SLICE_BYTES + 77;

    #[test]
    fn a_range_goes_by_either_way_and_is_counted() {
        for (blocks, path) in [
            (false, CopyPath::Kernel(KernelCall::Sendfile)),
            (true, CopyPath::Buffered(BufferedReason::Blocks)),
        ] {
            let (bytes, (to, peer)) = (pattern(BYTES), connected(blocks));
            let (file, taken) = (file(&bytes), taken(peer));
            let range = 3..BYTES as u64 - 5;
            let mut send = FileSend::new(&file, range.clone());
            run(&mut send, &to, &Timeouts::default(), &Waker::new()).unwrap();
            assert_eq!((send.sent(), send.left()), (range.end - 3, 0));
            if cfg!(target_os = "linux") {
                assert_eq!(path_of(&send), path);
            }
            assert!(send.read.capacity() <= READ_BYTES);
            assert_eq!(to.monitor().bytes_written(), send.sent());
            to.end().unwrap();
            assert!(taken.join().unwrap() == bytes[3..BYTES - 5]);
        }
    }

    #[test]
    fn a_file_that_was_cut_short_says_exactly_what_went() {
        for blocks in [false, true] {
            let (bytes, (to, peer)) = (pattern(BYTES), connected(blocks));
            let (file, taken) = (file(&bytes), taken(peer));
            let mut send = FileSend::new(&file, 10..BYTES as u64 + 1);
            file.set_len(SLICE_BYTES as u64 + 9).unwrap();
            let broken = run(&mut send, &to, &Timeouts::default(), &Waker::new());
            let CopyFailure { side, error } = broken.unwrap_err();
            assert_eq!(side, CopySide::Source);
            assert_eq!(
                error.kind(),
                ErrorKind::Io(io::ErrorKind::UnexpectedEof),
                "{error}"
            );
            assert_eq!(send.sent(), SLICE_BYTES as u64 - 1);
            to.end().unwrap();
            assert!(taken.join().unwrap() == bytes[10..SLICE_BYTES + 9]);
        }
    }

    #[test]
    fn a_peer_that_takes_nothing_is_given_up_after_what_it_took() {
        for blocks in [false, true] {
            let (bytes, (to, mut peer)) = (pattern(BYTES), connected(blocks));
            let file = file(&bytes);
            let mut send = FileSend::new(&file, 0..bytes.len() as u64);
            let limits = Timeouts::idle_for(Some(Duration::from_millis(50)));
            let broken = run(&mut send, &to, &limits, &Waker::new()).unwrap_err();
            assert_eq!(broken.side, CopySide::Sink);
            assert_eq!(broken.error.kind(), ErrorKind::TimedOut);
            assert!(send.left() > 0);
            to.end().unwrap();
            let mut got = Vec::new();
            peer.read_to_end(&mut got).unwrap();
            assert_eq!(got.len() as u64, send.sent());
            assert!(got == bytes[..got.len()]);
        }
    }

    #[test]
    fn a_wake_ends_it_before_a_slice_and_in_a_wait() {
        for blocks in [false, true] {
            let (bytes, (to, peer)) = (pattern(BYTES), connected(blocks));
            let (file, waker) = (file(&bytes), Waker::new());
            let mut send = FileSend::new(&file, 0..bytes.len() as u64);
            let waiting = {
                let (waker, written) = (waker.clone(), to.monitor());
                thread::spawn(move || {
                    // It may be between two slices or wait by then: it ends all the same.
                    while written.bytes_written() == 0 {
                        thread::yield_now();
                    }
                    waker.wake();
                })
            };
            let broken = run(&mut send, &to, &Timeouts::default(), &waker).unwrap_err();
            assert_eq!(broken.error.kind(), ErrorKind::Cancelled);
            waiting.join().unwrap();
            let sent = send.sent();
            assert!(0 < sent && sent < BYTES as u64);
            assert!(run(&mut send, &to, &Timeouts::default(), &waker).is_err());
            assert_eq!(send.sent(), sent);
            drop(peer);
        }
    }

    #[test]
    fn a_peer_that_has_gone_is_the_fault_of_the_connection() {
        for blocks in [false, true] {
            let (bytes, (to, peer)) = (pattern(BYTES), connected(blocks));
            let file = file(&bytes);
            drop(peer);
            let mut send = FileSend::new(&file, 0..bytes.len() as u64);
            let broken = run(&mut send, &to, &Timeouts::default(), &Waker::new());
            let CopyFailure { side, error } = broken.unwrap_err();
            assert_eq!(side, CopySide::Sink);
            assert!(
                matches!(
                    error.kind(),
                    ErrorKind::Io(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
                ),
                "{error:?}"
            );
        }
    }

    #[test]
    fn what_only_a_read_can_tell_is_read() {
        let Ok(version) = fs::read("/proc/version") else {
            return;
        };
        let (to, peer) = connected(false);
        let (file, taken) = (File::open("/proc/version").unwrap(), taken(peer));
        let mut send = FileSend::new(&file, 0..version.len() as u64);
        run(&mut send, &to, &Timeouts::default(), &Waker::new()).unwrap();
        to.end().unwrap();
        assert_eq!(taken.join().unwrap(), version);
    }
}
