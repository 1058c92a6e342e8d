//! Prometheus' HTTP API: queries, remote write, label and series listings, metadata, status. Everything comes in one envelope.

mod admin;
mod cardinality;
pub mod envelope;
mod listings;
mod metadata;
mod number;
mod query;
mod selector;
mod status;
mod values;
mod write;

use std::sync::Arc;

use crate::doors::{Doors, Family, change, question};
use axum::Router;

pub fn routes(prefix: &str) -> Router<Arc<Doors>> {
    let path = |rest: &str| format!("{prefix}/api/v1/{rest}");
    let ask = |function| question(Family::Prometheus, function);
    Router::new()
        .route(&path("write"), write::route())
        .route(&path("push"), write::route())
        .route(&path("query"), ask(query::instant))
        .route(&path("query_range"), ask(query::range))
        .route(&path("query_exemplars"), ask(query::exemplars))
        .route(&path("format_query"), ask(query::format))
        .route(&path("series"), ask(listings::series))
        .route(&path("labels"), ask(listings::names))
        .route(&path("label/{name}/values"), ask(listings::values))
        .route(&path("metadata"), ask(metadata::metadata))
        .route(&path("status/buildinfo"), ask(status::build_info))
        .route(&path("status/runtimeinfo"), ask(status::runtime_info))
        .route(&path("status/tsdb"), ask(status::tsdb))
        .route(&path("cardinality/label_names"), ask(cardinality::label_names))
        .route(&path("cardinality/label_values"), ask(cardinality::label_values))
        .route(&path("cardinality/active_series"), ask(cardinality::active_series))
        .route(&path("admin/tsdb/delete_series"), change(Family::Prometheus, admin::delete_series))
}
