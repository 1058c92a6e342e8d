//! Addition and subtraction of histograms of different layouts: resolution, zero bucket and custom bounds are brought together first.

use super::bounds::bound;
use super::buckets::{Buckets, Builder};
use super::cell::{Cell, Kahan};
use super::error::HistogramError;
use super::float::{FloatHistogram, SparseHistogram};
use super::{CounterResetHint, is_exponential};
use std::sync::Arc;

/// What an addition or subtraction had to bend; the caller turns it into annotations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// One side says that there was a counter reset, the other that there was none.
    pub reset_collision: bool,
    /// Custom bounds differed; the result has those that both had.
    pub bounds_reconciled: bool,
}

impl<C: Cell> SparseHistogram<C> {
    /// Adds `other`. Layouts may differ; custom and exponential buckets cannot be added.
    pub fn add(&mut self, other: &FloatHistogram) -> Result<Merged, HistogramError> {
        self.merge(other, false)
    }

    /// Subtracts `other`; the reset hint is combined as in an addition (the `-` of the language makes it a gauge afterwards).
    pub fn subtract(&mut self, other: &FloatHistogram) -> Result<Merged, HistogramError> {
        self.merge(other, true)
    }

    fn merge(&mut self, other: &FloatHistogram, negative: bool) -> Result<Merged, HistogramError> {
        if self.uses_custom_buckets() != other.uses_custom_buckets() {
            return Err(HistogramError::IncompatibleSchema);
        }
        let signed = |value: f64| C::of(if negative { -value } else { value });
        let reset_collision = self.combine_hints(other.reset_hint);
        if !self.uses_custom_buckets() {
            let zero = self.reconcile_zero_buckets(other);
            self.zero_count.add(signed(zero.sum));
            self.zero_count.add(signed(zero.compensation));
        }
        self.count.add(signed(other.count));
        self.sum.add(signed(other.sum));
        if self.uses_custom_buckets() {
            let bounds_reconciled = self.bounds() != other.bounds();
            if bounds_reconciled {
                self.merge_by_common_bounds(other, negative);
            } else {
                merge_side(&mut self.positive, &other.positive, negative, |_| false);
            }
            return Ok(Merged { reset_collision, bounds_reconciled });
        }
        self.merge_exponential(other, negative);
        Ok(Merged { reset_collision, bounds_reconciled: false })
    }

    fn merge_exponential(&mut self, other: &FloatHistogram, negative: bool) {
        let schema = self.schema.min(other.schema);
        if self.schema > schema {
            self.positive = self.positive.reduce_resolution(self.schema, schema);
            self.negative = self.negative.reduce_resolution(self.schema, schema);
            self.schema = schema;
        }
        let threshold = self.zero_threshold;
        let in_zero = move |index| is_exponential(schema) && bound(index, schema, &[]) <= threshold;
        if other.schema > schema {
            let positive = other.positive.reduce_resolution(other.schema, schema);
            let negative_side = other.negative.reduce_resolution(other.schema, schema);
            merge_side(&mut self.positive, &positive, negative, in_zero);
            merge_side(&mut self.negative, &negative_side, negative, in_zero);
        } else {
            merge_side(&mut self.positive, &other.positive, negative, in_zero);
            merge_side(&mut self.negative, &other.negative, negative, in_zero);
        }
    }

    /// The hint of the sum; true when the hints contradict each other.
    fn combine_hints(&mut self, other: CounterResetHint) -> bool {
        use CounterResetHint::{Gauge, Unknown};
        match (self.reset_hint, other) {
            (own, other) if own == other => {}
            (Gauge, _) | (_, Gauge) => self.reset_hint = Gauge,
            (Unknown, _) | (_, Unknown) => self.reset_hint = Unknown,
            _ => {
                self.reset_hint = Unknown;
                return true;
            }
        }
        false
    }

    /// Widens the zero bucket of `self` until it covers that of `other` and ends in no populated bucket of either.
    /// The result is the zero count that `other` has with that threshold.
    fn reconcile_zero_buckets(&mut self, other: &FloatHistogram) -> Kahan {
        let mut other_zero = Kahan::of(other.zero_count);
        let mut other_threshold = other.zero_threshold;
        loop {
            if self.zero_threshold > other_threshold {
                (other_zero, other_threshold) = other.zero_count_with(self.zero_threshold);
            }
            if other_threshold > self.zero_threshold {
                let (zero, threshold) = self.zero_count_with(other_threshold);
                self.zero_count = C::from_kahan(zero);
                self.zero_threshold = threshold;
                self.drop_buckets_in_zero();
            } else {
                // Equal, or not comparable (NaN): nothing is left to widen.
                return other_zero;
            }
        }
    }

    /// The zero count this histogram had if its zero threshold were `threshold`, which is at least its own.
    /// A threshold inside a populated bucket is moved to that bucket's outer bound; the one used is returned.
    pub(super) fn zero_count_with(&self, threshold: f64) -> (Kahan, f64) {
        let mut threshold = threshold;
        if threshold == self.zero_threshold {
            return (self.zero_count.to_kahan(), threshold);
        }
        'again: loop {
            let mut zero = self.zero_count.to_kahan();
            for side in [&self.positive, &self.negative] {
                for (index, count) in side.iter() {
                    // Bounds of negative buckets are those of positive ones, mirrored.
                    if bound(index.wrapping_sub(1), self.schema, &[]) >= threshold {
                        break;
                    }
                    let upper = bound(index, self.schema, &[]);
                    zero.add(count.to_kahan());
                    if upper > threshold {
                        if count.leading() != 0.0 {
                            threshold = upper;
                            if std::ptr::eq(side, &self.negative) {
                                // The positive side was counted with the smaller threshold.
                                continue 'again;
                            }
                        }
                        break;
                    }
                }
            }
            return (zero, threshold);
        }
    }

    fn drop_buckets_in_zero(&mut self) {
        let (schema, threshold) = (self.schema, self.zero_threshold);
        for side in [&mut self.positive, &mut self.negative] {
            let mut kept = Builder::with_capacity(side.counts.len());
            for (index, count) in side.iter() {
                if bound(index.wrapping_sub(1), schema, &[]) >= threshold && !count.is_empty() {
                    kept.push(index, count);
                }
            }
            *side = kept.finish();
        }
    }

    /// Maps both histograms to the bounds that both have, adding in that layout. Buckets that end up empty are left out.
    fn merge_by_common_bounds(&mut self, other: &FloatHistogram, negative: bool) {
        let common = common_bounds(self.bounds(), other.bounds());
        let mut totals = vec![Kahan::default(); common.len() + 1];
        for (place, count) in mapped(&self.positive, self.bounds(), &common) {
            totals[place].add(count.to_kahan());
        }
        for (place, count) in mapped(&other.positive, other.bounds(), &common) {
            totals[place].add_value(if negative { -count } else { count });
        }
        let mut merged = Builder::with_capacity(totals.len());
        for (place, total) in totals.into_iter().enumerate().filter(|(_, total)| !total.is_empty()) {
            merged.push(i32::try_from(place).unwrap_or(i32::MAX), C::from_kahan(total));
        }
        self.positive = merged.finish();
        self.custom_values = Some(common);
    }
}

/// Adds the buckets of `other`, leaving out its leading ones for which `in_zero` holds.
fn merge_side<C: Cell>(
    own: &mut Buckets<C>,
    other: &Buckets<f64>,
    negative: bool,
    in_zero: impl Fn(i32) -> bool,
) {
    let signed = |value: f64| C::of(if negative { -value } else { value });
    let mut added = other.iter().skip_while(|(index, _)| in_zero(*index)).peekable();
    let Some(&(first, _)) = added.peek() else { return };
    let starts_alike = other.spans.first().is_some_and(|span| span.offset == first);
    if starts_alike && own.counts.len() == other.counts.len() && own.spans == other.spans {
        own.counts.iter_mut().zip(&other.counts).for_each(|(own, other)| own.add(signed(*other)));
        return;
    }
    let mut merged = Builder::with_capacity(own.counts.len().max(other.counts.len()));
    for (index, mut count) in own.iter() {
        while let Some((below, value)) = added.next_if(|(place, _)| *place < index) {
            merged.push(below, signed(value));
        }
        if let Some((_, value)) = added.next_if(|(place, _)| *place == index) {
            count.add(signed(value));
        }
        merged.push(index, count);
    }
    added.for_each(|(index, value)| merged.push(index, signed(value)));
    *own = merged.finish();
}

/// Bounds that both lists have; both ascend.
pub(super) fn common_bounds(a: &[f64], b: &[f64]) -> Arc<[f64]> {
    let mut common = Vec::new();
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    while let (Some(&&left), Some(&&right)) = (a.peek(), b.peek()) {
        if left == right {
            common.push(left);
        }
        // Not comparable (NaN) moves both: the loop always ends.
        if left <= right || right.is_nan() {
            a.next();
        }
        if right <= left || left.is_nan() {
            b.next();
        }
    }
    common.into()
}

/// Each bucket with the place of the first common bound at or above its own upper bound.
fn mapped<'a, C: Cell>(
    side: &'a Buckets<C>,
    bounds: &'a [f64],
    common: &'a [f64],
) -> impl Iterator<Item = (usize, C)> + 'a {
    let mut place = 0;
    side.iter().map(move |(index, count)| {
        let upper = bound(index, super::CUSTOM_SCHEMA, bounds);
        while place < common.len() && common[place] < upper {
            place += 1;
        }
        (place, count)
    })
}
