//! The answer to a selector: label sets joined across parts, samples read when they are asked for.

use std::ops::Range;

use model::{Labels, Matcher};

use super::Part;
use crate::block::group::ReadScratch;
use crate::query::{Columns, Hints, ReadError, Scope, SeriesData};
use crate::series::labels::labels_of_key;

/// Bytes that one series of an answer takes besides its key.
const ENTRY_BYTES: u64 = 64;

struct Entry {
    key: Box<[u8]>,
    places: Range<u32>,
}

/// Series sorted by labels. Holds a consistent snapshot; may be read in any order and from several threads.
pub struct SeriesSet {
    parts: Vec<Part>,
    entries: Vec<Entry>,
    /// (part, number of the series in it), oldest part first within an entry.
    places: Vec<(u32, u32)>,
    scope: Scope,
    hints: Hints,
    next: usize,
    scratch: ReadScratch,
}

impl SeriesSet {
    /// Joins what `selectors` find in `parts`; several selectors are joined by "or".
    pub fn new(
        parts: Vec<Part>,
        scope: &Scope,
        selectors: &[&[Matcher]],
        hints: Hints,
    ) -> Result<Self, ReadError> {
        let mut found: Vec<(Box<[u8]>, u32, u32)> = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            let mut series = roaring::RoaringBitmap::new();
            for matchers in selectors {
                scope.budget.check()?;
                series |= part.select(matchers, scope.range)?;
            }
            part.keys(&series, |id, key| {
                scope.budget.spend(key.len() as u64 + ENTRY_BYTES)?;
                found.push((key.into(), number as u32, id));
                Ok(())
            })?;
        }
        // Parts come sorted or nearly so; a stable sort makes use of that.
        found.sort();
        let (mut entries, mut places): (Vec<Entry>, _) = (Vec::new(), Vec::with_capacity(found.len()));
        for (key, part, series) in found {
            let end = places.len() as u32 + 1;
            match entries.last_mut() {
                Some(entry) if entry.key == key => entry.places.end = end,
                _ => entries.push(Entry { key, places: end - 1..end }),
            }
            places.push((part, series));
        }
        let scope = scope.clone();
        Ok(Self { parts, entries, places, scope, hints, next: 0, scratch: ReadScratch::default() })
    }

    /// Series found; some may turn out to have no sample in the range.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn labels(&self, series: usize) -> Labels {
        labels_of_key(&self.entries[series].key)
    }

    /// The samples of one series.
    pub fn read(&self, series: usize, scratch: &mut ReadScratch) -> Result<Columns, ReadError> {
        let mut columns = Columns::default();
        for &(part, id) in &self.places[range(&self.entries[series].places)] {
            columns.merge(self.parts[part as usize].read(id, self.scope.range, scratch)?);
        }
        if !self.hints.start_times {
            columns.start_ms.clear();
        }
        self.scope.budget.spend(columns.bytes() as u64)?;
        Ok(columns)
    }

    /// Whether a series has a sample in the range; only looks if a deletion or the edges of the range leave a doubt.
    pub fn has_samples(&self, series: usize, scratch: &mut ReadScratch) -> Result<bool, ReadError> {
        let places = &self.places[range(&self.entries[series].places)];
        if places.iter().any(|(part, _)| !self.parts[*part as usize].has_hidden()) {
            return Ok(true);
        }
        Ok(!self.read(series, scratch)?.is_empty())
    }
}

fn range(places: &Range<u32>) -> Range<usize> {
    places.start as usize..places.end as usize
}

impl Iterator for SeriesSet {
    type Item = Result<SeriesData, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.entries.len() {
            let series = self.next;
            self.next += 1;
            let mut scratch = std::mem::take(&mut self.scratch);
            let columns = self.read(series, &mut scratch);
            self.scratch = scratch;
            match columns {
                Ok(columns) if columns.is_empty() => {}
                Ok(columns) => return Some(Ok(SeriesData { labels: self.labels(series), columns })),
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }
}
