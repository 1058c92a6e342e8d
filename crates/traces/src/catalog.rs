//! What there is: services, operations, span names, tags and their values.
//!
//! Services and operations are exact for the range. Tags are those of the files (and the head) that overlap it, as in Tempo.

use std::collections::{BTreeMap, BTreeSet};

use wire::otlp::Attributes;
use wire::otlp::trace::{ResourceSpansView, ScopeSpansView};
use wire::proto::View as _;

use crate::block::read::{Part, Want};
use crate::block::rows::{Cells, Fixed};
use crate::block::schema::{Cell, CellKind, FixedText, Owner, cell_of, open_pair, value_of};
use crate::parts::View;
use crate::query::{AttributeScope, Budget, Kind, QueryError, TimeRange, Value};
use crate::scan::{Scanned, scan};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn services(
    view: &View,
    range: TimeRange,
    budget: &Budget,
) -> Result<BTreeSet<String>, QueryError> {
    let names = std::cell::RefCell::new(BTreeSet::new());
    let group = |group: &Scanned<'_>| {
        let services = group.part.services()?;
        let mut seen = BTreeSet::new();
        match &group.mask {
            None => {
                (0..group.table.len()).for_each(|t| seen.extend(group.table.services(t).iter().map(|s| s.0)))
            }
            Some(mask) => {
                let resources = group.reader.fixed(Fixed::Resource)?;
                let taken = resources.iter().zip(mask).filter(|(_, keep)| **keep);
                seen.extend(taken.map(|(resource, _)| services.of(*resource as u32)));
            }
        }
        names.borrow_mut().extend(seen.into_iter().map(|service| text(services.names.get(service))));
        Ok(())
    };
    scan(view, range, &Want::basics(), budget, group, |trace| {
        for span in (0..trace.spans.len()).filter(|span| trace.matches[*span]) {
            let service = trace.service(span)?;
            if !names.borrow().contains(service) {
                names.borrow_mut().insert(service.to_owned());
            }
        }
        Ok(())
    })?;
    Ok(names.into_inner())
}

/// Span names of `service`, each with its kinds.
pub(crate) fn operations(
    view: &View,
    service: &str,
    range: TimeRange,
    budget: &Budget,
) -> Result<BTreeMap<String, BTreeSet<Kind>>, QueryError> {
    let found: std::cell::RefCell<BTreeMap<String, BTreeSet<Kind>>> = Default::default();
    let kind = |number: u64| Kind::from_number(number as i64);
    let group = |group: &Scanned<'_>| {
        let (services, names) = (group.part.services()?, group.part.fixed_texts(FixedText::Name)?);
        let resources = group.reader.fixed(Fixed::Resource)?;
        let (name, kinds) = (group.reader.fixed(Fixed::Name)?, group.reader.fixed(Fixed::Kind)?);
        let mut seen = BTreeSet::new();
        for row in (0..resources.len()).filter(|row| group.takes(*row)) {
            if services.names.get(services.of(resources[row] as u32)) == service.as_bytes() {
                seen.insert((name[row], kind(kinds[row])));
            }
        }
        let mut found = found.borrow_mut();
        for (name, kind) in seen {
            found.entry(text(names.get(name as usize))).or_default().insert(kind);
        }
        Ok(())
    };
    scan(view, range, &Want::basics(), budget, group, |trace| {
        for span in (0..trace.spans.len()).filter(|span| trace.matches[*span]) {
            if trace.service(span)? == service {
                let name = trace.name(span)?.to_owned();
                found.borrow_mut().entry(name).or_default().insert(kind(trace.get(span, Fixed::Kind)));
            }
        }
        Ok(())
    })?;
    Ok(found.into_inner())
}

/// All span names.
pub(crate) fn span_names(view: &View, budget: &Budget) -> Result<BTreeSet<String>, QueryError> {
    let mut names = BTreeSet::new();
    for part in &view.inside {
        let texts = part.fixed_texts(FixedText::Name)?;
        budget.spend(texts.bytes_len() as u64)?;
        names.extend(texts.iter().map(text));
    }
    Ok(names)
}

/// Whose columns a scope has.
fn owner_of(scope: AttributeScope) -> Option<Owner> {
    match scope {
        AttributeScope::Any | AttributeScope::Span => Some(Owner::Span),
        AttributeScope::Event => Some(Owner::Event),
        AttributeScope::Link => Some(Owner::Link),
        AttributeScope::Resource | AttributeScope::Instrumentation => None,
    }
}

/// Calls `each` with the attributes of every resource or instrumentation scope that `scope` covers.
fn shared_attributes(
    part: &Part,
    scope: AttributeScope,
    mut each: impl FnMut(Attributes<'_>),
) -> Result<(), QueryError> {
    if matches!(scope, AttributeScope::Any | AttributeScope::Resource) {
        let resources = part.resources()?.iter();
        resources.for_each(|bytes| each(ResourceSpansView::read(bytes).resource.or_empty().attributes));
    }
    if scope == AttributeScope::Instrumentation {
        part.scopes()?.iter().for_each(|bytes| each(ScopeSpansView::read(bytes).scope.or_empty().attributes));
    }
    Ok(())
}

pub(crate) fn tag_names(
    view: &View,
    scope: AttributeScope,
    budget: &Budget,
) -> Result<BTreeSet<String>, QueryError> {
    let mut names = BTreeSet::new();
    for part in &view.inside {
        shared_attributes(part, scope, |attributes| {
            names.extend(attributes.iter().map(|attribute| attribute.key.as_str().to_owned()));
        })?;
        for (column, have) in part.columns.iter().enumerate() {
            if Some(have.owner) != owner_of(scope) {
                continue;
            }
            if have.kind != CellKind::Pair {
                names.insert(text(&have.key));
                continue;
            }
            each_text(part, column as u32, budget, |pair| {
                names.insert(text(open_pair(pair).0));
            })?;
        }
    }
    Ok(names)
}

/// Calls `each` with every distinct text of a column, some perhaps several times.
fn each_text(
    part: &Part,
    column: u32,
    budget: &Budget,
    mut each: impl FnMut(&[u8]),
) -> Result<(), QueryError> {
    if !part.columns[column as usize].plain {
        let texts = part.texts(column)?;
        budget.spend(texts.bytes_len() as u64)?;
        texts.iter().for_each(each);
        return Ok(());
    }
    for group in 0..part.groups.len() {
        if let Some(Cells::Plain(texts)) = part.group(group, budget)?.cells(column)? {
            texts.iter().for_each(&mut each);
        }
    }
    Ok(())
}

/// The smallest `limit` values, by type, then value.
struct Values {
    limit: usize,
    sorted: BTreeMap<(u8, u64, Vec<u8>), Value>,
}

impl Values {
    fn add(&mut self, kind: CellKind, cell: Cell<'_>) {
        let value = value_of(kind, cell);
        let flip = |bits: u64| if bits >> 63 == 0 { bits ^ 1 << 63 } else { !bits };
        let key = match &value {
            Value::String(text) => (0, 0, text.as_bytes().to_vec()),
            Value::Int(value) => (1, *value as u64 ^ 1 << 63, Vec::new()),
            Value::Double(value) => (2, flip(value.to_bits()), Vec::new()),
            Value::Bool(value) => (3, u64::from(*value), Vec::new()),
            Value::Bytes(bytes) => (4, 0, bytes.clone()),
            Value::Nested(bytes) => (5, 0, bytes.clone()),
            Value::Empty => (6, 0, Vec::new()),
        };
        self.sorted.entry(key).or_insert(value);
        if self.sorted.len() > self.limit {
            self.sorted.pop_last();
        }
    }
}

pub(crate) fn tag_values(
    view: &View,
    scope: AttributeScope,
    key: &str,
    limit: usize,
    budget: &Budget,
) -> Result<Vec<Value>, QueryError> {
    let mut values = Values { limit, sorted: BTreeMap::new() };
    for part in &view.inside {
        shared_attributes(part, scope, |attributes| {
            for attribute in attributes.iter().filter(|attribute| attribute.key == *key) {
                let (kind, cell) = cell_of(&attribute);
                values.add(kind, cell);
            }
        })?;
        for (column, have) in part.columns.iter().enumerate() {
            if Some(have.owner) != owner_of(scope) {
                continue;
            }
            match have.kind {
                CellKind::Pair => each_text(part, column as u32, budget, |pair| {
                    let (have, kind, cell) = open_pair(pair);
                    if have == key.as_bytes() {
                        values.add(kind, cell);
                    }
                })?,
                _ if *have.key != *key.as_bytes() => (),
                CellKind::Empty => values.add(have.kind, Cell::None),
                kind if kind.is_text() => {
                    each_text(part, column as u32, budget, |text| values.add(kind, Cell::Text(text)))?;
                }
                kind => add_numbers(part, column as u32, kind, &mut values, budget)?,
            }
        }
    }
    Ok(values.sorted.into_values().collect())
}

fn add_numbers(
    part: &Part,
    column: u32,
    kind: CellKind,
    values: &mut Values,
    budget: &Budget,
) -> Result<(), QueryError> {
    for group in 0..part.groups.len() {
        if let Some(Cells::Ints(mut numbers)) = part.group(group, budget)?.cells(column)? {
            numbers.sort_unstable();
            numbers.dedup();
            numbers.iter().for_each(|number| values.add(kind, Cell::Int(*number)));
        }
    }
    Ok(())
}
