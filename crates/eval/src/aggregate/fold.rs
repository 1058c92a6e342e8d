//! Aggregations that fold series after series into one row: `sum avg min max count group stddev stdvar`.
//!
//! The accumulator is a few columns over the steps; adding a row without gaps and histograms is one tight loop over them.

use super::histograms::HistogramState;
use super::mean::FloatMean;
use crate::annotations::{Annotations, Note};
use crate::grid::{Bits, Row, Sample, SampleRef};
use model::Labels;
use model::histogram::{FloatHistogram, Kahan};
use promql::Span;
use promql::ast::Aggregator;
use std::sync::Arc;

/// Which fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoldKind {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    Stddev,
    Stdvar,
}

impl FoldKind {
    pub fn of(op: Aggregator) -> Option<Self> {
        Some(match op {
            Aggregator::Sum => Self::Sum,
            Aggregator::Avg => Self::Avg,
            Aggregator::Min => Self::Min,
            Aggregator::Max => Self::Max,
            Aggregator::Count => Self::Count,
            Aggregator::Group => Self::Group,
            Aggregator::Stddev => Self::Stddev,
            Aggregator::Stdvar => Self::Stdvar,
            _ => return None,
        })
    }

    /// Whether parts of a group that were folded apart can be put together.
    pub fn is_mergeable(self) -> bool {
        !matches!(self, Self::Avg | Self::Stddev | Self::Stdvar)
    }

    /// Adds up histograms; the others pass over them or only count them.
    fn adds_histograms(self) -> bool {
        matches!(self, Self::Sum | Self::Avg)
    }

    fn ignores_histograms_as(self) -> Option<&'static str> {
        match self {
            Self::Min => Some("min"),
            Self::Max => Some("max"),
            Self::Stddev => Some("stddev"),
            Self::Stdvar => Some("stdvar"),
            _ => None,
        }
    }
}

/// One group in the making.
pub struct Accumulator {
    kind: FoldKind,
    /// Steps with anything that counts.
    seen: Bits,
    drop_name: bool,
    /// Sum, extreme, count, or sum of squared distances from the mean.
    values: Vec<f64>,
    /// Compensation of the sum, or the mean of `stddev`.
    extra: Vec<f64>,
    /// Samples per step, where they matter.
    counts: Vec<f64>,
    /// Means whose sum overflowed: they are carried on here.
    running: Vec<(usize, FloatMean)>,
    floats: Bits,
    histograms: Option<Histograms>,
}

struct Histograms {
    present: Bits,
    states: Vec<Option<Box<HistogramState>>>,
}

/// Where the annotations of an aggregation go.
pub struct FoldContext<'a> {
    pub notes: &'a mut Annotations,
    pub span: Span,
}

impl Accumulator {
    pub fn new(kind: FoldKind, steps: usize) -> Self {
        use FoldKind::*;
        let initial = match kind {
            // The neutral element of addition, sign included.
            Sum | Avg => -0.0,
            Min | Max => f64::NAN,
            _ => 0.0,
        };
        let column = |wanted: bool| if wanted { vec![0.0; steps] } else { Vec::new() };
        Self {
            kind,
            seen: Bits::none(steps),
            drop_name: false,
            values: vec![initial; steps],
            extra: column(matches!(kind, Sum | Avg | Stddev | Stdvar)),
            counts: column(matches!(kind, Avg | Stddev | Stdvar)),
            running: Vec::new(),
            floats: Bits::none(steps),
            histograms: None,
        }
    }

    /// What an accumulator of so many steps occupies.
    pub fn byte_size(kind: FoldKind, steps: usize) -> usize {
        let columns = if matches!(kind, FoldKind::Avg | FoldKind::Stddev | FoldKind::Stdvar) { 3 } else { 2 };
        steps * 8 * columns + steps / 4
    }

    pub fn add(&mut self, row: &Row, context: &mut FoldContext<'_>) {
        if row.is_empty() {
            return;
        }
        self.drop_name |= row.drop_name;
        let steps = self.values.len();
        if row.histograms.is_none() && self.histograms.is_none() && row.present.is_full(steps) {
            self.add_whole(&row.values);
            self.seen.set_all(steps);
            return;
        }
        for (step, sample) in row.samples() {
            match sample {
                SampleRef::Float(value) => self.add_float(step, value),
                SampleRef::Histogram(histogram) => {
                    self.add_histogram(step, histogram, row.labels.metric_name(), context);
                }
            }
        }
    }

    /// Adds a row without gaps.
    fn add_whole(&mut self, row: &[f64]) {
        match self.kind {
            FoldKind::Sum => {
                add_compensated(&mut self.values, &mut self.extra, row);
                self.floats.set_all(row.len());
            }
            FoldKind::Avg => self.add_whole_to_mean(row),
            FoldKind::Min => self.values.iter_mut().zip(row).for_each(|(own, value)| {
                *own = if *own > *value || own.is_nan() { *value } else { *own };
            }),
            FoldKind::Max => self.values.iter_mut().zip(row).for_each(|(own, value)| {
                *own = if *own < *value || own.is_nan() { *value } else { *own };
            }),
            FoldKind::Count => self.values.iter_mut().for_each(|own| *own += 1.0),
            FoldKind::Group => self.values.fill(1.0),
            FoldKind::Stddev | FoldKind::Stdvar => {
                row.iter().enumerate().for_each(|(step, value)| self.add_float(step, *value));
            }
        }
    }

    fn add_whole_to_mean(&mut self, row: &[f64]) {
        let overflows = self.values.iter().zip(row).any(|(own, value)| (own + value).is_infinite());
        if overflows || !self.running.is_empty() {
            row.iter().enumerate().for_each(|(step, value)| self.add_float(step, *value));
            return;
        }
        add_compensated(&mut self.values, &mut self.extra, row);
        self.counts.iter_mut().for_each(|count| *count += 1.0);
        self.floats.set_all(row.len());
    }

    fn add_float(&mut self, step: usize, value: f64) {
        if self.is_incompatible(step) {
            return;
        }
        self.seen.set(step);
        let own = &mut self.values[step];
        match self.kind {
            FoldKind::Sum => {
                self.floats.set(step);
                let mut sum = Kahan { sum: *own, compensation: self.extra[step] };
                sum.add_value(value);
                (*own, self.extra[step]) = (sum.sum, sum.compensation);
            }
            FoldKind::Avg => {
                self.floats.set(step);
                self.add_to_mean(step, value);
            }
            FoldKind::Min if *own > value || own.is_nan() => *own = value,
            FoldKind::Max if *own < value || own.is_nan() => *own = value,
            FoldKind::Min | FoldKind::Max => {}
            FoldKind::Count => *own += 1.0,
            FoldKind::Group => *own = 1.0,
            FoldKind::Stddev | FoldKind::Stdvar => {
                self.counts[step] += 1.0;
                if self.counts[step] == 1.0 {
                    *own = if value.is_finite() { 0.0 } else { f64::NAN };
                    self.extra[step] = value;
                    return;
                }
                let mean = &mut self.extra[step];
                let delta = value - *mean;
                *mean += delta / self.counts[step];
                *own += delta * (value - *mean);
            }
        }
    }

    fn add_to_mean(&mut self, step: usize, value: f64) {
        self.counts[step] += 1.0;
        if let Some((_, mean)) = self.running.iter_mut().find(|(place, _)| *place == step) {
            mean.add(value);
            return;
        }
        let mut sum = Kahan { sum: self.values[step], compensation: self.extra[step] };
        sum.add_value(value);
        if sum.sum.is_infinite() && self.counts[step] > 1.0 {
            let before = Kahan { sum: self.values[step], compensation: self.extra[step] };
            let mut mean = FloatMean::resume(before, self.counts[step] - 1.0);
            mean.add(value);
            self.running.push((step, mean));
            return;
        }
        (self.values[step], self.extra[step]) = (sum.sum, sum.compensation);
    }

    fn is_incompatible(&self, step: usize) -> bool {
        let state = self.histograms.as_ref().and_then(|histograms| histograms.states[step].as_ref());
        state.is_some_and(|state| state.incompatible)
    }

    fn add_histogram(
        &mut self,
        step: usize,
        histogram: &FloatHistogram,
        name: &str,
        context: &mut FoldContext<'_>,
    ) {
        if let Some(ignored) = self.kind.ignores_histograms_as() {
            context.notes.add(Note::HistogramIgnoredInAggregation(ignored), context.span);
            return;
        }
        if !self.kind.adds_histograms() {
            // `count` and `group` do not look at values.
            self.add_float(step, 1.0);
            return;
        }
        let steps = self.values.len();
        let mean = self.kind == FoldKind::Avg;
        self.seen.set(step);
        let histograms = self.histograms.get_or_insert_with(|| Histograms {
            present: Bits::none(steps),
            states: std::iter::repeat_with(|| None).take(steps).collect(),
        });
        histograms.present.set(step);
        match &mut histograms.states[step] {
            Some(state) if state.incompatible => {}
            Some(state) => state.add(histogram, name, context.span, context.notes),
            // After a float the group has no result at this step, so nothing needs to be kept.
            None if self.floats.get(step) => {}
            place @ None => *place = Some(Box::new(HistogramState::of(histogram, mean))),
        }
    }

    /// Adds a later part of the same group; see [`FoldKind::is_mergeable`].
    pub fn merge(&mut self, other: Self, context: &mut FoldContext<'_>) {
        self.drop_name |= other.drop_name;
        for step in other.seen.iter() {
            let has_float = !self.kind.adds_histograms() || other.floats.get(step);
            if !has_float {
                continue;
            }
            if self.kind == FoldKind::Count && self.seen.get(step) {
                self.values[step] += other.values[step];
            } else if self.kind == FoldKind::Count {
                self.values[step] = other.values[step];
                self.seen.set(step);
            } else {
                self.add_float(step, other.values[step]);
            }
            if self.kind == FoldKind::Sum {
                self.add_float(step, other.extra[step]);
            }
        }
        let Some(histograms) = other.histograms else { return };
        for (step, state) in histograms.states.into_iter().enumerate() {
            if !histograms.present.get(step) {
                continue;
            }
            self.seen.set(step);
            let steps = self.values.len();
            let own = self.histograms.get_or_insert_with(|| Histograms {
                present: Bits::none(steps),
                states: std::iter::repeat_with(|| None).take(steps).collect(),
            });
            own.present.set(step);
            match (&mut own.states[step], state) {
                (Some(own), Some(state)) => own.merge(*state, "", context.span, context.notes),
                (place @ None, state) => *place = state,
                (Some(_), None) => {}
            }
        }
    }

    /// The row of the group; empty when nothing was added.
    pub fn finish(mut self, labels: Arc<Labels>, context: &mut FoldContext<'_>) -> Row {
        let steps = self.values.len();
        let mut states = self.histograms.take();
        if states.is_none() && self.seen.is_full(steps) {
            self.finish_floats();
            let values = self.values.into();
            return Row { labels, drop_name: self.drop_name, values, present: self.seen, histograms: None };
        }
        self.finish_floats();
        let mut row = Row::empty(labels, self.drop_name, steps);
        for step in self.seen.iter() {
            let has_histogram = states.as_ref().is_some_and(|states| states.present.get(step));
            if !has_histogram {
                row.set_float(step, self.values[step]);
                continue;
            }
            if self.floats.get(step) {
                context.notes.add(Note::MixedFloatsHistogramsInAggregation, context.span);
                continue;
            }
            let state = states.as_mut().and_then(|states| states.states[step].take());
            if let Some(state) = state.filter(|state| !state.incompatible) {
                row.set(step, Sample::Histogram(Arc::new(state.result(context.span, context.notes))));
            }
        }
        row
    }

    fn finish_floats(&mut self) {
        match self.kind {
            FoldKind::Sum => {
                self.values.iter_mut().zip(&self.extra).for_each(|(value, extra)| *value += extra);
            }
            FoldKind::Avg => {
                for ((value, extra), count) in self.values.iter_mut().zip(&self.extra).zip(&self.counts) {
                    *value = *value / count + extra / count;
                }
                for (step, mean) in self.running.drain(..) {
                    self.values[step] = mean.result();
                }
            }
            FoldKind::Stdvar => {
                self.values.iter_mut().zip(&self.counts).for_each(|(value, count)| *value /= count);
            }
            FoldKind::Stddev => {
                self.values
                    .iter_mut()
                    .zip(&self.counts)
                    .for_each(|(value, count)| *value = (*value / count).sqrt());
            }
            FoldKind::Min | FoldKind::Max | FoldKind::Count | FoldKind::Group => {}
        }
    }
}

/// Kahan's addition (Neumaier's variant) of a row to a row, without branches.
fn add_compensated(sums: &mut [f64], compensations: &mut [f64], row: &[f64]) {
    for ((sum, compensation), value) in sums.iter_mut().zip(compensations).zip(row) {
        let total = *sum + value;
        let own_is_larger = sum.abs() >= value.abs();
        let (large, small) = if own_is_larger { (*sum, *value) } else { (*value, *sum) };
        let lost = (large - total) + small;
        *compensation = if total.is_infinite() { 0.0 } else { *compensation + lost };
        *sum = total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[Option<f64>]) -> Row {
        let mut row = Row::empty(Arc::default(), false, values.len());
        for (step, value) in values.iter().enumerate() {
            if let Some(value) = value {
                row.set_float(step, *value);
            }
        }
        row
    }

    fn fold(kind: FoldKind, rows: &[&[Option<f64>]]) -> Vec<Option<f64>> {
        let mut notes = Annotations::default();
        let mut context = FoldContext { notes: &mut notes, span: Span::default() };
        let steps = rows[0].len();
        let mut whole = Accumulator::new(kind, steps);
        rows.iter().for_each(|values| whole.add(&row(values), &mut context));
        let whole = whole.finish(Arc::default(), &mut context);
        let result: Vec<_> = (0..steps).map(|step| whole.get(step).and_then(|s| s.float())).collect();
        if kind.is_mergeable() {
            let mut parts = rows.iter().map(|values| {
                let mut part = Accumulator::new(kind, steps);
                let mut notes = Annotations::default();
                part.add(&row(values), &mut FoldContext { notes: &mut notes, span: Span::default() });
                part
            });
            let mut merged = parts.next().unwrap();
            parts.for_each(|part| merged.merge(part, &mut context));
            let merged = merged.finish(Arc::default(), &mut context);
            let merged: Vec<_> = (0..steps).map(|step| merged.get(step).and_then(|s| s.float())).collect();
            assert_eq!(merged, result);
        }
        result
    }

    #[test]
    fn folds_work_with_and_without_gaps() {
        let a: &[Option<f64>] = &[Some(1.0), Some(2.0), None, Some(1e100)];
        let b: &[Option<f64>] = &[Some(3.0), None, None, Some(1.0)];
        let c: &[Option<f64>] = &[Some(8.0), Some(4.0), None, Some(-1e100)];
        let check = |kind, expect: &[Option<f64>]| assert_eq!(fold(kind, &[a, b, c]), expect, "{kind:?}");
        check(FoldKind::Sum, &[Some(12.0), Some(6.0), None, Some(1.0)]);
        check(FoldKind::Avg, &[Some(4.0), Some(3.0), None, Some(1.0 / 3.0)]);
        check(FoldKind::Min, &[Some(1.0), Some(2.0), None, Some(-1e100)]);
        check(FoldKind::Max, &[Some(8.0), Some(4.0), None, Some(1e100)]);
        check(FoldKind::Count, &[Some(3.0), Some(2.0), None, Some(3.0)]);
        check(FoldKind::Group, &[Some(1.0), Some(1.0), None, Some(1.0)]);
        let whole: &[Option<f64>] = &[Some(1.0), Some(2.0)];
        let other: &[Option<f64>] = &[Some(3.0), Some(2.0)];
        assert_eq!(fold(FoldKind::Stdvar, &[whole, other]), [Some(1.0), Some(0.0)]);
        assert_eq!(fold(FoldKind::Sum, &[whole, other]), [Some(4.0), Some(4.0)]);
        assert_eq!(fold(FoldKind::Avg, &[&[Some(f64::MAX)], &[Some(f64::MAX)]]), [Some(f64::MAX)]);
    }
}
