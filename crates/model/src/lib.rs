//! The nouns of telemetry, owned and plain: what every other crate means by a tenant, a series, a sample, a span.
//!
//! Stands on `stdx` alone. Knows no format, no storage, no clock: formats are `wire`, files are `store`.
//! Hot paths read borrowed views (`wire`) and meet these types only where something must be owned.

pub mod attributes;
pub mod histogram;
pub mod id;
pub mod labels;
pub mod log;
pub mod matcher;
pub mod metric;
pub mod payload;
pub mod profile;
pub mod quote;
pub mod regex;
pub mod sample;
pub mod signal;
pub mod span;
pub mod tenant;

pub use attributes::{AnyValue, KeyValue, Resource, ResourceGroup, Scope, ScopeGroup};
pub use id::{SpanId, TraceId};
pub use labels::Labels;
pub use log::LogRecord;
pub use matcher::{MatchOp, Matcher};
pub use metric::Metric;
pub use payload::{Compression, Format};
pub use signal::Signal;
pub use span::Span;
pub use tenant::TenantId;
