//! Spans as columns in memory: what a row group is made of before it is written and after it was read.
//!
//! Rows of one trace are neighbours, a parent before its children (see `tree`); a parent is the distance back to its row. Events and links
//! follow the order of their spans, cells of an attribute column the order of the rows that have it. Times are absolute here; they become
//! differences when written.

use model::{SpanId, TraceId};
use wire::otlp::SpanView;
use wire::otlp::trace::{EventView, LinkView};

use super::codec::Texts;
use super::schema::{Cell, CellKind, FixedText, Node, Owner, Schema, cell_of};
use crate::tree::Parent;

/// Integer columns that every block has. Numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Fixed {
    /// 0: no parent. 1: named in `loose_parents`. n + 1: n rows back.
    Parent = 0,
    Start,
    /// Zig-zag.
    Duration,
    Name,
    Kind,
    /// 0: no status. Else code + 1.
    Status,
    StatusMessage,
    Shape,
    Resource,
    Scope,
    Flags,
    TraceState,
    DroppedAttributes,
    DroppedEvents,
    DroppedLinks,
    EventCount,
    LinkCount,
    /// Zig-zag, since the span's start.
    EventTime,
    EventName,
    EventShape,
    EventDropped,
    LinkShape,
    LinkState,
    LinkFlags,
    LinkDropped,
}

impl Fixed {
    pub(crate) const COUNT: usize = 25;
    pub(crate) const ALL: [Self; Self::COUNT] = {
        use Fixed::*;
        [
            Parent,
            Start,
            Duration,
            Name,
            Kind,
            Status,
            StatusMessage,
            Shape,
            Resource,
            Scope,
            Flags,
            TraceState,
            DroppedAttributes,
            DroppedEvents,
            DroppedLinks,
            EventCount,
            LinkCount,
            EventTime,
            EventName,
            EventShape,
            EventDropped,
            LinkShape,
            LinkState,
            LinkFlags,
            LinkDropped,
        ]
    };

    /// Who has one value in this column.
    pub(crate) fn owner(self) -> Owner {
        use Fixed::*;
        match self {
            EventTime | EventName | EventShape | EventDropped => Owner::Event,
            LinkShape | LinkState | LinkFlags | LinkDropped => Owner::Link,
            _ => Owner::Span,
        }
    }

    /// The dictionary that the numbers of this column stand for.
    pub(crate) fn texts(self) -> Option<FixedText> {
        match self {
            Self::Name => Some(FixedText::Name),
            Self::StatusMessage => Some(FixedText::StatusMessage),
            Self::TraceState => Some(FixedText::TraceState),
            Self::EventName => Some(FixedText::EventName),
            Self::LinkState => Some(FixedText::LinkState),
            _ => None,
        }
    }
}

pub(crate) const STATUS_ERROR: u64 = 3;

/// How long a span took, from its stored (zig-zag) duration; zero if it ends before it starts.
#[inline]
pub(crate) fn duration_ns(duration: u64) -> u64 {
    stdx::varint::unzigzag(duration).max(0) as u64
}

/// When a span ended, for all questions about time; never before it started.
#[inline]
pub(crate) fn end_of(start: u64, duration: u64) -> u64 {
    start.saturating_add(duration_ns(duration))
}

/// Values of an attribute column.
#[derive(Clone, Debug)]
pub(crate) enum Cells {
    /// Values, or numbers in the column's dictionary.
    Ints(Vec<u64>),
    Plain(Texts),
}

impl Default for Cells {
    fn default() -> Self {
        Self::Ints(Vec::new())
    }
}

impl Cells {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Ints(values) => values.len(),
            Self::Plain(texts) => texts.len(),
        }
    }
}

/// The rows of one trace, or of a fragment of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TraceRows {
    pub id: TraceId,
    pub rows: u32,
    /// Of the earliest span.
    pub start: u64,
    /// Of the latest.
    pub end: u64,
    pub errors: u32,
    /// The earliest span without a parent, as a row of the group.
    pub root: Option<u32>,
}

/// See the module's head.
#[derive(Default)]
pub(crate) struct Rows {
    pub traces: Vec<TraceRows>,
    pub fixed: [Vec<u64>; Fixed::COUNT],
    pub span_ids: Vec<SpanId>,
    pub loose_parents: Vec<SpanId>,
    pub links: Vec<(TraceId, SpanId)>,
    /// By column of the schema; may be shorter than the schema's list.
    pub cells: Vec<Cells>,
    /// Bytes that came in for these rows.
    pub raw_bytes: usize,
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.span_ids.len()
    }

    #[inline]
    pub(crate) fn get(&self, column: Fixed, row: usize) -> u64 {
        self.fixed[column as usize].get(row).copied().unwrap_or(0)
    }

    #[inline]
    pub(crate) fn put(&mut self, column: Fixed, value: u64) {
        self.fixed[column as usize].push(value);
    }

    /// Starts a trace; the rows pushed from now on are its.
    pub(crate) fn begin_trace(&mut self, id: TraceId) {
        self.traces.push(TraceRows { id, rows: 0, start: u64::MAX, end: 0, errors: 0, root: None });
    }

    /// Counts the row that is about to be pushed into its trace. `duration` is zig-zag.
    pub(crate) fn count_row(&mut self, start: u64, duration: u64, status: u64, is_root: bool) {
        let end = end_of(start, duration);
        let row = self.len() as u32;
        let starts = &self.fixed[Fixed::Start as usize];
        let trace = self.traces.last_mut().expect("a trace was begun");
        trace.rows += 1;
        trace.start = trace.start.min(start);
        trace.end = trace.end.max(end);
        trace.errors += u32::from(status == STATUS_ERROR);
        if is_root && trace.root.is_none_or(|have| start < starts[have as usize]) {
            trace.root = Some(row);
        }
    }

    pub(crate) fn put_parent(&mut self, parent: Parent) {
        let code = match parent {
            Parent::None => 0,
            Parent::Loose(id) => {
                self.loose_parents.push(id);
                1
            }
            Parent::Back(rows) => u64::from(rows) + 1,
        };
        self.put(Fixed::Parent, code);
    }

    #[inline]
    pub(crate) fn cells_mut(&mut self, column: u32, plain: bool) -> &mut Cells {
        let place = column as usize;
        if self.cells.len() <= place {
            self.cells.resize_with(place + 1, Cells::default);
        }
        let cells = &mut self.cells[place];
        if plain && matches!(cells, Cells::Ints(values) if values.is_empty()) {
            *cells = Cells::Plain(Texts::default());
        }
        cells
    }

    /// Appends a cell to its column.
    #[inline]
    pub(crate) fn put_cell(&mut self, schema: &mut Schema, column: u32, cell: Cell<'_>) {
        let have = &mut schema.columns[column as usize];
        have.values += 1;
        match cell {
            Cell::None => (),
            Cell::Int(value) => {
                if let Cells::Ints(values) = self.cells_mut(column, false) {
                    values.push(value);
                }
            }
            Cell::Text(text) => match self.cells_mut(column, have.plain) {
                Cells::Ints(values) => values.push(u64::from(have.texts.intern(text))),
                Cells::Plain(texts) => texts.push(text),
            },
        }
    }

    /// Appends a span as it came, except for its parent, which the tree knows.
    pub(crate) fn push_span(
        &mut self,
        schema: &mut Schema,
        span: &SpanView<'_>,
        resource: u32,
        scope: u32,
        parent: Parent,
    ) {
        let start = span.start_time_unix_nano;
        let duration = stdx::varint::zigzag(span.end_time_unix_nano.wrapping_sub(start) as i64);
        let status = span.status_message.get();
        let status_code = status.map_or(0, |status| (i64::from(status.code) + 1) as u64);
        self.count_row(start, duration, status_code, parent == Parent::None);
        self.put_parent(parent);
        self.put(Fixed::Start, start);
        self.put(Fixed::Duration, duration);
        self.put(Fixed::Kind, i64::from(span.kind) as u64);
        self.put(Fixed::Status, status_code);
        let message = status.map_or(b"".as_slice(), |status| status.message.as_bytes());
        self.put_text(schema, Fixed::StatusMessage, FixedText::StatusMessage, message);
        self.put_text(schema, Fixed::Name, FixedText::Name, span.name.as_bytes());
        self.put_text(schema, Fixed::TraceState, FixedText::TraceState, span.trace_state.as_bytes());
        let shape = self.put_attributes(schema, Owner::Span, &span.attributes);
        self.put(Fixed::Shape, shape);
        self.put(Fixed::Resource, u64::from(resource));
        self.put(Fixed::Scope, u64::from(scope));
        self.put(Fixed::Flags, u64::from(span.flags));
        self.put(Fixed::DroppedAttributes, u64::from(span.dropped_attributes_count));
        self.put(Fixed::DroppedEvents, u64::from(span.dropped_events_count));
        self.put(Fixed::DroppedLinks, u64::from(span.dropped_links_count));
        let (events, links) = (self.fixed[Fixed::EventTime as usize].len(), self.links.len());
        span.events.iter().for_each(|event| self.push_event(schema, start, &event));
        span.links.iter().for_each(|link| self.push_link(schema, &link));
        self.put(Fixed::EventCount, (self.fixed[Fixed::EventTime as usize].len() - events) as u64);
        self.put(Fixed::LinkCount, (self.links.len() - links) as u64);
        self.span_ids.push(span.span_id());
        self.raw_bytes += span.bytes().len();
    }

    fn push_event(&mut self, schema: &mut Schema, span_start: u64, event: &EventView<'_>) {
        let since = event.time_unix_nano.wrapping_sub(span_start) as i64;
        self.put(Fixed::EventTime, stdx::varint::zigzag(since));
        self.put_text(schema, Fixed::EventName, FixedText::EventName, event.name.as_bytes());
        let shape = self.put_attributes(schema, Owner::Event, &event.attributes);
        self.put(Fixed::EventShape, shape);
        self.put(Fixed::EventDropped, u64::from(event.dropped_attributes_count));
    }

    fn push_link(&mut self, schema: &mut Schema, link: &LinkView<'_>) {
        self.links.push((link.trace_id(), link.span_id()));
        self.put_text(schema, Fixed::LinkState, FixedText::LinkState, link.trace_state.as_bytes());
        let shape = self.put_attributes(schema, Owner::Link, &link.attributes);
        self.put(Fixed::LinkShape, shape);
        self.put(Fixed::LinkFlags, u64::from(link.flags));
        self.put(Fixed::LinkDropped, u64::from(link.dropped_attributes_count));
    }

    #[inline]
    fn put_text(&mut self, schema: &mut Schema, column: Fixed, texts: FixedText, text: &[u8]) {
        let number = schema.fixed[texts as usize].intern(text);
        self.put(column, u64::from(number));
    }

    fn put_attributes(
        &mut self,
        schema: &mut Schema,
        owner: Owner,
        attributes: &wire::otlp::Attributes<'_>,
    ) -> u64 {
        let mut shape = Node::ROOT;
        for attribute in attributes.iter() {
            let (kind, cell) = cell_of(&attribute);
            let (column, next, overflow) = schema.next_column(shape, owner, kind, attribute.key.as_bytes());
            shape = next;
            let cell = if overflow { Cell::Text(attribute.bytes()) } else { cell };
            self.put_cell(schema, column, cell);
        }
        u64::from(schema.shapes.number(shape))
    }
}

/// Where each row's events, links, parent name and cells begin: random access into [`Rows`].
pub(crate) struct RowIndex {
    events: Vec<u32>,
    links: Vec<u32>,
    loose: Vec<u32>,
    cells: [CellIndex; 3],
}

#[derive(Default)]
struct CellIndex {
    starts: Vec<u32>,
    /// Place of each attribute's cell in its column; the columns are those of the shape.
    places: Vec<u32>,
}

impl RowIndex {
    /// `shape_columns` gives the columns of a shape.
    pub(crate) fn new<'a>(rows: &Rows, shape_columns: impl Fn(u32) -> &'a [u32]) -> Self {
        let mut next: Vec<u32> = Vec::new();
        let mut cells = |column: Fixed| {
            let mut index = CellIndex::default();
            for shape in &rows.fixed[column as usize] {
                index.starts.push(index.places.len() as u32);
                for column in shape_columns(*shape as u32) {
                    let column = *column as usize;
                    if next.len() <= column {
                        next.resize(column + 1, 0);
                    }
                    index.places.push(next[column]);
                    next[column] += 1;
                }
            }
            index
        };
        Self {
            cells: [cells(Fixed::Shape), cells(Fixed::EventShape), cells(Fixed::LinkShape)],
            events: running(&rows.fixed[Fixed::EventCount as usize], |count| *count as u32),
            links: running(&rows.fixed[Fixed::LinkCount as usize], |count| *count as u32),
            loose: running(&rows.fixed[Fixed::Parent as usize], |code| u32::from(*code == 1)),
        }
    }

    /// None if the columns of events were not read; so with links.
    pub(crate) fn events(&self, rows: &Rows, row: usize) -> std::ops::Range<usize> {
        let start = self.events.get(row).map_or(0, |start| *start as usize);
        start..start + rows.get(Fixed::EventCount, row) as usize
    }

    pub(crate) fn links(&self, rows: &Rows, row: usize) -> std::ops::Range<usize> {
        let start = self.links.get(row).map_or(0, |start| *start as usize);
        start..start + rows.get(Fixed::LinkCount, row) as usize
    }

    /// The parent of a row as its sender named it; zero for none.
    pub(crate) fn parent_id(&self, rows: &Rows, row: usize) -> SpanId {
        match rows.get(Fixed::Parent, row) {
            0 => SpanId::default(),
            1 => rows.loose_parents.get(self.loose[row] as usize).copied().unwrap_or_default(),
            back => {
                row.checked_sub(back as usize - 1).map_or(SpanId::default(), |parent| rows.span_ids[parent])
            }
        }
    }

    /// Places of the cells of a span's, event's or link's attributes, in the order of its shape's columns.
    pub(crate) fn places(&self, owner: Owner, item: usize) -> &[u32] {
        let index = &self.cells[owner as usize];
        let start = index.starts[item] as usize;
        &index.places[start..]
    }
}

fn running<T>(values: &[T], count: impl Fn(&T) -> u32) -> Vec<u32> {
    let mut sum = 0;
    values
        .iter()
        .map(|value| {
            let start = sum;
            sum += count(value);
            start
        })
        .collect()
}

/// The cell at `place` of a column whose dictionary is `texts`.
#[inline]
pub(crate) fn cell_at<'a>(
    kind: CellKind,
    cells: Option<&'a Cells>,
    texts: &'a Texts,
    place: u32,
) -> Cell<'a> {
    match cells {
        Some(Cells::Plain(plain)) => Cell::Text(plain.get(place as usize)),
        Some(Cells::Ints(values)) => match values.get(place as usize) {
            Some(number) if kind.is_text() => Cell::Text(texts.get(*number as usize)),
            Some(value) => Cell::Int(*value),
            None => Cell::None,
        },
        None => Cell::None,
    }
}
