//! One writer, several readers, and a policy for each: the log gets everything and slows the writer
//! down, the display never does, and misses the oldest items.
//!
//! Run it: cargo run --example 09_fan_out

// prints: the log has 10 items
// prints: the display shows [9, 10] and has missed 8

use std::thread;

use highwater::stream::BranchPolicy;
use highwater::{Error, HighWaterMark, broadcast};

fn main() -> Result<(), Error> {
    let mut news = broadcast(HighWaterMark::items(4));
    let log = news.subscribe(BranchPolicy::Slowest); // a write waits for it
    let mut display = news.subscribe(BranchPolicy::DropOldest(2)); // and never for this one
    let logger = thread::spawn(move || log.collect::<Result<Vec<u32>, Error>>());
    for item in 1..=10 {
        news.write(item)?;
    }
    news.end();

    let logged = logger.join().expect("the logger does not panic")?;
    println!("the log has {} items", logged.len());
    let shown: Vec<u32> = display.by_ref().collect::<Result<_, _>>()?;
    let missed = display.dropped().chunks;
    println!("the display shows {shown:?} and has missed {missed}");
    assert_eq!(logged, Vec::from_iter(1..=10));
    assert_eq!((shown.as_slice(), missed), (&[9, 10][..], 8));
    Ok(())
}
