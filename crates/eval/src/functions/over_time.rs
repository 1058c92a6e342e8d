//! `*_over_time`, `changes` and `resets`: what all samples of a window come to.
//!
//! Sums are compensated; a mean whose sum would overflow is carried on as a running mean, as Prometheus does it.

use super::Context;
use super::quantiles::quantile_of;
use super::rate::started_between;
use crate::aggregate::mean::{FloatMean, HistogramMean};
use crate::annotations::{HistogramOperation, Note};
use crate::grid::Sample;
use crate::windows::Window;
use model::histogram::{CounterResetHint, FloatHistogram, Kahan};
use std::sync::Arc;

/// Notes histograms that a function of floats passes over.
fn note_ignored(window: &Window<'_>, context: &mut Context<'_>) {
    if !window.histograms.is_empty() {
        let name = context.name();
        context.note(Note::HistogramIgnoredInMixedRange(name));
    }
}

fn note_mixed(window: &Window<'_>, context: &mut Context<'_>) -> bool {
    if window.is_mixed() {
        let name = context.name();
        context.note(Note::MixedFloatsHistograms(name));
    }
    window.is_mixed()
}

pub fn sum(window: &Window<'_>, context: &mut Context<'_>) -> Option<Sample> {
    if note_mixed(window, context) {
        return None;
    }
    if window.times.is_empty() {
        return sum_histograms(window.histograms, context);
    }
    Some(Sample::Float(sum_floats(window.values)))
}

pub fn sum_floats(values: &[f64]) -> f64 {
    let mut sum = Kahan::default();
    values.iter().for_each(|value| sum.add_value(*value));
    if sum.sum.is_infinite() { sum.sum } else { sum.total() }
}

pub fn average(window: &Window<'_>, context: &mut Context<'_>) -> Option<Sample> {
    if note_mixed(window, context) {
        return None;
    }
    if window.times.is_empty() {
        return average_histograms(window.histograms, context);
    }
    let (first, rest) = window.values.split_first()?;
    let mut mean = FloatMean::of(*first);
    rest.iter().for_each(|value| mean.add(*value));
    Some(Sample::Float(mean.result()))
}

/// Collects what is noticed while histograms of one window are added up.
#[derive(Default)]
struct Seen {
    reset: bool,
    not_reset: bool,
    reconciled: bool,
}

impl Seen {
    fn hint(&mut self, histogram: &FloatHistogram) {
        self.reset |= histogram.reset_hint == CounterResetHint::Reset;
        self.not_reset |= histogram.reset_hint == CounterResetHint::NotReset;
    }

    fn note(&self, context: &mut Context<'_>) {
        if self.reset && self.not_reset {
            context.note(Note::CounterResetCollision(HistogramOperation::Aggregation));
        }
        if self.reconciled {
            context.note(Note::MismatchedCustomBuckets(HistogramOperation::Aggregation));
        }
    }
}

fn note_incompatible(context: &mut Context<'_>) {
    let name = context.name();
    context.note(Note::MixedExponentialCustom(name));
}

fn sum_histograms(histograms: &[Arc<FloatHistogram>], context: &mut Context<'_>) -> Option<Sample> {
    let (first, rest) = histograms.split_first()?;
    let mut seen = Seen::default();
    seen.hint(first);
    let mut sum = first.to_kahan();
    for histogram in rest {
        seen.hint(histogram);
        match sum.add(histogram) {
            Ok(merged) => seen.reconciled |= merged.bounds_reconciled,
            Err(_) => {
                note_incompatible(context);
                return None;
            }
        }
    }
    seen.note(context);
    Some(Sample::Histogram(Arc::new(sum.total())))
}

fn average_histograms(histograms: &[Arc<FloatHistogram>], context: &mut Context<'_>) -> Option<Sample> {
    let (first, rest) = histograms.split_first()?;
    let mut seen = Seen::default();
    seen.hint(first);
    let mut mean = HistogramMean::of(first);
    for histogram in rest {
        seen.hint(histogram);
        match mean.add(histogram) {
            Ok(merged) => seen.reconciled |= merged.bounds_reconciled,
            Err(_) => {
                note_incompatible(context);
                return None;
            }
        }
    }
    seen.note(context);
    Some(Sample::Histogram(Arc::new(mean.result())))
}

pub fn count(window: &Window<'_>) -> f64 {
    (window.times.len() + window.histogram_times.len()) as f64
}

/// The oldest sample of either kind; of two at one time, the histogram.
pub fn first(window: &Window<'_>) -> Option<Sample> {
    match (window.times.first(), window.histogram_times.first()) {
        (Some(float), Some(histogram)) if float >= histogram => histogram_at(window, 0),
        (Some(_), _) => Some(Sample::Float(window.values[0])),
        (None, _) => histogram_at(window, 0),
    }
}

/// The newest sample of either kind; of two at one time, the histogram.
pub fn last(window: &Window<'_>) -> Option<Sample> {
    match (window.times.last(), window.histogram_times.last()) {
        (Some(float), Some(histogram)) if float <= histogram => {
            histogram_at(window, window.histograms.len() - 1)
        }
        (Some(_), _) => window.values.last().map(|value| Sample::Float(*value)),
        (None, _) => histogram_at(window, window.histograms.len().checked_sub(1)?),
    }
}

fn histogram_at(window: &Window<'_>, place: usize) -> Option<Sample> {
    window.histograms.get(place).map(|histogram| Sample::Histogram(Arc::clone(histogram)))
}

pub fn time_of_first(window: &Window<'_>) -> Option<f64> {
    let times = [window.times.first(), window.histogram_times.first()];
    times.into_iter().flatten().min().map(|time| *time as f64 / 1000.0)
}

pub fn time_of_last(window: &Window<'_>) -> Option<f64> {
    let times = [window.times.last(), window.histogram_times.last()];
    times.into_iter().flatten().max().map(|time| *time as f64 / 1000.0)
}

/// The place of the extreme float: `better(candidate, best)` replaces, and so does anything when the best is NaN.
fn extreme(
    window: &Window<'_>,
    context: &mut Context<'_>,
    better: impl Fn(f64, f64) -> bool,
) -> Option<usize> {
    let first = *window.values.first()?;
    note_ignored(window, context);
    let (mut best, mut place_of_best) = (first, 0);
    for (place, value) in window.values.iter().copied().enumerate() {
        if better(value, best) || best.is_nan() {
            (best, place_of_best) = (value, place);
        }
    }
    Some(place_of_best)
}

pub fn max(window: &Window<'_>, context: &mut Context<'_>) -> Option<f64> {
    extreme(window, context, |value, best| value > best).map(|place| window.values[place])
}

pub fn min(window: &Window<'_>, context: &mut Context<'_>) -> Option<f64> {
    extreme(window, context, |value, best| value < best).map(|place| window.values[place])
}

/// The last of several equal maxima.
pub fn time_of_max(window: &Window<'_>, context: &mut Context<'_>) -> Option<f64> {
    extreme(window, context, |value, best| value >= best).map(|place| window.times[place] as f64 / 1000.0)
}

pub fn time_of_min(window: &Window<'_>, context: &mut Context<'_>) -> Option<f64> {
    extreme(window, context, |value, best| value <= best).map(|place| window.times[place] as f64 / 1000.0)
}

/// The variance of the population.
pub fn variance(window: &Window<'_>, context: &mut Context<'_>) -> Option<f64> {
    if window.times.is_empty() {
        return None;
    }
    note_ignored(window, context);
    let mut count = 0.0;
    let (mut mean, mut squares) = (Kahan::default(), Kahan::default());
    for value in window.values {
        count += 1.0;
        let delta = value - mean.total();
        mean.add_value(delta / count);
        squares.add_value(delta * (value - mean.total()));
    }
    Some(squares.total() / count)
}

pub fn quantile(quantile: f64, window: &Window<'_>, context: &mut Context<'_>) -> Option<f64> {
    if window.times.is_empty() {
        return None;
    }
    if !(0.0..=1.0).contains(&quantile) {
        context.note(Note::InvalidQuantile(quantile));
    }
    note_ignored(window, context);
    Some(quantile_of(quantile, &mut window.values.to_vec()))
}

/// The median of the distances from the median; NaN as soon as there is one.
pub fn median_deviation(window: &Window<'_>, context: &mut Context<'_>) -> Option<f64> {
    if window.times.is_empty() {
        return None;
    }
    note_ignored(window, context);
    if window.values.iter().any(|value| value.is_nan()) {
        return Some(f64::NAN);
    }
    let mut values = window.values.to_vec();
    let median = quantile_of(0.5, &mut values);
    values.iter_mut().for_each(|value| *value = (*value - median).abs());
    Some(quantile_of(0.5, &mut values))
}

/// One sample of a mixed range.
#[derive(Clone, Copy)]
struct Point<'a> {
    time_ms: i64,
    start_ms: i64,
    value: f64,
    histogram: Option<&'a Arc<FloatHistogram>>,
}

/// Floats and histograms of a window in order of time.
fn points<'a>(window: &Window<'a>) -> impl Iterator<Item = Point<'a>> {
    let window = *window;
    let (mut float, mut histogram) = (0, 0);
    std::iter::from_fn(move || {
        let float_time = window.times.get(float);
        let histogram_time = window.histogram_times.get(histogram);
        let take_float = match (float_time, histogram_time) {
            (None, None) => return None,
            (Some(float), Some(histogram)) => float < histogram,
            (float, None) => float.is_some(),
            (None, Some(_)) => false,
        };
        Some(if take_float {
            float += 1;
            Point {
                time_ms: window.times[float - 1],
                start_ms: window.starts.get(float - 1).copied().unwrap_or(0),
                value: window.values[float - 1],
                histogram: None,
            }
        } else {
            histogram += 1;
            Point {
                time_ms: window.histogram_times[histogram - 1],
                start_ms: window.histogram_starts.get(histogram - 1).copied().unwrap_or(0),
                value: 0.0,
                histogram: Some(&window.histograms[histogram - 1]),
            }
        })
    })
}

/// An anchored window begins with the last sample at or before the range; what is older is left out. `None` when nothing is inside the range.
fn anchored<'a>(window: &Window<'a>) -> Option<Window<'a>> {
    let floats = window.times.partition_point(|time| *time <= window.start_ms);
    let histograms = window.histogram_times.partition_point(|time| *time <= window.start_ms);
    if floats == window.times.len() && histograms == window.histogram_times.len() {
        return None;
    }
    let float_anchor = floats.checked_sub(1);
    let histogram_anchor = histograms.checked_sub(1);
    let (float, histogram) = match (float_anchor, histogram_anchor) {
        (None, None) => (0, 0),
        (Some(float), None) => (float, histograms),
        (None, Some(histogram)) => (floats, histogram),
        (Some(float), Some(histogram)) if window.times[float] >= window.histogram_times[histogram] => {
            (float, histograms)
        }
        (Some(_), Some(histogram)) => (floats, histogram),
    };
    Some(Window {
        times: &window.times[float..],
        values: &window.values[float..],
        starts: window.starts.get(float..).unwrap_or_default(),
        histogram_times: &window.histogram_times[histogram..],
        histograms: &window.histograms[histogram..],
        histogram_starts: window.histogram_starts.get(histogram..).unwrap_or_default(),
        ..*window
    })
}

/// How often neighbouring samples differ as `differs` has it; a change between float and histogram always counts.
fn count_pairs(
    window: &Window<'_>,
    is_anchored: bool,
    differs: impl Fn(Point<'_>, Point<'_>) -> bool,
) -> Option<f64> {
    let window = if is_anchored { anchored(window)? } else { *window };
    let mut points = points(&window);
    let mut previous = points.next()?;
    let mut count = 0u64;
    for point in points {
        let kinds_differ = previous.histogram.is_some() != point.histogram.is_some();
        count += u64::from(kinds_differ || differs(previous, point));
        previous = point;
    }
    Some(count as f64)
}

pub fn changes(window: &Window<'_>, is_anchored: bool) -> Option<f64> {
    count_pairs(window, is_anchored, |before, now| match (before.histogram, now.histogram) {
        (Some(before), Some(now)) => now != before,
        _ => now.value != before.value && !(now.value.is_nan() && before.value.is_nan()),
    })
}

pub fn resets(window: &Window<'_>, is_anchored: bool) -> Option<f64> {
    count_pairs(window, is_anchored, |before, now| {
        let restarted = started_between(before.start_ms, before.time_ms, now.start_ms, now.time_ms);
        restarted
            || match (before.histogram, now.histogram) {
                (Some(before), Some(now)) => now.is_reset_since(before),
                _ => now.value < before.value,
            }
    })
}
