//! Metrics, as OTLP has them: a name, a unit and points of one of five kinds.

use crate::attributes::KeyValue;
use crate::{SpanId, TraceId};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metric {
    pub name: String,
    pub description: String,
    pub unit: String,
    pub metadata: Vec<KeyValue>,
    pub data: MetricData,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub enum MetricData {
    #[default]
    Empty,
    Gauge(Vec<NumberPoint>),
    Sum {
        points: Vec<NumberPoint>,
        temporality: Temporality,
        is_monotonic: bool,
    },
    Histogram {
        points: Vec<HistogramPoint>,
        temporality: Temporality,
    },
    ExponentialHistogram {
        points: Vec<ExponentialHistogramPoint>,
        temporality: Temporality,
    },
    Summary(Vec<SummaryPoint>),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Temporality {
    #[default]
    Unspecified = 0,
    Delta = 1,
    Cumulative = 2,
}

impl Temporality {
    /// A number that is none of ours is unspecified.
    pub fn from_number(number: i32) -> Self {
        match number {
            1 => Self::Delta,
            2 => Self::Cumulative,
            _ => Self::Unspecified,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Int(i64),
    Double(f64),
}

impl Number {
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Double(value) => value,
        }
    }
}

/// `DataPointFlags`: the point says that there is no value (a staleness mark).
pub const NO_RECORDED_VALUE: u32 = 1;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct NumberPoint {
    pub attributes: Vec<KeyValue>,
    pub start_time_unix_nano: u64,
    pub time_unix_nano: u64,
    pub value: Option<Number>,
    pub exemplars: Vec<Exemplar>,
    pub flags: u32,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramPoint {
    pub attributes: Vec<KeyValue>,
    pub start_time_unix_nano: u64,
    pub time_unix_nano: u64,
    pub count: u64,
    pub sum: Option<f64>,
    /// One more than there are bounds, or none.
    pub bucket_counts: Vec<u64>,
    pub explicit_bounds: Vec<f64>,
    pub exemplars: Vec<Exemplar>,
    pub flags: u32,
    pub min: Option<f64>,
    pub max: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExponentialHistogramPoint {
    pub attributes: Vec<KeyValue>,
    pub start_time_unix_nano: u64,
    pub time_unix_nano: u64,
    pub count: u64,
    pub sum: Option<f64>,
    pub scale: i32,
    pub zero_count: u64,
    pub zero_threshold: f64,
    pub positive: ExponentialBuckets,
    pub negative: ExponentialBuckets,
    pub exemplars: Vec<Exemplar>,
    pub flags: u32,
    pub min: Option<f64>,
    pub max: Option<f64>,
}

/// Bucket `i` counts values in `(base^(offset+i), base^(offset+i+1)]` with `base = 2^(2^-scale)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExponentialBuckets {
    pub offset: i32,
    pub bucket_counts: Vec<u64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct SummaryPoint {
    pub attributes: Vec<KeyValue>,
    pub start_time_unix_nano: u64,
    pub time_unix_nano: u64,
    pub count: u64,
    pub sum: f64,
    /// Quantile and value.
    pub quantile_values: Vec<(f64, f64)>,
    pub flags: u32,
}

/// A measurement that stands for many, with the trace it was made in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exemplar {
    pub filtered_attributes: Vec<KeyValue>,
    pub time_unix_nano: u64,
    pub value: Option<Number>,
    pub span_id: SpanId,
    pub trace_id: TraceId,
}
