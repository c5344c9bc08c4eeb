//! Which call copies from what to what: the table of this module as code.

use bytes::Bytes;

use super::copies::{OfFile, Splice, SpliceThrough};
use super::end::{DescriptorKind, End, ReadEnd};
use crate::stage::copy_path::BufferedReason;
use crate::stage::offer::{CopySource, ZeroCopy};

/// Chooses the call that copies from an offered source to `to`, or returns the reason why none can.
pub(crate) fn pair(offer: CopySource, to: Option<End>) -> Result<ZeroCopy<Bytes>, BufferedReason> {
    let room = offer.room();
    let from: ReadEnd = offer.into_end().ok_or(BufferedReason::Source)?;
    let to = to.ok_or(BufferedReason::Sink)?;
    // `O_NONBLOCK` is shared with every process that has inherited the descriptor, so it is not set here.
    if from.end.blocks() || to.blocks() {
        return Err(BufferedReason::Blocks);
    }
    Ok(ZeroCopy(match (from.end.kind, to.kind) {
        (DescriptorKind::File, DescriptorKind::File) => Box::new(OfFile::to_file(from, to)),
        (DescriptorKind::File, _) if !from.stable => return Err(BufferedReason::MayChange),
        (DescriptorKind::File, DescriptorKind::Socket) => Box::new(OfFile::to_socket(from, to)),
        (DescriptorKind::Socket, DescriptorKind::File | DescriptorKind::Socket) => {
            let through = SpliceThrough::new(from, to, room);
            Box::new(through.map_err(|errno| BufferedReason::Refused(errno.raw_os_error()))?)
        }
        (DescriptorKind::Pipe, _) | (_, DescriptorKind::Pipe) => Box::new(Splice { from, to }),
    }))
}
