//! A log record, as OTLP has it.

use crate::attributes::{AnyValue, KeyValue};
use crate::{SpanId, TraceId};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogRecord {
    /// When it happened; 0 if that is unknown.
    pub time_unix_nano: u64,
    /// When the pipeline saw it.
    pub observed_time_unix_nano: u64,
    /// 1 (trace) to 24 (fatal 4); 0 if unknown.
    pub severity_number: i32,
    pub severity_text: String,
    pub body: AnyValue,
    pub attributes: Vec<KeyValue>,
    pub dropped_attributes_count: u32,
    /// The low eight bits are the W3C trace flags.
    pub flags: u32,
    /// All zero: belongs to no trace.
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub event_name: String,
}
