//! The histogram as instrumented programs deliver it: integer counts, each bucket as the difference to the one before.

use super::buckets::{Buckets, Span};
use super::error::HistogramError;
use super::float::FloatHistogram;
use super::{CUSTOM_SCHEMA, CounterResetHint, is_exponential};
use std::sync::Arc;

#[derive(Clone, Debug, Default)]
pub struct Histogram {
    pub reset_hint: CounterResetHint,
    pub schema: i8,
    /// Width of the zero bucket.
    pub zero_threshold: f64,
    pub zero_count: u64,
    pub count: u64,
    /// Also where the stale marker is put.
    pub sum: f64,
    /// The first bucket absolute, every other as the difference to its predecessor.
    pub positive: Buckets<i64>,
    pub negative: Buckets<i64>,
    /// Upper bounds, when `schema` is custom.
    pub custom_values: Option<Arc<[f64]>>,
}

impl Histogram {
    pub fn uses_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_SCHEMA
    }

    pub fn to_float(&self) -> FloatHistogram {
        let custom = self.uses_custom_buckets();
        FloatHistogram {
            reset_hint: self.reset_hint,
            schema: self.schema,
            zero_threshold: if custom { 0.0 } else { self.zero_threshold },
            zero_count: if custom { 0.0 } else { self.zero_count as f64 },
            count: self.count as f64,
            sum: self.sum,
            positive: absolute(&self.positive),
            negative: if custom { Buckets::default() } else { absolute(&self.negative) },
            custom_values: if custom { self.custom_values.clone() } else { None },
        }
    }

    /// Lowers the resolution of an exponential histogram to `target`.
    pub fn reduce_resolution(&mut self, target: i8) -> Result<(), HistogramError> {
        if self.uses_custom_buckets() || target >= self.schema {
            return Err(HistogramError::CannotReduce { from: self.schema, to: target });
        }
        for side in [&mut self.positive, &mut self.negative] {
            *side = differences(&absolute(side).reduce_resolution(self.schema, target));
        }
        self.schema = target;
        Ok(())
    }

    /// Whether spans, counts and bounds fit each other, and the count is what the buckets add up to.
    pub fn validate(&self) -> Result<(), HistogramError> {
        let mut observations = 0u64;
        if self.schema == CUSTOM_SCHEMA {
            let bounds = self.custom_values.as_deref().unwrap_or_default();
            check_custom(bounds, &self.positive.spans, self.positive.counts.len())
                .map_err(|e| e.on("custom buckets"))?;
            check_custom_unused(
                self.zero_count != 0,
                self.zero_threshold != 0.0,
                !self.negative.spans.is_empty(),
                !self.negative.counts.is_empty(),
            )?;
        } else if is_exponential(self.schema) {
            check_spans(&self.positive.spans, self.positive.counts.len())
                .map_err(|e| e.on("positive side"))?;
            check_spans(&self.negative.spans, self.negative.counts.len())
                .map_err(|e| e.on("negative side"))?;
            check_differences(&self.negative.counts, &mut observations).map_err(|e| e.on("negative side"))?;
            if self.custom_values.is_some() {
                return Err(HistogramError::ExponentialWithBounds);
            }
        } else {
            return Err(HistogramError::InvalidSchema(self.schema.into()));
        }
        check_differences(&self.positive.counts, &mut observations).map_err(|e| e.on("positive side"))?;
        let observations = observations.wrapping_add(self.zero_count);
        let count = self.count;
        if self.sum.is_nan() {
            // Observations of NaN are in the count and in no bucket.
            return if observations > count {
                Err(HistogramError::CountNotBigEnough { observations, count })
            } else {
                Ok(())
            };
        }
        if observations != count {
            return Err(HistogramError::CountMismatch { observations, count });
        }
        Ok(())
    }
}

impl PartialEq for Histogram {
    /// Equality of data: NaNs of the same bits are equal, the reset hint does not count.
    fn eq(&self, other: &Self) -> bool {
        self.schema == other.schema
            && self.count == other.count
            && self.sum.to_bits() == other.sum.to_bits()
            && (!self.uses_custom_buckets() || self.custom_values == other.custom_values)
            && self.zero_threshold == other.zero_threshold
            && self.zero_count == other.zero_count
            && self.negative.same_layout(&other.negative)
            && self.negative.counts == other.negative.counts
            && self.positive.same_layout(&other.positive)
            && self.positive.counts == other.positive.counts
    }
}

fn absolute(side: &Buckets<i64>) -> Buckets<f64> {
    let mut current = 0.0f64;
    let counts = side.counts.iter().map(|difference| {
        current += *difference as f64;
        current
    });
    Buckets { spans: Arc::clone(&side.spans), counts: counts.collect() }
}

fn differences(side: &Buckets<f64>) -> Buckets<i64> {
    let mut previous = 0i64;
    let counts = side.counts.iter().map(|count| {
        let count = *count as i64;
        let difference = count.wrapping_sub(previous);
        previous = count;
        difference
    });
    Buckets { spans: Arc::clone(&side.spans), counts: counts.collect() }
}

fn check_differences(differences: &[i64], observations: &mut u64) -> Result<(), HistogramError> {
    let mut count = 0i64;
    for (place, difference) in differences.iter().enumerate() {
        count = count.wrapping_add(*difference);
        if count < 0 {
            return Err(HistogramError::NegativeBucketCount { number: place + 1, count: count.to_string() });
        }
        *observations = observations.wrapping_add(count as u64);
    }
    Ok(())
}

pub(super) fn check_spans(spans: &[Span], present: usize) -> Result<(), HistogramError> {
    let mut needed = 0u64;
    for (place, span) in spans.iter().enumerate() {
        if place > 0 && span.offset < 0 {
            return Err(HistogramError::NegativeSpanOffset { number: place + 1, offset: span.offset });
        }
        needed += u64::from(span.length);
    }
    if needed != present as u64 {
        return Err(HistogramError::SpansBucketsMismatch { needed, present });
    }
    Ok(())
}

pub(super) fn check_custom(bounds: &[f64], spans: &[Span], present: usize) -> Result<(), HistogramError> {
    let mut previous = f64::NEG_INFINITY;
    for (place, &current) in bounds.iter().enumerate() {
        if current.is_nan() {
            return Err(HistogramError::NanBound);
        }
        if place > 0 && current <= previous {
            let (previous_bits, current_bits) = (previous.to_bits(), current.to_bits());
            return Err(HistogramError::BoundsNotIncreasing { previous_bits, current_bits });
        }
        previous = current;
    }
    if previous == f64::INFINITY {
        return Err(HistogramError::InfiniteBound);
    }
    let (mut needed, mut covered) = (0u64, 0u64);
    for (place, span) in spans.iter().enumerate() {
        let Ok(offset) = u64::try_from(span.offset) else {
            return Err(HistogramError::NegativeSpanOffset { number: place + 1, offset: span.offset });
        };
        needed += u64::from(span.length);
        covered += u64::from(span.length) + offset;
    }
    if needed != present as u64 {
        return Err(HistogramError::SpansBucketsMismatch { needed, present });
    }
    if (bounds.len() as u64) + 1 < covered {
        return Err(HistogramError::TooFewBounds { bounds: bounds.len(), spans: covered });
    }
    Ok(())
}

pub(super) fn check_custom_unused(
    zero_count: bool,
    zero_threshold: bool,
    negative_spans: bool,
    negative_buckets: bool,
) -> Result<(), HistogramError> {
    let checks = [
        (zero_count, HistogramError::CustomZeroCount),
        (zero_threshold, HistogramError::CustomZeroThreshold),
        (negative_spans, HistogramError::CustomNegativeSpans),
        (negative_buckets, HistogramError::CustomNegativeBuckets),
    ];
    checks.into_iter().find(|(wrong, _)| *wrong).map_or(Ok(()), |(_, error)| Err(error))
}
