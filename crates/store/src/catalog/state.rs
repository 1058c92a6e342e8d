//! What a catalog says: spans of offsets, each with the files that hold its records.
//!
//! Spans are the lineage: they follow one another without gap or overlap up to `next_offset`. A cut adds one, compaction replaces several
//! neighbours by one, retention empties them, and empty ones at the front are forgotten.

use std::ops::Range;

use ports::Damage;

use crate::engine::FileSummary;

/// One published file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Key in the object store.
    pub name: String,
    pub len: u64,
    pub summary: FileSummary,
}

/// Records of these offsets are in these files (several: split by the engine; none: nothing left or nothing to write).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub offsets: Range<u64>,
    /// 0: a cut. n + 1: merged from spans of at most level n.
    pub level: u8,
    /// Start of the window of receipt to which the span belongs, milliseconds.
    pub window_ms: i64,
    pub files: Vec<FileEntry>,
}

/// A file that is no longer live and waits to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Garbage {
    pub name: String,
    /// Number of the commit that let go of it.
    pub dropped_in: u64,
}

/// A live file that must not be read: queries that need it fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    pub name: String,
    pub reason: String,
}

/// The whole state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatalogState {
    /// Records before this are in files, or gone by retention; records from it on are in the journal.
    pub next_offset: u64,
    pub spans: Vec<Span>,
    pub garbage: Vec<Garbage>,
    pub quarantined: Vec<Quarantined>,
    /// Acknowledged records that corruption of the journal has cost.
    pub damage: Vec<Damage>,
}

impl CatalogState {
    /// No gap, no overlap. The text says where.
    pub fn check(&self) -> Result<(), String> {
        let mut expected = self.spans.first().map_or(self.next_offset, |span| span.offsets.start);
        for span in &self.spans {
            if span.offsets.start != expected || span.offsets.end < span.offsets.start {
                return Err(format!("span {:?} follows offset {expected}", span.offsets));
            }
            expected = span.offsets.end;
        }
        if expected != self.next_offset {
            return Err(format!("spans end at {expected}, next offset is {}", self.next_offset));
        }
        Ok(())
    }

    pub fn files(&self) -> impl Iterator<Item = &FileEntry> {
        self.spans.iter().flat_map(|span| &span.files)
    }

    /// Bytes of all live files.
    pub fn bytes(&self) -> u64 {
        self.files().map(|file| file.len).sum()
    }

    /// Forgets spans at the front that hold nothing any more.
    pub fn forget_empty_front(&mut self) {
        let kept_from = self.spans.iter().position(|span| !span.files.is_empty()).unwrap_or(self.spans.len());
        self.spans.drain(..kept_from);
    }
}
