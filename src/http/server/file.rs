//! A range of a file as the body of a response.
//!
//! Owner: the handler that sends, on its own thread; the writer and the file are borrowed. No lock.
//! Blocking: reads of the file, and waits for room in the socket within the limits of the server.
//! Before the head was sent an error leaves the response unsent; after it the response is cut.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::conn::Conn;
use super::response_writer::ResponseWriter;
use crate::error::{Error, ErrorKind};
use crate::os::copy::FileSend;
use crate::os::stall::WriteStall;
use crate::stage::offer::{CopyFailure, CopySide};
use crate::stage::sink::{Attempt, retry};

/// Up to this size a read and one send cost less than a head and a `sendfile`.
const SMALL_BYTES: u64 = 16 * 1024;

/// Sends a head, and a range of a file after it.
pub(in crate::http) fn send(
    writer: &mut ResponseWriter,
    file: &File,
    range: Range<u64>,
) -> Result<(), Error> {
    if range.end.saturating_sub(range.start) <= SMALL_BYTES {
        return send_small(writer, file, range);
    }
    writer.send_head_before_more()?;
    let mut part = FileSend::new(file, range);
    let sent = send_all(writer, &mut part);
    let at = part.sent();
    writer.note(sent.map_err(|error| error.at(at)))
}

/// Sends a small range together with the head.
fn send_small(writer: &mut ResponseWriter, file: &File, range: Range<u64>) -> Result<(), Error> {
    let mut small = [0; SMALL_BYTES as usize];
    let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0);
    let small = &mut small[..length];
    let mut filled = 0;
    while filled < length {
        let at = range.start + filled as u64;
        // Nothing was sent yet, so that an error becomes a 500.
        let read = match retry(|| file.read_at(&mut small[filled..], at)) {
            Ok(0) => Err(shorter()),
            read => read.map_err(Error::from),
        };
        filled += read.map_err(|error| of_file(error).at(at))?;
    }
    writer.send_with_head(small)
}

fn send_all(writer: &mut ResponseWriter, part: &mut FileSend<'_>) -> Result<(), Error> {
    let mut stall = WriteStall::default();
    while part.left() > 0 {
        writer.conn.check()?;
        let before = part.sent();
        let tried = writer.conn.socket().try_send_file(part);
        let sent = part.sent().saturating_sub(before);
        writer.rate.moved(sent as usize);
        match tried {
            Ok(Attempt::Done) => stall.is_over(),
            Ok(Attempt::WouldBlock) => writer.wait_for_room(&mut stall, None)?,
            Err(failure) => return Err(why_failed(&writer.conn, failure)),
        }
    }
    Ok(())
}

fn why_failed(conn: &Conn, CopyFailure { side, error }: CopyFailure) -> Error {
    match (side, error.kind()) {
        (CopySide::Source, ErrorKind::Io(io::ErrorKind::UnexpectedEof)) => of_file(shorter()),
        (CopySide::Source, _) => of_file(error),
        (CopySide::Sink, _) => conn.failed("write to", error),
    }
}

fn of_file(error: Error) -> Error {
    error.during("read from", "the file")
}

fn shorter() -> Error {
    let message = "the file is shorter than the range to send";
    io::Error::new(io::ErrorKind::UnexpectedEof, message).into()
}
