//! Oriel's own telemetry: a metric registry with its exposition, structured logs, build information.
//!
//! Stands under everything that has a queue, a cache or a bound, for each of those has a metric. Handed in by argument: there is no global
//! registry, so a test (or a simulated second server in one process) has its own. Knows nothing of what it measures.

pub mod build_info;
pub mod exposition;
pub mod logs;
pub mod metric;
pub mod registry;

pub use build_info::BuildInfo;
pub use metric::{Counter, Gauge, Histogram};
pub use registry::{Description, Registry};
