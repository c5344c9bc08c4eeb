//! What stages cost: fused ones, ones with a buffer between, and work on two threads.

mod effort;

use std::hint::black_box;
use std::process::ExitCode;
use std::thread;

use highwater::mark::InItems;
use highwater::{Error, HighWaterMark, Pipeline, Readable, pipeline_of};
use sha2::{Digest, Sha256};

use effort::Effort;

const HELP: &str = "\
What stages cost, in nanoseconds an item.

  cargo bench --bench stages -- [OPTIONS]

  --quick      few rounds of few items: shows that it runs, not how fast
  --only NAME  only the rows whose name contains NAME
  --help       this text
";

const MARK: HighWaterMark<InItems> = HighWaterMark::items(256);

fn main() -> ExitCode {
    let effort = match Effort::from_args(std::env::args().skip(1)) {
        Ok(Some(effort)) => effort,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("{wrong}\n\n{HELP}");
            return ExitCode::FAILURE;
        }
    };
    println!("items through `map`, from a source on another thread");
    println!(
        "{:24}{:>12}{:>20}{:>20}",
        "stages", "fused", "one stage", "a buffer each"
    );
    effort.row(
        "5",
        1_000_000,
        &[
            Box::new(|items| count(maps(numbers(items), 5), items)),
            Box::new(|items| count(maps(numbers(items), 1), items)),
            Box::new(|items| count(buffered(numbers(items), 5), items)),
        ],
    );
    println!("\nwork, of each item alone");
    println!(
        "{:24}{:>12}{:>20}{:>20}{:>20}",
        "SHA-256 of", "par_map(2)", "map", "unordered(2)", "two by hand"
    );
    for (name, kib) in [("1 KiB", 1), ("16 KiB", 16), ("256 KiB", 256)] {
        effort.row(
            name,
            40_000 / kib as u64,
            &[
                Box::new(move |items| count(numbers(items).par_map(2, hash(kib)), items)),
                Box::new(move |items| count(numbers(items).try_map(hash(kib)), items)),
                Box::new(move |items| count(numbers(items).par_map_unordered(2, hash(kib)), items)),
                Box::new(move |items| by_hand(items, kib)),
            ],
        );
    }
    ExitCode::SUCCESS
}

fn numbers(items: u64) -> Pipeline<'static, u64> {
    pipeline_of(Readable::from_iter(0..items, MARK), MARK)
}

fn maps(mut begun: Pipeline<'_, u64>, stages: usize) -> Pipeline<'_, u64> {
    for _ in 0..stages {
        begun = begun.map(|n| black_box(n) + 1);
    }
    begun
}

fn buffered(mut begun: Pipeline<'_, u64>, stages: usize) -> Pipeline<'_, u64> {
    for _ in 0..stages {
        begun = begun.map(|n| black_box(n) + 1).buffered(MARK);
    }
    begun
}

fn hash(kib: usize) -> impl Fn(u64) -> Result<u64, Error> + Send + Sync + 'static {
    let data = vec![7; kib * 1024];
    move |n| {
        let digest = Sha256::new()
            .chain_update(n.to_le_bytes())
            .chain_update(&data)
            .finalize();
        Ok(u64::from(digest[0]))
    }
}

/// Each of two threads does half of the work, with nothing between them: what the machine can do.
fn by_hand(items: u64, kib: usize) {
    thread::scope(|threads| {
        for half in 0..2 {
            threads.spawn(move || {
                let hash = hash(kib);
                for n in (half..items).step_by(2) {
                    black_box(hash(n).expect("nothing fails"));
                }
            });
        }
    });
}

/// Runs it, and sees that nothing was lost, and that no buffer held more than its mark and one.
fn count(begun: Pipeline<'_, u64>, expected: u64) {
    let ready = begun.for_each(|n| {
        black_box(n);
    });
    let report = ready.run().expect("nothing fails");
    assert_eq!(report.bytes(), expected);
    for buffer in report.stages().iter().filter_map(|stage| stage.buffer) {
        assert!(buffer.peak <= buffer.high_water_mark, "{report}");
    }
}
