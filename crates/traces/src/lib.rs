//! The trace store: head, blocks, trace-id index, summaries.
//!
//! Flow: an OTLP body is checked and kept as it came (`ingest`) -> the head holds bodies (`engine`) -> a cut turns the head into a block, spans
//! grouped by trace in tree order, as columns (`build`, `block`) -> a merge joins the fragments of a trace (`merge`) -> queries see head and
//! files as parts of one snapshot and whole traces in them (`store`, `by_id`, `search`, ...).
//!
//! Invariants: OTLP in = OTLP out for every field; a trace is one trace wherever its spans lie; a query is exact or an error, never silently
//! partial; tenant is part of every key. Not here: query languages (`traceql`), API shapes (`api`), the journal and files (`store`).

mod attributes;
mod block;
mod build;
mod by_id;
mod catalog;
mod engine;
mod ingest;
mod join;
mod language;
mod matcher;
mod merge;
mod parts;
pub mod query;
mod red;
mod scan;
mod search;
mod sink;
mod store;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tree;

pub use engine::{Head, TraceEngine};
pub use ingest::Prepared;
pub use language::{FoundSpanset, FoundTrace, TraceqlSearch};
pub use query::{
    AttributeFilter, AttributeScope, Budget, Comparison, Dependency, Grouping, Kind, MatchedSpan, QueryError,
    Red, RedQuery, Root, SearchQuery, ServiceStats, Status, TimeRange, Trace, TraceSummary, Value,
};
pub use store::{Config, TraceStore};
