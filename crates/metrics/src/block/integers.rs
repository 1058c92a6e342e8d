//! Whole numbers of one column: as they are, as differences, or as differences of differences, whichever is smallest.
//!
//! ```text
//! header := order (2 bits: 0 plain above a base, 1 differences, 2 of differences) | byte count << 2 | has shift << 6
//!           | [shift u8] | first zig-zag | [order 2: first difference zig-zag]
//! ```
//!
//! The rest of the numbers go to the planes: order 0 all of them, as unsigned distances from `first`, which is the smallest; order 1 and 2 zig-zag.
//! What all numbers have in trailing zero bits is shifted out first. No bytes at all means a straight line.

use stdx::varint::{put_i64, take_i64, unzigzag, zigzag};

use super::planes::{Cursor, Planes, PlanesWriter, low_mask};

const SHIFTED: u8 = 1 << 6;

/// Room for intermediate numbers, kept between columns.
#[derive(Default)]
pub struct Scratch {
    numbers: Vec<u64>,
}

fn byte_len(or: u64) -> usize {
    8 - (or.leading_zeros() / 8) as usize
}

/// Bits of all numbers of each order: (plain, differences, of differences).
fn bit_costs(values: &[i64], min: i64) -> [u64; 3] {
    let bits = |number: u64| u64::from(64 - number.leading_zeros());
    let mut costs = [0; 3];
    let (mut before, mut before_difference) = (values[0], 0i64);
    for &value in values {
        let difference = value.wrapping_sub(before);
        costs[0] += bits(value.wrapping_sub(min) as u64);
        costs[1] += bits(zigzag(difference));
        costs[2] += bits(zigzag(difference.wrapping_sub(before_difference)));
        (before, before_difference) = (value, difference);
    }
    costs
}

/// Appends the header to `meta` and the bytes to `planes`. Returns about how many bits the numbers have.
pub fn put(values: &[i64], scratch: &mut Scratch, meta: &mut Vec<u8>, planes: &mut PlanesWriter) {
    let Some(&first) = values.first() else { return };
    let min = values.iter().copied().min().unwrap_or(first);
    let costs = bit_costs(values, min);
    // The cost of the first difference is in the header of order 2, not in its planes.
    let order = if values.len() > 2 && costs[2] < costs[1].min(costs[0]) {
        2
    } else if costs[1] <= costs[0] {
        1
    } else {
        0
    };
    let numbers = &mut scratch.numbers;
    numbers.clear();
    let shift = match order {
        0 => shift_of(values.iter().map(|value| value.wrapping_sub(min))),
        1 => shift_of(values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]))),
        _ => shift_of(differences_of_differences(values)),
    };
    match order {
        0 => numbers.extend(values.iter().map(|value| value.wrapping_sub(min) as u64 >> shift)),
        1 => numbers.extend(values.windows(2).map(|pair| zigzag(pair[1].wrapping_sub(pair[0]) >> shift))),
        _ => numbers.extend(differences_of_differences(values).map(|number| zigzag(number >> shift))),
    }
    let bytes = byte_len(numbers.iter().fold(0, |or, number| or | number));
    meta.push(order as u8 | (bytes as u8) << 2 | if shift > 0 { SHIFTED } else { 0 });
    if shift > 0 {
        meta.push(shift as u8);
    }
    put_i64(meta, if order == 0 { min } else { first });
    if order == 2 {
        put_i64(meta, values[1].wrapping_sub(first));
    }
    planes.put(numbers, bytes);
}

fn differences_of_differences(values: &[i64]) -> impl Iterator<Item = i64> + '_ {
    values
        .windows(3)
        .map(|three| three[2].wrapping_sub(three[1]).wrapping_sub(three[1].wrapping_sub(three[0])))
}

/// Trailing zero bits that all have; 0 if all are zero.
fn shift_of(numbers: impl Iterator<Item = i64>) -> u32 {
    match numbers.fold(0, |or, number| or | number) {
        0 => 0,
        or => or.trailing_zeros(),
    }
}

/// A header, read.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    order: u8,
    bytes: u8,
    shift: u8,
    first: i64,
    difference: i64,
}

impl Header {
    pub fn take(meta: &mut &[u8]) -> Option<Self> {
        let (&mode, rest) = meta.split_first()?;
        *meta = rest;
        let (order, bytes) = (mode & 3, mode >> 2 & 15);
        if order > 2 || bytes > 8 || mode & 0x80 != 0 {
            return None;
        }
        let mut shift = 0;
        if mode & SHIFTED != 0 {
            (shift, *meta) =
                meta.split_first().map(|(&shift, rest)| (shift, rest)).filter(|(s, _)| *s < 64)?;
        }
        let first = take_i64(meta)?;
        let difference = if order == 2 { take_i64(meta)? } else { 0 };
        Some(Self { order, bytes, shift, first, difference })
    }

    fn plane_len(&self, len: usize) -> usize {
        len.saturating_sub(self.order as usize)
    }

    pub fn skip(&self, len: usize, planes: &Planes<'_>, cursor: &mut Cursor) -> Option<()> {
        planes.skip(cursor, self.plane_len(len), low_mask(self.bytes as usize))
    }

    /// Unpacks `len` numbers into `out`.
    pub fn read(
        &self,
        len: usize,
        planes: &Planes<'_>,
        cursor: &mut Cursor,
        scratch: &mut Scratch,
        out: &mut Vec<i64>,
    ) -> Option<()> {
        out.clear();
        if len == 0 {
            return Some(());
        }
        let numbers = &mut scratch.numbers;
        planes.take(cursor, self.plane_len(len), low_mask(self.bytes as usize), numbers)?;
        let shift = u32::from(self.shift);
        out.reserve(len);
        match self.order {
            0 => out.extend(numbers.iter().map(|number| self.first.wrapping_add((number << shift) as i64))),
            1 => {
                let mut value = self.first;
                out.push(value);
                out.extend(numbers.iter().map(|&number| {
                    value = value.wrapping_add(unzigzag(number) << shift);
                    value
                }));
            }
            _ => {
                let (mut value, mut difference) = (self.first, self.difference);
                out.push(value);
                if len > 1 {
                    value = value.wrapping_add(difference);
                    out.push(value);
                }
                out.extend(numbers.iter().map(|&number| {
                    difference = difference.wrapping_add(unzigzag(number) << shift);
                    value = value.wrapping_add(difference);
                    value
                }));
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(values: &[i64]) -> usize {
        let (mut meta, mut planes, mut scratch) = (Vec::new(), PlanesWriter::default(), Scratch::default());
        put(values, &mut scratch, &mut meta, &mut planes);
        let size = meta.len() + planes.len();
        let mut bytes = Vec::new();
        planes.finish(&mut bytes);
        let planes = Planes::read(&bytes).unwrap();
        if values.is_empty() {
            return 0;
        }
        let mut input = meta.as_slice();
        let header = Header::take(&mut input).unwrap();
        let (mut cursor, mut out) = (Cursor::default(), Vec::new());
        header.read(values.len(), &planes, &mut cursor, &mut scratch, &mut out).unwrap();
        assert_eq!(out, values);
        let mut skipped = Cursor::default();
        header.skip(values.len(), &planes, &mut skipped).unwrap();
        assert_eq!((cursor, input.len()), (skipped, 0));
        size
    }

    #[test]
    fn lines_cost_nothing() {
        assert!(check(&(0..1000).map(|i| 1_700_000_000_000 + i * 15_000).collect::<Vec<_>>()) < 16);
        assert!(check(&[7; 500]) < 8);
        // Multiples of a power of two: one byte each after the shift.
        assert!(check(&(0..1000).map(|i| i * i * 4096).collect::<Vec<_>>()) < 1016);
    }

    proptest! {
        #[test]
        fn every_number_comes_back(values in prop::collection::vec(any::<i64>(), 0..50)) {
            check(&values);
        }

        #[test]
        fn small_numbers_come_back(values in prop::collection::vec(-300i64..300, 0..50), factor in 1i64..5000) {
            check(&values.iter().map(|value| value * factor).collect::<Vec<_>>());
        }
    }
}
