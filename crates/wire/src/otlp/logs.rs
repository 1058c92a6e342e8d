//! OTLP logs: table and views.

use model::{SpanId, TraceId};

use super::common::{
    ANY_VALUE, AnyValueView, Attributes, KEY_VALUE, RESOURCE, ResourceView, SCOPE, ScopeView, root_view,
};
use crate::proto::Message;
use crate::proto::schema::{Kind, many, one};
use crate::proto::view::{Many, One, Text, view};

pub static LOGS: Message =
    Message::new("ExportLogsServiceRequest", &[many(1, "resource_logs", Kind::Message(&RESOURCE_LOGS))]);

static RESOURCE_LOGS: Message = Message::new(
    "ResourceLogs",
    &[
        one(1, "resource", Kind::Message(&RESOURCE)),
        many(2, "scope_logs", Kind::Message(&SCOPE_LOGS)),
        one(3, "schema_url", Kind::String),
    ],
);

static SCOPE_LOGS: Message = Message::new(
    "ScopeLogs",
    &[
        one(1, "scope", Kind::Message(&SCOPE)),
        many(2, "log_records", Kind::Message(&LOG_RECORD)),
        one(3, "schema_url", Kind::String),
    ],
);

pub static LOG_RECORD: Message = Message::item(
    "LogRecord",
    &[
        one(1, "time_unix_nano", Kind::Fixed64),
        one(2, "severity_number", Kind::Enum(SEVERITIES)),
        one(3, "severity_text", Kind::String),
        one(5, "body", Kind::Message(&ANY_VALUE)),
        many(6, "attributes", Kind::Message(&KEY_VALUE)),
        one(7, "dropped_attributes_count", Kind::Uint32),
        one(8, "flags", Kind::Fixed32),
        one(9, "trace_id", Kind::Id(16)),
        one(10, "span_id", Kind::Id(8)),
        one(11, "observed_time_unix_nano", Kind::Fixed64),
        one(12, "event_name", Kind::String),
    ],
);

const SEVERITIES: &[(&str, i32)] = &[
    ("SEVERITY_NUMBER_UNSPECIFIED", 0),
    ("SEVERITY_NUMBER_TRACE", 1),
    ("SEVERITY_NUMBER_TRACE2", 2),
    ("SEVERITY_NUMBER_TRACE3", 3),
    ("SEVERITY_NUMBER_TRACE4", 4),
    ("SEVERITY_NUMBER_DEBUG", 5),
    ("SEVERITY_NUMBER_DEBUG2", 6),
    ("SEVERITY_NUMBER_DEBUG3", 7),
    ("SEVERITY_NUMBER_DEBUG4", 8),
    ("SEVERITY_NUMBER_INFO", 9),
    ("SEVERITY_NUMBER_INFO2", 10),
    ("SEVERITY_NUMBER_INFO3", 11),
    ("SEVERITY_NUMBER_INFO4", 12),
    ("SEVERITY_NUMBER_WARN", 13),
    ("SEVERITY_NUMBER_WARN2", 14),
    ("SEVERITY_NUMBER_WARN3", 15),
    ("SEVERITY_NUMBER_WARN4", 16),
    ("SEVERITY_NUMBER_ERROR", 17),
    ("SEVERITY_NUMBER_ERROR2", 18),
    ("SEVERITY_NUMBER_ERROR3", 19),
    ("SEVERITY_NUMBER_ERROR4", 20),
    ("SEVERITY_NUMBER_FATAL", 21),
    ("SEVERITY_NUMBER_FATAL2", 22),
    ("SEVERITY_NUMBER_FATAL3", 23),
    ("SEVERITY_NUMBER_FATAL4", 24),
];

root_view! {
    /// An `ExportLogsServiceRequest`.
    LogsView, LOGS, resource_logs: ResourceLogsView
}

view! {
    ResourceLogsView<'a> {
        1 resource: One<'a, ResourceView<'a>>,
        2 scope_logs: Many<'a, ScopeLogsView<'a>>,
        3 schema_url: Text<'a>,
    }
    ScopeLogsView<'a> {
        1 scope: One<'a, ScopeView<'a>>,
        2 log_records: Many<'a, LogRecordView<'a>>,
        3 schema_url: Text<'a>,
    }
    LogRecordView<'a> {
        1 time_unix_nano: u64,
        2 severity_number: i32,
        3 severity_text: Text<'a>,
        5 body_message: One<'a, AnyValueView<'a>>,
        6 attributes: Attributes<'a>,
        7 dropped_attributes_count: u32,
        /// The low eight bits are the W3C trace flags.
        8 flags: u32,
        /// Empty or 16 bytes.
        9 trace_id_bytes: &'a [u8],
        /// Empty or 8 bytes.
        10 span_id_bytes: &'a [u8],
        11 observed_time_unix_nano: u64,
        12 event_name: Text<'a>,
    }
}

impl<'a> LogRecordView<'a> {
    pub fn body(&self) -> AnyValueView<'a> {
        self.body_message.get().unwrap_or(AnyValueView::Empty)
    }

    /// All zero if the record belongs to no trace.
    pub fn trace_id(&self) -> TraceId {
        TraceId::from_bytes(self.trace_id_bytes).unwrap_or_default()
    }

    pub fn span_id(&self) -> SpanId {
        SpanId::from_bytes(self.span_id_bytes).unwrap_or_default()
    }

    /// When it happened, or when it was seen if the first is unknown; 0 if neither is.
    pub fn timestamp_ns(&self) -> u64 {
        if self.time_unix_nano != 0 { self.time_unix_nano } else { self.observed_time_unix_nano }
    }
}
