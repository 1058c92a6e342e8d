//! Group commit: records queue up under a short lock; one committer writes all that is queued as one frame, syncs once, and answers all.
//!
//! A full or read-only disk stalls the committer: what is queued keeps its place and is tried again, new records are refused. An error of
//! sync, or any other error of write, ends the process: the kernel may have dropped pages that we believe in.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use ports::{Clock, Disk, DiskFile, Packed, Pending, Rng};
use tokio::sync::oneshot;

use super::format::{FRAME_HEADER_LEN, FrameHeader, Previous, SEGMENT_HEADER_LEN, SegmentHeader};
use super::metrics::JournalMetrics;
use super::segment::{self, Segment};
use super::{Durability, JournalConfig};

/// Ends the process. Called once, with what happened; must not return in production.
pub type Fatal = Arc<dyn Fn(&str) + Send + Sync>;

/// How long a stalled committer waits before it tries the disk again.
const STALL_RETRY: Duration = Duration::from_secs(1);
/// One frame holds at most this many bytes, unless a single record is longer.
const FRAME_LEN_MAX: usize = 4 << 20;

type Waiter = oneshot::Sender<io::Result<()>>;

/// Records that have a place and are not durable.
pub(super) struct Queue {
    waiting: VecDeque<(Bytes, Option<Waiter>)>,
    bytes: usize,
    next: u64,
    /// Why nothing is taken now.
    refusing: Option<(ErrorKind, String)>,
    closed: bool,
    dead: Option<String>,
}

pub(super) struct Shared {
    pub queue: Mutex<Queue>,
    pub wake: Condvar,
    pub durable: AtomicU64,
    pub metrics: JournalMetrics,
}

impl Shared {
    pub fn new(next: u64, metrics: JournalMetrics) -> Self {
        let queue =
            Queue { waiting: VecDeque::new(), bytes: 0, next, refusing: None, closed: false, dead: None };
        Self { queue: Mutex::new(queue), wake: Condvar::new(), durable: AtomicU64::new(next), metrics }
    }

    /// Takes a place.
    pub fn enqueue(&self, packed: Packed, config: &JournalConfig) -> io::Result<Pending> {
        let mut queue = self.queue.lock();
        if let Some(reason) = &queue.dead {
            return Err(io::Error::other(reason.clone()));
        }
        if queue.closed {
            return Err(io::Error::new(ErrorKind::BrokenPipe, "the journal is closed"));
        }
        if let Some((kind, reason)) = &queue.refusing {
            return Err(io::Error::new(*kind, reason.clone()));
        }
        if queue.bytes >= config.queue_bytes || queue.waiting.len() >= config.queue_records {
            self.metrics.refused.inc();
            let reason = format!(
                "journal queue is full: {} records, {} bytes wait for the disk",
                queue.waiting.len(),
                queue.bytes
            );
            return Err(io::Error::new(ErrorKind::WouldBlock, reason));
        }
        let (waiter, answer) = oneshot::channel();
        let offset = queue.next;
        queue.next += 1;
        queue.bytes += packed.0.len();
        queue.waiting.push_back((packed.0, Some(waiter)));
        self.metrics.queue_bytes.set(queue.bytes as i64);
        self.metrics.queue_records.set(queue.waiting.len() as i64);
        drop(queue);
        self.wake.notify_one();
        let durable = Box::pin(async move {
            answer.await.unwrap_or_else(|_| Err(io::Error::new(ErrorKind::BrokenPipe, "the journal is gone")))
        });
        Ok(Pending { offset, durable })
    }

    pub fn next(&self) -> u64 {
        self.queue.lock().next
    }

    pub fn close(&self) {
        self.queue.lock().closed = true;
        self.wake.notify_all();
    }
}

/// What the committer does next.
enum Turn {
    Commit(Vec<(Bytes, Option<Waiter>)>),
    /// Nothing queued; room may have come back.
    Look,
    Stop,
}

/// Owns the segment that is being written.
pub(super) struct Committer {
    pub shared: Arc<Shared>,
    pub config: JournalConfig,
    pub disk: Arc<dyn Disk>,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
    pub fatal: Fatal,
    pub dir: PathBuf,
    pub segments: Arc<Mutex<Vec<Segment>>>,
    pub active: Option<Active>,
    /// Where the last segment ends, for the next one's header.
    pub previous: Option<Previous>,
    /// Offset of the next record to be written.
    pub written: u64,
    pub frame: Vec<u8>,
}

pub(super) struct Active {
    file: Arc<dyn DiskFile>,
    header: SegmentHeader,
    position: u64,
    len: u64,
}

impl Committer {
    /// Until the journal is closed and drained, or the disk fails.
    pub fn run(mut self) {
        self.look_for_room();
        loop {
            match self.wait() {
                Turn::Commit(batch) => {
                    if !self.commit_with_retries(batch) {
                        return;
                    }
                }
                Turn::Look => self.look_for_room(),
                Turn::Stop => return,
            }
        }
    }

    /// Writes and syncs what is queued now, without waiting. For journals without a thread.
    pub fn run_once(&mut self) {
        let batch = self.take(&mut self.shared.clone().queue.lock());
        if batch.is_empty() || self.commit_with_retries(batch) {
            self.look_for_room();
        }
    }

    fn wait(&self) -> Turn {
        let mut queue = self.shared.queue.lock();
        loop {
            if !queue.waiting.is_empty() {
                return Turn::Commit(self.take(&mut queue));
            }
            if queue.closed {
                return Turn::Stop;
            }
            if queue.refusing.is_some() {
                let timeout = self.shared.wake.wait_for(&mut queue, STALL_RETRY);
                if timeout.timed_out() {
                    return Turn::Look;
                }
            } else {
                self.shared.wake.wait(&mut queue);
            }
        }
    }

    fn take(&self, queue: &mut Queue) -> Vec<(Bytes, Option<Waiter>)> {
        let (mut batch, mut len) = (Vec::new(), 0);
        while let Some((bytes, _)) = queue.waiting.front() {
            if !batch.is_empty() && len + bytes.len() > FRAME_LEN_MAX {
                break;
            }
            len += bytes.len();
            batch.push(queue.waiting.pop_front().expect("the front is there"));
        }
        queue.bytes -= len;
        self.shared.metrics.queue_bytes.set(queue.bytes as i64);
        self.shared.metrics.queue_records.set(queue.waiting.len() as i64);
        batch
    }

    /// False: the journal is dead, or was closed while the disk was full.
    fn commit_with_retries(&mut self, mut batch: Vec<(Bytes, Option<Waiter>)>) -> bool {
        loop {
            let started = self.clock.monotonic();
            match self.commit(&batch) {
                Ok(()) => {
                    self.shared
                        .metrics
                        .commit_seconds
                        .observe((self.clock.monotonic() - started).as_secs_f64());
                    self.shared.metrics.records.add(batch.len() as u64);
                    for waiter in batch.iter_mut().filter_map(|(_, waiter)| waiter.take()) {
                        let _ = waiter.send(Ok(()));
                    }
                    self.look_for_room();
                    return true;
                }
                Err(Failure::NoRoom(error)) => {
                    // The records keep their places: they will be written when there is room, but nobody is told "accepted".
                    for waiter in batch.iter_mut().filter_map(|(_, waiter)| waiter.take()) {
                        let _ = waiter.send(Err(io::Error::new(error.kind(), error.to_string())));
                    }
                    if !self.stall(error) {
                        self.put_back(batch);
                        return false;
                    }
                }
                Err(Failure::Fatal(what)) => {
                    self.die(&what);
                    return false;
                }
            }
        }
    }

    /// Refuses new records for a while. False: give up, as the journal closes (or has no thread to wait on).
    fn stall(&self, error: io::Error) -> bool {
        let mut queue = self.shared.queue.lock();
        if queue.refusing.is_none() {
            tracing::error!(journal = %self.dir.display(), %error, "journal cannot write; refusing records until it can");
        }
        queue.refusing =
            Some((error.kind(), format!("journal {} cannot write: {error}", self.dir.display())));
        self.shared.metrics.refusing.set(1);
        for waiter in queue.waiting.iter_mut().filter_map(|(_, waiter)| waiter.take()) {
            let _ = waiter.send(Err(io::Error::new(error.kind(), error.to_string())));
        }
        if queue.closed || !self.config.spawn {
            return false;
        }
        self.shared.wake.wait_for(&mut queue, STALL_RETRY);
        !queue.closed
    }

    /// The records keep their places.
    fn put_back(&self, batch: Vec<(Bytes, Option<Waiter>)>) {
        let mut queue = self.shared.queue.lock();
        for (bytes, waiter) in batch.into_iter().rev() {
            queue.bytes += bytes.len();
            queue.waiting.push_front((bytes, waiter));
        }
    }

    fn die(&self, what: &str) {
        let mut queue = self.shared.queue.lock();
        queue.dead = Some(what.to_owned());
        queue.waiting.clear();
        drop(queue);
        (self.fatal)(what);
    }

    /// Refuses records before the disk is quite full: what the journal holds must still fit a second time, as files.
    fn look_for_room(&mut self) {
        let Ok(free) = self.disk.free_bytes(&self.dir) else { return };
        let unpublished: u64 = self.segments.lock().iter().map(|segment| segment.used).sum();
        let mut queue = self.shared.queue.lock();
        let had_room = queue.refusing.is_none();
        queue.refusing = (free < self.config.reserve_bytes.saturating_add(unpublished)).then(|| {
            let reason = format!(
                "disk is full: {free} bytes free at {}, {} are kept in reserve and {unpublished} for writing files",
                self.dir.display(),
                self.config.reserve_bytes
            );
            (ErrorKind::StorageFull, reason)
        });
        if let (true, Some((_, reason))) = (had_room, &queue.refusing) {
            tracing::error!(reason, "refusing records");
        }
        self.shared.metrics.refusing.set(i64::from(queue.refusing.is_some()));
    }

    fn commit(&mut self, batch: &[(Bytes, Option<Waiter>)]) -> Result<(), Failure> {
        let len: usize = batch.iter().map(|(bytes, _)| bytes.len()).sum();
        let needed = (FRAME_HEADER_LEN + len).next_multiple_of(8) as u64;
        // A mark must fit behind every frame.
        let mark_len = FRAME_HEADER_LEN as u64;
        let fits = |active: &Active| active.position + needed + mark_len <= active.len;
        if !self.active.as_ref().is_some_and(fits) {
            self.roll(needed + mark_len)?;
        }
        let Some(active) = &mut self.active else {
            return Err(Failure::Fatal("no active segment".to_owned()));
        };
        let header = FrameHeader {
            nonce: active.header.nonce,
            len: u32::try_from(len).map_err(|_| Failure::Fatal("frame too long".to_owned()))?,
            count: batch.len() as u32,
            first: self.written,
        };
        self.frame.clear();
        self.frame.extend_from_slice(&header.encode());
        for (bytes, _) in batch {
            self.frame.extend_from_slice(bytes);
        }
        self.frame.resize(needed as usize, 0);
        active.file.write_all_at(&self.frame, active.position).map_err(Failure::of_write)?;
        if self.config.durability == Durability::Fsync {
            active
                .file
                .sync()
                .map_err(|error| Failure::Fatal(format!("fsync of the journal failed: {error}")))?;
        }
        active.position += needed;
        self.written = header.end();
        self.shared.durable.store(self.written, Ordering::Release);
        self.shared.metrics.bytes.add(needed);
        if let Some(segment) = self.segments.lock().last_mut() {
            segment.used = active.position;
        }
        if self.shared.queue.lock().waiting.is_empty() {
            active.write_mark(self.written);
        }
        // One huge frame must not keep its memory for ever.
        if self.frame.capacity() > 2 * FRAME_LEN_MAX {
            self.frame = Vec::new();
        }
        Ok(())
    }

    fn roll(&mut self, needed: u64) -> Result<(), Failure> {
        if let Some(active) = mem::take(&mut self.active) {
            if self.config.durability == Durability::Os {
                active
                    .file
                    .sync()
                    .map_err(|error| Failure::Fatal(format!("fsync of the journal failed: {error}")))?;
            }
            self.previous =
                Some(Previous { first: active.header.first, end: active.position, next: self.written });
        }
        let header = SegmentHeader {
            signal: self.config.signal,
            partition: self.config.partition,
            first: self.written,
            previous: self.previous,
            nonce: self.rng.next_u64() as u32,
        };
        let needed = needed + SEGMENT_HEADER_LEN as u64;
        let len = self.config.segment_bytes.max(needed);
        let (file, len) = match segment::create(&*self.disk, &self.dir, &header, len) {
            // A nearly full disk may have room for this frame and not for a whole segment.
            Err(error) if error.kind() == ErrorKind::StorageFull => {
                (segment::create(&*self.disk, &self.dir, &header, needed), needed)
            }
            created => (created, len),
        };
        let file = file.map_err(Failure::of_write)?;
        let mut segments = self.segments.lock();
        segments.retain(|segment| segment.first != header.first);
        segments.push(Segment {
            first: header.first,
            header: Some(header),
            len,
            used: SEGMENT_HEADER_LEN as u64,
        });
        self.active = Some(Active { file, header, position: SEGMENT_HEADER_LEN as u64, len });
        Ok(())
    }
}

impl Active {
    /// An empty frame, not synced: proof that everything before it was.
    fn write_mark(&mut self, next: u64) {
        let mark = FrameHeader { nonce: self.header.nonce, len: 0, count: 0, first: next };
        // A mark that failed is as good as none; a disk that fails for good fails the next frame too, which then takes this place.
        if self.file.write_all_at(&mark.encode(), self.position).is_ok() {
            self.position += FRAME_HEADER_LEN as u64;
        }
    }
}

enum Failure {
    NoRoom(io::Error),
    Fatal(String),
}

impl Failure {
    fn of_write(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem => {
                Self::NoRoom(error)
            }
            _ => Self::Fatal(format!("writing the journal failed: {error}")),
        }
    }
}
