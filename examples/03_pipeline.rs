//! A pipeline from file to file, in capital letters. `run` joins the threads, and returns a report of
//! what each of them did, or the first cause (see 07_errors). `map` has no thread, and so no row.
//!
//! Run it: cargo run --example 03_pipeline

// prints: from: 1000000 bytes
// prints: to: 1000000 bytes

use std::fs::{create_dir, remove_dir_all, write};
use std::path::Path;

use highwater::{Bytes, Error, fs, pipeline};

fn main() -> Result<(), Error> {
    let directory = std::env::temp_dir().join(format!("highwater-03-{}", std::process::id()));
    create_dir(&directory)?;
    let (from, to) = (directory.join("from"), directory.join("to"));
    write(&from, "abcd\n".repeat(200_000))?;

    let report = pipeline(fs::read(&from)?)
        .map(|chunk| Bytes::from(chunk.to_ascii_uppercase()))
        .to(fs::create(&to)?)
        .run()?;

    for stage in report.stages() {
        let name = Path::new(&stage.name).file_name().unwrap_or_default();
        println!("{}: {} bytes", name.display(), stage.bytes);
    }
    assert_eq!(report.bytes(), 1_000_000); // what the sink has confirmed
    assert!(std::fs::read(&to)?.starts_with(b"ABCD\nABCD\n"));
    remove_dir_all(&directory)?;
    Ok(())
}
