//! A stream between two processes: the contract of a channel over a TCP or a Unix socket.
//!
//! On a plain socket an end looks like a crash, an error has no cause, and the two kernels buffer as
//! much as they like. On a wire
//!
//! - a writer sends no more bytes than its reader has granted credit for, so that the reader's mark
//!   bounds the bytes in flight, whatever the kernels would take;
//! - `finish` waits until the reader has read everything;
//! - a writer that is dropped, killed or disconnected is a
//!   [`PrematureClose`](crate::ErrorKind::PrematureClose), and never an end;
//! - `fail(error)` arrives behind the data, with its kind, stage, operation, offset and the texts of its
//!   causes; so does `destroy(error)`, behind what was sent by then;
//! - a reader that goes away is [`Closed`](crate::WriteError::Closed) to its writer, with the cause; or
//!   the end of a pipeline that needs no more. The writer gets it with the next write.
//!
//! A wire carries bytes, whose boundaries mean nothing: they arrive in other chunks than they were
//! written in, and an empty chunk adds nothing. To carry items, empty ones among them, write their
//! length before each: [`prepend_len`](crate::lines::prepend_len) and [`frames`](crate::lines::frames).
//!
//! [`WireSink`] and [`WireSource`] are the ends of pipelines; [`send`] and [`receive`] make streams of
//! them. A connection carries one direction. For both directions, connect twice and make a
//! [`Duplex`](crate::Duplex) of the two.
//!
//! A wire is not encrypted and not authenticated. Use it where the network is trusted, or inside a
//! tunnel that is both.
//!
//! # Examples
//!
//! ```
//! use std::thread;
//! use highwater::{Bytes, Error, HighWaterMark, net, wire};
//!
//! let listener = net::listen("127.0.0.1:0")?;
//! let address = listener.local_addr()?.to_string();
//! let remote = thread::spawn(move || {
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
//! remote.join().unwrap()?;
//! # Ok::<(), Error>(())
//! ```
//!
//! # The format
//!
//! For implementations in other languages. Numbers are unsigned, the highest byte first.
//!
//! Each side begins with a hello of 8 bytes, and does not wait for the hello of the other:
//!
//! | bytes | what |
//! | --- | --- |
//! | 6 | `8A 68 77 69 72 65`: a byte that is not ASCII, and `hwire` |
//! | 1 | the version of the format: 1 |
//! | 1 | the role: 1 writes, 2 reads |
//!
//! Then come frames. Each has a head of 4 bytes: its kind in 1 byte, and in 3 bytes its length, which
//! does not count the head.
//!
//! | kind | name | sent by | length | what follows | when |
//! | --- | --- | --- | --- | --- | --- |
//! | 1 | data | writer | 1 to 65,536 | data | never more than there is credit for |
//! | 2 | end | writer | 0 | | once, behind all data |
//! | 3 | fail | writer | 4 to 16,384 | an error | once, behind the data, in place of an end |
//! | 4 | credit | reader | 4 | a number, not 0 | before the end or the failure has come |
//! | 5 | done | reader | 0 | | once everything was read, behind the end |
//! | 6 | closed | reader | 4 to 16,384 | an error | once, in place of done |
//!
//! A writer begins with a credit of 0. Each credit is added to what it has, which must not be more
//! than 2^31; each byte of data, and not of heads, takes one off. After an end or a failure a writer sends
//! nothing more, and closes its direction once it has received done or closed, or when the reader closes.
//! A reader that closes before it has sent done or closed is gone without a cause. A writer that closes
//! before it has sent end or fail is a premature close.
//!
//! An error is
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | its kind, of those below |
//! | 1 | the kind of `Io`, if the kind is 1, and else 0 |
//! | 1 | flags, added up: 1 an offset, 2 a message, 4 a stage. No others |
//! | 8, text | with flag 1: the offset, and what it counts (`byte`) |
//! | text | with flag 2: the message |
//! | text, text | with flag 4: the operation (`read from`), and the stage (`/dev/sda`) |
//! | 1 | how many causes follow: at most 8 |
//! | texts | the message of each, the nearest cause first |
//!
//! and a text is its length in 2 bytes, at most 1,024, and then so many bytes of UTF-8.
//!
//! | kind | | kind | | kind | |
//! | --- | --- | --- | --- | --- | --- |
//! | 0 | no failure: the reader needs no more (only in closed) | 4 | `Ended` | 8 | `Panicked` |
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
//! 35 `Interrupted`, 36 `Unsupported`, 37 `UnexpectedEof` and 38 `OutOfMemory`. An unknown kind is read
//! as `Failed`, and an unknown kind of `Io` as `Other`.
//!
//! # What is refused
//!
//! Either side stops at the first byte that breaks the format, sends the other the reason, if it may still
//! send a frame, and closes. The error has the offset of that byte, counted from the hello.
//!
//! | input | kind of the error |
//! | --- | --- |
//! | other first bytes; an unknown role or kind of frame; two sides with the same role | `Io(InvalidData)` |
//! | another version | `Io(Unsupported)` |
//! | a frame that is longer than its kind may be | `LimitExceeded` |
//! | one that is shorter; an error that does not fill its frame, or breaks a rule above | `Io(InvalidData)` |
//! | data beyond the credit, as soon as its head has come | `LimitExceeded` |
//! | credit that makes more than 2^31 | `LimitExceeded` |
//! | credit of 0; a frame of the other role, or behind the last | `Io(InvalidData)` |
//!
//! [`Frame`] and [`FrameDecoder`] are the format alone, [`Sending`] and [`Receiving`] the rules of the two
//! sides, without a socket.

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

/// Makes a [`Writable`] that writes to a socket, at whose other end the stream is
/// [received](receive).
///
/// This side buffers at most `mark` and a chunk; the mark of the reader bounds the bytes in flight.
/// [`finish`](Writable::finish) waits until the reader has read everything, and returns the error of the
/// reader if it has not. See [`WireSink`] for what ends the waits.
///
/// # Examples
///
/// ```
/// use std::thread;
/// use highwater::{HighWaterMark, net, wire};
///
/// let listener = net::listen("127.0.0.1:0")?;
/// let address = listener.local_addr()?.to_string();
/// let mark = HighWaterMark::bytes(64 * 1024);
/// let reader = thread::spawn(move || wire::receive(listener.accept()?, mark).to_bytes(1 << 20));
///
/// let mut writer = wire::send(net::connect(address).open()?, mark);
/// writer.write("counted ".into())?;
/// writer.write("bytes".into())?;
/// writer.finish()?; // the reader has read everything
/// assert_eq!(reader.join().unwrap()?, "counted bytes");
/// # Ok::<(), highwater::Error>(())
/// ```
#[must_use]
pub fn send(socket: Socket, mark: HighWaterMark<InBytes>) -> Writable<Bytes, WireSink> {
    Writable::from_sink(WireSink::new(socket), mark)
}

/// Makes a [`Readable`] that reads from a socket, at whose other end the stream is [sent](send).
///
/// The bytes that the writer has sent and that were not read here are never more than `mark` and a
/// chunk, wherever they are: half of the mark may be in flight, and half be read ahead. With a mark of 0
/// one frame is in flight while a read waits for it. See [`WireSource`] for what ends the waits.
#[must_use]
pub fn receive(socket: Socket, mark: HighWaterMark<InBytes>) -> Readable<Bytes> {
    let (high, low) = (mark.high_water_mark(), mark.low_water_mark());
    // The larger half: without a byte of credit no data comes.
    let in_flight = part(high.div_ceil(2), low.div_ceil(2));
    let source = WireSource::new(socket, in_flight);
    Readable::from_source(source, part(high / 2, low / 2))
}

/// A mark with this low-water mark, or with the next lower one that is valid.
fn part(high: usize, low: usize) -> HighWaterMark<InBytes> {
    let mark = HighWaterMark::bytes(high);
    mark.low(low.min(high.saturating_sub(1))).unwrap_or(mark)
}

/// The error for what the format, or the state, does not allow.
fn refusal(message: impl Into<String>, at: u64) -> Error {
    let kind = ErrorKind::Io(std::io::ErrorKind::InvalidData);
    Error::new(kind, message).at(at)
}
