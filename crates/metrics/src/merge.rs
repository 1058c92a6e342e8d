//! Several blocks of one window become one: series merged by labels, samples by time, deleted and expired samples left out.
//!
//! Inputs come oldest offsets first; of two samples at one time the older record's stays. Nothing is read but the inputs, the deletions that the
//! engine knows and the time of the latest record, by which retention rules go.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::ops::Range;
use std::sync::Arc;

use model::TenantId;
use model::sample::Metadata;
use roaring::RoaringBitmap;
use store::container::ContainerError;
use store::engine::{Keep, NewFile};
use store::{BlockReader, BlockWriter};

use crate::block::cache::Cache;
use crate::block::group::ReadScratch;
use crate::block::index_reader::BlockIndex;
use crate::block::rare::ExemplarsOf;
use crate::block::reader::{TenantBlock, origin};
use crate::block::writer::{Rare, TenantWriter, Written, put_origin};
use crate::build::new_file;
use crate::delete::Deletion;
use crate::engine::MetricsEngine;
use crate::query::{Columns, TimeRange};
use crate::series::labels::{labels_of_key, parse, put_key};
use crate::series::select::select;

/// zstd level of merged blocks: they stay.
const MERGE_LEVEL: i32 = 5;
/// Unpacked sections kept while merging.
const CACHE_BYTES: usize = 64 << 20;

/// Merges `inputs`.
pub fn merge(
    engine: &MetricsEngine,
    inputs: &[Arc<BlockReader>],
    keep: &Keep,
) -> Result<Vec<NewFile>, ContainerError> {
    let (cache, expired) = (Arc::new(Cache::new(CACHE_BYTES)), engine.expired_as_of_records());
    let tenants: BTreeSet<TenantId> = inputs.iter().flat_map(|input| input.tenants().to_vec()).collect();
    let mut out = BlockWriter::new(model::Signal::Metrics);
    let (mut all, mut offsets) = (Written::NOTHING, None::<Range<u64>>);
    for input in inputs {
        if let Some(of_input) = origin(input)? {
            let so_far = offsets.unwrap_or_else(|| of_input.clone());
            offsets = Some(so_far.start.min(of_input.start)..so_far.end.max(of_input.end));
        }
    }
    let from_ms = keep.from_ns.div_euclid(1_000_000).saturating_add(i64::from(keep.from_ns % 1_000_000 != 0));
    let keep_range =
        TimeRange { from_ms: if keep.from_ns == i64::MIN { i64::MIN } else { from_ms }, to_ms: i64::MAX };
    for tenant in &tenants {
        let mut parts = Vec::new();
        for input in inputs {
            if let Some(block) = TenantBlock::open(input.clone(), tenant, cache.clone())? {
                let end = origin(input)?.map_or(u64::MAX, |offsets| offsets.end);
                let mut gone = engine.deletions_after(tenant, end);
                gone.extend_from_slice(&expired);
                parts.push(Part::new(block, gone, keep_range)?);
            }
        }
        all.add(merge_tenant(&mut out, tenant, &parts, engine.seed())?);
    }
    if let Some(offsets) = offsets {
        put_origin(&mut out, &offsets);
    }
    if out.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![new_file(out, all, tenants.into_iter().collect())])
}

/// One input's part of a tenant.
struct Part {
    block: TenantBlock,
    /// Which series each deletion hides, and when.
    hidden: Vec<(RoaringBitmap, TimeRange)>,
    keep: TimeRange,
    series: u32,
}

impl Part {
    fn new(block: TenantBlock, deletions: Vec<Deletion>, keep: TimeRange) -> Result<Self, ContainerError> {
        let index = block.index()?;
        let series = index.names.series;
        let hidden = hidden_by(&index, &deletions)?;
        Ok(Self { block, hidden, keep, series })
    }

    fn read(&self, series: u32, scratch: &mut ReadScratch) -> Result<Columns, ContainerError> {
        let mut columns = self.block.read(series, self.keep, scratch)?;
        hide(&mut columns, &self.hidden, series);
        Ok(columns)
    }
}

/// What each deletion hides of a block.
pub fn hidden_by(
    index: &BlockIndex<'_>,
    deletions: &[Deletion],
) -> Result<Vec<(RoaringBitmap, TimeRange)>, ContainerError> {
    let hidden = deletions.iter().map(|deletion| Ok((select(index, &deletion.matchers)?, deletion.range)));
    hidden.filter(|hidden| !matches!(hidden, Ok((series, _)) if series.is_empty())).collect()
}

/// Takes out what deletions hide of a series.
pub fn hide(columns: &mut Columns, hidden: &[(RoaringBitmap, TimeRange)], series: u32) {
    for (_, range) in hidden.iter().filter(|(hidden, _)| hidden.contains(series)) {
        columns.retain(|t_ms| !range.contains(t_ms));
    }
}

fn merge_tenant(
    out: &mut BlockWriter,
    tenant: &TenantId,
    parts: &[Part],
    seed: u64,
) -> Result<Written, ContainerError> {
    let indexes: Vec<BlockIndex<'_>> =
        parts.iter().map(|part| part.block.index()).collect::<Result<_, _>>()?;
    let mut writer = TenantWriter::new(out, tenant, MERGE_LEVEL, seed);
    let mut heap = BinaryHeap::new();
    let next = |part: usize, series: u32| -> Result<Option<Reverse<(Vec<u8>, usize, u32)>>, ContainerError> {
        if series >= parts[part].series {
            return Ok(None);
        }
        let mut key = Vec::with_capacity(128);
        indexes[part].put_key(series, &mut key)?;
        Ok(Some(Reverse((key, part, series))))
    };
    for part in 0..parts.len() {
        heap.extend(next(part, 0)?);
    }
    let mut scratch = ReadScratch::default();
    while let Some(Reverse((key, part, series))) = heap.pop() {
        let mut columns = parts[part].read(series, &mut scratch)?;
        heap.extend(next(part, series + 1)?);
        while heap.peek().is_some_and(|Reverse((next, ..))| *next == key) {
            if let Some(Reverse((_, part, series))) = heap.pop() {
                columns.merge(parts[part].read(series, &mut scratch)?);
                heap.extend(next(part, series + 1)?);
            }
        }
        writer.add(labels_of_key(&key).iter(), &columns);
    }
    let (metadata, deletions) = (merge_metadata(parts)?, merge_deletions(parts)?);
    let rare = Rare {
        exemplars: merge_exemplars(parts)?,
        metadata: metadata.iter().map(|(family, entry)| (family.as_str(), entry)).collect(),
        deletions: deletions.iter().map(|(offset, deletion)| (*offset, deletion)).collect(),
    };
    let mut written = writer.finish(&rare);
    written.cover(deletions.iter().map(|(_, deletion)| deletion.range.to_ms).max());
    Ok(written)
}

/// Families by name; within a family what was said first comes first.
fn merge_metadata(parts: &[Part]) -> Result<Vec<(String, Metadata)>, ContainerError> {
    let mut families: BTreeMap<String, Vec<Metadata>> = BTreeMap::new();
    for part in parts {
        for (family, entry) in part.block.metadata()? {
            let entries = families.entry(family).or_default();
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
    }
    let flat = |(family, entries): (String, Vec<Metadata>)| {
        entries.into_iter().map(move |entry| (family.clone(), entry))
    };
    Ok(families.into_iter().flat_map(flat).collect())
}

fn merge_deletions(parts: &[Part]) -> Result<Vec<(u64, Deletion)>, ContainerError> {
    let mut all = BTreeMap::new();
    for part in parts {
        all.extend(part.block.deletions()?);
    }
    Ok(all.into_iter().collect())
}

fn merge_exemplars(parts: &[Part]) -> Result<Vec<ExemplarsOf>, ContainerError> {
    let mut all: BTreeMap<Vec<u8>, ExemplarsOf> = BTreeMap::new();
    for part in parts {
        for (wire, mut exemplars) in part.block.exemplars()? {
            exemplars.retain(|exemplar| part.keep.contains(exemplar.t_ms));
            let mut key = Vec::new();
            let labels = parse(&wire).unwrap_or_default();
            labels.iter().for_each(|(name, value)| put_key(&mut key, name, value));
            let of_series = all.entry(key).or_insert_with(|| (wire, Vec::new()));
            of_series.1.append(&mut exemplars);
        }
    }
    let mut merged: Vec<ExemplarsOf> =
        all.into_values().filter(|(_, exemplars)| !exemplars.is_empty()).collect();
    for (_, exemplars) in &mut merged {
        exemplars.sort_by_key(|exemplar| exemplar.t_ms);
        exemplars.dedup();
    }
    Ok(merged)
}

/// Offsets of a block; one that does not tell was never cut by us.
pub fn offsets_end(block: &BlockReader) -> Result<u64, ContainerError> {
    Ok(origin(block)?.map_or(u64::MAX, |offsets: Range<u64>| offsets.end))
}
