//! What a group has seen of histograms at one step, for `sum` and `avg`.

use super::mean::HistogramMean;
use crate::annotations::{Annotations, HistogramOperation, Note};
use model::histogram::{CounterResetHint, FloatHistogram, KahanHistogram};
use promql::Span;

/// The running result.
pub(super) enum Running {
    Sum(Box<KahanHistogram>),
    Mean(Box<HistogramMean>),
}

/// A group at one step.
pub(super) struct HistogramState {
    running: Running,
    reset_seen: bool,
    not_reset_seen: bool,
    /// Exponential and custom buckets met: there is no result.
    pub incompatible: bool,
}

impl HistogramState {
    pub fn of(first: &FloatHistogram, mean: bool) -> Self {
        let running = match mean {
            true => Running::Mean(Box::new(HistogramMean::of(first))),
            false => Running::Sum(Box::new(first.to_kahan())),
        };
        let mut state = Self { running, reset_seen: false, not_reset_seen: false, incompatible: false };
        state.hint(first);
        state
    }

    fn hint(&mut self, histogram: &FloatHistogram) {
        self.reset_seen |= histogram.reset_hint == CounterResetHint::Reset;
        self.not_reset_seen |= histogram.reset_hint == CounterResetHint::NotReset;
    }

    pub fn add(&mut self, histogram: &FloatHistogram, name: &str, span: Span, notes: &mut Annotations) {
        self.hint(histogram);
        let merged = match &mut self.running {
            Running::Sum(sum) => sum.add(histogram),
            Running::Mean(mean) => mean.add(histogram),
        };
        match merged {
            Ok(merged) if merged.bounds_reconciled => {
                notes.add(Note::MismatchedCustomBuckets(HistogramOperation::Aggregation), span);
            }
            Ok(_) => {}
            Err(_) => {
                notes.add(Note::MixedExponentialCustom(name), span);
                self.incompatible = true;
            }
        }
    }

    /// Adds another part of the same group.
    pub fn merge(&mut self, other: Self, name: &str, span: Span, notes: &mut Annotations) {
        self.reset_seen |= other.reset_seen;
        self.not_reset_seen |= other.not_reset_seen;
        self.incompatible |= other.incompatible;
        if self.incompatible {
            return;
        }
        if let (Running::Sum(sum), Running::Sum(part)) = (&mut self.running, other.running) {
            let mut part = part.total();
            // Hints of the parts were combined already where they were counted.
            part.reset_hint = sum.reset_hint;
            match sum.add(&part) {
                Ok(merged) if merged.bounds_reconciled => {
                    notes.add(Note::MismatchedCustomBuckets(HistogramOperation::Aggregation), span);
                }
                Ok(_) => {}
                Err(_) => {
                    notes.add(Note::MixedExponentialCustom(name), span);
                    self.incompatible = true;
                }
            }
        }
    }

    pub fn result(self, span: Span, notes: &mut Annotations) -> FloatHistogram {
        if self.reset_seen && self.not_reset_seen {
            notes.add(Note::CounterResetCollision(HistogramOperation::Aggregation), span);
        }
        let mut result = match self.running {
            Running::Sum(sum) => sum.total(),
            Running::Mean(mean) => mean.result(),
        };
        result.compact(0);
        result
    }
}
