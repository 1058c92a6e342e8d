//! Rows -> OTLP: what a sender gave comes back, field by field.

use wire::proto::Writer;

use super::read::Part;
use super::rows::{Fixed, RowIndex, Rows, cell_at};
use super::schema::{FixedText, Owner, write_attribute};
use store::ContainerError;

/// Whole rows of a part, with all that they refer to.
pub(crate) struct Source<'p> {
    pub part: &'p Part,
    pub rows: &'p Rows,
    pub index: &'p RowIndex,
}

impl Source<'_> {
    fn text(&self, column: Fixed, item: usize) -> Result<&[u8], ContainerError> {
        let texts = self.part.fixed_texts(column.texts().unwrap_or(FixedText::Name))?;
        Ok(texts.get(self.rows.get(column, item) as usize))
    }

    /// The span of a row as the content of a `Span` message.
    pub(crate) fn write_span(&self, row: usize, out: &mut Writer<'_>) -> Result<(), ContainerError> {
        let (rows, index) = (self.rows, self.index);
        let start = rows.get(Fixed::Start, row);
        let duration = stdx::varint::unzigzag(rows.get(Fixed::Duration, row));
        out.always_bytes(2, &rows.span_ids[row].0);
        out.bytes(3, self.text(Fixed::TraceState, row)?);
        let parent = index.parent_id(rows, row);
        if !parent.is_zero() {
            out.always_bytes(4, &parent.0);
        }
        out.bytes(5, self.text(Fixed::Name, row)?);
        out.int(6, rows.get(Fixed::Kind, row) as i64);
        out.fixed64(7, start);
        out.fixed64(8, start.wrapping_add(duration as u64));
        self.write_attributes(Owner::Span, row, 9, rows.get(Fixed::Shape, row), out)?;
        out.varint(10, rows.get(Fixed::DroppedAttributes, row));
        for event in index.events(rows, row) {
            out.try_message(11, |out| self.write_event(event, start, out))?;
        }
        out.varint(12, rows.get(Fixed::DroppedEvents, row));
        for link in index.links(rows, row) {
            out.try_message(13, |out| self.write_link(link, out))?;
        }
        out.varint(14, rows.get(Fixed::DroppedLinks, row));
        if let Some(code) = (rows.get(Fixed::Status, row) as i64).checked_sub(1).filter(|code| *code != -1) {
            let message = self.text(Fixed::StatusMessage, row)?;
            out.message(15, |status| {
                status.bytes(2, message);
                status.int(3, code);
            });
        }
        out.fixed32(16, rows.get(Fixed::Flags, row) as u32);
        Ok(())
    }

    fn write_event(&self, event: usize, span_start: u64, out: &mut Writer<'_>) -> Result<(), ContainerError> {
        let since = stdx::varint::unzigzag(self.rows.get(Fixed::EventTime, event));
        out.fixed64(1, span_start.wrapping_add(since as u64));
        out.bytes(2, self.text(Fixed::EventName, event)?);
        self.write_attributes(Owner::Event, event, 3, self.rows.get(Fixed::EventShape, event), out)?;
        out.varint(4, self.rows.get(Fixed::EventDropped, event));
        Ok(())
    }

    fn write_link(&self, link: usize, out: &mut Writer<'_>) -> Result<(), ContainerError> {
        let (trace, span) = self.rows.links[link];
        if !trace.is_zero() {
            out.always_bytes(1, &trace.0);
        }
        if !span.is_zero() {
            out.always_bytes(2, &span.0);
        }
        out.bytes(3, self.text(Fixed::LinkState, link)?);
        self.write_attributes(Owner::Link, link, 4, self.rows.get(Fixed::LinkShape, link), out)?;
        out.varint(5, self.rows.get(Fixed::LinkDropped, link));
        out.fixed32(6, self.rows.get(Fixed::LinkFlags, link) as u32);
        Ok(())
    }

    fn write_attributes(
        &self,
        owner: Owner,
        item: usize,
        number: u32,
        shape: u64,
        out: &mut Writer<'_>,
    ) -> Result<(), ContainerError> {
        let columns = self.part.shapes()?.get(shape as u32);
        for (column, place) in columns.iter().zip(self.index.places(owner, item)) {
            let have = &self.part.columns[*column as usize];
            let cells = self.rows.cells.get(*column as usize);
            let cell = cell_at(have.kind, cells, self.part.texts(*column)?, *place);
            write_attribute(out, number, have.kind, &have.key, cell);
        }
        Ok(())
    }
}
