//! Reads a snapshot in order of time: plans which batches and row groups may hold something, opens them only as the order reaches them, and merges
//! what passed.
//!
//! Order: time, then stream (by labels), then source (older files and batches first), then row; backward is exactly the reverse. So the first `limit`
//! entries are known as soon as no unopened source can hold an earlier one. Exact duplicates come once.

pub(crate) mod filter;
pub(crate) mod plan;
pub(crate) mod source;

use std::collections::{BinaryHeap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use model::Labels;

use self::filter::Lines;
use self::plan::Plan;
use self::source::{Hit, Opened};
use crate::metadata::{Metadata, MetadataBuffer};
use crate::query::{Direction, EntryRef, LogQuery, QueryError, StreamRef};

pub(crate) const DETECTED_LEVEL: &str = "detected_level";

/// Shows what passes to `visit` until it breaks, `limit` is reached or there is no more.
pub(crate) fn scan(
    plan: &Plan,
    query: &LogQuery,
    visit: &mut dyn FnMut(StreamRef<'_>, EntryRef<'_>) -> ControlFlow<()>,
) -> Result<(), QueryError> {
    let lines = Lines::new(&query.line_filters)?;
    let mut merge =
        Merge { plan, query, lines, next: 0, opened: Vec::new(), heap: BinaryHeap::new(), current: None };
    let mut emitter = Emitter {
        query,
        streams: &plan.streams,
        at: (i64::MIN, u32::MAX),
        contents: HashSet::new(),
        metadata: MetadataBuffer::default(),
        lossy: String::new(),
    };
    let mut left = if query.limit == 0 { usize::MAX } else { query.limit };
    while left > 0 {
        let Some((place, hit, has_twin)) = merge.pop()? else { break };
        let Some((source, _)) = &mut merge.opened[place] else { break };
        match emitter.emit(source, &hit, has_twin, visit)? {
            None => {}
            Some(ControlFlow::Continue(())) => left -= 1,
            Some(ControlFlow::Break(())) => break,
        }
        merge.advance(place);
    }
    Ok(())
}

/// The order of a query as one that puts the next entry on top of a heap.
type Key = (i64, u32, u32, u32);

struct Merge<'a> {
    plan: &'a Plan,
    query: &'a LogQuery,
    lines: Lines,
    /// First source that is not open yet.
    next: usize,
    /// By place in the plan; `None` when exhausted.
    opened: Vec<Option<(Opened, usize)>>,
    heap: BinaryHeap<(Key, u32)>,
    /// What comes next, if it is known to come before all of the heap.
    current: Option<(Key, u32)>,
}

impl Merge<'_> {
    fn key(&self, hit: &Hit, seq: u32) -> Key {
        match self.query.direction {
            Direction::Backward => (hit.ts_ns, hit.stream, seq, hit.row),
            Direction::Forward => (!hit.ts_ns, !hit.stream, !seq, !hit.row),
        }
    }

    /// The next hit, the place of its source, and whether another with the same time and stream follows. The source stays where it is until
    /// [`advance`](Self::advance).
    fn pop(&mut self) -> Result<Option<(usize, Hit, bool)>, QueryError> {
        while let Some(candidate) = self.plan.candidates.get(self.next) {
            let bound = match self.query.direction {
                Direction::Backward => candidate.max_ns,
                Direction::Forward => !candidate.min_ns,
            };
            let top = self.current.or_else(|| self.heap.peek().copied());
            if top.is_some_and(|((top, ..), _)| top > bound) {
                break;
            }
            let opened = candidate.source.open(self.query, &self.lines)?;
            let place = self.opened.len() as u32;
            if let Some(first) = opened.hits.first() {
                self.heap.push((self.key(first, candidate.seq), place));
                self.heap.extend(self.current.take());
                self.opened.push(Some((opened, 0)));
            } else {
                self.opened.push(None);
            }
            self.next += 1;
        }
        let Some((key, place)) = self.current.take().or_else(|| self.heap.pop()) else { return Ok(None) };
        let Some((opened, position)) = &self.opened[place as usize] else { return Ok(None) };
        let hit = opened.hits[*position];
        let twin_elsewhere = self.heap.peek().is_some_and(|(other, _)| (other.0, other.1) == (key.0, key.1));
        let twin_here = opened
            .hits
            .get(position + 1)
            .is_some_and(|next| (next.ts_ns, next.stream) == (hit.ts_ns, hit.stream));
        Ok(Some((place as usize, hit, twin_elsewhere || twin_here)))
    }

    fn advance(&mut self, place: usize) {
        let Some((opened, position)) = &mut self.opened[place] else { return };
        *position += 1;
        let Some(hit) = opened.hits.get(*position).copied() else {
            self.opened[place] = None;
            return;
        };
        let next = (self.key(&hit, self.plan.candidates[place].seq), place as u32);
        // Mostly the same source goes on.
        match self.heap.peek() {
            Some(top) if *top > next => self.heap.push(next),
            _ => self.current = Some(next),
        }
    }
}

struct Emitter<'a> {
    query: &'a LogQuery,
    streams: &'a [Arc<Labels>],
    /// Contents seen at the time and stream of the last hit, as far as they had to be looked at.
    at: (i64, u32),
    contents: HashSet<u128>,
    metadata: MetadataBuffer,
    lossy: String,
}

impl Emitter<'_> {
    /// Shows a hit, or `None` if it is a duplicate. `has_twin`: the next hit has the same time and stream.
    fn emit(
        &mut self,
        source: &mut Opened,
        hit: &Hit,
        has_twin: bool,
        visit: &mut dyn FnMut(StreamRef<'_>, EntryRef<'_>) -> ControlFlow<()>,
    ) -> Result<Option<ControlFlow<()>>, QueryError> {
        if (hit.ts_ns, hit.stream) != self.at {
            self.at = (hit.ts_ns, hit.stream);
            self.contents.clear();
        }
        if (has_twin || !self.contents.is_empty()) && !self.is_new(source, hit)? {
            return Ok(None);
        }
        let level = source.level(hit);
        let metadata = if self.query.with_metadata {
            source.metadata(hit, &mut self.metadata)?;
            self.metadata.finish()
        } else {
            Metadata::default()
        };
        let line = if self.query.with_line { source.line(hit, self.query)? } else { &[] };
        let line = match std::str::from_utf8(line) {
            Ok(line) => line,
            Err(_) => {
                self.lossy = String::from_utf8_lossy(line).into_owned();
                &self.lossy
            }
        };
        let number = hit.stream as usize;
        let stream = StreamRef { number, labels: &self.streams[number] };
        Ok(Some(visit(stream, EntryRef { ts_ns: hit.ts_ns, line, level, metadata })))
    }

    #[cold]
    fn is_new(&mut self, source: &mut Opened, hit: &Hit) -> Result<bool, QueryError> {
        let mut hasher = xxhash_rust::xxh3::Xxh3::new();
        let mut part = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        part(source.line(hit, self.query)?);
        source.metadata(hit, &mut self.metadata)?;
        for (name, value) in self.metadata.finish().iter() {
            part(name.as_bytes());
            part(value.as_bytes());
        }
        Ok(self.contents.insert(hasher.digest128()))
    }
}
