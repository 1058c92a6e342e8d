//! A vector and a scalar: every row against a column of numbers.

use super::element::{OpContext, apply, compare, floats};
use crate::grid::{Row, Sample, SampleRef};
use promql::ast::BinaryOp;

/// An operator with its scalar side.
#[derive(Clone, Copy, Debug)]
pub struct ScalarOp {
    pub op: BinaryOp,
    /// The scalar stands on the left.
    pub scalar_first: bool,
    /// `bool`: comparisons give 1 or 0 instead of filtering.
    pub returns_bool: bool,
}

impl ScalarOp {
    /// Whether the result is another quantity, so that the metric name goes.
    pub fn drops_name(&self) -> bool {
        self.returns_bool || (!self.op.is_comparison() && !self.op.is_trim())
    }

    /// Changes `row` to the result; `scalars` has one number per step.
    pub fn apply(&self, row: &mut Row, scalars: &[f64], context: &mut OpContext<'_>) {
        row.drop_name |= self.drops_name();
        if row.histograms.is_none() && !self.op.is_trim() {
            self.apply_to_floats(row, scalars);
            return;
        }
        let steps: Vec<usize> = row.present.iter().collect();
        for step in steps {
            match self.step(row, step, scalars[step], context) {
                Some(sample) => {
                    row.remove(step);
                    row.set(step, sample);
                }
                None => row.remove(step),
            }
        }
        row.forget_absent_histograms();
    }

    fn step(&self, row: &Row, step: usize, scalar: f64, context: &mut OpContext<'_>) -> Option<Sample> {
        let own = row.get(step)?;
        let (left, right) =
            if self.scalar_first { (SampleRef::Float(scalar), own) } else { (own, SampleRef::Float(scalar)) };
        let outcome = apply(self.op, left, right, context)?;
        if self.returns_bool {
            return Some(Sample::Float(if outcome.keep { 1.0 } else { 0.0 }));
        }
        // A comparison keeps the element of the vector, whichever side it stands on.
        let sample = if self.op.is_comparison() { own.to_owned() } else { outcome.sample };
        outcome.keep.then_some(sample)
    }

    /// Without histograms: tight loops; values at steps without a sample are computed and never looked at.
    fn apply_to_floats(&self, row: &mut Row, scalars: &[f64]) {
        let pairs = row.values.iter_mut().zip(scalars);
        let sides = |own: f64, scalar: f64| if self.scalar_first { (scalar, own) } else { (own, scalar) };
        if self.op.is_comparison() && !self.returns_bool {
            let steps: Vec<usize> = row.present.iter().collect();
            for step in steps {
                let (left, right) = sides(row.values[step], scalars[step]);
                if !compare(self.op, left, right) {
                    row.present.clear(step);
                }
            }
            return;
        }
        match (self.op, self.scalar_first) {
            (BinaryOp::Add, _) => pairs.for_each(|(own, scalar)| *own += scalar),
            (BinaryOp::Mul, _) => pairs.for_each(|(own, scalar)| *own *= scalar),
            (BinaryOp::Sub, false) => pairs.for_each(|(own, scalar)| *own -= scalar),
            (BinaryOp::Div, false) => pairs.for_each(|(own, scalar)| *own /= scalar),
            _ => pairs.for_each(|(own, scalar)| {
                let (left, right) = sides(*own, *scalar);
                *own = floats(self.op, left, right);
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::annotations::Annotations;
    use promql::Span;
    use std::sync::Arc;

    fn check(op: ScalarOp, values: &[f64], scalars: &[f64], expect: &[Option<f64>]) {
        let mut row = Row::empty(Arc::default(), false, values.len());
        values.iter().enumerate().for_each(|(step, value)| row.set_float(step, *value));
        let mut notes = Annotations::default();
        op.apply(&mut row, scalars, &mut OpContext { notes: &mut notes, span: Span::default() });
        let found: Vec<_> = (0..values.len()).map(|step| row.get(step).and_then(|s| s.float())).collect();
        assert_eq!(found, expect, "{op:?}");
    }

    #[test]
    fn sides_filters_and_bool() {
        let op = |op, scalar_first, returns_bool| ScalarOp { op, scalar_first, returns_bool };
        check(op(BinaryOp::Sub, false, false), &[5.0, 7.0], &[1.0, 2.0], &[Some(4.0), Some(5.0)]);
        check(op(BinaryOp::Sub, true, false), &[5.0, 7.0], &[1.0, 2.0], &[Some(-4.0), Some(-5.0)]);
        check(op(BinaryOp::Gt, false, false), &[5.0, 7.0], &[6.0, 6.0], &[None, Some(7.0)]);
        check(op(BinaryOp::Gt, true, false), &[5.0, 7.0], &[6.0, 6.0], &[Some(5.0), None]);
        check(op(BinaryOp::Gt, false, true), &[5.0, 7.0], &[6.0, 6.0], &[Some(0.0), Some(1.0)]);
        check(op(BinaryOp::TrimUpper, false, false), &[5.0], &[6.0], &[None]);
    }
}
