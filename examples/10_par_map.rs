//! Work shared among threads. The results come in the order of the items, and the mark bounds how
//! many of both are in memory.
//!
//! Run it: cargo run --example 10_par_map

// prints: 1161 takes 181 steps, the most of all up to 2000

use highwater::{Error, HighWaterMark, Readable};

/// Collatz: half of an even number, three times an odd one and 1, until it is 1.
fn steps(number: u64) -> Result<(u64, u64), Error> {
    let (mut at, mut steps) = (number, 0);
    while at != 1 {
        at = if at % 2 == 0 { at / 2 } else { 3 * at + 1 };
        steps += 1;
    }
    Ok((number, steps))
}

fn main() -> Result<(), Error> {
    let mark = HighWaterMark::items(64);
    let all = Readable::from_iter((1..=2000).rev(), mark)
        .par_map(4, steps) // on four threads; an error of one ends all
        .to_vec(2000)?;
    let longest = all
        .iter()
        .max_by_key(|(_, steps)| steps)
        .expect("there are 2000");
    let (number, most) = longest;
    println!("{number} takes {most} steps, the most of all up to 2000");
    assert!(all.is_sorted_by(|one, other| one.0 > other.0));
    Ok(())
}
