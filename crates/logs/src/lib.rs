//! The log store: what a log line becomes between a door and an answer.
//!
//! Flow: a request body is walked once and kept as it came ([`prepare`](self)) -> the head holds bodies and compact rows -> a cut sorts rows by
//! stream and time and writes columns -> a merge joins files -> queries read heads and blocks through one snapshot and one filter path.
//!
//! Invariants: tenant is part of every key; an answer is exact or an error, never silently partial; a stream is a label set.
//! Not here: LogQL (`query`), API shapes (`api`), the journal and files (`store`), protobuf itself (`wire`).

pub mod config;
pub mod level;
pub mod metadata;
pub mod query;
mod store;

pub use config::Config;
pub use level::Level;
pub use metadata::Metadata;
pub use query::{
    Direction, Entry, EntryRef, LineFilter, LineFilterOp, LogQuery, MetadataField, QueryError, Stats,
    StreamQuery, StreamRef, StreamResult, Volume,
};
pub use store::LogStore;
