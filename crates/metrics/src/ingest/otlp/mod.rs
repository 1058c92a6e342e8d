//! OTLP metrics become series as Prometheus's OTLP receiver makes them: see `otlp:` in [`crate::config::OtlpConfig`].
//!
//! Flow: each resource gives its promoted labels, `job`, `instance` and a `target_info` series ([`labels`]) -> each metric its name ([`names`]) -> each
//! point its samples ([`points`], [`exponential`]). Start times are kept with every sample; deltas are stored as they are, told apart by
//! them. A point that cannot be stored is refused alone, with Prometheus's words.

mod exponential;
mod labels;
mod names;
mod points;

#[cfg(test)]
mod tests;

use model::sample::{Metadata, MetricKind};
use wire::otlp::MetricsView;
use wire::otlp::metrics::{MetricData, MetricView};
use wire::proto::Malformed;

use super::Parsed;
use crate::config::OtlpConfig;
use labels::{Inherited, LabelSet};
use names::{NameKind, metric_name, unit_of};
use points::Points;

/// `target_info` is written at least this often within the times of a request.
const TARGET_INFO_EVERY_MS: i64 = 150_000;
/// A request that spans more than this many of them gets the last ones only.
const TARGET_INFO_MAX: i64 = 1000;

const DELTA: i32 = 1;
const CUMULATIVE: i32 = 2;

/// Translates a request. The error refuses it as a whole.
pub fn scan(body: &[u8], config: &OtlpConfig) -> Result<Parsed<'static>, Malformed> {
    let view = MetricsView::new(body)?;
    let mut points = Points::new(config);
    let mut info = LabelSet::default();
    for resource_metrics in view.resource_metrics() {
        let resource = resource_metrics.resource.or_empty();
        points.begin_resource();
        let mut last_inherited = None;
        for scope_metrics in resource_metrics.scope_metrics {
            let scope = scope_metrics.scope.or_empty();
            let inherited = Inherited::of(&resource, &scope, scope_metrics.schema_url.as_str(), config);
            for metric in scope_metrics.metrics {
                translate(&mut points, &inherited, &metric);
            }
            last_inherited = Some(inherited);
        }
        if let (Some(inherited), Some((first_ms, last_ms))) = (last_inherited, points.times())
            && inherited.fill_target_info(&mut info, &resource, config)
        {
            target_info(&mut points, &info, first_ms, last_ms);
        }
    }
    Ok(points.finish())
}

fn target_info(points: &mut Points<'_>, info: &LabelSet, first_ms: i64, last_ms: i64) {
    let mut wire = Vec::new();
    info.put_wire(&[("__name__", "target_info")], &mut wire);
    points.parsed.begin_row(&wire);
    let span = last_ms.saturating_sub(first_ms).min(TARGET_INFO_EVERY_MS * TARGET_INFO_MAX);
    let mut t_ms = last_ms - span;
    while t_ms < last_ms {
        points.push(t_ms, 0, 1.0);
        t_ms += TARGET_INFO_EVERY_MS;
    }
    points.push(last_ms, 0, 1.0);
}

fn translate(points: &mut Points<'_>, inherited: &Inherited, metric: &MetricView<'_>) {
    let name = metric.name.as_str();
    let data = metric.data();
    let (kind, name_kind, temporality) = match &data {
        MetricData::Gauge(_) => (MetricKind::Gauge, NameKind::Gauge, None),
        MetricData::Sum(sum) if sum.is_monotonic => {
            (MetricKind::Counter, NameKind::Counter, Some(sum.aggregation_temporality))
        }
        MetricData::Sum(sum) => (MetricKind::Gauge, NameKind::Gauge, Some(sum.aggregation_temporality)),
        MetricData::Histogram(histogram) => {
            (MetricKind::Histogram, NameKind::Other, Some(histogram.aggregation_temporality))
        }
        MetricData::ExponentialHistogram(histogram) => {
            (MetricKind::Histogram, NameKind::Other, Some(histogram.aggregation_temporality))
        }
        MetricData::Summary(_) => (MetricKind::Summary, NameKind::Other, None),
        MetricData::Empty => {
            return points.refuse(0, || format!("empty data points. {name} is dropped"));
        }
    };
    if temporality.is_some_and(|temporality| temporality != CUMULATIVE && temporality != DELTA) {
        let count = points::count(&data);
        return points
            .refuse(count, || format!("invalid temporality and type combination for metric {name:?}"));
    }
    let delta = temporality == Some(DELTA);
    let config = points.config;
    let full_name = metric_name(name, metric.unit.as_str(), name_kind, config);
    if full_name.is_empty() {
        return points
            .refuse(points::count(&data), || format!("metric name {name:?} is empty once translated"));
    }
    let metadata = Metadata {
        // A delta is no counter by Prometheus's meaning of the word.
        kind: if delta { MetricKind::Unknown } else { kind },
        help: metric.description.as_str().to_owned(),
        unit: unit_of(metric.unit.as_str(), config),
    };
    points.parsed.metadata.push((full_name.clone().into_owned(), metadata));
    match data {
        MetricData::Gauge(gauge) => points.numbers(inherited, &full_name, gauge.data_points, false),
        MetricData::Sum(sum) => points.numbers(inherited, &full_name, sum.data_points, sum.is_monotonic),
        MetricData::Histogram(histogram) if config.convert_histograms_to_nhcb => {
            points.custom(inherited, &full_name, histogram.data_points, delta);
        }
        MetricData::Histogram(histogram) => points.classic(inherited, &full_name, histogram.data_points),
        MetricData::ExponentialHistogram(histogram) => {
            points.exponential(inherited, &full_name, histogram.data_points, delta);
        }
        MetricData::Summary(summary) => points.summaries(inherited, &full_name, summary.data_points),
        MetricData::Empty => {}
    }
}
