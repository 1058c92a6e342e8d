//! Sizes and durations with units, as configuration files and query parameters write them.
//!
//! Reading and showing are inverse: what [`ByteSize`] and [`Span`] display, they parse to the same value.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Why a size or a duration was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUnit {
    #[error("not a valid size: {0:?}; write a number and a unit, like 64MiB, 500MB or 1GiB")]
    Size(String),
    #[error("not a valid duration: {0:?}; write numbers and units, like 30s, 5m, 1h30m or 15d")]
    Span(String),
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

impl ByteSize {
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    pub const fn gib(count: u64) -> Self {
        Self(count << 30)
    }

    /// As a length in memory; a size beyond the address space is as good as none.
    pub fn len(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Largest first, binary before decimal, so that the first that divides evenly is the one to show.
const SIZE_UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

impl FromStr for ByteSize {
    type Err = BadUnit;

    fn from_str(text: &str) -> Result<Self, BadUnit> {
        let bad = || BadUnit::Size(text.chars().take(64).collect());
        let trimmed = text.trim();
        let digits = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let (number, unit) = (&trimmed[..digits], trimmed[digits..].trim());
        let scale = match unit.to_ascii_lowercase().as_str() {
            "" => 1,
            "k" => 1 << 10,
            "m" => 1 << 20,
            "g" => 1 << 30,
            lower => SIZE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(lower)).ok_or_else(bad)?.1,
        };
        if let Ok(whole) = number.parse::<u64>() {
            return whole.checked_mul(scale).map(Self).ok_or_else(bad);
        }
        let fraction: f64 = number.parse().map_err(|_| bad())?;
        let bytes = fraction * scale as f64;
        if bytes.is_finite() && bytes < u64::MAX as f64 { Ok(Self(bytes as u64)) } else { Err(bad()) }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, scale) = SIZE_UNITS
            .into_iter()
            .find(|(_, scale)| self.0 >= *scale && self.0.is_multiple_of(*scale))
            .unwrap_or(("B", 1));
        write!(f, "{}{name}", self.0 / scale)
    }
}

/// A length of time, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub ms: u64,
}

const SPAN_UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl Span {
    pub const fn ms(ms: u64) -> Self {
        Self { ms }
    }

    pub const fn secs(secs: u64) -> Self {
        Self { ms: secs * 1_000 }
    }

    pub const fn hours(hours: u64) -> Self {
        Self { ms: hours * 3_600_000 }
    }

    pub const fn days(days: u64) -> Self {
        Self { ms: days * 86_400_000 }
    }

    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.ms)
    }
}

impl FromStr for Span {
    type Err = BadUnit;

    /// Prometheus durations (`1h30m`, `15d`, `1w`, `1y`) and Go's with fractions (`1.5h`, `100us`). A bare `0` is fine, other bare numbers are not.
    fn from_str(text: &str) -> Result<Self, BadUnit> {
        let bad = || BadUnit::Span(text.chars().take(64).collect());
        let mut rest = text.trim();
        if rest == "0" {
            return Ok(Self::default());
        }
        if rest.is_empty() {
            return Err(bad());
        }
        let mut total_ms = 0f64;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
            let number: f64 = rest[..digits].parse().map_err(|_| bad())?;
            rest = &rest[digits..];
            let letters = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
            let scale_ms = match &rest[..letters] {
                "us" | "µs" => 0.001,
                "ns" => 0.000_001,
                unit => SPAN_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?.1 as f64,
            };
            rest = &rest[letters..];
            total_ms += number * scale_ms;
        }
        // A hundred million years is no setting.
        if total_ms.is_finite() && total_ms < 3e21_f64.min(u64::MAX as f64) {
            Ok(Self { ms: total_ms as u64 })
        } else {
            Err(bad())
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ms == 0 {
            return f.write_str("0s");
        }
        let mut left = self.ms;
        for (name, scale) in SPAN_UNITS {
            // Years and weeks only when nothing is left over: `15d` reads better than `2w1d`.
            let whole_only = matches!(name, "y" | "w");
            if left >= scale && (!whole_only || left.is_multiple_of(scale)) {
                write!(f, "{}{name}", left / scale)?;
                left %= scale;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        let check =
            |text: &str, bytes: u64| assert_eq!(text.parse::<ByteSize>(), Ok(ByteSize(bytes)), "{text}");
        check("0", 0);
        check("1024", 1024);
        check("64MiB", 64 << 20);
        check("64 mib", 64 << 20);
        check("500MB", 500_000_000);
        check("1.5GiB", 3 << 29);
        check("2g", 2 << 30);
        for bad in ["", "MiB", "12 parsecs", "-1", "99999999999TiB", "1.2.3MB", "1e400GB"] {
            assert!(bad.parse::<ByteSize>().is_err(), "{bad}");
        }
        assert_eq!(ByteSize::mib(20).to_string(), "20MiB");
        assert_eq!(ByteSize(500_000_000).to_string(), "500MB");
        assert_eq!(ByteSize(1).to_string(), "1B");
    }

    #[test]
    fn durations_are_read_as_prometheus_and_go_write_them() {
        let check = |text: &str, ms: u64| assert_eq!(text.parse::<Span>(), Ok(Span { ms }), "{text}");
        check("0", 0);
        check("250ms", 250);
        check("1h30m", 5_400_000);
        check("1.5h", 5_400_000);
        check("15d", 15 * 86_400_000);
        check("1y", 365 * 86_400_000);
        check("5000us", 5);
        for bad in ["", "5", "h", "5 m", "-1s", "1x", "1..5s", "99999999999999999999y"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
        assert_eq!(Span::days(15).to_string(), "15d");
        assert_eq!(Span::ms(5_400_250).to_string(), "1h30m250ms");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(bytes in any::<u64>(), ms in 0u64..1 << 50) {
            prop_assert_eq!(ByteSize(bytes).to_string().parse(), Ok(ByteSize(bytes)));
            prop_assert_eq!(Span { ms }.to_string().parse(), Ok(Span { ms }));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<ByteSize>();
            let _ = text.parse::<Span>();
        }
    }
}
