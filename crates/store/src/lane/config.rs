//! What a lane is given: the world, and its bounds.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use ports::sim::{SeededRng, SimClock, SimDisk};
use ports::{Clock, Disk, RealClock, RealDisk, RealRng, Rng, Store};
use telemetry::Registry;

use super::StoreError;
use crate::cache::SectionCache;
use crate::journal::{Durability, Fatal, Packing};
use crate::object::{LocalStore, probe};

/// The world a lane lives in; cheap to clone and shared by all lanes of a process.
#[derive(Clone)]
#[non_exhaustive]
pub struct Deps {
    pub disk: Arc<dyn Disk>,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
    pub store: Arc<dyn Store>,
    pub registry: Registry,
    /// Called when the disk has failed in a way after which nothing may be believed. Ends the process, except in tests.
    pub fatal: Fatal,
    /// Unpacked sections of blocks, for all lanes together.
    pub cache: Arc<SectionCache>,
    /// Held while a lane merges or scrubs: one at a time in a process.
    pub(crate) maintenance: Arc<Mutex<()>>,
}

impl Deps {
    pub fn new(disk: Arc<dyn Disk>, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>, store: Arc<dyn Store>) -> Self {
        Self {
            disk,
            clock,
            rng,
            store,
            registry: Registry::new(),
            fatal: Arc::new(|what| {
                tracing::error!(what, "ending the process: what was written can no longer be trusted");
                std::process::abort();
            }),
            cache: Arc::new(SectionCache::new(SectionCache::BYTES_MAX)),
            maintenance: Arc::default(),
        }
    }

    /// This machine: blocks under `{data}/objects`.
    pub fn local(data: &Path, registry: Registry) -> Result<Self, StoreError> {
        let objects = data.join("objects");
        let store = LocalStore::open(&objects, Arc::new(RealDisk), Arc::new(RealRng::new()))
            .map_err(|source| StoreError::Io { what: format!("opening {}", objects.display()), source })?;
        Ok(Self::with_store(Arc::new(store), registry))
    }

    /// This machine with blocks and catalog elsewhere, after a probe of what everything rests on. Blocking.
    pub fn elsewhere(store: Arc<dyn Store>, registry: Registry) -> Result<Self, StoreError> {
        let deps = Self::with_store(store, registry);
        probe(&*deps.store, &*deps.rng)?;
        Ok(deps)
    }

    fn with_store(store: Arc<dyn Store>, registry: Registry) -> Self {
        let (disk, clock, rng) = (RealDisk, RealClock::new(), RealRng::new());
        Self::new(Arc::new(disk), Arc::new(clock), Arc::new(rng), store).with_registry(registry)
    }

    /// A world in memory for tests: objects lie on the simulated disk under `/data/objects`. Use `LaneConfig::new("/data")` with it.
    pub fn simulated(disk: &SimDisk, clock: &Arc<SimClock>, seed: u64) -> Result<Self, StoreError> {
        let (disk, rng) = (Arc::new(disk.clone()), Arc::new(SeededRng::new(seed)));
        let store = LocalStore::open(Path::new("/data/objects"), disk.clone(), rng.clone())
            .map_err(|source| StoreError::Io { what: "opening /data/objects".to_owned(), source })?;
        Ok(Self::new(disk, clock.clone(), rng, Arc::new(store)))
    }

    /// Where `/metrics` finds the lanes' metrics.
    pub fn with_registry(mut self, registry: Registry) -> Self {
        self.cache = Arc::new(SectionCache::with_registry(SectionCache::BYTES_MAX, &registry));
        self.registry = registry;
        self
    }

    pub fn with_fatal(mut self, fatal: Fatal) -> Self {
        self.fatal = fatal;
        self
    }
}

/// Bounds and rhythms of a lane.
#[derive(Clone, Debug)]
pub struct LaneConfig {
    /// Where journals live: `{data}/journal/{signal}/{partition}`; copies of what is corrupt go to `{data}/quarantine`.
    pub data: PathBuf,
    pub partition: u32,
    /// A generation ends with the record that brings its payloads (decompressed) to this many bytes.
    pub cut_bytes: u64,
    /// A generation also ends before the first record whose time of receipt is in a later multiple of this.
    pub cut_interval: Duration,
    /// Generations that may wait for their cut; more, and records are refused.
    pub heads_max: usize,
    /// Memory of all heads together; more, and the open generation is cut early and records are refused until one is written.
    pub head_bytes_max: usize,
    pub durability: Durability,
    pub packing: Packing,
    /// Room reserved for one journal segment.
    pub segment_bytes: u64,
    /// Bytes and records that may wait for the journal's disk.
    pub queue_bytes: usize,
    pub queue_records: usize,
    /// Records are refused when the disk has less than this left (or a tenth of what was free when the lane was opened).
    pub reserve_bytes: u64,
    /// Neighbours of one level that are merged together.
    pub compact_fan_in: usize,
    /// Input of one merge, stored bytes: bounds its memory and the size of files.
    pub compact_bytes_max: u64,
    /// Files are merged within one window of receipt only.
    pub compact_window: Duration,
    /// Files whose newest item is older go.
    pub retention: Option<Duration>,
    /// Oldest files go when live files take more than this.
    pub retention_bytes: Option<u64>,
    /// Rhythm of retention, deletion and scrubbing.
    pub maintain_every: Duration,
    /// The scrubber begins a round no sooner than this after the last one began ...
    pub scrub_every: Duration,
    /// ... and reads no faster than this.
    pub scrub_bytes_per_second: u64,
    /// Whether the lane has threads. Without them the caller drives it (`commit_now`, `cut_now`, `maintain_now`): for simulation.
    pub spawn: bool,
}

impl LaneConfig {
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            partition: 0,
            cut_bytes: 128 << 20,
            cut_interval: Duration::from_secs(3600),
            heads_max: 2,
            head_bytes_max: 512 << 20,
            durability: Durability::Fsync,
            packing: Packing::Zstd,
            segment_bytes: 32 << 20,
            queue_bytes: 64 << 20,
            queue_records: 64 << 10,
            reserve_bytes: 64 << 20,
            compact_fan_in: 8,
            compact_bytes_max: 128 << 20,
            compact_window: Duration::from_secs(24 * 3600),
            retention: None,
            retention_bytes: None,
            maintain_every: Duration::from_secs(10),
            scrub_every: Duration::from_secs(60),
            scrub_bytes_per_second: 4 << 20,
            spawn: true,
        }
    }

    /// What no lane can work with, in words for the person who wrote the configuration.
    pub fn validate(&self) -> Result<(), String> {
        let checks = [
            (self.cut_bytes > 0, "cut_bytes must be more than 0"),
            (self.cut_interval.as_millis() > 0, "cut_interval must be at least 1ms"),
            (self.heads_max > 0, "heads_max must be at least 1"),
            (self.compact_fan_in > 1, "compact_fan_in must be at least 2"),
            (
                self.compact_window >= self.cut_interval,
                "compact_window must not be shorter than cut_interval",
            ),
            (self.segment_bytes >= crate::journal::SEGMENT_BYTES_MIN, "segment_bytes is too small"),
        ];
        checks.iter().find(|(good, _)| !good).map_or(Ok(()), |(_, reason)| Err((*reason).to_owned()))
    }
}
