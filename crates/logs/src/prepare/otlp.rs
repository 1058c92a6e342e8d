//! The walk over an OTLP logs request.

use std::sync::Arc;

use wire::loki::Rejection;
use wire::otlp::common::AnyValueView;
use wire::otlp::logs::LogsView;
use wire::proto::{Reader, Value, View};

use super::Walk;
use crate::batch::{RecordKind, Row, Span, each_own};
use crate::checks::MetadataSize;
use crate::level::{LEVEL_NAMES, Level};
use crate::origin::Origin;
use wire::otlp::text::write_text;

impl Walk<'_> {
    pub(super) fn otlp(&mut self) {
        let body = self.body;
        let mut key = Vec::new();
        for resource_logs in LogsView::trusted(body).resource_logs() {
            let resource = resource_logs.resource.bytes().unwrap_or_default();
            for scope_logs in resource_logs.scope_logs.iter() {
                let scope = scope_logs.scope.bytes().unwrap_or_default();
                key.clear();
                key.push(RecordKind::Otlp as u8);
                stdx::varint::put_bytes(&mut key, resource);
                key.extend_from_slice(scope);
                let count = scope_logs.log_records.slices();
                match self.origin(&key, || Ok(Origin::of_otlp(resource, scope))) {
                    Ok(origin) => {
                        let start = self.batch.rows.len();
                        for record in count {
                            self.otlp_record(&origin, record);
                        }
                        self.close_group(origin, start);
                    }
                    Err(reason) => self.refusals.add(count.count() as u64, reason),
                }
            }
        }
    }

    /// The origin for `key`, or why its entries are refused.
    pub(super) fn origin(
        &mut self,
        key: &[u8],
        make: impl FnOnce() -> Result<Origin, Rejection>,
    ) -> Result<Arc<Origin>, Rejection> {
        let checks = self.checks;
        let config = checks.map(|checks| checks.config);
        let streams_max = match config.map(|config| config.max_global_streams_per_user) {
            None | Some(0) => usize::MAX,
            Some(max) => max,
        };
        let entries_max = config.map_or(10_000, |config| config.resource_cache_entries);
        let checked = || {
            let origin = make()?;
            checks.map_or(Ok(()), |checks| checks.stream(&origin.labels))?;
            Ok(origin)
        };
        self.origins.get(&self.batch.tenant, key, streams_max, entries_max, checked)
    }

    fn otlp_record(&mut self, origin: &Origin, record: &[u8]) {
        let (mut time, mut observed, mut severity) = (0u64, 0u64, 0u64);
        let (mut severity_text, mut body): (&[u8], &[u8]) = (&[], &[]);
        let mut level_attribute = None;
        let mut size = MetadataSize { bytes: 0, entries: 5 + origin.metadata.len() };
        let mut reader = Reader::new(record);
        while let Ok(Some(field)) = reader.field() {
            match (field.number, field.value) {
                (1, Value::Fixed64(value)) => time = value,
                (11, Value::Fixed64(value)) => observed = value,
                (2, Value::Varint(value)) => severity = value,
                (3, Value::Bytes(text)) => severity_text = text,
                (5, Value::Bytes(value)) => body = value,
                (6, Value::Bytes(pair)) => {
                    size.bytes += pair.len();
                    size.entries += 1;
                    level_attribute = level_attribute.or_else(|| level_of(pair));
                }
                _ => {}
            }
        }
        let ts_ns = match (time, observed) {
            (0, 0) => self.received_ns,
            (0, observed) => i64::try_from(observed).unwrap_or(i64::MAX),
            (time, _) => i64::try_from(time).unwrap_or(i64::MAX),
        };
        let (line, is_rendered) = self.line(body);
        let line_bytes = line.of(if is_rendered { &self.batch.rendered } else { self.body });
        let level = (origin.level.or(level_attribute))
            .or_else(|| Level::from_word(severity_text))
            .or_else(|| (severity != 0).then(|| Level::from_severity(severity)))
            .unwrap_or_else(|| Level::from_line(line_bytes));
        let row = Row { ts_ns, record: self.span(record), line, level, is_rendered };
        self.take(origin, row, size);
    }

    /// The text of a body: as it stands in the request if it is a string, else rendered.
    fn line(&mut self, body: &[u8]) -> (Span, bool) {
        match AnyValueView::read(body) {
            AnyValueView::String(text) => (self.span(text.as_bytes()), false),
            value => {
                let start = self.batch.rendered.len();
                write_text(value, &mut self.batch.rendered);
                (Span { start: start as u32, len: (self.batch.rendered.len() - start) as u32 }, true)
            }
        }
    }

    /// Keeps the row unless a limit speaks against it. `size` is what the record's metadata has at most.
    pub(super) fn take(&mut self, origin: &Origin, row: Row, mut size: MetadataSize) {
        if let Some(checks) = self.checks {
            size.bytes += origin.metadata.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
            let config = checks.config;
            if size.bytes > config.max_structured_metadata_size
                || size.entries > config.max_structured_metadata_entries_count
            {
                size = self.exact_size(origin, &row);
            }
            if !checks.entry(&origin.labels, row.ts_ns, row.line.len as usize, size, &mut self.refusals) {
                return;
            }
        }
        self.batch.rows.push(row);
    }

    #[cold]
    fn exact_size(&self, origin: &Origin, row: &Row) -> MetadataSize {
        let mut size = MetadataSize::default();
        let mut text = Vec::new();
        each_own(self.batch.kind, row.record.of(self.body), &mut |name, value| {
            let (crate::batch::Name::Plain(name) | crate::batch::Name::Attribute(name)) = name;
            text.clear();
            value.write(&mut text);
            size.bytes += name.len() + text.len();
            size.entries += 1;
        });
        size.bytes += origin.metadata.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        size.entries += origin.metadata.len();
        size
    }

    /// Where `inner`, a part of the body, stands in it.
    pub(super) fn span(&self, inner: &[u8]) -> Span {
        let range = wire::proto::range_within(self.body, inner).unwrap_or(0..0);
        Span { start: range.start as u32, len: range.len() as u32 }
    }
}

/// The level that an attribute says, if it is one that says levels.
#[inline]
fn level_of(pair: &[u8]) -> Option<Level> {
    let &[0x0a, len, first, ..] = pair else { return None };
    if !matches!(first | 0x20, b'l' | b's') || len > 12 {
        return None;
    }
    let key = pair.get(2..2 + usize::from(len))?;
    LEVEL_NAMES.iter().find(|name| name.as_bytes() == key)?;
    let pair = wire::otlp::common::KeyValueView::read(pair);
    Level::from_word(pair.value().as_str()?.as_bytes())
}
