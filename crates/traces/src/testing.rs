//! Spans for tests: described in a line, written as OTLP.

use model::{SpanId, TraceId};
use wire::proto::Writer;

use crate::query::Value;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SpanSpec {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub parent: SpanId,
    pub service: String,
    pub name: String,
    pub kind: i32,
    pub status: Option<(i32, String)>,
    pub start: u64,
    pub end: u64,
    pub attributes: Vec<(String, Value)>,
    /// Time, name, attributes.
    pub events: Vec<(u64, String, Vec<(String, Value)>)>,
    pub links: Vec<(TraceId, SpanId, Vec<(String, Value)>)>,
    pub trace_state: String,
    pub flags: u32,
    pub dropped: [u32; 3],
}

pub(crate) fn trace_id(number: u64) -> TraceId {
    TraceId(u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_0c4e_11d7).to_be_bytes())
}

pub(crate) fn span_id(number: u64) -> SpanId {
    SpanId(number.to_be_bytes())
}

impl SpanSpec {
    /// Parent 0: none.
    pub(crate) fn new(trace: u64, span: u64, parent: u64) -> Self {
        let start = 1_700_000_000_000_000_000 + trace * 1_000_000_000 + span * 1_000_000;
        Self {
            trace_id: trace_id(trace),
            span_id: span_id(span),
            parent: span_id(parent),
            service: "shop".into(),
            name: format!("op-{}", span % 5),
            kind: 1,
            status: None,
            start,
            end: start + 5_000_000,
            attributes: Vec::new(),
            events: Vec::new(),
            links: Vec::new(),
            trace_state: String::new(),
            flags: 0,
            dropped: [0; 3],
        }
    }

    pub(crate) fn write(&self, out: &mut Writer<'_>) {
        out.always_bytes(1, &self.trace_id.0);
        out.always_bytes(2, &self.span_id.0);
        out.string(3, &self.trace_state);
        if !self.parent.is_zero() {
            out.always_bytes(4, &self.parent.0);
        }
        out.string(5, &self.name);
        out.int(6, self.kind.into());
        out.fixed64(7, self.start);
        out.fixed64(8, self.end);
        attributes(out, 9, &self.attributes);
        out.varint(10, self.dropped[0].into());
        for (time, name, pairs) in &self.events {
            out.message(11, |event| {
                event.fixed64(1, *time);
                event.string(2, name);
                attributes(event, 3, pairs);
                event.varint(4, self.dropped[0].into());
            });
        }
        out.varint(12, self.dropped[1].into());
        for (trace, span, pairs) in &self.links {
            out.message(13, |link| {
                link.always_bytes(1, &trace.0);
                link.always_bytes(2, &span.0);
                link.string(3, &self.trace_state);
                attributes(link, 4, pairs);
                link.varint(5, self.dropped[2].into());
                link.fixed32(6, self.flags);
            });
        }
        out.varint(14, self.dropped[2].into());
        if let Some((code, message)) = &self.status {
            out.message(15, |status| {
                status.string(2, message);
                status.int(3, (*code).into());
            });
        }
        out.fixed32(16, self.flags);
    }

    /// The span as a message, for comparison.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut Writer::new(&mut out));
        out
    }
}

fn attributes(out: &mut Writer<'_>, number: u32, pairs: &[(String, Value)]) {
    for (key, value) in pairs {
        out.message(number, |pair| {
            pair.string(1, key);
            pair.message(2, |out| match value {
                Value::String(text) => out.always_bytes(1, text.as_bytes()),
                Value::Bool(value) => out.always_varint(2, u64::from(*value)),
                Value::Int(value) => out.always_varint(3, *value as u64),
                Value::Double(value) => out.always_double(4, *value),
                Value::Bytes(bytes) => out.always_bytes(7, bytes),
                Value::Nested(raw) => out.raw(raw),
                Value::Empty => (),
            });
        });
    }
}

/// A request with one resource a service, in order of first appearance.
pub(crate) fn request(spans: &[SpanSpec]) -> Vec<u8> {
    let mut services: Vec<&str> = Vec::new();
    for span in spans {
        if !services.contains(&span.service.as_str()) {
            services.push(&span.service);
        }
    }
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    for service in services {
        writer.message(1, |resource_spans| {
            resource_spans.message(1, |resource| {
                let zone = Value::String(format!("zone-{}", service.len()));
                attributes(
                    resource,
                    1,
                    &[("service.name".into(), Value::String(service.into())), ("zone".into(), zone)],
                );
            });
            resource_spans.message(2, |scope_spans| {
                scope_spans.message(1, |scope| scope.string(1, "tests"));
                for span in spans.iter().filter(|span| span.service == service) {
                    scope_spans.message(2, |out| span.write(out));
                }
            });
            resource_spans.string(3, "https://opentelemetry.io/schemas/1.30.0");
        });
    }
    out
}
