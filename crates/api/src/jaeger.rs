//! Jaeger's query API (v1, as its data sources speak it): services, operations, traces, dependencies.
//!
//! Everything is wrapped as `{data, total, limit, offset, errors}`; errors are in the same wrapping.

mod find;
mod span;

use std::sync::Arc;

use axum::Router;
use serde_json::{Value, json};
use traces::TimeRange;

use crate::answer::Answer;
use crate::doors::{Ask, Doors, Family, plain_status, question};
use crate::refusal::Refusal;

/// Services and operations look this far back: Jaeger keeps its own list of them, this one is read from spans.
const NAMES_LOOKBACK_NS: i64 = 7 * 86_400 * 1_000_000_000;

pub fn routes(prefix: &str) -> Router<Arc<Doors>> {
    let path = |rest: &str| format!("{prefix}/api/{rest}");
    let ask = |function| question(Family::Jaeger, function);
    Router::new()
        .route(&path("services"), ask(services))
        .route(&path("services/{service}/operations"), ask(operation_names))
        .route(&path("operations"), ask(operations))
        .route(&path("traces"), ask(find::traces))
        .route(&path("traces/{id}"), ask(find::trace))
        .route(&path("dependencies"), ask(dependencies))
}

fn wrap(data: Value, total: usize) -> Answer {
    Answer::json(json!({ "data": data, "total": total, "limit": 0, "offset": 0, "errors": null }).to_string())
}

pub fn refusal(refusal: &Refusal) -> Answer {
    let status = plain_status(refusal.kind);
    let errors = json!([{ "code": status, "msg": refusal.message }]);
    let body = json!({ "data": null, "total": 0, "limit": 0, "offset": 0, "errors": errors });
    Answer::json(body.to_string()).with_status(status)
}

fn recent(ask: &Ask) -> TimeRange {
    TimeRange { from_ns: ask.now_ns().saturating_sub(NAMES_LOOKBACK_NS), to_ns: i64::MAX }
}

fn services(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let services = doors.stores.traces.services(&ask.tenant, recent(ask), &ask.budget)?;
    let total = services.len();
    Ok(wrap(services.into(), total))
}

fn operation_names(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let operations =
        doors.stores.traces.operations(&ask.tenant, ask.path("service"), recent(ask), &ask.budget)?;
    let names: Vec<String> = operations.into_iter().map(|(name, _)| name).collect();
    let total = names.len();
    Ok(wrap(names.into(), total))
}

fn operations(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let service = ask
        .params
        .get("service")
        .ok_or_else(|| Refusal::bad("unable to parse param 'service': parameter is required"))?;
    let wanted = ask.params.get("spanKind");
    let operations = doors.stores.traces.operations(&ask.tenant, service, recent(ask), &ask.budget)?;
    let mut out = Vec::new();
    for (name, kinds) in operations {
        for kind in kinds {
            let kind = if kind == traces::Kind::Unspecified { "" } else { kind.name() };
            if wanted.is_none_or(|wanted| wanted == kind) {
                out.push(json!({ "name": name, "spanKind": kind }));
            }
        }
    }
    let total = out.len();
    Ok(wrap(out.into(), total))
}

/// `endTs` and `lookback` in milliseconds.
fn dependencies(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let end_ms = ask.params.parse::<i64>("endTs", "a time in milliseconds")?.unwrap_or(ask.now_ms);
    let lookback_ms =
        ask.params.parse::<i64>("lookback", "a duration in milliseconds")?.unwrap_or(24 * 3600 * 1000);
    let ns = |ms: i64| ms.saturating_mul(1_000_000);
    let range = TimeRange { from_ns: ns(end_ms.saturating_sub(lookback_ms)), to_ns: ns(end_ms) };
    let edges = doors.stores.traces.dependencies(&ask.tenant, range, &ask.budget)?;
    let edges: Vec<Value> = edges
        .iter()
        .map(|edge| json!({ "parent": edge.parent, "child": edge.child, "callCount": edge.calls }))
        .collect();
    let total = edges.len();
    Ok(wrap(edges.into(), total))
}
