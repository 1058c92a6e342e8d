//! Writes one tenant's part of a block: series in the order of their labels, each with its columns.

use std::ops::Range;

use model::TenantId;
use model::sample::Metadata;
use stdx::varint::{put_i64, put_u64};
use store::{BlockWriter, Codec, SectionKey};

use super::group::GroupWriter;
use super::index::IndexWriter;
use super::times::TimesWriter;
use super::{kind, rare};
use crate::delete::Deletion;
use crate::query::Columns;

/// A group ends when its bytes, before compression, come to this.
const GROUP_LEN: usize = 128 * 1024;
/// A group also ends at so many series, so that finding one within it stays cheap.
const GROUP_SERIES: u64 = 1024;

/// What a block knows besides samples.
#[derive(Default)]
pub struct Rare<'a> {
    /// Sorted by labels.
    pub exemplars: Vec<rare::ExemplarsOf>,
    /// Sorted by family.
    pub metadata: Vec<(&'a str, &'a Metadata)>,
    pub deletions: Vec<(u64, &'a Deletion)>,
}

/// What was written.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    pub samples: u64,
    pub series: u32,
    pub min_ms: i64,
    pub max_ms: i64,
}

impl Written {
    pub const NOTHING: Self = Self { samples: 0, series: 0, min_ms: i64::MAX, max_ms: i64::MIN };

    /// Extends the time that is covered.
    pub fn cover(&mut self, t_ms: Option<i64>) {
        if let Some(t_ms) = t_ms {
            self.min_ms = self.min_ms.min(t_ms);
            self.max_ms = self.max_ms.max(t_ms);
        }
    }

    pub fn add(&mut self, other: Self) {
        self.samples += other.samples;
        self.series += other.series;
        self.min_ms = self.min_ms.min(other.min_ms);
        self.max_ms = self.max_ms.max(other.max_ms);
    }
}

/// One tenant's part being written.
pub struct TenantWriter<'w> {
    out: &'w mut BlockWriter,
    tenant: u32,
    level: i32,
    index: IndexWriter,
    times: TimesWriter,
    group: GroupWriter,
    groups: Vec<u8>,
    group_count: u64,
    group_times: (i64, i64),
    written: Written,
}

impl<'w> TenantWriter<'w> {
    /// `level` is zstd's for samples; `seed` see [`TimesWriter`].
    pub fn new(out: &'w mut BlockWriter, tenant: &TenantId, level: i32, seed: u64) -> Self {
        let tenant = out.tenant(tenant);
        Self {
            out,
            tenant,
            level,
            index: IndexWriter::default(),
            times: TimesWriter::new(seed),
            group: GroupWriter::default(),
            groups: vec![super::VERSION],
            group_count: 0,
            group_times: (i64::MAX, i64::MIN),
            written: Written::NOTHING,
        }
    }

    /// Adds the next series, whose labels sort after those before. A series without samples is left out.
    pub fn add<'a>(&mut self, labels: impl Iterator<Item = (&'a str, &'a str)>, columns: &Columns) {
        let (Some(&min_ms), Some(&max_ms)) = (columns.t_ms.first(), columns.t_ms.last()) else { return };
        self.index.add(labels);
        let times = self.times.add(&columns.t_ms);
        self.group.add(columns, times);
        self.written.add(Written { samples: columns.len() as u64, series: 1, min_ms, max_ms });
        self.group_times = (self.group_times.0.min(min_ms), self.group_times.1.max(max_ms));
        if self.group.len() >= GROUP_LEN || self.group.series() >= GROUP_SERIES {
            self.end_group();
        }
    }

    fn end_group(&mut self) {
        if self.group.series() == 0 {
            return;
        }
        put_u64(&mut self.groups, self.group.series());
        put_i64(&mut self.groups, self.group_times.0);
        put_i64(&mut self.groups, self.group_times.1);
        self.group_times = (i64::MAX, i64::MIN);
        let bytes = self.group.finish();
        let key = SectionKey { tenant: self.tenant, kind: kind::DATA, id: self.group_count };
        self.out.add(key, &bytes, Codec::Zstd, self.level);
        self.group_count += 1;
    }

    fn add_rare(&mut self, kind: u16, bytes: &[u8]) {
        if !bytes.is_empty() {
            let key = SectionKey { tenant: self.tenant, kind, id: 0 };
            self.out.add(key, bytes, Codec::Zstd, self.level);
        }
    }

    /// Writes the rest.
    pub fn finish(mut self, rare: &Rare<'_>) -> Written {
        self.end_group();
        let (tenant, level) = (self.tenant, self.level);
        for (id, chunk) in std::mem::replace(&mut self.times, TimesWriter::new(0)).finish().iter().enumerate()
        {
            let key = SectionKey { tenant, kind: kind::TIMES, id: id as u64 };
            self.out.add(key, chunk, Codec::Zstd, level);
        }
        self.out.add(SectionKey { tenant, kind: kind::GROUPS, id: 0 }, &self.groups, Codec::Zstd, level);
        self.add_rare(kind::EXEMPLARS, &rare::put_exemplars(&rare.exemplars));
        self.add_rare(kind::METADATA, &rare::put_metadata(rare.metadata.iter().copied()));
        self.add_rare(kind::DELETIONS, &rare::put_deletions(rare.deletions.iter().copied()));
        self.index.finish(tenant, self.out);
        self.written
    }
}

/// Writes where a block comes from; once for each block.
pub fn put_origin(out: &mut BlockWriter, offsets: &Range<u64>) {
    let key = SectionKey { tenant: 0, kind: kind::ORIGIN, id: 0 };
    out.add(key, &rare::put_origin(offsets), Codec::None, 0);
}
