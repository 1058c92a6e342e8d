//! Encodings inside a chunk: integers as byte planes above a base, texts as lengths and bytes, every stretch of bytes packed by itself.
//!
//! One stretch holds bytes of one kind (all lowest bytes of a column, say), so that noise stays apart from what compresses: the noise is stored
//! as it is, the rest gets its own entropy table. Decoders take the count from outside, where it was checked, and never trust a length.
//! Format page: `docs/formats/traces-block.md`.

use std::cell::RefCell;

use stdx::varint::{put_bytes, put_u64, take_bytes, take_u64};

/// Shorter stretches are not worth a frame.
const PACK_MIN_BYTES: usize = 24;
/// A chunk may not unpack to more than this.
const CHUNK_BYTES_MAX: usize = 1 << 30;

const RAW: u8 = 0;
const CONSTANT: u8 = 1;
const ZSTD: u8 = 2;

/// Writes packed stretches, with one compression context for all.
pub(crate) struct Packer {
    /// `None`: everything is stored as it is.
    zstd: Option<zstd::bulk::Compressor<'static>>,
    plane: Vec<u8>,
    packed: Vec<u8>,
}

impl Packer {
    pub(crate) fn new(level: i32) -> Self {
        let mut zstd = zstd::bulk::Compressor::new(level).expect("the level is one of ours");
        zstd.include_contentsize(false).expect("a known parameter");
        Self { zstd: Some(zstd), plane: Vec::new(), packed: Vec::new() }
    }

    /// Does not compress: for blocks that stay in memory.
    pub(crate) fn stored() -> Self {
        Self { zstd: None, plane: Vec::new(), packed: Vec::new() }
    }

    /// Bytes that do not compress.
    pub(crate) fn noise(out: &mut Vec<u8>, plain: &[u8]) {
        if !plain.is_empty() {
            out.push(RAW);
            out.extend_from_slice(plain);
        }
    }

    pub(crate) fn bytes(&mut self, out: &mut Vec<u8>, plain: &[u8]) {
        let Some((&first, rest)) = plain.split_first() else { return };
        if !rest.is_empty() && rest.iter().all(|byte| *byte == first) {
            out.extend_from_slice(&[CONSTANT, first]);
            return;
        }
        if let Some(zstd) = self.zstd.as_mut().filter(|_| plain.len() >= PACK_MIN_BYTES) {
            self.packed.clear();
            self.packed.reserve(zstd::zstd_safe::compress_bound(plain.len()));
            let len = zstd
                .compress_to_buffer(plain, &mut self.packed)
                .expect("compressing memory into enough memory");
            if len + 3 < plain.len() {
                out.push(ZSTD);
                put_bytes(out, &self.packed);
                return;
            }
        }
        Self::noise(out, plain);
    }

    /// The smallest value as base, then the bytes above it plane by plane, lowest first.
    pub(crate) fn ints(&mut self, out: &mut Vec<u8>, values: &[u64]) {
        let Some(base) = values.iter().copied().min() else { return };
        let spread = values.iter().fold(0, |all, value| all | (value - base));
        let width = (71 - spread.leading_zeros() as usize) / 8;
        put_u64(out, base);
        out.push(width as u8);
        let mut plane = std::mem::take(&mut self.plane);
        for shift in (0..width).map(|place| place * 8) {
            plane.clear();
            plane.extend(values.iter().map(|value| ((value - base) >> shift) as u8));
            self.bytes(out, &plane);
        }
        self.plane = plane;
    }

    /// Lengths, then all bytes in a row.
    pub(crate) fn texts<'a>(&mut self, out: &mut Vec<u8>, texts: impl Iterator<Item = &'a [u8]>) {
        let (mut lens, mut bytes) = (Vec::new(), Vec::new());
        for text in texts {
            lens.push(text.len() as u64);
            bytes.extend_from_slice(text);
        }
        self.ints(out, &lens);
        self.bytes(out, &bytes);
    }
}

thread_local! {
    /// A decompression context is large; one a thread serves all queries that run on it.
    static UNPACK: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

fn unzstd(packed: &[u8], len: usize) -> Option<Vec<u8>> {
    UNPACK.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = Some(zstd::bulk::Decompressor::new().ok()?);
        }
        let plain = slot.as_mut()?.decompress(packed, len).ok()?;
        (plain.len() == len).then_some(plain)
    })
}

/// A stretch of `len` bytes.
pub(crate) fn take_packed(input: &mut &[u8], len: usize) -> Option<Vec<u8>> {
    if len == 0 {
        return Some(Vec::new());
    }
    if len > CHUNK_BYTES_MAX {
        return None;
    }
    let (tag, rest) = input.split_first()?;
    *input = rest;
    match *tag {
        RAW => {
            let (plain, rest) = input.split_at_checked(len)?;
            *input = rest;
            Some(plain.to_vec())
        }
        CONSTANT => {
            let (byte, rest) = input.split_first()?;
            *input = rest;
            Some(vec![*byte; len])
        }
        ZSTD => unzstd(take_bytes(input)?, len),
        _ => None,
    }
}

/// `count` integers.
pub(crate) fn take_ints(input: &mut &[u8], count: usize) -> Option<Vec<u64>> {
    if count == 0 {
        return Some(Vec::new());
    }
    if count > CHUNK_BYTES_MAX / 8 {
        return None;
    }
    let base = take_u64(input)?;
    let (width, rest) = input.split_first()?;
    *input = rest;
    if *width > 8 {
        return None;
    }
    let mut values = vec![base; count];
    for shift in (0..usize::from(*width)).map(|place| place * 8) {
        let plane = take_packed(input, count)?;
        for (value, byte) in values.iter_mut().zip(&plane) {
            *value = value.wrapping_add(u64::from(*byte) << shift);
        }
    }
    Some(values)
}

/// Texts by number, as they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Texts {
    ends: Vec<u32>,
    bytes: Vec<u8>,
}

impl Texts {
    pub(crate) fn take(input: &mut &[u8], count: usize) -> Option<Self> {
        let lens = take_ints(input, count)?;
        let mut ends = Vec::with_capacity(count);
        let mut end = 0u32;
        for len in lens {
            end = end.checked_add(u32::try_from(len).ok()?)?;
            ends.push(end);
        }
        let bytes = take_packed(input, end as usize)?;
        Some(Self { ends, bytes })
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len() as u32);
    }

    /// Empty for a number that is not there.
    #[inline]
    pub(crate) fn get(&self, place: usize) -> &[u8] {
        let Some(&end) = self.ends.get(place) else { return &[] };
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        &self.bytes[start as usize..end as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone {
        (0..self.len()).map(|place| self.get(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(values: &[u64]) -> usize {
        let mut out = Vec::new();
        Packer::new(1).ints(&mut out, values);
        let mut input = out.as_slice();
        assert_eq!(take_ints(&mut input, values.len()).as_deref(), Some(values));
        assert!(input.is_empty());
        for len in 0..out.len() {
            assert_ne!(take_ints(&mut &out[..len], values.len()).as_deref(), Some(values));
        }
        out.len()
    }

    #[test]
    fn integers_take_the_bytes_that_differ() {
        assert_eq!(round_trip(&[]), 0);
        assert_eq!(round_trip(&[7; 1000]), 2);
        round_trip(&[0, u64::MAX, 1]);
        assert!(round_trip(&(0..1000).map(|i| 200 + i % 4).collect::<Vec<_>>()) < 300);
    }

    #[test]
    fn a_claimed_length_allocates_nothing() {
        assert_eq!(take_packed(&mut [ZSTD, 1, 0].as_slice(), usize::MAX), None);
        assert_eq!(take_ints(&mut [0, 8, RAW].as_slice(), 1 << 40), None);
        assert_eq!(Texts::take(&mut [3, 0].as_slice(), 2), None);
    }

    proptest! {
        #[test]
        fn whatever_goes_in_comes_out(values in prop::collection::vec(any::<u64>(), 0..200), shift in 0u32..64,
                                      texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..50)) {
            round_trip(&values.iter().map(|value| value >> shift).collect::<Vec<_>>());
            let mut out = Vec::new();
            Packer::new(3).texts(&mut out, texts.iter().map(Vec::as_slice));
            let back = Texts::take(&mut out.as_slice(), texts.len()).unwrap();
            prop_assert!(back.iter().eq(texts.iter().map(Vec::as_slice)));
        }
    }
}
