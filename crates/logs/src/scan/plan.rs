//! Which streams a query selects and which batches and row groups may hold entries of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use limits::QueryBudget;
use model::matcher::Matcher;
use model::{Labels, TenantId};
use store::Snapshot;

use super::source::Source;
use crate::blocks::OpenBlocks;
use crate::engine::LogEngine;
use crate::query::{Direction, QueryError};

/// What streams and times are asked for.
pub(crate) struct Selection<'a> {
    pub(crate) tenant: &'a TenantId,
    /// A stream is selected if one set matches it; no set selects all.
    pub(crate) matcher_sets: &'a [Vec<Matcher>],
    pub(crate) from_ns: i64,
    pub(crate) to_ns: i64,
    pub(crate) budget: &'a QueryBudget,
}

impl Selection<'_> {
    fn selects(&self, labels: &Labels) -> bool {
        self.matcher_sets.is_empty()
            || self
                .matcher_sets
                .iter()
                .any(|set| set.iter().all(|matcher| matcher.matches(labels.get(matcher.name()))))
    }

    fn is_in(&self, min_ns: i64, max_ns: i64) -> bool {
        min_ns < self.to_ns && max_ns >= self.from_ns
    }
}

/// A source that may hold something.
pub(crate) struct Candidate {
    pub(crate) min_ns: i64,
    pub(crate) max_ns: i64,
    /// Older sources have lower numbers.
    pub(crate) seq: u32,
    pub(crate) source: Source,
}

/// Selected streams, sorted by labels, and candidates in the order in which a scan opens them.
pub(crate) struct Plan {
    pub(crate) streams: Vec<Arc<Labels>>,
    pub(crate) candidates: Vec<Candidate>,
}

impl Plan {
    pub(crate) fn new(
        snapshot: &Snapshot<LogEngine>,
        blocks: &OpenBlocks,
        selection: &Selection<'_>,
        direction: Direction,
    ) -> Result<Self, QueryError> {
        // Numbers are given as streams are met and replaced by their rank at the end.
        let mut ranks = Ranks::default();
        let mut candidates = Vec::new();
        let last_ns = selection.to_ns.saturating_sub(1);
        for file in snapshot.files.iter().filter(|file| file.overlaps(selection.from_ns, last_ns)) {
            selection.budget.check()?;
            if !file.summary.tenants.contains(selection.tenant) {
                continue;
            }
            let Some(block) = blocks.open(file, selection.tenant)? else { continue };
            let streams: Arc<[u32]> =
                block.streams.iter().map(|labels| ranks.select(labels, selection)).collect();
            for (number, group) in block.groups.iter().enumerate() {
                let has_stream = || group.runs.iter().any(|run| streams[run.stream as usize] != u32::MAX);
                if selection.is_in(group.min_ns, group.max_ns) && has_stream() {
                    let source =
                        Source::Block { block: block.clone(), group: number, streams: streams.clone() };
                    let (min_ns, max_ns) = (group.min_ns, group.max_ns);
                    candidates.push(Candidate { min_ns, max_ns, seq: candidates.len() as u32, source });
                }
            }
        }
        for head in &snapshot.heads {
            for placed in head.batches(selection.tenant) {
                let batch = placed.batch;
                let mut groups = Vec::new();
                let (mut min_ns, mut max_ns) = (i64::MAX, i64::MIN);
                for (number, group) in batch.groups.iter().enumerate() {
                    if !selection.is_in(group.min_ns, group.max_ns) {
                        continue;
                    }
                    let stream = ranks.select(&group.origin.labels, selection);
                    if stream != u32::MAX {
                        groups.push((number as u32, stream));
                        min_ns = min_ns.min(group.min_ns);
                        max_ns = max_ns.max(group.max_ns);
                    }
                }
                if !groups.is_empty() {
                    let source = Source::Batch { batch, groups };
                    candidates.push(Candidate { min_ns, max_ns, seq: candidates.len() as u32, source });
                }
            }
        }
        let streams = ranks.apply(&mut candidates);
        match direction {
            Direction::Backward => {
                candidates.sort_by_key(|candidate| (std::cmp::Reverse(candidate.max_ns), candidate.seq))
            }
            Direction::Forward => candidates.sort_by_key(|candidate| (candidate.min_ns, candidate.seq)),
        }
        Ok(Self { streams, candidates })
    }
}

#[derive(Default)]
struct Ranks {
    /// Every stream met; `u32::MAX` for those that are not selected.
    numbers: BTreeMap<Arc<Labels>, u32>,
    /// The same by address: batches share the labels of their origin. The snapshot keeps every address taken.
    by_address: HashMap<*const Labels, u32>,
    selected: u32,
}

impl Ranks {
    fn select(&mut self, labels: &Arc<Labels>, selection: &Selection<'_>) -> u32 {
        if let Some(number) = self.by_address.get(&Arc::as_ptr(labels)) {
            return *number;
        }
        let number = self.select_new(labels, selection);
        self.by_address.insert(Arc::as_ptr(labels), number);
        number
    }

    fn select_new(&mut self, labels: &Arc<Labels>, selection: &Selection<'_>) -> u32 {
        if let Some(number) = self.numbers.get(labels) {
            return *number;
        }
        let mut number = u32::MAX;
        if selection.selects(labels) {
            number = self.selected;
            self.selected += 1;
        }
        self.numbers.insert(labels.clone(), number);
        number
    }

    /// Replaces numbers by ranks in the order of labels.
    fn apply(self, candidates: &mut [Candidate]) -> Vec<Arc<Labels>> {
        let mut rank_of = vec![u32::MAX; self.selected as usize];
        let mut streams = Vec::with_capacity(rank_of.len());
        for (labels, number) in self.numbers {
            if number != u32::MAX {
                rank_of[number as usize] = streams.len() as u32;
                streams.push(labels);
            }
        }
        let rank = |number: u32| if number == u32::MAX { u32::MAX } else { rank_of[number as usize] };
        let mut last: Option<(Arc<[u32]>, Arc<[u32]>)> = None;
        for candidate in candidates {
            match &mut candidate.source {
                Source::Batch { groups, .. } => {
                    groups.iter_mut().for_each(|(_, stream)| *stream = rank(*stream))
                }
                // Groups of one block share their numbers.
                Source::Block { streams, .. } => {
                    let known = last
                        .as_ref()
                        .filter(|(old, _)| Arc::ptr_eq(old, streams))
                        .map(|(_, new)| new.clone());
                    let new = known.unwrap_or_else(|| streams.iter().map(|number| rank(*number)).collect());
                    last = Some((streams.clone(), new.clone()));
                    *streams = new;
                }
            }
        }
        streams
    }
}
