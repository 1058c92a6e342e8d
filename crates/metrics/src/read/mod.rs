//! Reading: one snapshot of heads and files, seen as series sorted by labels.
//!
//! Flow: a snapshot is split into [`Part`]s, one for each head generation and file that may have data of the tenant in the range -> matchers select
//! series in each -> label sets are joined across parts ([`set`]) -> samples are read part by part, oldest first, and merged.

pub mod listing;
pub mod set;

use std::sync::Arc;

use model::Matcher;
use roaring::RoaringBitmap;
use store::lane::Snapshot;

use crate::block::group::ReadScratch;
use crate::block::reader::TenantBlock;
use crate::engine::{Generation, MetricsEngine};
use crate::head::shard::decode;
use crate::merge::{hidden_by, hide, offsets_end};
use crate::query::{Columns, ReadError, Scope, TimeRange};
use crate::series::SeriesId;
use crate::series::select::select;

/// A piece of a snapshot that holds some of a tenant's series.
pub enum Part {
    Head(HeadPart),
    Block(Box<BlockPart>),
}

pub struct HeadPart {
    /// Keeps the numbers of its series from being used again.
    generation: Arc<Generation>,
    tenant: model::TenantId,
}

pub struct BlockPart {
    pub block: TenantBlock,
    hidden: Vec<(RoaringBitmap, TimeRange)>,
}

const NS_PER_MS: i64 = 1_000_000;

/// The parts of a snapshot that matter, oldest records first.
pub fn parts(
    engine: &MetricsEngine,
    snapshot: &Snapshot<MetricsEngine>,
    scope: &Scope,
    now_ms: i64,
) -> Result<Vec<Part>, ReadError> {
    let (mut parts, expired) = (Vec::new(), engine.expired(now_ms));
    for file in &snapshot.files {
        let (min_ms, max_ms) =
            (file.summary.min_ns.div_euclid(NS_PER_MS), file.summary.max_ns.div_euclid(NS_PER_MS));
        if !scope.range.overlaps(min_ms, max_ms) || !file.summary.tenants.contains(&scope.tenant) {
            continue;
        }
        scope.budget.check()?;
        let reader = file.reader()?;
        if let Some(block) = TenantBlock::open(reader.clone(), &scope.tenant, engine.cache.clone())? {
            let mut deletions = engine.deletions_after(&scope.tenant, offsets_end(&reader)?);
            deletions.extend_from_slice(&expired);
            let hidden = hidden_by(&block.index()?, &deletions)?;
            parts.push(Part::Block(Box::new(BlockPart { block, hidden })));
        }
    }
    for generation in &snapshot.heads {
        let Some(head) = generation.find(&scope.tenant) else { continue };
        let (min_ms, max_ms) = head.times();
        if scope.range.overlaps(min_ms, max_ms) {
            parts.push(Part::Head(HeadPart { generation: generation.clone(), tenant: scope.tenant.clone() }));
        }
    }
    Ok(parts)
}

impl HeadPart {
    pub fn tenant_head(&self) -> Option<Arc<crate::head::TenantHead>> {
        self.generation.find(&self.tenant)
    }

    /// Series of this generation that all matchers accept.
    pub fn select(&self, matchers: &[Matcher]) -> RoaringBitmap {
        let Some(head) = self.tenant_head() else { return RoaringBitmap::new() };
        let found = match select(&*head.series.catalog.read(), matchers) {
            Ok(found) => found,
            Err(never) => match never {},
        };
        let shard_count = head.shards.len() as u32;
        let shards: Vec<_> = head.shards.iter().map(|shard| shard.lock()).collect();
        let here = |id: &SeriesId| shards[(id % shard_count) as usize].has(*id, shard_count);
        RoaringBitmap::from_sorted_iter(found.into_iter().filter(here)).expect("in the order of a bitmap")
    }

    fn read(&self, id: SeriesId, range: TimeRange) -> Columns {
        let Some(head) = self.tenant_head() else { return Columns::default() };
        let shard_count = head.shards.len() as u32;
        let packed = head.shards[(id % shard_count) as usize].lock().copy(id, shard_count);
        let mut columns = packed.map(|(bytes, count)| decode(&bytes, count)).unwrap_or_default();
        columns.retain(|t_ms| range.contains(t_ms));
        columns
    }
}

impl Part {
    /// Series that all matchers accept and that may have samples in `range`.
    pub fn select(&self, matchers: &[Matcher], range: TimeRange) -> Result<RoaringBitmap, ReadError> {
        match self {
            Self::Head(head) => Ok(head.select(matchers)),
            Self::Block(part) => {
                let mut found = select(&part.block.index()?, matchers)?;
                if !found.is_empty() {
                    found &= part.block.series_in(range);
                }
                Ok(found)
            }
        }
    }

    /// Calls `each` with the sort key of every one of `series`.
    pub fn keys(
        &self,
        series: &RoaringBitmap,
        mut each: impl FnMut(u32, &[u8]) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let mut key = Vec::with_capacity(256);
        match self {
            Self::Head(head) => {
                let Some(head) = head.tenant_head() else { return Ok(()) };
                let catalog = head.series.catalog.read();
                for id in series {
                    key.clear();
                    catalog.put_key(&mut key, id);
                    each(id, &key)?;
                }
            }
            Self::Block(part) => {
                let index = part.block.index()?;
                for id in series {
                    key.clear();
                    index.put_key(id, &mut key)?;
                    each(id, &key)?;
                }
            }
        }
        Ok(())
    }

    /// The samples of a series in `range`.
    pub fn read(
        &self,
        series: u32,
        range: TimeRange,
        scratch: &mut ReadScratch,
    ) -> Result<Columns, ReadError> {
        match self {
            Self::Head(head) => Ok(head.read(series, range)),
            Self::Block(part) => {
                let mut columns = part.block.read(series, range, scratch)?;
                hide(&mut columns, &part.hidden, series);
                Ok(columns)
            }
        }
    }

    /// Whether a deletion hides anything here: then a series may have no sample left.
    pub fn has_hidden(&self) -> bool {
        matches!(self, Self::Block(part) if !part.hidden.is_empty())
    }
}
