//! The small sections of a block: exemplars, metadata, deletions, origin.
//!
//! ```text
//! EXEMPLARS := (labels (length, wire form), count, (time zig-zag from the one before, value bits, labels (length, wire form))*)*   sorted by labels
//! METADATA  := (family, kind u8, help, unit)*                            sorted; within a family in the order of the journal
//! DELETIONS := (offset, deletion)*                                       ascending; see `crate::delete`
//! ORIGIN    := first offset | offset after the last
//! ```

use std::ops::Range;

use model::sample::{Metadata, MetricKind};
use stdx::varint::{put_bytes, put_i64, put_u64, take_bytes, take_i64, take_u64};

use crate::delete::Deletion;

/// An exemplar at rest; labels in wire form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestingExemplar {
    pub t_ms: i64,
    pub value_bits: u64,
    pub labels: Box<[u8]>,
}

/// Exemplars of one series (wire form).
pub type ExemplarsOf = (Vec<u8>, Vec<RestingExemplar>);

pub fn put_exemplars(all: &[ExemplarsOf]) -> Vec<u8> {
    let mut out = Vec::new();
    for (labels, exemplars) in all {
        put_bytes(&mut out, labels);
        put_u64(&mut out, exemplars.len() as u64);
        let mut before = 0i64;
        for exemplar in exemplars {
            put_i64(&mut out, exemplar.t_ms.wrapping_sub(before));
            out.extend_from_slice(&exemplar.value_bits.to_le_bytes());
            put_bytes(&mut out, &exemplar.labels);
            before = exemplar.t_ms;
        }
    }
    out
}

pub fn take_exemplars(mut input: &[u8]) -> Option<Vec<ExemplarsOf>> {
    let mut all = Vec::new();
    while !input.is_empty() {
        let labels = take_bytes(&mut input)?.to_vec();
        let (mut exemplars, mut t_ms) = (Vec::new(), 0i64);
        for _ in 0..take_u64(&mut input)? {
            t_ms = t_ms.wrapping_add(take_i64(&mut input)?);
            let (bits, rest) = input.split_first_chunk::<8>()?;
            input = rest;
            let labels = take_bytes(&mut input)?.into();
            exemplars.push(RestingExemplar { t_ms, value_bits: u64::from_le_bytes(*bits), labels });
        }
        all.push((labels, exemplars));
    }
    Some(all)
}

pub fn put_metadata<'a>(all: impl Iterator<Item = (&'a str, &'a Metadata)>) -> Vec<u8> {
    let mut out = Vec::new();
    for (family, metadata) in all {
        put_bytes(&mut out, family.as_bytes());
        out.push(metadata.kind as u8);
        put_bytes(&mut out, metadata.help.as_bytes());
        put_bytes(&mut out, metadata.unit.as_bytes());
    }
    out
}

pub fn take_metadata(mut input: &[u8]) -> Option<Vec<(String, Metadata)>> {
    let text = |input: &mut &[u8]| Some(std::str::from_utf8(take_bytes(input)?).ok()?.to_owned());
    let mut all = Vec::new();
    while !input.is_empty() {
        let family = text(&mut input)?;
        let (&kind, rest) = input.split_first()?;
        input = rest;
        let kind = MetricKind::from_number(kind)?;
        all.push((family, Metadata { kind, help: text(&mut input)?, unit: text(&mut input)? }));
    }
    Some(all)
}

pub fn put_deletions<'a>(all: impl Iterator<Item = (u64, &'a Deletion)>) -> Vec<u8> {
    let mut out = Vec::new();
    for (offset, deletion) in all {
        put_u64(&mut out, offset);
        deletion.put(&mut out);
    }
    out
}

pub fn take_deletions(mut input: &[u8]) -> Option<Vec<(u64, Deletion)>> {
    let mut all = Vec::new();
    while !input.is_empty() {
        all.push((take_u64(&mut input)?, Deletion::take(&mut input)?));
    }
    Some(all)
}

pub fn put_origin(offsets: &Range<u64>) -> Vec<u8> {
    let mut out = Vec::new();
    put_u64(&mut out, offsets.start);
    put_u64(&mut out, offsets.end);
    out
}

pub fn take_origin(mut input: &[u8]) -> Option<Range<u64>> {
    let offsets = take_u64(&mut input)?..take_u64(&mut input)?;
    input.is_empty().then_some(offsets)
}
