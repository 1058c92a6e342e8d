//! Attributes of single spans, by scope and key: what answers show and what languages evaluate.

use wire::otlp::Attributes;
use wire::otlp::trace::{ResourceSpansView, ScopeSpansView};
use wire::proto::View;

use crate::block::read::Want;
use crate::block::rows::{Fixed, cell_at};
use crate::block::schema::{CellKind, Owner, cell_of, open_pair, value_of};
use crate::join::{LoadedGroup, shells};
use crate::query::{AttributeScope, QueryError, Value};

/// Adds the columns that `scope.key` needs.
pub(crate) fn want_attribute(want: &mut Want, scope: AttributeScope, key: &str) {
    match scope {
        AttributeScope::Span | AttributeScope::Any => want.key(Owner::Span, key.as_bytes()),
        AttributeScope::Event => want.key(Owner::Event, key.as_bytes()),
        AttributeScope::Link => want.key(Owner::Link, key.as_bytes()),
        AttributeScope::Resource | AttributeScope::Instrumentation => (),
    }
}

/// The first value of `scope.key` of a row.
pub(crate) fn attribute_of(
    group: &LoadedGroup,
    row: usize,
    scope: AttributeScope,
    key: &str,
) -> Result<Option<Value>, QueryError> {
    let (resource, instrumentation) = shells(group, row)?;
    let of_resource = || in_list(ResourceSpansView::read(resource).resource.or_empty().attributes, key);
    match scope {
        AttributeScope::Resource => Ok(of_resource()),
        AttributeScope::Instrumentation => {
            Ok(in_list(ScopeSpansView::read(instrumentation).scope.or_empty().attributes, key))
        }
        AttributeScope::Span => owned(group, Owner::Span, row, Fixed::Shape, key),
        AttributeScope::Any => Ok(owned(group, Owner::Span, row, Fixed::Shape, key)?.or_else(of_resource)),
        AttributeScope::Event => {
            for event in group.index.events(&group.rows, row) {
                let value = owned(group, Owner::Event, event, Fixed::EventShape, key)?;
                if value.is_some() {
                    return Ok(value);
                }
            }
            Ok(None)
        }
        AttributeScope::Link => {
            for link in group.index.links(&group.rows, row) {
                let value = owned(group, Owner::Link, link, Fixed::LinkShape, key)?;
                if value.is_some() {
                    return Ok(value);
                }
            }
            Ok(None)
        }
    }
}

fn in_list(attributes: Attributes<'_>, key: &str) -> Option<Value> {
    let found = attributes.iter().find(|attribute| attribute.key == *key)?;
    let (kind, cell) = cell_of(&found);
    Some(value_of(kind, cell))
}

/// Of a span, event or link itself.
pub(crate) fn owned(
    group: &LoadedGroup,
    owner: Owner,
    item: usize,
    shape: Fixed,
    key: &str,
) -> Result<Option<Value>, QueryError> {
    let columns = group.part.shapes()?.get(group.rows.get(shape, item) as u32);
    for (column, place) in columns.iter().zip(group.index.places(owner, item)) {
        let have = &group.part.columns[*column as usize];
        let named = *have.key == *key.as_bytes();
        if !named && have.kind != CellKind::Pair {
            continue;
        }
        let cell =
            cell_at(have.kind, group.rows.cells.get(*column as usize), group.part.texts(*column)?, *place);
        match (have.kind, cell) {
            (CellKind::Pair, crate::block::schema::Cell::Text(pair)) => {
                let (have, kind, cell) = open_pair(pair);
                if have == key.as_bytes() {
                    return Ok(Some(value_of(kind, cell)));
                }
            }
            (kind, cell) => return Ok(Some(value_of(kind, cell))),
        }
    }
    Ok(None)
}
