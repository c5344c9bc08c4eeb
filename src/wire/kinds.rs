//! The numbers of error kinds on a wire. They never change; new ones may be added.

use std::io;

use rustix::io::Errno;

use crate::error::ErrorKind;

/// The kind of [`Error::enough`](crate::Error::enough), which is no failure.
pub(super) const ENOUGH: u8 = 0;

/// The kind of an error of the operating system. A second number is its `io::ErrorKind`.
const IO: u8 = 1;

const KINDS: [(u8, ErrorKind); 11] = [
    (2, ErrorKind::PrematureClose),
    (3, ErrorKind::Closed),
    (4, ErrorKind::Ended),
    (5, ErrorKind::Cancelled),
    (6, ErrorKind::TimedOut),
    (7, ErrorKind::WouldBlock),
    (8, ErrorKind::Panicked),
    (9, ErrorKind::InvalidInput),
    (10, ErrorKind::LimitExceeded),
    (11, ErrorKind::Failed),
    (12, ErrorKind::Deadlock),
];

/// 0 is every other.
const IO_KINDS: [(u8, io::ErrorKind); 37] = {
    use io::ErrorKind as Io;
    [
        (1, Io::NotFound),
        (2, Io::PermissionDenied),
        (3, Io::ConnectionRefused),
        (4, Io::ConnectionReset),
        (5, Io::HostUnreachable),
        (6, Io::NetworkUnreachable),
        (7, Io::ConnectionAborted),
        (8, Io::NotConnected),
        (9, Io::AddrInUse),
        (10, Io::AddrNotAvailable),
        (11, Io::NetworkDown),
        (12, Io::BrokenPipe),
        (13, Io::AlreadyExists),
        (14, Io::WouldBlock),
        (15, Io::NotADirectory),
        (16, Io::IsADirectory),
        (17, Io::DirectoryNotEmpty),
        (18, Io::ReadOnlyFilesystem),
        (19, Io::StaleNetworkFileHandle),
        (20, Io::InvalidInput),
        (21, Io::InvalidData),
        (22, Io::TimedOut),
        (23, Io::WriteZero),
        (24, Io::StorageFull),
        (25, Io::NotSeekable),
        (26, Io::QuotaExceeded),
        (27, Io::FileTooLarge),
        (28, Io::ResourceBusy),
        (29, Io::ExecutableFileBusy),
        (30, Io::Deadlock),
        (31, Io::CrossesDevices),
        (32, Io::TooManyLinks),
        // 33 is below.
        (34, Io::ArgumentListTooLong),
        (35, Io::Interrupted),
        (36, Io::Unsupported),
        (37, Io::UnexpectedEof),
        (38, Io::OutOfMemory),
    ]
};

const INVALID_FILENAME: u8 = 33;

/// `InvalidFilename`: the oldest supported Rust returns it, but has no stable name for it.
fn invalid_filename() -> io::ErrorKind {
    io::Error::from(Errno::NAMETOOLONG).kind()
}

/// The two numbers of a kind.
pub(super) fn codes(kind: ErrorKind) -> (u8, u8) {
    if let ErrorKind::Io(io) = kind {
        let known = IO_KINDS.iter().find(|(_, known)| *known == io);
        let code = known.map(|(code, _)| *code);
        let code = code.or_else(|| (io == invalid_filename()).then_some(INVALID_FILENAME));
        return (IO, code.unwrap_or(0));
    }
    let known = KINDS.iter().find(|(_, known)| *known == kind);
    known.map_or_else(|| codes(ErrorKind::Failed), |(code, _)| (*code, 0))
}

/// The kind of two numbers. An unknown one is `Failed`, or `Other` of `Io`.
pub(super) fn kind(code: u8, io: u8) -> ErrorKind {
    if code == IO {
        if io == INVALID_FILENAME {
            return ErrorKind::Io(invalid_filename());
        }
        let known = IO_KINDS.iter().find(|(known, _)| *known == io);
        return ErrorKind::Io(known.map_or(io::ErrorKind::Other, |(_, kind)| *kind));
    }
    let known = KINDS.iter().find(|(known, _)| *known == code);
    known.map_or(ErrorKind::Failed, |(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::{ENOUGH, IO, IO_KINDS, KINDS, codes, kind};
    use crate::error::ErrorKind;

    #[test]
    fn every_kind_has_a_number_of_its_own() {
        let io = IO_KINDS.iter().map(|(_, io)| *io);
        let io = io
            .chain([std::io::ErrorKind::InvalidFilename])
            .map(ErrorKind::Io);
        let all: Vec<_> = KINDS.iter().map(|(_, kind)| *kind).chain(io).collect();
        let mut numbers: Vec<_> = all.iter().map(|kind| codes(*kind)).collect();
        for (of, (code, io)) in all.iter().zip(&numbers) {
            assert_eq!(kind(*code, *io), *of);
            assert_ne!(*code, ENOUGH);
        }
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), all.len());
    }

    #[test]
    fn a_number_that_is_not_known_is_some_failure() {
        assert_eq!(kind(200, 0), ErrorKind::Failed);
        assert_eq!(kind(IO, 200), ErrorKind::Io(std::io::ErrorKind::Other));
    }
}
