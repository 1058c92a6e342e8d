//! Conditions on one span, evaluated column by column over a row group.
//!
//! A condition is first translated into the part's own numbers: a service becomes a set of resources, a text a set of dictionary entries.
//! Then rows are compared as integers. Events, links and the instrumentation scope count as the span's: any of them may hold.

use model::regex::Regex;
use wire::otlp::Attributes;
use wire::otlp::trace::{ResourceSpansView, ScopeSpansView};
use wire::proto::View;

use crate::block::read::{GroupReader, Part};
use crate::block::rows::{Cells, Fixed, duration_ns};
use crate::block::schema::{Cell, CellKind, FixedText, Owner, cell_of, open_pair};
use crate::block::trace_table::TraceTable;
use crate::query::{AttributeFilter, AttributeScope, Comparison, QueryError, SearchQuery, Value};

/// The span conditions of a query, parsed.
pub(crate) struct SpanMatcher {
    service: Option<String>,
    name: Option<String>,
    status: Option<u64>,
    kind: Option<u64>,
    duration_ns: std::ops::RangeInclusive<u64>,
    attributes: Vec<AttributeTest>,
}

/// One attribute condition.
struct AttributeTest {
    scope: AttributeScope,
    key: Box<[u8]>,
    test: ValueTest,
}

/// A comparison with a constant.
struct ValueTest {
    comparison: Comparison,
    value: Value,
    regex: Option<Regex>,
}

/// What is known of an attribute at a row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Absent,
    Fails,
    Holds,
}

impl ValueTest {
    fn new(filter: &AttributeFilter) -> Result<Self, QueryError> {
        let regex = match (filter.comparison, &filter.value) {
            (Comparison::Matches | Comparison::MatchesNot, Value::String(text)) => {
                Some(Regex::new(text).map_err(|error| QueryError::Bad(error.to_string()))?)
            }
            (Comparison::Matches | Comparison::MatchesNot, _) => {
                let reason = format!("attribute {:?}: a regular expression must be a string", filter.key);
                return Err(QueryError::Bad(reason));
            }
            _ => None,
        };
        Ok(Self { comparison: filter.comparison, value: filter.value.clone(), regex })
    }

    fn holds(&self, kind: CellKind, cell: Cell<'_>) -> bool {
        use std::cmp::Ordering;
        let order = match (kind, cell, &self.value) {
            (CellKind::String, Cell::Text(text), Value::String(want)) => match &self.regex {
                Some(regex) => {
                    let matches = std::str::from_utf8(text).is_ok_and(|text| regex.is_match(text));
                    return matches == (self.comparison == Comparison::Matches);
                }
                None => Some(text.cmp(want.as_bytes())),
            },
            (CellKind::Bool, Cell::Int(raw), Value::Bool(want)) => Some((raw != 0).cmp(want)),
            (CellKind::Int, Cell::Int(raw), Value::Int(want)) => Some(stdx::varint::unzigzag(raw).cmp(want)),
            (CellKind::Int, Cell::Int(raw), Value::Double(want)) => {
                (stdx::varint::unzigzag(raw) as f64).partial_cmp(want)
            }
            (CellKind::Double, Cell::Int(raw), Value::Double(want)) => f64::from_bits(raw).partial_cmp(want),
            (CellKind::Double, Cell::Int(raw), Value::Int(want)) => {
                f64::from_bits(raw).partial_cmp(&(*want as f64))
            }
            (CellKind::Bytes, Cell::Text(bytes), Value::Bytes(want))
            | (CellKind::Nested, Cell::Text(bytes), Value::Nested(want)) => Some(bytes.cmp(want)),
            (CellKind::Empty, _, Value::Empty) => Some(Ordering::Equal),
            _ => return false,
        };
        match self.comparison {
            Comparison::Equal => order == Some(Ordering::Equal),
            Comparison::NotEqual => order != Some(Ordering::Equal),
            Comparison::Less => order == Some(Ordering::Less),
            Comparison::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Comparison::Greater => order == Some(Ordering::Greater),
            Comparison::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            Comparison::Matches | Comparison::MatchesNot => false,
        }
    }

    fn verdict(&self, kind: CellKind, cell: Cell<'_>) -> Verdict {
        if self.holds(kind, cell) { Verdict::Holds } else { Verdict::Fails }
    }

    /// Of a plain list of attributes: the best of those called `key`.
    fn of_list(&self, attributes: Attributes<'_>, key: &[u8]) -> Verdict {
        let named = attributes.iter().filter(|attribute| attribute.key.as_bytes() == key);
        named
            .map(|attribute| {
                let (kind, cell) = cell_of(&attribute);
                self.verdict(kind, cell)
            })
            .max()
            .unwrap_or(Verdict::Absent)
    }
}

impl SpanMatcher {
    pub(crate) fn new(query: &SearchQuery) -> Result<Self, QueryError> {
        let parse = |filter: &AttributeFilter| {
            let (scope, key) = (filter.scope, filter.key.as_bytes().into());
            Ok(AttributeTest { scope, key, test: ValueTest::new(filter)? })
        };
        Ok(Self {
            service: query.service.clone(),
            name: query.name.clone(),
            status: query.status.map(|status| status as u64),
            kind: query.kind.map(|kind| kind as u64),
            duration_ns: query.span_duration_min_ns.unwrap_or(0)
                ..=query.span_duration_max_ns.unwrap_or(u64::MAX),
            attributes: query.attributes.iter().map(parse).collect::<Result<_, QueryError>>()?,
        })
    }

    /// The service that matching spans have, as the part numbers it; `Some(None)` if it has none of that name.
    fn service_in(&self, part: &Part) -> Result<Option<Option<u32>>, QueryError> {
        let Some(service) = &self.service else { return Ok(None) };
        let names = &part.services()?.names;
        let place = names.texts().iter().position(|name| name == service.as_bytes());
        Ok(Some(place.map(|place| place as u32)))
    }

    /// The conditions in the numbers of `part`.
    pub(crate) fn in_part<'m>(&'m self, part: &Part) -> Result<PartMatcher<'m>, QueryError> {
        let resources = match self.service_in(part)? {
            None => None,
            Some(service) => {
                let of = part.services()?.of_resource.iter();
                Some(of.map(|of| Some(*of) == service).collect::<Vec<bool>>())
            }
        };
        let name = match &self.name {
            None => None,
            Some(name) => {
                let place =
                    part.fixed_texts(FixedText::Name)?.iter().position(|have| have == name.as_bytes());
                Some(place.map_or(u64::MAX, |place| place as u64))
            }
        };
        let tests: Vec<PartTest<'m>> =
            self.attributes.iter().map(|test| PartTest::new(test, part)).collect::<Result<_, _>>()?;
        let impossible = resources.as_ref().is_some_and(|resources| !resources.contains(&true))
            || name == Some(u64::MAX)
            || tests.iter().any(|test| !test.may_hold());
        let service = self.service_in(part)?.flatten();
        Ok(PartMatcher { matcher: self, service, resources, name, tests, impossible })
    }
}

/// A [`SpanMatcher`] that knows a part's numbers.
pub(crate) struct PartMatcher<'m> {
    matcher: &'m SpanMatcher,
    service: Option<u32>,
    resources: Option<Vec<bool>>,
    /// `u64::MAX`: no span has it.
    name: Option<u64>,
    tests: Vec<PartTest<'m>>,
    /// No span of the part can match.
    impossible: bool,
}

impl PartMatcher<'_> {
    /// What the summary of a trace says: false if none of its spans here can match.
    pub(crate) fn may_match(&self, table: &TraceTable, trace: usize) -> bool {
        let service =
            self.service.is_none_or(|service| table.services(trace).iter().any(|have| have.0 == service));
        let errors =
            self.matcher.status != Some(crate::query::Status::Error as u64) || table.errors[trace] > 0;
        !self.impossible && service && errors
    }

    /// Whether each row of a group matches.
    pub(crate) fn rows(&self, part: &Part, group: &GroupReader<'_>) -> Result<Vec<bool>, QueryError> {
        let mut mask = vec![!self.impossible; group.meta().rows as usize];
        if self.impossible {
            return Ok(mask);
        }
        let SpanMatcher { kind, status, duration_ns: durations, .. } = self.matcher;
        if let Some(resources) = &self.resources {
            retain(&mut mask, &group.fixed(Fixed::Resource)?, |resource| look_up(resources, resource));
        }
        if let Some(name) = self.name {
            retain(&mut mask, &group.fixed(Fixed::Name)?, |have| have == name);
        }
        if let Some(kind) = kind {
            let known = |have: u64| crate::query::Kind::from_number(have as i64) as u64;
            retain(&mut mask, &group.fixed(Fixed::Kind)?, |have| known(have) == *kind);
        }
        if let Some(status) = status {
            let known = |have: u64| crate::query::Status::from_number(have as i64 - 1) as u64;
            retain(&mut mask, &group.fixed(Fixed::Status)?, |have| known(have) == *status);
        }
        if *durations != (0..=u64::MAX) {
            retain(&mut mask, &group.fixed(Fixed::Duration)?, |have| durations.contains(&duration_ns(have)));
        }
        for test in &self.tests {
            if !mask.contains(&true) {
                break;
            }
            let verdicts = test.verdicts(part, group)?;
            mask.iter_mut().zip(verdicts).for_each(|(keep, verdict)| *keep &= verdict == Verdict::Holds);
        }
        Ok(mask)
    }
}

fn retain(mask: &mut [bool], values: &[u64], holds: impl Fn(u64) -> bool) {
    mask.iter_mut().zip(values).for_each(|(keep, value)| *keep &= holds(*value));
}

fn look_up(table: &[bool], number: u64) -> bool {
    table.get(number as usize).copied().unwrap_or(false)
}

impl AttributeTest {
    fn text(&self, kind: CellKind, text: &[u8]) -> Verdict {
        if kind != CellKind::Pair {
            return self.test.verdict(kind, Cell::Text(text));
        }
        let (key, kind, cell) = open_pair(text);
        if *key == *self.key { self.test.verdict(kind, cell) } else { Verdict::Absent }
    }
}

/// An [`AttributeTest`] in a part's numbers.
struct PartTest<'m> {
    test: &'m AttributeTest,
    /// By resource, where resources count.
    of_resource: Option<Vec<Verdict>>,
    /// By instrumentation scope, where that counts.
    of_scope: Option<Vec<Verdict>>,
    columns: Vec<ColumnTest>,
}

/// One column of the attribute.
struct ColumnTest {
    column: u32,
    kind: CellKind,
    /// How often each shape has it.
    occurrences: Vec<u32>,
    /// By number in the dictionary.
    table: Option<Vec<Verdict>>,
}

impl ColumnTest {
    /// Values need not be looked at to know that they fail.
    fn fails_always(&self) -> bool {
        self.table.as_ref().is_some_and(|table| table.iter().all(|verdict| *verdict == Verdict::Fails))
    }
}

impl<'m> PartTest<'m> {
    fn new(test: &'m AttributeTest, part: &Part) -> Result<Self, QueryError> {
        let of_resource = match test.scope {
            AttributeScope::Any | AttributeScope::Resource => Some(
                part.resources()?
                    .iter()
                    .map(|bytes| ResourceSpansView::read(bytes).resource.or_empty())
                    .map(|resource| test.test.of_list(resource.attributes, &test.key))
                    .collect(),
            ),
            _ => None,
        };
        let of_scope = match test.scope {
            AttributeScope::Instrumentation => Some(
                part.scopes()?
                    .iter()
                    .map(|bytes| ScopeSpansView::read(bytes).scope.or_empty())
                    .map(|scope| test.test.of_list(scope.attributes, &test.key))
                    .collect(),
            ),
            _ => None,
        };
        let mut columns = Vec::new();
        for (column, have) in part.columns.iter().enumerate() {
            let named = have.kind == CellKind::Pair || *have.key == *test.key;
            if Some(have.owner) != owner_of(test.scope) || !named {
                continue;
            }
            let occurrences = part.shapes()?.occurrences(column as u32);
            let table = match have.kind {
                CellKind::Empty => Some(vec![test.test.verdict(CellKind::Empty, Cell::None)]),
                kind if kind.is_text() && !have.plain => {
                    Some(part.texts(column as u32)?.iter().map(|text| test.text(kind, text)).collect())
                }
                _ => None,
            };
            columns.push(ColumnTest { column: column as u32, kind: have.kind, occurrences, table });
        }
        Ok(Self { test, of_resource, of_scope, columns })
    }

    fn may_hold(&self) -> bool {
        let lists = self.of_resource.iter().chain(&self.of_scope);
        let tables = self.columns.iter().filter_map(|column| column.table.as_ref());
        self.columns.iter().any(|column| column.table.is_none())
            || lists.chain(tables).any(|verdicts| verdicts.contains(&Verdict::Holds))
    }

    fn verdicts(&self, part: &Part, group: &GroupReader<'_>) -> Result<Vec<Verdict>, QueryError> {
        let from_resource = match &self.of_resource {
            Some(verdicts) => Some(spread(verdicts, &group.fixed(Fixed::Resource)?)),
            None => None,
        };
        match self.test.scope {
            AttributeScope::Span => self.owned(Owner::Span, part, group),
            AttributeScope::Event => {
                let events = self.owned(Owner::Event, part, group)?;
                Ok(best_of(&events, &group.fixed(Fixed::EventCount)?))
            }
            AttributeScope::Link => {
                let links = self.owned(Owner::Link, part, group)?;
                Ok(best_of(&links, &group.fixed(Fixed::LinkCount)?))
            }
            AttributeScope::Resource => Ok(from_resource.unwrap_or_default()),
            AttributeScope::Instrumentation => {
                Ok(spread(self.of_scope.as_deref().unwrap_or_default(), &group.fixed(Fixed::Scope)?))
            }
            AttributeScope::Any => {
                let mut own = self.owned(Owner::Span, part, group)?;
                for (own, resource) in own.iter_mut().zip(from_resource.unwrap_or_default()) {
                    if *own == Verdict::Absent {
                        *own = resource;
                    }
                }
                Ok(own)
            }
        }
    }

    /// One verdict a span, event or link.
    fn owned(&self, owner: Owner, part: &Part, group: &GroupReader<'_>) -> Result<Vec<Verdict>, QueryError> {
        let (shape, len) = match owner {
            Owner::Span => (Fixed::Shape, group.meta().rows),
            Owner::Event => (Fixed::EventShape, group.meta().events),
            Owner::Link => (Fixed::LinkShape, group.meta().links),
        };
        let mut verdicts = vec![Verdict::Absent; len as usize];
        if self.columns.is_empty() {
            return Ok(verdicts);
        }
        let shapes = group.fixed(shape)?;
        for column in &self.columns {
            self.column(part, group, column, &shapes, &mut verdicts)?;
        }
        Ok(verdicts)
    }

    fn column(
        &self,
        part: &Part,
        group: &GroupReader<'_>,
        column: &ColumnTest,
        shapes: &[u64],
        verdicts: &mut [Verdict],
    ) -> Result<(), QueryError> {
        let count = |shape: u64| column.occurrences.get(shape as usize).copied().unwrap_or(0) as usize;
        if column.fails_always() || column.kind == CellKind::Empty {
            let all =
                column.table.as_ref().and_then(|table| table.first().copied()).unwrap_or(Verdict::Absent);
            for (verdict, _) in verdicts.iter_mut().zip(shapes).filter(|(_, shape)| count(**shape) > 0) {
                *verdict = (*verdict).max(all);
            }
            return Ok(());
        }
        let of_values: Vec<Verdict> = match (group.cells(column.column)?, &column.table) {
            (None, _) => return Ok(()),
            (Some(Cells::Plain(texts)), _) => texts
                .iter()
                .map(|text| self.test.text(part.columns[column.column as usize].kind, text))
                .collect(),
            (Some(Cells::Ints(numbers)), Some(table)) => spread(table, &numbers),
            (Some(Cells::Ints(values)), None) => {
                values.iter().map(|value| self.test.test.verdict(column.kind, Cell::Int(*value))).collect()
            }
        };
        let mut rest = of_values.as_slice();
        for (verdict, shape) in verdicts.iter_mut().zip(shapes) {
            let (own, tail) = rest.split_at(count(*shape).min(rest.len()));
            rest = tail;
            *verdict = own.iter().fold(*verdict, |best, own| best.max(*own));
        }
        Ok(())
    }
}

/// Whose columns an attribute of this scope has.
fn owner_of(scope: AttributeScope) -> Option<Owner> {
    match scope {
        AttributeScope::Any | AttributeScope::Span => Some(Owner::Span),
        AttributeScope::Event => Some(Owner::Event),
        AttributeScope::Link => Some(Owner::Link),
        AttributeScope::Resource | AttributeScope::Instrumentation => None,
    }
}

fn spread(verdicts: &[Verdict], numbers: &[u64]) -> Vec<Verdict> {
    numbers.iter().map(|number| verdicts.get(*number as usize).copied().unwrap_or(Verdict::Absent)).collect()
}

/// The best verdict among each span's items.
fn best_of(items: &[Verdict], counts: &[u64]) -> Vec<Verdict> {
    let mut rest = items;
    counts
        .iter()
        .map(|count| {
            let (own, tail) = rest.split_at((*count as usize).min(rest.len()));
            rest = tail;
            own.iter().copied().max().unwrap_or(Verdict::Absent)
        })
        .collect()
}
