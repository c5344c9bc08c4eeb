//! The `Date` of a response, formatted once a second and thread.
//!
//! Each thread has its own copy of the last date, so that there is no lock and nothing waits.

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

thread_local! {
    /// The last second that was formatted on this thread, and its date.
    static LAST: Cell<(u64, [u8; 29])> = const { Cell::new((u64::MAX, [b' '; 29])) };
}

/// The last second that the format can express.
const YEAR_9999: u64 = 253_402_300_799;

/// The current date, in the format of RFC 9110 5.6.7.
pub(in crate::http) fn date() -> [u8; 29] {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    // A clock before 1970 is wrong in any case.
    let second = since.map_or(0, |since| since.as_secs().min(YEAR_9999));
    let (known, date) = LAST.get();
    if known == second {
        return date;
    }
    let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
    let mut date = [b' '; 29];
    for (slot, byte) in date.iter_mut().zip(text.bytes()) {
        *slot = byte;
    }
    LAST.set((second, date));
    date
}
