//! The operators `</` and `>/`: a histogram without its observations above or below a value.

use super::buckets::Buckets;
use super::float::FloatHistogram;
use super::iterate::Bucket;

/// Which observations stay.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Below,
    Above,
}

/// Estimates of what is left.
#[derive(Default)]
struct Remains {
    count: f64,
    sum: f64,
    trimmed: bool,
    positive: bool,
    negative: bool,
}

impl FloatHistogram {
    /// Keeps observations below `value`, interpolating in the bucket that contains it. Count and sum are estimated anew when anything was cut.
    pub fn trim_upper(&mut self, value: f64) {
        self.trim(value, Keep::Below);
    }

    /// Keeps observations above `value`.
    pub fn trim_lower(&mut self, value: f64) {
        self.trim(value, Keep::Above);
    }

    fn trim(&mut self, value: f64, keep: Keep) {
        let mut remains = Remains::default();
        let mut positive = std::mem::take(&mut self.positive.counts);
        let mut negative = std::mem::take(&mut self.negative.counts);
        let custom = self.uses_custom_buckets();
        {
            let with = |spans, counts: &Vec<f64>| Buckets { spans, counts: counts.clone() };
            let whole = Self {
                positive: with(self.positive.spans.clone(), &positive),
                negative: with(self.negative.spans.clone(), &negative),
                ..self.clone()
            };
            trim_side(whole.positive_buckets(), &mut positive, value, keep, true, custom, &mut remains);
            trim_side(whole.negative_buckets(), &mut negative, value, keep, false, custom, &mut remains);
        }
        self.positive.counts = positive;
        self.negative.counts = negative;
        if self.zero_count > 0.0 {
            let (kept, midpoint) = trim_zero(self.zero_bucket(), value, keep, &remains);
            remains.trimmed |= self.zero_count != kept;
            self.zero_count = kept;
            remains.sum += midpoint * kept;
            remains.count += kept;
        }
        if remains.trimmed {
            self.count = remains.count;
            self.sum = remains.sum;
            self.compact(0);
        }
    }
}

fn trim_side(
    buckets: impl Iterator<Item = Bucket>,
    counts: &mut [f64],
    value: f64,
    keep: Keep,
    positive: bool,
    custom: bool,
    remains: &mut Remains,
) {
    for (bucket, count) in buckets.zip(counts).filter(|(bucket, _)| bucket.count != 0.0) {
        if positive {
            remains.positive = true;
        } else {
            remains.negative = true;
        }
        let (whole, cut) = match keep {
            Keep::Below => (bucket.upper <= value, bucket.lower < value),
            Keep::Above => (bucket.lower >= value, bucket.upper > value),
        };
        if whole {
            remains.count += bucket.count;
            remains.sum += midpoint(bucket.lower, bucket.upper, positive, custom) * bucket.count;
        } else if cut {
            let (kept, middle) = trim_bucket(&bucket, value, keep, positive, custom);
            remains.count += kept;
            remains.sum += middle * kept;
            remains.trimmed |= *count != kept;
            *count = kept;
        } else {
            *count = 0.0;
            remains.trimmed = true;
        }
    }
}

/// What is kept of a bucket that contains the value, and where its middle is.
fn trim_bucket(bucket: &Bucket, value: f64, keep: Keep, positive: bool, custom: bool) -> (f64, f64) {
    if bucket.lower == f64::NEG_INFINITY {
        return trim_open_below(bucket, value, keep);
    }
    if bucket.upper == f64::INFINITY {
        return trim_open_above(bucket, value, keep);
    }
    let under = if value <= bucket.lower {
        0.0
    } else if value >= bucket.upper {
        bucket.count
    } else {
        bucket.count * bucket.fraction_below(value, custom)
    };
    match keep {
        Keep::Below => (under, midpoint(bucket.lower, value, positive, custom)),
        Keep::Above => (bucket.count - under, midpoint(value, bucket.upper, positive, custom)),
    }
}

fn finite_or_zero(value: f64) -> f64 {
    if value.is_infinite() { 0.0 } else { value }
}

/// A bucket from -Inf: with a positive upper bound (custom buckets only) it is taken to start at 0, else its distribution is unknown.
fn trim_open_below(bucket: &Bucket, value: f64, keep: Keep) -> (f64, f64) {
    let finite_upper = bucket.upper != f64::INFINITY;
    match keep {
        Keep::Below if value >= bucket.upper => (bucket.count, 0.0),
        Keep::Below if value > 0.0 && bucket.upper > 0.0 && finite_upper => {
            (bucket.count * value / bucket.upper, value / 2.0)
        }
        Keep::Below if bucket.upper <= 0.0 => (bucket.count, value),
        Keep::Above if value <= bucket.lower => (bucket.count, 0.0),
        Keep::Above if value >= 0.0 && bucket.upper > value && finite_upper => {
            (bucket.count * (1.0 - value / bucket.upper), (value + bucket.upper) / 2.0)
        }
        _ => (0.0, finite_or_zero(bucket.upper)),
    }
}

/// A bucket to +Inf: how much of it lies above the value is unknown, so `</` drops it and `>/` keeps it.
fn trim_open_above(bucket: &Bucket, value: f64, keep: Keep) -> (f64, f64) {
    if keep == Keep::Above && value >= bucket.lower {
        (bucket.count, value)
    } else {
        (0.0, finite_or_zero(bucket.lower))
    }
}

fn trim_zero(zero: Bucket, value: f64, keep: Keep, remains: &Remains) -> (f64, f64) {
    let lower = if remains.positive && !remains.negative { 0.0 } else { zero.lower };
    let upper = if remains.negative && !remains.positive { 0.0 } else { zero.upper };
    let whole = (zero.count, (lower + upper) / 2.0);
    let (fraction, midpoint) = match keep {
        Keep::Below if value <= lower => return (0.0, 0.0),
        Keep::Below if value >= upper => return whole,
        Keep::Below => ((value - lower) / (upper - lower), (lower + value) / 2.0),
        Keep::Above if value <= lower => return whole,
        Keep::Above if value >= upper => return (0.0, 0.0),
        Keep::Above => ((upper - value) / (upper - lower), (value + upper) / 2.0),
    };
    (zero.count * fraction, midpoint)
}

/// Arithmetic middle of custom buckets, geometric of exponential ones.
fn midpoint(lower: f64, upper: f64, positive: bool, linear: bool) -> f64 {
    if lower.is_infinite() {
        return match upper {
            upper if upper.is_infinite() => 0.0,
            upper if upper > 0.0 => upper / 2.0,
            upper => upper,
        };
    }
    if upper.is_infinite() {
        return lower;
    }
    if linear {
        return (lower + upper) / 2.0;
    }
    let geometric = (lower * upper).abs().sqrt();
    if positive { geometric } else { -geometric }
}
