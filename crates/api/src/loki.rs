//! Loki's HTTP API: pushes, log queries, labels and series. Errors are plain text.

mod labels;
mod logs_query;
mod push;
mod range;
mod selector;
mod stats;
mod volume;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use model::Signal;

use crate::answer::Answer;
use crate::doors::{Ask, Doors, Family, question};
use crate::push::route;
use crate::refusal::Refusal;

pub fn routes(prefix: &str) -> Router<Arc<Doors>> {
    let path = |rest: &str| format!("{prefix}/api/v1/{rest}");
    let ask = |function| question(Family::Loki, function);
    Router::new()
        .route(&path("push"), route(Family::Loki, Signal::Logs, push::head, push::finish))
        .route(&path("query_range"), ask(logs_query::query_range))
        .route(&path("query"), ask(logs_query::query))
        .route(&path("labels"), ask(labels::names))
        .route(&path("label"), ask(labels::names))
        .route(&path("label/{name}/values"), ask(labels::values))
        .route(&path("series"), ask(labels::series))
        .route(&path("index/stats"), ask(labels::index_stats))
        .route(&path("index/volume"), ask(volume::volume))
        .route(&path("index/volume_range"), ask(volume::volume_range))
        .route(&path("status/buildinfo"), ask(build_info))
        .route(&format!("{prefix}/"), get(|| async { "Oriel speaks Loki's HTTP API here: /loki/api/v1\n" }))
}

/// Grafana asks for the version before it uses a feature; this one says what the API looks like, and who answers.
fn build_info(doors: &Doors, _: &Ask) -> Result<Answer, Refusal> {
    let build = &doors.build;
    let body = serde_json::json!({
        "version": "3.4.0",
        "revision": build.revision,
        "branch": build.branch,
        "buildUser": format!("oriel {}", build.version),
        "buildDate": "",
        "goVersion": "",
    });
    Ok(Answer::json(body.to_string()))
}
