//! How fast a client is, while it is waited for.

use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// What has moved of a body or an answer, and for how long that was waited for.
///
/// A wait that is too long is noticed by itself. This notices many that are not: a client that moves
/// a byte at a time, each just in time, so as to hold a connection for ever. The time in which nobody
/// waits for it is not its fault, and does not count.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::http) struct MinRate {
    moved: u64,
    waited: Duration,
}

impl MinRate {
    pub(in crate::http) const fn moved(&mut self, bytes: usize) {
        self.moved = self.moved.saturating_add(bytes as u64);
    }

    /// Takes note of a wait. Once all of them together have taken longer than `grace`, less than
    /// `least` bytes a second of them is too slow.
    pub(in crate::http) fn waited(
        &mut self,
        time: Duration,
        grace: Duration,
        least: u64,
    ) -> Result<(), Error> {
        self.waited = self.waited.saturating_add(time);
        let owed = self.waited.as_secs_f64() * least as f64;
        if self.waited <= grace || self.moved as f64 >= owed {
            return Ok(());
        }
        let (moved, waited) = (self.moved, self.waited.as_secs());
        let message = format!("the client is too slow: {moved} bytes in {waited} s");
        Err(Error::new(ErrorKind::TimedOut, message))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(30);

    #[test]
    fn a_drip_is_too_slow_once_the_grace_is_over() {
        let mut pace = MinRate::default();
        for _ in 0..30 {
            pace.moved(1);
            pace.waited(Duration::from_secs(1), GRACE, 500).unwrap();
        }
        pace.moved(1);
        let late = pace.waited(Duration::from_secs(1), GRACE, 500);
        assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn whoever_keeps_the_rate_may_take_for_ever() {
        let mut pace = MinRate::default();
        for _ in 0..10_000 {
            pace.moved(500);
            pace.waited(Duration::from_secs(1), GRACE, 500).unwrap();
        }
        pace.waited(Duration::from_secs(1), GRACE, 0).unwrap();
    }
}
