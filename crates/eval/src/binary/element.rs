//! One operator on two samples: floats, histograms, or one of each.

use crate::annotations::{Annotations, HistogramOperation, Note};
use crate::grid::{Sample, SampleRef};
use model::histogram::{CounterResetHint, FloatHistogram};
use promql::Span;
use promql::ast::BinaryOp;
use std::sync::Arc;

/// Where an operator notes what is wrong with its operands.
pub struct OpContext<'a> {
    pub notes: &'a mut Annotations,
    pub span: Span,
}

/// What an operator makes of two samples.
pub struct Outcome {
    pub sample: Sample,
    /// False when a comparison does not hold.
    pub keep: bool,
}

/// The float result of an operator that always has one; comparisons are 1 or 0.
pub fn floats(op: BinaryOp, left: f64, right: f64) -> f64 {
    let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
    match op {
        BinaryOp::Add => left + right,
        BinaryOp::Sub => left - right,
        BinaryOp::Mul => left * right,
        BinaryOp::Div => left / right,
        BinaryOp::Pow => power(left, right),
        BinaryOp::Mod => left % right,
        BinaryOp::Atan2 => left.atan2(right),
        _ => truth(compare(op, left, right)),
    }
}

/// Go's `math.Pow` differs from C's (and Rust's) in one case: (-1)^±Inf is 1 in both; NaN^0 and 1^NaN are 1 in both. Kept as one place to say so.
fn power(base: f64, exponent: f64) -> f64 {
    base.powf(exponent)
}

/// Whether a comparison of floats holds; false for what is no comparison.
pub fn compare(op: BinaryOp, left: f64, right: f64) -> bool {
    match op {
        BinaryOp::Eq => left == right,
        BinaryOp::Ne => left != right,
        BinaryOp::Lt => left < right,
        BinaryOp::Le => left <= right,
        BinaryOp::Gt => left > right,
        BinaryOp::Ge => left >= right,
        _ => false,
    }
}

/// `None` when the operands do not go together; that is noted.
pub fn apply(
    op: BinaryOp,
    left: SampleRef<'_>,
    right: SampleRef<'_>,
    context: &mut OpContext<'_>,
) -> Option<Outcome> {
    let result = match (left, right) {
        (SampleRef::Float(left), SampleRef::Float(right)) if !op.is_trim() => {
            return Some(match op.is_comparison() {
                true => Outcome { sample: Sample::Float(left), keep: compare(op, left, right) },
                false => Outcome { sample: Sample::Float(floats(op, left, right)), keep: true },
            });
        }
        (SampleRef::Float(left), SampleRef::Histogram(right)) => scaled(op, right, left, true),
        (SampleRef::Histogram(left), SampleRef::Float(right)) => scaled(op, left, right, false),
        (SampleRef::Histogram(left), SampleRef::Histogram(right))
            if op == BinaryOp::Eq || op == BinaryOp::Ne =>
        {
            let keep = (left == right) == (op == BinaryOp::Eq);
            return Some(Outcome { sample: Sample::Histogram(Arc::clone(left)), keep });
        }
        (SampleRef::Histogram(left), SampleRef::Histogram(right))
            if matches!(op, BinaryOp::Add | BinaryOp::Sub) =>
        {
            Some(added(op, left, right, context)?)
        }
        _ => None,
    };
    let Some(histogram) = result else {
        let kind = |sample| if matches!(sample, SampleRef::Float(_)) { "float" } else { "histogram" };
        let note = Note::IncompatibleTypes { left: kind(left), op: op.symbol(), right: kind(right) };
        context.notes.add(note, context.span);
        return None;
    };
    Some(Outcome { sample: Sample::Histogram(Arc::new(histogram)), keep: true })
}

/// A histogram and a number: multiplied, divided, trimmed.
fn scaled(
    op: BinaryOp,
    histogram: &FloatHistogram,
    number: f64,
    number_first: bool,
) -> Option<FloatHistogram> {
    let allowed = match op {
        BinaryOp::Mul => true,
        BinaryOp::Div | BinaryOp::TrimUpper | BinaryOp::TrimLower => !number_first,
        _ => false,
    };
    if !allowed {
        return None;
    }
    let mut result = histogram.clone();
    match op {
        BinaryOp::Mul => result.multiply(number),
        BinaryOp::Div => result.divide(number),
        BinaryOp::TrimUpper => result.trim_upper(number),
        _ => result.trim_lower(number),
    }
    if matches!(op, BinaryOp::Mul | BinaryOp::Div) {
        result.compact(0);
    }
    Some(result)
}

fn added(
    op: BinaryOp,
    left: &FloatHistogram,
    right: &FloatHistogram,
    context: &mut OpContext<'_>,
) -> Option<FloatHistogram> {
    let mut result = left.clone();
    let (merged, operation) = match op {
        BinaryOp::Add => (result.add(right), HistogramOperation::Addition),
        _ => (result.subtract(right), HistogramOperation::Subtraction),
    };
    let Ok(merged) = merged else {
        context.notes.add(Note::IncompatibleBucketLayout(op.symbol()), context.span);
        return None;
    };
    if op == BinaryOp::Sub {
        result.reset_hint = CounterResetHint::Gauge;
    }
    if merged.reset_collision {
        // As in Prometheus, hints that contradict each other leave no result.
        context.notes.add(Note::CounterResetCollision(operation), context.span);
        return None;
    }
    if merged.bounds_reconciled {
        context.notes.add(Note::MismatchedCustomBuckets(operation), context.span);
    }
    result.compact(0);
    Some(result)
}
