//! How the benches compare: contestants that take turns, and the median of their rounds.

use std::time::Instant;

/// How much is measured.
pub(crate) struct Effort {
    rounds: usize,
    /// By how much each round is shortened.
    shorter: u64,
    only: String,
}

/// One that does something so many times, each time it is run.
pub(crate) type Contestant = Box<dyn Fn(u64)>;

impl Effort {
    /// Reads the arguments. `None` is a wish for help.
    pub(crate) fn from_args(
        mut args: impl Iterator<Item = String>,
    ) -> Result<Option<Self>, String> {
        let (mut is_bench, mut is_quick) = (false, false);
        let mut only = String::new();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--bench" => is_bench = true,
                "--quick" => is_quick = true,
                "--only" => only = args.next().ok_or("`--only` wants a name")?,
                "--help" => return Ok(None),
                other => return Err(format!("`{other}` is not an option")),
            }
        }
        // Cargo passes `--bench`, unless this is a test of whether it runs.
        let (rounds, shorter) = if is_quick || !is_bench {
            (2, 100)
        } else {
            (11, 1)
        };
        Ok(Some(Self {
            rounds,
            shorter,
            only,
        }))
    }

    /// Lets the contestants take turns at `times`, and prints what one time costs the first, in
    /// nanoseconds, and how that compares to each other one: the median of the ratios within each
    /// round, since what else the machine does hits both sides of it.
    pub(crate) fn row(&self, name: &str, times: u64, contestants: &[Contestant]) {
        if !name.contains(&self.only) {
            return;
        }
        let times = (times / self.shorter).max(1);
        let mut costs: Vec<Vec<f64>> = contestants.iter().map(|_| Vec::new()).collect();
        // The round before the first warms up.
        for round in 0..=self.rounds {
            for (run, costs) in contestants.iter().zip(&mut costs) {
                let start = Instant::now();
                run(times);
                if round > 0 {
                    costs.push(start.elapsed().as_secs_f64() * 1e9 / times as f64);
                }
            }
        }
        print!("{name:24}{:>12.0}", median(costs[0].iter().copied()));
        for theirs in &costs[1..] {
            let ratios = costs[0].iter().zip(theirs);
            let ratio = median(ratios.map(|(ours, theirs)| ours / theirs));
            print!("{:>12.0} ({ratio:.2}x)", median(theirs.iter().copied()));
        }
        println!();
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
