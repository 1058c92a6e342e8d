//! Floats of one column, every bit kept: how they are written is chosen by what they are.
//!
//! ```text
//! kind u8 (low 3 bits, 8: has exceptions)
//!   0 constant | bits f64
//!   1 whole    | [exceptions] | integers          value = number
//!   2 decimal  | exponent u8 | [exceptions] | integers     value = number / 10^exponent, correctly rounded
//!   3 few      | count - 1 u8 | count x bits              one byte of plane 0 a value
//!   4 raw      | mask u8                                  bytes of the bits, planes that are not all zero
//!   5 xor      | mask u8                                  the same of each value xor the one before
//! exceptions := count | (distance << 1 | stale) [bits], ...      distance from the place after the exception before
//! ```
//!
//! Measured values are mostly whole or have few decimal places: as integers their differences are small. What does not come back to the same
//! bits from its number (negative zero, NaN, too many digits) is an exception; too many of these, and the column is not written so.
//! Figures: `docs/decisions/`.

use model::histogram::STALE_BITS;
use stdx::varint::{put_u64, take_u64};

use super::integers::{self, Scratch};
use super::planes::{Cursor, Planes, PlanesWriter};

const CONSTANT: u8 = 0;
const WHOLE: u8 = 1;
const DECIMAL: u8 = 2;
const FEW: u8 = 3;
const RAW: u8 = 4;
const XOR: u8 = 5;
const EXCEPTIONS: u8 = 8;

/// Largest exponent of ten that is tried; powers up to 10^22 are exact.
const EXPONENT_MAX: usize = 17;
const POWERS: [f64; EXPONENT_MAX + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17];
/// Numbers beyond this are not exact as floats.
const NUMBER_MAX: f64 = 9_007_199_254_740_992.0;
/// Values looked at to find the exponent.
const PROBES: usize = 24;
/// One exception in so many values is tolerated.
const EXCEPTION_SHARE: usize = 8;
/// Most distinct values of a column of few.
const FEW_MAX: usize = 64;

/// Room for intermediate numbers, kept between columns.
#[derive(Default)]
pub struct FloatScratch {
    integers: Scratch,
    numbers: Vec<i64>,
    bits: Vec<u64>,
    exceptions: Vec<u32>,
}

#[inline]
fn decimal(bits: u64, power: f64) -> Option<i64> {
    let scaled = (f64::from_bits(bits) * power).round_ties_even();
    // Through the integer, so that negative zero does not pass; a NaN does not pass either.
    let number = scaled as i64;
    (scaled.abs() < NUMBER_MAX && (number as f64 / power).to_bits() == bits).then_some(number)
}

/// The smallest exponent at which the value is a whole number of that power's parts.
fn exponent_of(bits: u64, from: usize) -> Option<usize> {
    (from..=EXPONENT_MAX).find(|&exponent| decimal(bits, POWERS[exponent]).is_some())
}

/// An exponent that suits nearly all of some probes.
fn probe_exponent(bits: &[u64]) -> Option<usize> {
    let step = (bits.len() / PROBES).max(1);
    let (mut exponent, mut misses, mut probes) = (0, 0, 0);
    for &value in bits.iter().step_by(step) {
        if value == STALE_BITS {
            continue;
        }
        probes += 1;
        if decimal(value, POWERS[exponent]).is_none() {
            match exponent_of(value, exponent + 1) {
                Some(found) => exponent = found,
                None => misses += 1,
            }
        }
    }
    (probes > 0 && misses * EXCEPTION_SHARE <= probes).then_some(exponent)
}

impl FloatScratch {
    /// Fills `numbers` and `exceptions`; false: too many exceptions.
    fn fill_numbers(&mut self, bits: &[u64], exponent: usize) -> bool {
        self.numbers.clear();
        self.exceptions.clear();
        let power = POWERS[exponent];
        let tolerated = bits.len() / EXCEPTION_SHARE + 1;
        let mut before = None;
        for (place, &value) in bits.iter().enumerate() {
            let number = decimal(value, power);
            if number.is_none() {
                self.exceptions.push(place as u32);
                if self.exceptions.len() > tolerated {
                    return false;
                }
            }
            before = number.or(before);
            self.numbers.push(before.unwrap_or(0));
        }
        // Exceptions at the front follow the first number, not zero.
        if let Some(first) = (0..bits.len()).find(|place| !self.exceptions.contains(&(*place as u32))) {
            let number = self.numbers[first];
            self.numbers[..first].fill(number);
        }
        true
    }

    /// Bytes that the numbers take as differences, roughly, and the exceptions.
    fn number_cost(&self) -> usize {
        let differences =
            self.numbers.windows(2).map(|pair| stdx::varint::zigzag(pair[1].wrapping_sub(pair[0])));
        let bits: u64 = differences.map(|number| u64::from(64 - number.leading_zeros())).sum();
        bits as usize / 8 + self.exceptions.len() * 9
    }

    fn put_exceptions(&self, bits: &[u64], meta: &mut Vec<u8>) {
        if self.exceptions.is_empty() {
            return;
        }
        put_u64(meta, self.exceptions.len() as u64);
        let mut next = 0;
        for &place in &self.exceptions {
            let value = bits[place as usize];
            let stale = value == STALE_BITS;
            put_u64(meta, u64::from(place - next) << 1 | u64::from(stale));
            if !stale {
                meta.extend_from_slice(&value.to_le_bytes());
            }
            next = place + 1;
        }
    }
}

/// Appends a column (at least one value).
pub fn put(bits: &[u64], scratch: &mut FloatScratch, meta: &mut Vec<u8>, planes: &mut PlanesWriter) {
    if bits.iter().all(|value| *value == bits[0]) {
        meta.push(CONSTANT);
        meta.extend_from_slice(&bits[0].to_le_bytes());
        return;
    }
    let exponent = probe_exponent(bits);
    if let Some(exponent) = exponent
        && scratch.fill_numbers(bits, exponent)
        && scratch.number_cost() < bits.len() * 6
    {
        let exceptions = if scratch.exceptions.is_empty() { 0 } else { EXCEPTIONS };
        if exponent == 0 {
            meta.push(WHOLE | exceptions);
        } else {
            meta.extend_from_slice(&[DECIMAL | exceptions, exponent as u8]);
        }
        scratch.put_exceptions(bits, meta);
        integers::put(&scratch.numbers, &mut scratch.integers, meta, planes);
        return;
    }
    if !put_few(bits, meta, planes) {
        put_bytes(bits, scratch, meta, planes);
    }
}

fn put_few(bits: &[u64], meta: &mut Vec<u8>, planes: &mut PlanesWriter) -> bool {
    let most = FEW_MAX.min(bits.len() / 2);
    let mut few: Vec<u64> = Vec::new();
    let mut places = Vec::with_capacity(bits.len());
    for value in bits {
        let place = few.iter().position(|have| have == value).unwrap_or_else(|| {
            few.push(*value);
            few.len() - 1
        });
        if few.len() > most {
            return false;
        }
        places.push(place as u8);
    }
    meta.extend_from_slice(&[FEW, (few.len() - 1) as u8]);
    few.iter().for_each(|value| meta.extend_from_slice(&value.to_le_bytes()));
    planes.put_bytes(&places);
    true
}

fn put_bytes(bits: &[u64], scratch: &mut FloatScratch, meta: &mut Vec<u8>, planes: &mut PlanesWriter) {
    let xor = &mut scratch.bits;
    xor.clear();
    let mut before = 0;
    xor.extend(bits.iter().map(|&value| {
        let changed = value ^ before;
        before = value;
        changed
    }));
    let zero_bytes =
        |numbers: &[u64]| -> u32 { numbers.iter().map(|number| number.leading_zeros() / 8).sum() };
    // Raw bytes of one magnitude repeat their sign and exponent, which an entropy coder sees: xor must win clearly.
    let (kind, numbers) = if zero_bytes(xor) as usize > 2 * bits.len() { (XOR, &**xor) } else { (RAW, bits) };
    let or = numbers.iter().fold(0, |or, number| or | number);
    let mask = (0..8).fold(0, |mask, index| mask | u8::from(or >> (8 * index) & 0xff != 0) << index);
    meta.extend_from_slice(&[kind, mask]);
    planes.put_masked(numbers, mask);
}

fn take_u8(meta: &mut &[u8]) -> Option<u8> {
    let (&byte, rest) = meta.split_first()?;
    *meta = rest;
    Some(byte)
}

fn take_bits(meta: &mut &[u8]) -> Option<u64> {
    let (bytes, rest) = meta.split_first_chunk::<8>()?;
    *meta = rest;
    Some(u64::from_le_bytes(*bytes))
}

/// A column's header, read; exceptions point into the group's meta bytes.
#[derive(Clone, Debug)]
pub enum Column<'a> {
    Constant(u64),
    Numbers { power: f64, exceptions: &'a [u8], header: integers::Header },
    Few(&'a [u8]),
    Bytes { mask: u8, xor: bool },
}

impl<'a> Column<'a> {
    pub fn take(meta: &mut &'a [u8]) -> Option<Self> {
        let kind = take_u8(meta)?;
        Some(match kind & !EXCEPTIONS {
            CONSTANT => Self::Constant(take_bits(meta)?),
            WHOLE => Self::take_numbers(meta, 0, kind)?,
            DECIMAL => {
                let exponent = take_u8(meta)?;
                Self::take_numbers(meta, usize::from(exponent), kind)?
            }
            FEW => {
                let len = (usize::from(take_u8(meta)?) + 1) * 8;
                let (few, rest) = meta.split_at_checked(len)?;
                *meta = rest;
                Self::Few(few)
            }
            RAW => Self::Bytes { mask: take_u8(meta)?, xor: false },
            XOR => Self::Bytes { mask: take_u8(meta)?, xor: true },
            _ => return None,
        })
    }

    fn take_numbers(meta: &mut &'a [u8], exponent: usize, kind: u8) -> Option<Self> {
        let start = *meta;
        if kind & EXCEPTIONS != 0 {
            for _ in 0..take_u64(meta)? {
                if take_u64(meta)? & 1 == 0 {
                    take_bits(meta)?;
                }
            }
        }
        let exceptions = &start[..start.len() - meta.len()];
        Some(Self::Numbers {
            power: *POWERS.get(exponent)?,
            exceptions,
            header: integers::Header::take(meta)?,
        })
    }

    pub fn skip(&self, len: usize, planes: &Planes<'_>, cursor: &mut Cursor) -> Option<()> {
        match self {
            Self::Constant(_) => Some(()),
            Self::Numbers { header, .. } => header.skip(len, planes, cursor),
            Self::Few(_) => planes.skip(cursor, len, 1),
            Self::Bytes { mask, .. } => planes.skip(cursor, len, *mask),
        }
    }

    /// Appends `len` values to `out`.
    pub fn read(
        &self,
        len: usize,
        planes: &Planes<'_>,
        cursor: &mut Cursor,
        scratch: &mut FloatScratch,
        out: &mut Vec<f64>,
    ) -> Option<()> {
        let base = out.len();
        match self {
            Self::Constant(bits) => out.resize(base + len, f64::from_bits(*bits)),
            Self::Numbers { power, exceptions, header } => {
                let FloatScratch { integers, numbers, .. } = scratch;
                header.read(len, planes, cursor, integers, numbers)?;
                if *power == 1.0 {
                    out.extend(numbers.iter().map(|&number| number as f64));
                } else {
                    out.extend(numbers.iter().map(|&number| number as f64 / power));
                }
                read_exceptions(exceptions, &mut out[base..])?;
            }
            Self::Few(few) => {
                planes.take(cursor, len, 1, &mut scratch.bits)?;
                for &place in &scratch.bits {
                    let mut value = few.get(place as usize * 8..)?;
                    out.push(f64::from_bits(take_bits(&mut value)?));
                }
            }
            Self::Bytes { mask, xor } => {
                planes.take(cursor, len, *mask, &mut scratch.bits)?;
                let mut before = 0;
                out.extend(scratch.bits.iter().map(|&bits| {
                    before = if *xor { bits ^ before } else { bits };
                    f64::from_bits(before)
                }));
            }
        }
        Some(())
    }
}

fn read_exceptions(mut exceptions: &[u8], out: &mut [f64]) -> Option<()> {
    if exceptions.is_empty() {
        return Some(());
    }
    let mut next = 0usize;
    for _ in 0..take_u64(&mut exceptions)? {
        let word = take_u64(&mut exceptions)?;
        let place = next.checked_add(usize::try_from(word >> 1).ok()?)?;
        let bits = if word & 1 != 0 { STALE_BITS } else { take_bits(&mut exceptions)? };
        *out.get_mut(place)? = f64::from_bits(bits);
        next = place + 1;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(bits: &[u64]) -> usize {
        let (mut meta, mut planes, mut scratch) =
            (Vec::new(), PlanesWriter::default(), FloatScratch::default());
        put(bits, &mut scratch, &mut meta, &mut planes);
        let size = meta.len() + planes.len();
        let mut bytes = Vec::new();
        planes.finish(&mut bytes);
        let planes = Planes::read(&bytes).unwrap();
        let mut input = meta.as_slice();
        let column = Column::take(&mut input).unwrap();
        assert!(input.is_empty());
        let (mut cursor, mut out) = (Cursor::default(), Vec::new());
        column.read(bits.len(), &planes, &mut cursor, &mut scratch, &mut out).unwrap();
        assert_eq!(out.iter().map(|value| value.to_bits()).collect::<Vec<_>>(), bits);
        let mut skipped = Cursor::default();
        column.skip(bits.len(), &planes, &mut skipped).unwrap();
        assert_eq!(cursor, skipped);
        size
    }

    fn of(values: impl IntoIterator<Item = f64>) -> Vec<u64> {
        values.into_iter().map(f64::to_bits).collect()
    }

    #[test]
    fn usual_columns_are_small() {
        assert!(check(&of((0..1000).map(|_| 4.25))) < 10);
        assert!(check(&of((0..1000).map(|i| f64::from(i * 3)))) < 16);
        assert!(check(&of((0..1000).map(|i| f64::from(i % 7) + 0.5))) < 1100);
        assert!(check(&of((0..1000).map(|i| f64::from(i * 37) / 100.0))) < 24);
        let third = |i: u32| f64::from(i % 5) / 3.0;
        assert!(check(&of((0..1000).map(third))) < 1100);
        let mut ending = of((0..999).map(f64::from));
        ending.push(STALE_BITS);
        assert!(check(&ending) < 1100);
    }

    fn value() -> impl Strategy<Value = u64> {
        prop_oneof![
            8 => (-100_000i64..100_000).prop_map(|number| (number as f64 / 100.0).to_bits()),
            4 => (-1000i64..1000).prop_map(|number| (number as f64).to_bits()),
            1 => any::<u64>(),
            1 => Just((-0.0f64).to_bits()),
            1 => Just(STALE_BITS),
            1 => Just(f64::INFINITY.to_bits()),
            1 => any::<i64>().prop_map(|number| (number as f64).to_bits()),
        ]
    }

    proptest! {
        #[test]
        fn every_bit_comes_back(bits in prop::collection::vec(any::<u64>(), 1..40)) {
            check(&bits);
        }

        #[test]
        fn mixtures_come_back(bits in prop::collection::vec(value(), 1..80)) {
            check(&bits);
        }
    }
}
