//! Columns of values that outside look like text, and inside are what they are: constant, integers, ids in hexadecimal, a dictionary, or text.
//!
//! A [`ColumnBuilder`] takes values row by row (rows may be left out) and picks the encoding when the column is complete.
//! A [`Column`] gives them back: the text of a value is always the text that went in, whatever the encoding.
//!
//! ```text
//! encoding u8 (+ 0x80 if rows are missing: bitmap of ceil(rows / 8) bytes follows, lowest bit first)
//! 0 constant    text, length-prefixed
//! 1 integers    ints column
//! 6 few ints    entries | entries as ints column | places, one byte each
//! 2 hex         width u8 | width * count raw bytes
//! 3 hex dict    width u8 | entries | width * entries raw bytes | places as ints column
//! 4 text        lengths as ints column | bytes
//! 5 text dict   entries | lengths as ints column | low bytes of all places | high bytes of all places, if entries > 256
//!               | total length of the bytes | bytes
//! ```

use std::hash::Hasher;

use bytes::Bytes;
use stdx::varint::{put_bytes, put_u64, take_bytes, take_u64};

use super::ints::{put_ints, take_ints};
use crate::container::Codec;

const CONSTANT: u8 = 0;
const INTS: u8 = 1;
const HEX: u8 = 2;
const HEX_DICT: u8 = 3;
const TEXT: u8 = 4;
const TEXT_DICT: u8 = 5;
const FEW_INTS: u8 = 6;
const SPARSE: u8 = 0x80;
/// So many distinct integers at most are worth a dictionary of one-byte places, which entropy coding then shrinks.
const FEW_INTS_MAX: usize = 64;
/// Places of a dictionary fit two bytes.
const DICT_MAX: usize = 1 << 16;

/// What a row has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    Text(&'a [u8]),
    Int(i64),
    /// Raw bytes whose text is lowercase hexadecimal.
    Hex(&'a [u8]),
}

impl Value<'_> {
    /// Appends the text of this value.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Value::Text(text) => out.extend_from_slice(text),
            Value::Int(value) => put_decimal(out, *value),
            Value::Hex(raw) => put_hex(out, raw),
        }
    }
}

fn put_decimal(out: &mut Vec<u8>, value: i64) {
    use std::io::Write;
    write!(out, "{value}").expect("writing to memory");
}

fn put_hex(out: &mut Vec<u8>, raw: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in raw {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

/// The raw bytes of a text that looks like an id: 16, 32, 40 or 64 lowercase hexadecimal digits.
fn hex_id(text: &[u8]) -> Option<([u8; 32], usize)> {
    if !matches!(text.len(), 16 | 32 | 40 | 64) {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut raw = [0; 32];
    for (byte, pair) in raw.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some((raw, text.len() / 2))
}

/// The integer whose decimal text is exactly `text`.
fn canonical_int(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if digits[0] == b'0' && text.len() > 1 {
        return None;
    }
    let value = digits.iter().fold(0i64, |value, digit| value * 10 + i64::from(digit - b'0'));
    Some(if digits.len() < text.len() { -value } else { value })
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Empty,
    Ints,
    /// So many raw bytes each.
    Hex(u8),
    Text,
}

/// Collects one column. Rows come in increasing order.
#[derive(Default)]
pub struct ColumnBuilder {
    rows: Vec<u32>,
    kind: Kind,
    ints: Vec<i64>,
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl ColumnBuilder {
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Values so far.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The row that was pushed last.
    pub fn last_row(&self) -> Option<u32> {
        self.rows.last().copied()
    }

    /// Rows and values, if all values are integers.
    pub fn ints_mut(&mut self) -> Option<(&[u32], &mut [i64])> {
        (self.kind == Kind::Ints).then_some((&self.rows, &mut self.ints))
    }

    /// All raw bytes and how many each value has, if all values are ids of one width.
    pub fn raw_hex(&self) -> Option<(&[u8], usize)> {
        match self.kind {
            Kind::Hex(width) => Some((&self.bytes, usize::from(width))),
            _ => None,
        }
    }

    pub fn clear(&mut self) {
        self.rows.clear();
        self.ints.clear();
        self.bytes.clear();
        self.ends.clear();
        self.kind = Kind::Empty;
    }

    pub fn push(&mut self, row: u32, value: Value<'_>) {
        match value {
            Value::Text(text) => self.push_text(row, text),
            Value::Int(value) => self.push_int(row, value),
            Value::Hex(raw) => self.push_hex(row, raw),
        }
    }

    pub fn push_int(&mut self, row: u32, value: i64) {
        self.rows.push(row);
        match self.kind {
            Kind::Empty | Kind::Ints => {
                self.kind = Kind::Ints;
                self.ints.push(value);
            }
            Kind::Hex(_) | Kind::Text => {
                self.become_text();
                put_decimal(&mut self.bytes, value);
                self.ends.push(self.bytes.len() as u32);
            }
        }
    }

    /// `raw` has 1 to 255 bytes.
    pub fn push_hex(&mut self, row: u32, raw: &[u8]) {
        self.rows.push(row);
        let width = u8::try_from(raw.len()).unwrap_or(0);
        match self.kind {
            Kind::Empty if width > 0 => {
                self.kind = Kind::Hex(width);
                self.bytes.extend_from_slice(raw);
            }
            Kind::Hex(have) if have == width => self.bytes.extend_from_slice(raw),
            _ => {
                self.become_text();
                put_hex(&mut self.bytes, raw);
                self.ends.push(self.bytes.len() as u32);
            }
        }
    }

    pub fn push_text(&mut self, row: u32, text: &[u8]) {
        if matches!(self.kind, Kind::Empty | Kind::Ints)
            && let Some(value) = canonical_int(text)
        {
            return self.push_int(row, value);
        }
        if matches!(self.kind, Kind::Empty | Kind::Hex(_))
            && let Some((raw, len)) = hex_id(text)
        {
            return self.push_hex(row, &raw[..len]);
        }
        self.rows.push(row);
        if self.kind != Kind::Text {
            self.become_text();
        }
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len() as u32);
    }

    fn become_text(&mut self) {
        match self.kind {
            Kind::Ints => {
                for value in self.ints.drain(..) {
                    put_decimal(&mut self.bytes, value);
                    self.ends.push(self.bytes.len() as u32);
                }
            }
            Kind::Hex(width) => {
                let raw = std::mem::take(&mut self.bytes);
                for id in raw.chunks_exact(usize::from(width)) {
                    put_hex(&mut self.bytes, id);
                    self.ends.push(self.bytes.len() as u32);
                }
            }
            Kind::Empty | Kind::Text => {}
        }
        self.kind = Kind::Text;
    }

    /// Appends the column of a group of `row_count` rows; says how the section is best packed.
    pub fn encode(&self, row_count: usize, out: &mut Vec<u8>) -> Codec {
        let encoding_at = out.len();
        out.push(0);
        let sparse = self.rows.len() < row_count;
        if sparse {
            let start = out.len();
            out.resize(start + row_count.div_ceil(8), 0);
            for row in &self.rows {
                out[start + (*row / 8) as usize] |= 1 << (row % 8);
            }
        }
        let (encoding, codec) = match self.kind {
            Kind::Empty => (CONSTANT, Codec::Zstd),
            Kind::Ints => self.encode_ints(out),
            Kind::Hex(width) => self.encode_hex(width, out),
            Kind::Text => self.encode_text(out),
        };
        if matches!(self.kind, Kind::Empty) {
            put_bytes(out, b"");
        }
        out[encoding_at] = encoding | if sparse { SPARSE } else { 0 };
        let codec = if sparse && codec == Codec::None { Codec::Zstd } else { codec };
        (encoding, codec).1
    }

    fn encode_ints(&self, out: &mut Vec<u8>) -> (u8, Codec) {
        let mut entries: Vec<i64> = Vec::with_capacity(FEW_INTS_MAX);
        let mut last = (i64::MIN, 0u8);
        let mut places = Vec::with_capacity(self.ints.len());
        for value in &self.ints {
            if places.is_empty() || *value != last.0 {
                let place = entries.iter().position(|entry| entry == value).unwrap_or(entries.len());
                if place == FEW_INTS_MAX {
                    put_ints(out, &self.ints);
                    return (INTS, Codec::None);
                }
                if place == entries.len() {
                    entries.push(*value);
                }
                last = (*value, place as u8);
            }
            places.push(last.1);
        }
        if entries.len() < 3 {
            put_ints(out, &self.ints);
            return (INTS, Codec::None);
        }
        put_u64(out, entries.len() as u64);
        put_ints(out, &entries);
        out.extend_from_slice(&places);
        (FEW_INTS, Codec::Zstd)
    }

    fn encode_hex(&self, width: u8, out: &mut Vec<u8>) -> (u8, Codec) {
        let raw = self.bytes.chunks_exact(usize::from(width));
        out.push(width);
        match dictionary(raw.clone(), self.rows.len(), self.rows.len() * 3 / 4) {
            Some((entries, places)) => {
                put_u64(out, entries.len() as u64);
                entries.iter().for_each(|entry| out.extend_from_slice(entry));
                put_ints(out, &places.iter().map(|place| i64::from(*place)).collect::<Vec<_>>());
                (HEX_DICT, Codec::None)
            }
            None => {
                out.extend_from_slice(&self.bytes);
                (HEX, Codec::None)
            }
        }
    }

    fn texts(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let text = &self.bytes[start..*end as usize];
            start = *end as usize;
            text
        })
    }

    fn encode_text(&self, out: &mut Vec<u8>) -> (u8, Codec) {
        let Some((entries, places)) = dictionary(self.texts(), self.ends.len(), self.ends.len() / 2 + 1)
        else {
            put_lengths(out, self.texts());
            out.extend_from_slice(&self.bytes);
            return (TEXT, Codec::Zstd);
        };
        if let [only] = entries.as_slice() {
            put_bytes(out, only);
            return (CONSTANT, Codec::None);
        }
        put_u64(out, entries.len() as u64);
        put_lengths(out, entries.iter().copied());
        out.extend(places.iter().map(|place| *place as u8));
        if entries.len() > 256 {
            out.extend(places.iter().map(|place| (*place >> 8) as u8));
        }
        put_u64(out, entries.iter().map(|entry| entry.len() as u64).sum());
        entries.iter().for_each(|entry| out.extend_from_slice(entry));
        (TEXT_DICT, Codec::Zstd)
    }
}

fn put_lengths<'a>(out: &mut Vec<u8>, texts: impl Iterator<Item = &'a [u8]>) {
    put_ints(out, &texts.map(|text| text.len() as i64).collect::<Vec<_>>());
}

/// Distinct values in order of first appearance and the place of each value, unless there are more than `distinct_max`.
fn dictionary<'a>(
    values: impl Iterator<Item = &'a [u8]>,
    count: usize,
    distinct_max: usize,
) -> Option<(Vec<&'a [u8]>, Vec<u32>)> {
    /// After so many values, more than three quarters distinct means that a dictionary will not pay.
    const TRIAL: usize = 512;
    let distinct_max = distinct_max.min(DICT_MAX);
    let mut slots = vec![u32::MAX; (count.min(DICT_MAX) * 2).next_power_of_two().max(16)];
    let mask = slots.len() - 1;
    let mut entries: Vec<&[u8]> = Vec::new();
    let mut places: Vec<u32> = Vec::with_capacity(count);
    for value in values {
        let mut slot = hash(value) as usize & mask;
        let place = loop {
            match slots[slot] {
                u32::MAX if entries.len() >= distinct_max => return None,
                u32::MAX => {
                    slots[slot] = entries.len() as u32;
                    entries.push(value);
                    break slots[slot];
                }
                place if entries[place as usize] == value => break place,
                _ => slot = (slot + 1) & mask,
            }
        };
        places.push(place);
        if places.len() == TRIAL && entries.len() > TRIAL * 3 / 4 {
            return None;
        }
    }
    Some((entries, places))
}

/// Fast and only for tables that live as long as one call.
fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = rustc_hash::FxHasher::default();
    hasher.write(bytes);
    let hash = hasher.finish();
    hash ^ (hash >> 32)
}

/// A decoded column.
#[derive(Clone, Debug)]
pub struct Column {
    /// Which value a row has; `u32::MAX` if none. `None`: row `n` has value `n`.
    places: Option<Vec<u32>>,
    values: Values,
}

#[derive(Clone, Debug)]
enum Values {
    Constant(Bytes),
    Ints(Vec<i64>),
    Hex { width: usize, raw: Bytes, index: Option<Vec<u32>> },
    Text { bytes: Bytes, ends: Vec<u32>, index: Option<Vec<u32>> },
}

impl Column {
    /// Reads a section written by [`ColumnBuilder::encode`] for `row_count` rows.
    pub fn decode(section: &Bytes, row_count: usize) -> Option<Self> {
        let input = &mut &section[..];
        let (&encoding, rest) = input.split_first()?;
        *input = rest;
        let mut count = row_count;
        let mut places = None;
        if encoding & SPARSE != 0 {
            let (bitmap, rest) = input.split_at_checked(row_count.div_ceil(8))?;
            *input = rest;
            let mut next = 0;
            let rows = (0..row_count).map(|row| {
                let present = bitmap[row / 8] >> (row % 8) & 1;
                next += u32::from(present);
                if present == 1 { next - 1 } else { u32::MAX }
            });
            places = Some(rows.collect());
            count = next as usize;
        }
        let values = take_values(section, input, encoding & !SPARSE, count)?;
        Some(Self { places, values })
    }

    pub fn get(&self, row: usize) -> Option<Value<'_>> {
        let place = match &self.places {
            Some(places) => match *places.get(row)? {
                u32::MAX => return None,
                place => place as usize,
            },
            None => row,
        };
        match &self.values {
            Values::Constant(text) => Some(Value::Text(text)),
            Values::Ints(values) => values.get(place).map(|value| Value::Int(*value)),
            Values::Hex { width, raw, index } => {
                let place = entry(index, place)?;
                raw.get(place * width..(place + 1) * width).map(Value::Hex)
            }
            Values::Text { bytes, ends, index } => {
                Some(Value::Text(text_at(bytes, ends, entry(index, place)?)?))
            }
        }
    }

    /// Row by row, adds `offsets` to the integers: for whoever stored distances.
    pub fn add_ints(&mut self, offsets: &[i64]) {
        let Values::Ints(values) = &mut self.values else { return };
        match &self.places {
            None => values
                .iter_mut()
                .zip(offsets)
                .for_each(|(value, offset)| *value = value.wrapping_add(*offset)),
            Some(places) => {
                for (place, offset) in places.iter().zip(offsets).filter(|(place, _)| **place != u32::MAX) {
                    values[*place as usize] = values[*place as usize].wrapping_add(*offset);
                }
            }
        }
    }

    /// All text as one piece with the end of every entry, and which entry each value is (`None`: the same numbers).
    /// `None` if the values are not kept as text.
    pub fn as_text(&self) -> Option<(&[u8], &[u32], Option<&[u32]>)> {
        match &self.values {
            Values::Text { bytes, ends, index } if self.places.is_none() => {
                Some((bytes, ends, index.as_deref()))
            }
            _ => None,
        }
    }
}

fn entry(index: &Option<Vec<u32>>, place: usize) -> Option<usize> {
    match index {
        Some(index) => index.get(place).map(|entry| *entry as usize),
        None => Some(place),
    }
}

fn text_at<'a>(bytes: &'a [u8], ends: &[u32], place: usize) -> Option<&'a [u8]> {
    let start = if place == 0 { 0 } else { *ends.get(place - 1)? };
    bytes.get(start as usize..*ends.get(place)? as usize)
}

fn take_values(section: &Bytes, input: &mut &[u8], encoding: u8, count: usize) -> Option<Values> {
    Some(match encoding {
        CONSTANT => Values::Constant(section.slice_ref(take_bytes(input)?)),
        INTS => Values::Ints(take_ints(input, count)?),
        FEW_INTS => {
            let entries =
                usize::try_from(take_u64(input)?).ok().filter(|entries| *entries <= FEW_INTS_MAX)?;
            let entries = take_ints(input, entries)?;
            let values = input.get(..count)?.iter().map(|place| entries.get(usize::from(*place)).copied());
            Values::Ints(values.collect::<Option<Vec<_>>>()?)
        }
        HEX => {
            let width = take_width(input)?;
            let raw = section.slice_ref(input.get(..width.checked_mul(count)?)?);
            Values::Hex { width, raw, index: None }
        }
        HEX_DICT => {
            let width = take_width(input)?;
            let entries = usize::try_from(take_u64(input)?).ok()?;
            let (raw, rest) = input.split_at_checked(width.checked_mul(entries)?)?;
            *input = rest;
            let places = take_ints(input, count)?;
            let index =
                places.into_iter().map(|place| u32::try_from(place).ok()).collect::<Option<Vec<_>>>()?;
            Values::Hex { width, raw: section.slice_ref(raw), index: Some(index) }
        }
        TEXT => {
            let ends = take_ends(input, count)?;
            Values::Text { bytes: section.slice_ref(input), ends, index: None }
        }
        TEXT_DICT => {
            let entries = usize::try_from(take_u64(input)?).ok()?;
            if entries > DICT_MAX {
                return None;
            }
            let ends = take_ends(input, entries)?;
            let (low, rest) = input.split_at_checked(count)?;
            let (high, rest) = rest.split_at_checked(if entries > 256 { count } else { 0 })?;
            let mut index: Vec<u32> = low.iter().map(|low| u32::from(*low)).collect();
            index.iter_mut().zip(high).for_each(|(place, high)| *place |= u32::from(*high) << 8);
            *input = rest;
            let bytes = section.slice_ref(take_bytes(input)?);
            Values::Text { bytes, ends, index: Some(index) }
        }
        _ => return None,
    })
}

fn take_width(input: &mut &[u8]) -> Option<usize> {
    let (&width, rest) = input.split_first()?;
    *input = rest;
    (width > 0).then_some(usize::from(width))
}

fn take_ends(input: &mut &[u8], count: usize) -> Option<Vec<u32>> {
    let mut end = 0u32;
    take_ints(input, count)?
        .into_iter()
        .map(|len| {
            end = end.checked_add(u32::try_from(len).ok()?)?;
            Some(end)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[(u32, Value<'_>)], row_count: usize, encoding: u8) {
        let mut builder = ColumnBuilder::default();
        values.iter().for_each(|(row, value)| builder.push(*row, *value));
        let mut out = Vec::new();
        builder.encode(row_count, &mut out);
        assert_eq!(out[0] & !SPARSE, encoding);
        let column = Column::decode(&Bytes::copy_from_slice(&out), row_count).unwrap();
        for row in 0..row_count {
            let text = |value: Option<Value<'_>>| {
                value.map(|value| {
                    let mut text = Vec::new();
                    value.write(&mut text);
                    text
                })
            };
            let expect = values.iter().find(|(have, _)| *have as usize == row).map(|(_, value)| *value);
            assert_eq!(text(column.get(row)), text(expect), "row {row}");
        }
        for len in 0..out.len() {
            let _ = Column::decode(&Bytes::copy_from_slice(&out[..len]), row_count)
                .map(|column| (0..row_count).filter(|row| column.get(*row).is_some()).count());
        }
    }

    #[test]
    fn each_kind_of_value_finds_its_encoding_and_comes_back() {
        let texts: Vec<String> = (0..600).map(|i| format!("value {i}")).collect();
        let text = |i: usize| Value::Text(texts[i].as_bytes());
        check(&[(0, text(1)), (1, text(1))], 2, CONSTANT);
        check(&[(0, Value::Int(5)), (2, Value::Text(b"-17"))], 5, INTS);
        check(&[(0, Value::Int(5)), (2, Value::Text(b"-17")), (3, Value::Text(b"0"))], 5, FEW_INTS);
        check(&(0..100).map(|i| (i, Value::Int(i64::from(i) * 7))).collect::<Vec<_>>(), 100, INTS);
        check(&[(0, Value::Int(5)), (1, Value::Text(b"007")), (2, Value::Hex(&[1, 255]))], 3, TEXT);
        check(&[(0, Value::Hex(&[1, 2])), (1, Value::Hex(&[0xab, 0xcd]))], 2, HEX);
        let repeated = [[1u8, 2], [3, 4]];
        check(&(0..20).map(|i| (i, Value::Hex(&repeated[i as usize % 2]))).collect::<Vec<_>>(), 20, HEX_DICT);
        check(&(0..600).map(|i| (i, text(i as usize))).collect::<Vec<_>>(), 700, TEXT);
        check(&(0..1200).map(|i| (i, text(i as usize / 2))).collect::<Vec<_>>(), 1200, TEXT_DICT);
        check(&(0..600).map(|i| (i, text(i as usize % 3))).collect::<Vec<_>>(), 600, TEXT_DICT);
        check(&[(1, Value::Text(b""))], 3, CONSTANT);
        check(&[(0, Value::Text(b"00ff00ff00ff00ff")), (1, Value::Hex(&[9; 8]))], 2, HEX);
        check(&[(0, Value::Text(b"00ff00ff00ff00ff")), (1, Value::Text(b"other"))], 2, TEXT_DICT);
    }
}
