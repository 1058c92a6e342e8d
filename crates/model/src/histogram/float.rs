//! The histogram to compute with: absolute counts in any [`Cell`], mostly plain floats.

use super::bounds::bound;
use super::buckets::Buckets;
use super::cell::{Cell, Kahan};
use super::error::HistogramError;
use super::integer::{check_custom, check_custom_unused, check_spans};
use super::{CUSTOM_SCHEMA, CounterResetHint, is_exponential};
use std::sync::Arc;

/// A histogram with counts of type `C`.
#[derive(Clone, Debug, Default)]
pub struct SparseHistogram<C> {
    pub reset_hint: CounterResetHint,
    pub schema: i8,
    /// Width of the zero bucket.
    pub zero_threshold: f64,
    pub zero_count: C,
    pub count: C,
    /// Also where the stale marker is put.
    pub sum: C,
    /// Absolute counts.
    pub positive: Buckets<C>,
    pub negative: Buckets<C>,
    /// Upper bounds, when `schema` is custom. Immutable and shared.
    pub custom_values: Option<Arc<[f64]>>,
}

/// The histogram of a sample, and the result of an expression.
pub type FloatHistogram = SparseHistogram<f64>;
/// A sum of histograms in the making.
pub type KahanHistogram = SparseHistogram<Kahan>;

impl<C> SparseHistogram<C> {
    pub fn uses_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_SCHEMA
    }

    /// Custom upper bounds; empty for exponential schemas.
    pub fn bounds(&self) -> &[f64] {
        self.custom_values.as_deref().unwrap_or_default()
    }

    /// The upper bound of positive bucket `index`.
    pub fn bound(&self, index: i32) -> f64 {
        bound(index, self.schema, self.bounds())
    }
}

impl<C: Cell> SparseHistogram<C> {
    /// Scales every count and the sum. A negative factor makes it a gauge.
    pub fn multiply(&mut self, factor: f64) {
        self.each_cell(|cell| cell.multiply(factor));
        if factor < 0.0 {
            self.reset_hint = CounterResetHint::Gauge;
        }
    }

    /// Divides every count and the sum. A division by zero leaves no buckets; a negative divisor makes it a gauge.
    pub fn divide(&mut self, divisor: f64) {
        if divisor == 0.0 {
            self.positive.clear();
            self.negative.clear();
        }
        self.each_cell(|cell| cell.divide(divisor));
        if divisor < 0.0 {
            self.reset_hint = CounterResetHint::Gauge;
        }
    }

    fn each_cell(&mut self, apply: impl Fn(&mut C)) {
        apply(&mut self.zero_count);
        apply(&mut self.count);
        apply(&mut self.sum);
        self.positive.counts.iter_mut().for_each(&apply);
        self.negative.counts.iter_mut().for_each(&apply);
    }

    /// Some count, the sum or a bound is infinite: an addition left the range of floats.
    pub fn has_overflow(&self) -> bool {
        let sides = self.positive.counts.iter().chain(&self.negative.counts);
        let mut cells = [self.zero_count, self.count, self.sum].into_iter().chain(sides.copied());
        cells.any(|cell| cell.leading().is_infinite())
            || self.bounds().iter().any(|bound| bound.is_infinite())
    }

    /// Drops empty buckets and joins spans at most `most_empty` apart.
    pub fn compact(&mut self, most_empty: usize) {
        self.positive.compact(most_empty);
        self.negative.compact(most_empty);
    }

    /// The same histogram at a lower exponential resolution.
    pub fn reduce_resolution(&mut self, target: i8) -> Result<(), HistogramError> {
        if self.uses_custom_buckets() || target >= self.schema {
            return Err(HistogramError::CannotReduce { from: self.schema, to: target });
        }
        self.positive = self.positive.reduce_resolution(self.schema, target);
        self.negative = self.negative.reduce_resolution(self.schema, target);
        self.schema = target;
        Ok(())
    }
}

impl FloatHistogram {
    /// An accumulator that starts with this histogram.
    pub fn to_kahan(&self) -> KahanHistogram {
        let side = |side: &Buckets<f64>| Buckets {
            spans: Arc::clone(&side.spans),
            counts: side.counts.iter().map(|count| Kahan::of(*count)).collect(),
        };
        KahanHistogram {
            reset_hint: self.reset_hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: Kahan::of(self.zero_count),
            count: Kahan::of(self.count),
            sum: Kahan::of(self.sum),
            positive: side(&self.positive),
            negative: side(&self.negative),
            custom_values: self.custom_values.clone(),
        }
    }

    /// What this histogram occupies in memory, in bytes.
    pub fn byte_size(&self) -> usize {
        let side = |side: &Buckets<f64>| side.counts.len() * 8 + side.spans.len() * 8;
        size_of::<Self>() + side(&self.positive) + side(&self.negative) + self.bounds().len() * 8
    }

    /// Whether spans, counts and bounds fit each other. The count is not compared with the buckets: floats need not add up exactly.
    pub fn validate(&self) -> Result<(), HistogramError> {
        if self.schema == CUSTOM_SCHEMA {
            check_custom(self.bounds(), &self.positive.spans, self.positive.counts.len())
                .map_err(|e| e.on("custom buckets"))?;
            check_custom_unused(
                self.zero_count != 0.0,
                self.zero_threshold != 0.0,
                !self.negative.spans.is_empty(),
                !self.negative.counts.is_empty(),
            )?;
        } else if is_exponential(self.schema) {
            check_spans(&self.positive.spans, self.positive.counts.len())
                .map_err(|e| e.on("positive side"))?;
            check_spans(&self.negative.spans, self.negative.counts.len())
                .map_err(|e| e.on("negative side"))?;
            check_counts(&self.negative.counts).map_err(|e| e.on("negative side"))?;
            if self.zero_count < 0.0 {
                return Err(HistogramError::NegativeZeroCount(stdx::number::shortest(self.zero_count)));
            }
            if self.custom_values.is_some() {
                return Err(HistogramError::ExponentialWithBounds);
            }
        } else {
            return Err(HistogramError::InvalidSchema(self.schema.into()));
        }
        if self.count < 0.0 {
            return Err(HistogramError::NegativeCount(stdx::number::shortest(self.count)));
        }
        check_counts(&self.positive.counts).map_err(|e| e.on("positive side"))
    }
}

fn check_counts(counts: &[f64]) -> Result<(), HistogramError> {
    match counts.iter().position(|count| *count < 0.0) {
        Some(place) => {
            let count = stdx::number::shortest(counts[place]);
            Err(HistogramError::NegativeBucketCount { number: place + 1, count })
        }
        None => Ok(()),
    }
}

impl KahanHistogram {
    /// The plain histogram, compensation added in.
    pub fn total(&self) -> FloatHistogram {
        let side = |side: &Buckets<Kahan>| Buckets {
            spans: Arc::clone(&side.spans),
            counts: side.counts.iter().map(|count| count.total()).collect(),
        };
        FloatHistogram {
            reset_hint: self.reset_hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count.total(),
            count: self.count.total(),
            sum: self.sum.total(),
            positive: side(&self.positive),
            negative: side(&self.negative),
            custom_values: self.custom_values.clone(),
        }
    }
}

impl PartialEq for FloatHistogram {
    /// Equality of data: bits are compared, so that NaNs of the same bits are equal; the reset hint does not count.
    fn eq(&self, other: &Self) -> bool {
        let same_bits = |a: &[f64], b: &[f64]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
        };
        self.schema == other.schema
            && self.count.to_bits() == other.count.to_bits()
            && self.sum.to_bits() == other.sum.to_bits()
            && (!self.uses_custom_buckets() || self.bounds() == other.bounds())
            && self.zero_threshold == other.zero_threshold
            && self.zero_count.to_bits() == other.zero_count.to_bits()
            && self.negative.same_layout(&other.negative)
            && same_bits(&self.negative.counts, &other.negative.counts)
            && self.positive.same_layout(&other.positive)
            && same_bits(&self.positive.counts, &other.positive.counts)
    }
}
