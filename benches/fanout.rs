//! What it costs to hand a chunk from one thread to several, beside as many separate channels that
//! are written in a loop.
//!
//! Chunks are slices of one block of memory whose references are counted, as those of a file or a
//! socket are. The contestants take turns, a round each, and a round is a fixed number of chunks,
//! from before the readers' threads are spawned until they have ended. A figure is the median of
//! its rounds; a ratio is the median of the ratios within each round.

mod effort;

use std::hint::black_box;
use std::process::ExitCode;
use std::thread;

use highwater::stream::BranchPolicy;
use highwater::{Branch, Bytes, HighWaterMark, broadcast, channel};

use effort::Effort;

const HELP: &str = "\
What it costs to hand a chunk from one thread to several.

  cargo bench --bench fanout -- [OPTIONS]

  --quick      few and short rounds: shows that it runs, not how fast
  --only NAME  only the rows whose name contains NAME
  --help       this text
";

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

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
    println!("ns a chunk for all branches together; ratio of the first column to this one");
    println!(
        "{:24}{:>12}{:>20}{:>20}",
        "branches chunk/mark", "broadcast", "channels", "crossbeam"
    );
    for (name, chunk, mark, chunks) in [
        ("1KiB/64KiB", KIB, 64 * KIB, 100_000),
        ("1KiB/1MiB", KIB, MIB, 100_000),
        ("64KiB/1MiB", 64 * KIB, MIB, 30_000),
    ] {
        for branches in [1, 2, 4] {
            effort.row(
                &format!("{branches} {name}"),
                chunks,
                &[
                    Box::new(move |chunks| {
                        fan_out(BranchPolicy::Slowest, branches, chunk, mark, chunks);
                    }),
                    Box::new(move |chunks| channels(branches, chunk, mark, chunks)),
                    Box::new(move |chunks| crossbeam(branches, chunk, mark, chunks)),
                ],
            );
        }
    }
    println!("\nbranches that the writer does not wait for, with a cap that is never reached");
    println!("{:24}{:>12}{:>20}", "policy", "it", "slowest paces");
    for (name, policy) in [
        ("cap", BranchPolicy::Cap(usize::MAX)),
        ("drop oldest", BranchPolicy::DropOldest(usize::MAX)),
        ("drop newest", BranchPolicy::DropNewest(usize::MAX)),
    ] {
        effort.row(
            &format!("{name} 2 1KiB/1MiB"),
            100_000,
            &[
                Box::new(move |chunks| fan_out(policy, 2, KIB, MIB, chunks)),
                Box::new(move |chunks| fan_out(BranchPolicy::Slowest, 2, KIB, MIB, chunks)),
            ],
        );
    }
    ExitCode::SUCCESS
}

fn block(bytes: usize) -> Bytes {
    Bytes::from(vec![7; bytes])
}

fn read_all<E>(chunks: impl Iterator<Item = Result<Bytes, E>>, expected: u64) {
    let read = chunks.filter(|chunk| black_box(chunk).is_ok()).count();
    assert_eq!(read as u64, expected);
}

fn fan_out(policy: BranchPolicy, branches: usize, chunk: usize, mark: usize, chunks: u64) {
    let block = block(chunk);
    let mut writer = broadcast(HighWaterMark::bytes(mark));
    let readers: Vec<Branch<Bytes>> = (0..branches).map(|_| writer.subscribe(policy)).collect();
    thread::scope(|threads| {
        for branch in readers {
            threads.spawn(move || read_all(branch, chunks));
        }
        for _ in 0..chunks {
            // What it says of the next write is for one that has something else to do.
            writer.write(block.clone()).expect("the branches stay");
        }
        writer.end();
    });
    assert!(!policy.paces() || writer.peak() <= mark + chunk);
}

fn channels(branches: usize, chunk: usize, mark: usize, chunks: u64) {
    let block = block(chunk);
    let (mut writers, readers): (Vec<_>, Vec<_>) = (0..branches)
        .map(|_| channel::<Bytes, _>(HighWaterMark::bytes(mark)))
        .unzip();
    thread::scope(|threads| {
        for reader in readers {
            threads.spawn(move || read_all(reader, chunks));
        }
        for _ in 0..chunks {
            for writer in &mut writers {
                // As above.
                writer.write(block.clone()).expect("the readers stay");
            }
        }
        writers.iter_mut().for_each(|writer| writer.end());
    });
}

fn crossbeam(branches: usize, chunk: usize, mark: usize, chunks: u64) {
    let block = block(chunk);
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..branches)
        .map(|_| crossbeam_channel::bounded(mark / chunk))
        .unzip();
    thread::scope(|threads| {
        for receiver in receivers {
            let chunks_of = receiver.into_iter().map(Ok::<Bytes, ()>);
            threads.spawn(move || read_all(chunks_of, chunks));
        }
        for _ in 0..chunks {
            for sender in &senders {
                sender.send(block.clone()).expect("the receivers stay");
            }
        }
        drop(senders);
    });
}
