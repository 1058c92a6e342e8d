//! The graph that telemetry flows through: receivers, processors, connectors, exporters, joined by bounded queues.
//!
//! Acknowledgement runs backwards: [`Consumer::consume`] returns when everything behind it that must have the data has it durably.
//! Oriel's own stores are consumers like any other. Knows no format: a batch is bytes and what they are.
//!
//! The flow of one batch: door -> [`gate`] (memory, tenant rates) -> [`graph`] (fan-out, processors) -> [`queue`] -> store or exporter.
//! A graph is described by a [`Plan`], checked and built in one pass, and does nothing until somebody consumes into one of its [`Graph::inlets`].

pub mod batch;
pub mod fan_out;
pub mod gate;
pub mod graph;
pub mod queue;

pub use batch::{Accepted, Batch, Consumer, Refused, Sink};
pub use fan_out::FanOut;
pub use gate::{MemoryGate, RateGate};
pub use graph::{BadPlan, Graph, Parts, PipelinePlan, Plan};
pub use queue::{Queue, QueueBounds};
