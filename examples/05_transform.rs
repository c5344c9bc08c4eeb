//! A transform of one's own: a chunk in, any number of chunks out. This one leaves out what repeats
//! the item before it, and pushes the count of those at the end.
//!
//! Run it: cargo run --example 05_transform

// prints: [3, 5, 8, 4]

use highwater::stage::apply;
use highwater::{Error, HighWaterMark, Out, Readable, Transform};

#[derive(Default)]
struct Unique {
    last: Option<u64>,
    left_out: u64,
}

impl Transform<u64, u64> for Unique {
    fn transform(&mut self, item: u64, out: &mut Out<'_, u64>) -> Result<(), Error> {
        if self.last.replace(item) == Some(item) {
            self.left_out += 1;
            return Ok(());
        }
        out.push(item) // blocks while the stage behind has no room
    }

    fn flush(&mut self, out: &mut Out<'_, u64>) -> Result<(), Error> {
        out.push(self.left_out)
    }
}

fn main() -> Result<(), Error> {
    let mark = HighWaterMark::items(16);
    let items = Readable::from_iter([3, 3, 5, 8, 8, 8, 8], mark)
        .through(Unique::default(), mark) // on a thread and with a buffer of its own
        .to_vec(100)?;
    println!("{items:?}");
    // A test of a transform needs no thread.
    assert_eq!(apply(&mut Unique::default(), [1, 1, 2])?, [1, 2, 1]);
    Ok(())
}
