//! What can be wrong with a histogram. Texts are those of Prometheus: clients and rule tests match on them.

use thiserror::Error;

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HistogramError {
    #[error(
        "{observations} observations found in buckets, but the Count field is {count}: histogram's observation count should be at least the number of observations found in the buckets"
    )]
    CountNotBigEnough { observations: u64, count: u64 },
    #[error(
        "{observations} observations found in buckets, but the Count field is {count}: histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)"
    )]
    CountMismatch { observations: u64, count: u64 },
    #[error("observation count is  {0}: histogram's observation count is negative")]
    NegativeCount(String),
    #[error(
        "bucket number {number} has observation count of {count}: histogram has a bucket whose observation count is negative"
    )]
    NegativeBucketCount { number: usize, count: String },
    #[error(
        "zero bucket has observation count of {0}: histogram has a bucket whose observation count is negative"
    )]
    NegativeZeroCount(String),
    #[error("span number {number} with offset {offset}: histogram has a span whose offset is negative")]
    NegativeSpanOffset { number: usize, offset: i32 },
    #[error(
        "spans need {needed} buckets, have {present} buckets: histogram spans specify different number of buckets than provided"
    )]
    SpansBucketsMismatch { needed: u64, present: usize },
    #[error(
        "only {bounds} custom bounds defined which is insufficient to cover total span length of {spans}: histogram custom bounds are too few"
    )]
    TooFewBounds { bounds: usize, spans: u64 },
    #[error("previous bound is {previous:.6} and current is {current:.6}: histogram custom bounds must be in strictly increasing order", previous = f64::from_bits(*.previous_bits), current = f64::from_bits(*.current_bits))]
    BoundsNotIncreasing { previous_bits: u64, current_bits: u64 },
    #[error("last +Inf bound must not be explicitly defined: histogram custom bounds must be finite")]
    InfiniteBound,
    #[error("histogram custom bounds must not be NaN")]
    NanBound,
    #[error("cannot apply this operation on histograms with a mix of exponential and custom bucket schemas")]
    IncompatibleSchema,
    #[error("custom buckets: must have zero count of 0")]
    CustomZeroCount,
    #[error("custom buckets: must have zero threshold of 0")]
    CustomZeroThreshold,
    #[error("custom buckets: must not have negative spans")]
    CustomNegativeSpans,
    #[error("custom buckets: must not have negative buckets")]
    CustomNegativeBuckets,
    #[error("histogram with exponential schema must not have custom bounds")]
    ExponentialWithBounds,
    #[error(
        "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 for custom buckets, got schema {0}"
    )]
    InvalidSchema(i32),
    #[error("cannot reduce resolution from schema {from} to {to}")]
    CannotReduce { from: i8, to: i8 },
    #[error("{side}: {error}")]
    Side { side: &'static str, error: Box<HistogramError> },
}

impl HistogramError {
    pub(super) fn on(self, side: &'static str) -> Self {
        Self::Side { side, error: Box::new(self) }
    }
}
