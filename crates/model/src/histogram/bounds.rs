//! Where the buckets of a schema begin and end.

use super::bounds_table::FRACTIONS;
use super::{CUSTOM_SCHEMA, MAX_SCHEMA};

/// The upper bound of bucket `index` (for a negative bucket: of its absolute value). The lower bound is `bound(index - 1, ..)`.
///
/// Custom bounds saturate: before the first is -Inf, after the last +Inf.
pub fn bound(index: i32, schema: i8, custom_values: &[f64]) -> f64 {
    if schema == CUSTOM_SCHEMA {
        return match usize::try_from(index) {
            Err(_) => f64::NEG_INFINITY,
            Ok(place) => custom_values.get(place).copied().unwrap_or(f64::INFINITY),
        };
    }
    exponential_bound(index, schema)
}

/// The bound that would come out as 2^1024 is the largest finite float instead, so that the bucket after it holds nothing but infinity.
fn exponential_bound(index: i32, schema: i8) -> f64 {
    let index = i64::from(index);
    if schema < 0 {
        let exponent = index << u32::from(schema.unsigned_abs()).min(16);
        return if exponent == 1024 { f64::MAX } else { ldexp(1.0, exponent) };
    }
    let schema = schema.min(MAX_SCHEMA);
    let within_octave = (index & ((1 << schema) - 1)) as usize;
    let fraction = FRACTIONS[within_octave << (MAX_SCHEMA - schema)];
    let exponent = (index >> schema) + 1;
    if fraction == 0.5 && exponent == 1025 {
        return f64::MAX;
    }
    ldexp(fraction, exponent)
}

/// `fraction * 2^exponent`, rounded once.
fn ldexp(fraction: f64, exponent: i64) -> f64 {
    const UP: f64 = f64::from_bits(0x7fe0_0000_0000_0000); // 2^1023
    const DOWN: f64 = f64::from_bits(0x0360_0000_0000_0000); // 2^-969, keeps 53 bits until the last step
    let mut exponent = exponent.clamp(-2300, 2300);
    let mut value = fraction;
    while exponent > 1023 {
        value *= UP;
        exponent -= 1023;
    }
    while exponent < -1022 {
        value *= DOWN;
        exponent += 969;
    }
    value * f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// The bucket of `target` (a lower resolution) that holds bucket `index` of `origin`.
pub fn target_index(index: i32, origin: i8, target: i8) -> i32 {
    let shift = (i32::from(origin) - i32::from(target)).clamp(0, 31) as u32;
    (index.wrapping_sub(1) >> shift).wrapping_add(1)
}
