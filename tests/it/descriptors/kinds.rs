//! Pairs of descriptors: the one that is handed in, and the one of its peer.

use std::fs::{File, OpenOptions};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use socket2::SockRef;

use crate::support::Folder;

/// What is not a regular file, and has a peer at its other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Pipe,
    Fifo,
    Unix,
    Tcp,
    /// The side of a pseudo-terminal that a program runs at.
    Terminal,
    /// The side that a terminal emulator has.
    Master,
}

/// Which way the bytes go, seen from what is handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    In,
    Out,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Pipe,
        Self::Fifo,
        Self::Unix,
        Self::Tcp,
        Self::Terminal,
        Self::Master,
    ];

    /// Makes one, whose calls block or not, and its peer, whose calls do.
    pub(crate) fn pair(self, way: Way, blocks: bool) -> (OwnedFd, File) {
        let (ours, peer): (OwnedFd, OwnedFd) = match self {
            Self::Pipe => {
                let (reader, writer) = std::io::pipe().unwrap();
                sorted(way, reader.into(), writer.into())
            }
            Self::Fifo => {
                let folder = Folder::new();
                let path = folder.fifo("fifo");
                let mut reading = OpenOptions::new();
                let nonblock = OFlags::NONBLOCK.bits() as i32;
                let reading = reading.read(true).custom_flags(nonblock);
                let reader: OwnedFd = reading.open(&path).unwrap().into();
                let writer = OpenOptions::new().write(true).open(&path).unwrap();
                sorted(way, reader, writer.into())
            }
            Self::Unix => {
                let (ours, peer) = UnixStream::pair().unwrap();
                (ours.into(), peer.into())
            }
            Self::Tcp => {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                // So that megabytes are more than what is on the way.
                let room = 64 * 1024;
                SockRef::from(&listener).set_recv_buffer_size(room).unwrap();
                let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                let peer = listener.accept().unwrap().0;
                for end in [&ours, &peer] {
                    SockRef::from(end).set_send_buffer_size(room).unwrap();
                }
                (ours.into(), peer.into())
            }
            Self::Terminal => {
                let (master, terminal) = terminal();
                (terminal, master)
            }
            Self::Master => terminal(),
        };
        set_blocks(&ours, blocks);
        set_blocks(&peer, true);
        (ours, peer.into())
    }

    /// Says whether it can be opened once more by its name below `/proc`.
    pub(crate) fn opens_again(self) -> bool {
        matches!(self, Self::Pipe | Self::Fifo | Self::Terminal)
    }
}

fn sorted(way: Way, reader: OwnedFd, writer: OwnedFd) -> (OwnedFd, OwnedFd) {
    match way {
        Way::In => (reader, writer),
        Way::Out => (writer, reader),
    }
}

/// A pseudo-terminal that changes nothing of what goes through it: its master, and the other side.
fn terminal() -> (OwnedFd, OwnedFd) {
    // Children of other tests must not have it: it would not hang up.
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let mut both = OpenOptions::new();
    let no_tty = OFlags::NOCTTY.bits() as i32;
    let both = both.read(true).write(true).custom_flags(no_tty);
    let terminal: OwnedFd = both.open(name).unwrap().into();
    let mut modes = tcgetattr(&terminal).unwrap();
    modes.make_raw();
    tcsetattr(&terminal, OptionalActions::Now, &modes).unwrap();
    (master, terminal)
}

fn set_blocks(fd: &OwnedFd, blocks: bool) {
    let mut flags = fcntl_getfl(fd).unwrap();
    flags.set(OFlags::NONBLOCK, !blocks);
    fcntl_setfl(fd, flags).unwrap();
}

/// The flags that a descriptor shares with every process that has it.
pub(crate) fn flags(fd: impl AsFd) -> OFlags {
    fcntl_getfl(fd).unwrap()
}
