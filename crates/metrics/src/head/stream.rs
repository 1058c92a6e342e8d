//! The packed samples of one open series: a byte stream that only grows, written sample by sample as they come.
//!
//! ```text
//! sample  := control u8 | [time: zig-zag varint of the change of the interval, if the top bits say 1] | value bytes
//! control := time code (2 bits: 0 same interval, 1 changed, 3 escape) | value code (6 bits)
//! value   := 0 same bits; 1..=6 integer difference of that many bytes; 7..=42 bytes of the exclusive-or (where and how many: table)
//! escape  := 0 start time | 1 offset and position of the next sample, which came late | 2 histogram (time, length, bytes)
//! ```
//!
//! Lossless for every f64. Samples come in any order of time; [`Decoded::normalize`] sorts and drops duplicates by the rule "an in-order
//! sample wins, then the lowest (offset, position)", which does not depend on the order in which concurrent records were applied.
//! Lives as long as a head generation, never on disk, so its layout may change freely.

use stdx::varint::{take_i64, take_u64, unzigzag, zigzag};

const TIME_SAME: u8 = 0;
const TIME_CHANGED: u8 = 1;
const ESCAPE: u8 = 3;
const ESCAPE_START: u8 = 0;
const ESCAPE_LATE: u8 = 1;
const ESCAPE_HISTOGRAM: u8 = 2;
/// Value codes above this are exclusive-ors.
const INTEGER_CODES: u8 = 6;
/// Longest encoding of one float sample with its escapes.
pub const SAMPLE_LEN_MAX: usize = 64;

/// (leading zero bytes, byte count) by code - 7.
const XOR_SHAPES: [(u8, u8); 36] = xor_shapes();
/// Code by leading zero bytes * 8 + byte count - 1.
const XOR_CODES: [u8; 64] = xor_codes();

const fn xor_shapes() -> [(u8, u8); 36] {
    let mut shapes = [(0, 0); 36];
    let (mut next, mut lead) = (0, 0);
    while lead < 8 {
        let mut count = 1;
        while lead + count <= 8 {
            shapes[next] = (lead, count);
            next += 1;
            count += 1;
        }
        lead += 1;
    }
    shapes
}

const fn xor_codes() -> [u8; 64] {
    let mut codes = [0; 64];
    let mut index = 0;
    while index < XOR_SHAPES.len() {
        let (lead, count) = XOR_SHAPES[index];
        codes[lead as usize * 8 + count as usize - 1] = index as u8 + INTEGER_CODES + 1;
        index += 1;
    }
    codes
}

/// A small buffer on the stack that one sample is packed into.
pub struct Packed {
    bytes: [u8; SAMPLE_LEN_MAX],
    len: usize,
}

impl Packed {
    #[inline]
    pub fn new() -> Self {
        Self { bytes: [0; SAMPLE_LEN_MAX], len: 0 }
    }

    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    #[inline]
    fn push(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    #[inline]
    fn put_u64(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.push(value as u8);
    }

    #[inline]
    fn put_low_bytes(&mut self, value: u64, count: usize) {
        self.bytes[self.len..self.len + 8].copy_from_slice(&value.to_le_bytes());
        self.len += count;
    }
}

/// What the next sample is packed against.
#[derive(Clone, Copy, Debug, Default)]
pub struct State {
    t_ms: i64,
    bits: u64,
    start_ms: i64,
    interval_ms: i32,
    any: bool,
}

/// The whole number that has exactly these bits.
#[inline]
fn whole(bits: u64) -> Option<i64> {
    let number = f64::from_bits(bits) as i64;
    ((number as f64).to_bits() == bits).then_some(number)
}

impl State {
    /// Packs one float sample. `late` is its (offset, position) if it did not come in order.
    #[inline]
    pub fn pack(&mut self, out: &mut Packed, t_ms: i64, start_ms: i64, bits: u64, late: Option<(u64, u32)>) {
        self.escapes(out, start_ms, late);
        let change = self.step_time(t_ms);
        let control = out.len;
        out.push(0);
        let time_code = if change == 0 {
            TIME_SAME
        } else {
            out.put_u64(zigzag(change));
            TIME_CHANGED
        };
        out.bytes[control] = time_code << 6 | self.pack_value(out, bits);
        self.bits = bits;
    }

    /// Packs the head of a histogram sample; its `len` bytes of payload follow.
    pub fn pack_histogram(
        &mut self,
        out: &mut Packed,
        t_ms: i64,
        start_ms: i64,
        len: usize,
        late: Option<(u64, u32)>,
    ) {
        self.escapes(out, start_ms, late);
        let change = self.step_time(t_ms);
        out.push(ESCAPE << 6 | ESCAPE_HISTOGRAM);
        out.put_u64(zigzag(change));
        out.put_u64(len as u64);
    }

    #[inline]
    fn escapes(&mut self, out: &mut Packed, start_ms: i64, late: Option<(u64, u32)>) {
        if start_ms != self.start_ms {
            out.push(ESCAPE << 6 | ESCAPE_START);
            out.put_u64(zigzag(start_ms));
            self.start_ms = start_ms;
        }
        if let Some((offset, position)) = late {
            out.push(ESCAPE << 6 | ESCAPE_LATE);
            out.put_u64(offset);
            out.put_u64(u64::from(position));
        }
    }

    /// Moves to `t_ms` and returns how the interval changed.
    #[inline]
    fn step_time(&mut self, t_ms: i64) -> i64 {
        let interval = t_ms.wrapping_sub(self.t_ms);
        let change = interval.wrapping_sub(i64::from(self.interval_ms));
        self.interval_ms = if self.any { i32::try_from(interval).unwrap_or(0) } else { 0 };
        self.any = true;
        self.t_ms = t_ms;
        change
    }

    #[inline]
    fn pack_value(&self, out: &mut Packed, bits: u64) -> u8 {
        let xor = bits ^ self.bits;
        if xor == 0 {
            return 0;
        }
        let lead = (xor.leading_zeros() / 8) as usize;
        let tail = (xor.trailing_zeros() / 8) as usize;
        let count = 8 - lead - tail;
        if let (Some(number), Some(before)) = (whole(bits), whole(self.bits)) {
            let difference = zigzag(number.wrapping_sub(before));
            let len = 8 - (difference.leading_zeros() / 8) as usize;
            if len <= count.min(INTEGER_CODES as usize) {
                out.put_low_bytes(difference, len);
                return len as u8;
            }
        }
        out.put_low_bytes(xor >> (8 * tail), count);
        XOR_CODES[lead * 8 + count - 1]
    }
}

/// The samples of one stream, column by column.
#[derive(Clone, Debug, Default)]
pub struct Decoded {
    pub t_ms: Vec<i64>,
    /// Bits of the floats; 0 where there is a histogram.
    pub bits: Vec<u64>,
    /// As long as `t_ms` if any sample has a start time, else empty.
    pub start_ms: Vec<i64>,
    /// Packed histograms by index of their sample.
    pub histograms: Vec<(u32, Vec<u8>)>,
    /// (index, offset, position) of samples that came late.
    late: Vec<(u32, u64, u32)>,
}

impl Decoded {
    /// Unpacks a stream. `None` cannot happen for what [`State`] has written.
    pub fn read(mut input: &[u8], count: usize) -> Option<Self> {
        let mut all =
            Self { t_ms: Vec::with_capacity(count), bits: Vec::with_capacity(count), ..Self::default() };
        let (mut t_ms, mut interval_ms, mut start_ms, mut before) = (0i64, 0i64, 0i64, 0u64);
        while let Some((&control, rest)) = input.split_first() {
            input = rest;
            let (time_code, code) = (control >> 6, control & 0x3f);
            let change = match (time_code, code) {
                (TIME_SAME, _) => 0,
                (TIME_CHANGED, _) | (ESCAPE, ESCAPE_HISTOGRAM) => take_i64(&mut input)?,
                (ESCAPE, ESCAPE_START) => {
                    start_ms = take_i64(&mut input)?;
                    all.start_ms.resize(all.t_ms.len(), 0);
                    continue;
                }
                (ESCAPE, ESCAPE_LATE) => {
                    let index = all.t_ms.len() as u32;
                    all.late.push((index, take_u64(&mut input)?, take_u64(&mut input)? as u32));
                    continue;
                }
                _ => return None,
            };
            let interval = interval_ms.wrapping_add(change);
            interval_ms =
                if all.t_ms.is_empty() { 0 } else { i64::from(i32::try_from(interval).unwrap_or(0)) };
            t_ms = t_ms.wrapping_add(interval);
            all.t_ms.push(t_ms);
            if start_ms != 0 || !all.start_ms.is_empty() {
                all.start_ms.resize(all.t_ms.len() - 1, 0);
                all.start_ms.push(start_ms);
            }
            if time_code == ESCAPE {
                let len = usize::try_from(take_u64(&mut input)?).ok()?;
                let (payload, rest) = input.split_at_checked(len)?;
                input = rest;
                all.histograms.push((all.bits.len() as u32, payload.to_vec()));
                all.bits.push(0);
            } else {
                before = take_value(&mut input, code, before)?;
                all.bits.push(before);
            }
        }
        Some(all)
    }

    /// Sorts by time and keeps one sample per time, as the module says.
    pub fn normalize(&mut self) {
        if self.t_ms.windows(2).all(|pair| pair[0] < pair[1]) {
            return;
        }
        let mut rank = vec![(0u8, 0u64, 0u32); self.t_ms.len()];
        for &(index, offset, position) in &self.late {
            if let Some(rank) = rank.get_mut(index as usize) {
                *rank = (1, offset, position);
            }
        }
        let mut order: Vec<u32> = (0..self.t_ms.len() as u32).collect();
        order.sort_by_key(|&index| (self.t_ms[index as usize], rank[index as usize]));
        order.dedup_by_key(|index| self.t_ms[*index as usize]);
        self.pick(&order);
    }

    /// Keeps the samples of these indices, in this order.
    fn pick(&mut self, order: &[u32]) {
        let mut histograms = Vec::with_capacity(self.histograms.len());
        for (place, &index) in order.iter().enumerate() {
            if let Ok(found) = self.histograms.binary_search_by_key(&index, |(index, _)| *index) {
                histograms.push((place as u32, std::mem::take(&mut self.histograms[found].1)));
            }
        }
        self.histograms = histograms;
        self.t_ms = order.iter().map(|&index| self.t_ms[index as usize]).collect();
        self.bits = order.iter().map(|&index| self.bits[index as usize]).collect();
        if !self.start_ms.is_empty() {
            self.start_ms = order.iter().map(|&index| self.start_ms[index as usize]).collect();
        }
        self.late.clear();
    }
}

#[inline]
fn take_value(input: &mut &[u8], code: u8, before: u64) -> Option<u64> {
    if code == 0 {
        return Some(before);
    }
    if code <= INTEGER_CODES {
        let difference = unzigzag(take_low_bytes(input, code as usize)?);
        return Some(((f64::from_bits(before) as i64).wrapping_add(difference) as f64).to_bits());
    }
    let &(lead, count) = XOR_SHAPES.get((code - INTEGER_CODES - 1) as usize)?;
    let tail = 8 - lead - count;
    Some(before ^ (take_low_bytes(input, count as usize)? << (8 * tail)))
}

#[inline]
fn take_low_bytes(input: &mut &[u8], count: usize) -> Option<u64> {
    let (bytes, rest) = input.split_at_checked(count)?;
    *input = rest;
    let mut whole = [0; 8];
    whole[..count].copy_from_slice(bytes);
    Some(u64::from_le_bytes(whole))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pack_all(samples: &[(i64, i64, u64)]) -> Vec<u8> {
        let (mut state, mut bytes) = (State::default(), Vec::new());
        for &(t_ms, start_ms, bits) in samples {
            let mut packed = Packed::new();
            state.pack(&mut packed, t_ms, start_ms, bits, None);
            bytes.extend_from_slice(packed.as_slice());
        }
        bytes
    }

    fn value() -> impl Strategy<Value = u64> {
        prop_oneof![
            any::<u64>(),
            any::<i64>().prop_map(|number| (number as f64).to_bits()),
            (-1000i64..1000).prop_map(|number| (number as f64).to_bits()),
            (-100_000i64..100_000).prop_map(|number| (number as f64 / 100.0).to_bits()),
            Just((-0.0f64).to_bits()),
            Just(0x7ff0_0000_0000_0002),
        ]
    }

    proptest! {
        #[test]
        fn every_bit_comes_back(samples in prop::collection::vec(
            (any::<i64>(), prop_oneof![Just(0), any::<i64>()], value()), 0..60)) {
            let decoded = Decoded::read(&pack_all(&samples), samples.len()).unwrap();
            let starts = if decoded.start_ms.is_empty() { vec![0; samples.len()] } else { decoded.start_ms.clone() };
            let back: Vec<_> = decoded.t_ms.iter().zip(starts).zip(&decoded.bits)
                .map(|((&t, start), &bits)| (t, start, bits)).collect();
            prop_assert_eq!(back, samples);
        }
    }

    #[test]
    fn a_regular_counter_takes_two_bytes_a_sample() {
        let samples: Vec<_> =
            (0..100).map(|i| (1_700_000_000_000 + i * 15_000, 0, ((i * 37) as f64).to_bits())).collect();
        assert!(pack_all(&samples).len() < 220);
    }

    #[test]
    fn the_first_of_a_time_stays() {
        let mut state = State::default();
        let mut bytes = Vec::new();
        for (t_ms, value, late) in [
            (10, 1.0, None),
            (30, 3.0, None),
            (20, 9.0, Some((7, 0))),
            (20, 2.0, Some((5, 3))),
            (30, 8.0, Some((1, 1))),
        ] {
            let mut packed = Packed::new();
            state.pack(&mut packed, t_ms, 0, f64::to_bits(value), late);
            bytes.extend_from_slice(packed.as_slice());
        }
        let mut decoded = Decoded::read(&bytes, 5).unwrap();
        decoded.normalize();
        assert_eq!(decoded.t_ms, [10, 20, 30]);
        assert_eq!(decoded.bits, [1.0f64, 2.0, 3.0].map(f64::to_bits));
    }
}
