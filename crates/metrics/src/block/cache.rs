//! Sections that are dear to unpack, kept for the next query: least recently used go first, by bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use hashbrown::HashMap;
use parking_lot::Mutex;
use store::SectionKey;
use xxhash_rust::xxh3::xxh3_128;

use super::group::Group;
use super::index_reader::{LabelSets, Names, Values};

/// What is kept.
#[derive(Clone)]
pub enum Cached {
    Names(Arc<Names>),
    Values(Arc<Values>),
    Labels(Arc<LabelSets>),
    Times(Arc<Vec<Arc<[i64]>>>),
    Group(Arc<Group>),
    Bytes(Bytes),
}

struct Slot {
    value: Cached,
    bytes: usize,
    used: u64,
}

/// Names a block in the cache; a hash of its file name.
pub type BlockId = u128;

pub fn block_id(name: &str) -> BlockId {
    xxh3_128(name.as_bytes())
}

/// Bounded by bytes.
pub struct Cache {
    limit_bytes: usize,
    slots: Mutex<(HashMap<(BlockId, SectionKey), Slot>, usize)>,
    tick: AtomicU64,
    pub hits: AtomicU64,
    pub misses: AtomicU64,
}

impl Cache {
    /// Bytes kept when nothing else is said.
    pub const LIMIT_BYTES: usize = 128 << 20;

    pub fn new(limit_bytes: usize) -> Self {
        let (tick, hits, misses) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Self { limit_bytes, slots: Mutex::default(), tick, hits, misses }
    }

    /// The section, from the cache or from `load`, which also tells how many bytes it takes.
    pub fn get<E>(
        &self,
        block: BlockId,
        key: SectionKey,
        load: impl FnOnce() -> Result<(Cached, usize), E>,
    ) -> Result<Cached, E> {
        let used = self.tick.fetch_add(1, Ordering::Relaxed);
        if let Some(slot) = self.slots.lock().0.get_mut(&(block, key)) {
            slot.used = used;
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(slot.value.clone());
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let (value, bytes) = load()?;
        let mut slots = self.slots.lock();
        if bytes <= self.limit_bytes / 2 {
            let slot = Slot { value: value.clone(), bytes, used };
            let before = slots.0.insert((block, key), slot).map_or(0, |slot| slot.bytes);
            slots.1 = slots.1 + bytes - before;
        }
        if slots.1 > self.limit_bytes {
            self.evict(&mut slots);
        }
        Ok(value)
    }

    /// Drops the older half by use, so that eviction is rare and cheap for each entry.
    fn evict(&self, (slots, total): &mut (HashMap<(BlockId, SectionKey), Slot>, usize)) {
        let mut ages: Vec<u64> = slots.values().map(|slot| slot.used).collect();
        ages.sort_unstable();
        let oldest = ages.get(ages.len() / 2).copied().unwrap_or(u64::MAX);
        slots.retain(|_, slot| slot.used > oldest);
        *total = slots.values().map(|slot| slot.bytes).sum();
    }

    pub fn bytes(&self) -> usize {
        self.slots.lock().1
    }
}
