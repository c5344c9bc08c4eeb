//! Every interleaving of small programs over a channel: its waits, its wakes and all its ends.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test --release --test model -- --nocapture`, which prints
//! how many interleavings each program has. The name of a test behind it runs that one alone.
//! With `-C debug-assertions` in the flags the state machines check their invariants as well.
//!
//! A lost wake-up is a deadlock here, which loom reports. Time does not pass: a wait with a
//! deadline is one without end. A program that has too many interleavings is explored up to a
//! number of preemptions, and says so; `LOOM_MAX_PREEMPTIONS` sets another number for all.
//! `.ci/seeded-bugs` shows what all this finds.

#![cfg(loom)]

mod books;
mod budget;
mod direct;
mod ends;
mod fanout;
mod flow;
mod leader;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use highwater::Hints;
use loom::model::Builder;

/// Runs `program` once for each interleaving of its threads, and prints how many there are.
///
/// First with every list of answers that the channel's hints can give, as if they knew nothing,
/// and then with what was stored in them, where only those with few preemptions are explored.
fn explore(what: &str, bound: Bound, program: impl Fn() + Send + Sync + 'static) {
    let program = Arc::new(program);
    let (most, less) = match bound {
        Bound::Every => (None, 2),
        Bound::Preemptions(most) => (Some(most), most - 1),
    };
    // Three answers and from the start again, which is as many as most of these programs ask for.
    let guessed: usize = (0..8)
        .map(|answers| run(&program, Hints::Bits(answers * 0o1_111_111_111), most))
        .sum();
    let stored = run(&program, Hints::Stored, Some(less));
    tell(what, bound, guessed + stored);
}

/// Does what [`explore`] does with one list of answers, for programs whose hints decide only whether
/// to spin: a spin is over at once here.
fn explore_waits(what: &str, bound: Bound, program: impl Fn() + Send + Sync + 'static) {
    let most = match bound {
        Bound::Every => None,
        Bound::Preemptions(most) => Some(most),
    };
    let explored = run(&Arc::new(program), Hints::Bits(0), most);
    tell(what, bound, explored);
}

/// Runs it with those answers. Says how many interleavings there are.
fn run<P>(program: &Arc<P>, hints: Hints, most: Option<usize>) -> usize
where
    P: Fn() + Send + Sync + 'static,
{
    hints.set();
    let explored = Arc::new(AtomicUsize::new(0));
    let mut builder = Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(most);
    let program = Arc::clone(program);
    let counted = Arc::clone(&explored);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        program();
    });
    explored.load(Ordering::Relaxed)
}

fn tell(what: &str, bound: Bound, explored: usize) {
    static IN_ALL: AtomicUsize = AtomicUsize::new(0);
    let in_all = IN_ALL.fetch_add(explored, Ordering::Relaxed) + explored;
    let within = match bound {
        Bound::Every => String::new(),
        Bound::Preemptions(most) => format!(" with up to {most} preemptions"),
    };
    println!(
        "{} interleavings of {what}{within} ({} so far)",
        grouped(explored),
        grouped(in_all)
    );
}

/// Which interleavings are explored.
#[derive(Clone, Copy)]
enum Bound {
    /// All of them.
    Every,
    /// Those in which threads are preempted at most so often; there are too many others.
    Preemptions(usize),
}

fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
