//! Label sets as bytes: the form in which they travel, are hashed, and are sorted.
//!
//! - The *wire form* is what remote write 1 sends for a series: its labels as protobuf fields, sorted by name. The hash of these bytes finds
//!   a known series without parsing them; every other way in writes this form first.
//! - The *sort key* orders label sets as Prometheus does: pair by pair, names and values as strings. Each string is ended by a zero byte, a
//!   zero byte inside is written as `00 ff`, so keys are compared as plain bytes and are never ambiguous.

use model::Labels;
use stdx::varint::{put_u64, take_bytes, take_u64};

/// Tag of `TimeSeries.labels`, of `Label.name` and of `Label.value`.
const LABEL_TAG: u8 = 0x0a;
const NAME_TAG: u8 = 0x0a;
const VALUE_TAG: u8 = 0x12;

fn varint_len(value: usize) -> usize {
    (value.max(1).ilog2() / 7 + 1) as usize
}

/// Appends one label in wire form.
pub fn put_label(out: &mut Vec<u8>, name: &str, value: &str) {
    let len = 2 + varint_len(name.len()) + name.len() + varint_len(value.len()) + value.len();
    out.push(LABEL_TAG);
    put_u64(out, len as u64);
    out.push(NAME_TAG);
    put_u64(out, name.len() as u64);
    out.extend_from_slice(name.as_bytes());
    out.push(VALUE_TAG);
    put_u64(out, value.len() as u64);
    out.extend_from_slice(value.as_bytes());
}

/// Reads labels in wire form, in whatever order they are. `None`: not labels, or not UTF-8.
pub fn parse(mut input: &[u8]) -> Option<Vec<(&str, &str)>> {
    let mut labels = Vec::with_capacity(16);
    while let Some((&tag, rest)) = input.split_first() {
        input = rest;
        if tag != LABEL_TAG {
            return None;
        }
        labels.push(parse_label(take_bytes(&mut input)?)?);
    }
    Some(labels)
}

fn parse_label(mut input: &[u8]) -> Option<(&str, &str)> {
    let (mut name, mut value) = ("", "");
    while !input.is_empty() {
        match take_u64(&mut input)? {
            0x0a => name = std::str::from_utf8(take_bytes(&mut input)?).ok()?,
            0x12 => value = std::str::from_utf8(take_bytes(&mut input)?).ok()?,
            _ => return None,
        }
    }
    Some((name, value))
}

fn put_key_part(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    if memchr::memchr(0, bytes).is_none() {
        out.extend_from_slice(bytes);
    } else {
        for &byte in bytes {
            out.push(byte);
            if byte == 0 {
                out.push(0xff);
            }
        }
    }
    out.push(0);
}

/// Appends one label to a sort key.
pub fn put_key(out: &mut Vec<u8>, name: &str, value: &str) {
    put_key_part(out, name);
    put_key_part(out, value);
}

/// The sort key of a label set.
pub fn key_of(labels: &Labels) -> Vec<u8> {
    let mut key = Vec::new();
    labels.iter().for_each(|(name, value)| put_key(&mut key, name, value));
    key
}

/// The label set that a sort key was made of.
pub fn labels_of_key(key: &[u8]) -> Labels {
    let mut parts = KeyParts(key);
    let mut pairs = Vec::with_capacity(16);
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        pairs.push((name, value));
    }
    Labels::from_pairs(pairs)
}

struct KeyParts<'a>(&'a [u8]);

impl Iterator for KeyParts<'_> {
    type Item = Box<str>;

    fn next(&mut self) -> Option<Box<str>> {
        let mut text = Vec::new();
        loop {
            let end = memchr::memchr(0, self.0)?;
            text.extend_from_slice(&self.0[..end]);
            let escaped = self.0.get(end + 1) == Some(&0xff);
            self.0 = &self.0[end + 1 + usize::from(escaped)..];
            if !escaped {
                return Some(String::from_utf8_lossy(&text).into());
            }
            text.push(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wire_form_is_that_of_remote_write() {
        let mut out = Vec::new();
        put_label(&mut out, "a", "bc");
        assert_eq!(out, [0x0a, 7, 0x0a, 1, b'a', 0x12, 2, b'b', b'c']);
        put_label(&mut out, "d", "");
        assert_eq!(parse(&out), Some(vec![("a", "bc"), ("d", "")]));
        assert_eq!(parse(&out[..out.len() - 1]), None);
        let long = "x".repeat(300);
        let mut out = Vec::new();
        put_label(&mut out, &long, &long);
        assert_eq!(parse(&out), Some(vec![(long.as_str(), long.as_str())]));
    }

    proptest! {
        #[test]
        fn keys_sort_as_pairs_do(
            a in prop::collection::btree_map("[\0ab\u{ff}]{0,3}", "[\0ab]{1,3}", 0..4),
            b in prop::collection::btree_map("[\0ab\u{ff}]{0,3}", "[\0ab]{1,3}", 0..4),
        ) {
            let (left, right) = (Labels::from_pairs(a), Labels::from_pairs(b));
            let pairs = |labels: &Labels| labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect::<Vec<_>>();
            prop_assert_eq!(key_of(&left).cmp(&key_of(&right)), pairs(&left).cmp(&pairs(&right)));
            prop_assert_eq!(labels_of_key(&key_of(&left)), left);
        }
    }
}
