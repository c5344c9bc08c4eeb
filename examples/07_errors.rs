//! The first cause: a disk that is full (/dev/full of Linux always is). The failure names the stage,
//! the operation and the byte, and has what was not delivered.
//!
//! Run it: cargo run --example 07_errors

// prints: failed to write to `/dev/full` at byte 0: No space left on device (os error 28)
// prints: kind: Io(StorageFull)
// prints: confirmed: 0 bytes, not delivered: 8 bytes

use std::io;

use highwater::{Error, ErrorKind, fs, pipeline};

fn main() -> Result<(), Error> {
    let sink = fs::create("/dev/full")?;
    let failure = pipeline(&b"too much"[..]).to(sink).run().unwrap_err();

    // `{}` is the failure alone, and `{:#}` has the causes behind it.
    println!("{:#}", failure.error);
    println!("kind: {:?}", failure.error.kind());
    println!(
        "confirmed: {} bytes, not delivered: {} bytes",
        failure.report.bytes(),
        failure.undelivered.weight()
    );
    let full = ErrorKind::Io(io::ErrorKind::StorageFull);
    assert_eq!(failure.error.kind(), full);
    assert_eq!(failure.error.stage(), Some("/dev/full"));
    assert_eq!(failure.error.offset(), Some(0));
    Ok(())
}
