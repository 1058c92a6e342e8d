//! The trace store: head, blocks, trace-id index, summaries.
//!
//! Flow: an OTLP body is checked and kept as it came ([`prepare`]) -> the head holds bodies and finds spans by trace id -> a cut turns the head
//! into a block (spans grouped by trace, columns) -> a merge joins the fragments of a trace -> queries read head and blocks through one
//! snapshot and see whole traces.
//!
//! Invariants: OTLP in = OTLP out for every field; a trace is one trace wherever its spans lie; a query is exact or an error, never silently
//! partial; tenant is part of every key. Not here: query languages (`traceql`), API shapes (`api`), the journal and files (`store`).

pub mod query;
mod store;

pub use query::{
    AttributeFilter, AttributeScope, Budget, Comparison, Dependency, Grouping, Kind, MatchedSpan, QueryError,
    Red, RedQuery, Root, SearchQuery, ServiceStats, Status, TimeRange, Trace, TraceSummary, Value,
};
pub use store::{Config, TraceStore};
