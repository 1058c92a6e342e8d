//! Pyroscope's HTTP API: profiles in (`ingest`, `push.v1`), flame graphs and merged pprof out (`render`, `render-diff`, `querier.v1`), labels. Errors are plain text.

mod connect;
mod flamebearer;
mod ingest;
mod key;
mod labels;
mod multipart;
mod push;
mod querier;
mod render;
mod time;

use std::sync::Arc;

use axum::Router;
use axum::routing::post;

use crate::doors::{Doors, Family, question};

pub use labels::profile_types;

pub fn routes(prefix: &str) -> Router<Arc<Doors>> {
    let path = |rest: &str| format!("{prefix}/{rest}");
    let ask = |function| question(Family::Loki, function);
    Router::new()
        .route(&path("ingest"), post(ingest::ingest))
        .route(&path("push.v1.PusherService/Push"), post(push::push))
        .route(&path("querier.v1.QuerierService/{method}"), post(querier::call))
        .route(&path("render"), ask(render::render))
        .route(&path("render-diff"), ask(render::diff))
        .route(&path("label-names"), ask(labels::names))
        .route(&path("label-values"), ask(labels::values))
}

/// Agents are configured with the server's bare address and add this path themselves.
pub fn root_routes() -> Router<Arc<Doors>> {
    Router::new()
        .route("/ingest", post(ingest::ingest))
        .route("/push.v1.PusherService/Push", post(push::push))
}
