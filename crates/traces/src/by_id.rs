//! Trace by id: the fragments from everywhere, joined, as OTLP.

use std::collections::HashMap;
use std::sync::Arc;

use model::TraceId;
use wire::proto::Writer;

use crate::block::read::{Part, Want};
use crate::block::rows::Fixed;
use crate::join::{Fragment, JoinedSpan, LoadedGroup, join, shells};
use crate::query::{Budget, QueryError, Trace};
use crate::tree::Tree;

/// All fragments of `id` in `part`.
pub(crate) fn fragments_in(
    part: &Arc<Part>,
    id: TraceId,
    want: &Want,
    budget: &Budget,
) -> Result<Vec<Fragment>, QueryError> {
    let mut fragments = Vec::new();
    for group in part.groups_of(id)? {
        let table = part.traces(group, budget)?;
        let found = table.find(id);
        if found.is_empty() {
            continue;
        }
        let loaded = Arc::new(LoadedGroup::load(part, group, want, budget)?);
        fragments
            .extend(found.map(|trace| Fragment { group: loaded.clone(), rows: loaded.table.rows(trace) }));
    }
    Ok(fragments)
}

/// The trace from `parts`, oldest first.
pub(crate) fn trace(parts: &[Arc<Part>], id: TraceId, budget: &Budget) -> Result<Option<Trace>, QueryError> {
    let mut fragments = Vec::new();
    for part in parts {
        fragments.extend(fragments_in(part, id, &Want::everything(), budget)?);
    }
    if fragments.is_empty() {
        return Ok(None);
    }
    let mut spans = join(&fragments, &mut Tree::default())?;
    let start =
        |span: &JoinedSpan| fragments[span.fragment as usize].group.rows.get(Fixed::Start, span.row as usize);
    spans.sort_by_key(start);
    Ok(Some(Trace { id, spans: spans.len() as u64, otlp: write(id, &fragments, &spans)? }))
}

/// `TracesData`: resources and scopes in order of their first span, spans in the given order.
fn write(id: TraceId, fragments: &[Fragment], spans: &[JoinedSpan]) -> Result<Vec<u8>, QueryError> {
    type Scopes<'f> = Vec<(&'f [u8], Vec<&'f JoinedSpan>)>;
    let mut resources: Vec<(&[u8], Scopes<'_>)> = Vec::new();
    let mut resource_places: HashMap<&[u8], usize> = HashMap::new();
    let mut scope_places: HashMap<(usize, &[u8]), usize> = HashMap::new();
    for span in spans {
        let (resource, scope) = shells(&fragments[span.fragment as usize].group, span.row as usize)?;
        let place = *resource_places.entry(resource).or_insert(resources.len());
        if place == resources.len() {
            resources.push((resource, Vec::new()));
        }
        let scopes = &mut resources[place].1;
        let scope_place = *scope_places.entry((place, scope)).or_insert(scopes.len());
        if scope_place == scopes.len() {
            scopes.push((scope, Vec::new()));
        }
        scopes[scope_place].1.push(span);
    }
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    for (resource, scopes) in &resources {
        writer.try_message(1, |out| {
            out.raw(resource);
            scopes.iter().try_for_each(|(scope, spans)| {
                out.try_message(2, |out| {
                    out.raw(scope);
                    spans.iter().try_for_each(|span| write_span(id, fragments, span, out))
                })
            })
        })?;
    }
    Ok(out)
}

fn write_span(
    id: TraceId,
    fragments: &[Fragment],
    span: &JoinedSpan,
    out: &mut Writer<'_>,
) -> Result<(), store::ContainerError> {
    out.try_message(2, |out| {
        out.always_bytes(1, &id.0);
        fragments[span.fragment as usize].group.source().write_span(span.row as usize, out)
    })
}
