//! Walks the row groups of a view, and tells traces that are whole in one group from those whose fragments must be joined first.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use model::TraceId;

use crate::block::read::{GroupReader, Part, Want};
use crate::block::rows::{Fixed, end_of};
use crate::block::trace_table::TraceTable;
use crate::build::has_repeats;
use crate::by_id::fragments_in;
use crate::join::{Fragment, LoadedGroup, join};
use crate::parts::View;
use crate::query::{Budget, QueryError, TimeRange};
use crate::search::{At, WholeTrace, signed};
use crate::tree::{Parent, SpanNode, Tree};

/// One row group under a scan.
pub(crate) struct Scanned<'v> {
    pub part: &'v Part,
    pub reader: GroupReader<'v>,
    pub table: TraceTable,
    /// Rows that are in range and whose trace is whole here. `None`: all.
    pub mask: Option<Vec<bool>>,
}

impl Scanned<'_> {
    pub(crate) fn takes(&self, row: usize) -> bool {
        self.mask.as_ref().is_none_or(|mask| mask[row])
    }
}

/// Calls `group` for each row group with spans in range, then `trace` for each trace that is in several fragments, joined.
/// Every span of the view that is in range is seen once: in a group's mask, or in a joined trace with `matches` set.
pub(crate) fn scan(
    view: &View,
    range: TimeRange,
    want: &Want,
    budget: &Budget,
    mut group: impl FnMut(&Scanned<'_>) -> Result<(), QueryError>,
    mut trace: impl FnMut(&WholeTrace) -> Result<(), QueryError>,
) -> Result<(), QueryError> {
    let split = split_traces(view, budget)?;
    let apart: HashSet<At> = split.iter().flat_map(|(_, places)| places.iter().copied()).collect();
    for (number, part) in view.inside.iter().enumerate() {
        for (place, meta) in part.groups.iter().enumerate() {
            if !range.overlaps(signed(meta.start), signed(meta.end)) {
                continue;
            }
            let reader = part.group(place, budget)?;
            let table = part.traces(place, budget)?;
            let mut mask = rows_in_range(&reader, &table, range)?;
            for trace in 0..table.len() {
                let at = At { part: number as u32, group: place as u32, trace: trace as u32 };
                if apart.contains(&at) {
                    let mask = mask.get_or_insert_with(|| vec![true; meta.rows as usize]);
                    mask[table.rows(trace)].fill(false);
                }
            }
            group(&Scanned { part, reader, table, mask })?;
        }
    }
    let mut joiner = Joiner::new(view, want.clone(), budget);
    for (id, places) in &split {
        let mut joined = joiner.join(*id, places, &[])?;
        joined.match_range(range);
        if joined.matches.contains(&true) {
            trace(&joined)?;
        }
    }
    Ok(())
}

/// Which rows of a group overlap the range; `None`: all.
pub(crate) fn rows_in_range(
    reader: &GroupReader<'_>,
    table: &TraceTable,
    range: TimeRange,
) -> Result<Option<Vec<bool>>, QueryError> {
    let meta = reader.meta();
    if signed(meta.start) >= range.from_ns && signed(meta.end) <= range.to_ns {
        return Ok(None);
    }
    let starts = reader.starts(table, &reader.fixed(Fixed::Parent)?)?;
    let durations = reader.fixed(Fixed::Duration)?;
    let overlaps =
        |(start, duration): (&u64, &u64)| range.overlaps(signed(*start), signed(end_of(*start, *duration)));
    Ok(Some(starts.iter().zip(&durations).map(overlaps).collect()))
}

/// Traces with several fragments in the view, by id.
fn split_traces(view: &View, budget: &Budget) -> Result<Vec<(TraceId, Vec<At>)>, QueryError> {
    let mut ids: Vec<(TraceId, At)> = Vec::new();
    for (part, have) in view.inside.iter().enumerate() {
        for group in 0..have.groups.len() {
            let table = have.traces(group, budget)?;
            budget.spend(table.len() as u64 * 32)?;
            let at = |trace: usize| At { part: part as u32, group: group as u32, trace: trace as u32 };
            ids.extend(table.ids.iter().enumerate().map(|(trace, id)| (*id, at(trace))));
        }
    }
    ids.sort_by_key(|(id, _)| *id);
    let several = ids.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1);
    Ok(several.map(|same| (same[0].0, same.iter().map(|(_, at)| *at).collect())).collect())
}

/// Row groups that a joiner keeps: enough for the groups of a head, whose traces are in fragments most.
const LOADED_MAX: usize = 48;

/// Joins the fragments of traces. Keeps row groups, since neighbours in time or by id share them.
pub(crate) struct Joiner<'v> {
    view: &'v View,
    want: Want,
    budget: &'v Budget,
    loaded: HashMap<(u32, u32, bool), Arc<LoadedGroup>>,
    tree: Tree,
}

impl<'v> Joiner<'v> {
    pub(crate) fn new(view: &'v View, want: Want, budget: &'v Budget) -> Self {
        Self { view, want, budget, loaded: HashMap::new(), tree: Tree::default() }
    }

    pub(crate) fn group(&mut self, at: At, whole: bool) -> Result<Arc<LoadedGroup>, QueryError> {
        let key = (at.part, at.group, whole);
        if let Some(loaded) = self.loaded.get(&key) {
            return Ok(loaded.clone());
        }
        let everything = Want::everything();
        let want = if whole { &everything } else { &self.want };
        let part = &self.view.inside[at.part as usize];
        let loaded = Arc::new(LoadedGroup::load(part, at.group as usize, want, self.budget)?);
        if self.loaded.len() >= LOADED_MAX {
            self.loaded.clear();
        }
        self.loaded.insert(key, loaded.clone());
        Ok(loaded)
    }

    fn fragments(
        &mut self,
        id: TraceId,
        places: &[At],
        outside: &[Arc<Part>],
        whole: bool,
    ) -> Result<Vec<Fragment>, QueryError> {
        let mut fragments = Vec::with_capacity(places.len());
        for at in places {
            let group = self.group(*at, whole)?;
            let rows = group.table.rows(at.trace as usize);
            fragments.push(Fragment { group, rows });
        }
        let want = if whole { Want::everything() } else { self.want.clone() };
        for part in outside {
            fragments.extend(fragments_in(part, id, &want, self.budget)?);
        }
        Ok(fragments)
    }

    /// The trace from its fragments at `places`, which become the first fragments, and in the parts `outside`. Only if two spans have one
    /// id, all columns are read to tell a repeat from a namesake. `matches` is left empty.
    pub(crate) fn join(
        &mut self,
        id: TraceId,
        places: &[At],
        outside: &[Arc<Part>],
    ) -> Result<WholeTrace, QueryError> {
        let mut fragments = self.fragments(id, places, outside, false)?;
        let node = |fragment: &Fragment, row: usize| SpanNode {
            id: fragment.group.rows.span_ids[row],
            parent: fragment.group.index.parent_id(&fragment.group.rows, row),
            start: fragment.group.rows.get(Fixed::Start, row),
        };
        let nodes: Vec<SpanNode> = fragments
            .iter()
            .flat_map(|fragment| fragment.rows.clone().map(move |row| node(fragment, row)))
            .collect();
        let spans = if has_repeats(&nodes) {
            fragments = self.fragments(id, places, outside, true)?;
            let joined = join(&fragments, &mut self.tree)?;
            joined.iter().map(|span| (span.fragment, span.row, span.parent)).collect()
        } else {
            self.in_order(&fragments, &nodes)
        };
        Ok(WholeTrace { id, fragments, spans, matches: Vec::new() })
    }

    fn in_order(&mut self, fragments: &[Fragment], nodes: &[SpanNode]) -> Vec<(u32, u32, Parent)> {
        let places: Vec<(u32, u32)> = fragments
            .iter()
            .enumerate()
            .flat_map(|(number, fragment)| fragment.rows.clone().map(move |row| (number as u32, row as u32)))
            .collect();
        let order = self.tree.order(nodes).iter();
        order.map(|(place, parent)| (places[*place as usize].0, places[*place as usize].1, *parent)).collect()
    }
}
