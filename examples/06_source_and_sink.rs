//! A source and a sink of one's own. Each is called from one thread, and may block: backpressure is
//! that a `read` is called only when there is room for an item.
//!
//! Run it: cargo run --example 06_source_and_sink

// prints: 2 ...
// prints: 1 ...

use highwater::{Batch, Error, HighWaterMark, Sink, Source, pipeline_of};

struct Countdown(u32);

impl Source<u32> for Countdown {
    fn read(&mut self) -> Result<Option<u32>, Error> {
        let number = self.0;
        self.0 = number.saturating_sub(1);
        Ok((number > 0).then_some(number)) // `None` is the end
    }
}

struct Printer;

impl Sink<String> for Printer {
    fn write(&mut self, batch: &mut Batch<String>) -> Result<(), Error> {
        while let Some(line) = batch.pop() {
            println!("{}", line.chunk);
        }
        Ok(())
    }
}

fn main() -> Result<(), Error> {
    let report = pipeline_of(Countdown(2), HighWaterMark::items(8))
        .map(|number| format!("{number} ..."))
        .to(Printer)
        .run()?;
    assert_eq!(report.bytes(), 2); // items, the unit of the mark
    Ok(())
}
