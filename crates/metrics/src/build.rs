//! A cut: a complete head generation becomes a block.
//!
//! Tenants by name, series by labels, samples by time: what comes out depends on what is in the generation and on nothing else.

use std::collections::BTreeMap;
use std::ops::Range;

use store::BlockWriter;
use store::engine::{FileSummary, NewFile};

use crate::block::rare::{ExemplarsOf, RestingExemplar};
use crate::block::writer::{Rare, TenantWriter, Written, put_origin};
use crate::head::shard::{HeadExemplar, decode};
use crate::head::{Head, TenantHead};
use crate::series::{Catalog, SeriesId};

/// zstd level of a cut: fresh blocks are merged soon.
const CUT_LEVEL: i32 = 1;

/// Writes a generation. Nothing in it gives no file.
pub fn build(head: &Head, offsets: Range<u64>, seed: u64) -> Vec<NewFile> {
    let mut out = BlockWriter::new(model::Signal::Metrics);
    let mut all = Written::NOTHING;
    let mut tenants = Vec::new();
    for tenant in head.all() {
        let written = build_tenant(&mut out, &tenant, seed);
        all.add(written);
        tenants.push(tenant.series.tenant.clone());
    }
    if tenants.is_empty() {
        return Vec::new();
    }
    put_origin(&mut out, &offsets);
    vec![new_file(out, all, tenants)]
}

/// A file of what was written.
pub fn new_file(out: BlockWriter, written: Written, tenants: Vec<model::TenantId>) -> NewFile {
    const NS_PER_MS: i64 = 1_000_000;
    let nothing = written.min_ms > written.max_ms;
    let summary = FileSummary {
        min_ns: if nothing { 0 } else { written.min_ms.saturating_mul(NS_PER_MS) },
        max_ns: if nothing { 0 } else { written.max_ms.saturating_mul(NS_PER_MS) },
        items: written.samples,
        tenants,
    };
    NewFile { bytes: out.finish(), summary }
}

fn build_tenant(out: &mut BlockWriter, head: &TenantHead, seed: u64) -> Written {
    let shard_count = head.shards.len() as u32;
    let mut ids: Vec<SeriesId> = Vec::new();
    head.shards.iter().for_each(|shard| ids.extend(shard.lock().ids()));
    let order = sorted(&head.series.catalog.read(), &ids);
    let mut writer = TenantWriter::new(out, &head.series.tenant, CUT_LEVEL, seed);
    // One label set may have had two numbers within a generation.
    for same in order.chunk_by(|a, b| a.0 == b.0) {
        let mut columns = read(head, same[0].1, shard_count);
        same[1..].iter().for_each(|(_, id)| columns.merge(read(head, *id, shard_count)));
        // Locked for a moment at a time, so that new series are not held up by a cut.
        writer.add(head.series.catalog.read().labels(same[0].1), &columns);
    }
    let exemplars = exemplars(head);
    let metadata = head.metadata.lock();
    let deletions = head.deletions.lock();
    let families = metadata.iter().flat_map(|(family, entries)| {
        let mut entries: Vec<_> = entries.iter().collect();
        entries.sort_by_key(|(_, first)| **first);
        entries.into_iter().map(move |(entry, _)| (family.as_str(), entry))
    });
    // A deletion must not expire before the samples that it hides in older files.
    let hidden_until = deletions.values().map(|deletion| deletion.range.to_ms).max();
    let rare = Rare {
        exemplars,
        metadata: families.collect(),
        deletions: deletions.iter().map(|(offset, deletion)| (*offset, deletion)).collect(),
    };
    let mut written = writer.finish(&rare);
    written.cover(hidden_until);
    written
}

fn read(head: &TenantHead, id: SeriesId, shard_count: u32) -> crate::query::Columns {
    let packed = head.shards[(id % shard_count) as usize].lock().copy(id, shard_count);
    packed.map(|(bytes, count)| decode(&bytes, count)).unwrap_or_default()
}

/// Series with their sort keys, sorted.
pub fn sorted(catalog: &Catalog, ids: &[SeriesId]) -> Vec<(Box<[u8]>, SeriesId)> {
    let mut key = Vec::new();
    let mut order: Vec<(Box<[u8]>, SeriesId)> = ids
        .iter()
        .map(|&id| {
            key.clear();
            catalog.put_key(&mut key, id);
            (key.as_slice().into(), id)
        })
        .collect();
    order.sort_unstable();
    order
}

/// Exemplars of a generation by label set; of several at one time with one label set and value, the first stays.
pub fn exemplars(head: &TenantHead) -> Vec<ExemplarsOf> {
    let mut all: BTreeMap<Vec<u8>, (Vec<u8>, Vec<HeadExemplar>)> = BTreeMap::new();
    let catalog = head.series.catalog.read();
    for shard in &head.shards {
        for exemplar in &shard.lock().exemplars {
            let mut key = Vec::new();
            catalog.put_key(&mut key, exemplar.id);
            let of_series = all.entry(key).or_insert_with(|| {
                let mut wire = Vec::new();
                catalog.put_wire(&mut wire, exemplar.id);
                (wire, Vec::new())
            });
            of_series.1.push(exemplar.clone());
        }
    }
    let resting = |mut exemplars: Vec<HeadExemplar>| {
        exemplars.sort_by_key(|exemplar| (exemplar.t_ms, exemplar.offset, exemplar.position));
        exemplars.dedup_by(|b, a| (a.t_ms, a.value_bits, &a.labels) == (b.t_ms, b.value_bits, &b.labels));
        let rest = |exemplar: HeadExemplar| RestingExemplar {
            t_ms: exemplar.t_ms,
            value_bits: exemplar.value_bits,
            labels: exemplar.labels,
        };
        exemplars.into_iter().map(rest).collect::<Vec<_>>()
    };
    all.into_values().map(|(wire, exemplars)| (wire, resting(exemplars))).collect()
}
