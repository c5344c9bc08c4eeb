//! The signals that ask a tool to come to an end.

use std::error::Error as _;
use std::fmt;
use std::fs;
use std::io;
use std::thread;

use highwater::Error;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

/// Calls `act` at each Ctrl-C (SIGINT), SIGTERM, and SIGHUP, which a closed terminal sends.
pub(crate) fn on_signal(act: impl Fn(Interrupted) + Send + 'static) -> io::Result<Handle> {
    let mut wanted = vec![SIGINT, SIGTERM];
    // A program that `nohup` has started outlives its terminal.
    if !is_ignored(SIGHUP) {
        wanted.push(SIGHUP);
    }
    let mut signals = Signals::new(wanted)?;
    let handle = signals.handle();
    let wait = move || {
        for signal in signals.forever() {
            act(Interrupted(signal));
        }
    };
    let name = "signals".to_owned();
    thread::Builder::new().name(name).spawn(wait)?;
    Ok(handle)
}

/// Whether the process was started with the signal ignored. Only Linux shows that.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 << (signal - 1) != 0)
}

/// A signal, as the cause of an end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interrupted(i32);

impl Interrupted {
    /// The exit status for it: 128 and its number.
    pub(crate) fn status(self) -> u8 {
        128 + u8::try_from(self.0).unwrap_or(0)
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            SIGINT => "interrupted",
            SIGHUP => "hung up",
            _ => "terminated",
        })
    }
}

impl std::error::Error for Interrupted {}

/// The exit status for an error that is a signal.
pub(crate) fn signal_status(error: &Error) -> Option<u8> {
    let signal: &Interrupted = error.source()?.downcast_ref()?;
    Some(signal.status())
}
