//! A child process as a stage: what is written to its standard input, and read from its standard
//! output. If it fails, its exit status and the end of its standard error are the cause.
//!
//! Run it: cargo run --example 11_child_process

// prints: apple
// prints: pear
// prints: plum
// prints: failed to run `sh -c echo no such table >&2; exit 3`: exit status: 3: its standard error ends with: no such table

use std::process::Command;

use highwater::{Error, pipeline, process};

fn main() -> Result<(), Error> {
    let sort = process::stage(Command::new("sort"))?;
    let (_, sorted) = pipeline(&b"plum\npear\napple\n"[..])
        .via(sort.sink, sort.source)
        .to(Vec::new())
        .run_into()?;
    let sorted = sorted.into_inner();
    print!("{}", String::from_utf8_lossy(&sorted));
    assert_eq!(sorted, b"apple\npear\nplum\n");

    let mut query = Command::new("sh");
    query.args(["-c", "echo no such table >&2; exit 3"]);
    let failing = process::source(query)?;
    let failure = pipeline(failing).to(Vec::new()).run().unwrap_err();
    println!("{:#}", failure.error);
    assert!(format!("{:#}", failure.error).contains("no such table"));
    Ok(())
}
