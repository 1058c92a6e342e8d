//! Constants and values of fields: what expressions compute with.

use std::cmp::Ordering;
use std::fmt;

use model::span::{SpanKind, StatusCode};

/// A value. Int, float and duration compare and compute with each other.
#[derive(Clone, Debug, PartialEq)]
pub enum Static {
    Nil,
    Int(i64),
    Float(f64),
    String(String),
    Bool(bool),
    /// Nanoseconds.
    Duration(i64),
    Status(StatusCode),
    Kind(SpanKind),
}

/// The type of an expression, as far as it is known before it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Nil,
    Int,
    Float,
    String,
    Bool,
    Duration,
    Status,
    Kind,
    /// An attribute: known when it runs.
    Attribute,
    Spanset,
}

impl Type {
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Int | Self::Float | Self::Duration | Self::Attribute)
    }

    /// Whether values of the two may meet in one operation.
    pub fn goes_with(self, other: Self) -> bool {
        let open = |of: Self| matches!(of, Self::Attribute | Self::Nil);
        open(self) || open(other) || self == other || (self.is_numeric() && other.is_numeric())
    }
}

impl Static {
    pub fn kind_of(&self) -> Type {
        match self {
            Self::Nil => Type::Nil,
            Self::Int(_) => Type::Int,
            Self::Float(_) => Type::Float,
            Self::String(_) => Type::String,
            Self::Bool(_) => Type::Bool,
            Self::Duration(_) => Type::Duration,
            Self::Status(_) => Type::Status,
            Self::Kind(_) => Type::Kind,
        }
    }

    /// As a number; durations in nanoseconds.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(value) | Self::Duration(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// `None` if the two do not compare.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a) | Self::Duration(a), Self::Int(b) | Self::Duration(b)) => Some(a.cmp(b)),
            (Self::String(a), Self::String(b)) => Some(a.cmp(b)),
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Status(a), Self::Status(b)) => Some(a.cmp(b)),
            (Self::Kind(a), Self::Kind(b)) => Some(a.cmp(b)),
            _ => self.as_f64()?.partial_cmp(&other.as_f64()?),
        }
    }

    /// The text that labels and groups show: strings without quotes.
    pub fn label(&self) -> String {
        match self {
            Self::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Static {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("nil"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) if value.is_finite() && value.fract() == 0.0 && value.abs() < 1e15 => {
                write!(f, "{value:.1}")
            }
            Self::Float(value) => write!(f, "{value}"),
            Self::String(text) => write!(f, "`{}`", text.replace('`', "\\`")),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Duration(ns) => f.write_str(&go_duration(*ns)),
            Self::Status(code) => f.write_str(status_name(*code)),
            Self::Kind(kind) => f.write_str(kind_name(*kind)),
        }
    }
}

pub(crate) fn status_name(code: StatusCode) -> &'static str {
    match code {
        StatusCode::Ok => "ok",
        StatusCode::Error => "error",
        _ => "unset",
    }
}

pub(crate) fn kind_name(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Internal => "internal",
        SpanKind::Server => "server",
        SpanKind::Client => "client",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
        _ => "unspecified",
    }
}

/// As Go prints a duration: `1h0m5s`, `1.5ms`, `0s`.
pub(crate) fn go_duration(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let magnitude = ns.unsigned_abs();
    let unit = |per: u64, name: &str| {
        let fraction = format!("{:0width$}", magnitude % per, width = per.ilog10() as usize);
        let fraction = fraction.trim_end_matches('0');
        let dot = if fraction.is_empty() { "" } else { "." };
        format!("{sign}{}{dot}{fraction}{name}", magnitude / per)
    };
    match magnitude {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{magnitude}ns"),
        1_000..1_000_000 => unit(1_000, "µs"),
        1_000_000..1_000_000_000 => unit(1_000_000, "ms"),
        _ => {
            let (seconds, fraction) = (magnitude / 1_000_000_000, magnitude % 1_000_000_000);
            let tail = format!("{fraction:09}");
            let tail = tail.trim_end_matches('0');
            let dot = if tail.is_empty() { "" } else { "." };
            let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            match (hours, minutes) {
                (0, 0) => format!("{sign}{seconds}{dot}{tail}s"),
                (0, _) => format!("{sign}{minutes}m{seconds}{dot}{tail}s"),
                _ => format!("{sign}{hours}h{minutes}m{seconds}{dot}{tail}s"),
            }
        }
    }
}

/// `1h30m`, `1.5s`, `100us`, `2d`: each unit at most as large as Go and Prometheus know them together. `None` if it is no duration.
pub(crate) fn parse_duration_ns(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total = 0f64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|at| *at > 0)?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit_ns = match &rest[..letters] {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            "d" => 86_400e9,
            "w" => 604_800e9,
            "y" => 365.0 * 86_400e9,
            _ => return None,
        };
        total += number * unit_ns;
        rest = &rest[letters..];
    }
    (total < i64::MAX as f64).then_some(total.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print_as_in_go() {
        for (text, ns, shown) in [
            ("1h30m", 5_400_000_000_000, "1h30m0s"),
            ("1.5s", 1_500_000_000, "1.5s"),
            ("100us", 100_000, "100µs"),
            ("1.5ms", 1_500_000, "1.5ms"),
            ("2d", 172_800_000_000_000, "48h0m0s"),
            ("5ns", 5, "5ns"),
            ("0s", 0, "0s"),
        ] {
            assert_eq!(parse_duration_ns(text), Some(ns), "{text}");
            assert_eq!(go_duration(ns), shown);
        }
        for bad in ["", "s", "1", "1x", "1.2.3s"] {
            assert_eq!(parse_duration_ns(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_compare_across_types_and_others_do_not() {
        assert_eq!(Static::Int(2).compare(&Static::Float(2.5)), Some(Ordering::Less));
        assert_eq!(Static::Duration(5).compare(&Static::Int(5)), Some(Ordering::Equal));
        assert_eq!(Static::String("1".into()).compare(&Static::Int(1)), None);
        assert_eq!(Static::Nil.compare(&Static::Nil), None);
    }
}
