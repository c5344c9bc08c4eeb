//! Without `RWF_NOWAIT`: a descriptor that poll reports as writable takes a few bytes at once.

use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, OutputModes, tcgetattr, tcsetattr};

use super::*;

/// A terminal whose calls block, and that makes two bytes of an end of line and up to eight of a
/// tab; and its master.
fn terminal() -> (OwnedFd, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true);
    let no_tty = OFlags::NOCTTY.bits() as i32;
    let terminal = options.custom_flags(no_tty);
    let terminal: OwnedFd = terminal.open(name.into_string().unwrap()).unwrap().into();
    let mut modes = tcgetattr(&terminal).unwrap();
    modes.output_modes |= OutputModes::OPOST | OutputModes::ONLCR | OutputModes::XTABS;
    tcsetattr(&terminal, OptionalActions::Now, &modes).unwrap();
    (terminal, master)
}

fn polled(how: How) -> Polled {
    Polled {
        how,
        waker: Waker::new(),
        idle: Some(Duration::from_millis(30)),
    }
}

fn batch(bytes: &[u8]) -> Batch<Bytes> {
    let mut batch = Batch::new();
    batch.push(Bytes::copy_from_slice(bytes), bytes.len());
    batch
}

/// Writes until a write would block, and returns how many bytes were written.
fn fill(polled: &mut Polled, fd: &OwnedFd, bytes: &[u8]) -> usize {
    let mut batch = batch(bytes);
    let error = loop {
        if let Err(error) = polled.write(fd.as_fd(), &mut batch) {
            break error;
        }
        assert!(!batch.is_empty(), "it holds more than {}", bytes.len());
    };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    bytes.len() - batch.weight()
}

#[test]
fn a_terminal_that_cannot_be_opened_again_is_never_blocked_in() {
    for byte in [b'x', b'\n', b'\t'] {
        let (terminal, _master) = terminal();
        let mut polled = polled(How::Little(TERMINAL_BYTES));
        assert!(fill(&mut polled, &terminal, &vec![byte; 1 << 17]) > 1000);
    }
}

#[test]
fn a_pipe_that_cannot_be_opened_again_is_never_blocked_in() {
    for (kind, most) in [("pipe", PIPE_BYTES), ("device", DEVICE_BYTES)] {
        let (reader, writer) = io::pipe().unwrap();
        let (mut writing, writer) = (polled(How::Little(most)), OwnedFd::from(writer));
        let taken = fill(&mut writing, &writer, &vec![7; 1 << 20]);
        assert!(taken >= 4096, "{kind}");
        // What was taken is there, and not more than that is read.
        let mut reading = polled(How::Little(most));
        let (reader, pool) = (OwnedFd::from(reader), Pool::new(1000, 1));
        let mut left = taken;
        while left > 0 {
            let chunk = reading.read_chunk(reader.as_fd(), &pool).unwrap().unwrap();
            left -= chunk.len();
        }
        let late = reading.read_chunk(reader.as_fd(), &pool).unwrap_err();
        assert_eq!(late.kind(), ErrorKind::TimedOut);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_does_not_know_a_call_that_does_not_wait_goes_on_without_losing_a_byte() {
    // A terminal knows none.
    let (terminal, master) = terminal();
    let mut modes = tcgetattr(&terminal).unwrap();
    modes.make_raw();
    tcsetattr(&terminal, OptionalActions::Now, &modes).unwrap();
    let bytes: Vec<u8> = (0..50_000_u32).flat_map(u32::to_be_bytes).collect();
    let (sent, mut batch) = (bytes.clone(), batch(&bytes));
    let writer = thread::spawn(move || {
        let mut polled = polled(How::NoWait(Kind::Device));
        polled.idle = None;
        while !batch.is_empty() {
            polled.write(master.as_fd(), &mut batch).unwrap();
        }
        assert!(matches!(polled.how, How::Little(_)));
        master
    });
    let mut reading = polled(How::NoWait(Kind::Pipe));
    reading.idle = None;
    let (pool, mut got) = (Pool::new(1000, 1), Vec::new());
    while got.len() < sent.len() {
        let chunk = reading.read_chunk(terminal.as_fd(), &pool).unwrap();
        got.extend_from_slice(&chunk.unwrap());
    }
    assert!(got == sent);
    assert!(matches!(reading.how, How::Again(_)));
    drop(writer.join().unwrap());
}

#[test]
fn a_wake_ends_a_wait_however_it_waits() {
    let (_reader, writer) = io::pipe().unwrap();
    let writer = OwnedFd::from(writer);
    for how in [
        How::Little(PIPE_BYTES),
        How::first(Kind::Pipe, writer.as_fd(), Ready::ToWrite),
    ] {
        let mut polled = polled(how);
        fill(&mut polled, &writer, &vec![7; 1 << 20]);
        polled.idle = None;
        polled.interrupt().wake();
        let error = polled
            .write(writer.as_fd(), &mut batch(b"more"))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_the_kernel_makes_is_polled_and_what_is_on_a_disk_is_not() {
    let version = File::open("/proc/version").unwrap();
    let mut polled = Polled::of(&version, Ready::ToRead).unwrap().unwrap();
    let pool = Pool::new(100_000, 1);
    let read = polled.read_chunk(version.as_fd(), &pool).unwrap().unwrap();
    assert_eq!(read, std::fs::read("/proc/version").unwrap());
    assert!(polled.read_chunk(version.as_fd(), &pool).unwrap().is_none());
    let test = File::open(std::env::current_exe().unwrap()).unwrap();
    assert!(Polled::of(&test, Ready::ToRead).unwrap().is_none());
}
