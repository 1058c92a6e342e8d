//! `logproto.PushRequest`: streams of a label string and entries.

use std::borrow::Cow;

use crate::proto::schema::{Kind, many, one};
use crate::proto::view::{Many, One, Text, View, view};
use crate::proto::{Count, Malformed, Message, Writer, validate};

pub static PUSH_REQUEST: Message = Message::new("PushRequest", &[many(1, "streams", Kind::Message(&STREAM))]);

static STREAM: Message = Message::new(
    "Stream",
    &[
        one(1, "labels", Kind::String),
        many(2, "entries", Kind::Message(&ENTRY)),
        one(3, "hash", Kind::Uint64),
    ],
);

// A line is whatever bytes a program wrote; Loki takes them, so do we.
static ENTRY: Message = Message::item(
    "Entry",
    &[
        one(1, "timestamp", Kind::Message(&TIMESTAMP)),
        one(2, "line", Kind::Bytes),
        many(3, "structured_metadata", Kind::Message(&LABEL_PAIR)),
        many(4, "parsed", Kind::Message(&LABEL_PAIR)),
    ],
);

static TIMESTAMP: Message =
    Message::new("Timestamp", &[one(1, "seconds", Kind::Int64), one(2, "nanos", Kind::Int32)]);
static LABEL_PAIR: Message =
    Message::new("LabelPair", &[one(1, "name", Kind::String), one(2, "value", Kind::String)]);

view! {
    /// Read it with [`PushRequest::new`].
    PushRequest<'a> {
        1 streams: Many<'a, StreamView<'a>>,
    }
    StreamView<'a> {
        /// `{a="b"}`; see `parse_labels`.
        1 labels: Text<'a>,
        2 entries: Many<'a, EntryView<'a>>,
        /// Between Loki's own parts; a client's is not believed.
        3 hash: u64,
    }
    EntryView<'a> {
        1 timestamp: One<'a, TimestampView<'a>>,
        2 line_bytes: &'a [u8],
        3 structured_metadata: Many<'a, LabelPairView<'a>>,
        /// Between Loki's own parts: labels that a query's parser found.
        4 parsed: Many<'a, LabelPairView<'a>>,
    }
    TimestampView<'a> {
        1 seconds: i64,
        2 nanos: i32,
    }
    LabelPairView<'a> {
        1 name: Text<'a>,
        2 value: Text<'a>,
    }
}

impl<'a> PushRequest<'a> {
    /// Proves the body; nothing read from it later can fail.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        validate(&PUSH_REQUEST, bytes)?;
        Ok(Self::read(bytes))
    }

    /// For bytes that were validated before.
    pub fn trusted(bytes: &'a [u8]) -> Self {
        Self::read(bytes)
    }
}

/// Proves a body and counts its entries.
pub fn validate_push(bytes: &[u8]) -> Result<Count, Malformed> {
    validate(&PUSH_REQUEST, bytes)
}

impl<'a> EntryView<'a> {
    /// Nanoseconds since 1970; times beyond what 64 bits hold are the nearest that they do.
    pub fn timestamp_ns(&self) -> i64 {
        let timestamp = self.timestamp.or_empty();
        timestamp.seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(timestamp.nanos))
    }

    /// The line; bytes that are no UTF-8 are replaced.
    pub fn line(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.line_bytes)
    }
}

/// Builds a `PushRequest`, stream by stream.
#[derive(Debug, Default)]
pub struct PushBuilder {
    out: Vec<u8>,
}

/// Adds entries to one stream.
#[derive(Debug)]
pub struct StreamBuilder<'w, 'o> {
    writer: &'w mut Writer<'o>,
}

impl PushBuilder {
    /// `labels` as `print_labels` writes them.
    pub fn stream(&mut self, labels: &str, fill: impl FnOnce(&mut StreamBuilder<'_, '_>)) {
        Writer::new(&mut self.out).message(1, |stream| {
            stream.string(1, labels);
            fill(&mut StreamBuilder { writer: stream });
        });
    }

    pub fn finish(self) -> Vec<u8> {
        self.out
    }
}

impl StreamBuilder<'_, '_> {
    pub fn entry<'l>(
        &mut self,
        timestamp_ns: i64,
        line: &str,
        structured_metadata: impl IntoIterator<Item = (&'l str, &'l str)>,
    ) {
        self.writer.message(2, |entry| {
            write_timestamp(entry, timestamp_ns);
            entry.string(2, line);
            for (name, value) in structured_metadata {
                write_pair(entry, name, value);
            }
        });
    }
}

pub(super) fn write_timestamp(entry: &mut Writer<'_>, timestamp_ns: i64) {
    const SECOND: i64 = 1_000_000_000;
    entry.message(1, |timestamp| {
        timestamp.int(1, timestamp_ns.div_euclid(SECOND));
        timestamp.int(2, timestamp_ns.rem_euclid(SECOND));
    });
}

pub(super) fn write_pair(entry: &mut Writer<'_>, name: &str, value: &str) {
    entry.message(3, |pair| {
        pair.string(1, name);
        pair.string(2, value);
    });
}
