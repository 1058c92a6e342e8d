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
    pub(crate) fn service_in(&self, part: &Part) -> Result<Option<Option<u32>>, QueryError> {
        let Some(service) = &self.service else { return Ok(None) };
        let names = &part.services()?.names;
        let place = names.texts().iter().position(|name| name == service.as_bytes());
        Ok(Some(place.map(|place| place as u32)))
    }

    pub(crate) fn wants_errors_only(&self) -> bool {
        self.status == Some(crate::query::Status::Error as u64)
    }

    /// Whether each row of a group matches.
    pub(crate) fn rows(&self, part: &Part, group: &GroupReader<'_>) -> Result<Vec<bool>, QueryError> {
        let mut mask = vec![true; group.meta().rows as usize];
        if let Some(service) = self.service_in(part)? {
            let services = part.services()?;
            let table: Vec<bool> = services.of_resource.iter().map(|of| Some(*of) == service).collect();
            retain(&mut mask, &group.fixed(Fixed::Resource)?, |resource| look_up(&table, resource));
        }
        if let Some(name) = &self.name {
            let names = part.fixed_texts(FixedText::Name)?;
            let place = names.iter().position(|have| have == name.as_bytes()).map(|place| place as u64);
            retain(&mut mask, &group.fixed(Fixed::Name)?, |have| Some(have) == place);
        }
        if let Some(kind) = self.kind {
            let known = |have: u64| crate::query::Kind::from_number(have as i64) as u64;
            retain(&mut mask, &group.fixed(Fixed::Kind)?, |have| known(have) == kind);
        }
        if let Some(status) = self.status {
            let known = |have: u64| crate::query::Status::from_number(have as i64 - 1) as u64;
            retain(&mut mask, &group.fixed(Fixed::Status)?, |have| known(have) == status);
        }
        if self.duration_ns != (0..=u64::MAX) {
            retain(&mut mask, &group.fixed(Fixed::Duration)?, |have| {
                self.duration_ns.contains(&duration_ns(have))
            });
        }
        for test in &self.attributes {
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
    fn verdicts(&self, part: &Part, group: &GroupReader<'_>) -> Result<Vec<Verdict>, QueryError> {
        match self.scope {
            AttributeScope::Span => self.owned(Owner::Span, part, group),
            AttributeScope::Event => {
                let events = self.owned(Owner::Event, part, group)?;
                Ok(best_of(&events, &group.fixed(Fixed::EventCount)?))
            }
            AttributeScope::Link => {
                let links = self.owned(Owner::Link, part, group)?;
                Ok(best_of(&links, &group.fixed(Fixed::LinkCount)?))
            }
            AttributeScope::Resource => self.resources(part, group),
            AttributeScope::Instrumentation => {
                let of_scope: Vec<Verdict> = part
                    .scopes()?
                    .iter()
                    .map(|scope| {
                        self.test.of_list(ScopeSpansView::read(scope).scope.or_empty().attributes, &self.key)
                    })
                    .collect();
                Ok(spread(&of_scope, &group.fixed(Fixed::Scope)?))
            }
            AttributeScope::Any => {
                let (mut own, resource) =
                    (self.owned(Owner::Span, part, group)?, self.resources(part, group)?);
                for (own, resource) in own.iter_mut().zip(resource) {
                    if *own == Verdict::Absent {
                        *own = resource;
                    }
                }
                Ok(own)
            }
        }
    }

    fn resources(&self, part: &Part, group: &GroupReader<'_>) -> Result<Vec<Verdict>, QueryError> {
        let of_resource: Vec<Verdict> = part
            .resources()?
            .iter()
            .map(|resource| {
                let view = ResourceSpansView::read(resource).resource.or_empty();
                self.test.of_list(view.attributes, &self.key)
            })
            .collect();
        Ok(spread(&of_resource, &group.fixed(Fixed::Resource)?))
    }

    /// One verdict a span, event or link.
    fn owned(&self, owner: Owner, part: &Part, group: &GroupReader<'_>) -> Result<Vec<Verdict>, QueryError> {
        let (shape, len) = match owner {
            Owner::Span => (Fixed::Shape, group.meta().rows),
            Owner::Event => (Fixed::EventShape, group.meta().events),
            Owner::Link => (Fixed::LinkShape, group.meta().links),
        };
        let mut verdicts = vec![Verdict::Absent; len as usize];
        let mut shapes = None;
        for (column, have) in part.columns.iter().enumerate() {
            let named = have.owner == owner && (have.kind == CellKind::Pair || *have.key == *self.key);
            if !named {
                continue;
            }
            let shapes = match &mut shapes {
                Some(shapes) => shapes,
                None => shapes.insert(group.fixed(shape)?),
            };
            let occurrences = part.shapes()?.occurrences(column as u32);
            let cells = group.cells(column as u32)?;
            self.column(part, column as u32, cells.as_ref(), shapes, &occurrences, &mut verdicts)?;
        }
        Ok(verdicts)
    }

    fn column(
        &self,
        part: &Part,
        column: u32,
        cells: Option<&Cells>,
        shapes: &[u64],
        occurrences: &[u32],
        verdicts: &mut [Verdict],
    ) -> Result<(), QueryError> {
        let kind = part.columns[column as usize].kind;
        let by_place: Box<dyn Fn(usize) -> Verdict> = match (kind, cells) {
            (CellKind::Empty, _) => {
                let verdict = self.test.verdict(kind, Cell::None);
                Box::new(move |_| verdict)
            }
            (_, None) => return Ok(()),
            (kind, Some(Cells::Plain(texts))) => Box::new(move |place| self.text(kind, texts.get(place))),
            (kind, Some(Cells::Ints(numbers))) if kind.is_text() => {
                let table: Vec<Verdict> =
                    part.texts(column)?.iter().map(|text| self.text(kind, text)).collect();
                Box::new(move |place| {
                    let number = numbers.get(place).copied().unwrap_or(u64::MAX);
                    table.get(number as usize).copied().unwrap_or(Verdict::Absent)
                })
            }
            (kind, Some(Cells::Ints(values))) => Box::new(move |place| match values.get(place) {
                Some(value) => self.test.verdict(kind, Cell::Int(*value)),
                None => Verdict::Absent,
            }),
        };
        let mut place = 0;
        for (verdict, shape) in verdicts.iter_mut().zip(shapes) {
            for _ in 0..occurrences.get(*shape as usize).copied().unwrap_or(0) {
                *verdict = (*verdict).max(by_place(place));
                place += 1;
            }
        }
        Ok(())
    }

    fn text(&self, kind: CellKind, text: &[u8]) -> Verdict {
        if kind != CellKind::Pair {
            return self.test.verdict(kind, Cell::Text(text));
        }
        let (key, kind, cell) = open_pair(text);
        if *key == *self.key { self.test.verdict(kind, cell) } else { Verdict::Absent }
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
