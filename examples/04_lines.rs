//! Lines out of chunks, filtered and counted. `lines`, `filter`, `inspect` and `append_end` are light: they
//! run on the thread of the stage behind them, here on that of the sink.
//!
//! Run it: cargo run --example 04_lines

// prints: error: disk
// prints: error: net
// prints: 2 of 4 lines

use highwater::{Error, lines, pipeline};

const LOG: &[u8] = b"start\nerror: disk\r\nall well\nerror: net";

fn main() -> Result<(), Error> {
    let mut seen = 0; // `run` joins every thread, so a stage may borrow it
    let (_, errors) = pipeline(LOG)
        .through(lines::lines())
        .inspect(|_line| seen += 1)
        .filter(|line| line.starts_with(b"error"))
        .through(lines::append_end("\n"))
        .to(Vec::new())
        .run_into()?;

    let errors = errors.into_inner();
    print!("{}", String::from_utf8_lossy(&errors));
    let count = errors.iter().filter(|byte| **byte == b'\n').count();
    println!("{count} of {seen} lines");
    assert_eq!(errors, b"error: disk\nerror: net\n");
    Ok(())
}
