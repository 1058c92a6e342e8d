//! What a signal is to the spine: how a record enters a head, how a head becomes files, how files become fewer files.

use std::ops::Range;
use std::sync::Arc;

use model::{Signal, TenantId};
use ports::Record;

use crate::container::{BlockReader, ContainerError};

/// A signal's schema, index and encodings behind the shared spine.
///
/// # Rules
/// - `prepare` is where bad input is refused; `apply` cannot fail.
/// - `apply` runs for many records at once, in any order, on one head. `build` must give the same bytes for the same set of
///   `(offset, record)`, whatever the order of application: ties are broken by offset, then by position in the record.
/// - `build` and `merge` read no clock and roll no dice.
pub trait SignalEngine: Send + Sync + 'static {
    const SIGNAL: Signal;
    /// One generation of fresh data in memory: everything between two cuts. Queryable while it fills and while it is built.
    type Head: Send + Sync + 'static;
    /// A record that has been parsed and checked.
    type Prepared: Send + 'static;

    fn new_head(&self) -> Self::Head;
    /// Parses what the journal holds. Called on replay; the live path prepares from the request it already has in hand.
    fn prepare(&self, record: &Record) -> Result<Self::Prepared, String>;
    fn apply(&self, head: &Self::Head, offset: u64, prepared: Self::Prepared);
    /// Rough bytes of memory that the head holds, for the memory guard and `/metrics`.
    fn head_bytes(&self, head: &Self::Head) -> usize;
    /// Turns a complete head into level-0 files (usually one; all tenants in it). Nothing to write gives no file.
    fn build(&self, head: &Self::Head, offsets: Range<u64>) -> Result<Vec<NewFile>, ContainerError>;
    /// Rewrites `inputs` (one window, oldest offsets first) as fewer files. Data of `gone` tenants or before the cutoff is left out.
    fn merge(&self, inputs: &[Arc<BlockReader>], keep: &Keep) -> Result<Vec<NewFile>, ContainerError>;
}

/// What a merge may leave out.
#[derive(Clone, Debug, Default)]
pub struct Keep {
    /// Items that end before this time may go (`i64::MIN`: all stay). Nanoseconds.
    pub from_ns: i64,
}

/// A block file ready to be written.
#[derive(Clone, Debug)]
pub struct NewFile {
    pub bytes: Vec<u8>,
    pub summary: FileSummary,
}

/// What the catalog remembers of a file, so that most files are never opened by a query that does not need them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileSummary {
    /// Earliest and latest time of an item, nanoseconds since 1970, both inclusive.
    pub min_ns: i64,
    pub max_ns: i64,
    pub items: u64,
    pub tenants: Vec<TenantId>,
}
