//! Quantile, fraction and spread of one native histogram.
//!
//! Within a bucket, observations are taken to be spread evenly: on a linear scale in custom buckets and in the zero bucket, on a logarithmic one elsewhere.

use crate::annotations::Note;
use model::histogram::{Bucket, FloatHistogram, Kahan};

/// The value below which a share `quantile` of the observations lies. What is noticed goes to `note`.
pub fn quantile<'n>(
    quantile: f64,
    histogram: &FloatHistogram,
    name: &'n str,
    note: impl FnMut(Note<'n>),
) -> f64 {
    if quantile < 0.0 {
        return f64::NEG_INFINITY;
    }
    if quantile > 1.0 {
        return f64::INFINITY;
    }
    if histogram.count == 0.0 || quantile.is_nan() {
        return f64::NAN;
    }
    // Observations of NaN are in no bucket but in the count: then only counting from below gives the rank.
    if histogram.sum.is_nan() || quantile < 0.5 {
        let rank = quantile * histogram.count;
        ranked(rank, histogram, histogram.all_buckets(), true, name, note)
    } else {
        let rank = (1.0 - quantile) * histogram.count;
        ranked(rank, histogram, histogram.all_buckets_reverse(), false, name, note)
    }
}

fn ranked<'n>(
    mut rank: f64,
    histogram: &FloatHistogram,
    mut buckets: impl Iterator<Item = Bucket>,
    ascending: bool,
    name: &'n str,
    mut note: impl FnMut(Note<'n>),
) -> f64 {
    let mut bucket = Bucket {
        lower: 0.0,
        upper: 0.0,
        lower_inclusive: false,
        upper_inclusive: false,
        count: 0.0,
        index: 0,
    };
    let mut count = 0.0;
    for next in buckets.by_ref() {
        bucket = next;
        count += bucket.count;
        if bucket.count != 0.0 && count >= rank {
            break;
        }
    }
    let custom = histogram.uses_custom_buckets();
    if custom {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return bucket.upper;
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return bucket.lower;
        }
    } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
        bucket = one_sided_zero(bucket, histogram);
    }
    // Inexact sums must not exceed the count.
    count = count.min(histogram.count);
    if count < rank {
        if histogram.sum.is_nan() {
            note(Note::QuantileNanResult(name));
            return f64::NAN;
        }
        return bucket.upper;
    }
    rank = if ascending { rank - (count - bucket.count) } else { count - rank };
    if histogram.sum.is_nan() {
        let mut all = count;
        let mut last = bucket;
        for next in buckets {
            all += next.count;
            last = next;
        }
        // As in Prometheus, the interpolation goes on with the last bucket seen.
        bucket = last;
        if all < histogram.count {
            note(Note::QuantileNanSkew(name));
        }
    }
    interpolate(&bucket, rank / bucket.count, custom)
}

/// With observations on one side of zero only, so are those of the zero bucket.
fn one_sided_zero(mut bucket: Bucket, histogram: &FloatHistogram) -> Bucket {
    let (positive, negative) = (!histogram.positive.is_empty(), !histogram.negative.is_empty());
    if positive && !negative {
        bucket.lower = 0.0;
    } else if negative && !positive {
        bucket.upper = 0.0;
    }
    bucket
}

fn interpolate(bucket: &Bucket, fraction: f64, custom: bool) -> f64 {
    if custom || (bucket.lower <= 0.0 && bucket.upper >= 0.0) {
        return bucket.lower + (bucket.upper - bucket.lower) * fraction;
    }
    let log_lower = bucket.lower.abs().log2();
    let log_upper = bucket.upper.abs().log2();
    if bucket.lower > 0.0 {
        (log_lower + (log_upper - log_lower) * fraction).exp2()
    } else {
        -(log_upper + (log_lower - log_upper) * (1.0 - fraction)).exp2()
    }
}

/// The share of the observations between `lower` and `upper`.
pub fn fraction<'n>(
    lower: f64,
    upper: f64,
    histogram: &FloatHistogram,
    name: &'n str,
    mut note: impl FnMut(Note<'n>),
) -> f64 {
    if histogram.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let custom = histogram.uses_custom_buckets();
    let (mut rank, mut count) = (0.0, 0.0);
    let (mut lower_rank, mut upper_rank) = (None, None);
    let mut buckets = histogram.all_buckets();
    for mut bucket in buckets.by_ref() {
        count += bucket.count;
        let zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
        if zero {
            bucket = one_sided_zero(bucket, histogram);
        }
        let rank_at = |value: f64| {
            if (custom || zero) && bucket.lower == f64::NEG_INFINITY {
                // Nothing is known about where in an endless bucket the observations are.
                bucket.count
            } else {
                rank + bucket.count * bucket.fraction_below(value, custom || zero)
            }
        };
        for (value, found) in [(lower, &mut lower_rank), (upper, &mut upper_rank)] {
            if found.is_none() && bucket.lower >= value {
                *found = Some(rank);
            }
        }
        if lower_rank.is_some() && upper_rank.is_some() {
            break;
        }
        for (value, found) in [(lower, &mut lower_rank), (upper, &mut upper_rank)] {
            if found.is_none() && bucket.lower < value && bucket.upper > value {
                *found = Some(rank_at(value));
            }
        }
        if lower_rank.is_some() && upper_rank.is_some() {
            break;
        }
        rank += bucket.count;
    }
    if histogram.sum.is_nan() {
        count += buckets.map(|bucket| bucket.count).sum::<f64>();
        if count < histogram.count {
            note(Note::FractionNans(name));
        }
    } else {
        count = histogram.count;
    }
    let capped = |rank: Option<f64>| rank.filter(|rank| *rank <= count).unwrap_or(count);
    (capped(upper_rank) - capped(lower_rank)) / histogram.count
}

/// The variance, every observation taken to be in the middle of its bucket.
pub fn variance(histogram: &FloatHistogram) -> f64 {
    let mean = histogram.sum / histogram.count;
    let custom = histogram.uses_custom_buckets();
    let mut squares = Kahan::default();
    for bucket in histogram.all_buckets().filter(|bucket| bucket.count != 0.0) {
        let middle = if custom {
            (bucket.upper + bucket.lower) / 2.0
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else {
            let middle = (bucket.upper * bucket.lower).sqrt();
            if bucket.upper < 0.0 { -middle } else { middle }
        };
        let delta = middle - mean;
        squares.add_value(bucket.count * delta * delta);
    }
    squares.total() / histogram.count
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::histogram::{Buckets, Span};

    fn histogram() -> FloatHistogram {
        FloatHistogram {
            count: 4.0,
            sum: 5.0,
            positive: Buckets::new(vec![Span { offset: 0, length: 3 }], vec![1.0, 2.0, 1.0]),
            ..FloatHistogram::default()
        }
    }

    #[test]
    fn quantiles_interpolate_on_a_logarithmic_scale() {
        let check = |q, expect: f64| {
            let found = quantile(q, &histogram(), "", |_| {});
            assert!((found - expect).abs() < 1e-12, "{q}: {found} is not {expect}");
        };
        check(0.5, std::f64::consts::SQRT_2);
        check(1.0, 4.0);
        check(0.25, 1.0);
        assert_eq!(quantile(-0.1, &histogram(), "", |_| {}), f64::NEG_INFINITY);
    }

    #[test]
    fn fractions_are_the_inverse() {
        assert_eq!(fraction(1.0, 2.0, &histogram(), "", |_| {}), 0.5);
        assert_eq!(fraction(f64::NEG_INFINITY, f64::INFINITY, &histogram(), "", |_| {}), 1.0);
        assert_eq!(fraction(2.0, 1.0, &histogram(), "", |_| {}), 0.0);
        assert!(fraction(f64::NAN, 1.0, &histogram(), "", |_| {}).is_nan());
    }
}
