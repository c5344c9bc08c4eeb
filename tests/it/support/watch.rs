//! Calls that must come back, and what only waiting can tell.

use std::path::Path;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use std::{fs, thread};

use highwater::{CopyPath, READ_BYTES, Report};

/// What is ended from outside is ended within this, on a machine with other work.
const PROMPT: Duration = Duration::from_secs(20);

/// Makes a call on a thread of its own. It has to come back.
#[track_caller]
pub(crate) fn watched<R: Send + 'static>(call: impl FnOnce() -> R + Send + 'static) -> R {
    once_blocked_in(None, call, || {})
}

/// Makes a call, and does something as soon as its thread waits in that function of the kernel.
/// Then it has to come back.
#[track_caller]
pub(crate) fn interrupted<R: Send + 'static>(
    function: &'static str,
    call: impl FnOnce() -> R + Send + 'static,
    act: impl FnOnce(),
) -> R {
    once_blocked_in(Some(function), call, act)
}

#[track_caller]
fn once_blocked_in<R: Send + 'static>(
    function: Option<&'static str>,
    call: impl FnOnce() -> R + Send + 'static,
    act: impl FnOnce(),
) -> R {
    let (tell, told) = channel();
    let (give, given) = channel();
    let caller = thread::spawn(move || {
        let own = fs::read_link("/proc/thread-self").expect("there is a proc");
        tell.send(Path::new("/proc").join(own)).expect("it listens");
        give.send(call()).expect("it listens");
    });
    let task = told.recv().expect("the thread starts");
    if let Some(function) = function {
        // For some time, so that it is no wait on the way to the one that is meant.
        let mut seen = 0;
        until(function, || {
            let waits = fs::read_to_string(task.join("wchan")).unwrap_or_default();
            seen = if waits.contains(function) {
                seen + 1
            } else {
                0
            };
            seen > 20
        });
    }
    act();
    let Ok(result) = given.recv_timeout(PROMPT) else {
        if caller.is_finished() {
            caller.join().expect("the call does not panic");
        }
        panic!("the call did not come back");
    };
    caller.join().expect("it has given its result");
    result
}

/// Waits for something that no event tells.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PROMPT, "never: {what}");
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// The most that the kernel moves between two looks at everything else.
pub(crate) const SLICE_BYTES: usize = 1 << 20;

/// No buffer has held more than its mark and a chunk, and the kernel no more than a slice.
#[track_caller]
pub(crate) fn bounded(report: &Report) {
    let buffers = report.stages().iter().filter_map(|stage| stage.buffer);
    for buffer in buffers {
        let most = match report.path() {
            Some(CopyPath::Kernel(_) | CopyPath::Switched { .. }) => SLICE_BYTES,
            _ => buffer.high_water_mark + READ_BYTES,
        };
        assert!(buffer.peak <= most, "{buffer:?} by {:?}", report.path());
    }
    for stage in report.stages() {
        // What it did and what it waited for is no more than the time that it had.
        let together = stage.busy + stage.starved + stage.blocked + stage.waiting;
        assert!(together <= report.elapsed(), "{stage:?}\n{report}");
    }
}

/// Bytes in which a lost, doubled or moved piece shows.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    let words = (0_u64..).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    let mut bytes: Vec<u8> = words.take(len / 8 + 1).flatten().collect();
    bytes.truncate(len);
    bytes
}
