//! The fragments of one trace -> the trace: spans that came twice once, in tree order.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use model::SpanId;
use store::ContainerError;
use wire::proto::Writer;

use crate::block::otlp::Source;
use crate::block::read::{Part, Want};
use crate::block::rows::{Fixed, RowIndex, Rows};
use crate::block::trace_table::TraceTable;
use crate::query::{Budget, QueryError};
use crate::tree::{Parent, SpanNode, Tree};

/// A row group in memory, whole.
pub(crate) struct LoadedGroup {
    pub part: Arc<Part>,
    pub table: TraceTable,
    pub rows: Rows,
    pub index: RowIndex,
}

impl LoadedGroup {
    pub(crate) fn load(
        part: &Arc<Part>,
        group: usize,
        want: &Want,
        budget: &Budget,
    ) -> Result<Self, QueryError> {
        let (table, rows) = part.group(group, budget)?.rows(want)?;
        let shapes = part.shapes()?;
        let index = RowIndex::new(&rows, |shape| shapes.get(shape));
        Ok(Self { part: part.clone(), table, rows, index })
    }

    pub(crate) fn source(&self) -> Source<'_> {
        Source { part: &self.part, rows: &self.rows, index: &self.index }
    }
}

/// Rows of one trace in one group.
#[derive(Clone)]
pub(crate) struct Fragment {
    pub group: Arc<LoadedGroup>,
    pub rows: Range<usize>,
}

/// A span of a joined trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JoinedSpan {
    pub fragment: u32,
    pub row: u32,
    pub parent: Parent,
}

/// The spans of a trace in tree order, each once. `fragments` are oldest first.
pub(crate) fn join(fragments: &[Fragment], tree: &mut Tree) -> Result<Vec<JoinedSpan>, ContainerError> {
    let mut spans: Vec<(u32, u32)> = Vec::new();
    for (number, fragment) in fragments.iter().enumerate() {
        spans.extend(fragment.rows.clone().map(|row| (number as u32, row as u32)));
    }
    if fragments.len() > 1 {
        drop_duplicates(fragments, &mut spans)?;
    }
    let nodes: Vec<SpanNode> = spans
        .iter()
        .map(|(fragment, row)| {
            let LoadedGroup { rows, index, .. } = &*fragments[*fragment as usize].group;
            let row = *row as usize;
            SpanNode {
                id: rows.span_ids[row],
                parent: index.parent_id(rows, row),
                start: rows.get(Fixed::Start, row),
            }
        })
        .collect();
    let order = tree.order(&nodes).iter();
    Ok(order
        .map(|(place, parent)| {
            let (fragment, row) = spans[*place as usize];
            JoinedSpan { fragment, row, parent: *parent }
        })
        .collect())
}

fn drop_duplicates(fragments: &[Fragment], spans: &mut Vec<(u32, u32)>) -> Result<(), ContainerError> {
    let id = |(fragment, row): (u32, u32)| fragments[fragment as usize].group.rows.span_ids[row as usize];
    let mut count: HashMap<SpanId, u32> = HashMap::with_capacity(spans.len());
    spans.iter().for_each(|span| *count.entry(id(*span)).or_default() += 1);
    let mut seen = HashSet::new();
    let mut kept = Vec::with_capacity(spans.len());
    for span in spans.iter() {
        if count[&id(*span)] == 1 || seen.insert(content(&fragments[span.0 as usize], span.1 as usize)?) {
            kept.push(*span);
        }
    }
    *spans = kept;
    Ok(())
}

/// Everything about a span in one byte string: equal if and only if the spans are.
fn content(fragment: &Fragment, row: usize) -> Result<Vec<u8>, ContainerError> {
    let source = fragment.group.source();
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    let (resource, scope) = shells(&fragment.group, row)?;
    writer.always_bytes(1, resource);
    writer.always_bytes(2, scope);
    writer.try_message(3, |span| source.write_span(row, span))?;
    Ok(out)
}

/// `ResourceSpans` and `ScopeSpans` of a row, without spans.
pub(crate) fn shells(group: &LoadedGroup, row: usize) -> Result<(&[u8], &[u8]), ContainerError> {
    let resource = group.part.resources()?.get(group.rows.get(Fixed::Resource, row) as usize);
    let scope = group.part.scopes()?.get(group.rows.get(Fixed::Scope, row) as usize);
    Ok((resource, scope))
}
