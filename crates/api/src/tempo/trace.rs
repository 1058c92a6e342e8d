//! A trace by its id: protobuf where the client accepts it (Grafana does), else JSON.

use model::{Signal, TraceId};
use serde_json::{Value, json};
use traces::Trace;

use super::jsonpb;
use crate::answer::Answer;
use crate::doors::{Ask, Doors};
use crate::refusal::{Kind, Refusal};

/// `tempopb.Trace`: its one field has the number of OTLP's `resource_spans`, so the bytes are the store's own.
pub fn by_id(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let trace = find(doors, ask)?.ok_or_else(not_found)?;
    if ask.accepts(Answer::PROTOBUF) {
        return Ok(Answer::new(Answer::PROTOBUF, trace.otlp));
    }
    Ok(Answer::json(json!({ "batches": resource_spans(&trace) }).to_string()))
}

/// `tempopb.TraceByIDResponse { trace = 1 }`.
pub fn by_id_v2(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let trace = find(doors, ask)?.ok_or_else(not_found)?;
    if ask.accepts(Answer::PROTOBUF) {
        let mut body = vec![0x0a];
        stdx::varint::put_bytes(&mut body, &trace.otlp);
        return Ok(Answer::new(Answer::PROTOBUF, body));
    }
    let metrics = json!({ "inspectedBytes": ask.budget.spent_bytes().to_string() });
    let body = json!({ "trace": { "resourceSpans": resource_spans(&trace) }, "metrics": metrics, "status": "COMPLETE" });
    Ok(Answer::json(body.to_string()))
}

fn find(doors: &Doors, ask: &Ask) -> Result<Option<Trace>, Refusal> {
    let id = trace_id(ask.path("id"))?;
    let range = super::range(ask)?;
    Ok(doors.stores.traces.trace(&ask.tenant, id, Some(range), &ask.budget)?)
}

/// Texts as Tempo's.
pub fn trace_id(text: &str) -> Result<TraceId, Refusal> {
    if text.len() > TraceId::LEN * 2 {
        return Err(Refusal::bad("trace IDs can't be larger than 128 bits"));
    }
    TraceId::from_hex(text).ok_or_else(|| Refusal::bad("trace IDs can only contain hex characters"))
}

fn not_found() -> Refusal {
    Refusal::new(Kind::NotFound, "trace not found")
}

fn resource_spans(trace: &Trace) -> Value {
    let mut object = jsonpb::object(wire::otlp::request_schema(Signal::Traces), &trace.otlp);
    object.remove("resourceSpans").unwrap_or_else(|| json!([]))
}
