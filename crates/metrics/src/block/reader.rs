//! Reads one tenant's part of a block: which series, and their samples in ascending order of series.

use std::sync::Arc;

use model::TenantId;
use model::sample::Metadata;
use roaring::RoaringBitmap;
use stdx::varint::{take_i64, take_u64};
use store::container::ContainerError;
use store::{BlockReader, SectionKey};

use super::cache::{BlockId, Cache, Cached, block_id};
use super::group::{Group, ReadScratch};
use super::index_reader::BlockIndex;
use super::times::{CHUNK_COLUMNS, read_chunk};
use super::{kind, rare};
use crate::delete::Deletion;
use crate::query::{Columns, TimeRange};

/// A group as the directory has it.
#[derive(Clone, Copy, Debug)]
struct GroupEntry {
    first_series: u32,
    series: u32,
    min_ms: i64,
    max_ms: i64,
}

/// One tenant's part of a block.
pub struct TenantBlock {
    block: Arc<BlockReader>,
    id: BlockId,
    tenant: u32,
    cache: Arc<Cache>,
    groups: Vec<GroupEntry>,
}

fn parse_groups(mut input: &[u8]) -> Option<Vec<GroupEntry>> {
    let (mut groups, mut first_series) = (Vec::new(), 0u32);
    while !input.is_empty() {
        let series = u32::try_from(take_u64(&mut input)?).ok()?;
        let (min_ms, max_ms) = (take_i64(&mut input)?, take_i64(&mut input)?);
        groups.push(GroupEntry { first_series, series, min_ms, max_ms });
        first_series = first_series.checked_add(series)?;
    }
    Some(groups)
}

impl TenantBlock {
    /// `None`: the tenant has nothing here.
    pub fn open(
        block: Arc<BlockReader>,
        tenant: &TenantId,
        cache: Arc<Cache>,
    ) -> Result<Option<Self>, ContainerError> {
        let Some(tenant) = block.tenant(tenant) else { return Ok(None) };
        let key = SectionKey { tenant, kind: kind::GROUPS, id: 0 };
        let Some(bytes) = block.section(key)? else { return Ok(None) };
        let version = bytes.first().copied().unwrap_or_default();
        if version > super::VERSION {
            return Err(ContainerError::Newer { name: block.name().to_owned(), version: version.into() });
        }
        let groups = parse_groups(&bytes[1.min(bytes.len())..])
            .filter(|_| version == super::VERSION)
            .ok_or_else(|| block.corrupt(key, "groups do not parse"))?;
        let id = block_id(block.name());
        Ok(Some(Self { block, id, tenant, cache, groups }))
    }

    pub fn name(&self) -> &str {
        self.block.name()
    }

    pub fn index(&self) -> Result<BlockIndex<'_>, ContainerError> {
        BlockIndex::open(&self.block, self.id, self.tenant, &self.cache)
    }

    fn key(&self, kind: u16, id: u64) -> SectionKey {
        SectionKey { tenant: self.tenant, kind, id }
    }

    /// Series of groups that may have samples in `range`.
    pub fn series_in(&self, range: TimeRange) -> RoaringBitmap {
        let mut all = RoaringBitmap::new();
        for group in self.groups.iter().filter(|group| range.overlaps(group.min_ms, group.max_ms)) {
            all.insert_range(group.first_series..group.first_series + group.series);
        }
        all
    }

    pub fn exemplars(&self) -> Result<Vec<rare::ExemplarsOf>, ContainerError> {
        self.rare(kind::EXEMPLARS, rare::take_exemplars)
    }

    pub fn metadata(&self) -> Result<Vec<(String, Metadata)>, ContainerError> {
        self.rare(kind::METADATA, rare::take_metadata)
    }

    pub fn deletions(&self) -> Result<Vec<(u64, Deletion)>, ContainerError> {
        self.rare(kind::DELETIONS, rare::take_deletions)
    }

    fn rare<T>(&self, kind: u16, parse: fn(&[u8]) -> Option<Vec<T>>) -> Result<Vec<T>, ContainerError> {
        let key = self.key(kind, 0);
        match self.block.section(key)? {
            None => Ok(Vec::new()),
            Some(bytes) => parse(&bytes).ok_or_else(|| self.block.corrupt(key, "does not parse")),
        }
    }

    fn time_chunk(&self, chunk: u32) -> Result<Arc<Vec<Arc<[i64]>>>, ContainerError> {
        let key = self.key(kind::TIMES, u64::from(chunk));
        let cached = self.cache.get(self.id, key, || {
            let columns = read_chunk(&self.block.require(key)?)
                .ok_or_else(|| self.block.corrupt(key, "times do not parse"))?;
            let bytes = columns.iter().map(|column| column.len() * 8 + 16).sum();
            Ok((Cached::Times(Arc::new(columns)), bytes))
        })?;
        match cached {
            Cached::Times(columns) => Ok(columns),
            _ => Err(self.block.corrupt(key, "cached as something else")),
        }
    }

    fn group(&self, number: usize) -> Result<Arc<Group>, ContainerError> {
        let key = self.key(kind::DATA, number as u64);
        let cached = self.cache.get(self.id, key, || {
            let group = Group::open(self.block.require(key)?)
                .ok_or_else(|| self.block.corrupt(key, "samples do not parse"))?;
            let len = group.len();
            Ok((Cached::Group(Arc::new(group)), len))
        })?;
        match cached {
            Cached::Group(group) => Ok(group),
            _ => Err(self.block.corrupt(key, "cached as something else")),
        }
    }

    /// The samples of a series in `range`.
    pub fn read(
        &self,
        series: u32,
        range: TimeRange,
        scratch: &mut ReadScratch,
    ) -> Result<Columns, ContainerError> {
        let number = self.groups.partition_point(|group| group.first_series + group.series <= series);
        let key = self.key(kind::DATA, number as u64);
        let bad = || self.block.corrupt(key, "samples do not parse");
        let entry = self.groups.get(number).ok_or_else(bad)?;
        if !range.overlaps(entry.min_ms, entry.max_ms) {
            return Ok(Columns::default());
        }
        let group = self.group(number)?;
        let place = (series - entry.first_series) as usize;
        let time_column = group.time_column(place).ok_or_else(bad)?;
        let chunk = self.time_chunk(time_column / CHUNK_COLUMNS)?;
        let t_ms = chunk.get((time_column % CHUNK_COLUMNS) as usize).ok_or_else(bad)?;
        if !range.overlaps(t_ms[0], t_ms[t_ms.len() - 1]) {
            return Ok(Columns::default());
        }
        let mut columns = group.read(place, t_ms, scratch).ok_or_else(bad)?;
        trim(&mut columns, t_ms, range);
        Ok(columns)
    }
}

/// Cuts columns down to `range` and adds their times.
fn trim(columns: &mut Columns, t_ms: &[i64], range: TimeRange) {
    if range.from_ms <= t_ms[0] && t_ms[t_ms.len() - 1] <= range.to_ms {
        columns.t_ms.extend_from_slice(t_ms);
        return;
    }
    let start = t_ms.partition_point(|&t| t < range.from_ms);
    let end = t_ms.partition_point(|&t| t <= range.to_ms);
    columns.t_ms.extend_from_slice(&t_ms[start..end]);
    columns.values.truncate(end);
    columns.values.drain(..start);
    if !columns.start_ms.is_empty() {
        columns.start_ms.truncate(end);
        columns.start_ms.drain(..start);
    }
    if start > 0 || end < t_ms.len() {
        columns.histograms.retain(|(place, _)| (start..end).contains(&(*place as usize)));
        columns.histograms.iter_mut().for_each(|(place, _)| *place -= start as u32);
    }
}

/// Offsets whose records are in a block; `None` for a block that does not tell.
pub fn origin(block: &BlockReader) -> Result<Option<std::ops::Range<u64>>, ContainerError> {
    let key = SectionKey { tenant: 0, kind: kind::ORIGIN, id: 0 };
    match block.section(key)? {
        None => Ok(None),
        Some(bytes) => match rare::take_origin(&bytes) {
            Some(offsets) => Ok(Some(offsets)),
            None => Err(block.corrupt(key, "origin does not parse")),
        },
    }
}
