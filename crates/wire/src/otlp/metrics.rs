//! OTLP metrics: table and views of every kind of point.

use model::{SpanId, TraceId};

use super::common::{Attributes, KEY_VALUE, RESOURCE, ResourceView, SCOPE, ScopeView, root_view};
use crate::proto::Message;
use crate::proto::schema::{FieldSchema, Kind, many, one, optional};
use crate::proto::view::{Double, Fixed, Many, One, Packed, Text, Unsigned, Zigzag, view};

pub static METRICS: Message = Message::new(
    "ExportMetricsServiceRequest",
    &[many(1, "resource_metrics", Kind::Message(&RESOURCE_METRICS))],
);

static RESOURCE_METRICS: Message = Message::new(
    "ResourceMetrics",
    &[
        one(1, "resource", Kind::Message(&RESOURCE)),
        many(2, "scope_metrics", Kind::Message(&SCOPE_METRICS)),
        one(3, "schema_url", Kind::String),
    ],
);

static SCOPE_METRICS: Message = Message::new(
    "ScopeMetrics",
    &[
        one(1, "scope", Kind::Message(&SCOPE)),
        many(2, "metrics", Kind::Message(&METRIC)),
        one(3, "schema_url", Kind::String),
    ],
);

pub static METRIC: Message = Message::new(
    "Metric",
    &[
        one(1, "name", Kind::String),
        one(2, "description", Kind::String),
        one(3, "unit", Kind::String),
        optional(5, "gauge", Kind::Message(&GAUGE)),
        optional(7, "sum", Kind::Message(&SUM)),
        optional(9, "histogram", Kind::Message(&HISTOGRAM)),
        optional(10, "exponential_histogram", Kind::Message(&EXPONENTIAL_HISTOGRAM)),
        optional(11, "summary", Kind::Message(&SUMMARY)),
        many(12, "metadata", Kind::Message(&KEY_VALUE)),
    ],
);

const TEMPORALITIES: &[(&str, i32)] = &[
    ("AGGREGATION_TEMPORALITY_UNSPECIFIED", 0),
    ("AGGREGATION_TEMPORALITY_DELTA", 1),
    ("AGGREGATION_TEMPORALITY_CUMULATIVE", 2),
];
const TEMPORALITY: FieldSchema = one(2, "aggregation_temporality", Kind::Enum(TEMPORALITIES));

static GAUGE: Message = Message::new("Gauge", &[many(1, "data_points", Kind::Message(&NUMBER_POINT))]);

static SUM: Message = Message::new(
    "Sum",
    &[many(1, "data_points", Kind::Message(&NUMBER_POINT)), TEMPORALITY, one(3, "is_monotonic", Kind::Bool)],
);

static HISTOGRAM: Message =
    Message::new("Histogram", &[many(1, "data_points", Kind::Message(&HISTOGRAM_POINT)), TEMPORALITY]);

static EXPONENTIAL_HISTOGRAM: Message = Message::new(
    "ExponentialHistogram",
    &[many(1, "data_points", Kind::Message(&EXPONENTIAL_HISTOGRAM_POINT)), TEMPORALITY],
);

static SUMMARY: Message = Message::new("Summary", &[many(1, "data_points", Kind::Message(&SUMMARY_POINT))]);

static NUMBER_POINT: Message = Message::item(
    "NumberDataPoint",
    &[
        one(2, "start_time_unix_nano", Kind::Fixed64),
        one(3, "time_unix_nano", Kind::Fixed64),
        optional(4, "as_double", Kind::Double),
        many(5, "exemplars", Kind::Message(&EXEMPLAR)),
        optional(6, "as_int", Kind::Sfixed64),
        many(7, "attributes", Kind::Message(&KEY_VALUE)),
        one(8, "flags", Kind::Uint32),
    ],
);

static HISTOGRAM_POINT: Message = Message::item(
    "HistogramDataPoint",
    &[
        one(2, "start_time_unix_nano", Kind::Fixed64),
        one(3, "time_unix_nano", Kind::Fixed64),
        one(4, "count", Kind::Fixed64),
        optional(5, "sum", Kind::Double),
        many(6, "bucket_counts", Kind::Fixed64),
        many(7, "explicit_bounds", Kind::Double),
        many(8, "exemplars", Kind::Message(&EXEMPLAR)),
        many(9, "attributes", Kind::Message(&KEY_VALUE)),
        one(10, "flags", Kind::Uint32),
        optional(11, "min", Kind::Double),
        optional(12, "max", Kind::Double),
    ],
);

static EXPONENTIAL_HISTOGRAM_POINT: Message = Message::item(
    "ExponentialHistogramDataPoint",
    &[
        many(1, "attributes", Kind::Message(&KEY_VALUE)),
        one(2, "start_time_unix_nano", Kind::Fixed64),
        one(3, "time_unix_nano", Kind::Fixed64),
        one(4, "count", Kind::Fixed64),
        optional(5, "sum", Kind::Double),
        one(6, "scale", Kind::Sint32),
        one(7, "zero_count", Kind::Fixed64),
        one(8, "positive", Kind::Message(&BUCKETS)),
        one(9, "negative", Kind::Message(&BUCKETS)),
        one(10, "flags", Kind::Uint32),
        many(11, "exemplars", Kind::Message(&EXEMPLAR)),
        optional(12, "min", Kind::Double),
        optional(13, "max", Kind::Double),
        one(14, "zero_threshold", Kind::Double),
    ],
);

static BUCKETS: Message = Message::new(
    "ExponentialHistogramDataPoint.Buckets",
    &[one(1, "offset", Kind::Sint32), many(2, "bucket_counts", Kind::Uint64)],
);

static SUMMARY_POINT: Message = Message::item(
    "SummaryDataPoint",
    &[
        one(2, "start_time_unix_nano", Kind::Fixed64),
        one(3, "time_unix_nano", Kind::Fixed64),
        one(4, "count", Kind::Fixed64),
        one(5, "sum", Kind::Double),
        many(6, "quantile_values", Kind::Message(&QUANTILE)),
        many(7, "attributes", Kind::Message(&KEY_VALUE)),
        one(8, "flags", Kind::Uint32),
    ],
);

static QUANTILE: Message = Message::new(
    "SummaryDataPoint.ValueAtQuantile",
    &[one(1, "quantile", Kind::Double), one(2, "value", Kind::Double)],
);

static EXEMPLAR: Message = Message::new(
    "Exemplar",
    &[
        one(2, "time_unix_nano", Kind::Fixed64),
        optional(3, "as_double", Kind::Double),
        one(4, "span_id", Kind::Id(8)),
        one(5, "trace_id", Kind::Id(16)),
        optional(6, "as_int", Kind::Sfixed64),
        many(7, "filtered_attributes", Kind::Message(&KEY_VALUE)),
    ],
);

root_view! {
    /// An `ExportMetricsServiceRequest`.
    MetricsView, METRICS, resource_metrics: ResourceMetricsView
}

view! {
    ResourceMetricsView<'a> {
        1 resource: One<'a, ResourceView<'a>>,
        2 scope_metrics: Many<'a, ScopeMetricsView<'a>>,
        3 schema_url: Text<'a>,
    }
    ScopeMetricsView<'a> {
        1 scope: One<'a, ScopeView<'a>>,
        2 metrics: Many<'a, MetricView<'a>>,
        3 schema_url: Text<'a>,
    }
    MetricView<'a> {
        1 name: Text<'a>,
        2 description: Text<'a>,
        3 unit: Text<'a>,
        5 gauge: One<'a, GaugeView<'a>>,
        7 sum: One<'a, SumView<'a>>,
        9 histogram: One<'a, HistogramView<'a>>,
        10 exponential_histogram: One<'a, ExponentialHistogramView<'a>>,
        11 summary: One<'a, SummaryView<'a>>,
        12 metadata: Attributes<'a>,
    }
    GaugeView<'a> {
        1 data_points: Many<'a, NumberPointView<'a>>,
    }
    SumView<'a> {
        1 data_points: Many<'a, NumberPointView<'a>>,
        2 aggregation_temporality: i32,
        3 is_monotonic: bool,
    }
    HistogramView<'a> {
        1 data_points: Many<'a, HistogramPointView<'a>>,
        2 aggregation_temporality: i32,
    }
    ExponentialHistogramView<'a> {
        1 data_points: Many<'a, ExponentialHistogramPointView<'a>>,
        2 aggregation_temporality: i32,
    }
    SummaryView<'a> {
        1 data_points: Many<'a, SummaryPointView<'a>>,
    }
    NumberPointView<'a> {
        2 start_time_unix_nano: u64,
        3 time_unix_nano: u64,
        4 as_double: Option<f64>,
        5 exemplars: Many<'a, ExemplarView<'a>>,
        6 as_int: Option<i64>,
        7 attributes: Attributes<'a>,
        8 flags: u32,
    }
    HistogramPointView<'a> {
        2 start_time_unix_nano: u64,
        3 time_unix_nano: u64,
        4 count: u64,
        5 sum: Option<f64>,
        6 bucket_counts: Packed<'a, Fixed>,
        7 explicit_bounds: Packed<'a, Double>,
        8 exemplars: Many<'a, ExemplarView<'a>>,
        9 attributes: Attributes<'a>,
        10 flags: u32,
        11 min: Option<f64>,
        12 max: Option<f64>,
    }
    ExponentialHistogramPointView<'a> {
        1 attributes: Attributes<'a>,
        2 start_time_unix_nano: u64,
        3 time_unix_nano: u64,
        4 count: u64,
        5 sum: Option<f64>,
        6 scale: Zigzag,
        7 zero_count: u64,
        8 positive: One<'a, BucketsView<'a>>,
        9 negative: One<'a, BucketsView<'a>>,
        10 flags: u32,
        11 exemplars: Many<'a, ExemplarView<'a>>,
        12 min: Option<f64>,
        13 max: Option<f64>,
        14 zero_threshold: f64,
    }
    BucketsView<'a> {
        1 offset: Zigzag,
        2 bucket_counts: Packed<'a, Unsigned>,
    }
    SummaryPointView<'a> {
        2 start_time_unix_nano: u64,
        3 time_unix_nano: u64,
        4 count: u64,
        5 sum: f64,
        6 quantile_values: Many<'a, QuantileView<'a>>,
        7 attributes: Attributes<'a>,
        8 flags: u32,
    }
    QuantileView<'a> {
        1 quantile: f64,
        2 value: f64,
    }
    ExemplarView<'a> {
        2 time_unix_nano: u64,
        3 as_double: Option<f64>,
        4 span_id_bytes: &'a [u8],
        5 trace_id_bytes: &'a [u8],
        6 as_int: Option<i64>,
        7 filtered_attributes: Attributes<'a>,
    }
}

/// `DataPointFlags`: the point says that there is no value (a staleness mark).
pub const NO_RECORDED_VALUE: u32 = 1;

/// A metric's points, by kind.
#[derive(Clone, Copy, Debug)]
pub enum MetricData<'a> {
    /// The metric came without data.
    Empty,
    Gauge(GaugeView<'a>),
    Sum(SumView<'a>),
    Histogram(HistogramView<'a>),
    ExponentialHistogram(ExponentialHistogramView<'a>),
    Summary(SummaryView<'a>),
}

impl<'a> MetricView<'a> {
    /// The member of the oneof that is set. A valid sender sets one.
    pub fn data(&self) -> MetricData<'a> {
        None.or_else(|| self.gauge.get().map(MetricData::Gauge))
            .or_else(|| self.sum.get().map(MetricData::Sum))
            .or_else(|| self.histogram.get().map(MetricData::Histogram))
            .or_else(|| self.exponential_histogram.get().map(MetricData::ExponentialHistogram))
            .or_else(|| self.summary.get().map(MetricData::Summary))
            .unwrap_or(MetricData::Empty)
    }
}

/// A number as it was sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NumberView {
    Int(i64),
    Double(f64),
}

impl NumberView {
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Double(value) => value,
        }
    }

    fn of(as_int: Option<i64>, as_double: Option<f64>) -> Option<Self> {
        as_int.map(Self::Int).or(as_double.map(Self::Double))
    }
}

impl NumberPointView<'_> {
    pub fn value(&self) -> Option<NumberView> {
        NumberView::of(self.as_int, self.as_double)
    }
}

impl ExemplarView<'_> {
    pub fn value(&self) -> Option<NumberView> {
        NumberView::of(self.as_int, self.as_double)
    }

    pub fn trace_id(&self) -> TraceId {
        TraceId::from_bytes(self.trace_id_bytes).unwrap_or_default()
    }

    pub fn span_id(&self) -> SpanId {
        SpanId::from_bytes(self.span_id_bytes).unwrap_or_default()
    }
}
