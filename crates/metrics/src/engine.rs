//! The metrics signal as the spine knows it: records into heads, heads into blocks, blocks into fewer blocks.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use bytes::Bytes;
use model::{Compression, Format, Signal, TenantId};
use parking_lot::{Mutex, RwLock};
use ports::Record;
use store::BlockReader;
use store::container::ContainerError;
use store::engine::{Keep, NewFile, SignalEngine};

use crate::block::cache::Cache;
use crate::config::Config;
use crate::delete::Deletion;
use crate::head::Head;
use crate::ingest::resolve::{Judge, Resolved, resolve};
use crate::ingest::{Parsed, Prepared, body};
use crate::query::TimeRange;
use crate::series::Registry;

/// Registry, configuration and counts that all generations share.
pub struct MetricsEngine {
    pub config: Config,
    pub registry: Registry,
    pub cache: Arc<Cache>,
    /// All deletions that are known, by tenant and offset.
    pub deletions: RwLock<Vec<(TenantId, u64, Deletion)>>,
    /// Latest time at which a record came in: the clock of retention rules in merges, which must not look at a real one.
    newest_received_ms: AtomicI64,
    /// Generations that somebody may still read; the registry keeps their series.
    living: Mutex<Vec<(u32, std::sync::Weak<()>)>>,
    seed: u64,
    pub counts: Counts,
    pub memory: MemoryReading,
}

/// Memory in use, measured now and then: counting walks the registry.
#[derive(Default)]
pub struct MemoryReading {
    asked: AtomicU64,
    bytes: AtomicU64,
}

impl MemoryReading {
    /// Requests between two measurements.
    const EVERY: u64 = 64;

    pub fn bytes(&self, measure: impl FnOnce() -> usize) -> usize {
        if self.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(Self::EVERY) {
            self.bytes.store(measure() as u64, Ordering::Relaxed);
        }
        self.bytes.load(Ordering::Relaxed) as usize
    }
}

/// What happened since the start.
#[derive(Default)]
pub struct Counts {
    pub samples_appended: AtomicU64,
    pub samples_late: AtomicU64,
    pub samples_rejected: AtomicU64,
}

/// A generation, and the mark that it lives.
pub struct Generation {
    pub head: Head,
    _alive: Arc<()>,
}

impl std::ops::Deref for Generation {
    type Target = Head;

    fn deref(&self) -> &Head {
        &self.head
    }
}

impl MetricsEngine {
    /// `seed` keys the hashes of this process; it shows in no result.
    pub fn new(config: Config, seed: u64) -> Self {
        let shards = match config.shards {
            0 => 4 * std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            shards => shards,
        };
        Self {
            config,
            registry: Registry::new(shards, seed),
            cache: Arc::new(Cache::new(Cache::LIMIT_BYTES)),
            deletions: RwLock::default(),
            newest_received_ms: AtomicI64::new(i64::MIN),
            living: Mutex::default(),
            seed,
            counts: Counts::default(),
            memory: MemoryReading::default(),
        }
    }

    /// Prepares a request from a client: judged in full.
    pub fn prepare_live(
        &self,
        tenant: &TenantId,
        parsed: Parsed<'_>,
        received_at_ms: i64,
        refuse_new: bool,
        any_time: bool,
    ) -> Resolved {
        let judge = Judge { config: &self.config, received_at_ms, live: true, any_time, refuse_new };
        self.newest_received_ms.fetch_max(received_at_ms, Ordering::Relaxed);
        let resolved = resolve(&self.registry, self.registry.tenant(tenant), parsed, &judge);
        self.counts.samples_late.fetch_add(resolved.late, Ordering::Relaxed);
        self.counts.samples_rejected.fetch_add(resolved.verdict.samples, Ordering::Relaxed);
        resolved
    }

    /// The record of a deletion, ready for the head.
    pub fn prepare_deletion(&self, tenant: &TenantId, deletion: Deletion) -> Prepared {
        let mut prepared = Prepared::new(self.registry.tenant(tenant));
        prepared.deletion = Some(deletion);
        prepared
    }

    /// Remembers a deletion for all reads and merges from now on.
    pub fn remember_deletion(&self, tenant: &TenantId, offset: u64, deletion: Deletion) {
        let mut all = self.deletions.write();
        if !all.iter().any(|(have, at, _)| have == tenant && *at == offset) {
            all.push((tenant.clone(), offset, deletion));
        }
    }

    /// Deletions of a tenant that came after all of a file's records.
    pub fn deletions_after(&self, tenant: &TenantId, offsets_end: u64) -> Vec<Deletion> {
        let all = self.deletions.read();
        let after = all.iter().filter(|(have, at, _)| have == tenant && *at >= offsets_end);
        after.map(|(.., deletion)| deletion.clone()).collect()
    }

    /// What retention rules hide at a time, in the form of deletions.
    pub fn expired(&self, now_ms: i64) -> Vec<Deletion> {
        let expired = self.config.retention_rules.iter().map(|rule| {
            let keep_ms = i64::try_from(rule.time.as_millis()).unwrap_or(i64::MAX);
            let to_ms = now_ms.saturating_sub(keep_ms).saturating_sub(1);
            Deletion { matchers: rule.matchers.clone(), range: TimeRange { from_ms: i64::MIN, to_ms } }
        });
        expired.collect()
    }

    /// What retention rules hide as of the latest record.
    pub fn expired_as_of_records(&self) -> Vec<Deletion> {
        self.expired(self.newest_received_ms.load(Ordering::Relaxed))
    }

    /// Series unused for some cuts, and not in a generation that anybody holds, are forgotten.
    fn sweep(&self) {
        let mut living = self.living.lock();
        living.retain(|(_, alive)| alive.strong_count() > 0);
        let oldest = living.iter().map(|(generation, _)| *generation).min();
        drop(living);
        let oldest = oldest.unwrap_or_else(|| self.registry.generation());
        self.registry.sweep(oldest.saturating_sub(self.config.idle_cuts));
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }
}

/// The plain bytes of a record.
fn plain(record: &Record) -> Result<Bytes, String> {
    if record.compression == Compression::None {
        return Ok(record.payload.clone());
    }
    let mut out = Vec::new();
    wire::compress::decompress(record.compression, &record.payload, record.plain_len as usize, &mut out)
        .map_err(|error| error.to_string())?;
    Ok(out.into())
}

impl SignalEngine for MetricsEngine {
    const SIGNAL: Signal = Signal::Metrics;
    type Head = Generation;
    type Prepared = Prepared;

    fn new_head(&self) -> Generation {
        let generation = self.registry.next_generation();
        let alive = Arc::new(());
        self.living.lock().push((generation, Arc::downgrade(&alive)));
        Generation { head: Head::new(generation), _alive: alive }
    }

    fn prepare(&self, record: &Record) -> Result<Prepared, String> {
        self.newest_received_ms.fetch_max(record.received_at_ms, Ordering::Relaxed);
        let plain = plain(record)?;
        if record.format == Format::Deletion {
            let deletion = Deletion::take(&mut &*plain).ok_or("deletion does not parse")?;
            return Ok(self.prepare_deletion(&record.tenant, deletion));
        }
        let parsed = body::scan(record.format, &plain, &self.config)?;
        let judge = Judge {
            config: &self.config,
            received_at_ms: record.received_at_ms,
            live: false,
            any_time: true,
            refuse_new: false,
        };
        Ok(resolve(&self.registry, self.registry.tenant(&record.tenant), parsed, &judge).prepared)
    }

    fn apply(&self, head: &Generation, offset: u64, prepared: Prepared) {
        self.counts.samples_appended.fetch_add(prepared.samples.len() as u64, Ordering::Relaxed);
        if let Some(deletion) = &prepared.deletion {
            self.remember_deletion(&prepared.series.tenant, offset, deletion.clone());
        }
        head.head.apply(offset, prepared);
    }

    fn head_bytes(&self, head: &Generation) -> usize {
        head.head.bytes()
    }

    fn build(&self, head: &Generation, offsets: Range<u64>) -> Result<Vec<NewFile>, ContainerError> {
        self.sweep();
        Ok(crate::build::build(&head.head, offsets, self.seed))
    }

    fn merge(&self, inputs: &[Arc<BlockReader>], keep: &Keep) -> Result<Vec<NewFile>, ContainerError> {
        crate::merge::merge(self, inputs, keep)
    }
}
