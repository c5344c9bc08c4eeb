//! A stream between two processes: the contract of a channel over a TCP or a Unix socket.
//!
//! A plain socket has no end that differs from a crash, cannot say why, and lets the kernels buffer
//! what they like. On a wire
//!
//! - a writer sends no more than its reader has given credit for, in bytes, so that what is on its
//!   way is bounded by the reader's mark, whatever the kernels would take;
//! - `finish` waits until the reader has read everything;
//! - a writer that is dropped, killed or cut off is a
//!   [`PrematureClose`](crate::ErrorKind::PrematureClose), and never an end;
//! - `fail(error)` arrives behind the data, with its kind, stage, operation, offset and what its
//!   causes say; so does `destroy(error)`, behind what had left by then;
//! - a reader that goes away is [`Closed`](crate::WriteError::Closed) to its writer, with the cause,
//!   or the end of a pipeline that has had enough. A writer learns of it with what it sends next.
//!
//! It carries bytes, whose boundaries mean nothing: they come out in other chunks than they went in,
//! and an empty one adds nothing. Items, empty ones among them, come through with their length before
//! each: [`prepend_len`](crate::lines::prepend_len) and [`frames`](crate::lines::frames).
//!
//! [`WireSink`] and [`WireSource`] are the ends of pipelines; [`send`] and [`receive`] make streams
//! of them. A connection carries one direction. For both, connect twice, and make a
//! [`Duplex`](crate::Duplex) of the two.
//!
//! # Examples
//!
//! ```
//! use std::thread;
//! use highwater::{Bytes, Error, HighWaterMark, net, wire};
//!
//! let listener = net::listen("127.0.0.1:0")?;
//! let address = listener.local_addr()?.to_string();
//! let far = thread::spawn(move || {
//!     let mut writer = wire::send(net::connect(address).open()?, HighWaterMark::default());
//!     writer.write(Bytes::from("all of it"))?;
//!     writer.fail(Error::other("disk on fire").during("read from", "/dev/sda").at(4096));
//!     Ok::<_, Error>(())
//! });
//!
//! let mut reader = wire::receive(listener.accept()?, HighWaterMark::default());
//! assert_eq!(reader.next().transpose()?, Some("all of it".into()));
//! let error = reader.next().unwrap().unwrap_err();
//! assert_eq!(
//!     format!("{error:#}"),
//!     "failed to read from `/dev/sda` at byte 4096: disk on fire"
//! );
//! far.join().unwrap()?;
//! # Ok::<(), Error>(())
//! ```
//!
//! # The format
//!
//! For those who speak it in another language. Numbers are unsigned, the highest byte first.
//!
//! Each side begins with a hello of 8 bytes, and does not wait for that of the other:
//!
//! | bytes | what |
//! | --- | --- |
//! | 6 | `8A 68 77 69 72 65`: a byte that is no text, and `hwire` |
//! | 1 | the version of the format: 1 |
//! | 1 | the role: 1 writes, 2 reads |
//!
//! Then come frames. Each has a head of 4 bytes, its kind and in 3 bytes its length, which does not
//! count the head.
//!
//! | kind | name | said by | length | what follows | when |
//! | --- | --- | --- | --- | --- | --- |
//! | 1 | data | writer | 1 to 65,536 | data | never more than there is credit for |
//! | 2 | end | writer | 0 | | once, behind all data |
//! | 3 | fail | writer | 4 to 16,384 | an error | once, behind the data, in place of an end |
//! | 4 | credit | reader | 4 | a number, not 0 | before the end or the failure has come |
//! | 5 | done | reader | 0 | | once everything was read, behind the end |
//! | 6 | closed | reader | 4 to 16,384 | an error | once, in place of done |
//!
//! A writer begins with a credit of 0. Each credit is added to what it has, which must not be more
//! than 2^31; each byte of data, and not of heads, takes one off. After an end or a failure it sends
//! nothing more, and closes its direction once it has heard done or closed, or as the reader closes.
//! A reader that closes before it has said done or closed has gone away without a cause; a writer
//! that closes before it has said end or fail has been cut off.
//!
//! An error is
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | its kind, of those below |
//! | 1 | what kind of error of the system, if the kind is 1, and else 0 |
//! | 1 | flags, added up: 1 an offset, 2 a message, 4 a stage. No others |
//! | 8, text | with flag 1: the offset, and what it counts (`byte`) |
//! | text | with flag 2: the message |
//! | text, text | with flag 4: what was being done (`read from`), and to what (`/dev/sda`) |
//! | 1 | how many causes follow: at most 8 |
//! | texts | what each says, the nearest first |
//!
//! and a text is its length in 2 bytes, at most 1,024, and then so many bytes of UTF-8.
//!
//! | kind | | kind | | kind | |
//! | --- | --- | --- | --- | --- | --- |
//! | 0 | no failure: enough (only in closed) | 4 | `Ended` | 8 | `Panicked` |
//! | 1 | `Io` | 5 | `Cancelled` | 9 | `InvalidInput` |
//! | 2 | `PrematureClose` | 6 | `TimedOut` | 10 | `LimitExceeded` |
//! | 3 | `Closed` | 7 | `WouldBlock` | 11 | `Failed` |
//! | | | | | 12 | `Deadlock` |
//!
//! The kinds of `Io` are 1 `NotFound`, 2 `PermissionDenied`, 3 `ConnectionRefused`,
//! 4 `ConnectionReset`, 5 `HostUnreachable`, 6 `NetworkUnreachable`, 7 `ConnectionAborted`,
//! 8 `NotConnected`, 9 `AddrInUse`, 10 `AddrNotAvailable`, 11 `NetworkDown`, 12 `BrokenPipe`,
//! 13 `AlreadyExists`, 14 `WouldBlock`, 15 `NotADirectory`, 16 `IsADirectory`,
//! 17 `DirectoryNotEmpty`, 18 `ReadOnlyFilesystem`, 19 `StaleNetworkFileHandle`, 20 `InvalidInput`,
//! 21 `InvalidData`, 22 `TimedOut`, 23 `WriteZero`, 24 `StorageFull`, 25 `NotSeekable`,
//! 26 `QuotaExceeded`, 27 `FileTooLarge`, 28 `ResourceBusy`, 29 `ExecutableFileBusy`, 30 `Deadlock`,
//! 31 `CrossesDevices`, 32 `TooManyLinks`, 33 `InvalidFilename`, 34 `ArgumentListTooLong`,
//! 35 `Interrupted`, 36 `Unsupported`, 37 `UnexpectedEof` and 38 `OutOfMemory`. A kind that a reader
//! does not know is `Failed`, and one of `Io` is `Other`.
//!
//! # What is refused
//!
//! Either side stops at the first thing that is not in the format, tells the other why, if it may
//! still speak, and closes. The error has the byte, counted from the hello, at which that began.
//!
//! | what | kind of the error |
//! | --- | --- |
//! | other first bytes; a role or a kind of frame that is not known; two sides with one role | `Io(InvalidData)` |
//! | another version | `Io(Unsupported)` |
//! | a frame that is longer than its kind may be | `LimitExceeded` |
//! | one that is shorter; an error that does not fill its frame, or breaks a rule above | `Io(InvalidData)` |
//! | data that there is no credit for, as soon as its head has come | `LimitExceeded` |
//! | credit that makes more than 2^31 | `LimitExceeded` |
//! | credit of 0; a frame of the other role, or behind the last | `Io(InvalidData)` |
//!
//! [`Frame`] and [`FrameDecoder`] are the format alone, [`Sending`] and [`Receiving`] the rules of either
//! side, with no socket.

mod kinds;

mod cause;
mod frame;

mod decoder;
mod receiving;
mod sending;

mod framed;

mod sink;
mod source;

use bytes::Bytes;

use crate::channel::mark::{HighWaterMark, InBytes};
use crate::error::{Error, ErrorKind};
use crate::net::socket::Socket;
use crate::stream::readable::Readable;
use crate::stream::writable::Writable;

pub use decoder::FrameDecoder;
pub use frame::{CAUSE_BYTES_MAX, CREDIT_MAX, DATA_BYTES_MAX, Frame, Role, VERSION};
pub use receiving::Receiving;
pub use sending::Sending;
pub use sink::WireSink;
pub use source::WireSource;

/// Makes a stream that is written to a socket, whose reader [receives](receive) it there.
///
/// It holds what a [`Writable`] holds, `mark` and a chunk; beyond that a reader bounds it.
/// `finish` waits until the reader has read everything; see [`WireSink`].
#[must_use]
pub fn send(socket: Socket, mark: HighWaterMark<InBytes>) -> Writable<Bytes, WireSink> {
    Writable::from_sink(WireSink::new(socket), mark)
}

/// Makes a stream that is read from a socket, which its writer [sends](send) there.
///
/// What the writer has sent and was not read here is never more than `mark` and a chunk, wherever
/// it is: half of the mark may be on its way, and half be read ahead. With a mark of 0 one frame is
/// on its way while a read waits for it. See [`WireSource`].
#[must_use]
pub fn receive(socket: Socket, mark: HighWaterMark<InBytes>) -> Readable<Bytes> {
    let (high, low) = (mark.high_water_mark(), mark.low_water_mark());
    // The larger half: nothing comes without one byte of credit.
    let on_its_way = part(high.div_ceil(2), low.div_ceil(2));
    let source = WireSource::new(socket, on_its_way);
    Readable::from_source(source, part(high / 2, low / 2))
}

/// A mark with its low one, or with one just below where that is not below it.
fn part(high: usize, low: usize) -> HighWaterMark<InBytes> {
    let mark = HighWaterMark::bytes(high);
    mark.low(low.min(high.saturating_sub(1))).unwrap_or(mark)
}

/// What is not in the format, or not now.
fn refusal(says: impl Into<String>, at: u64) -> Error {
    let kind = ErrorKind::Io(std::io::ErrorKind::InvalidData);
    Error::new(kind, says).at(at)
}
