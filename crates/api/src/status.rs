//! Oriel's own status for its user interface: what comes in, what the stores hold, what this binary is; services and how they do.
//!
//! JSON with names in camel case. Times are milliseconds since 1970, durations seconds.

mod services;

use std::sync::Arc;

use axum::Router;
use serde_json::{Map, Value, json};
use telemetry::exposition::{Form, render};

use crate::answer::Answer;
use crate::doors::{Ask, Doors, Family, plain_status, question};
use crate::refusal::Refusal;

pub fn routes(prefix: &str) -> Router<Arc<Doors>> {
    let path = |rest: &str| format!("{prefix}/{rest}");
    let ask = |function| question(Family::Oriel, function);
    Router::new()
        .route(&path("status"), ask(status))
        .route(&path("services"), ask(services::services))
        .route(&path("service-graph"), ask(services::graph))
}

pub fn refusal(refusal: &Refusal) -> Answer {
    Answer::json(json!({ "error": refusal.message }).to_string()).with_status(plain_status(refusal.kind))
}

/// Counters since start and readings of now; the caller makes rates of two of them.
fn status(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let build = &doors.build;
    let metrics = readings(doors);
    let body = json!({
        "build": {
            "version": build.version,
            "revision": build.revision,
            "branch": build.branch,
            "rustc": build.rustc,
            "target": build.target,
        },
        "startedAt": doors.started_at_ms,
        "now": ask.now_ms,
        "tenant": ask.tenant.as_str(),
        "ingest": section(&metrics, "oriel_receiver_"),
        "queues": section(&metrics, "oriel_queue_"),
        "memory": section(&metrics, "oriel_memory_"),
        "queries": section(&metrics, "oriel_query_"),
        "stores": section(&metrics, "oriel_store_"),
        "journal": section(&metrics, "oriel_journal_"),
        "catalog": section(&metrics, "oriel_catalog_"),
        "scrubber": section(&metrics, "oriel_scrub"),
        "metrics": stats_of_metrics(doors),
    });
    Ok(Answer::json(body.to_string()))
}

fn stats_of_metrics(doors: &Doors) -> Value {
    let stats = doors.stores.metrics.stats();
    json!({
        "tenants": stats.tenants,
        "activeSeries": stats.active_series,
        "headGenerations": stats.head_generations,
        "headBytes": stats.head_bytes,
        "blocks": stats.blocks,
        "blockBytes": stats.block_bytes,
        "samplesAppended": stats.samples_appended,
        "samplesOutOfOrder": stats.samples_out_of_order,
        "samplesRejected": stats.samples_rejected,
    })
}

/// Every plain reading of the registry: name with labels, value. Buckets of histograms are left out.
fn readings(doors: &Doors) -> Vec<(String, f64)> {
    let text = render(&doors.registry, Form::Prometheus);
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.contains("_bucket{"));
    lines
        .filter_map(|line| {
            line.rsplit_once(' ').and_then(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
        })
        .collect()
}

fn section(readings: &[(String, f64)], prefix: &str) -> Value {
    let found = readings
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(prefix)?.to_owned(), json!(value))));
    Value::Object(found.collect::<Map<String, Value>>())
}
