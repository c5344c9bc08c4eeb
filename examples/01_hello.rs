//! Two threads and a channel between them. Its mark is 8 bytes: while so many wait to be read, a
//! write blocks, so that a fast writer fills no memory.
//!
//! Run it: cargo run --example 01_hello

// prints: backpressure
// prints: is
// prints: a
// prints: blocked
// prints: thread

use std::thread;

use highwater::{Bytes, Error, HighWaterMark, channel};

fn main() -> Result<(), Error> {
    let (mut writer, reader) = channel(HighWaterMark::bytes(8));
    let producer = thread::spawn(move || {
        for word in ["backpressure", "is", "a", "blocked", "thread"] {
            writer.write(Bytes::from(word))?; // blocks until there is room
        }
        writer.finish() // blocks until everything was read
    });

    let mut count = 0;
    for word in reader {
        println!("{}", word?.escape_ascii());
        count += 1;
    }
    assert_eq!(count, 5);
    producer.join().expect("the producer does not panic")
}
