//! Protocol Buffers by hand: a reader over borrowed bytes, a writer, schema tables, and lazy views.
//!
//! The way of a body: `schema::validate` walks it once against its table and proves every nested length, every UTF-8 string and every
//! id; after that a view (`view!`) is read from it, any number of times, without allocation. Views are total: on bytes that were never
//! validated they stop at the first fault, they never panic and never see past their slice.
//! The same tables drive OTLP/JSON in both directions (`otlp::json`).
//!
//! Invariants: nothing here allocates in proportion to a length that is only claimed; nesting is bounded by `DEPTH_MAX`.
//! Not here: what any field means.

pub mod json;
mod reader;
pub mod schema;
mod validate;
pub mod view;
mod writer;

pub use reader::{Fault, Field, Reader, Value};
pub use schema::Message;
pub use validate::{Count, Malformed, validate};
pub use view::{Many, One, Packed, Text, View, range_within};
pub use writer::Writer;

/// Deepest nesting of messages that is accepted; the limit of the reference implementations.
pub const DEPTH_MAX: usize = 100;
