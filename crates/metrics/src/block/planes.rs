//! Byte planes: the lowest bytes of all numbers of a group side by side, then the second lowest, and so on.
//!
//! Numbers of one series are small differences of about the same size, so a plane is bytes of one kind, which an entropy coder likes, and
//! unpacking is a loop that the compiler turns into vector code. All series of a group share the eight planes; a column
//! knows how many bytes it has in each.

use stdx::varint::{put_u64, take_u64};

/// Planes being filled.
#[derive(Default)]
pub struct PlanesWriter {
    planes: [Vec<u8>; 8],
}

impl PlanesWriter {
    /// Appends the low `count` bytes of every number.
    pub fn put(&mut self, numbers: &[u64], count: usize) {
        for (index, plane) in self.planes.iter_mut().enumerate().take(count) {
            let shift = 8 * index as u32;
            plane.extend(numbers.iter().map(|number| (number >> shift) as u8));
        }
    }

    /// Appends the bytes that `mask` names of every number.
    pub fn put_masked(&mut self, numbers: &[u64], mask: u8) {
        for (index, plane) in self.planes.iter_mut().enumerate() {
            if mask >> index & 1 != 0 {
                let shift = 8 * index as u32;
                plane.extend(numbers.iter().map(|number| (number >> shift) as u8));
            }
        }
    }

    pub fn put_bytes(&mut self, bytes: &[u8]) {
        self.planes[0].extend_from_slice(bytes);
    }

    pub fn len(&self) -> usize {
        self.planes.iter().map(Vec::len).sum()
    }

    /// Appends lengths and contents.
    pub fn finish(&self, out: &mut Vec<u8>) {
        self.planes.iter().for_each(|plane| put_u64(out, plane.len() as u64));
        self.planes.iter().for_each(|plane| out.extend_from_slice(plane));
    }
}

/// Where a column's bytes begin in each plane.
pub type Cursor = [u32; 8];

/// Planes to read from.
#[derive(Clone, Copy)]
pub struct Planes<'a> {
    planes: [&'a [u8]; 8],
}

impl<'a> Planes<'a> {
    /// Reads what [`PlanesWriter::finish`] wrote; it fills the rest of the input.
    pub fn read(mut input: &'a [u8]) -> Option<Self> {
        let mut lens = [0usize; 8];
        for len in &mut lens {
            *len = usize::try_from(take_u64(&mut input)?).ok()?;
        }
        let mut planes: [&[u8]; 8] = [&[]; 8];
        for (plane, len) in planes.iter_mut().zip(lens) {
            (*plane, input) = input.split_at_checked(len)?;
        }
        input.is_empty().then_some(Self { planes })
    }

    /// Unpacks `len` numbers of the planes that `mask` names, and moves the cursor behind them.
    pub fn take(&self, cursor: &mut Cursor, len: usize, mask: u8, out: &mut Vec<u64>) -> Option<()> {
        out.clear();
        out.resize(len, 0);
        for (index, plane) in self.planes.iter().enumerate() {
            if mask >> index & 1 == 0 {
                continue;
            }
            let start = cursor[index] as usize;
            let bytes = plane.get(start..start.checked_add(len)?)?;
            let shift = 8 * index as u32;
            for (number, &byte) in out.iter_mut().zip(bytes) {
                *number |= u64::from(byte) << shift;
            }
            cursor[index] += len as u32;
        }
        Some(())
    }

    /// Moves the cursor over a column without reading it.
    pub fn skip(&self, cursor: &mut Cursor, len: usize, mask: u8) -> Option<()> {
        for (index, plane) in self.planes.iter().enumerate() {
            if mask >> index & 1 != 0 {
                let end = (cursor[index] as usize).checked_add(len)?;
                if end > plane.len() {
                    return None;
                }
                cursor[index] = end as u32;
            }
        }
        Some(())
    }
}

/// The mask of the low `count` planes.
pub fn low_mask(count: usize) -> u8 {
    (0xffu16 >> (8 - count.min(8))) as u8
}
