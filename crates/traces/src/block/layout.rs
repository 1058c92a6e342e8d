//! Names of sections and small structures that writer and reader share.

use model::TraceId;
use store::SectionKey;

/// Of everything inside the sections of this signal.
pub(crate) const VERSION: u64 = 1;

/// Kinds of sections. Numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum SectionKind {
    /// Version, totals, row groups.
    Meta = 1,
    Columns = 2,
    Shapes = 3,
    Resources = 4,
    Scopes = 5,
    /// Texts of one column; `id` is the column.
    Dictionary = 6,
    /// Trace ids that may be in here.
    Filter = 7,
    /// Ids and summaries of the traces of row group `id`.
    Traces = 8,
    /// One column of one row group.
    Chunk = 9,
    /// All chunks of row group `id` that are too small for a section.
    Pack = 10,
}

impl SectionKind {
    pub(crate) fn key(self, tenant: u32, id: u64) -> SectionKey {
        SectionKey { tenant, kind: self as u16, id }
    }
}

/// Columns by number inside a row group: the fixed ones first, then ids, then attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ColumnId(pub u32);

impl ColumnId {
    pub(crate) const SPAN_IDS: Self = Self(32);
    pub(crate) const LOOSE_PARENTS: Self = Self(33);
    pub(crate) const LINKS: Self = Self(34);
    const ATTRIBUTES: u32 = 64;

    pub(crate) fn fixed(column: super::rows::Fixed) -> Self {
        Self(column as u32)
    }

    pub(crate) fn attribute(column: u32) -> Self {
        Self(Self::ATTRIBUTES + column)
    }

    pub(crate) fn chunk(self, tenant: u32, group: usize) -> SectionKey {
        SectionKind::Chunk.key(tenant, (group as u64) << 16 | u64::from(self.0))
    }

    /// A dictionary of a fixed text column has the text's number, one of an attribute column the column's.
    pub(crate) fn dictionary(self, tenant: u32) -> SectionKey {
        SectionKind::Dictionary.key(tenant, u64::from(self.0))
    }
}

/// What is known of a row group without reading it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupMeta {
    pub first_id: TraceId,
    pub traces: u64,
    pub rows: u64,
    pub events: u64,
    pub links: u64,
    pub loose_parents: u64,
    /// Of the spans, as OTLP has them.
    pub start: u64,
    pub end: u64,
}

/// A Bloom filter over trace ids: 512-bit blocks, six bits an id, all in one block. About 10 bits an id, about 1 in 60 wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter(Vec<u8>);

const FILTER_BLOCK_BYTES: usize = 64;
const FILTER_BITS_EACH: usize = 10;

impl Filter {
    pub(crate) fn build(ids: &[TraceId]) -> Self {
        let blocks = (ids.len() * FILTER_BITS_EACH).div_ceil(FILTER_BLOCK_BYTES * 8).max(1);
        let mut filter = Self(vec![0; blocks * FILTER_BLOCK_BYTES]);
        for id in ids {
            let (block, bits) = filter.place(id);
            bits.for_each(|bit| filter.0[block + bit / 8] |= 1 << (bit % 8));
        }
        filter
    }

    /// `None` if `bytes` are no filter.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        (!bytes.is_empty() && bytes.len().is_multiple_of(FILTER_BLOCK_BYTES)).then(|| Self(bytes.to_vec()))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn may_have(&self, id: &TraceId) -> bool {
        let (block, mut bits) = self.place(id);
        bits.all(|bit| self.0[block + bit / 8] & 1 << (bit % 8) != 0)
    }

    fn place(&self, id: &TraceId) -> (usize, impl Iterator<Item = usize> + use<>) {
        let hash = xxhash_rust::xxh3::xxh3_64(&id.0);
        let blocks = self.0.len() / FILTER_BLOCK_BYTES;
        let block = ((u128::from(hash) * blocks as u128) >> 64) as usize;
        let spread = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (block * FILTER_BLOCK_BYTES, (0..6).map(move |probe| (spread >> (9 * probe)) as usize & 511))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_forgets_nobody_and_admits_few_strangers() {
        let id = |n: u64| TraceId((u128::from(n) * 0x9e37_79b9_7f4a_7c15_f39c).to_be_bytes());
        let ids: Vec<TraceId> = (0..5000).map(id).collect();
        let filter = Filter::build(&ids);
        assert!(ids.iter().all(|id| filter.may_have(id)));
        let wrong = (5000..15_000).filter(|n| filter.may_have(&id(*n))).count();
        assert!(wrong < 300, "{wrong} of 10000");
        assert_eq!(Filter::from_bytes(filter.bytes()), Some(filter));
    }
}
