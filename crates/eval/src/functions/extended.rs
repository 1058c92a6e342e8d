//! `anchored` and `smoothed` ranges: the change between the bounds of the range themselves, not between the samples inside.
//!
//! Anchored takes the last sample at or before each bound; smoothed interpolates between the samples around it. Nothing is extrapolated.

use super::Context;
use super::rate::{RateKind, add, subtract};
use crate::annotations::{HistogramOperation, Note};
use crate::grid::Sample;
use crate::windows::{Window, WindowGrid};
use model::histogram::{CounterResetHint, FloatHistogram, HistogramError};
use std::sync::Arc;

/// `rate`, `increase` and `delta` of an extended range.
pub fn rate(
    kind: RateKind,
    windows: &WindowGrid,
    smoothed: bool,
    window: &Window<'_>,
    context: &mut Context<'_>,
) -> Option<Sample> {
    if window.is_mixed() {
        let name = context.name();
        context.note(Note::MixedFloatsHistograms(name));
        return None;
    }
    if window.times.is_empty() {
        let change = histogram_change(kind, windows, smoothed, window, context)?;
        return Some(Sample::Histogram(Arc::new(change)));
    }
    let mut change = float_change(kind, smoothed, window)?;
    if kind.per_second {
        change /= windows.range_seconds();
    }
    Some(Sample::Float(change))
}

/// Places of the samples that stand for the left and the right bound. `None` when nothing was sampled after the left one.
fn bounds(times: &[i64], start_ms: i64, end_ms: i64, smoothed: bool) -> Option<(usize, usize)> {
    let mut last = times.len().checked_sub(1)?;
    let first = times[..last].partition_point(|time| *time <= start_ms).saturating_sub(1);
    if smoothed {
        last = times[..last].partition_point(|time| *time < end_ms);
    }
    if times[last] <= start_ms || (smoothed && times[first] > end_ms) {
        return None;
    }
    Some((first, last))
}

fn float_change(kind: RateKind, smoothed: bool, window: &Window<'_>) -> Option<f64> {
    let (mut first, last) = bounds(window.times, window.start_ms, window.end_ms, smoothed)?;
    let (left, right) = float_bounds(window, first, last, smoothed, kind.counter);
    let mut change = right - left;
    if kind.counter {
        // Samples strictly inside; resets around the bounds are in their interpolation.
        if window.times[first] <= window.start_ms {
            first += 1;
        }
        let end = if window.times[last] >= window.end_ms { last } else { last + 1 };
        let inside = window.values.get(first..end).unwrap_or_default();
        let mut previous = left;
        for value in inside.iter().copied().chain([right]) {
            if value < previous {
                change += previous;
            }
            previous = value;
        }
    }
    Some(change)
}

fn float_bounds(window: &Window<'_>, first: usize, last: usize, smoothed: bool, counter: bool) -> (f64, f64) {
    let point = |place: usize| (window.times[place], window.values[place]);
    let left = if smoothed && window.times[first] < window.start_ms && first + 1 < window.times.len() {
        interpolate(point(first), point(first + 1), window.start_ms, counter)
    } else {
        window.values[first]
    };
    let right = if smoothed && last > 0 && window.times[last] > window.end_ms {
        interpolate(point(last - 1), point(last), window.end_ms, counter)
    } else {
        window.values[last]
    };
    (left, right)
}

/// The value at `time` on the line between two samples. A counter that fell is taken to have begun at 0.
pub fn interpolate(before: (i64, f64), after: (i64, f64), time: i64, counter: bool) -> f64 {
    let start = if counter && after.1 < before.1 { 0.0 } else { before.1 };
    start + (after.1 - start) * (time - before.0) as f64 / (after.0 - before.0) as f64
}

/// The samples of an extended range selector on its own: the bounds with their values, and the samples between them.
pub fn extended_floats(window: &Window<'_>, smoothed: bool) -> Vec<(i64, f64)> {
    let Some(last) = window.times.len().checked_sub(1) else { return Vec::new() };
    let first = window.times[..last].partition_point(|time| *time <= window.start_ms).saturating_sub(1);
    let last = match smoothed {
        true => window.times[..last].partition_point(|time| *time < window.end_ms),
        false => last,
    };
    if window.times[last] <= window.start_ms {
        return Vec::new();
    }
    let (left, right) = float_bounds(window, first, last, smoothed, false);
    let inside = window.times.iter().copied().zip(window.values.iter().copied()).take(last + 1).skip(first);
    let inside = inside.filter(|(time, _)| *time > window.start_ms && *time < window.end_ms);
    [(window.start_ms, left)].into_iter().chain(inside).chain([(window.end_ms, right)]).collect()
}

fn histogram_change(
    kind: RateKind,
    windows: &WindowGrid,
    smoothed: bool,
    window: &Window<'_>,
    context: &mut Context<'_>,
) -> Option<FloatHistogram> {
    let histograms = window.histograms;
    let (first, last) = bounds(window.histogram_times, window.start_ms, window.end_ms, smoothed)?;
    check_range(&histograms[first..=last.max(first)], kind.counter, context)?;
    let point = |place: usize| (window.histogram_times[place], &*histograms[place]);
    let left = if smoothed && window.histogram_times[first] < window.start_ms && first + 1 < histograms.len()
    {
        interpolated(point(first), point(first + 1), window.start_ms, kind.counter, context)?
    } else {
        FloatHistogram::clone(&histograms[first])
    };
    let right = if smoothed && last > 0 && window.histogram_times[last] > window.end_ms {
        interpolated(point(last - 1), point(last), window.end_ms, kind.counter, context)?
    } else {
        FloatHistogram::clone(&histograms[last])
    };
    let is_gauge = |histogram: &FloatHistogram| histogram.reset_hint == CounterResetHint::Gauge;
    let both_gauges = is_gauge(&left) && is_gauge(&right);
    if !kind.counter && !both_gauges {
        let name = context.name();
        context.note(Note::NotAGauge(name));
    }
    let mut change = right.clone();
    subtract(&mut change, &left, context)?;
    if kind.counter
        && let Some(lost) = lost_at_resets(window, smoothed, (first, last), (&left, &right), context)?
    {
        add(&mut change, &lost, context)?;
    }
    if kind.per_second {
        change.divide(windows.range_seconds());
    }
    change.reset_hint = CounterResetHint::Gauge;
    change.compact(0);
    Some(change)
}

/// Says so when histograms cannot be subtracted or are no counters.
fn check_range(histograms: &[Arc<FloatHistogram>], counter: bool, context: &mut Context<'_>) -> Option<()> {
    let name = context.name();
    let custom = histograms.first()?.uses_custom_buckets();
    for histogram in histograms {
        if histogram.uses_custom_buckets() != custom {
            context.note(Note::MixedExponentialCustom(name));
            return None;
        }
        if counter && histogram.reset_hint == CounterResetHint::Gauge {
            context.note(Note::NotACounter(name));
        }
    }
    Some(())
}

/// The sum of what was there right before each reset between the bounds. The outer option is `None` when histograms do not go together.
fn lost_at_resets(
    window: &Window<'_>,
    smoothed: bool,
    (first, last): (usize, usize),
    (left, right): (&FloatHistogram, &FloatHistogram),
    context: &mut Context<'_>,
) -> Option<Option<FloatHistogram>> {
    let histograms = window.histograms;
    let mut from = first + 1;
    let mut previous = left;
    if smoothed
        && window.histogram_times[first] < window.start_ms
        && histograms.get(first + 1).is_some_and(|next| next.is_reset_since(&histograms[first]))
    {
        // The interpolation at the left bound went over this reset already.
        previous = &histograms[first + 1];
        from += 1;
    }
    // The last sample is the right bound, or the right bound was interpolated from it and has its hint.
    if from > last {
        return Some(None);
    }
    let mut lost: Option<FloatHistogram> = None;
    let between = histograms[from..last].iter().map(|histogram| &**histogram);
    for histogram in between.chain([right]) {
        if histogram.is_reset_since(previous) {
            match &mut lost {
                Some(lost) => add(lost, previous, context)?,
                None => lost = Some(previous.clone()),
            }
        }
        previous = histogram;
    }
    Some(lost)
}

fn interpolated(
    before: (i64, &FloatHistogram),
    after: (i64, &FloatHistogram),
    time: i64,
    counter: bool,
    context: &mut Context<'_>,
) -> Option<FloatHistogram> {
    match interpolate_histograms(before, after, time, counter, context) {
        Ok(histogram) => Some(histogram),
        Err(_) => {
            let name = context.name();
            context.note(Note::MixedExponentialCustom(name));
            None
        }
    }
}

/// The histogram at `time` on the line between two. A counter that was reset is taken to have begun at 0.
pub fn interpolate_histograms(
    before: (i64, &FloatHistogram),
    after: (i64, &FloatHistogram),
    time: i64,
    counter: bool,
    context: &mut Context<'_>,
) -> Result<FloatHistogram, HistogramError> {
    if time == before.0 {
        return Ok(before.1.clone());
    }
    if time == after.0 {
        return Ok(after.1.clone());
    }
    let fraction = (time - before.0) as f64 / (after.0 - before.0) as f64;
    let mut result = after.1.clone();
    if counter && after.1.is_reset_since(before.1) {
        result.multiply(fraction);
        return Ok(result);
    }
    if result.subtract(before.1)?.bounds_reconciled {
        context.note(Note::MismatchedCustomBuckets(HistogramOperation::Subtraction));
    }
    result.multiply(fraction);
    if result.add(before.1)?.bounds_reconciled {
        context.note(Note::MismatchedCustomBuckets(HistogramOperation::Addition));
    }
    Ok(result)
}
