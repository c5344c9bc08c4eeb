//! A part of a file as the body of an answer.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::response_writer::ResponseWriter;
use crate::error::{Error, ErrorKind};
use crate::os::copy::FileSend;
use crate::stage::offer::{CopyFailure, CopySide};
use crate::stage::sink::{Attempt, retry};

/// Up to here a read costs less than a call of its own to send what the kernel has.
const SMALL_BYTES: u64 = 16 * 1024;

/// Sends a head, and behind it a part of a file.
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
    writer.noted(sent.map_err(|error| error.at(at)))
}

/// Sends it along with the head.
fn send_small(writer: &mut ResponseWriter, file: &File, range: Range<u64>) -> Result<(), Error> {
    let mut small = [0; SMALL_BYTES as usize];
    let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0);
    let small = &mut small[..length];
    let mut filled = 0;
    while filled < length {
        let at = range.start + filled as u64;
        // Nothing was sent: the answer is still for the handler to give, or 500.
        let read = match retry(|| file.read_at(&mut small[filled..], at)) {
            Ok(0) => Err(shorter()),
            read => read.map_err(Error::from),
        };
        filled += read.map_err(|error| of_file(error).at(at))?;
    }
    writer.send_with_head(small)
}

fn send_all(writer: &mut ResponseWriter, part: &mut FileSend<'_>) -> Result<(), Error> {
    let mut late = None;
    while part.left() > 0 {
        writer.conn.check()?;
        let before = part.sent();
        let tried = writer.conn.socket().try_send_file(part);
        writer
            .pace
            .moved(part.sent().saturating_sub(before) as usize);
        match (tried, late.take()) {
            (Ok(Attempt::Done), _) => {}
            (Ok(Attempt::WouldBlock), Some(late)) => return Err(late),
            (Ok(Attempt::WouldBlock), None) => late = writer.wait_for_room()?,
            (Err(CopyFailure { side, error }), _) => {
                return Err(match (side, error.kind()) {
                    (CopySide::Source, ErrorKind::Io(io::ErrorKind::UnexpectedEof)) => {
                        of_file(shorter())
                    }
                    (CopySide::Source, _) => of_file(error),
                    (CopySide::Sink, _) => writer.conn.failed("write to", error),
                });
            }
        }
    }
    Ok(())
}

fn of_file(error: Error) -> Error {
    error.during("read from", "the file")
}

fn shorter() -> Error {
    let message = "the file has become shorter than what was promised of it";
    io::Error::new(io::ErrorKind::UnexpectedEof, message).into()
}
