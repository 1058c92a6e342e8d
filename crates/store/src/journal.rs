//! The segment journal: one directory of append-only files per (signal, partition). Format page: `docs/formats/journal.md`.
//!
//! ```text
//! pack (caller's thread) -> enqueue (short lock) -> group commit: one write, one fdatasync -> acknowledge
//! ```
//!
//! Invariants: offsets are consecutive; a record is acknowledged only after the sync that covers it; a segment is complete and durable when
//! it gets its name; after opening, writing goes on in a new segment, whose header says where the one before ended, so a torn tail is
//! never written over and never met again. Trimming deletes whole segments.

mod commit;
mod format;
mod metrics;
mod scan;
mod segment;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use bytes::Bytes;
use model::Signal;
use parking_lot::Mutex;
use ports::thread::{Priority, spawn};
use ports::{Clock, Damage, Disk, Journal, Packed, Pending, Record, Rng};
use telemetry::Registry;

pub use commit::Fatal;
use commit::{Committer, Shared};
pub use format::Packing;
use format::{Previous, SEGMENT_HEADER_LEN};
pub(crate) use format::{peek, unpack};
use metrics::JournalMetrics;
use scan::{Known, scan};
use segment::Segment;

/// When a record counts as durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// After `fdatasync`: survives power loss.
    #[default]
    Fsync,
    /// After the write: survives a killed process only. For comparison with peers.
    Os,
}

/// Bounds and choices of a journal.
#[derive(Clone, Debug)]
pub struct JournalConfig {
    pub signal: Signal,
    pub partition: u32,
    pub durability: Durability,
    /// How payloads that come uncompressed are packed.
    pub packing: Packing,
    /// Room reserved for a segment; a longer record gets a longer one.
    pub segment_bytes: u64,
    /// Records that wait for the disk: at most this many bytes (and the record that crosses it) ...
    pub queue_bytes: usize,
    /// ... and this many records.
    pub queue_records: usize,
    /// Records are refused when the disk has less than this left.
    pub reserve_bytes: u64,
    /// Whether a thread commits. Without one, `commit_now` does: for simulation.
    pub spawn: bool,
}

impl JournalConfig {
    pub fn new(signal: Signal, partition: u32) -> Self {
        Self {
            signal,
            partition,
            durability: Durability::Fsync,
            packing: Packing::Zstd,
            segment_bytes: 32 << 20,
            queue_bytes: 64 << 20,
            queue_records: 64 << 10,
            reserve_bytes: 256 << 20,
            spawn: true,
        }
    }
}

/// What a journal needs of the world.
#[derive(Clone)]
pub struct JournalDeps {
    pub disk: Arc<dyn Disk>,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
    pub registry: Registry,
    pub fatal: Fatal,
}

/// Our own files as a [`Journal`].
pub struct SegmentJournal {
    dir: PathBuf,
    /// Copies of segments in which corruption was found.
    quarantine: PathBuf,
    config: JournalConfig,
    packer: format::Packer,
    disk: Arc<dyn Disk>,
    shared: Arc<Shared>,
    segments: Arc<Mutex<Vec<Segment>>>,
    damage: Mutex<Vec<Damage>>,
    /// Present without a thread.
    committer: Mutex<Option<Committer>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl SegmentJournal {
    /// Opens or creates the journal in `dir`. Offsets below `at_least` are never given (again): they are in published files.
    pub fn open(
        dir: &Path,
        quarantine: &Path,
        at_least: u64,
        mut config: JournalConfig,
        deps: JournalDeps,
    ) -> io::Result<Self> {
        deps.disk.create_dir_all(dir)?;
        // A small disk keeps a small reserve and small segments.
        let free = deps.disk.free_bytes(dir)?;
        config.reserve_bytes = config.reserve_bytes.min(free / 10);
        config.segment_bytes = config.segment_bytes.min((free / 32).max(SEGMENT_BYTES_MIN));
        let mut segments = segment::find(&*deps.disk, dir)?;
        let headless: Vec<Segment> =
            segments.iter().filter(|segment| segment.header.is_none()).cloned().collect();
        segment::give_back_reserves(&*deps.disk, dir, &mut segments);
        let (end, previous) = find_end(&*deps.disk, dir, &mut segments)?;
        let next = end.max(at_least);
        let metrics =
            JournalMetrics::new(&deps.registry, config.signal.name(), &config.partition.to_string());
        let shared = Arc::new(Shared::new(next, metrics));
        let segments = Arc::new(Mutex::new(segments));
        let committer = Committer {
            shared: shared.clone(),
            config: config.clone(),
            disk: deps.disk.clone(),
            clock: deps.clock,
            rng: deps.rng,
            fatal: deps.fatal,
            dir: dir.to_owned(),
            segments: segments.clone(),
            active: None,
            previous,
            written: next,
            frame: Vec::new(),
        };
        let (committer, thread) = if config.spawn {
            let name = format!("journal-{}", config.signal);
            (None, Some(spawn(&name, Priority::Normal, move || committer.run())?))
        } else {
            (Some(committer), None)
        };
        let journal = Self {
            dir: dir.to_owned(),
            quarantine: quarantine.to_owned(),
            packer: format::Packer::new(config.packing),
            config,
            disk: deps.disk,
            shared,
            segments,
            damage: Mutex::default(),
            committer: Mutex::new(committer),
            thread: Mutex::new(thread),
        };
        for segment in headless {
            let reason = "segment header is unreadable".to_owned();
            journal.report(&segment, vec![Damage { offsets: segment.first..segment.first, reason }])?;
        }
        Ok(journal)
    }

    /// Commits what is queued now. Does nothing where a thread does it.
    pub fn commit_now(&self) {
        if let Some(committer) = &mut *self.committer.lock() {
            committer.run_once();
        }
    }

    /// Takes no more records, makes durable what is queued, ends the thread. Blocking.
    pub fn close(&self) {
        self.shared.close();
        self.commit_now();
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!(journal = %self.dir.display(), "the journal's thread has panicked");
        }
    }

    /// As `read`, leaving the unpacking to the caller's threads. Records have passed their checksum.
    pub(crate) fn read_packed(
        &self,
        from: u64,
        each: &mut dyn FnMut(u64, Bytes) -> io::Result<()>,
    ) -> io::Result<()> {
        let segments = self.segments.lock().clone();
        let mut expected: Option<u64> = None;
        for (index, segment) in segments.iter().enumerate() {
            let following = segments.get(index + 1);
            if following.is_some_and(|following| following.first <= from) {
                continue;
            }
            let end = following
                .and_then(|following| following.header?.previous)
                .filter(|previous| previous.first == segment.first)
                .map(|previous| (previous.end, previous.next));
            let known = Known { first: segment.first, nonce: segment.header.map(|header| header.nonce), end };
            let bytes = segment::read_whole(&*self.disk, &segment.path(&self.dir))?;
            let scanned = scan(&bytes, known, from, each)?;
            let mut damage = missing_before(segment, expected);
            expected = Some(scanned.next);
            damage.extend(scanned.damage);
            damage.retain(|damage| damage.offsets.end > from);
            if !damage.is_empty() {
                self.report(segment, damage)?;
            }
        }
        Ok(())
    }

    /// Adds to what is known to be lost.
    pub(crate) fn note(&self, damage: Damage) {
        tracing::error!(journal = %self.dir.display(), offsets = ?damage.offsets, reason = damage.reason, "records are lost");
        self.shared.metrics.corruptions.inc();
        self.shared.metrics.damaged_records.add(damage.offsets.end - damage.offsets.start);
        self.damage.lock().push(damage);
    }

    fn report(&self, segment: &Segment, damage: Vec<Damage>) -> io::Result<()> {
        for Damage { offsets, reason } in &damage {
            tracing::error!(
                segment = %segment.path(&self.dir).display(), ?offsets, reason,
                "journal is corrupt: acknowledged records are lost; a copy of the segment is kept in quarantine"
            );
            self.shared.metrics.corruptions.inc();
            self.shared.metrics.damaged_records.add(offsets.end - offsets.start);
        }
        self.disk.create_dir_all(&self.quarantine)?;
        let copy = self
            .quarantine
            .join(format!("{}-{}-{:020}.seg", self.config.signal, self.config.partition, segment.first));
        match self.disk.link_new(&segment.path(&self.dir), &copy) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => self.disk.sync_dir(&self.quarantine)?,
        }
        self.damage.lock().extend(damage);
        Ok(())
    }
}

/// The offset after the last record, and what the next segment's header must say of the last one.
fn find_end(disk: &dyn Disk, dir: &Path, segments: &mut Vec<Segment>) -> io::Result<(u64, Option<Previous>)> {
    let Some(last) = segments.last_mut() else { return Ok((0, None)) };
    let bytes = segment::read_whole(disk, &last.path(dir))?;
    let known = Known { first: last.first, nonce: last.header.map(|header| header.nonce), end: None };
    let scanned = scan(&bytes, known, u64::MAX, &mut |_, _| Ok(()))?;
    last.used = scanned.end;
    if scanned.next == last.first && scanned.damage.is_empty() {
        // Holds nothing: the next segment takes its name and its place.
        if let Some(header) = last.header {
            let first = last.first;
            segments.pop();
            return Ok((first, header.previous));
        }
    }
    Ok((scanned.next, Some(Previous { first: last.first, end: scanned.end, next: scanned.next })))
}

impl Journal for SegmentJournal {
    fn pack(&self, record: &Record) -> io::Result<Packed> {
        self.packer.pack(record)
    }

    fn enqueue(&self, packed: Packed) -> io::Result<Pending> {
        self.shared.enqueue(packed, &self.config)
    }

    fn read(&self, from: u64, each: &mut dyn FnMut(u64, Record) -> io::Result<()>) -> io::Result<()> {
        self.read_packed(from, &mut |offset, packed| match unpack(packed) {
            Ok(record) => each(offset, record),
            Err(reason) => {
                self.note(Damage { offsets: offset..offset + 1, reason });
                Ok(())
            }
        })
    }

    fn first(&self) -> u64 {
        self.segments.lock().first().map_or_else(|| self.next(), |segment| segment.first)
    }

    fn next(&self) -> u64 {
        self.shared.next()
    }

    fn trim(&self, before: u64) -> io::Result<()> {
        let gone: Vec<Segment> = {
            let mut segments = self.segments.lock();
            let kept_from = segments.iter().rposition(|segment| segment.first <= before).unwrap_or(0);
            segments.drain(..kept_from).collect()
        };
        for segment in &gone {
            self.disk.remove(&segment.path(&self.dir))?;
        }
        if !gone.is_empty() {
            self.disk.sync_dir(&self.dir)?;
        }
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.segments.lock().iter().map(|segment| segment.used).sum()
    }

    fn durable(&self) -> u64 {
        self.shared.durable.load(Ordering::Acquire)
    }

    fn damage(&self) -> Vec<Damage> {
        self.damage.lock().clone()
    }
}

/// Records between two segments that no header explains: a whole segment is missing.
fn missing_before(segment: &Segment, expected: Option<u64>) -> Vec<Damage> {
    let skipped_from = segment.header.and_then(|header| header.previous).map_or(segment.first, |p| p.next);
    match expected {
        Some(expected) if expected < skipped_from => {
            vec![Damage { offsets: expected..skipped_from, reason: "a segment is missing".to_owned() }]
        }
        _ => Vec::new(),
    }
}

impl Drop for SegmentJournal {
    fn drop(&mut self) {
        self.close();
    }
}

/// The smallest segment that a configuration may ask for: a header, a frame, a mark.
pub const SEGMENT_BYTES_MIN: u64 = SEGMENT_HEADER_LEN as u64 + 4096;

/// Reads a whole segment and every record in it, for the fuzz target.
pub(crate) fn scan_untrusted(bytes: Bytes) {
    let (first, nonce) = match format::SegmentHeader::decode(&bytes) {
        format::HeaderRead::Good(header) => (header.first, Some(header.nonce)),
        _ => (0, None),
    };
    let mut each = |_: u64, record: Bytes| {
        let _ = unpack(record);
        Ok(())
    };
    for end in [None, Some((bytes.len() as u64, first.saturating_add(10)))] {
        let _ = scan(&bytes, Known { first, nonce, end }, 0, &mut each);
    }
}

/// Makes the checksums of a mutated segment fit, for the fuzz target.
pub(crate) fn reseal(bytes: &mut [u8]) {
    format::reseal(bytes);
}

#[cfg(test)]
mod tests;

/// A segment with these records from offset 100 on, two in a frame, and how to read one back.
#[cfg(test)]
pub(crate) fn golden_segment(
    signal: Signal,
    partition: u32,
    records: &[Record],
) -> (Vec<u8>, impl Fn(&Bytes) -> Vec<(u64, Record)> + use<>) {
    let nonce = 0x0102_0304;
    let previous = Some(Previous { first: 40, end: 4096, next: 99 });
    let mut out = format::SegmentHeader { signal, partition, first: 100, previous, nonce }.encode();
    let mut first = 100;
    for pair in records.chunks(2).chain([[].as_slice()]) {
        let packed: Vec<Bytes> =
            pair.iter().map(|record| format::Packer::new(Packing::AsIs).pack(record).unwrap().0).collect();
        let len = packed.iter().map(Bytes::len).sum::<usize>() as u32;
        let frame = format::FrameHeader { nonce, len, count: pair.len() as u32, first };
        out.extend_from_slice(&frame.encode());
        packed.iter().for_each(|record| out.extend_from_slice(record));
        out.resize(out.len().next_multiple_of(8), 0);
        first = frame.end();
    }
    let read = move |bytes: &Bytes| {
        let format::HeaderRead::Good(header) = format::SegmentHeader::decode(bytes) else {
            panic!("bad header")
        };
        assert_eq!((header.signal, header.partition, header.previous), (signal, partition, previous));
        let known = Known { first: header.first, nonce: Some(header.nonce), end: None };
        let mut found = Vec::new();
        let scanned = scan(bytes, known, 0, &mut |offset, packed| {
            found.push((offset, unpack(packed).unwrap()));
            Ok(())
        });
        assert_eq!(scanned.unwrap().damage, []);
        found
    };
    (out, read)
}
