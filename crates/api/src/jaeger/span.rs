//! OTLP spans in Jaeger's JSON: processes, tags, logs, references. The translation is the OpenTelemetry specification's.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use traces::Trace;
use wire::otlp::common::{Attributes, ResourceView};
use wire::otlp::trace::{ResourceSpansView, STATUS_CODES, ScopeSpansView};
use wire::otlp::{AnyValueView, SpanView, TracesView};

pub fn trace(trace: &Trace) -> Value {
    let mut processes = Map::new();
    let mut names: HashMap<String, String> = HashMap::new();
    let mut spans = Vec::new();
    for resource_spans in TracesView::trusted(&trace.otlp).resource_spans() {
        let process = process(&resource_spans);
        let name = names.entry(process.to_string()).or_insert_with(|| {
            let name = format!("p{}", processes.len() + 1);
            processes.insert(name.clone(), process);
            name
        });
        for scope_spans in resource_spans.scope_spans {
            spans.extend(scope_spans.spans.iter().map(|view| span(&view, &scope_spans, name)));
        }
    }
    json!({ "traceID": trace.id.to_string(), "spans": spans, "processes": processes, "warnings": null })
}

fn process(resource_spans: &ResourceSpansView<'_>) -> Value {
    let resource: ResourceView<'_> = resource_spans.resource.or_empty();
    let service = wire::otlp::attribute(resource.attributes, "service.name");
    let service =
        service.and_then(|value| value.as_str()).filter(|name| !name.is_empty()).unwrap_or("unknown_service");
    let mut tags = tags(resource.attributes);
    tags.retain(|tag| tag["key"] != "service.name");
    json!({ "serviceName": service, "tags": tags })
}

fn span(view: &SpanView<'_>, scope_spans: &ScopeSpansView<'_>, process: &str) -> Value {
    let trace_id = view.trace_id().to_string();
    let start_us = view.start_time_unix_nano / 1000;
    let duration_us = view.end_time_unix_nano.saturating_sub(view.start_time_unix_nano) / 1000;
    json!({
        "traceID": trace_id,
        "spanID": view.span_id().to_string(),
        // The lowest bit of W3C flags is "sampled", in Jaeger too; what was stored has been sampled.
        "flags": (view.flags & 0xff) | 1,
        "operationName": view.name.as_str(),
        "references": references(view),
        "startTime": start_us,
        "duration": duration_us,
        "tags": span_tags(view, scope_spans),
        "logs": logs(view),
        "processID": process,
        "warnings": null,
    })
}

fn references(view: &SpanView<'_>) -> Vec<Value> {
    let mut out = Vec::new();
    if !view.parent_span_id().is_zero() {
        let (trace, parent) = (view.trace_id().to_string(), view.parent_span_id().to_string());
        out.push(json!({ "refType": "CHILD_OF", "traceID": trace, "spanID": parent }));
    }
    for link in view.links {
        let (trace, span) = (link.trace_id().to_string(), link.span_id().to_string());
        let child = wire::otlp::attribute(link.attributes, "opentracing.ref_type")
            .and_then(|value| value.as_str())
            == Some("child_of");
        let kind = if child { "CHILD_OF" } else { "FOLLOWS_FROM" };
        out.push(json!({ "refType": kind, "traceID": trace, "spanID": span }));
    }
    out
}

fn span_tags(view: &SpanView<'_>, scope_spans: &ScopeSpansView<'_>) -> Vec<Value> {
    let mut out = tags(view.attributes);
    let mut text = |key: &str, value: &str| {
        if !value.is_empty() {
            out.push(json!({ "key": key, "type": "string", "value": value }));
        }
    };
    let scope = scope_spans.scope.or_empty();
    text("otel.scope.name", scope.name.as_str());
    text("otel.scope.version", scope.version.as_str());
    let kind = traces::Kind::from_number(i64::from(view.kind));
    if kind != traces::Kind::Unspecified {
        text("span.kind", kind.name());
    }
    let status = view.status();
    let code = STATUS_CODES.iter().find(|(_, number)| *number == status.code && status.code != 0);
    text("otel.status_code", code.map_or("", |(name, _)| name.trim_start_matches("STATUS_CODE_")));
    text("otel.status_description", status.message.as_str());
    text("w3c.tracestate", view.trace_state.as_str());
    if status.code == 2 {
        out.push(json!({ "key": "error", "type": "bool", "value": true }));
    }
    out
}

fn logs(view: &SpanView<'_>) -> Vec<Value> {
    let event = |event: wire::otlp::trace::EventView<'_>| {
        let mut fields = tags(event.attributes);
        let has_event = fields.iter().any(|field| field["key"] == "event");
        if !event.name.is_empty() && !has_event {
            fields.insert(0, json!({ "key": "event", "type": "string", "value": event.name.as_str() }));
        }
        json!({ "timestamp": event.time_unix_nano / 1000, "fields": fields })
    };
    view.events.iter().map(event).collect()
}

fn tags(attributes: Attributes<'_>) -> Vec<Value> {
    let tag = |key: &str, value: AnyValueView<'_>| {
        let (kind, value) = match value {
            AnyValueView::Bool(value) => ("bool", value.into()),
            AnyValueView::Int(value) => ("int64", value.into()),
            AnyValueView::Double(value) => ("float64", value.into()),
            AnyValueView::Bytes(bytes) => ("binary", STANDARD.encode(bytes).into()),
            other => ("string", text(other)),
        };
        json!({ "key": key, "type": kind, "value": value })
    };
    attributes.iter().map(|attribute| tag(attribute.key.as_str(), attribute.value())).collect()
}

/// Arrays and maps as JSON in a string.
fn text(value: AnyValueView<'_>) -> Value {
    match value {
        AnyValueView::String(text) => text.as_str().into(),
        AnyValueView::Empty => "".into(),
        nested => plain(nested).to_string().into(),
    }
}

fn plain(value: AnyValueView<'_>) -> Value {
    match value {
        AnyValueView::Empty => Value::Null,
        AnyValueView::String(text) => text.as_str().into(),
        AnyValueView::Bool(value) => value.into(),
        AnyValueView::Int(value) => value.into(),
        AnyValueView::Double(value) => value.into(),
        AnyValueView::Bytes(bytes) => STANDARD.encode(bytes).into(),
        AnyValueView::Array(array) => array.values.iter().map(plain).collect(),
        AnyValueView::KeyValueList(list) => Value::Object(
            list.values.iter().map(|item| (item.key.as_str().to_owned(), plain(item.value()))).collect(),
        ),
        AnyValueView::StringIndex(index) => index.into(),
    }
}
