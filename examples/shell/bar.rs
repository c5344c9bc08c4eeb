//! A progress bar that fits into its terminal.

use std::fmt;
use std::io::stderr;
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use rustix::termios::tcgetwinsize;

/// A bar for so many bytes, if it is wanted. Where standard error is no terminal it shows nothing.
pub(crate) fn bar(wanted: bool, total: Option<u64>) -> ProgressBar {
    if !wanted {
        return ProgressBar::hidden();
    }
    let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
    let draw = |state: &ProgressState, out: &mut dyn fmt::Write| {
        let _ = out.write_str(&line(state, columns()));
    };
    if let Ok(style) = ProgressStyle::with_template("{line}") {
        bar.set_style(style.with_key("line", draw));
    }
    bar
}

/// How wide the terminal is, now: it may change.
fn columns() -> usize {
    let size = tcgetwinsize(stderr()).ok();
    let columns = size.map(|size| usize::from(size.ws_col));
    columns.filter(|columns| *columns > 0).unwrap_or(80)
}

/// How long a bar is, at most and at least.
const BAR: (usize, usize) = (30, 8);

/// How long it takes until a speed means something.
const SETTLING: Duration = Duration::from_millis(200);

/// What the bar shows: as much as fits, the least important left out first.
fn line(state: &ProgressState, columns: usize) -> String {
    let moved = HumanBytes(state.pos());
    let is_settled = state.elapsed() >= SETTLING;
    let rate = if is_settled {
        format!("{}/s", HumanBytes(state.per_sec() as u64))
    } else {
        "- B/s".to_owned()
    };
    // The last column is the cursor's.
    let room = columns.saturating_sub(1);
    let Some(total) = state.len() else {
        let time = format!("elapsed {}", Clock(state.elapsed()));
        let texts = [
            format!("{moved}  {rate}  {time}"),
            format!("{moved}  {rate}"),
            moved.to_string(),
        ];
        return fitting(texts, room);
    };
    let left = if is_settled && state.pos() > 0 {
        format!("ETA {}", Clock(state.eta()))
    } else {
        "ETA -:--".to_owned()
    };
    let percent = format!("{:>3}%", (state.fraction() * 100.0) as u8);
    let texts = [
        format!(
            "{percent}  {moved} of {}  {rate}  {left}",
            HumanBytes(total)
        ),
        format!("{percent}  {moved}  {rate}  {left}"),
        format!("{percent}  {rate}  {left}"),
        format!("{percent}  {left}"),
        percent,
    ];
    let text = fitting(texts, room);
    let (longest, shortest) = BAR;
    let bar = room.saturating_sub(text.len() + 3).min(longest);
    if bar < shortest {
        return text;
    }
    let done = (state.fraction() * bar as f32) as usize;
    let (done, open) = ("#".repeat(done), "-".repeat(bar.saturating_sub(done)));
    format!("[{done}{open}] {text}")
}

/// The first that is short enough, or as much of the last as is.
fn fitting<const N: usize>(texts: [String; N], room: usize) -> String {
    let mut last = String::new();
    for text in texts {
        if text.len() <= room {
            return text;
        }
        last = text;
    }
    last.truncate(room);
    last
}

/// A time as a clock shows it: `1:02:03`, `2:03`.
struct Clock(Duration);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        if hours > 0 {
            write!(f, "{hours}:{minutes:02}:{seconds:02}")
        } else {
            write!(f, "{minutes}:{seconds:02}")
        }
    }
}
