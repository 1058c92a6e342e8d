//! The journal: the first durable place, one per (signal, partition).

use std::future::Future;
use std::io;
use std::ops::Range;
use std::pin::Pin;

use bytes::Bytes;
use model::{Compression, Format, TenantId};

/// One self-contained batch, as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub tenant: TenantId,
    pub format: Format,
    pub compression: Compression,
    /// Wall clock when it came in; every time-based decision on replay uses this, never the clock.
    pub received_at_ms: i64,
    /// Bytes of the payload once decompressed: what the cut rule counts.
    pub plain_len: u32,
    pub payload: Bytes,
}

/// A record as it will stand in the journal, without its place.
#[derive(Clone, Debug)]
pub struct Packed(pub Bytes);

/// Resolves when the record is durable. An error means that nobody may be told "accepted".
pub type Durable = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// A record that has its place and waits to be durable.
pub struct Pending {
    pub offset: u64,
    pub durable: Durable,
}

/// Acknowledged records that cannot be read any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub offsets: Range<u64>,
    pub reason: String,
}

/// An append-only sequence of records with consecutive offsets.
pub trait Journal: Send + Sync + 'static {
    /// Does the work of `record` that needs no place yet: compression and checksum. May run on many threads at once.
    fn pack(&self, record: &Record) -> io::Result<Packed>;
    /// Takes a place at the end; short, made to be called under a lock. A later call gets a higher offset.
    /// Fails when the queue of unsynced records is full (`WouldBlock`) or the disk is (`StorageFull`, `ReadOnlyFilesystem`).
    fn enqueue(&self, packed: Packed) -> io::Result<Pending>;
    /// Calls `each` for every record from `from` on, in order, until the end as it was when the call began.
    fn read(&self, from: u64, each: &mut dyn FnMut(u64, Record) -> io::Result<()>) -> io::Result<()>;
    /// Offset of the oldest record still here (= `next` if there is none).
    fn first(&self) -> u64;
    /// Offset that the next record will get.
    fn next(&self) -> u64;
    /// Lets go of records before `before`. They may stay longer, as files end where they end.
    fn trim(&self, before: u64) -> io::Result<()>;
    /// Bytes on disk.
    fn bytes(&self) -> u64;
    /// Records before this offset are durable.
    fn durable(&self) -> u64;
    /// What opening and reading found missing or broken: ranges of offsets whose records are gone, with what is known of why.
    fn damage(&self) -> Vec<Damage>;
}
