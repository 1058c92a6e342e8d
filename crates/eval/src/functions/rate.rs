//! `rate`, `increase`, `delta`, and `irate`, `idelta`: how fast something changes.
//!
//! The first three extrapolate to the bounds of the range, unless the samples end clearly before them, and never below the zero of a counter.
//! Resets are found once per series, not once per window; a window then adds up those inside it in order, so that results equal a scan to the last bit.

use super::Context;
use crate::annotations::{HistogramOperation, Note};
use crate::grid::{Row, Sample};
use crate::select::Series;
use crate::windows::{Edges, Window, WindowGrid};
use model::histogram::{CounterResetHint, FloatHistogram, HistogramError};
use std::convert::Infallible;
use std::sync::Arc;

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateKind {
    /// Decreases are resets.
    pub counter: bool,
    /// Per second.
    pub per_second: bool,
}

/// Computes a row for a plain (not anchored or smoothed) range.
pub fn extrapolated_row(
    kind: RateKind,
    windows: &WindowGrid,
    series: &Series,
    row: &mut Row,
    context: &mut Context<'_>,
) {
    let resets = Resets::of(kind, series);
    if series.histograms.times.is_empty() && series.columns.start_timestamps.is_empty() {
        float_row(kind, windows, series, &resets, row);
        return;
    }
    let mut pairs = PairResets::new(series);
    let mut next_reset = 0;
    let done = windows.slide(series, |step, window| {
        if window.is_mixed() {
            let name = context.name();
            context.note(Note::MixedFloatsHistograms(name));
        } else if window.times.is_empty() {
            if let Some(histogram) = histogram_step(kind, windows, &window, &mut pairs, context) {
                row.set(step, Sample::Histogram(Arc::new(histogram)));
            }
        } else {
            let end = window.first_float + window.times.len();
            while resets.places.get(next_reset).is_some_and(|(place, _)| *place <= window.first_float) {
                next_reset += 1;
            }
            let within = resets.places[next_reset..].iter().take_while(|(place, _)| *place < end);
            let mut change = window.values[window.values.len() - 1] - window.values[0];
            for (_, before) in within {
                change += before;
            }
            if resets.overlaps.iter().any(|place| *place > window.first_float && *place < end) {
                let name = context.name();
                context.note(Note::StartTimeOverlap(name));
            }
            if let Some(value) = float_step(kind, windows, &window, change) {
                row.set_float(step, value);
            }
        }
        Ok::<(), Infallible>(())
    });
    match done {
        Ok(()) => {}
        Err(never) => match never {},
    }
}

/// The common case: floats without start timestamps.
fn float_row(kind: RateKind, windows: &WindowGrid, series: &Series, resets: &Resets, row: &mut Row) {
    let (times, values) = (&series.columns.timestamps[..], &series.columns.values[..]);
    let mut edges = Edges::default();
    let mut next_reset = 0;
    for step in 0..windows.grid.steps() {
        let end_ms = windows.range_end_ms(step);
        let start_ms = end_ms.saturating_sub(windows.range_ms);
        let window = edges.advance(times, start_ms, end_ms);
        if window.len() < 2 {
            continue;
        }
        let (first, last) = (window.start, window.end - 1);
        let mut change = values[last] - values[first];
        while resets.places.get(next_reset).is_some_and(|(place, _)| *place <= first) {
            next_reset += 1;
        }
        for (_, before) in resets.places[next_reset..].iter().take_while(|(place, _)| *place <= last) {
            change += before;
        }
        let stretch = Stretch::of(kind, &times[window], start_ms, end_ms, 0);
        row.set_float(step, change * stretch.factor(kind, windows, change, values[first]));
    }
}

/// Where a series of floats was reset or its start times overlap; only counters have either.
struct Resets {
    /// Place of the first sample after a reset, and the value before it.
    places: Vec<(usize, f64)>,
    /// Places whose start time lies before the sample before.
    overlaps: Vec<usize>,
}

impl Resets {
    fn of(kind: RateKind, series: &Series) -> Self {
        let mut resets = Self { places: Vec::new(), overlaps: Vec::new() };
        if !kind.counter {
            return resets;
        }
        let values = &series.columns.values;
        let starts = &series.columns.start_timestamps;
        let times = &series.columns.timestamps;
        if starts.is_empty() {
            let decreases = values.windows(2).enumerate().filter(|(_, pair)| pair[1] < pair[0]);
            resets.places.extend(decreases.map(|(place, pair)| (place + 1, pair[0])));
            return resets;
        }
        for place in 1..values.len() {
            let before = place - 1;
            if starts[place] != 0 && starts[place] < times[before] && starts[place] != starts[before] {
                resets.overlaps.push(place);
            }
            if values[place] < values[before]
                || started_between(starts[before], times[before], starts[place], times[place])
            {
                resets.places.push((place, values[before]));
            }
        }
        resets
    }
}

/// Whether the start timestamp of a sample says that the counter began anew after the sample before.
pub fn started_between(start_before: i64, time_before: i64, start: i64, time: i64) -> bool {
    if start == 0 || start >= time || start < time_before {
        // Unknown, not possible, or begun earlier.
        return false;
    }
    if start > time_before {
        return true;
    }
    // Begun exactly at the sample before: a delta, unless that sample's own start is unknown or impossible.
    start_before <= time_before && start_before != 0 && start_before != time_before
}

fn float_step(kind: RateKind, windows: &WindowGrid, window: &Window<'_>, mut change: f64) -> Option<f64> {
    let first = window.values[0];
    let started_ms = window.starts.first().copied().unwrap_or(0);
    let stretch = Stretch::of(kind, window.times, window.start_ms, window.end_ms, started_ms);
    if stretch.from_zero {
        change += first;
    } else if window.times.len() < 2 {
        return None;
    }
    Some(change * stretch.factor(kind, windows, change, first))
}

/// How far the samples are from the bounds of the range.
struct Stretch {
    to_start: f64,
    to_end: f64,
    sampled: f64,
    average: f64,
    /// The counter began inside of the range: its first sample counts whole, and nothing is extrapolated before it.
    from_zero: bool,
}

impl Stretch {
    #[inline]
    fn of(kind: RateKind, times: &[i64], start_ms: i64, end_ms: i64, started_ms: i64) -> Self {
        let (first, last) = (times[0], times[times.len() - 1]);
        let seconds = |ms: i64| ms as f64 / 1000.0;
        let intervals = times.len() - 1;
        let mut sampled = seconds(last - first);
        let average = if intervals > 0 { sampled / intervals as f64 } else { 0.0 };
        let mut to_start = seconds(first - start_ms);
        let from_zero = kind.counter && started_ms != 0 && started_ms > start_ms && started_ms < first;
        if from_zero {
            to_start = 0.0;
            sampled = seconds(last - started_ms);
        }
        Self { to_start, to_end: seconds(end_ms - last), sampled, average, from_zero }
    }

    /// By what the change between the samples is multiplied. `change` and `first` are of the float, or of the count of a histogram.
    #[inline]
    fn factor(mut self, kind: RateKind, windows: &WindowGrid, change: f64, first: f64) -> f64 {
        let threshold = self.average * 1.1;
        if !self.from_zero {
            if self.to_start >= threshold {
                self.to_start = self.average / 2.0;
            }
            if kind.counter && change > 0.0 && first >= 0.0 {
                let to_zero = self.sampled * (first / change);
                if to_zero < self.to_start {
                    self.to_start = to_zero;
                }
            }
        }
        if self.to_end >= threshold {
            self.to_end = self.average / 2.0;
        }
        let factor = if self.sampled == 0.0 {
            1.0
        } else {
            (self.sampled + self.to_start + self.to_end) / self.sampled
        };
        if kind.per_second { factor / windows.range_seconds() } else { factor }
    }
}

fn histogram_step(
    kind: RateKind,
    windows: &WindowGrid,
    window: &Window<'_>,
    pairs: &mut PairResets<'_>,
    context: &mut Context<'_>,
) -> Option<FloatHistogram> {
    let started_ms = match kind.counter {
        true => window.histogram_starts.first().copied().unwrap_or(0),
        false => 0,
    };
    let stretch = Stretch::of(kind, window.histogram_times, window.start_ms, window.end_ms, started_ms);
    let mut change = match window.histograms.len() {
        0 => return None,
        1 => None,
        _ => Some(histogram_change(kind, window, pairs, context)?),
    };
    let first = &window.histograms[0];
    if stretch.from_zero {
        match &mut change {
            Some(change) => add(change, first, context)?,
            None => change = Some(FloatHistogram::clone(first)),
        }
    }
    let mut change = change?;
    let factor = stretch.factor(kind, windows, change.count, first.count);
    change.multiply(factor);
    Some(change)
}

/// Last minus first, plus what was there at every reset between them.
fn histogram_change(
    kind: RateKind,
    window: &Window<'_>,
    pairs: &mut PairResets<'_>,
    context: &mut Context<'_>,
) -> Option<FloatHistogram> {
    let histograms = window.histograms;
    let (first, last) = (&histograms[0], &histograms[histograms.len() - 1]);
    let name = context.name();
    let is_gauge = |histogram: &FloatHistogram| histogram.reset_hint == CounterResetHint::Gauge;
    if kind.counter && (is_gauge(first) || is_gauge(last)) {
        context.note(Note::NotACounter(name));
    }
    // After a reset, the first sample does not matter, not even for the layout.
    let first_counts = !(kind.counter && pairs.is_reset(window.first_histogram + 1));
    let base: &FloatHistogram = if first_counts { first } else { &histograms[1] };
    let custom = base.uses_custom_buckets();
    if last.uses_custom_buckets() != custom {
        context.note(Note::MixedExponentialCustom(name));
        return None;
    }
    let mut schema = last.schema.min(base.schema);
    if kind.counter {
        for histogram in &histograms[1..histograms.len() - 1] {
            if is_gauge(histogram) {
                context.note(Note::NotACounter(name));
            }
            schema = schema.min(histogram.schema);
            if histogram.uses_custom_buckets() != custom {
                context.note(Note::MixedExponentialCustom(name));
                return None;
            }
        }
    }
    let mut change = FloatHistogram::clone(last);
    if schema < change.schema {
        change.reduce_resolution(schema).ok()?;
    }
    if first_counts {
        subtract(&mut change, first, context)?;
    }
    if kind.counter {
        note_overlap(window, context);
        for place in 1..histograms.len() {
            let counted = place > 1 || first_counts;
            if counted && pairs.is_reset(window.first_histogram + place) {
                add(&mut change, &histograms[place - 1], context)?;
            }
        }
    } else if !is_gauge(first) || !is_gauge(last) {
        context.note(Note::NotAGauge(name));
    }
    change.reset_hint = CounterResetHint::Gauge;
    change.compact(0);
    Some(change)
}

fn note_overlap(window: &Window<'_>, context: &mut Context<'_>) {
    let starts = window.histogram_starts;
    let overlaps = |place: usize| {
        starts[place] != 0
            && starts[place] < window.histogram_times[place - 1]
            && starts[place] != starts[place - 1]
    };
    if (1..starts.len()).any(overlaps) {
        let name = context.name();
        context.note(Note::StartTimeOverlap(name));
    }
}

/// Adds, and says what had to be bent. `None` when the layouts do not go together.
pub fn add(sum: &mut FloatHistogram, other: &FloatHistogram, context: &mut Context<'_>) -> Option<()> {
    let merged = sum.add(other);
    noted(merged, HistogramOperation::Addition, context)
}

/// Subtracts, else as [`add`].
pub fn subtract(
    difference: &mut FloatHistogram,
    other: &FloatHistogram,
    context: &mut Context<'_>,
) -> Option<()> {
    let merged = difference.subtract(other);
    noted(merged, HistogramOperation::Subtraction, context)
}

fn noted(
    merged: Result<model::histogram::Merged, HistogramError>,
    operation: HistogramOperation,
    context: &mut Context<'_>,
) -> Option<()> {
    match merged {
        Ok(merged) if merged.bounds_reconciled => context.note(Note::MismatchedCustomBuckets(operation)),
        Ok(_) => {}
        Err(_) => {
            let name = context.name();
            context.note(Note::MixedExponentialCustom(name));
            return None;
        }
    }
    Some(())
}

/// Whether there was a reset right before each histogram of a series, found out once.
pub struct PairResets<'a> {
    series: &'a Series,
    known: Vec<Option<bool>>,
}

impl<'a> PairResets<'a> {
    pub fn new(series: &'a Series) -> Self {
        Self { series, known: vec![None; series.histograms.values.len()] }
    }

    /// Between the histogram at `place` and the one before it.
    pub fn is_reset(&mut self, place: usize) -> bool {
        if let Some(known) = self.known[place] {
            return known;
        }
        let histograms = &self.series.histograms;
        let (now, before) = (&histograms.values[place], &histograms.values[place - 1]);
        let by_start = histograms.starts.get(place).is_some_and(|start| {
            let times = &histograms.times;
            started_between(histograms.starts[place - 1], times[place - 1], *start, times[place])
        });
        let reset = by_start || now.is_reset_since(before);
        self.known[place] = Some(reset);
        reset
    }
}

/// `irate` (`counter`) and `idelta`: from the last two samples alone.
pub fn instant_change(counter: bool, window: &Window<'_>, context: &mut Context<'_>) -> Option<Sample> {
    let (before, last) = last_two(window)?;
    let interval_ms = last.time_ms - before.time_ms;
    if interval_ms == 0 {
        return None;
    }
    let restarted = started_between(before.start_ms, before.time_ms, last.start_ms, last.time_ms);
    let seconds = interval_ms as f64 / 1000.0;
    let name = context.name();
    match (before.histogram, last.histogram) {
        (None, None) => {
            let reset = counter && (last.value < before.value || restarted);
            let change = if reset { last.value } else { last.value - before.value };
            Some(Sample::Float(if counter { change / seconds } else { change }))
        }
        (Some(before), Some(last)) => {
            let gauges = [before, last].map(|histogram| histogram.reset_hint == CounterResetHint::Gauge);
            if counter && gauges.contains(&true) {
                context.note(Note::NotACounter(name));
            }
            if !counter && gauges.contains(&false) {
                context.note(Note::NotAGauge(name));
            }
            let mut change = FloatHistogram::clone(last);
            if !counter || !(restarted || last.is_reset_since(before)) {
                subtract(&mut change, before, context)?;
            }
            change.reset_hint = CounterResetHint::Gauge;
            change.compact(0);
            if counter {
                change.divide(seconds);
            }
            Some(Sample::Histogram(Arc::new(change)))
        }
        _ => {
            context.note(Note::MixedFloatsHistograms(name));
            None
        }
    }
}

/// A sample of either kind.
#[derive(Clone, Copy)]
struct Point<'a> {
    time_ms: i64,
    start_ms: i64,
    value: f64,
    histogram: Option<&'a FloatHistogram>,
}

/// The two newest samples of a window, floats and histograms taken together.
fn last_two<'a>(window: &Window<'a>) -> Option<(Point<'a>, Point<'a>)> {
    let (mut floats, mut histograms) = (window.times.len(), window.histogram_times.len());
    let mut newest = || {
        let float_is_newer = match (floats.checked_sub(1), histograms.checked_sub(1)) {
            (None, None) => return None,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(float), Some(histogram)) => window.times[float] > window.histogram_times[histogram],
        };
        Some(if float_is_newer {
            floats -= 1;
            Point {
                time_ms: window.times[floats],
                start_ms: window.starts.get(floats).copied().unwrap_or(0),
                value: window.values[floats],
                histogram: None,
            }
        } else {
            histograms -= 1;
            Point {
                time_ms: window.histogram_times[histograms],
                start_ms: window.histogram_starts.get(histograms).copied().unwrap_or(0),
                value: 0.0,
                histogram: Some(&window.histograms[histograms]),
            }
        })
    };
    let last = newest()?;
    Some((newest()?, last))
}
