//! Heads: fresh samples in memory, one generation between two cuts.
//!
//! Flow: prepared samples ([`crate::ingest`]) -> the shard of their series ([`shard`]) -> a packed stream ([`stream`]) in an arena ([`arena`]).
//! Labels and index are not here: the registry keeps them across generations. A generation holds data only, so a cut gives all of it back
//! at once.
//!
//! Invariant: what a generation contains depends on the records that were applied, not on their order.

pub mod arena;
pub mod shard;
pub mod stream;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use hashbrown::HashMap;
use model::TenantId;
use model::sample::Metadata;
use parking_lot::{Mutex, RwLock};

use crate::delete::Deletion;
use crate::ingest::Prepared;
use crate::series::TenantSeries;
use shard::{HeadExemplar, HeadShard};

/// One generation, all tenants.
pub struct Head {
    pub generation: u32,
    tenants: RwLock<HashMap<TenantId, Arc<TenantHead>>>,
    /// Bytes of memory, kept up to date by whole records.
    bytes: AtomicU64,
}

/// One tenant's part of a generation.
pub struct TenantHead {
    pub series: Arc<TenantSeries>,
    pub shards: Box<[Mutex<HeadShard>]>,
    min_ms: AtomicI64,
    max_ms: AtomicI64,
    /// Families seen in this generation; what the earliest record said of a family comes first.
    pub metadata: Mutex<BTreeMap<String, BTreeMap<Metadata, (u64, u32)>>>,
    pub deletions: Mutex<BTreeMap<u64, Deletion>>,
}

impl TenantHead {
    fn new(series: Arc<TenantSeries>) -> Self {
        let shards = (0..series.shard_count()).map(|_| Mutex::default()).collect();
        Self {
            series,
            shards,
            min_ms: AtomicI64::new(i64::MAX),
            max_ms: AtomicI64::new(i64::MIN),
            metadata: Mutex::default(),
            deletions: Mutex::default(),
        }
    }

    /// Earliest and latest sample; the first is greater than the second if there is none.
    pub fn times(&self) -> (i64, i64) {
        (self.min_ms.load(Ordering::Acquire), self.max_ms.load(Ordering::Acquire))
    }

    fn apply(&self, offset: u64, prepared: &Prepared) -> i64 {
        let shard_count = self.shards.len() as u32;
        let (mut min_ms, mut max_ms, mut grown) = (i64::MAX, i64::MIN, 0i64);
        for sample in &prepared.samples {
            (min_ms, max_ms) = (min_ms.min(sample.t_ms), max_ms.max(sample.t_ms));
        }
        // Before the samples: a reader that sees a sample must not have skipped this head by its times.
        self.min_ms.fetch_min(min_ms, Ordering::AcqRel);
        self.max_ms.fetch_max(max_ms, Ordering::AcqRel);
        for (index, range) in prepared.by_shard() {
            let mut shard = self.shards[index].lock();
            let before = shard.bytes() as i64;
            for sample in &prepared.samples[range] {
                shard.append(shard_count, offset, sample, prepared.payload(sample));
            }
            grown += shard.bytes() as i64 - before;
        }
        for exemplar in &prepared.exemplars {
            let labels = prepared.bytes[exemplar.labels.clone()].into();
            grown += size_of::<HeadExemplar>() as i64 + exemplar.labels.len() as i64;
            self.shards[exemplar.id as usize % self.shards.len()].lock().add_exemplar(HeadExemplar {
                id: exemplar.id,
                offset,
                position: exemplar.position,
                t_ms: exemplar.t_ms,
                value_bits: exemplar.value_bits,
                labels,
            });
        }
        grown
    }

    fn apply_rare(&self, offset: u64, prepared: Prepared) {
        if !prepared.metadata.is_empty() {
            let mut metadata = self.metadata.lock();
            for (position, (family, entry)) in prepared.metadata.into_iter().enumerate() {
                let place = (offset, position as u32);
                let first = metadata.entry(family).or_default().entry(entry).or_insert(place);
                *first = place.min(*first);
            }
        }
        if let Some(deletion) = prepared.deletion {
            self.deletions.lock().insert(offset, deletion);
        }
    }

    pub fn samples(&self) -> u64 {
        self.shards.iter().map(|shard| shard.lock().samples).sum()
    }

    pub fn series_count(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().series()).sum()
    }
}

impl Head {
    pub fn new(generation: u32) -> Self {
        Self { generation, tenants: RwLock::default(), bytes: AtomicU64::new(0) }
    }

    pub fn find(&self, tenant: &TenantId) -> Option<Arc<TenantHead>> {
        self.tenants.read().get(tenant).cloned()
    }

    /// Tenants of this generation, by name.
    pub fn all(&self) -> Vec<Arc<TenantHead>> {
        let mut all: Vec<_> = self.tenants.read().values().cloned().collect();
        all.sort_by(|a, b| a.series.tenant.cmp(&b.series.tenant));
        all
    }

    /// Adds what a record holds. Records may come in any order and at once.
    pub fn apply(&self, offset: u64, prepared: Prepared) {
        let tenant = &prepared.series.tenant;
        let head = self.find(tenant).unwrap_or_else(|| {
            let mut tenants = self.tenants.write();
            let fresh = || Arc::new(TenantHead::new(prepared.series.clone()));
            tenants.entry(tenant.clone()).or_insert_with(fresh).clone()
        });
        let grown = head.apply(offset, &prepared);
        self.bytes.fetch_add(grown.max(0).unsigned_abs(), Ordering::Relaxed);
        head.apply_rare(offset, prepared);
    }

    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed) as usize
    }
}
