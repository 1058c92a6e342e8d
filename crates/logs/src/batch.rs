//! A request body as the head keeps it: the bytes as they came, one compact row per entry, and which stretch of rows has which origin.
//!
//! Rows are ranges into the body; nothing of an entry is copied, except a line that is no string (rendered once into `rendered`).
//! Row order is the order of the request.

use std::sync::Arc;

use bytes::Bytes;
use model::TenantId;
use store::column::Value;
use wire::otlp::common::{AnyValueView, KeyValueView};
use wire::proto::{Reader, Value as Wire, View};

use crate::level::Level;
use crate::metadata::MetadataBuffer;
use crate::origin::{Origin, flatten};
use wire::otlp::text::label_name;
use wire::otlp::text::write_text;

/// A stretch of the body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

impl Span {
    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..self.start as usize + self.len as usize]
    }
}

/// One entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) ts_ns: i64,
    /// The whole record, for its metadata.
    pub(crate) record: Span,
    /// In the body, or in `rendered`.
    pub(crate) line: Span,
    pub(crate) level: Level,
    pub(crate) is_rendered: bool,
}

/// Rows that share an origin.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) origin: Arc<Origin>,
    /// Rows `start..end` of the batch.
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) min_ns: i64,
    pub(crate) max_ns: i64,
}

/// What the records of a body are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordKind {
    Otlp,
    Loki,
}

/// A parsed and checked request.
#[derive(Debug)]
pub struct Batch {
    pub(crate) tenant: TenantId,
    pub(crate) kind: RecordKind,
    pub(crate) body: Bytes,
    pub(crate) rendered: Vec<u8>,
    pub(crate) groups: Vec<Group>,
    pub(crate) rows: Vec<Row>,
}

impl Batch {
    pub(crate) fn line(&self, row: &Row) -> &[u8] {
        row.line.of(if row.is_rendered { &self.rendered } else { &self.body })
    }

    /// Memory held, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.body.len() + self.rendered.len() + self.rows.len() * size_of::<Row>() + self.groups.len() * 64
    }

    /// All metadata of a row, its own before that of its origin.
    pub(crate) fn metadata(&self, group: &Group, row: &Row, into: &mut MetadataBuffer) {
        into.clear();
        each_own(self.kind, row.record.of(&self.body), &mut |name, value| match name {
            Name::Plain(name) => into.push(name, |out| value.write(out)),
            Name::Attribute(raw) => into.push(&label_name(raw), |out| value.write(out)),
        });
        for (name, value) in &group.origin.metadata {
            into.push(name, |out| out.extend_from_slice(value.as_bytes()));
        }
    }
}

/// A metadata name as a record has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Name<'a> {
    /// Already a label name.
    Plain(&'a str),
    /// An attribute's key, to be made a label name.
    Attribute(&'a str),
}

/// Shows the metadata that a record itself has: attributes first, then OTLP's fields.
pub(crate) fn each_own(kind: RecordKind, record: &[u8], each: &mut impl FnMut(Name<'_>, Value<'_>)) {
    match kind {
        RecordKind::Otlp => each_otlp(record, each),
        RecordKind::Loki => each_loki(record, each),
    }
}

fn each_otlp(record: &[u8], each: &mut impl FnMut(Name<'_>, Value<'_>)) {
    let (mut time, mut observed) = (0, 0);
    let mut reader = Reader::new(record);
    while let Ok(Some(field)) = reader.field() {
        match (field.number, field.value) {
            (1, Wire::Fixed64(value)) => time = value,
            (2, Wire::Varint(value)) if value != 0 => {
                each(Name::Plain("severity_number"), Value::Int(value as i64))
            }
            (3, Wire::Bytes(text)) if !text.is_empty() => {
                each(Name::Plain("severity_text"), Value::Text(text))
            }
            (6, Wire::Bytes(pair)) => each_attribute(pair, each),
            (7, Wire::Varint(value)) if value != 0 => {
                each(Name::Plain("dropped_attributes_count"), Value::Int(value as i64));
            }
            (8, Wire::Fixed32(value)) if value != 0 => {
                each(Name::Plain("flags"), Value::Int(i64::from(value)))
            }
            (9, Wire::Bytes(id)) if id.iter().any(|byte| *byte != 0) => {
                each(Name::Plain("trace_id"), Value::Hex(id))
            }
            (10, Wire::Bytes(id)) if id.iter().any(|byte| *byte != 0) => {
                each(Name::Plain("span_id"), Value::Hex(id))
            }
            (11, Wire::Fixed64(value)) => observed = value,
            (12, Wire::Bytes(text)) if !text.is_empty() => each(Name::Plain("event_name"), Value::Text(text)),
            _ => {}
        }
    }
    if time != 0 && observed != 0 {
        each(Name::Plain("observed_timestamp"), Value::Int(observed as i64));
    }
}

fn each_attribute(pair: &[u8], each: &mut impl FnMut(Name<'_>, Value<'_>)) {
    let pair = KeyValueView::read(pair);
    let key = Name::Attribute(pair.key.as_str());
    match pair.value() {
        AnyValueView::String(text) => each(key, Value::Text(text.as_bytes())),
        AnyValueView::Int(value) => each(key, Value::Int(value)),
        AnyValueView::Bool(value) => each(key, Value::Text(if value { b"true" } else { b"false" })),
        value @ AnyValueView::KeyValueList(_) => {
            flatten(&label_name(pair.key.as_str()), value, &mut |name, value| {
                each(Name::Plain(&name), Value::Text(value.as_bytes()));
            });
        }
        value => {
            let mut text = Vec::new();
            write_text(value, &mut text);
            each(key, Value::Text(&text));
        }
    }
}

/// `EntryAdapter.structuredMetadata`: pairs of name and value.
fn each_loki(record: &[u8], each: &mut impl FnMut(Name<'_>, Value<'_>)) {
    let mut reader = Reader::new(record);
    while let Ok(Some(field)) = reader.field() {
        if let (3, Wire::Bytes(pair)) = (field.number, field.value)
            && let Some((name, value)) = loki_pair(pair)
        {
            each(Name::Attribute(name), Value::Text(value));
        }
    }
}

fn loki_pair(pair: &[u8]) -> Option<(&str, &[u8])> {
    let (mut name, mut value): (&[u8], &[u8]) = (&[], &[]);
    let mut reader = Reader::new(pair);
    while let Ok(Some(field)) = reader.field() {
        match (field.number, field.value) {
            (1, Wire::Bytes(text)) => name = text,
            (2, Wire::Bytes(text)) => value = text,
            _ => {}
        }
    }
    Some((std::str::from_utf8(name).ok()?, value))
}
