//! The log store: what a log line becomes between a door and an answer.
//!
//! Flow: a request body is walked once and kept as it came (`prepare`, `batch`) -> the `head` holds bodies and compact rows -> a cut sorts rows by
//! stream and time and writes columns (`build`, `block`) -> a `merge` joins files -> queries read heads and blocks through one snapshot and one
//! filter path (`scan`), counts read no line (`counts`). `store` is the door to all of it.
//!
//! Invariants: tenant is part of every key; an answer is exact or an error, never silently partial; a stream is a label set.
//! Not here: LogQL (`query`), API shapes (`api`), the journal and files (`store`), protobuf itself (`wire`).

mod batch;
mod block;
mod blocks;
mod build;
mod checks;
pub mod config;
mod counts;
mod duplicates;
pub mod engine;
mod head;
pub mod level;
mod merge;
pub mod metadata;
mod observe;
mod origin;
mod prepare;
pub mod query;
mod scan;
mod store;
#[cfg(test)]
mod tests;

pub use config::Config;
pub use engine::LogEngine;
pub use level::Level;
pub use metadata::Metadata;
pub use query::{
    Direction, Entry, EntryRef, LineFilter, LineFilterOp, LogQuery, MetadataField, QueryError, Stats,
    StreamQuery, StreamRef, StreamResult, Volume,
};
pub use store::LogStore;

/// Scans of a snapshot that no lane holds: for measuring programs.
#[doc(hidden)]
pub mod store_for_measuring {
    use std::ops::ControlFlow;

    use ::store::Snapshot;

    use crate::{EntryRef, LogEngine, LogQuery, QueryError, StreamRef};

    pub fn scan(
        snapshot: &Snapshot<LogEngine>,
        query: &LogQuery,
        visit: &mut dyn FnMut(StreamRef<'_>, EntryRef<'_>) -> ControlFlow<()>,
    ) -> Result<(), QueryError> {
        crate::store::scan_snapshot(snapshot, &crate::blocks::OpenBlocks::default(), query, visit)
    }
}
