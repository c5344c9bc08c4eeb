//! The minimum rate at which a client has to move bytes while a handler waits for it.
//!
//! A [`MinRate`] belongs to one body or one response, and so to one thread at a time: no lock, no
//! wait, and no clock, since the caller measures its waits.

use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// How many bytes a client has moved of a body or a response, and for how long it was waited for.
///
/// A single wait that is too long fails by itself. This finds many short ones: a client that moves one
/// byte at a time, each just in time, to hold a connection for ever. Time in which nothing waits for
/// the client does not count.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::http) struct MinRate {
    moved: u64,
    waited: Duration,
}

impl MinRate {
    pub(in crate::http) const fn moved(&mut self, bytes: usize) {
        self.moved = self.moved.saturating_add(bytes as u64);
    }

    /// Adds a wait. Fails once all waits together are longer than `grace` and fewer than `least` bytes
    /// have moved for each second of them.
    pub(in crate::http) fn waited(
        &mut self,
        time: Duration,
        grace: Duration,
        least: u64,
    ) -> Result<(), Error> {
        self.waited = self.waited.saturating_add(time);
        let due = self.waited.as_secs_f64() * least as f64;
        if self.waited <= grace || self.moved as f64 >= due {
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
        let mut rate = MinRate::default();
        for _ in 0..30 {
            rate.moved(1);
            rate.waited(Duration::from_secs(1), GRACE, 500).unwrap();
        }
        rate.moved(1);
        let late = rate.waited(Duration::from_secs(1), GRACE, 500);
        assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn a_client_at_the_rate_may_take_for_ever() {
        let mut rate = MinRate::default();
        for _ in 0..10_000 {
            rate.moved(500);
            rate.waited(Duration::from_secs(1), GRACE, 500).unwrap();
        }
        rate.waited(Duration::from_secs(1), GRACE, 0).unwrap();
    }
}
