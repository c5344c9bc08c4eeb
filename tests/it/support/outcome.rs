//! How a copy has ended, and whether it held no more than it may.

use std::process::ExitStatus;
use std::time::Duration;

use crate::support::child::CHUNK_BYTES;

/// The most memory that a copy may take, whatever it copies.
const RESIDENT_BYTES_MAX: u64 = 16 << 20;

/// How a child has ended.
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
    /// The most memory that was seen in use.
    pub(crate) resident: u64,
}

/// The least that the copy reads at once, whatever its mark.
const PAGE: usize = 4096;

impl Outcome {
    /// It has ended well, and held no more than it may.
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.status.code(), Some(0), "it said:\n{}", self.stderr);
        self.was_bounded()
    }

    /// It has ended with this status, 0 for a warning, and said all of this.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, said: &[&str]) -> Self {
        assert_eq!(self.status.code(), Some(code), "it said:\n{}", self.stderr);
        for words in said {
            assert!(
                self.stderr.contains(words),
                "no `{words}` in:\n{}",
                self.stderr
            );
        }
        self.was_bounded()
    }

    #[track_caller]
    fn was_bounded(self) -> Self {
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        assert!(self.resident <= RESIDENT_BYTES_MAX, "{}", self.resident);
        if let Some((peak, high)) = self.held() {
            let bound = high + CHUNK_BYTES.min(high.max(PAGE));
            // The report rounds to a tenth of its unit.
            let rounding = peak / 20;
            assert!(peak <= bound + rounding, "{peak} held, {bound} allowed");
        }
        self
    }

    /// What the buffer held at most, and its mark, by the report.
    pub(crate) fn held(&self) -> Option<(usize, usize)> {
        let (_, told) = self.stderr.split_once("  mark ")?;
        let (high, peak) = told.lines().next()?.split_once(", peak ")?;
        let peak = peak.split_once(" (").map_or(peak, |(peak, _)| peak);
        Some((size(peak), size(high)))
    }

    /// How much the destination has confirmed, as it is said after a failure.
    #[track_caller]
    pub(crate) fn confirmed(&self) -> u64 {
        let mut lines = self.stderr.lines();
        let line = lines.find(|line| line.contains(" bytes were confirmed by "));
        let number = line.and_then(|line| line.split(' ').nth(1)?.parse().ok());
        number.unwrap_or_else(|| panic!("nothing about what was confirmed in:\n{}", self.stderr))
    }
}

/// Reads `1.5 KiB`.
fn size(text: &str) -> usize {
    let (number, unit) = text.trim().split_once(' ').expect("a number and a unit");
    let number: f64 = number.parse().expect("a number");
    let factor = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        other => panic!("{other} is no unit"),
    };
    (number * f64::from(factor)) as usize
}
