//! Remote write 1: `prometheus.WriteRequest`.

use model::sample::{MetricKind, NativeHistogram};

use super::histogram::{HISTOGRAM, HistogramView, write as write_histogram};
use crate::proto::schema::{Kind, many, one};
use crate::proto::view::{Many, Text, view};
use crate::proto::{Count, Malformed, Message, Writer, validate};

pub static WRITE_REQUEST: Message = Message::new(
    "WriteRequest",
    &[
        many(1, "timeseries", Kind::Message(&TIME_SERIES)),
        many(3, "metadata", Kind::Message(&METRIC_METADATA)),
    ],
);

pub(super) static TIME_SERIES: Message = Message::new(
    "TimeSeries",
    &[
        many(1, "labels", Kind::Message(&LABEL)),
        many(2, "samples", Kind::Message(&SAMPLE)),
        many(3, "exemplars", Kind::Message(&EXEMPLAR)),
        many(4, "histograms", Kind::Message(&HISTOGRAM)),
    ],
);

pub(super) static LABEL: Message =
    Message::new("Label", &[one(1, "name", Kind::String), one(2, "value", Kind::String)]);

static SAMPLE: Message =
    Message::item("Sample", &[one(1, "value", Kind::Double), one(2, "timestamp", Kind::Int64)]);

static EXEMPLAR: Message = Message::new(
    "Exemplar",
    &[
        many(1, "labels", Kind::Message(&LABEL)),
        one(2, "value", Kind::Double),
        one(3, "timestamp", Kind::Int64),
    ],
);

static METRIC_METADATA: Message = Message::new(
    "MetricMetadata",
    &[
        one(1, "type", Kind::Enum(METRIC_TYPES)),
        one(2, "metric_family_name", Kind::String),
        one(4, "help", Kind::String),
        one(5, "unit", Kind::String),
    ],
);

pub(super) const METRIC_TYPES: &[(&str, i32)] = &[
    ("UNKNOWN", 0),
    ("COUNTER", 1),
    ("GAUGE", 2),
    ("HISTOGRAM", 3),
    ("GAUGEHISTOGRAM", 4),
    ("SUMMARY", 5),
    ("INFO", 6),
    ("STATESET", 7),
];

view! {
    /// Read it with [`WriteRequest::new`].
    WriteRequest<'a> {
        1 timeseries: Many<'a, TimeSeriesView<'a>>,
        3 metadata: Many<'a, MetadataView<'a>>,
    }
    TimeSeriesView<'a> {
        /// `labels.region()` are the raw bytes: equal bytes are equal labels.
        1 labels: Many<'a, LabelView<'a>>,
        2 samples: Many<'a, SampleView<'a>>,
        3 exemplars: Many<'a, ExemplarView<'a>>,
        4 histograms: Many<'a, HistogramView<'a>>,
    }
    LabelView<'a> {
        1 name: Text<'a>,
        2 value: Text<'a>,
    }
    SampleView<'a> {
        1 value: f64,
        2 timestamp_ms: i64,
    }
    ExemplarView<'a> {
        1 labels: Many<'a, LabelView<'a>>,
        2 value: f64,
        3 timestamp_ms: i64,
    }
    MetadataView<'a> {
        1 kind: i32,
        2 metric_family_name: Text<'a>,
        4 help: Text<'a>,
        5 unit: Text<'a>,
    }
}

impl<'a> WriteRequest<'a> {
    /// Proves the body; nothing read from it later can fail.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        validate(&WRITE_REQUEST, bytes)?;
        Ok(Self::trusted(bytes))
    }

    /// For bytes that were validated before.
    pub fn trusted(bytes: &'a [u8]) -> Self {
        crate::proto::View::read(bytes)
    }
}

impl MetadataView<'_> {
    /// A number that stands for no kind is unknown.
    pub fn metric_kind(&self) -> MetricKind {
        u8::try_from(self.kind).ok().and_then(MetricKind::from_number).unwrap_or_default()
    }
}

/// Proves a body and counts its samples, histograms included.
pub fn validate_request(bytes: &[u8]) -> Result<Count, Malformed> {
    validate(&WRITE_REQUEST, bytes)
}

/// Builds a `WriteRequest`, series by series.
#[derive(Debug, Default)]
pub struct WriteRequestBuilder {
    out: Vec<u8>,
}

/// Adds to one series.
#[derive(Debug)]
pub struct SeriesBuilder<'w, 'o> {
    writer: &'w mut Writer<'o>,
}

impl WriteRequestBuilder {
    pub fn series<'l>(
        &mut self,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        fill: impl FnOnce(&mut SeriesBuilder<'_, '_>),
    ) {
        Writer::new(&mut self.out).message(1, |series| {
            write_labels(series, labels);
            fill(&mut SeriesBuilder { writer: series });
        });
    }

    pub fn metadata(&mut self, kind: MetricKind, family: &str, help: &str, unit: &str) {
        Writer::new(&mut self.out).message(3, |metadata| {
            metadata.int(1, kind as i64);
            metadata.string(2, family);
            metadata.string(4, help);
            metadata.string(5, unit);
        });
    }

    pub fn finish(self) -> Vec<u8> {
        self.out
    }
}

pub(super) fn write_labels<'l>(
    writer: &mut Writer<'_>,
    labels: impl IntoIterator<Item = (&'l str, &'l str)>,
) {
    for (name, value) in labels {
        writer.message(1, |label| {
            label.string(1, name);
            label.string(2, value);
        });
    }
}

impl SeriesBuilder<'_, '_> {
    pub fn sample(&mut self, timestamp_ms: i64, value: f64) {
        self.writer.message(2, |sample| {
            sample.double(1, value);
            sample.int(2, timestamp_ms);
        });
    }

    pub fn exemplar<'l>(
        &mut self,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        timestamp_ms: i64,
        value: f64,
    ) {
        self.writer.message(3, |exemplar| {
            write_labels(exemplar, labels);
            exemplar.double(2, value);
            exemplar.int(3, timestamp_ms);
        });
    }

    pub fn histogram(&mut self, timestamp_ms: i64, histogram: &NativeHistogram) {
        self.writer.message(4, |nested| write_histogram(nested, histogram, timestamp_ms, 0));
    }
}
