//! A part of a file as the body of an answer.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::answering::Outlet;
use crate::error::Error;
use crate::sink::retry;

/// Sends a head, and behind it a part of a file.
pub(super) fn send(outlet: &mut Outlet, file: &File, range: Range<u64>) -> Result<(), Error> {
    let mut buffer = outlet.link.rules.pool.take();
    let mut at = range.start;
    let mut has_head = true;
    while has_head || at < range.end {
        let left = usize::try_from(range.end.saturating_sub(at)).unwrap_or(usize::MAX);
        let room = buffer.room();
        let room_bytes = room.len().min(left);
        let read = retry(|| file.read_at(&mut room[..room_bytes], at));
        let read = match read {
            Ok(0) if left > 0 => Err(shorter()),
            read => read.map_err(Error::from),
        };
        let read = read.map_err(|error| error.during("read from", "the file").at(at));
        let bytes = outlet.noted(read)?;
        at += bytes as u64;
        let piece = &buffer.room()[..bytes];
        if std::mem::take(&mut has_head) {
            outlet.send_with_head(piece)?;
        } else {
            outlet.send(piece)?;
        }
    }
    Ok(())
}

fn shorter() -> Error {
    let error = io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the file has become shorter than what was promised of it",
    );
    error.into()
}
