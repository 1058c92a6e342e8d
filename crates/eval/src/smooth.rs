//! The smoothed instant selector: the value between the samples before and after each step.

use crate::annotations::{Annotations, Note};
use crate::functions::Context;
use crate::functions::extended::{interpolate, interpolate_histograms};
use crate::grid::{Row, Sample};
use crate::select::{Lookback, Series};
use crate::windows::{Window, WindowGrid};
use model::histogram::{CounterResetHint, FloatHistogram};
use promql::Span;
use promql::ast::Extended;
use std::convert::Infallible;
use std::sync::Arc;

/// Fills an empty row.
pub fn smoothed_row(
    lookback: &Lookback,
    series: &Series,
    mut row: Row,
    span: Span,
    notes: &mut Annotations,
) -> Row {
    // A window without a range, seen with its margins: the lookback before and after.
    let windows = WindowGrid {
        grid: lookback.grid,
        offset_ms: lookback.offset_ms,
        at_ms: lookback.at_ms,
        range_ms: 0,
        lookback_ms: lookback.lookback_ms,
        extended: Some(Extended::Smoothed),
    };
    let labels = Arc::clone(&row.labels);
    let mut context = Context { labels: &labels, notes, span };
    let done = windows.slide(series, |step, window| {
        if window.is_mixed() {
            let name = context.name();
            context.note(Note::MixedFloatsHistograms(name));
        } else if let Some(sample) = smoothed(&window, &mut context) {
            row.set(step, sample);
        }
        Ok::<(), Infallible>(())
    });
    match done {
        Ok(()) => row,
        Err(never) => match never {},
    }
}

fn smoothed(window: &Window<'_>, context: &mut Context<'_>) -> Option<Sample> {
    let time = window.end_ms;
    if window.times.is_empty() {
        return smoothed_histogram(window, time, context);
    }
    let after = window.times.partition_point(|sampled| *sampled < time);
    if window.times.get(after) == Some(&time) {
        return Some(Sample::Float(window.values[after]));
    }
    let before = after.checked_sub(1)?;
    let point = |place: usize| (window.times[place], window.values[place]);
    Some(Sample::Float(match after < window.times.len() {
        true => interpolate(point(before), point(after), time, false),
        // Nothing is known after: the last value holds.
        false => window.values[before],
    }))
}

fn smoothed_histogram(window: &Window<'_>, time: i64, context: &mut Context<'_>) -> Option<Sample> {
    let after = window.histogram_times.partition_point(|sampled| *sampled < time);
    if window.histogram_times.get(after) == Some(&time) {
        return Some(Sample::Histogram(Arc::clone(&window.histograms[after])));
    }
    let before = after.checked_sub(1)?;
    let previous = &window.histograms[before];
    let Some(next) = window.histograms.get(after) else {
        // What is known about a reset is about that sample, not about this moment.
        let carried =
            FloatHistogram { reset_hint: CounterResetHint::Unknown, ..FloatHistogram::clone(previous) };
        return Some(Sample::Histogram(Arc::new(carried)));
    };
    let name = context.name();
    if previous.uses_custom_buckets() != next.uses_custom_buckets() {
        context.note(Note::MixedExponentialCustom(name));
        return None;
    }
    let counter = [previous, next].iter().any(|histogram| histogram.reset_hint != CounterResetHint::Gauge);
    let (from, to) =
        ((window.histogram_times[before], &**previous), (window.histogram_times[after], &**next));
    match interpolate_histograms(from, to, time, counter, context) {
        Ok(histogram) => Some(Sample::Histogram(Arc::new(histogram))),
        Err(_) => {
            context.note(Note::MixedExponentialCustom(name));
            None
        }
    }
}
