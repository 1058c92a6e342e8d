//! The graph that telemetry flows through: receivers, processors, connectors, exporters, joined by bounded queues.
//!
//! Acknowledgement runs backwards: [`Consumer::consume`] returns when everything behind it that must have the data has it durably.
//! Oriel's own stores are consumers like any other. Knows no format: a batch is bytes and what they are.

pub mod batch;

pub use batch::{Accepted, Batch, Consumer, Refused, Sink};
