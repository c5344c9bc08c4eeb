//! A server of HTTP against those of others: `cargo bench --bench http -- [--quick]`.
//!
//! The same client for all of them: `wrk` on one thread for a text of 13 bytes, at 4, 64 and 1,000
//! connections, and `curl` for a file of 1 GiB. They take turns within a round, since what else the
//! machine does hits all of them; a figure is the median of the rounds, and a ratio the median of
//! the ratios within each round. The processor time is that of the server alone.
//!
//! nginx and Node are measured where they are installed. tiny_http and hyper have to be built:
//!
//! ```text
//! cargo build --release --manifest-path benches/rivals/Cargo.toml
//! ```

mod clients;
mod ours;
#[path = "../process/mod.rs"]
mod process;
mod servers;

use std::process::ExitCode;
use std::{env, io};

use clients::{Cost, curl, wrk};
use process::has;
use servers::{Contestant, Site, contestants};

/// How much is measured.
struct Effort {
    rounds: usize,
    seconds: u32,
    counts: &'static [u32],
    file_bytes: u64,
}

const FULL: Effort = Effort {
    rounds: 3,
    seconds: 2,
    counts: &[4, 64, 1000],
    file_bytes: 1 << 30,
};

const QUICK: Effort = Effort {
    rounds: 1,
    seconds: 1,
    counts: &[64],
    file_bytes: 64 << 20,
};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    if let [how, place, path] = &args[..]
        && how == servers::OURS
    {
        return told(ours::serve(place, path));
    }
    let is = |wanted: &str| args.iter().any(|arg| arg == wanted);
    // Cargo passes `--bench`, unless this is a test of whether it runs.
    let effort = if is("--quick") || !is("--bench") {
        QUICK
    } else {
        FULL
    };
    told(measure(&effort))
}

fn told<E: std::fmt::Display>(outcome: Result<(), E>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(effort: &Effort) -> io::Result<()> {
    if let Some(missing) = ["wrk", "curl"].into_iter().find(|client| !has(client)) {
        println!("skipped: there is no `{missing}`");
        return Ok(());
    }
    let site = Site::new(effort.file_bytes)?;
    let contestants = contestants(&site)?;
    println!(
        "{:12}{:>12}{:>8}{:>12}{:>8}",
        "", "requests/s", "ratio", "cpu us each", "ratio"
    );
    for connections in effort.counts {
        println!("{connections} connections");
        let run = |one: &Contestant| match &one.text {
            Some(server) => wrk(server, *connections, effort.seconds).map(Some),
            None => Ok(None),
        };
        table(
            &contestants,
            rounds(effort.rounds, &contestants, run)?,
            |cost| (cost.done / cost.seconds, cost.cpu * 1e6 / cost.done),
        );
    }
    println!(
        "{:12}{:>12}{:>8}{:>12}{:>8}",
        "", "seconds", "ratio", "cpu s", "ratio"
    );
    println!("a file of {} MiB", effort.file_bytes >> 20);
    let run = |one: &Contestant| match &one.file {
        Some(server) => curl(server, effort.file_bytes).map(Some),
        None => Ok(None),
    };
    table(
        &contestants,
        rounds(effort.rounds, &contestants, run)?,
        |cost| (cost.seconds, cost.cpu),
    );
    Ok(())
}

/// Lets the contestants take turns: for each round, what it cost each of them.
fn rounds(
    rounds: usize,
    contestants: &[Contestant],
    run: impl Fn(&Contestant) -> io::Result<Option<Cost>>,
) -> io::Result<Vec<Vec<Option<Cost>>>> {
    (0..rounds)
        .map(|_| contestants.iter().map(&run).collect())
        .collect()
}

/// Prints two figures of each contestant, and how they compare to those of nginx.
fn table(
    contestants: &[Contestant],
    rounds: Vec<Vec<Option<Cost>>>,
    figures: impl Fn(&Cost) -> (f64, f64),
) {
    let judge = contestants
        .iter()
        .position(|one| one.name == servers::JUDGE);
    for (at, one) in contestants.iter().enumerate() {
        let ours = |round: &Vec<Option<Cost>>| round[at].as_ref().map(&figures);
        let Some((first, second)) = pair(rounds.iter().filter_map(ours)) else {
            continue;
        };
        print!("  {:10}", one.name);
        let ratios = rounds.iter().filter_map(|round| {
            let (ours, theirs) = (ours(round)?, figures(round[judge?].as_ref()?));
            Some((ours.0 / theirs.0, ours.1 / theirs.1))
        });
        match pair(ratios) {
            Some(ratio) => println!(
                "{first:>12.2}{:>7.2}x{second:>12.2}{:>7.2}x",
                ratio.0, ratio.1
            ),
            None => println!("{first:>12.2}{:>8}{second:>12.2}", ""),
        }
    }
}

/// The medians of two columns.
fn pair(figures: impl Iterator<Item = (f64, f64)>) -> Option<(f64, f64)> {
    let (first, second): (Vec<f64>, Vec<f64>) = figures.unzip();
    Some((median(first)?, median(second)?))
}

fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}
