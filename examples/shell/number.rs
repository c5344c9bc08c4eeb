//! Numbers on a command line: counts, times, sizes.

#![allow(dead_code, reason = "each tool uses a part of what is here")]

use std::time::Duration;

/// A count of at least one.
pub(crate) fn count(text: &str) -> Result<usize, String> {
    not_zero(whole(text)?)
}

/// A count, which may be 0.
pub(crate) fn whole(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

/// A time in seconds.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| *seconds >= 0.0);
    let seconds =
        seconds.ok_or_else(|| format!("`{text}` is no number of seconds such as 5 or 0.5"))?;
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("`{text}` is too large"))
}

/// A number of bytes, at least one.
pub(crate) fn some_bytes<N: TryFrom<u64> + PartialEq + Default>(text: &str) -> Result<N, String> {
    not_zero(bytes(text)?)
}

/// A number of bytes. `K`, `M`, `G` and `T` are powers of 1024, and so are `KiB` and the like; `KB` and
/// the like are powers of 1000. There may be decimals. A part of a byte is left off.
pub(crate) fn bytes<N: TryFrom<u64>>(text: &str) -> Result<N, String> {
    let wrong =
        || format!("`{text}` is no number of bytes such as 65536, 64K, 1.5M, 2G, 1T or 10MB");
    let too_large = || format!("`{text}` is too large");
    let unit = text.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    let number = &text[..text.len() - unit.len()];
    let factor = factor(unit).ok_or_else(wrong)?;
    let (whole, decimals) = match number.split_once('.') {
        Some((_, decimals)) if decimals.is_empty() || decimals.contains('.') || factor == 1 => {
            return Err(wrong());
        }
        Some(parts) => parts,
        None => (number, ""),
    };
    if whole.is_empty() {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_| too_large())?;
    // More decimals than that do not count, even of a terabyte.
    let decimals = &decimals[..decimals.len().min(18)];
    let part = u128::from(decimals.parse::<u64>().unwrap_or(0));
    let tens = 10_u128.pow(decimals.len() as u32);
    let all = u128::from(whole) * u128::from(factor) + part * u128::from(factor) / tens;
    u64::try_from(all)
        .ok()
        .and_then(|all| N::try_from(all).ok())
        .ok_or_else(too_large)
}

/// What a unit stands for, in small or capital letters.
fn factor(unit: &str) -> Option<u64> {
    let unit = unit.to_ascii_uppercase();
    let (letter, base) = match (unit.strip_suffix("IB"), unit.strip_suffix('B')) {
        (Some(""), _) => return None,
        (Some(letter), _) => (letter, 1024),
        (None, Some(letter)) => (letter, 1000),
        (None, None) => (&*unit, 1024_u64),
    };
    let power = ["", "K", "M", "G", "T"]
        .iter()
        .position(|it| *it == letter)?;
    Some(base.pow(power as u32))
}

fn not_zero<N: PartialEq + Default>(number: N) -> Result<N, String> {
    if number == N::default() {
        return Err("at 0 nothing would ever move".to_owned());
    }
    Ok(number)
}
