//! Rows of one part -> rows of another under construction: numbers are translated, values copied.

use store::ContainerError;

use super::otlp::Source;
use super::rows::{Cells, Fixed, Rows};
use super::schema::{Cell, CellKind, FixedText, Node, Owner, Schema, write_attribute};
use wire::proto::Writer;

const UNKNOWN: u32 = u32::MAX;

/// What the numbers of one part are called in the new schema. Filled as rows are copied.
#[derive(Default)]
pub(crate) struct Translation {
    resources: Vec<u32>,
    scopes: Vec<u32>,
    shapes: [Vec<u32>; 3],
    fixed: [Vec<u32>; FixedText::COUNT],
    /// Column and whether it is the overflow column.
    columns: Vec<Option<(u32, bool)>>,
    texts: Vec<Vec<u32>>,
}

/// What `map` has for `number`, asked of `make` the first time.
#[inline]
fn translate<E>(map: &mut Vec<u32>, number: u64, make: impl FnOnce() -> Result<u32, E>) -> Result<u32, E> {
    let place = number as usize;
    if map.len() <= place {
        map.resize(place + 1, UNKNOWN);
    }
    if map[place] == UNKNOWN {
        map[place] = make()?;
    }
    Ok(map[place])
}

impl Rows {
    /// Appends `row` of `source`; its parent comes from the tree of the trace as it is now.
    pub(crate) fn push_row(
        &mut self,
        schema: &mut Schema,
        source: &Source<'_>,
        row: usize,
        parent: crate::tree::Parent,
        translation: &mut Translation,
    ) -> Result<(), ContainerError> {
        use Fixed::*;
        let is_root = parent == crate::tree::Parent::None;
        let from = source.rows;
        let start = from.get(Start, row);
        let duration = from.get(Duration, row);
        self.count_row(start, duration, from.get(Status, row), is_root);
        self.put_parent(parent);
        for column in [
            Start,
            Duration,
            Kind,
            Status,
            Flags,
            DroppedAttributes,
            DroppedEvents,
            DroppedLinks,
            EventCount,
            LinkCount,
        ] {
            self.put(column, from.get(column, row));
        }
        for column in [Name, StatusMessage, TraceState] {
            self.copy_text(schema, source, column, row, translation)?;
        }
        let resource = translate(&mut translation.resources, from.get(Resource, row), || {
            let resources = source.part.resources()?;
            Ok::<_, ContainerError>(schema.resources.intern(resources.get(from.get(Resource, row) as usize)))
        })?;
        self.put(Resource, u64::from(resource));
        let scope = translate(&mut translation.scopes, from.get(Scope, row), || {
            let scopes = source.part.scopes()?;
            Ok::<_, ContainerError>(schema.scopes.intern(scopes.get(from.get(Scope, row) as usize)))
        })?;
        self.put(Scope, u64::from(scope));
        let mut bytes = 64 + self.copy_attributes(schema, source, Owner::Span, Shape, row, translation)?;
        for event in source.index.events(from, row) {
            self.put(EventTime, from.get(EventTime, event));
            self.put(EventDropped, from.get(EventDropped, event));
            self.copy_text(schema, source, EventName, event, translation)?;
            bytes +=
                32 + self.copy_attributes(schema, source, Owner::Event, EventShape, event, translation)?;
        }
        for link in source.index.links(from, row) {
            self.links.push(from.links[link]);
            self.put(LinkFlags, from.get(LinkFlags, link));
            self.put(LinkDropped, from.get(LinkDropped, link));
            self.copy_text(schema, source, LinkState, link, translation)?;
            bytes += 32 + self.copy_attributes(schema, source, Owner::Link, LinkShape, link, translation)?;
        }
        self.span_ids.push(from.span_ids[row]);
        self.raw_bytes += bytes;
        Ok(())
    }

    fn copy_text(
        &mut self,
        schema: &mut Schema,
        source: &Source<'_>,
        column: Fixed,
        item: usize,
        translation: &mut Translation,
    ) -> Result<(), ContainerError> {
        let text = column.texts().expect("a column of texts");
        let number = source.rows.get(column, item);
        let new = translate(&mut translation.fixed[text as usize], number, || {
            let texts = source.part.fixed_texts(text)?;
            Ok::<_, ContainerError>(schema.fixed[text as usize].intern(texts.get(number as usize)))
        })?;
        self.put(column, u64::from(new));
        Ok(())
    }

    /// Returns about how many bytes the attributes took in OTLP.
    fn copy_attributes(
        &mut self,
        schema: &mut Schema,
        source: &Source<'_>,
        owner: Owner,
        shape_column: Fixed,
        item: usize,
        translation: &mut Translation,
    ) -> Result<usize, ContainerError> {
        let shape = source.rows.get(shape_column, item);
        let columns = source.part.shapes()?.get(shape as u32);
        for column in columns {
            translation.column(schema, source, *column);
        }
        let Translation { columns: known, shapes, .. } = translation;
        let new = translate(&mut shapes[owner as usize], shape, || {
            let node = columns.iter().fold(Node::ROOT, |node, column| {
                let (column, _) = known[*column as usize].expect("translated just now");
                schema.shapes.child(node, column)
            });
            Ok::<_, ContainerError>(schema.shapes.number(node))
        })?;
        self.put(shape_column, u64::from(new));
        let mut bytes = 0;
        for (column, place) in columns.iter().zip(source.index.places(owner, item)) {
            bytes += self.copy_cell(schema, source, *column, *place, translation)?;
        }
        Ok(bytes)
    }

    #[inline]
    fn copy_cell(
        &mut self,
        schema: &mut Schema,
        source: &Source<'_>,
        column: u32,
        place: u32,
        translation: &mut Translation,
    ) -> Result<usize, ContainerError> {
        let have = &source.part.columns[column as usize];
        let overhead = 8 + have.key.len();
        let (new, overflow) = translation.columns[column as usize].expect("translated with the shape");
        let cells = source.rows.cells.get(column as usize);
        if overflow && have.kind != CellKind::Pair {
            let cell = super::rows::cell_at(have.kind, cells, source.part.texts(column)?, place);
            let mut message = Vec::new();
            write_attribute(&mut Writer::new(&mut message), 1, have.kind, &have.key, cell);
            let pair = wire::proto::view::many_of::<&[u8]>(&message, 1).iter().next().unwrap_or_default();
            self.put_cell(schema, new, Cell::Text(pair));
            return Ok(message.len());
        }
        match cells {
            Some(Cells::Ints(numbers)) if have.kind.is_text() && !schema.columns[new as usize].plain => {
                let number = numbers.get(place as usize).copied().unwrap_or(0);
                let texts = source.part.texts(column)?;
                if translation.texts.len() <= column as usize {
                    translation.texts.resize_with(column as usize + 1, Vec::new);
                }
                let text = texts.get(number as usize);
                let target = &mut schema.columns[new as usize];
                target.values += 1;
                let translated = translate(&mut translation.texts[column as usize], number, || {
                    Ok::<_, ContainerError>(target.texts.intern(text))
                })?;
                if let Cells::Ints(values) = self.cells_mut(new, false) {
                    values.push(u64::from(translated));
                }
                Ok(overhead + text.len())
            }
            cells => {
                let cell = super::rows::cell_at(have.kind, cells, source.part.texts(column)?, place);
                self.put_cell(schema, new, cell);
                Ok(overhead + if let Cell::Text(text) = cell { text.len() } else { 8 })
            }
        }
    }
}

impl Translation {
    #[inline]
    fn column(&mut self, schema: &mut Schema, source: &Source<'_>, column: u32) {
        let place = column as usize;
        if self.columns.len() <= place {
            self.columns.resize(place + 1, None);
        }
        if self.columns[place].is_none() {
            let have = &source.part.columns[place];
            self.columns[place] = Some(schema.column_or_overflow(have.owner, have.kind, &have.key));
        }
    }
}
