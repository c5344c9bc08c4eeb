//! Lines out of chunks, filtered and counted. `map`, `filter` and `inspect` run on the thread of the
//! stage behind them; `lines` has a thread and a buffer of its own.
//!
//! Run it: cargo run --example 04_lines

// prints: error: disk
// prints: error: net
// prints: 2 of 4 lines

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use highwater::{Error, lines, pipeline};

const LOG: &[u8] = b"start\nerror: disk\r\nall well\nerror: net";

fn main() -> Result<(), Error> {
    // The stages run on other threads, so that a counter is shared.
    let seen = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&seen);

    let (_, errors) = pipeline(LOG)
        .through_with(lines::lines(), lines::mark(64 * 1024)) // no more than 64 KiB of lines wait
        .inspect(move |_line| _ = counter.fetch_add(1, Ordering::Relaxed))
        .filter(|line| line.starts_with(b"error"))
        .through(lines::append_end("\n"))
        .to(Vec::new())
        .run_into()?;

    let errors = errors.into_inner();
    print!("{}", String::from_utf8_lossy(&errors));
    let count = errors.iter().filter(|byte| **byte == b'\n').count();
    println!("{count} of {} lines", seen.load(Ordering::Relaxed));
    assert_eq!(errors, b"error: disk\nerror: net\n");
    Ok(())
}
