//! `ExportTraceServiceRequest`.

use wire::proto::Writer;

use super::{Resource, attributes, request, text_attribute};
use crate::request::Span;

/// Sampled, and "the parent's remoteness is known": what SDKs set.
const FLAGS: u32 = 0x101;

pub fn encode(resource: &Resource, spans: &[&Span]) -> Vec<u8> {
    request(resource, |scope| {
        for span in spans {
            scope.message(2, |message| write(message, span));
        }
    })
}

fn write(message: &mut Writer<'_>, span: &Span) {
    message.bytes(1, &span.trace_id.0);
    message.bytes(2, &span.span_id.0);
    if let Some(parent) = span.parent_id {
        message.bytes(4, &parent.0);
    }
    message.string(5, &span.name);
    message.varint(6, span.kind as u64);
    message.fixed64(7, span.start_ns);
    message.fixed64(8, span.end_ns);
    attributes(message, 9, &span.attributes);
    if let Some(failure) = &span.failure
        && !failure.kind.is_empty()
    {
        text_attribute(message, 9, "error.type", failure.kind);
        message.message(11, |event| {
            event.fixed64(1, span.end_ns - 1);
            event.string(2, "exception");
            text_attribute(event, 3, "exception.type", failure.kind);
            text_attribute(event, 3, "exception.message", &failure.message);
        });
    }
    if let Some((trace_id, span_id)) = span.link {
        message.message(13, |link| {
            link.bytes(1, &trace_id.0);
            link.bytes(2, &span_id.0);
        });
    }
    if let Some(failure) = &span.failure {
        message.message(15, |status| {
            status.string(2, &failure.message);
            status.varint(3, 2);
        });
    }
    message.fixed32(16, FLAGS);
}
