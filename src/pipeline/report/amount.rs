//! Amounts, rates and times as people read them, each with its unit.

use std::fmt;
use std::time::Duration;

use crate::channel::mark::BYTE;

/// An amount with its unit: bytes in powers of 1024, and everything else counted out.
#[derive(Clone, Copy)]
pub(crate) struct Amount {
    number: u64,
    unit: &'static str,
}

impl Amount {
    /// `unit` is what one of it is called; see [`Unit::name`](crate::mark::Unit::name).
    pub(crate) const fn of(number: u64, unit: &'static str) -> Self {
        Self { number, unit }
    }

    /// In bytes.
    #[cfg(any(test, all(unix, feature = "net", not(loom))))]
    pub(crate) const fn bytes(number: u64) -> Self {
        Self::of(number, BYTE)
    }

    /// To the byte: `1 byte`, `65536 bytes`.
    pub(crate) const fn exact(self) -> Exact {
        Exact(self)
    }

    /// With no more digits than are needed to distinguish marks: `256 KiB`, and not `256.0 KiB`.
    pub(crate) const fn short(self) -> Short {
        Short(self)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.unit != BYTE {
            return self.exact().fmt(f);
        }
        match scaled(self.number as f64) {
            (_, "B") => write!(f, "{} B", self.number),
            (size, unit) => write!(f, "{size:.1} {unit}"),
        }
    }
}

pub(crate) struct Exact(Amount);

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Amount { number, unit } = self.0;
        match unit {
            // It has no plural.
            "weight" => write!(f, "weight {number}"),
            _ if number == 1 => write!(f, "1 {unit}"),
            _ => write!(f, "{number} {unit}s"),
        }
    }
}

pub(crate) struct Short(Amount);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Amount { number, unit } = self.0;
        if unit != BYTE {
            return self.0.fmt(f);
        }
        let (size, unit) = scaled(number as f64);
        let digits = usize::from(size < 99.95 && size.fract() != 0.0);
        write!(f, "{size:.digits$} {unit}")
    }
}

/// How many of something a second.
pub(crate) struct Rate {
    pub(crate) per_second: f64,
    pub(crate) unit: &'static str,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { per_second, unit } = *self;
        let (number, unit) = match unit {
            BYTE => {
                let (size, unit) = scaled(per_second);
                (size, unit.to_owned())
            }
            "weight" => (per_second, unit.to_owned()),
            _ => (per_second, format!("{unit}s")),
        };
        // What is slow is no standstill: 0.3 items a second are not 0.
        let digits = usize::from(number < 100.0 || unit.ends_with("iB"));
        write!(f, "{number:.digits$} {unit}/s")
    }
}

/// A number of bytes in the unit that is read best.
fn scaled(bytes: f64) -> (f64, &'static str) {
    let (mut size, mut unit) = (bytes, "B");
    for larger in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] {
        // What would be rounded to 1024 of one is 1 of the next.
        if size < 1023.95 {
            break;
        }
        size /= 1024.0;
        unit = larger;
    }
    (size, unit)
}

/// A time as people read it.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        if seconds < 0.001 {
            write!(f, "{:.0} us", seconds * 1e6)
        } else if seconds < 1.0 {
            write!(f, "{:.1} ms", seconds * 1e3)
        } else {
            write!(f, "{seconds:.2} s")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_scaled_and_everything_else_is_counted_out() {
        let of = |number, unit| Amount::of(number, unit).to_string();
        assert_eq!(of(0, "byte"), "0 B");
        assert_eq!(of(1023, "byte"), "1023 B");
        assert_eq!(of(20_000, "byte"), "19.5 KiB");
        assert_eq!(of(1024 * 1024 - 1, "byte"), "1.0 MiB");
        assert_eq!(of(u64::MAX, "byte"), "16.0 EiB");
        assert_eq!(of(20_000, "item"), "20000 items");
        assert_eq!(of(1, "item"), "1 item");
        assert_eq!(of(0, "row"), "0 rows");
        assert_eq!(of(500, "weight"), "weight 500");
        assert_eq!(Amount::bytes(1).exact().to_string(), "1 byte");
        assert_eq!(Amount::bytes(65_536).exact().to_string(), "65536 bytes");
    }

    #[test]
    fn a_mark_has_no_digits_that_say_nothing() {
        let of = |number, unit| Amount::of(number, unit).short().to_string();
        assert_eq!(of(256 << 10, "byte"), "256 KiB");
        assert_eq!(of(292_761, "byte"), "286 KiB");
        assert_eq!(of(20_000, "byte"), "19.5 KiB");
        assert_eq!(of(1 << 20, "byte"), "1 MiB");
        assert_eq!(of(64, "byte"), "64 B");
        assert_eq!(of(64, "item"), "64 items");
    }

    #[test]
    fn what_is_slow_is_no_standstill() {
        let of = |per_second, unit| Rate { per_second, unit }.to_string();
        assert_eq!(of(0.3, "item"), "0.3 items/s");
        assert_eq!(of(15_342.4, "item"), "15342 items/s");
        assert_eq!(of(0.5, "byte"), "0.5 B/s");
        assert_eq!(of(211_251.0, "byte"), "206.3 KiB/s");
        assert_eq!(of(12.25, "weight"), "12.2 weight/s");
    }
}
