//! What a metric series is made of besides its labels: samples, exemplars, and what is known of a metric family.
//!
//! Times are milliseconds since 1970. A start timestamp of 0 means that none was sent. Values keep every bit: NaN payloads (the stale
//! marker among them) and negative zero are data. Not here: how samples are packed (`metrics`), how they travel (`wire`).

use std::fmt;
use std::sync::Arc;

use crate::histogram::{FloatHistogram, Histogram};
use crate::labels::Labels;

/// A native histogram as it was delivered.
#[derive(Clone, Debug)]
pub enum NativeHistogram {
    Integer(Arc<Histogram>),
    Float(Arc<FloatHistogram>),
}

/// What was measured.
#[derive(Clone, Debug)]
pub enum SampleValue {
    Float(f64),
    Histogram(NativeHistogram),
}

/// One measurement of one series.
#[derive(Clone, Debug)]
pub struct Sample {
    pub t_ms: i64,
    /// When the counter began to count; 0: unknown.
    pub start_ms: i64,
    pub value: SampleValue,
}

/// One measurement singled out, with labels of its own (usually a trace id).
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    pub t_ms: i64,
    pub value: f64,
    pub labels: Labels,
}

/// The kind of a metric family. Numbers are part of file formats: never change them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum MetricKind {
    #[default]
    Unknown = 0,
    Counter = 1,
    Gauge = 2,
    Histogram = 3,
    GaugeHistogram = 4,
    Summary = 5,
    Info = 6,
    StateSet = 7,
}

impl MetricKind {
    pub const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Counter,
        Self::Gauge,
        Self::Histogram,
        Self::GaugeHistogram,
        Self::Summary,
        Self::Info,
        Self::StateSet,
    ];

    /// The word of OpenMetrics and of the metadata API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }

    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }

    /// Reads the word of a `# TYPE` line; Prometheus's `untyped` is unknown.
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "untyped" {
            return Some(Self::Unknown);
        }
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for MetricKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is known of a metric family.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Metadata {
    pub kind: MetricKind,
    pub help: String,
    pub unit: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_one_number_and_one_name_each() {
        for kind in MetricKind::ALL {
            assert_eq!(MetricKind::from_number(kind as u8), Some(kind));
            assert_eq!(MetricKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(MetricKind::from_name("untyped"), Some(MetricKind::Unknown));
        assert_eq!((MetricKind::from_number(8), MetricKind::from_name("x")), (None, None));
    }
}
