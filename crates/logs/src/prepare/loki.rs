//! The walk over a Loki push request.

use model::Labels;
use wire::loki::{Rejection, parse_labels};
use wire::proto::{Fault, Reader, Value};

use super::Walk;
use crate::batch::{RecordKind, Row};
use crate::checks::MetadataSize;
use crate::level::{LEVEL_NAMES, Level};
use crate::origin::Origin;

impl Walk<'_> {
    /// `PushRequest { repeated StreamAdapter streams = 1 }`.
    pub(super) fn loki(&mut self) -> Result<(), Fault> {
        let body = self.body;
        let mut reader = Reader::new(body);
        while let Some(field) = reader.field()? {
            if let (1, Value::Bytes(stream)) = (field.number, field.value) {
                self.loki_stream(stream)?;
            }
        }
        Ok(())
    }

    /// `StreamAdapter { string labels = 1; repeated EntryAdapter entries = 2 }`. The labels may stand behind the entries.
    fn loki_stream(&mut self, stream: &[u8]) -> Result<(), Fault> {
        let mut labels: &[u8] = &[];
        let mut entries = 0;
        let mut reader = Reader::new(stream);
        while let Some(field) = reader.field()? {
            match (field.number, field.value) {
                (1, Value::Bytes(text)) => labels = text,
                (2, Value::Bytes(_)) => entries += 1,
                _ => {}
            }
        }
        if entries == 0 {
            return Ok(());
        }
        let mut key = vec![RecordKind::Loki as u8];
        key.extend_from_slice(labels);
        let origin = match self.origin(&key, || stream_labels(labels).map(Origin::of_stream)) {
            Ok(origin) => origin,
            Err(reason) => {
                self.refusals.add(entries, reason);
                return Ok(());
            }
        };
        let start = self.batch.rows.len();
        let mut reader = Reader::new(stream);
        while let Some(field) = reader.field()? {
            if let (2, Value::Bytes(entry)) = (field.number, field.value) {
                self.loki_entry(&origin, entry)?;
            }
        }
        self.close_group(origin, start);
        Ok(())
    }

    /// `EntryAdapter { Timestamp timestamp = 1; string line = 2; repeated LabelPairAdapter structuredMetadata = 3 }`.
    fn loki_entry(&mut self, origin: &Origin, entry: &[u8]) -> Result<(), Fault> {
        let mut ts_ns = 0i64;
        let mut line: &[u8] = &[];
        let mut level_pair = None;
        let mut size = MetadataSize { bytes: 0, entries: origin.metadata.len() };
        let mut reader = Reader::new(entry);
        while let Some(field) = reader.field()? {
            match (field.number, field.value) {
                (1, Value::Bytes(timestamp)) => ts_ns = timestamp_ns(timestamp)?,
                (2, Value::Bytes(text)) => line = text,
                (3, Value::Bytes(pair)) => {
                    size.bytes += pair.len();
                    size.entries += 1;
                    level_pair = level_pair.or(level_of(pair)?);
                }
                _ => {}
            }
        }
        let level = origin.level.or(level_pair).unwrap_or_else(|| Level::from_line(line));
        let row = Row { ts_ns, record: self.span(entry), line: self.span(line), level, is_rendered: false };
        self.take(origin, row, size);
        Ok(())
    }
}

/// `google.protobuf.Timestamp { int64 seconds = 1; int32 nanos = 2 }`.
fn timestamp_ns(bytes: &[u8]) -> Result<i64, Fault> {
    let (mut seconds, mut nanos) = (0i64, 0i64);
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.field()? {
        match (field.number, field.value) {
            (1, Value::Varint(value)) => seconds = value as i64,
            (2, Value::Varint(value)) => nanos = value as i64,
            _ => {}
        }
    }
    Ok(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

fn level_of(pair: &[u8]) -> Result<Option<Level>, Fault> {
    let (mut name, mut value): (&[u8], &[u8]) = (&[], &[]);
    let mut reader = Reader::new(pair);
    while let Some(field) = reader.field()? {
        match (field.number, field.value) {
            (1, Value::Bytes(text)) => name = text,
            (2, Value::Bytes(text)) => value = text,
            _ => {}
        }
    }
    let is_level = LEVEL_NAMES.iter().any(|known| known.as_bytes() == name);
    Ok(is_level.then(|| Level::from_word(value)).flatten())
}

/// The labels of a stream, or why there are none.
fn stream_labels(text: &[u8]) -> Result<Labels, Rejection> {
    let invalid = |error: String| Rejection::InvalidLabels {
        labels: String::from_utf8_lossy(text).into_owned(),
        error,
    };
    let text = std::str::from_utf8(text).map_err(|error| invalid(error.to_string()))?;
    let labels = parse_labels(text).map_err(|error| invalid(error.to_string()))?;
    if labels.is_empty() {
        return Err(Rejection::MissingLabels);
    }
    Ok(labels)
}
