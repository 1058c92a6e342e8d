//! The quantile of a set of floats, interpolated between its neighbours.

/// Sorts `values` as far as needed. NaN for no values or a NaN quantile; infinite for a quantile outside of 0 to 1. NaN values count as smallest.
pub fn quantile_of(quantile: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || quantile.is_nan() {
        return f64::NAN;
    }
    if quantile < 0.0 {
        return f64::NEG_INFINITY;
    }
    if quantile > 1.0 {
        return f64::INFINITY;
    }
    let rank = quantile * (values.len() - 1) as f64;
    let lower = rank.floor() as usize;
    let weight = rank - rank.floor();
    let (_, low, above) = values.select_nth_unstable_by(lower, nan_first);
    let low = *low;
    let high = above.iter().copied().min_by(nan_first).unwrap_or(low);
    low * (1.0 - weight) + high * weight
}

/// Ascending with every NaN before all numbers.
pub fn nan_first(a: &f64, b: &f64) -> std::cmp::Ordering {
    a.partial_cmp(b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_interpolated() {
        let check = |quantile, values: &[f64], expect: f64| {
            assert_eq!(quantile_of(quantile, &mut values.to_vec()).to_bits(), expect.to_bits());
        };
        check(0.5, &[3.0, 1.0, 2.0], 2.0);
        check(0.75, &[1.0, 2.0], 1.75);
        check(0.0, &[f64::NAN, 1.0], f64::NAN);
        check(1.0, &[f64::NAN, 1.0], 1.0);
        check(1.5, &[1.0], f64::INFINITY);
        check(-1.0, &[1.0], f64::NEG_INFINITY);
        check(f64::NAN, &[1.0], f64::NAN);
    }
}
