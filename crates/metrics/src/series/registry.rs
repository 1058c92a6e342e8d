//! From the bytes of a label set to the number of its series, and what is known of a series' last sample.
//!
//! The table is keyed by a 128-bit hash of the wire form under a seed of this process, split in shards of one lock each; a known series costs one
//! probe and no look at its labels. An entry holds the last time and value, so that order and duplicates are judged while it is in the cache.
//! New series go through the tenant's [`Catalog`] under its write lock (lock order: catalog, then shard).
//!
//! Invariant: a number is used again only when no living head generation can hold it ([`TenantSeries::sweep`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use hashbrown::{HashMap, HashTable};
use model::TenantId;
use parking_lot::{Mutex, RwLock};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::catalog::{Catalog, Full, SeriesId};

/// Hash of a label set in wire form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelHash {
    high: u64,
    low: u64,
}

/// What is known of one active series.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    hash: LabelHash,
    /// Latest sample, `i64::MIN` before the first.
    pub last_ms: i64,
    /// Its bits; for a histogram, the hash of its bytes.
    pub last_bits: u64,
    pub id: SeriesId,
    /// Generation in which it was last written.
    pub seen: u32,
}

#[derive(Default)]
pub struct Shard {
    table: HashTable<Entry>,
    next_slot: u32,
    free: Vec<SeriesId>,
}

impl Shard {
    #[inline]
    pub fn find(&mut self, hash: LabelHash) -> Option<&mut Entry> {
        self.table.find_mut(hash.low, |entry| entry.hash == hash)
    }
}

/// The active series of one tenant.
pub struct TenantSeries {
    pub tenant: TenantId,
    shards: Box<[Mutex<Shard>]>,
    pub catalog: RwLock<Catalog>,
}

impl TenantSeries {
    fn new(tenant: TenantId, shard_count: usize) -> Self {
        let shards = (0..shard_count).map(|_| Mutex::default()).collect();
        Self { tenant, shards, catalog: RwLock::default() }
    }

    pub fn shard_count(&self) -> usize {
        self.shards.len()
    }

    #[inline]
    pub fn shard_of(&self, hash: LabelHash) -> usize {
        (hash.high % self.shards.len() as u64) as usize
    }

    pub fn shard(&self, index: usize) -> &Mutex<Shard> {
        &self.shards[index]
    }

    /// Gives a new series its number. The catalog is locked by the caller, so that nobody else creates the same one; the entry that is there
    /// already, if somebody was faster, is left alone.
    pub fn create(
        &self,
        catalog: &mut Catalog,
        hash: LabelHash,
        labels: &[(&str, &str)],
        generation: u32,
    ) -> Result<bool, Full> {
        let index = self.shard_of(hash);
        let mut shard = self.shards[index].lock();
        if shard.find(hash).is_some() {
            return Ok(false);
        }
        let recycled = shard.free.pop();
        let id = match recycled {
            Some(id) => id,
            None => u32::try_from(u64::from(shard.next_slot) * self.shards.len() as u64 + index as u64)
                .map_err(|_| Full)?,
        };
        catalog.add(id, labels)?;
        if recycled.is_none() {
            shard.next_slot += 1;
        }
        let entry = Entry { hash, last_ms: i64::MIN, last_bits: 0, id, seen: generation };
        shard.table.insert_unique(hash.low, entry, |entry| entry.hash.low);
        Ok(true)
    }

    /// Forgets series that were not written since generation `before`, and returns how many.
    pub fn sweep(&self, before: u32) -> usize {
        let mut gone = Vec::new();
        for shard in &self.shards {
            shard.lock().table.retain(|entry| {
                let stays = entry.seen >= before;
                if !stays {
                    gone.push(entry.id);
                }
                stays
            });
        }
        for ids in gone.chunks(SWEEP_AT_ONCE) {
            let mut catalog = self.catalog.write();
            ids.iter().for_each(|&id| catalog.remove(id));
        }
        for &id in &gone {
            self.shards[id as usize % self.shards.len()].lock().free.push(id);
        }
        gone.len()
    }

    pub fn bytes(&self) -> usize {
        let shards = self.shards.iter().map(|shard| {
            let shard = shard.lock();
            shard.table.allocation_size() + shard.free.capacity() * size_of::<SeriesId>()
        });
        shards.sum::<usize>() + self.catalog.read().bytes()
    }
}

/// Series forgotten under one hold of the catalog's lock.
const SWEEP_AT_ONCE: usize = 1000;

/// The active series of all tenants, and the generation of heads.
pub struct Registry {
    tenants: RwLock<HashMap<TenantId, Arc<TenantSeries>>>,
    shard_count: usize,
    seed: u64,
    generation: AtomicU32,
    pub created: AtomicU64,
    pub dropped: AtomicU64,
}

impl Registry {
    /// `seed` keys the hash of label sets: a sender who does not know it cannot make two sets collide.
    pub fn new(shard_count: usize, seed: u64) -> Self {
        Self {
            tenants: RwLock::default(),
            shard_count: shard_count.max(1),
            seed,
            generation: AtomicU32::new(0),
            created: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    #[inline]
    pub fn hash(&self, wire_labels: &[u8]) -> LabelHash {
        let hash = xxh3_128_with_seed(wire_labels, self.seed);
        LabelHash { high: (hash >> 64) as u64, low: hash as u64 }
    }

    pub fn find(&self, tenant: &TenantId) -> Option<Arc<TenantSeries>> {
        self.tenants.read().get(tenant).cloned()
    }

    pub fn tenant(&self, tenant: &TenantId) -> Arc<TenantSeries> {
        if let Some(found) = self.find(tenant) {
            return found;
        }
        let mut tenants = self.tenants.write();
        tenants
            .entry(tenant.clone())
            .or_insert_with(|| Arc::new(TenantSeries::new(tenant.clone(), self.shard_count)))
            .clone()
    }

    pub fn all(&self) -> Vec<Arc<TenantSeries>> {
        self.tenants.read().values().cloned().collect()
    }

    pub fn generation(&self) -> u32 {
        self.generation.load(Ordering::Relaxed)
    }

    pub fn next_generation(&self) -> u32 {
        self.generation.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Forgets series that no generation from `before` on has written; tenants without series stay, they are small.
    pub fn sweep(&self, before: u32) {
        for tenant in self.all() {
            self.dropped.fetch_add(tenant.sweep(before) as u64, Ordering::Relaxed);
        }
    }

    pub fn bytes(&self) -> usize {
        self.all().iter().map(|tenant| tenant.bytes()).sum()
    }

    pub fn active_series(&self) -> u64 {
        self.all().iter().map(|tenant| tenant.catalog.read().len()).sum()
    }
}
