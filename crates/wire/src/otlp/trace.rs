//! OTLP traces: table and views.

use model::{SpanId, TraceId};

use super::common::{Attributes, KEY_VALUE, RESOURCE, ResourceView, SCOPE, ScopeView, root_view};
use crate::proto::Message;
use crate::proto::schema::{Kind, many, one};
use crate::proto::view::{Many, One, Text, view};

pub static TRACES: Message =
    Message::new("ExportTraceServiceRequest", &[many(1, "resource_spans", Kind::Message(&RESOURCE_SPANS))]);

pub static RESOURCE_SPANS: Message = Message::new(
    "ResourceSpans",
    &[
        one(1, "resource", Kind::Message(&RESOURCE)),
        many(2, "scope_spans", Kind::Message(&SCOPE_SPANS)),
        one(3, "schema_url", Kind::String),
    ],
);

static SCOPE_SPANS: Message = Message::new(
    "ScopeSpans",
    &[
        one(1, "scope", Kind::Message(&SCOPE)),
        many(2, "spans", Kind::Message(&SPAN)),
        one(3, "schema_url", Kind::String),
    ],
);

pub static SPAN: Message = Message::item(
    "Span",
    &[
        one(1, "trace_id", Kind::Id(16)),
        one(2, "span_id", Kind::Id(8)),
        one(3, "trace_state", Kind::String),
        one(4, "parent_span_id", Kind::Id(8)),
        one(5, "name", Kind::String),
        one(6, "kind", Kind::Enum(SPAN_KINDS)),
        one(7, "start_time_unix_nano", Kind::Fixed64),
        one(8, "end_time_unix_nano", Kind::Fixed64),
        many(9, "attributes", Kind::Message(&KEY_VALUE)),
        one(10, "dropped_attributes_count", Kind::Uint32),
        many(11, "events", Kind::Message(&EVENT)),
        one(12, "dropped_events_count", Kind::Uint32),
        many(13, "links", Kind::Message(&LINK)),
        one(14, "dropped_links_count", Kind::Uint32),
        one(15, "status", Kind::Message(&STATUS)),
        one(16, "flags", Kind::Fixed32),
    ],
);

static EVENT: Message = Message::new(
    "Span.Event",
    &[
        one(1, "time_unix_nano", Kind::Fixed64),
        one(2, "name", Kind::String),
        many(3, "attributes", Kind::Message(&KEY_VALUE)),
        one(4, "dropped_attributes_count", Kind::Uint32),
    ],
);

static LINK: Message = Message::new(
    "Span.Link",
    &[
        one(1, "trace_id", Kind::Id(16)),
        one(2, "span_id", Kind::Id(8)),
        one(3, "trace_state", Kind::String),
        many(4, "attributes", Kind::Message(&KEY_VALUE)),
        one(5, "dropped_attributes_count", Kind::Uint32),
        one(6, "flags", Kind::Fixed32),
    ],
);

static STATUS: Message =
    Message::new("Status", &[one(2, "message", Kind::String), one(3, "code", Kind::Enum(STATUS_CODES))]);

/// Names and numbers of span kinds.
pub const SPAN_KINDS: &[(&str, i32)] = &[
    ("SPAN_KIND_UNSPECIFIED", 0),
    ("SPAN_KIND_INTERNAL", 1),
    ("SPAN_KIND_SERVER", 2),
    ("SPAN_KIND_CLIENT", 3),
    ("SPAN_KIND_PRODUCER", 4),
    ("SPAN_KIND_CONSUMER", 5),
];

/// Names and numbers of status codes.
pub const STATUS_CODES: &[(&str, i32)] =
    &[("STATUS_CODE_UNSET", 0), ("STATUS_CODE_OK", 1), ("STATUS_CODE_ERROR", 2)];

root_view! {
    /// An `ExportTraceServiceRequest`.
    TracesView, TRACES, resource_spans: ResourceSpansView
}

view! {
    ResourceSpansView<'a> {
        1 resource: One<'a, ResourceView<'a>>,
        2 scope_spans: Many<'a, ScopeSpansView<'a>>,
        3 schema_url: Text<'a>,
    }
    ScopeSpansView<'a> {
        1 scope: One<'a, ScopeView<'a>>,
        2 spans: Many<'a, SpanView<'a>>,
        3 schema_url: Text<'a>,
    }
    SpanView<'a> {
        /// Empty or 16 bytes.
        1 trace_id_bytes: &'a [u8],
        /// Empty or 8 bytes.
        2 span_id_bytes: &'a [u8],
        3 trace_state: Text<'a>,
        /// Empty or 8 bytes.
        4 parent_span_id_bytes: &'a [u8],
        5 name: Text<'a>,
        6 kind: i32,
        7 start_time_unix_nano: u64,
        8 end_time_unix_nano: u64,
        9 attributes: Attributes<'a>,
        10 dropped_attributes_count: u32,
        11 events: Many<'a, EventView<'a>>,
        12 dropped_events_count: u32,
        13 links: Many<'a, LinkView<'a>>,
        14 dropped_links_count: u32,
        15 status_message: One<'a, StatusView<'a>>,
        16 flags: u32,
    }
    EventView<'a> {
        1 time_unix_nano: u64,
        2 name: Text<'a>,
        3 attributes: Attributes<'a>,
        4 dropped_attributes_count: u32,
    }
    LinkView<'a> {
        1 trace_id_bytes: &'a [u8],
        2 span_id_bytes: &'a [u8],
        3 trace_state: Text<'a>,
        4 attributes: Attributes<'a>,
        5 dropped_attributes_count: u32,
        6 flags: u32,
    }
    StatusView<'a> {
        2 message: Text<'a>,
        3 code: i32,
    }
}

impl<'a> SpanView<'a> {
    pub fn trace_id(&self) -> TraceId {
        TraceId::from_bytes(self.trace_id_bytes).unwrap_or_default()
    }

    pub fn span_id(&self) -> SpanId {
        SpanId::from_bytes(self.span_id_bytes).unwrap_or_default()
    }

    /// All zero for a root span.
    pub fn parent_span_id(&self) -> SpanId {
        SpanId::from_bytes(self.parent_span_id_bytes).unwrap_or_default()
    }

    /// Unset if the span has none.
    pub fn status(&self) -> StatusView<'a> {
        self.status_message.or_empty()
    }
}

impl LinkView<'_> {
    pub fn trace_id(&self) -> TraceId {
        TraceId::from_bytes(self.trace_id_bytes).unwrap_or_default()
    }

    pub fn span_id(&self) -> SpanId {
        SpanId::from_bytes(self.span_id_bytes).unwrap_or_default()
    }
}
