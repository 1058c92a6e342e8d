//! Unpacked sections of blocks in memory, bounded by bytes: saves reading, checking and decompressing what queries ask for again.
//!
//! Sharded by key; each shard gives a second chance to what was used since it was last looked at (CLOCK), so a scan does not push out what
//! is in use. Sections larger than a share of a shard are not kept.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use rustc_hash::FxBuildHasher;
use telemetry::{Counter, Gauge, Registry};

use crate::container::SectionKey;

const SHARDS: usize = 16;
/// A section may take at most this part of a shard.
const PART_MAX: usize = 4;

/// Names a section of a block that this process has opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey {
    /// Given to a reader when it is opened; never given twice.
    pub reader: u64,
    pub section: SectionKey,
}

#[derive(Default)]
struct Shard {
    entries: HashMap<CacheKey, (Bytes, bool), FxBuildHasher>,
    order: VecDeque<CacheKey>,
    bytes: usize,
}

/// Shared by all readers of a process.
pub struct SectionCache {
    shards: Vec<Mutex<Shard>>,
    shard_bytes_max: usize,
    readers: AtomicU64,
    hits: Counter,
    misses: Counter,
    bytes: Gauge,
}

impl SectionCache {
    /// Bytes by default.
    pub const BYTES_MAX: usize = 64 << 20;

    pub fn new(bytes_max: usize) -> Self {
        Self::with_registry(bytes_max, &Registry::new())
    }

    pub fn with_registry(bytes_max: usize, registry: &Registry) -> Self {
        registry
            .gauge("oriel_section_cache_bytes_max", "Most bytes of unpacked sections kept.", &[])
            .set(bytes_max as i64);
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            shard_bytes_max: bytes_max / SHARDS,
            readers: AtomicU64::new(0),
            hits: registry.counter("oriel_section_cache_hits_total", "Sections found in memory.", &[]),
            misses: registry.counter("oriel_section_cache_misses_total", "Sections read and unpacked.", &[]),
            bytes: registry.gauge("oriel_section_cache_bytes", "Bytes of unpacked sections kept.", &[]),
        }
    }

    /// A name for a reader that was never given before.
    pub(crate) fn name_reader(&self) -> u64 {
        self.readers.fetch_add(1, Ordering::Relaxed)
    }

    pub fn get(&self, key: CacheKey) -> Option<Bytes> {
        let mut shard = self.shard(key).lock();
        let Some((bytes, used)) = shard.entries.get_mut(&key) else {
            self.misses.inc();
            return None;
        };
        *used = true;
        self.hits.inc();
        Some(bytes.clone())
    }

    pub fn put(&self, key: CacheKey, bytes: &Bytes) {
        if bytes.len() > self.shard_bytes_max / PART_MAX {
            return;
        }
        let mut shard = self.shard(key).lock();
        if shard.entries.insert(key, (bytes.clone(), false)).is_some() {
            return;
        }
        shard.order.push_back(key);
        shard.bytes += bytes.len();
        self.bytes.add(bytes.len() as i64);
        while shard.bytes > self.shard_bytes_max {
            let Some(oldest) = shard.order.pop_front() else { break };
            if let Some((_, used)) = shard.entries.get_mut(&oldest)
                && std::mem::take(used)
            {
                shard.order.push_back(oldest);
                continue;
            }
            if let Some((gone, _)) = shard.entries.remove(&oldest) {
                shard.bytes -= gone.len();
                self.bytes.add(-(gone.len() as i64));
            }
        }
    }

    fn shard(&self, key: CacheKey) -> &Mutex<Shard> {
        &self.shards[(FxBuildHasher.hash_one(key) >> 32) as usize % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u64) -> CacheKey {
        CacheKey { reader: 1, section: SectionKey { tenant: 0, kind: 0, id } }
    }

    #[test]
    fn it_keeps_to_its_bound_and_what_is_used() {
        let cache = SectionCache::new(16 * 1000);
        cache.put(key(0), &Bytes::from(vec![7; 100]));
        for id in 1..2000 {
            assert!(cache.get(key(0)).is_some(), "in use and yet gone at {id}");
            cache.put(key(id), &Bytes::from(vec![0; 100]));
            assert!(cache.bytes.get() <= 16 * 1000);
        }
        assert!(cache.bytes.get() > 14 * 1000);
        cache.put(key(9999), &Bytes::from(vec![0; 300]));
        assert!(cache.get(key(9999)).is_none(), "too large to keep");
    }
}
