//! What needs no line: streams, labels, statistics and volumes. Row groups that lie whole in the time range (and in one step) are counted from their
//! directory; of others the times, levels and lengths are read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::level::Level;
use crate::query::{QueryError, Stats, StreamQuery, Volume};
use crate::scan::plan::{Candidate, Plan};
use crate::scan::source::Source;

/// Entries and bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    entries: u64,
    bytes: u64,
}

impl Count {
    fn add(&mut self, entries: u64, bytes: u64) {
        self.entries += entries;
        self.bytes += bytes;
    }
}

/// Counts by stream, level and step.
type Counts = BTreeMap<(u32, Level, u32), Count>;

fn counts(plan: &Plan, query: &StreamQuery, step_ns: Option<i64>) -> Result<Counts, QueryError> {
    let mut counts = Counts::new();
    for candidate in &plan.candidates {
        query.budget.check()?;
        count_candidate(candidate, query, step_ns, &mut counts)?;
    }
    Ok(counts)
}

fn count_candidate(
    candidate: &Candidate,
    query: &StreamQuery,
    step_ns: Option<i64>,
    counts: &mut Counts,
) -> Result<(), QueryError> {
    let step = |ts_ns: i64| {
        step_ns.map_or(0, |step_ns| (ts_ns.wrapping_sub(query.from_ns) as u64 / step_ns.max(1) as u64) as u32)
    };
    match &candidate.source {
        Source::Batch { batch, groups } => {
            for (number, stream) in groups {
                let group = &batch.groups[*number as usize];
                let rows = &batch.rows[group.start as usize..group.end as usize];
                for row in rows.iter().filter(|row| (query.from_ns..query.to_ns).contains(&row.ts_ns)) {
                    counts
                        .entry((*stream, row.level, step(row.ts_ns)))
                        .or_default()
                        .add(1, u64::from(row.line.len));
                }
            }
        }
        Source::Block { block, group, streams } => {
            let info = &block.groups[*group];
            let runs = info
                .runs
                .iter()
                .map(|run| (streams[run.stream as usize], run))
                .filter(|(stream, _)| *stream != u32::MAX);
            if info.min_ns >= query.from_ns
                && info.max_ns < query.to_ns
                && step(info.min_ns) == step(info.max_ns)
            {
                for (stream, run) in runs {
                    for count in &run.levels {
                        let key = (stream, count.level, step(info.min_ns));
                        counts.entry(key).or_default().add(count.rows, count.bytes);
                    }
                }
                return Ok(());
            }
            query.budget.spend(u64::from(info.rows) * 16)?;
            let (times, lengths, levels) =
                (block.times(*group)?, block.lengths(*group)?, block.levels(*group)?);
            for (stream, run) in runs {
                for row in run.start as usize..(run.start + run.rows) as usize {
                    if (query.from_ns..query.to_ns).contains(&times[row]) {
                        let key = (stream, levels[row], step(times[row]));
                        counts.entry(key).or_default().add(1, lengths[row].max(0) as u64);
                    }
                }
            }
        }
    }
    Ok(())
}

pub(crate) fn volume(
    plan: &Plan,
    query: &StreamQuery,
    step_ns: Option<i64>,
) -> Result<Vec<Volume>, QueryError> {
    let counts = counts(plan, query, step_ns)?;
    Ok(counts
        .into_iter()
        .map(|((stream, level, step), count)| Volume {
            labels: plan.streams[stream as usize].clone(),
            level,
            step,
            entries: count.entries,
            bytes: count.bytes,
        })
        .collect())
}

pub(crate) fn stats(plan: &Plan, query: &StreamQuery) -> Result<Stats, QueryError> {
    let counts = counts(plan, query, None)?;
    let streams: BTreeSet<u32> = counts.keys().map(|(stream, ..)| *stream).collect();
    let mut stats =
        Stats { streams: streams.len() as u64, chunks: plan.candidates.len() as u64, ..Stats::default() };
    for count in counts.values() {
        stats.entries += count.entries;
        stats.bytes += count.bytes;
    }
    Ok(stats)
}

/// Streams with entries in the range, sorted by labels.
pub(crate) fn series(plan: &Plan, query: &StreamQuery) -> Result<Vec<Arc<model::Labels>>, QueryError> {
    let mut found = vec![false; plan.streams.len()];
    for candidate in &plan.candidates {
        query.budget.check()?;
        match &candidate.source {
            // A group of a batch is small: its bounds decide, or its rows.
            Source::Batch { batch, groups } => {
                for (number, stream) in
                    groups.iter().filter(|(_, stream)| !found[*stream as usize]).copied().collect::<Vec<_>>()
                {
                    let group = &batch.groups[number as usize];
                    let rows = &batch.rows[group.start as usize..group.end as usize];
                    found[stream as usize] =
                        rows.iter().any(|row| (query.from_ns..query.to_ns).contains(&row.ts_ns));
                }
            }
            Source::Block { block, group, streams } => {
                let info = &block.groups[*group];
                let is_whole = info.min_ns >= query.from_ns && info.max_ns < query.to_ns;
                let unknown: Vec<_> = info
                    .runs
                    .iter()
                    .filter(|run| {
                        streams[run.stream as usize] != u32::MAX
                            && !found[streams[run.stream as usize] as usize]
                    })
                    .collect();
                if unknown.is_empty() {
                    continue;
                }
                let times = if is_whole { Vec::new() } else { block.times(*group)? };
                for run in unknown {
                    let rows = run.start as usize..(run.start + run.rows) as usize;
                    let is_in =
                        is_whole || times[rows].iter().any(|ts| (query.from_ns..query.to_ns).contains(ts));
                    found[streams[run.stream as usize] as usize] |= is_in;
                }
            }
        }
    }
    Ok(plan.streams.iter().zip(found).filter(|(_, found)| *found).map(|(labels, _)| labels.clone()).collect())
}
