//! The block of traces: rows and their schema, encodings, writer, reader. Format page: `docs/formats/traces-block.md`.
//!
//! Flow: OTLP or rows of other blocks -> [`rows`] + [`schema`] -> [`write`] -> file -> [`read`] -> rows or single columns. All inside the
//! container of `store`. Invariant: what was written comes back bit by bit; unknown versions are refused. Not here: which rows, in which order.

pub(crate) mod codec;
pub(crate) mod copy;
pub(crate) mod dictionary;
pub(crate) mod layout;
pub(crate) mod otlp;
pub(crate) mod read;
pub(crate) mod rows;
pub(crate) mod schema;
pub(crate) mod trace_table;
pub(crate) mod write;
