//! Label sets as bytes: the form in which they travel, are hashed, and are sorted.
//!
//! - The *wire form* is what remote write 1 sends for a series: its labels as protobuf fields, sorted by name. The hash of these bytes finds
//!   a known series without parsing them; every other way in writes this form first.
//! - The *sort key* orders label sets as Prometheus does: pair by pair, names and values as strings. Each string is ended by a zero byte, a
//!   zero byte inside is written as `00 ff`, so keys are compared as plain bytes and are never ambiguous.

use model::Labels;

pub use wire::series_batch::{put_label, read_labels as parse};

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
