//! OTLP 1.10: logs, traces, metrics and profiles (`v1development`) as borrowed views over protobuf bytes.
//!
//! `LogsView::new(body)` validates an `ExportLogsServiceRequest` whole and gives resource -> scope -> record iteration that cannot fail;
//! `LogsView::trusted` skips the proof for bytes that had it before (from the journal). Its siblings are alike. The message tables that
//! drive validation and JSON stand beside the views they describe.

pub mod common;
mod decode;
mod encode;
pub mod json;
pub mod logs;
pub mod metrics;
pub mod profiles;
pub mod response;
pub mod text;
pub mod trace;

pub use common::{AnyValueView, Attributes, KeyValueView, ResourceView, ScopeView, attribute};
pub use encode::{Encode, encode, encode_profiles, encode_request};
pub use json::{request_from_json, request_to_json};
pub use logs::{LogRecordView, LogsView};
pub use metrics::MetricsView;
pub use profiles::ProfilesView;
pub use response::{Code, PartialSuccess, RpcStatus};
pub use trace::{SpanView, TracesView};

use crate::proto::Message;
use model::Signal;

/// The table of a signal's export request.
pub fn request_schema(signal: Signal) -> &'static Message {
    match signal {
        Signal::Logs => &logs::LOGS,
        Signal::Traces => &trace::TRACES,
        Signal::Metrics => &metrics::METRICS,
        Signal::Profiles => &profiles::PROFILES,
    }
}

#[cfg(test)]
mod tests;
