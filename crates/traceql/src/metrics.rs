//! Matched spans of many traces -> series over time.
//!
//! Step `i` covers the spans that start in `[start + i * step, start + (i + 1) * step)` and is shown at its beginning. Values of durations are in
//! seconds. Quantiles and histograms count in buckets of powers of two, quantiles interpolate inside a bucket exponentially, as Tempo does.

use std::collections::BTreeMap;

use crate::ast::{Attribute, Metric, MetricFunction, SecondStage};
use crate::evaluate::Trace;
use crate::value::Static;

/// The time axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    pub start_ns: i64,
    /// Exclusive.
    pub end_ns: i64,
    pub step_ns: i64,
}

impl Steps {
    /// Most steps that one query may ask for.
    pub const COUNT_MAX: usize = 11_000;

    /// Whole steps that cover `from..to`. `None` if there are none, or more than [`COUNT_MAX`](Self::COUNT_MAX).
    pub fn covering(from_ns: i64, to_ns: i64, step_ns: i64) -> Option<Self> {
        if step_ns <= 0 || from_ns >= to_ns {
            return None;
        }
        let start_ns = from_ns.div_euclid(step_ns).checked_mul(step_ns)?;
        let past = to_ns.rem_euclid(step_ns);
        let end_ns = if past == 0 { to_ns } else { to_ns.checked_add(step_ns - past)? };
        let steps = Self { start_ns, end_ns, step_ns };
        (steps.count() <= Self::COUNT_MAX).then_some(steps)
    }

    /// The step that Tempo takes when none is asked for: about 240 of them, rounded to what people read.
    pub fn default_step_ns(from_ns: i64, to_ns: i64) -> i64 {
        let rough = to_ns.saturating_sub(from_ns).max(0) / 240;
        let second = 1_000_000_000;
        let unit = [3600, 300, 60, 15, 5, 1].map(|seconds| seconds * second);
        let unit = unit.into_iter().find(|unit| rough >= *unit).unwrap_or(second);
        (rough / unit * unit).max(second)
    }

    pub fn count(&self) -> usize {
        usize::try_from((self.end_ns - self.start_ns) / self.step_ns).unwrap_or(0)
    }

    fn of(&self, time_ns: i64) -> Option<usize> {
        let inside = time_ns >= self.start_ns && time_ns < self.end_ns;
        inside.then(|| ((time_ns - self.start_ns) / self.step_ns) as usize)
    }
}

/// One line of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Name and value; `p` is the quantile, `__bucket` the upper bound of a histogram's bucket.
    pub labels: Vec<(String, Static)>,
    /// One a step; `None`: nothing was there.
    pub values: Vec<Option<f64>>,
}

/// Most series that one query may give.
pub const SERIES_MAX: usize = 10_000;

/// More groups than [`SERIES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("query would give more than {SERIES_MAX} series: group by fewer attributes")]
pub struct TooManySeries;

/// Takes in matched spans and gives series.
pub struct Collector<'q> {
    metric: &'q Metric,
    steps: Steps,
    groups: BTreeMap<Vec<String>, Group>,
}

struct Group {
    labels: Vec<(String, Static)>,
    steps: Vec<Cell>,
}

#[derive(Clone, Default)]
struct Cell {
    count: u64,
    sum: f64,
    least: f64,
    most: f64,
    /// Counts by power of two; only for quantiles and histograms.
    buckets: BTreeMap<i32, u64>,
}

impl MetricFunction {
    /// What is measured; `None`: spans are counted.
    pub fn attribute(&self) -> Option<&Attribute> {
        match self {
            Self::Rate | Self::CountOverTime => None,
            Self::MinOverTime(of)
            | Self::MaxOverTime(of)
            | Self::SumOverTime(of)
            | Self::AvgOverTime(of)
            | Self::QuantileOverTime(of, _)
            | Self::HistogramOverTime(of) => Some(of),
        }
    }

    fn is_bucketed(&self) -> bool {
        matches!(self, Self::QuantileOverTime(..) | Self::HistogramOverTime(_))
    }
}

impl<'q> Collector<'q> {
    pub fn new(metric: &'q Metric, steps: Steps) -> Self {
        Self { metric, steps, groups: BTreeMap::new() }
    }

    /// Takes in `span` of `trace`, which starts at `start_ns`.
    pub fn add(&mut self, trace: &dyn Trace, span: usize, start_ns: i64) -> Result<(), TooManySeries> {
        let Some(step) = self.steps.of(start_ns) else { return Ok(()) };
        let value = match self.metric.function.attribute() {
            None => 1.0,
            Some(attribute) => match trace.get(span, attribute) {
                Static::Duration(ns) => ns as f64 / 1e9,
                other => match other.as_f64() {
                    Some(number) => number,
                    None => return Ok(()),
                },
            },
        };
        let labels: Vec<(String, Static)> = self
            .metric
            .by
            .iter()
            .map(|attribute| (attribute.to_string(), trace.get(span, attribute)))
            .collect();
        let key: Vec<String> = labels.iter().map(|(_, value)| format!("{value:?}")).collect();
        if !self.groups.contains_key(&key) && self.groups.len() >= SERIES_MAX {
            return Err(TooManySeries);
        }
        let bucketed = self.metric.function.is_bucketed();
        let count = self.steps.count();
        let group =
            self.groups.entry(key).or_insert_with(|| Group { labels, steps: vec![Cell::default(); count] });
        group.steps[step].add(value, bucketed);
        Ok(())
    }

    /// The series, sorted by labels, after the second stages.
    pub fn finish(self) -> Vec<Series> {
        let seconds = self.steps.step_ns as f64 / 1e9;
        let mut series = Vec::new();
        for group in self.groups.into_values() {
            expand(&self.metric.function, group, seconds, &mut series);
        }
        for stage in &self.metric.then {
            second_stage(stage, &mut series);
        }
        series
    }
}

impl Cell {
    fn add(&mut self, value: f64, bucketed: bool) {
        if self.count == 0 {
            (self.least, self.most) = (value, value);
        }
        self.count += 1;
        self.sum += value;
        self.least = self.least.min(value);
        self.most = self.most.max(value);
        if bucketed {
            *self.buckets.entry(bucket_of(value)).or_default() += 1;
        }
    }

    fn quantile(&self, q: f64) -> Option<f64> {
        let rank = q * self.count as f64;
        let mut below = 0.0;
        for (bucket, count) in &self.buckets {
            let upto = below + *count as f64;
            if upto >= rank {
                let inside = if *count == 0 { 1.0 } else { (rank - below) / *count as f64 };
                // From one power of two to the next.
                return Some(upper_bound(*bucket) / 2.0 * 2f64.powf(inside));
            }
            below = upto;
        }
        None
    }
}

/// Values up to `2^bucket` seconds (or whatever it is), above half of that.
fn bucket_of(value: f64) -> i32 {
    if value <= 0.0 { i32::MIN } else { value.log2().ceil().clamp(-1000.0, 1000.0) as i32 }
}

fn upper_bound(bucket: i32) -> f64 {
    if bucket == i32::MIN { 0.0 } else { 2f64.powi(bucket) }
}

fn expand(function: &MetricFunction, group: Group, seconds: f64, out: &mut Vec<Series>) {
    let Group { labels, steps } = group;
    let plain = |value: fn(&Cell, f64) -> f64| -> Vec<Option<f64>> {
        steps.iter().map(|cell| (cell.count > 0).then(|| value(cell, seconds))).collect()
    };
    let counted = |value: fn(&Cell, f64) -> f64| -> Vec<Option<f64>> {
        steps.iter().map(|cell| Some(value(cell, seconds))).collect()
    };
    let values = match function {
        MetricFunction::Rate => counted(|cell, seconds| cell.count as f64 / seconds),
        MetricFunction::CountOverTime => counted(|cell, _| cell.count as f64),
        MetricFunction::MinOverTime(_) => plain(|cell, _| cell.least),
        MetricFunction::MaxOverTime(_) => plain(|cell, _| cell.most),
        MetricFunction::SumOverTime(_) => plain(|cell, _| cell.sum),
        MetricFunction::AvgOverTime(_) => plain(|cell, _| cell.sum / cell.count as f64),
        MetricFunction::QuantileOverTime(_, quantiles) => {
            for q in quantiles {
                let mut labels = labels.clone();
                labels.push(("p".into(), Static::Float(*q)));
                out.push(Series { labels, values: steps.iter().map(|cell| cell.quantile(*q)).collect() });
            }
            return;
        }
        MetricFunction::HistogramOverTime(_) => {
            let mut buckets: Vec<i32> = steps.iter().flat_map(|cell| cell.buckets.keys().copied()).collect();
            buckets.sort_unstable();
            buckets.dedup();
            for bucket in buckets {
                let mut labels = labels.clone();
                labels.push(("__bucket".into(), Static::Float(upper_bound(bucket))));
                let count = |cell: &Cell| Some(cell.buckets.get(&bucket).copied().unwrap_or(0) as f64);
                out.push(Series { labels, values: steps.iter().map(count).collect() });
            }
            return;
        }
    };
    out.push(Series { labels, values });
}

fn second_stage(stage: &SecondStage, series: &mut Vec<Series>) {
    match stage {
        SecondStage::Filter(op, number) => {
            for value in series.iter_mut().flat_map(|series| &mut series.values) {
                let order = value.and_then(|have| have.partial_cmp(number));
                if !order.is_some_and(|order| op.holds(order)) {
                    *value = None;
                }
            }
        }
        SecondStage::TopK(count) => keep_best(series, *count, true),
        SecondStage::BottomK(count) => keep_best(series, *count, false),
    }
    series.retain(|series| series.values.iter().any(Option::is_some));
}

/// Of each step, the values of the `count` best series; of equal values the series that sorts first wins.
fn keep_best(series: &mut [Series], count: usize, greatest: bool) {
    let steps = series.iter().map(|series| series.values.len()).max().unwrap_or(0);
    for step in 0..steps {
        let mut ranked: Vec<(f64, usize)> = series
            .iter()
            .enumerate()
            .filter_map(|(place, series)| Some((series.values[step]?, place)))
            .collect();
        ranked.sort_by(|a, b| {
            let order = a.0.total_cmp(&b.0);
            (if greatest { order.reverse() } else { order }).then(a.1.cmp(&b.1))
        });
        for (_, place) in ranked.into_iter().skip(count) {
            series[place].values[step] = None;
        }
    }
}
