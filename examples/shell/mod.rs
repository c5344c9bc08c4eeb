//! What every one of these tools needs of a shell: signals, a bar, a word on standard error.

use std::error::Error as _;
use std::fmt;
use std::io::{self, Write, stderr};
use std::thread;

use highwater::{CancelToken, Error};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

/// Aborts everything under the token at the first Ctrl-C.
pub(crate) fn cancel_on_signal(token: &CancelToken) -> io::Result<Handle> {
    let token = token.clone();
    on_signal(move |signal| token.abort(signal))
}

/// Does something at each Ctrl-C, and when the system asks to come to an end.
pub(crate) fn on_signal(act: impl Fn(Interrupted) + Send + 'static) -> io::Result<Handle> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
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
        f.write_str(if self.0 == SIGINT {
            "interrupted"
        } else {
            "terminated"
        })
    }
}

impl std::error::Error for Interrupted {}

/// The exit status for an error that is a signal.
pub(crate) fn signal_status(error: &Error) -> Option<u8> {
    let signal: &Interrupted = error.source()?.downcast_ref()?;
    Some(signal.status())
}

/// A bar for so many bytes, if it is wanted. Where standard error is no terminal it shows nothing.
pub(crate) fn bar(wanted: bool, total: Option<u64>) -> ProgressBar {
    if !wanted {
        return ProgressBar::hidden();
    }
    let (template, bar) = match total {
        Some(total) => (
            "{bar:30} {percent:>3}%  {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {eta}",
            ProgressBar::new(total),
        ),
        None => (
            "{spinner} {decimal_bytes}  {decimal_bytes_per_sec}  {elapsed}",
            ProgressBar::no_length(),
        ),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Writes a line to standard error. One that has gone is no reason to stop, nor to panic.
pub(crate) fn complain(line: fmt::Arguments<'_>) {
    let tool = env!("CARGO_CRATE_NAME");
    let _ = writeln!(stderr(), "{tool}: {line}");
}
