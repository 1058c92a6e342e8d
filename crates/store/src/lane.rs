//! A lane carries the records of one signal and partition: journal -> head -> block files -> snapshot.
//!
//! ```text
//! append: pack -> [order lock: place in the journal + generation] -> apply to the head, while the group commit runs -> durable
//! cut:    sealed generation -> build -> put file -> commit (file and next_offset together) -> swap the snapshot -> trim the journal
//! ```
//!
//! Invariants: a record belongs to exactly one generation, decided in the order of offsets; a snapshot is one pointer read in which every
//! record is in exactly one head or file; what the journal has acknowledged leaves it only after two commits have covered it.
//! What a record means is the engine's business; merging and retention are in `maintain`, reading everything again in `scrub`.

mod bell;
mod config;
mod cut;
mod error;
mod generation;
mod maintain;
mod metrics;
mod open;
mod plan;
mod publish;
mod scrub;
mod status;

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use ports::{Damage, Journal, Pending, Record};
use tokio::sync::watch;

use crate::block::BlockHandle;
use crate::engine::SignalEngine;
use crate::journal::SegmentJournal;

use bell::Bell;
pub use config::{Deps, LaneConfig};
use cut::Progress;
pub use error::{AppendError, StoreError};
pub(crate) use generation::CutRule;
use generation::{Generation, Sealed};
use metrics::LaneMetrics;
use publish::Published;
pub use scrub::ScrubReport;
use scrub::Scrubber;
pub use status::LaneStatus;

/// What a client that met a bound is told to wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The heads are weighed each time this many bytes of payload came in.
const WEIGH_EVERY_BYTES: u64 = 1 << 20;

/// What a query sees: one consistent moment. Cheap to take; hold it for the length of the query.
pub struct Snapshot<E: SignalEngine> {
    /// Fresh data, oldest generation first.
    pub heads: Vec<Arc<E::Head>>,
    /// Live files, oldest offsets first.
    pub files: Vec<Arc<BlockHandle>>,
    /// Acknowledged records that corruption has cost: an answer that might have needed them is not whole.
    pub damage: Arc<[Damage]>,
}

/// What the snapshot pointer points to.
struct View<E: SignalEngine> {
    /// Oldest first; the last one is open.
    generations: Vec<Arc<Generation<E>>>,
    files: Vec<Arc<BlockHandle>>,
    damage: Arc<[Damage]>,
}

/// One signal and partition.
pub struct Lane<E: SignalEngine> {
    engine: E,
    deps: Deps,
    config: LaneConfig,
    journal: SegmentJournal,
    order: Mutex<Order<E>>,
    view: ArcSwap<View<E>>,
    published: Mutex<Published>,
    /// Held while a cut is made.
    cutting: Mutex<()>,
    scrubber: Mutex<Scrubber>,
    /// Bytes of all heads when they were last weighed.
    head_bytes: AtomicUsize,
    /// Somebody else owns the catalog: nothing may be written any more.
    fenced: AtomicBool,
    progress: watch::Sender<Progress>,
    cut_bell: Arc<Bell>,
    maintain_bell: Arc<Bell>,
    metrics: LaneMetrics,
}

/// What decides, in the order of offsets, which generation a record belongs to.
struct Order<E: SignalEngine> {
    open: Arc<Generation<E>>,
    rule: CutRule,
    /// Generations sealed and not yet published.
    waiting: usize,
    weighed_at_bytes: u64,
    closed: bool,
}

impl<E: SignalEngine> Lane<E> {
    /// Opens the lane and brings back into heads whatever the journal holds beyond the published files. Blocking.
    pub fn open(engine: E, deps: Deps, config: LaneConfig) -> Result<Arc<Self>, StoreError> {
        open::open(engine, deps, config)
    }

    pub fn engine(&self) -> &E {
        &self.engine
    }

    pub fn config(&self) -> &LaneConfig {
        &self.config
    }

    /// Returns the record's offset once it is durable. It is queryable from the head before that.
    pub async fn append(&self, record: Record, prepared: E::Prepared) -> Result<u64, AppendError> {
        let pending = self.begin(record, prepared)?;
        let offset = pending.offset;
        pending.durable.await.map_err(|error| AppendError::Unavailable { reason: error.to_string() })?;
        Ok(offset)
    }

    /// The part of `append` that does not wait: the record has its place and is in the head; `durable` says when it is safe.
    pub fn begin(&self, record: Record, prepared: E::Prepared) -> Result<Pending, AppendError> {
        let packed = self.journal.pack(&record).map_err(refused)?;
        let (generation, pending, weigh) = {
            let mut order = self.order.lock();
            self.admit(&order)?;
            if order.rule.ends_before(record.received_at_ms) {
                self.seal(&mut order, self.journal.next());
            }
            let pending = match self.journal.enqueue(packed) {
                Ok(pending) => pending,
                Err(error) => {
                    self.make_room(&mut order, &error);
                    return Err(refused(error));
                }
            };
            let generation = order.open.clone();
            generation.enter();
            if order.rule.take(record.received_at_ms, record.plain_len) {
                self.seal(&mut order, pending.offset + 1);
            }
            (generation, pending, order.time_to_weigh())
        };
        self.engine.apply(&generation.head, pending.offset, prepared);
        if generation.leave() {
            self.cut_bell.ring();
        }
        if weigh {
            self.weigh();
        }
        Ok(pending)
    }

    fn admit(&self, order: &Order<E>) -> Result<(), AppendError> {
        if order.closed {
            return Err(AppendError::Closed(E::SIGNAL));
        }
        if self.fenced.load(Ordering::Acquire) {
            let reason = format!("another process has taken over the {} catalog", E::SIGNAL);
            return Err(AppendError::Unavailable { reason });
        }
        let head_bytes = self.head_bytes.load(Ordering::Relaxed);
        let reason = if order.waiting >= self.config.heads_max {
            format!("{} {} heads wait to be written to files", order.waiting, E::SIGNAL)
        } else if order.waiting > 0 && head_bytes > self.config.head_bytes_max {
            format!("{} heads take {head_bytes} bytes of memory", E::SIGNAL)
        } else {
            return Ok(());
        };
        self.metrics.refused.inc();
        Err(AppendError::Full { reason, retry_after: RETRY_AFTER })
    }

    /// Ends the open generation at `end` and starts the next.
    fn seal(&self, order: &mut Order<E>, end: u64) {
        let window_ms = order.rule.restart();
        order.weighed_at_bytes = 0;
        order.waiting += 1;
        order.open.seal(Sealed { end, window_ms });
        order.open = Arc::new(Generation::new(self.engine.new_head(), end));
        let open = order.open.clone();
        self.view.rcu(|view| {
            let generations = view.generations.iter().chain([&open]).cloned().collect();
            View { generations, files: view.files.clone(), damage: view.damage.clone() }
        });
        self.metrics.waiting.set(order.waiting as i64);
        self.cut_bell.ring();
    }

    /// On a full disk the open generation is cut before its time: files are smaller than what the journal can then let go of.
    fn make_room(&self, order: &mut Order<E>, error: &std::io::Error) {
        if error.kind() == ErrorKind::StorageFull && order.waiting == 0 && !order.rule.is_empty() {
            self.metrics.early_cuts.inc();
            self.seal(order, self.journal.next());
        }
    }

    /// Ends the open generation if there is anything in it. Returns the offset up to which cuts must come.
    fn seal_now(&self) -> u64 {
        let mut order = self.order.lock();
        let next = self.journal.next();
        if !order.rule.is_empty() {
            self.seal(&mut order, next);
        }
        next
    }

    /// Looks at what the heads take. A head that outgrows its memory is cut before its time.
    fn weigh(&self) {
        let view = self.view.load();
        let total =
            view.generations.iter().map(|generation| self.engine.head_bytes(&generation.head)).sum::<usize>();
        self.head_bytes.store(total, Ordering::Relaxed);
        self.metrics.head_bytes.set(total as i64);
        if total > self.config.head_bytes_max && view.generations.len() == 1 {
            self.metrics.early_cuts.inc();
            self.seal_now();
        }
    }

    /// One consistent moment: no record in both a head and a file, or in neither.
    pub fn snapshot(&self) -> Snapshot<E> {
        let view = self.view.load();
        Snapshot {
            heads: view.generations.iter().map(|generation| generation.head.clone()).collect(),
            files: view.files.clone(),
            damage: view.damage.clone(),
        }
    }

    /// Cuts what is in the head now and returns when it is published as files.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let mut progress = self.progress.subscribe();
        let failures = progress.borrow_and_update().failures;
        let end = self.seal_now();
        if !self.config.spawn || self.cut_bell.stopped() {
            return self.cut_now();
        }
        self.cut_bell.ring();
        let done = progress
            .wait_for(|progress| progress.next_offset >= end || progress.failures > failures)
            .await
            .map(|progress| (progress.next_offset >= end, progress.error.clone()));
        match done {
            Ok((true, _)) => Ok(()),
            Ok((false, reason)) => Err(StoreError::Cut { signal: E::SIGNAL, reason }),
            Err(_) => Err(StoreError::Cut { signal: E::SIGNAL, reason: "the lane is gone".to_owned() }),
        }
    }

    /// Refuses new records, waits for those under way to be durable, and stops the lane's threads. Nothing is cut: reopening replays.
    /// A cut or merge under way is not waited for, and does not publish any more.
    pub async fn close(self: &Arc<Self>) -> Result<(), StoreError> {
        self.order.lock().closed = true;
        self.cut_bell.stop();
        self.maintain_bell.stop();
        let (done, closed) = tokio::sync::oneshot::channel();
        let lane = self.clone();
        let spawned = ports::thread::spawn("close", ports::thread::Priority::Normal, move || {
            lane.journal.close();
            lane.published.lock().closed = true;
            let _ = done.send(());
        });
        spawned.map_err(|source| StoreError::Io { what: "starting a thread".to_owned(), source })?;
        // An error means that the thread has panicked: the journal's own thread is gone as well then.
        let _ = closed.await;
        Ok(())
    }

    /// Makes durable what is queued, for a lane without threads.
    pub fn commit_now(&self) {
        self.journal.commit_now();
    }
}

impl<E: SignalEngine> Order<E> {
    fn time_to_weigh(&mut self) -> bool {
        let due = self.rule.bytes() >= self.weighed_at_bytes + WEIGH_EVERY_BYTES;
        if due {
            self.weighed_at_bytes = self.rule.bytes();
        }
        due
    }
}

impl<E: SignalEngine> Drop for Lane<E> {
    fn drop(&mut self) {
        self.cut_bell.stop();
        self.maintain_bell.stop();
    }
}

fn refused(error: std::io::Error) -> AppendError {
    let reason = error.to_string();
    match error.kind() {
        ErrorKind::WouldBlock => AppendError::Full { reason, retry_after: RETRY_AFTER },
        _ => AppendError::Unavailable { reason },
    }
}

#[cfg(test)]
mod tests;
