//! A published block file as a snapshot knows it: what the catalog says, and a reader opened when somebody needs it.

use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::container::{BlockReader, ContainerError, RangeRead};
use crate::engine::FileSummary;

/// Opens the bytes of a block on demand.
pub(crate) type Opener = Box<dyn Fn(&str) -> std::io::Result<Arc<dyn RangeRead>> + Send + Sync>;

/// One live file. Lives as long as a snapshot holds it, even when compaction has replaced it meanwhile.
pub struct BlockHandle {
    pub name: String,
    /// 0: cut from a head; n + 1: merged from files of level n.
    pub level: u8,
    /// Journal offsets whose records are in here (or were, before retention).
    pub offsets: Range<u64>,
    pub summary: FileSummary,
    /// Bytes of the file.
    pub len: u64,
    opener: Opener,
    reader: Mutex<Option<Arc<BlockReader>>>,
}

impl BlockHandle {
    pub(crate) fn new(
        name: String,
        level: u8,
        offsets: Range<u64>,
        summary: FileSummary,
        len: u64,
        opener: Opener,
    ) -> Self {
        Self { name, level, offsets, summary, len, opener, reader: Mutex::new(None) }
    }

    /// A block in memory, for tests of signals.
    pub fn in_memory(
        name: impl Into<String>,
        level: u8,
        offsets: Range<u64>,
        file: crate::engine::NewFile,
    ) -> Self {
        let bytes = bytes::Bytes::from(file.bytes);
        let len = bytes.len() as u64;
        let open = move |name: &str| {
            Ok(Arc::new(crate::container::InMemory::new(name, bytes.clone())) as Arc<dyn RangeRead>)
        };
        Self::new(name.into(), level, offsets, file.summary, len, Box::new(open))
    }

    /// The open block. Blocking: reads the file's end at the first call. A quarantined block gives an error.
    pub fn reader(&self) -> Result<Arc<BlockReader>, ContainerError> {
        let mut slot = self.reader.lock();
        if let Some(reader) = &*slot {
            return Ok(reader.clone());
        }
        let source = (self.opener)(&self.name)
            .map_err(|source| ContainerError::Io { name: self.name.clone(), source })?;
        let reader = Arc::new(BlockReader::open(source)?);
        *slot = Some(reader.clone());
        Ok(reader)
    }

    /// Whether an item of this file may lie in `[min_ns, max_ns]`.
    pub fn overlaps(&self, min_ns: i64, max_ns: i64) -> bool {
        self.summary.min_ns <= max_ns && self.summary.max_ns >= min_ns
    }
}
