//! A lane carries the records of one signal and partition: journal -> head -> block files -> snapshot.
//!
//! Appending takes a place in the journal and a generation under one short lock, applies the record to the generation's head while the
//! group commit runs, and returns when the record is durable. A snapshot is one pointer read: every record is in exactly one of its heads
//! or files.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use parking_lot::Mutex;
use ports::sim::MemoryJournal;
use ports::{Clock, Disk, Journal, Record, Rng, Store};

use crate::block::BlockHandle;
use crate::container::{ContainerError, InMemory, RangeRead};
use crate::engine::SignalEngine;

/// The world a lane lives in; cheap to clone and shared by all lanes of a process.
#[derive(Clone)]
#[non_exhaustive]
pub struct Deps {
    pub disk: Arc<dyn Disk>,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
    pub store: Arc<dyn Store>,
}

impl Deps {
    pub fn new(disk: Arc<dyn Disk>, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>, store: Arc<dyn Store>) -> Self {
        Self { disk, clock, rng, store }
    }
}

/// Bounds and rhythms of a lane.
#[derive(Clone, Debug)]
pub struct LaneConfig {
    /// Where journals live: `{data}/journal/{signal}/{partition}`.
    pub data: PathBuf,
    pub partition: u32,
    /// A generation ends when its records' payloads come to this many bytes (decompressed).
    pub cut_bytes: u64,
    /// A generation also ends when a record's time of receipt enters the next multiple of this.
    pub cut_interval: Duration,
}

impl LaneConfig {
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            partition: 0,
            cut_bytes: 128 << 20,
            cut_interval: Duration::from_secs(3600),
        }
    }
}

/// By what the caller would do: wait for an operator, or give up.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    #[error(transparent)]
    Block(#[from] ContainerError),
    #[error("object store: {0}")]
    Object(#[from] ports::StoreError),
}

/// Why a record was not taken. It is not durable and may be sent again.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// A bound is reached (queue, memory, waiting cuts): try again after `retry_after`. 503 or 429.
    #[error("{reason}")]
    Full { reason: String, retry_after: Duration },
    /// The disk is full or read-only, or writing failed: an operator is needed. 503.
    #[error("{reason}")]
    Unavailable { reason: String },
    /// The lane is shutting down. 503.
    #[error("{signal} store is shutting down", signal = .0)]
    Closed(model::Signal),
}

/// What a query sees: one consistent moment. Cheap to take; hold it for the length of the query.
pub struct Snapshot<E: SignalEngine> {
    /// Fresh data, oldest generation first.
    pub heads: Vec<Arc<E::Head>>,
    /// Live files, oldest offsets first.
    pub files: Vec<Arc<BlockHandle>>,
}

impl<E: SignalEngine> Clone for Snapshot<E> {
    fn clone(&self) -> Self {
        Self { heads: self.heads.clone(), files: self.files.clone() }
    }
}

/// One signal and partition.
pub struct Lane<E: SignalEngine> {
    engine: E,
    journal: MemoryJournal,
    order: Mutex<Order<E>>,
    snapshot: ArcSwap<Snapshot<E>>,
}

struct Order<E: SignalEngine> {
    head: Arc<E::Head>,
    first: u64,
    closed: bool,
}

impl<E: SignalEngine> Lane<E> {
    /// Opens the lane and brings back into a head whatever the journal holds beyond the published files. Blocking.
    pub fn open(engine: E, _deps: Deps, _config: LaneConfig) -> Result<Arc<Self>, StoreError> {
        let head = Arc::new(engine.new_head());
        let snapshot = Snapshot { heads: vec![head.clone()], files: Vec::new() };
        Ok(Arc::new(Self {
            engine,
            journal: MemoryJournal::default(),
            order: Mutex::new(Order { head, first: 0, closed: false }),
            snapshot: ArcSwap::from_pointee(snapshot),
        }))
    }

    pub fn engine(&self) -> &E {
        &self.engine
    }

    /// Returns the record's offset once it is durable. It is queryable from the head before that.
    pub async fn append(&self, record: Record, prepared: E::Prepared) -> Result<u64, AppendError> {
        let (head, pending) = {
            let order = self.order.lock();
            if order.closed {
                return Err(AppendError::Closed(E::SIGNAL));
            }
            let pending = self
                .journal
                .pack(&record)
                .and_then(|packed| self.journal.enqueue(packed))
                .map_err(|error| AppendError::Unavailable { reason: error.to_string() })?;
            (order.head.clone(), pending)
        };
        self.engine.apply(&head, pending.offset, prepared);
        pending.durable.await.map_err(|error| AppendError::Unavailable { reason: error.to_string() })?;
        Ok(pending.offset)
    }

    pub fn snapshot(&self) -> Snapshot<E> {
        Snapshot::clone(&self.snapshot.load())
    }

    /// Cuts what is in the head now and returns when it is published as files.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let mut order = self.order.lock();
        let offsets = order.first..self.journal.next();
        let built = self.engine.build(&order.head, offsets.clone())?;
        let mut files = self.snapshot.load().files.clone();
        for (ordinal, file) in built.into_iter().enumerate() {
            let name = format!("{}-{ordinal}.blk", offsets.start);
            let bytes = Bytes::from(file.bytes);
            let len = bytes.len() as u64;
            let open =
                move |name: &str| Ok(Arc::new(InMemory::new(name, bytes.clone())) as Arc<dyn RangeRead>);
            files.push(Arc::new(BlockHandle::new(
                name,
                0,
                offsets.clone(),
                file.summary,
                len,
                Box::new(open),
            )));
        }
        order.head = Arc::new(self.engine.new_head());
        order.first = offsets.end;
        self.snapshot.store(Arc::new(Snapshot { heads: vec![order.head.clone()], files }));
        Ok(())
    }

    /// Refuses new records, waits for those under way to be durable, and stops the lane's threads. Nothing is cut: reopening replays.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.order.lock().closed = true;
        Ok(())
    }
}
