//! Ctrl-C. A token ends any number of pipelines from outside: `abort` also wakes a thread that is
//! blocked in a read. A thread waits for the signal, since no lock may be taken in a handler.
//!
//! Run it: cargo run --example 08_cancel

// prints: cancelled: Ctrl-C

use std::fs::File;
use std::io::{self, pipe};
use std::os::fd::OwnedFd;
use std::thread;

use highwater::fs::FileSource;
use highwater::{CancelToken, ErrorKind, pipeline};
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;
use signal_hook::low_level::raise;

fn main() -> io::Result<()> {
    let token = CancelToken::new();
    let mut signals = Signals::new([SIGINT])?;
    let aborted = token.clone();
    thread::spawn(move || {
        for _signal in &mut signals {
            aborted.abort("Ctrl-C");
        }
    });

    // A pipe that nothing is written to: a read of it blocks for ever.
    let (reader, _writer) = pipe()?;
    let source = FileSource::from(File::from(OwnedFd::from(reader)));
    let work = pipeline(source).cancel_with(&token).to(Vec::new());
    thread::spawn(|| raise(SIGINT)); // in place of your Ctrl-C
    let failure = work.run().unwrap_err();
    println!("{:#}", failure.error);
    assert_eq!(failure.error.kind(), ErrorKind::Cancelled);
    Ok(())
}
