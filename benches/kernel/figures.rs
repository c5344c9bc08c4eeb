//! What the copies took, as tables and as the two figures that matter.

use crate::ways::Way;

/// What one copy took.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) seconds: f64,
    pub(crate) processor: f64,
}

/// All copies of one way.
pub(crate) struct Run {
    pub(crate) way: Way,
    /// What it says of itself.
    pub(crate) path: String,
    pub(crate) costs: Vec<Cost>,
}

impl Run {
    fn median(&self, figure: fn(&Cost) -> f64) -> f64 {
        median(self.costs.iter().map(figure))
    }

    /// The median of the ratios within each round.
    fn against(&self, base: &Self, figure: fn(&Cost) -> f64) -> f64 {
        let ratios = self.costs.iter().zip(&base.costs);
        median(ratios.map(|(cost, base)| figure(cost) / figure(base)))
    }
}

pub(crate) fn table(runs: &[Run], gib: f64) {
    println!(
        "  {:9} {:>7} {:>9}  {:>10} {:>9}  way",
        "", "GiB/s", "CPU s/GiB", "time ratio", "CPU ratio"
    );
    let base = runs.iter().find(|run| run.way == Way::Buffered);
    let base = base.expect("it is one of them");
    for run in runs {
        println!(
            "  {:9} {:7.2} {:9.3}  {:10.2} {:9.2}  {}",
            run.way.name(),
            gib / run.median(|cost| cost.seconds),
            run.median(|cost| cost.processor) / gib,
            run.against(base, |cost| cost.seconds),
            run.against(base, |cost| cost.processor),
            run.path,
        );
    }
}

/// What is too little to tell anything by: the clock of the processor goes in steps of 10 ms.
const PROCESSOR_MIN: f64 = 0.1;

/// The two figures that matter: what the kernel saves, and how what we do by ourselves fares
/// against the best of the others. Without enough to go by it says nothing.
pub(crate) fn verdicts(runs: &[Run]) {
    let is_too_little = |run: &Run| run.median(|cost| cost.processor) < PROCESSOR_MIN;
    if runs
        .iter()
        .any(|run| run.way.is_a_loop() && is_too_little(run))
    {
        return;
    }
    let best = |is_meant: fn(Way) -> bool, figure: fn(&Cost) -> f64| {
        let meant = runs.iter().filter(|run| is_meant(run.way));
        meant.min_by(|a, b| a.median(figure).total_cmp(&b.median(figure)))
    };
    let ours = |run: &&Run| matches!(run.way, Way::Stable | Way::Default);
    let in_kernel = |run: &&Run| !run.path.starts_with("buffered");
    let in_kernel = runs.iter().filter(ours).find(in_kernel);
    if let Some(kernel) = in_kernel
        && let Some(lean) = best(Way::is_a_loop, |cost| cost.processor)
    {
        println!(
            "  {} takes {:.2} of the processor of {}, the best loop",
            kernel.path,
            kernel.against(lean, |cost| cost.processor),
            lean.way.name(),
        );
    }
    let default = runs.iter().find(|run| run.way == Way::Default);
    if let Some(default) = default
        && let Some(fast) = best(Way::is_of_others, |cost| cost.seconds)
    {
        println!(
            "  default takes {:.2} of the time of {}, the fastest of the others",
            default.against(fast, |cost| cost.seconds),
            fast.way.name(),
        );
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
