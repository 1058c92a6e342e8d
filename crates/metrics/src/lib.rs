//! The metrics store: samples in, series out, exact to the bit.
//!
//! Flow: a request body is scanned for label sets and samples ([`ingest`]) -> known series are found by the hash of their label bytes, new ones
//! checked and numbered ([`series`]) -> the journal makes the body durable -> the head packs the samples ([`head`]) -> a cut writes them as a
//! block of columns ([`block`]) -> queries read heads and blocks through one snapshot ([`read`]), sorted by labels.
//!
//! Invariants: every bit of every value survives; what is refused is refused before the journal, so what the journal holds is applied
//! whole; a block is a function of its records. Not here: PromQL (`promql`, `eval`), API shapes (`api`), the journal and files (`store`).

mod block;
mod build;
pub mod config;
mod delete;
mod engine;
mod head;
mod ingest;
mod merge;
pub mod query;
mod read;
mod series;
pub mod source;
mod store;
mod telemetry;
pub mod tsdb;

pub use block::group::ReadScratch;
pub use config::Config;
pub use delete::Deletion;
pub use engine::MetricsEngine;
pub use query::{
    Budget, Cardinality, Columns, FamilyMetadata, Hints, LabelCardinality, Listing, ReadError, Scope,
    SeriesData, SeriesExemplars, Stats, TimeRange,
};
pub use read::set::SeriesSet;
pub use source::TenantSource;
pub use store::MetricStore;

#[cfg(test)]
mod tests;
