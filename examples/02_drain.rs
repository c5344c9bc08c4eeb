//! What Node calls `write() === false` and `drain`: a write returns whether the mark is reached, and
//! `wait_drain` blocks until the reader has made room. To ignore both is safe: the next write waits.
//!
//! Run it: cargo run --example 02_drain

// prints: 1 is written: Below
// prints: 2 is written: Below
// prints: 3 is written: Below
// prints: 4 is written: Reached
// prints: drained: no more than 2 are left

use std::thread;

use highwater::{Error, HighWaterMark, Pressure, channel};

fn main() -> Result<(), Error> {
    let (mut writer, reader) = channel(HighWaterMark::items(4));
    for item in 1.. {
        let pressure = writer.write(item)?;
        println!("{item} is written: {pressure:?}");
        if pressure == Pressure::Reached {
            break;
        }
    }
    // There is no reader yet, so that `write` would block. `try_write` gives the item back.
    assert!(writer.try_write(5).unwrap_err().is_full());

    let consumer = thread::spawn(move || reader.collect::<Result<Vec<u32>, Error>>());
    writer.wait_drain()?; // until the low-water mark, half of the high one
    assert!(writer.len() <= 2);
    println!("drained: no more than 2 are left");
    writer.write(5)?;
    writer.finish()?;
    let read = consumer.join().expect("the consumer does not panic")?;
    assert_eq!(read, [1, 2, 3, 4, 5]);
    Ok(())
}
