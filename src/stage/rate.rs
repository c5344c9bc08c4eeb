//! A limit on a rate, as pure rules that are passed the time.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind};

/// Computes when more may pass, and how much at once.
///
/// Each call is passed the time; it reads no clock. The caller waits for [`wait`](Self::wait)
/// first, moves no more than a [`piece`](Self::piece) if that can be cut, and then reports what has
/// [passed](Self::passed).
///
/// # Invariants
///
/// In every window of `t` there pass at most `rate * t`, what the rate gives for a [`SLACK`], and
/// one piece, or one chunk that weighs more than a piece and cannot be cut. What was not used for
/// longer than a [`SLACK`] is no credit: after a silence there is no burst.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateLimit {
    per_second: NonZeroU64,
    /// What has passed and was not paid for by time yet, in billionths of the unit, so that a
    /// nanosecond pays exactly `per_second` of them. Nothing passes above `free()`, and what is
    /// below is the credit.
    owed: u128,
    /// Up to when time has paid.
    paid: Instant,
}

/// How late a thread may be woken and still make up for it. Long beside what a wait is late by, and
/// short beside what a person notices. A piece is what the rate gives for as long.
pub(crate) const SLACK: Duration = Duration::from_millis(25);

const NANOS: u128 = 1_000_000_000;

const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

impl RateLimit {
    /// Begins with a piece that may pass at once.
    pub(crate) fn new(per_second: NonZeroU64, now: Instant) -> Self {
        let mut limit = Self {
            per_second,
            owed: 0,
            paid: now,
        };
        limit.owed = limit.free();
        limit
    }

    fn rate(&self) -> u128 {
        u128::from(self.per_second.get())
    }

    /// What may be owed when something passes.
    fn free(&self) -> u128 {
        SLACK.as_nanos() * self.rate()
    }

    /// What is owed at that time.
    fn owed(&self, now: Instant) -> u128 {
        // At most 2^64 seconds times 2^64, which saturates and is no credit beyond the slack.
        let passed = now.saturating_duration_since(self.paid).as_nanos();
        self.owed.saturating_sub(passed.saturating_mul(self.rate()))
    }

    /// For how long nothing may pass from then on. `None` if something may pass at once.
    pub(crate) fn wait(&self, now: Instant) -> Option<Duration> {
        let early = self.owed(now).saturating_sub(self.free());
        // Rounded up: after the wait it may pass.
        let nanos = early.div_ceil(self.rate());
        let seconds = u64::try_from(nanos / NANOS).unwrap_or(u64::MAX);
        (nanos > 0).then(|| Duration::new(seconds, (nanos % NANOS) as u32))
    }

    /// How much should pass at once, so that it does not come in lumps. Never 0.
    pub(crate) fn piece(&self) -> u64 {
        u64::try_from(self.free() / NANOS)
            .unwrap_or(u64::MAX)
            .max(1)
    }

    /// The same as a size in memory, of no more than `most`.
    pub(crate) fn piece_within(&self, most: usize) -> usize {
        usize::try_from(self.piece()).map_or(most, |piece| piece.min(most))
    }

    /// Counts what passes now. Returns when more may pass, if that is later.
    pub(crate) fn pass(&mut self, weight: u64, now: Instant) -> Option<Instant> {
        self.passed(weight, now);
        let wait = self.wait(now)?;
        // A time that cannot be represented is later than any wait.
        now.checked_add(wait).or_else(|| now.checked_add(FAR))
    }

    /// So much has passed.
    pub(crate) fn passed(&mut self, weight: u64, now: Instant) {
        self.owed = self.owed(now).saturating_add(u128::from(weight) * NANOS);
        self.paid = self.paid.max(now);
    }
}

/// A rate as a user gives it.
///
/// # Errors
///
/// [`ErrorKind::InvalidInput`] for 0, at which nothing would ever move.
pub(crate) fn rate(per_second: u64) -> Result<NonZeroU64, Error> {
    let nothing = "a limit of 0 a second, at which nothing would ever move";
    NonZeroU64::new(per_second).ok_or_else(|| Error::new(ErrorKind::InvalidInput, nothing))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A virtual second, and a rate, and what was moved when.
    struct Moved {
        limit: RateLimit,
        began: Instant,
        at: Duration,
        passes: Vec<(Duration, u64)>,
    }

    impl Moved {
        fn new(per_second: u64) -> Self {
            let began = Instant::now();
            Self {
                limit: RateLimit::new(rate(per_second).unwrap(), began),
                began,
                at: Duration::ZERO,
                passes: Vec::new(),
            }
        }

        fn now(&self) -> Instant {
            self.began + self.at
        }

        /// Waits for as long as `wait` returns and `late` longer, and passes.
        fn pass(&mut self, weight: u64, late: Duration) {
            if let Some(wait) = self.limit.wait(self.now()) {
                let Some(at) = self.at.checked_add(wait + late) else {
                    return;
                };
                if self.began.checked_add(at).is_none() {
                    return;
                }
                self.at = at;
                assert_eq!(self.limit.wait(self.now()), None, "the wait was enough");
            }
            self.limit.passed(weight, self.now());
            self.passes.push((self.at, weight));
        }

        /// In each window: what the rate gives for it, a slack, and what passed last.
        fn check(&self) {
            let rate = self.limit.rate();
            for (first, (from, _)) in self.passes.iter().enumerate() {
                let mut moved = 0;
                for (to, weight) in &self.passes[first..] {
                    moved += u128::from(*weight) * NANOS;
                    let window = (*to - *from).as_nanos() * rate;
                    let most = window + self.limit.free() + u128::from(*weight) * NANOS;
                    assert!(moved <= most, "{moved} of {most} from {from:?} to {to:?}");
                }
            }
        }
    }

    fn rates() -> impl Strategy<Value = u64> {
        prop_oneof![
            Just(1),
            Just(u64::MAX),
            1..10_u64,
            1_000..10_000_000_u64,
            any::<u64>().prop_map(|rate| rate.max(1)),
        ]
    }

    proptest! {
        #[test]
        fn in_every_window_the_rate_and_a_chunk_pass_at_most(
            per_second in rates(),
            steps in prop::collection::vec(
                (0..10_000_u64, prop_oneof![0..100_u64, any::<u64>()], 0..200_000_u64),
                1..60,
            ),
        ) {
            let mut moved = Moved::new(per_second);
            for (silence, weight, late) in steps {
                moved.at += Duration::from_millis(silence * u64::from(silence % 3 == 0));
                let piece = moved.limit.piece();
                let weight = if weight < 100 { piece.saturating_mul(weight) / 50 } else { weight };
                moved.pass(weight, Duration::from_micros(late));
            }
            moved.check();
        }

        #[test]
        fn a_thread_that_is_woken_a_little_late_moves_at_the_full_rate(
            per_second in 1_000..10_000_000_u64,
            late in 0..20_000_u64,
        ) {
            let mut moved = Moved::new(per_second);
            let piece = moved.limit.piece();
            for _ in 0..200 {
                moved.pass(piece, Duration::from_micros(late));
            }
            let due = piece as f64 * 199.0 / per_second as f64;
            let took = moved.at.as_secs_f64();
            prop_assert!(took <= due + 0.025 && took >= due - 0.026, "{took} of {due}");
            moved.check();
        }
    }

    #[test]
    fn what_a_silence_saved_is_not_spent_in_a_burst() {
        let mut moved = Moved::new(1_000_000);
        moved.pass(25_000, Duration::ZERO);
        moved.at += Duration::from_secs(3);
        let from = moved.at;
        while moved.at < from + Duration::from_millis(500) {
            moved.pass(moved.limit.piece(), Duration::ZERO);
        }
        let burst: u64 = moved.passes[1..].iter().map(|(_, weight)| weight).sum();
        assert!((500_000..=575_000).contains(&burst), "{burst}");
    }

    #[test]
    fn a_byte_a_second_is_a_byte_each_second() {
        let mut moved = Moved::new(1);
        assert_eq!(moved.limit.piece(), 1);
        for _ in 0..5 {
            moved.pass(1, Duration::ZERO);
        }
        let seconds: Vec<_> = moved.passes.iter().map(|(at, _)| at.as_secs()).collect();
        assert_eq!(seconds, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let later = Instant::now() + Duration::from_secs(10);
        let mut limit = RateLimit::new(rate(10).unwrap(), later);
        limit.passed(10, later);
        assert_eq!(
            limit.wait(later - Duration::from_secs(9)),
            Some(Duration::from_secs(1))
        );
        limit.passed(10, later - Duration::from_secs(9));
        assert_eq!(limit.wait(later), Some(Duration::from_secs(2)));
    }

    #[test]
    fn a_limit_of_nothing_is_refused() {
        assert_eq!(rate(0).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
