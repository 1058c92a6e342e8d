//! Opening a lane: catalog, journal, sweep, replay, threads.
//!
//! Replay reads the journal in order on one thread, which decides the generations; records are prepared and applied on all cores, in any
//! order, as engines allow that. Complete generations are cut as soon as more of them wait than may.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use arc_swap::ArcSwap;
use bytes::Bytes;
use parking_lot::Mutex;
use ports::thread::{Priority, spawn};
use ports::{Damage, Disk, Journal, Open};
use tokio::sync::watch;

use super::bell::Bell;
use super::cut::{self, Progress};
use super::generation::{CutRule, Generation};
use super::maintain;
use super::metrics::LaneMetrics;
use super::publish::{Published, prefix};
use super::scrub::Scrubber;
use super::{Deps, Lane, LaneConfig, Order, StoreError, View};
use crate::catalog::Catalog;
use crate::engine::SignalEngine;
use crate::journal::{JournalConfig, JournalDeps, SegmentJournal, peek, unpack};
use crate::object::{block_on, list_all};

/// Records between the thread that reads the journal and those that apply them.
const REPLAY_QUEUE: usize = 256;
/// More threads than this do not help one disk.
const REPLAY_THREADS_MAX: usize = 8;

pub(super) fn open<E: SignalEngine>(
    engine: E,
    deps: Deps,
    config: LaneConfig,
) -> Result<Arc<Lane<E>>, StoreError> {
    config.validate().map_err(|reason| StoreError::Config { signal: E::SIGNAL, reason })?;
    let catalog = Catalog::open(deps.store.clone(), deps.rng.clone(), E::SIGNAL, config.partition)?;
    let journal = open_journal::<E>(&deps, &config, catalog.state().next_offset)?;
    let lane = Arc::new(assemble(engine, deps, config, catalog, journal));
    lane.sweep_orphans()?;
    lane.replay()?;
    lane.weigh();
    if lane.config.spawn {
        start_threads(&lane)?;
    }
    Ok(lane)
}

fn open_journal<E: SignalEngine>(
    deps: &Deps,
    config: &LaneConfig,
    next_offset: u64,
) -> Result<SegmentJournal, StoreError> {
    let dir = config.data.join("journal").join(E::SIGNAL.name()).join(config.partition.to_string());
    let journal_config = JournalConfig {
        signal: E::SIGNAL,
        partition: config.partition,
        durability: config.durability,
        packing: config.packing,
        segment_bytes: config.segment_bytes,
        queue_bytes: config.queue_bytes,
        queue_records: config.queue_records,
        reserve_bytes: config.reserve_bytes,
        spawn: config.spawn,
    };
    let journal_deps = JournalDeps {
        disk: deps.disk.clone(),
        clock: deps.clock.clone(),
        rng: deps.rng.clone(),
        registry: deps.registry.clone(),
        fatal: deps.fatal.clone(),
    };
    let quarantine = config.data.join("quarantine");
    SegmentJournal::open(&dir, &quarantine, next_offset, journal_config, journal_deps)
        .map_err(|source| StoreError::Io { what: format!("opening journal {}", dir.display()), source })
}

fn assemble<E: SignalEngine>(
    engine: E,
    deps: Deps,
    config: LaneConfig,
    catalog: Catalog,
    journal: SegmentJournal,
) -> Lane<E> {
    let metrics = LaneMetrics::new(&deps.registry, E::SIGNAL.name(), &config);
    let next_offset = catalog.state().next_offset;
    let open = Arc::new(Generation::new(engine.new_head(), next_offset));
    let interval_ms = i64::try_from(config.cut_interval.as_millis()).unwrap_or(i64::MAX);
    let order = Order {
        open: open.clone(),
        rule: CutRule::new(config.cut_bytes, interval_ms),
        waiting: 0,
        weighed_at_bytes: 0,
        closed: false,
    };
    let damage = catalog.state().damage.as_slice().into();
    let view = View { generations: vec![open], files: Vec::new(), damage };
    let published =
        Published { catalog, handles: Default::default(), leaving: Default::default(), closed: false };
    Lane {
        engine,
        deps,
        config,
        journal,
        order: Mutex::new(order),
        view: ArcSwap::from_pointee(view),
        published: Mutex::new(published),
        cutting: Mutex::new(()),
        scrubber: Mutex::new(Scrubber::default()),
        head_bytes: AtomicUsize::new(0),
        fenced: AtomicBool::new(false),
        progress: watch::Sender::new(Progress { next_offset, ..Progress::default() }),
        cut_bell: Arc::new(Bell::default()),
        maintain_bell: Arc::new(Bell::default()),
        metrics,
    }
}

fn start_threads<E: SignalEngine>(lane: &Arc<Lane<E>>) -> Result<(), StoreError> {
    let failed = |source| StoreError::Io { what: "starting a thread".to_owned(), source };
    let (weak, bell) = (Arc::downgrade(lane), lane.cut_bell.clone());
    spawn(&format!("cut-{}", E::SIGNAL), Priority::Normal, move || cut::run(weak, bell)).map_err(failed)?;
    let (weak, bell) = (Arc::downgrade(lane), lane.maintain_bell.clone());
    let every = lane.config.maintain_every;
    spawn(&format!("merge-{}", E::SIGNAL), Priority::Low, move || maintain::run(weak, bell, every))
        .map_err(failed)?;
    Ok(())
}

/// A record, as it stands in the journal, on its way into a head.
type Job<E> = (Arc<Generation<E>>, u64, Bytes);

impl<E: SignalEngine> Lane<E> {
    /// Deletes files that were written and never published. Only while nobody writes, and only when the catalog is whole.
    fn sweep_orphans(&self) -> Result<(), StoreError> {
        let mut published = self.published.lock();
        let files = self.take_stock(&mut published);
        self.show_metrics(&published);
        self.view.rcu(|view| View {
            generations: view.generations.clone(),
            files: files.clone(),
            damage: view.damage.clone(),
        });
        if !published.catalog.broken().is_empty() {
            return Ok(());
        }
        let previous: Vec<&str> =
            published.catalog.previous().files().map(|file| file.name.as_str()).collect();
        let garbage: Vec<&str> =
            published.catalog.state().garbage.iter().map(|garbage| garbage.name.as_str()).collect();
        for key in list_all(&*self.deps.store, &prefix(E::SIGNAL, self.config.partition))? {
            let known = published.handles.contains_key(&key)
                || previous.contains(&key.as_str())
                || garbage.contains(&key.as_str());
            if !known {
                tracing::info!(key, "deleting a file that was never published");
                block_on(self.deps.store.delete(&key))?;
                self.metrics.orphans.inc();
            }
        }
        Ok(())
    }

    fn replay(&self) -> Result<(), StoreError> {
        let from = self.progress.borrow().next_offset;
        self.note_missing(from);
        let threads = if self.config.spawn {
            std::thread::available_parallelism().map_or(1, usize::from).min(REPLAY_THREADS_MAX)
        } else {
            0
        };
        let (send, receive) = sync_channel::<Job<E>>(REPLAY_QUEUE);
        let receive = Arc::new(Mutex::new(receive));
        let read = std::thread::scope(|scope| {
            for _ in 0..threads {
                let receive = receive.clone();
                scope.spawn(move || self.apply_jobs(&receive));
            }
            let send = (threads > 0).then_some(send);
            self.journal.read_packed(from, &mut |offset, packed| {
                self.dispatch(offset, packed, send.as_ref());
                Ok(())
            })
        });
        read.map_err(|source| StoreError::Io { what: format!("reading the {} journal", E::SIGNAL), source })?;
        // What reading found out is shown at once and committed with the next cut.
        let damage: Arc<[Damage]> = self.all_damage().into();
        self.view.rcu(|view| View {
            generations: view.generations.clone(),
            files: view.files.clone(),
            damage: damage.clone(),
        });
        Ok(())
    }

    fn all_damage(&self) -> Vec<Damage> {
        let mut all = self.published.lock().catalog.state().damage.clone();
        for damage in self.journal.damage() {
            if !all.contains(&damage) {
                all.push(damage);
            }
        }
        all
    }

    /// The journal should begin at or before what the catalog needs.
    fn note_missing(&self, from: u64) {
        let first = self.journal.first();
        if first > from {
            let reason = "the journal begins later than the published files end".to_owned();
            self.journal.note(Damage { offsets: from..first, reason });
        }
    }

    /// Decides the generation of one record, in the order of offsets, and hands it on.
    fn dispatch(&self, offset: u64, packed: Bytes, send: Option<&SyncSender<Job<E>>>) {
        let (received_at_ms, plain_len) = peek(&packed);
        let generation = {
            let mut order = self.order.lock();
            if order.rule.ends_before(received_at_ms) {
                self.seal(&mut order, offset);
            }
            let generation = order.open.clone();
            generation.enter();
            if order.rule.take(received_at_ms, plain_len) {
                self.seal(&mut order, offset + 1);
            }
            generation
        };
        match send {
            None => self.apply_job((generation, offset, packed)),
            // Receivers live as long as this thread's scope.
            Some(send) => send.send((generation, offset, packed)).expect("replay threads wait for records"),
        }
        if self.order.lock().waiting > self.config.heads_max {
            self.cut_while_replaying();
        }
    }

    /// Memory stays bounded while more is replayed than fits. A failure (a full disk) is no reason not to start: it is tried again later.
    fn cut_while_replaying(&self) {
        while self
            .view
            .load()
            .generations
            .first()
            .is_some_and(|oldest| oldest.is_sealed() && oldest.complete().is_none())
        {
            let heard = self.cut_bell.heard();
            if self.view.load().generations[0].complete().is_none() {
                self.cut_bell.wait(heard, Some(std::time::Duration::from_millis(5)));
            }
        }
        if let Err(error) = self.cut_now() {
            tracing::warn!(signal = E::SIGNAL.name(), %error, "replaying on with more heads than usual");
        }
    }

    fn apply_jobs(&self, receive: &Mutex<Receiver<Job<E>>>) {
        loop {
            let job = receive.lock().recv();
            match job {
                Ok(job) => self.apply_job(job),
                Err(_) => return,
            }
        }
    }

    fn apply_job(&self, (generation, offset, packed): Job<E>) {
        let prepared = unpack(packed.clone()).and_then(|record| self.engine.prepare(&record));
        match prepared {
            Ok(prepared) => self.engine.apply(&generation.head, offset, prepared),
            Err(reason) => self.keep_unprepared(offset, &packed, &reason),
        }
        if generation.leave() {
            self.cut_bell.ring();
        }
    }

    /// A record that was good once and is not understood now is kept, not dropped.
    fn keep_unprepared(&self, offset: u64, packed: &[u8], reason: &str) {
        self.metrics.unprepared.inc();
        let dir = self.config.data.join("quarantine");
        let path = dir.join(format!("{}-{}-{offset:020}.record", E::SIGNAL, self.config.partition));
        tracing::error!(
            signal = E::SIGNAL.name(), offset, reason, path = %path.display(),
            "a record of the journal could not be prepared; it is kept in quarantine"
        );
        let kept =
            self.deps.disk.create_dir_all(&dir).and_then(|()| write_new(&*self.deps.disk, &path, packed));
        if let Err(error) = kept {
            tracing::error!(%error, path = %path.display(), "keeping the record failed");
        }
        self.journal
            .note(Damage { offsets: offset..offset + 1, reason: format!("not understood: {reason}") });
    }
}

fn write_new(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let file = match disk.open(path, Open::CreateNew) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
        file => file?,
    };
    file.write_all_at(bytes, 0)?;
    file.sync()
}
