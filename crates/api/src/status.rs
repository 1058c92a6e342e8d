//! Oriel's own status for its user interface: what comes in, what the stores hold, what this binary is; services and how they do.
//!
//! Bodies are JSON; times are milliseconds since 1970 (`_ms`), sizes bytes.

mod rates;
mod services;

use std::sync::Arc;

use axum::Router;
use model::Signal;
use serde_json::{Value, json};
use store::LaneStatus;
use telemetry::exposition::{Form, render};

use crate::answer::Answer;
use crate::doors::{Ask, Doors, Family, plain_status, question};
use crate::refusal::Refusal;

pub use rates::IngestRates;

pub fn routes(prefix: &str) -> Router<Arc<Doors>> {
    let path = |rest: &str| format!("{prefix}/{rest}");
    let ask = |function| question(Family::Oriel, function);
    Router::new()
        .route(&path("status"), ask(status))
        .route(&path("services"), ask(services::services))
        .route(&path("service-graph"), ask(services::graph))
        .route(&path("profile-types"), ask(crate::pyroscope::profile_types))
}

pub fn refusal(refusal: &Refusal) -> Answer {
    Answer::json(json!({ "error": refusal.message }).to_string()).with_status(plain_status(refusal.kind))
}

fn status(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let build = &doors.build;
    let lanes = doors.stores.lanes();
    let readings = readings(doors);
    let reading =
        |name: &str| readings.iter().find(|(have, _)| have == name).map_or(0.0, |(_, value)| *value) as u64;
    let guard = doors.intake.guard();
    let body = json!({
        "build": {
            "version": build.version,
            "revision": build.revision,
            "branch": build.branch,
            "rustc": build.rustc,
            "target": build.target,
        },
        "ready": true,
        "started_at_ms": doors.started_at_ms,
        "now_ms": ask.now_ms,
        "uptime_ms": ask.now_ms.saturating_sub(doors.started_at_ms).max(0),
        "tenant": ask.tenant.as_str(),
        "signals": signals(doors, ask, &lanes),
        "memory": {
            "resident_bytes": reading("process_resident_memory_bytes"),
            "budget_bytes": guard.budget_bytes(),
            "used_bytes": guard.in_flight_bytes() + guard.held_bytes(),
        },
        "queries": { "running": reading("oriel_query_running"), "waiting": reading("oriel_query_waiting") },
        "catalog": Value::Object(lanes.iter().map(|lane| (lane.signal.name().to_owned(), catalog(lane))).collect()),
        "scrubber": scrubber(&lanes),
    });
    Ok(Answer::json(body.to_string()))
}

fn signals(doors: &Doors, ask: &Ask, lanes: &[LaneStatus]) -> Vec<Value> {
    let rates = doors.rates.read(ask.now_ms, |signal| doors.intake.seen(signal).items);
    Signal::ALL
        .into_iter()
        .filter_map(|signal| {
            let lane = lanes.iter().find(|lane| lane.signal == signal)?;
            let seen = doors.intake.seen(signal);
            Some(json!({
                "signal": signal.name(),
                // Since start; what older runs wrote is in `file_items`.
                "items": seen.items,
                "items_per_second": rates[signal as usize - 1],
                "last_received_ms": seen.last_received_ms,
                "heads": lane.heads,
                "head_bytes": lane.head_bytes,
                "journal_bytes": lane.journal_bytes,
                "files": lane.files,
                "file_items": lane.items,
                "block_bytes": lane.file_bytes,
                "quarantined": lane.quarantined.len(),
                "damaged_ranges": lane.damage.len(),
                "cut_error": lane.cut_error,
            }))
        })
        .collect()
}

fn catalog(lane: &LaneStatus) -> Value {
    json!({
        "next_offset": lane.next_offset,
        "journal_first": lane.journal_first,
        "journal_next": lane.journal_next,
        "files_by_level": lane.files_by_level,
        "garbage": lane.garbage,
        "quarantined": lane.quarantined.iter().map(|file| json!({ "name": file.name, "reason": file.reason })).collect::<Vec<_>>(),
    })
}

fn scrubber(lanes: &[LaneStatus]) -> Value {
    let sum = |each: fn(&LaneStatus) -> u64| lanes.iter().map(each).sum::<u64>();
    let last = lanes.iter().map(|lane| lane.scrub.round_ended_ms).min().filter(|ended| *ended > 0);
    let audits: Vec<&String> = lanes.iter().filter_map(|lane| lane.scrub.audit_failure.as_ref()).collect();
    json!({
        "checked_files": sum(|lane| lane.scrub.files_checked),
        "checked_bytes": sum(|lane| lane.scrub.bytes_checked),
        "corrupt": sum(|lane| lane.quarantined.len() as u64),
        "gaps": audits.len(),
        "audit_failures": audits,
        // When the slowest store had been read whole.
        "last_pass_ms": last,
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
