//! A stored trace as TraceQL sees it.

use std::cell::RefCell;

use model::span::{SpanKind, StatusCode};
use traceql::ast::{Attribute, Intrinsic, Pipeline, Scope};
use traceql::{Spanset, Static, Trace};
use wire::otlp::trace::ScopeSpansView;
use wire::proto::View;

use super::scope_of;
use crate::attributes::{attribute_of, owned};
use crate::block::rows::Fixed;
use crate::block::schema::{FixedText, Owner};
use crate::join::shells;
use crate::query::{AttributeScope, QueryError, Value};
use crate::search::WholeTrace;
use crate::tree::Parent;

/// See the module's head. Reading a field can fail; the first failure is kept for [`finish`](Self::finish).
pub(super) struct LanguageTrace<'t> {
    trace: &'t WholeTrace,
    parents: Vec<Option<usize>>,
    subtree_ends: Vec<usize>,
    failed: RefCell<Option<QueryError>>,
}

impl<'t> LanguageTrace<'t> {
    pub(super) fn new(trace: &'t WholeTrace) -> Self {
        let parent = |(span, (.., parent)): (usize, &(u32, u32, Parent))| match parent {
            Parent::Back(rows) => span.checked_sub(*rows as usize),
            Parent::None | Parent::Loose(_) => None,
        };
        let parents: Vec<Option<usize>> = trace.spans.iter().enumerate().map(parent).collect();
        let mut subtree_ends: Vec<usize> = (1..=parents.len()).collect();
        for span in (0..parents.len()).rev() {
            if let Some(parent) = parents[span] {
                subtree_ends[parent] = subtree_ends[parent].max(subtree_ends[span]);
            }
        }
        Self { trace, parents, subtree_ends, failed: RefCell::new(None) }
    }

    /// The first failure of reading a field, if there was one.
    pub(super) fn finish(self) -> Result<(), QueryError> {
        self.failed.into_inner().map_or(Ok(()), Err)
    }

    pub(super) fn evaluate(pipeline: &Pipeline, trace: &'t WholeTrace) -> Result<Vec<Spanset>, QueryError> {
        let language = Self::new(trace);
        let sets = traceql::evaluate(pipeline, &language);
        language.finish()?;
        Ok(sets)
    }

    /// Names and values of the fields that a span has.
    pub(super) fn values(
        trace: &'t WholeTrace,
        span: usize,
        attributes: &[&Attribute],
    ) -> Result<Vec<(String, Value)>, QueryError> {
        let language = Self::new(trace);
        let mut values: Vec<(String, Value)> = Vec::new();
        for attribute in attributes {
            let value = language.get(span, attribute);
            let name = match attribute {
                Attribute::Key { key, .. } => key.clone(),
                Attribute::Intrinsic(intrinsic) => intrinsic.name().to_owned(),
            };
            if value != Static::Nil && !values.iter().any(|(have, _)| *have == name) {
                values.push((name, Value::from(&value)));
            }
        }
        language.finish()?;
        Ok(values)
    }

    fn keep<T: Default>(&self, read: Result<T, QueryError>) -> T {
        read.unwrap_or_else(|error| {
            self.failed.borrow_mut().get_or_insert(error);
            T::default()
        })
    }

    fn depth(&self, span: usize) -> i64 {
        std::iter::successors(self.parents[span], |above| self.parents[*above]).count() as i64
    }

    /// Of the numbering that gives a span one number on the way down and one on the way up, from 1.
    fn left(&self, span: usize) -> i64 {
        2 * span as i64 - self.depth(span) + 1
    }

    fn intrinsic(&self, span: usize, intrinsic: Intrinsic) -> Result<Static, QueryError> {
        let trace = self.trace;
        let (group, row) = trace.place(span);
        let text = |text: &str| Static::String(text.to_owned());
        Ok(match intrinsic {
            Intrinsic::Duration => {
                Static::Duration(i64::try_from(trace.duration_ns(span)).unwrap_or(i64::MAX))
            }
            Intrinsic::Name => text(trace.name(span)?),
            Intrinsic::Status => Static::Status(StatusCode::from_number(trace.status(span) as i32)),
            Intrinsic::StatusMessage => {
                let messages = group.part.fixed_texts(FixedText::StatusMessage)?;
                let message = messages.get(group.rows.get(Fixed::StatusMessage, row) as usize);
                Static::String(String::from_utf8_lossy(message).into_owned())
            }
            Intrinsic::Kind => Static::Kind(SpanKind::from_number(trace.get(span, Fixed::Kind) as i32)),
            Intrinsic::SpanId => Static::String(trace.span_id(span).to_string()),
            Intrinsic::ParentId => {
                let parent = group.index.parent_id(&group.rows, row);
                if parent.is_zero() { text("") } else { Static::String(parent.to_string()) }
            }
            Intrinsic::ChildCount => {
                let children = self.parents.iter().filter(|parent| **parent == Some(span));
                Static::Int(children.count() as i64)
            }
            Intrinsic::RootName => trace.root().map_or(Ok(Static::Nil), |root| trace.name(root).map(text))?,
            Intrinsic::RootService => {
                trace.root().map_or(Ok(Static::Nil), |root| trace.service(root).map(text))?
            }
            Intrinsic::TraceDuration => {
                let (start, end) = trace.hull();
                Static::Duration(i64::try_from(end - start).unwrap_or(i64::MAX))
            }
            Intrinsic::TraceId => Static::String(trace.id.to_string()),
            Intrinsic::NestedSetLeft => Static::Int(self.left(span)),
            Intrinsic::NestedSetRight => {
                Static::Int(self.left(span) + 2 * (self.subtree_ends[span] - span) as i64 - 1)
            }
            Intrinsic::NestedSetParent => Static::Int(match (self.parents[span], trace.spans[span].2) {
                (Some(parent), _) => self.left(parent),
                (None, Parent::None) => -1,
                (None, _) => 0,
            }),
            Intrinsic::ScopeName | Intrinsic::ScopeVersion => {
                let scope = ScopeSpansView::read(shells(group, row)?.1).scope.or_empty();
                text(if intrinsic == Intrinsic::ScopeName {
                    scope.name.as_str()
                } else {
                    scope.version.as_str()
                })
            }
            Intrinsic::EventName
            | Intrinsic::EventTimeSinceStart
            | Intrinsic::LinkTraceId
            | Intrinsic::LinkSpanId => self.items(span, intrinsic)?.into_iter().next().unwrap_or(Static::Nil),
        })
    }

    /// A field of every event or link of a span.
    fn items(&self, span: usize, intrinsic: Intrinsic) -> Result<Vec<Static>, QueryError> {
        let (group, row) = self.trace.place(span);
        let rows = &group.rows;
        let events = group.index.events(rows, row);
        let links = group.index.links(rows, row);
        Ok(match intrinsic {
            Intrinsic::EventName => {
                let names = group.part.fixed_texts(FixedText::EventName)?;
                let name = |event: usize| names.get(rows.get(Fixed::EventName, event) as usize);
                events
                    .map(|event| Static::String(String::from_utf8_lossy(name(event)).into_owned()))
                    .collect()
            }
            Intrinsic::EventTimeSinceStart => {
                let since = |event: usize| stdx::varint::unzigzag(rows.get(Fixed::EventTime, event));
                events.map(|event| Static::Duration(since(event))).collect()
            }
            Intrinsic::LinkTraceId => {
                links.map(|link| Static::String(rows.links[link].0.to_string())).collect()
            }
            Intrinsic::LinkSpanId => {
                links.map(|link| Static::String(rows.links[link].1.to_string())).collect()
            }
            _ => Vec::new(),
        })
    }

    /// An attribute of every event or link of a span.
    fn attributes_of_items(
        &self,
        span: usize,
        scope: AttributeScope,
        key: &str,
    ) -> Result<Vec<Static>, QueryError> {
        let (group, row) = self.trace.place(span);
        let (owner, shape, items) = match scope {
            AttributeScope::Event => (Owner::Event, Fixed::EventShape, group.index.events(&group.rows, row)),
            _ => (Owner::Link, Fixed::LinkShape, group.index.links(&group.rows, row)),
        };
        let mut values = Vec::new();
        for item in items {
            values.extend(owned(group, owner, item, shape, key)?.map(constant));
        }
        Ok(values)
    }
}

impl Trace for LanguageTrace<'_> {
    fn spans(&self) -> usize {
        self.parents.len()
    }

    fn get(&self, span: usize, attribute: &Attribute) -> Static {
        match attribute {
            Attribute::Intrinsic(intrinsic) => {
                let read = self.intrinsic(span, *intrinsic);
                read.unwrap_or_else(|error| {
                    self.failed.borrow_mut().get_or_insert(error);
                    Static::Nil
                })
            }
            Attribute::Key { scope, key } => {
                let (group, row) = self.trace.place(span);
                let value = self.keep(attribute_of(group, row, scope_of(*scope), key));
                value.map_or(Static::Nil, constant)
            }
        }
    }

    fn all(&self, span: usize, attribute: &Attribute) -> Vec<Static> {
        match attribute {
            Attribute::Intrinsic(intrinsic) => self.keep(self.items(span, *intrinsic)),
            Attribute::Key { scope: scope @ (Scope::Event | Scope::Link), key } => {
                self.keep(self.attributes_of_items(span, scope_of(*scope), key))
            }
            Attribute::Key { .. } => vec![self.get(span, attribute)],
        }
    }

    fn parent(&self, span: usize) -> Option<usize> {
        self.parents[span]
    }

    fn end_of_subtree(&self, span: usize) -> usize {
        self.subtree_ends[span]
    }
}

/// Arrays, maps, bytes and empty values are nothing that the language computes with.
fn constant(value: Value) -> Static {
    match value {
        Value::String(text) => Static::String(text),
        Value::Bool(value) => Static::Bool(value),
        Value::Int(value) => Static::Int(value),
        Value::Double(value) => Static::Float(value),
        Value::Bytes(_) | Value::Nested(_) | Value::Empty => Static::Nil,
    }
}

/// A value as answers show it: statuses and kinds by name, durations in nanoseconds.
impl From<&Static> for Value {
    fn from(value: &Static) -> Self {
        match value {
            Static::Nil => Self::String("nil".into()),
            Static::Int(value) | Static::Duration(value) => Self::Int(*value),
            Static::Float(value) => Self::Double(*value),
            Static::Bool(value) => Self::Bool(*value),
            Static::String(_) | Static::Status(_) | Static::Kind(_) => Self::String(value.label()),
        }
    }
}
