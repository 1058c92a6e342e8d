//! A published block file as a snapshot knows it: what the catalog says, and a reader opened when somebody needs it.

use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::cache::SectionCache;
use crate::container::{BlockReader, ContainerError, InMemory, RangeRead};
use crate::engine::{FileSummary, NewFile};

/// One live file. The file stays as long as a snapshot holds this, even when compaction has replaced it meanwhile.
pub struct BlockHandle {
    pub name: String,
    /// 0: cut from a head; n + 1: merged from files of level n.
    pub level: u8,
    /// Journal offsets whose records are in here (or were, before retention).
    pub offsets: Range<u64>,
    pub summary: FileSummary,
    /// Bytes of the file.
    pub len: u64,
    source: Arc<dyn RangeRead>,
    cache: Option<Arc<SectionCache>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    reader: Option<Arc<BlockReader>>,
    quarantined: Option<String>,
}

impl BlockHandle {
    pub(crate) fn new(
        name: String,
        level: u8,
        offsets: Range<u64>,
        summary: FileSummary,
        len: u64,
        source: Arc<dyn RangeRead>,
        cache: Option<Arc<SectionCache>>,
    ) -> Self {
        Self { name, level, offsets, summary, len, source, cache, state: Mutex::default() }
    }

    /// A block in memory, for tests of signals.
    pub fn in_memory(name: impl Into<String>, level: u8, offsets: Range<u64>, file: NewFile) -> Self {
        let name = name.into();
        let len = file.bytes.len() as u64;
        let source = Arc::new(InMemory::new(name.clone(), file.bytes));
        Self::new(name, level, offsets, file.summary, len, source, None)
    }

    /// The open block. Blocking: reads the file's end at the first call. A block in quarantine gives an error, so that no answer is partial
    /// without saying so.
    pub fn reader(&self) -> Result<Arc<BlockReader>, ContainerError> {
        let mut state = self.state.lock();
        if let Some(reason) = &state.quarantined {
            return Err(self.in_quarantine(reason));
        }
        if let Some(reader) = &state.reader {
            return Ok(reader.clone());
        }
        let source = self.source.clone();
        let reader = Arc::new(match &self.cache {
            Some(cache) => BlockReader::open_cached(source, cache.clone())?,
            None => BlockReader::open(source)?,
        });
        state.reader = Some(reader.clone());
        Ok(reader)
    }

    /// A reader of its own, for work that reads everything once and must not fill the cache.
    pub(crate) fn reader_once(&self) -> Result<Arc<BlockReader>, ContainerError> {
        if let Some(reason) = &self.state.lock().quarantined {
            return Err(self.in_quarantine(reason));
        }
        Ok(Arc::new(BlockReader::open(self.source.clone())?))
    }

    fn in_quarantine(&self, reason: &str) -> ContainerError {
        ContainerError::Corrupt { name: self.name.clone(), reason: format!("in quarantine: {reason}") }
    }

    /// Whether somebody outside works with the open block.
    pub(crate) fn in_use(&self) -> bool {
        self.state.lock().reader.as_ref().is_some_and(|reader| Arc::strong_count(reader) > 1)
    }

    /// Why this block must not be read, if so.
    pub fn quarantined(&self) -> Option<String> {
        self.state.lock().quarantined.clone()
    }

    pub(crate) fn quarantine(&self, reason: &str) {
        let mut state = self.state.lock();
        state.quarantined = Some(reason.to_owned());
        state.reader = None;
    }

    pub(crate) fn release(&self) {
        self.state.lock().quarantined = None;
    }

    /// The bytes of the file, in quarantine or not: for finding out whether it is whole.
    pub(crate) fn read_whole(&self) -> std::io::Result<bytes::Bytes> {
        self.source.read(0, usize::try_from(self.len).map_err(std::io::Error::other)?)
    }

    /// Whether an item of this file may lie in `[min_ns, max_ns]`.
    pub fn overlaps(&self, min_ns: i64, max_ns: i64) -> bool {
        self.summary.min_ns <= max_ns && self.summary.max_ns >= min_ns
    }
}
