//! Tempo's HTTP API: traces by id, search by tags and by TraceQL, metrics, tags. Errors are plain text.

mod jsonpb;
mod search;
mod tags;
mod trace;
mod traceql;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::answer::Answer;
use crate::doors::{Ask, Doors, Family, question};
use crate::refusal::Refusal;
use traces::TimeRange;

pub(crate) use search::kind;
pub(crate) use tags::attribute_value;
pub(crate) use trace::trace_id;

pub fn routes(prefix: &str) -> Router<Arc<Doors>> {
    let path = |rest: &str| format!("{prefix}/api/{rest}");
    let ask = |function| question(Family::Tempo, function);
    Router::new()
        .route(&path("traces/{id}"), ask(trace::by_id))
        .route(&path("v2/traces/{id}"), ask(trace::by_id_v2))
        .route(&path("search"), ask(search::search))
        .route(&path("metrics/query_range"), ask(traceql::query_range))
        .route(&path("metrics/query"), ask(traceql::query_instant))
        .route(&path("search/tags"), ask(tags::names))
        .route(&path("v2/search/tags"), ask(tags::names_v2))
        .route(&path("search/tag/{tag}/values"), ask(tags::values))
        .route(&path("v2/search/tag/{tag}/values"), ask(tags::values_v2))
        .route(&path("echo"), get(|| async { "echo" }))
        .route(&path("status/buildinfo"), ask(build_info))
}

fn build_info(doors: &Doors, _: &Ask) -> Result<Answer, Refusal> {
    let build = &doors.build;
    let body = serde_json::json!({
        "version": "2.7.0",
        "revision": build.revision,
        "branch": build.branch,
        "buildUser": format!("oriel {}", build.version),
        "buildDate": "",
        "goVersion": "",
    });
    Ok(Answer::json(body.to_string()))
}

/// `start` and `end` in seconds; without them, everything.
fn range(ask: &Ask) -> Result<TimeRange, Refusal> {
    let seconds = |name: &str| -> Result<Option<i64>, Refusal> {
        let bad =
            |text: &str| Refusal::bad(format!("invalid {name}: {text:?} is not a time in unix seconds"));
        ask.params
            .get(name)
            .map(|text| {
                text.parse::<i64>().ok().and_then(|s| s.checked_mul(1_000_000_000)).ok_or_else(|| bad(text))
            })
            .transpose()
    };
    let (from, to) = (seconds("start")?, seconds("end")?);
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        return Err(Refusal::bad("invalid start: start must be before end"));
    }
    // The second that `end` names is in.
    let to_ns = to.map_or(i64::MAX, |to| to.saturating_add(999_999_999));
    Ok(TimeRange { from_ns: from.unwrap_or(i64::MIN), to_ns })
}
