//! Columns of integers: constant, or frames of 128 values with a base, a common divisor and just enough bits, over values or over differences.
//!
//! ```text
//! 0 | zigzag value                                           all equal
//! 1 | zigzag base | divisor | frame ...                      value = base + divisor * unit
//! 2 | zigzag first | zigzag base | divisor | frame ...       the same over the differences of neighbours
//! frame: lowest unit varint | width u8 | (unit - lowest) in `width` bits each, lowest bit first, padded to a byte
//! ```
//!
//! The count is not stored: whoever wrote the column knows it. Any `i64` comes back exactly; arithmetic wraps.

use stdx::varint::{put_i64, put_u64, take_i64, take_u64};

const FRAME: usize = 128;
const CONSTANT: u8 = 0;
const VALUES: u8 = 1;
const DIFFERENCES: u8 = 2;

/// Appends `values`.
pub fn put_ints(out: &mut Vec<u8>, values: &[i64]) {
    let Some((&first, rest)) = values.split_first() else { return };
    if rest.iter().all(|value| *value == first) {
        out.push(CONSTANT);
        put_i64(out, first);
        return;
    }
    let differences: Vec<i64> = values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    if width_bits(&differences) + 64 < width_bits(values) {
        out.push(DIFFERENCES);
        put_i64(out, first);
        put_frames(out, &differences);
    } else {
        out.push(VALUES);
        put_frames(out, values);
    }
}

/// Takes `count` values off the front of `input`. `None` if they are not there.
pub fn take_ints(input: &mut &[u8], count: usize) -> Option<Vec<i64>> {
    if count == 0 {
        return Some(Vec::new());
    }
    let (&mode, rest) = input.split_first()?;
    *input = rest;
    match mode {
        CONSTANT => Some(vec![take_i64(input)?; count]),
        VALUES => take_frames(input, count, Vec::new()),
        DIFFERENCES => {
            let mut value = take_i64(input)?;
            let mut out = take_frames(input, count - 1, vec![value])?;
            for place in &mut out[1..] {
                value = value.wrapping_add(*place);
                *place = value;
            }
            Some(out)
        }
        _ => None,
    }
}

/// Bits that frames of these values need, divisor left aside.
fn width_bits(values: &[i64]) -> usize {
    values
        .chunks(FRAME)
        .map(|frame| {
            let (low, high) = bounds(frame);
            bits(high.wrapping_sub(low) as u64) as usize * frame.len() + 16
        })
        .sum()
}

fn bounds(values: &[i64]) -> (i64, i64) {
    values.iter().fold((i64::MAX, i64::MIN), |(low, high), &value| (low.min(value), high.max(value)))
}

fn bits(value: u64) -> u32 {
    64 - value.leading_zeros()
}

fn put_frames(out: &mut Vec<u8>, values: &[i64]) {
    let (base, _) = bounds(values);
    let divisor = common_divisor(values, base);
    put_i64(out, base);
    put_u64(out, divisor);
    let mut units = [0u64; FRAME];
    for frame in values.chunks(FRAME) {
        let units = &mut units[..frame.len()];
        let (mut low, mut high) = (u64::MAX, 0);
        for (unit, value) in units.iter_mut().zip(frame) {
            let distance = value.wrapping_sub(base) as u64;
            *unit = if divisor == 1 { distance } else { distance / divisor };
            low = low.min(*unit);
            high = high.max(*unit);
        }
        units.iter_mut().for_each(|unit| *unit -= low);
        put_u64(out, low);
        let width = bits(high - low);
        out.push(width as u8);
        pack(out, units, width);
    }
}

/// The greatest number that divides the distance of every value from `base`; 1 if all are equal.
fn common_divisor(values: &[i64], base: i64) -> u64 {
    let mut divisor = 0u64;
    for value in values {
        let mut rest = value.wrapping_sub(base) as u64;
        while rest != 0 {
            (divisor, rest) = (rest, divisor % rest);
        }
        if divisor == 1 {
            break;
        }
    }
    divisor.max(1)
}

fn take_frames(input: &mut &[u8], count: usize, mut out: Vec<i64>) -> Option<Vec<i64>> {
    let base = take_i64(input)?;
    let divisor = take_u64(input)?;
    // Two bytes at least per frame: what is left bounds what may be allocated.
    if count.div_ceil(FRAME) > input.len() / 2 {
        return None;
    }
    out.reserve(count);
    let mut left = count;
    let mut padded = [0u8; FRAME * 8 + 16];
    while left > 0 {
        let len = left.min(FRAME);
        left -= len;
        let low = take_u64(input)?;
        let (&width, rest) = input.split_first()?;
        let width = usize::from(width);
        if width > 64 {
            return None;
        }
        let (packed, rest) = rest.split_at_checked((len * width).div_ceil(8))?;
        *input = rest;
        padded[..packed.len()].copy_from_slice(packed);
        padded[packed.len()..packed.len() + 16].fill(0);
        let mask = if width == 64 { u64::MAX } else { (1u64 << width) - 1 };
        for place in 0..len {
            let bit = place * width;
            let window: [u8; 16] = padded[bit / 8..bit / 8 + 16].try_into().expect("16 bytes");
            let unit = (u128::from_le_bytes(window) >> (bit % 8)) as u64 & mask;
            let distance = unit.wrapping_add(low).wrapping_mul(divisor);
            out.push(base.wrapping_add(distance as i64));
        }
    }
    Some(out)
}

fn pack(out: &mut Vec<u8>, units: &[u64], width: u32) {
    if width == 0 {
        return;
    }
    let (mut word, mut used) = (0u64, 0u32);
    for &unit in units {
        word |= unit << used;
        if used + width >= 64 {
            out.extend_from_slice(&word.to_le_bytes());
            word = if used == 0 { 0 } else { unit >> (64 - used) };
            if used + width == 64 {
                word = 0;
            }
            used = used + width - 64;
        } else {
            used += width;
        }
    }
    out.extend_from_slice(&word.to_le_bytes()[..used.div_ceil(8) as usize]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[i64], len_max: usize) {
        let mut out = Vec::new();
        put_ints(&mut out, values);
        let mut input = out.as_slice();
        assert_eq!(take_ints(&mut input, values.len()).as_deref(), Some(values));
        assert!(input.is_empty());
        assert!(out.len() <= len_max, "{} bytes for {} values", out.len(), values.len());
        for len in 0..out.len() {
            assert_eq!(take_ints(&mut &out[..len], values.len()), None, "truncated to {len}");
        }
    }

    #[test]
    fn integers_come_back_and_take_little_room() {
        check(&[7; 1000], 2);
        check(&[i64::MIN, i64::MAX, 0, -1], 60);
        check(&(0..1000).map(|i| i64::from(i % 16)).collect::<Vec<_>>(), 520);
        // Milliseconds in nanoseconds, evenly spaced but for a jitter of 0..4 ms: two bits each.
        let times: Vec<i64> =
            (0..1000).map(|i| 1_700_000_000_000_000_000 + i * 10_000_000 + i % 4 * 1_000_000).collect();
        check(&times, 450);
        for width in 1..64 {
            check(
                &(0..300)
                    .map(|i| {
                        i64::from(i).wrapping_mul(0x9E37_79B9_7F4A_7C15u64 as i64)
                            & ((1u64 << width) - 1) as i64
                    })
                    .collect::<Vec<_>>(),
                2800,
            );
        }
    }
}
