//! The date of an answer, made once a second.

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

thread_local! {
    /// The second that was asked for last on this thread, and what it is called.
    static LAST: Cell<(u64, [u8; 29])> = const { Cell::new((u64::MAX, [b' '; 29])) };
}

/// The last second that the format knows.
const YEAR_9999: u64 = 253_402_300_799;

/// The date, as an answer says it.
pub(in crate::http) fn date() -> [u8; 29] {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    // A clock that is before 1970 is wrong whatever it says.
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
