//! Points of OTLP metrics as samples.

use std::sync::Arc;

use model::histogram::{Buckets, CUSTOM_SCHEMA, CounterResetHint, Histogram, STALE_BITS, Span};
use model::sample::NativeHistogram;
use wire::otlp::Attributes;
use wire::otlp::metrics::{
    ExemplarView, ExponentialHistogramPointView, HistogramPointView, MetricData, NO_RECORDED_VALUE,
    NumberPointView, SummaryPointView,
};
use wire::proto::Many;
use wire::series_batch::histogram::put_histogram;
use wire::series_batch::put_label;

use super::exponential;
use super::labels::{Inherited, LabelSet, double_text, value_text};
use super::names::label_name;
use crate::config::OtlpConfig;
use crate::ingest::body::checked;
use crate::ingest::{Parsed, RawSample};

const NS_PER_MS: u64 = 1_000_000;

/// Points of a metric.
pub fn count(data: &MetricData<'_>) -> u64 {
    let count = match data {
        MetricData::Empty => 0,
        MetricData::Gauge(gauge) => gauge.data_points.count(),
        MetricData::Sum(sum) => sum.data_points.count(),
        MetricData::Histogram(histogram) => histogram.data_points.count(),
        MetricData::ExponentialHistogram(histogram) => histogram.data_points.count(),
        MetricData::Summary(summary) => summary.data_points.count(),
    };
    count as u64
}

fn ms(ns: u64) -> i64 {
    (ns / NS_PER_MS) as i64
}

/// What is written so far.
pub struct Points<'c> {
    pub parsed: Parsed<'static>,
    pub config: &'c OtlpConfig,
    set: LabelSet,
    wire: Vec<u8>,
    name: String,
    /// Earliest and latest time under the current resource.
    times: Option<(i64, i64)>,
}

impl<'c> Points<'c> {
    pub fn new(config: &'c OtlpConfig) -> Self {
        Self {
            parsed: Parsed::default(),
            config,
            set: LabelSet::default(),
            wire: Vec::new(),
            name: String::new(),
            times: None,
        }
    }

    pub fn begin_resource(&mut self) {
        self.times = None;
    }

    pub fn times(&self) -> Option<(i64, i64)> {
        self.times
    }

    pub fn finish(self) -> Parsed<'static> {
        self.parsed
    }

    pub fn refuse(&mut self, samples: u64, reason: impl FnOnce() -> String) {
        self.parsed.verdict.reject(samples, reason);
    }

    pub fn push(&mut self, t_ms: i64, start_ms: i64, value: f64) {
        self.parsed.push(RawSample { t_ms, start_ms, bits: value.to_bits(), is_histogram: false });
    }

    /// Fills the label set of a point and notes its time.
    fn begin(&mut self, inherited: &Inherited, attributes: Attributes<'_>, t_ms: i64) {
        inherited.fill(&mut self.set, attributes, self.config);
        let (first, last) = self.times.unwrap_or((t_ms, t_ms));
        self.times = Some((first.min(t_ms), last.max(t_ms)));
    }

    /// Begins a series of the point under way.
    fn series(&mut self, name: &str, suffix: &str, more: Option<(&str, &str)>) {
        self.name.clear();
        self.name.push_str(name);
        self.name.push_str(suffix);
        self.wire.clear();
        let own = [("__name__", self.name.as_str()), more.unwrap_or_default()];
        self.set.put_wire(&own[..1 + usize::from(more.is_some())], &mut self.wire);
        self.parsed.begin_row(&self.wire);
    }

    fn exemplar(&mut self, exemplar: &ExemplarView<'_>) {
        let Some(value) = exemplar.value() else { return };
        let mut wire = Vec::new();
        if !exemplar.trace_id().is_zero() {
            put_label(&mut wire, "trace_id", &exemplar.trace_id().to_string());
        }
        if !exemplar.span_id().is_zero() {
            put_label(&mut wire, "span_id", &exemplar.span_id().to_string());
        }
        let mut scratch = String::new();
        for attribute in exemplar.filtered_attributes {
            let name = label_name(attribute.key.as_str(), self.config).into_owned();
            put_label(&mut wire, &name, value_text(attribute.value(), &mut scratch));
        }
        self.parsed.push_exemplar(ms(exemplar.time_unix_nano), value.as_f64().to_bits(), &wire);
    }

    pub fn numbers(
        &mut self,
        inherited: &Inherited,
        name: &str,
        points: Many<'_, NumberPointView<'_>>,
        with_exemplars: bool,
    ) {
        for point in points {
            let stale = point.flags & NO_RECORDED_VALUE != 0;
            let value =
                if stale { Some(f64::from_bits(STALE_BITS)) } else { point.value().map(|v| v.as_f64()) };
            let Some(value) = value else {
                self.refuse(1, || format!("data point of metric {name:?} has no value"));
                continue;
            };
            let t_ms = ms(point.time_unix_nano);
            self.begin(inherited, point.attributes, t_ms);
            self.series(name, "", None);
            self.push(t_ms, ms(point.start_time_unix_nano), value);
            if with_exemplars {
                point.exemplars.iter().for_each(|exemplar| self.exemplar(&exemplar));
            }
        }
    }

    /// Explicit buckets as `_sum`, `_count` and one cumulative `_bucket` for each bound.
    pub fn classic(&mut self, inherited: &Inherited, name: &str, points: Many<'_, HistogramPointView<'_>>) {
        for point in points {
            let (t_ms, start_ms) = (ms(point.time_unix_nano), ms(point.start_time_unix_nano));
            let stale = point.flags & NO_RECORDED_VALUE != 0;
            let or_stale = |value: f64| if stale { f64::from_bits(STALE_BITS) } else { value };
            self.begin(inherited, point.attributes, t_ms);
            if let Some(sum) = point.sum {
                self.series(name, "_sum", None);
                self.push(t_ms, start_ms, or_stale(sum));
            }
            self.series(name, "_count", None);
            self.push(t_ms, start_ms, or_stale(point.count as f64));
            let mut exemplars: Vec<ExemplarView<'_>> = point.exemplars.iter().collect();
            let mut cumulative = 0u64;
            for (bound, count) in point.explicit_bounds.iter().zip(point.bucket_counts.iter()) {
                cumulative = cumulative.wrapping_add(count.0);
                if bound.0 == f64::INFINITY {
                    continue;
                }
                self.series(name, "_bucket", Some(("le", &bound_text(bound.0))));
                self.push(t_ms, start_ms, or_stale(cumulative as f64));
                let inside = |exemplar: &ExemplarView<'_>| {
                    exemplar.value().is_some_and(|value| value.as_f64() <= bound.0)
                };
                let (mine, later) = exemplars.into_iter().partition::<Vec<_>, _>(inside);
                mine.iter().for_each(|exemplar| self.exemplar(exemplar));
                exemplars = later;
            }
            self.series(name, "_bucket", Some(("le", "+Inf")));
            self.push(t_ms, start_ms, or_stale(point.count as f64));
            exemplars.iter().for_each(|exemplar| self.exemplar(exemplar));
        }
    }

    /// Explicit buckets as a native histogram with custom bounds.
    pub fn custom(
        &mut self,
        inherited: &Inherited,
        name: &str,
        points: Many<'_, HistogramPointView<'_>>,
        delta: bool,
    ) {
        for point in points {
            let stale = point.flags & NO_RECORDED_VALUE != 0;
            let counts: Vec<u64> = point.bucket_counts.iter().map(|count| count.0).collect();
            let bounds: Vec<f64> = point.explicit_bounds.iter().map(|bound| bound.0).collect();
            let mut before = 0u64;
            let differences = counts.iter().map(|&count| {
                let difference = count.wrapping_sub(before) as i64;
                before = count;
                difference
            });
            let spans = if counts.is_empty() {
                Vec::new()
            } else {
                vec![Span { offset: 0, length: counts.len() as u32 }]
            };
            let histogram = Histogram {
                reset_hint: hint(delta),
                schema: CUSTOM_SCHEMA,
                count: point.count,
                sum: point.sum.unwrap_or_default(),
                positive: Buckets::new(spans, differences.collect()),
                custom_values: Some(bounds.into()),
                ..Histogram::default()
            };
            let t_ms = ms(point.time_unix_nano);
            self.begin(inherited, point.attributes, t_ms);
            self.native(name, t_ms, ms(point.start_time_unix_nano), Ok(histogram), stale);
            point.exemplars.iter().for_each(|exemplar| self.exemplar(&exemplar));
        }
    }

    pub fn exponential(
        &mut self,
        inherited: &Inherited,
        name: &str,
        points: Many<'_, ExponentialHistogramPointView<'_>>,
        delta: bool,
    ) {
        for point in points {
            let stale = point.flags & NO_RECORDED_VALUE != 0;
            let t_ms = ms(point.time_unix_nano);
            self.begin(inherited, point.attributes, t_ms);
            let histogram = exponential::to_native(&point, hint(delta));
            self.native(name, t_ms, ms(point.start_time_unix_nano), histogram, stale);
            point.exemplars.iter().for_each(|exemplar| self.exemplar(&exemplar));
        }
    }

    /// Begins the series even if the histogram is refused, so that exemplars have their place.
    fn native(
        &mut self,
        name: &str,
        t_ms: i64,
        start_ms: i64,
        histogram: Result<Histogram, String>,
        stale: bool,
    ) {
        self.series(name, "", None);
        let whole = histogram.and_then(|histogram| {
            let histogram = if stale { exponential::stale(histogram) } else { histogram };
            let native = NativeHistogram::Integer(Arc::new(histogram));
            if stale { Ok(native) } else { checked(native) }
        });
        match whole {
            Ok(histogram) => {
                let mut packed = Vec::new();
                put_histogram(&mut packed, &histogram);
                self.parsed.push_histogram(t_ms, start_ms, &packed);
            }
            Err(reason) => self.refuse(1, || format!("{reason} for metric {name:?}")),
        }
    }

    pub fn summaries(&mut self, inherited: &Inherited, name: &str, points: Many<'_, SummaryPointView<'_>>) {
        for point in points {
            let (t_ms, start_ms) = (ms(point.time_unix_nano), ms(point.start_time_unix_nano));
            let stale = point.flags & NO_RECORDED_VALUE != 0;
            let or_stale = |value: f64| if stale { f64::from_bits(STALE_BITS) } else { value };
            self.begin(inherited, point.attributes, t_ms);
            self.series(name, "_sum", None);
            self.push(t_ms, start_ms, or_stale(point.sum));
            self.series(name, "_count", None);
            self.push(t_ms, start_ms, or_stale(point.count as f64));
            for quantile in point.quantile_values {
                self.series(name, "", Some(("quantile", &bound_text(quantile.quantile))));
                self.push(t_ms, start_ms, or_stale(quantile.value));
            }
        }
    }
}

fn hint(delta: bool) -> CounterResetHint {
    if delta { CounterResetHint::Gauge } else { CounterResetHint::Unknown }
}

/// As Go's `FormatFloat(bound, 'f', -1, 64)`: never an exponent.
fn bound_text(bound: f64) -> String {
    if bound.is_finite() { format!("{bound}") } else { double_text(bound) }
}
