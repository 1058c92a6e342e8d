//! Buckets with their bounds, from one side or through the whole histogram.

use super::CUSTOM_SCHEMA;
use super::bounds::bound;
use super::float::FloatHistogram;

/// One bucket as a mathematician sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    pub lower: f64,
    pub upper: f64,
    pub lower_inclusive: bool,
    pub upper_inclusive: bool,
    pub count: f64,
    /// Within the schema and the side; 0 for the zero bucket.
    pub index: i32,
}

impl Bucket {
    /// The share of this bucket's width at or below `value`, which lies strictly inside finite bounds:
    /// linear for custom and zero buckets, on a logarithmic scale otherwise.
    pub fn fraction_below(&self, value: f64, linear: bool) -> f64 {
        if linear {
            return (value - self.lower) / (self.upper - self.lower);
        }
        let log_lower = self.lower.abs().log2();
        let log_upper = self.upper.abs().log2();
        let log_value = value.abs().log2();
        if value > 0.0 {
            (log_value - log_lower) / (log_upper - log_lower)
        } else {
            1.0 - (log_value - log_upper) / (log_lower - log_upper)
        }
    }
}

impl FloatHistogram {
    /// Positive buckets, from the one next to zero upwards.
    pub fn positive_buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.positive.iter().map(|(index, count)| self.positive_bucket(index, count))
    }

    /// Negative buckets, from the one next to zero downwards.
    pub fn negative_buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.negative.iter().map(|(index, count)| self.negative_bucket(index, count))
    }

    pub fn zero_bucket(&self) -> Bucket {
        Bucket {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count,
            index: 0,
        }
    }

    /// All buckets in ascending order. Buckets that reach into the zero bucket are cut at its bound; an empty zero bucket is left out.
    pub fn all_buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        let negative = self.negative.iter_reverse().map(|(index, count)| self.negative_bucket(index, count));
        let zero = (self.zero_count > 0.0).then(|| self.zero_bucket());
        negative
            .map(|bucket| self.outside_zero(bucket))
            .chain(zero)
            .chain(self.positive_buckets().map(|bucket| self.outside_zero(bucket)))
    }

    /// All buckets in descending order, else as [`Self::all_buckets`].
    pub fn all_buckets_reverse(&self) -> impl Iterator<Item = Bucket> + '_ {
        let positive = self.positive.iter_reverse().map(|(index, count)| self.positive_bucket(index, count));
        let zero = (self.zero_count > 0.0).then(|| self.zero_bucket());
        positive
            .map(|bucket| self.outside_zero(bucket))
            .chain(zero)
            .chain(self.negative_buckets().map(|bucket| self.outside_zero(bucket)))
    }

    fn positive_bucket(&self, index: i32, count: f64) -> Bucket {
        let upper = self.bound(index);
        let lower = self.bound(index.wrapping_sub(1));
        self.with_inclusion(lower, upper, count, index)
    }

    fn negative_bucket(&self, index: i32, count: f64) -> Bucket {
        let lower = -bound(index, self.schema, &[]);
        let upper = -bound(index.wrapping_sub(1), self.schema, &[]);
        self.with_inclusion(lower, upper, count, index)
    }

    fn with_inclusion(&self, lower: f64, upper: f64, count: f64, index: i32) -> Bucket {
        let (lower_inclusive, upper_inclusive) =
            if self.schema == CUSTOM_SCHEMA { (index == 0, true) } else { (lower < 0.0, upper > 0.0) };
        Bucket { lower, upper, lower_inclusive, upper_inclusive, count, index }
    }

    fn outside_zero(&self, mut bucket: Bucket) -> Bucket {
        if bucket.upper < 0.0 && bucket.upper > -self.zero_threshold {
            bucket.upper = -self.zero_threshold;
        } else if bucket.lower > 0.0 && bucket.lower < self.zero_threshold {
            bucket.lower = self.zero_threshold;
        }
        bucket
    }
}
