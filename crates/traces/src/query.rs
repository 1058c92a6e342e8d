//! What can be asked of the trace store, and what comes back. Plain owned types; API shapes are made of them in `api`.
//!
//! Times of a question are signed nanoseconds since 1970 as everywhere in Oriel; times of a span are unsigned as OTLP has them.

use model::{SpanId, TenantId, TraceId};

/// By what the caller would do.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The question cannot be answered as asked: tell the user.
    #[error("{0}")]
    Bad(String),
    /// Over its budget, past its deadline, or nobody waits any more.
    #[error(transparent)]
    Stopped(#[from] limits::QueryStopped),
    /// A block could not be read. The answer would be partial, so there is none.
    #[error(transparent)]
    Block(#[from] store::container::ContainerError),
}

/// What a query may read and how it is told to stop.
pub type Budget = limits::QueryBudget;

/// Both ends inclusive, nanoseconds since 1970. A span is in range if any of its time is, a trace if any of its spans is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    pub from_ns: i64,
    pub to_ns: i64,
}

impl TimeRange {
    pub const ALL: Self = Self { from_ns: i64::MIN, to_ns: i64::MAX };

    pub fn overlaps(&self, start_ns: i64, end_ns: i64) -> bool {
        start_ns <= self.to_ns && end_ns >= self.from_ns
    }
}

/// A whole trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    pub id: TraceId,
    /// OTLP `TracesData` (the same bytes as `ExportTraceServiceRequest`): every span once, grouped by resource and scope, in order of start.
    pub otlp: Vec<u8>,
    pub spans: u64,
}

/// Where an attribute is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AttributeScope {
    /// The span, else its resource (TraceQL's `.key`).
    Any,
    Span,
    Resource,
    Event,
    Link,
    /// The instrumentation scope.
    Instrumentation,
}

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    String(String),
    Bool(bool),
    Int(i64),
    Double(f64),
    Bytes(Vec<u8>),
    /// An array or a map, as the bytes of its OTLP `AnyValue`.
    Nested(Vec<u8>),
    /// An `AnyValue` with nothing in it.
    Empty,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// The value, a regular expression, matches the whole string.
    Matches,
    MatchesNot,
}

/// Holds for a span that has the attribute and whose value compares so. Numbers compare across int and double; strings only with strings.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeFilter {
    pub scope: AttributeScope,
    pub key: String,
    pub comparison: Comparison,
    pub value: Value,
}

/// OTLP's span kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Unspecified = 0,
    Internal = 1,
    Server = 2,
    Client = 3,
    Producer = 4,
    Consumer = 5,
}

impl Kind {
    pub fn from_number(number: i64) -> Self {
        match number {
            1 => Self::Internal,
            2 => Self::Server,
            3 => Self::Client,
            4 => Self::Producer,
            5 => Self::Consumer,
            _ => Self::Unspecified,
        }
    }

    /// The name as TraceQL and Jaeger write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

/// OTLP's status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    Unset = 0,
    Ok = 1,
    Error = 2,
}

impl Status {
    pub fn from_number(number: i64) -> Self {
        match number {
            1 => Self::Ok,
            2 => Self::Error,
            _ => Self::Unset,
        }
    }

    /// The name as TraceQL writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Ok => "ok",
            Self::Error => "error",
        }
    }
}

/// Which traces, and how much of them. `None` and empty mean "any". A trace matches if one of its spans that overlap the range satisfies
/// all span conditions (service, name, span duration, status, kind, attributes) at once and the trace as a whole satisfies its own.
#[derive(Clone, Debug)]
pub struct SearchQuery {
    pub tenant: TenantId,
    pub range: TimeRange,
    pub service: Option<String>,
    pub name: Option<String>,
    pub status: Option<Status>,
    pub kind: Option<Kind>,
    pub span_duration_min_ns: Option<u64>,
    pub span_duration_max_ns: Option<u64>,
    pub trace_duration_min_ns: Option<u64>,
    pub trace_duration_max_ns: Option<u64>,
    pub attributes: Vec<AttributeFilter>,
    /// Most traces to return.
    pub limit: usize,
    /// Most matched spans to return of one trace.
    pub spans_per_set: usize,
    pub budget: Budget,
}

impl SearchQuery {
    /// Everything of `tenant` in `range`; fields are then set as needed.
    pub fn new(tenant: TenantId, range: TimeRange) -> Self {
        Self {
            tenant,
            range,
            service: None,
            name: None,
            status: None,
            kind: None,
            span_duration_min_ns: None,
            span_duration_max_ns: None,
            trace_duration_min_ns: None,
            trace_duration_max_ns: None,
            attributes: Vec::new(),
            limit: 20,
            spans_per_set: 3,
            budget: Budget::unlimited(),
        }
    }
}

/// A found trace. Answers are ordered by start, newest first, then by trace id.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceSummary {
    pub trace_id: TraceId,
    /// The earliest span without a parent. `None`: it has not come (yet).
    pub root: Option<Root>,
    /// Start of the earliest span.
    pub start_ns: u64,
    /// From there to the end of the latest.
    pub duration_ns: u64,
    pub span_count: u64,
    pub error_count: u64,
    /// Sorted by service.
    pub services: Vec<ServiceStats>,
    /// How many spans are in range and satisfy the span conditions.
    pub matched: u64,
    /// The first of them by start, at most `spans_per_set`.
    pub spans: Vec<MatchedSpan>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    pub service: String,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceStats {
    pub service: String,
    pub span_count: u64,
    pub error_count: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct MatchedSpan {
    pub span_id: SpanId,
    pub service: String,
    pub name: String,
    pub kind: Kind,
    pub status: Status,
    pub start_ns: u64,
    pub duration_ns: u64,
    /// Values of the attributes that were asked about, in the order of the filters.
    pub attributes: Vec<(String, Value)>,
}

/// One edge of the service graph: spans of `child` whose parent is a span of `parent`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dependency {
    pub parent: String,
    pub child: String,
    pub calls: u64,
    pub errors: u64,
    /// Of the child's spans, seconds: median, 90th, 95th and 99th percentile.
    pub latency_quantiles: [f64; 4],
}

/// Rate, errors, duration over time.
#[derive(Clone, Debug)]
pub struct RedQuery {
    pub tenant: TenantId,
    pub range: TimeRange,
    /// Spans are counted in the step in which they start. Steps begin at `range.from_ns`.
    pub step_ns: i64,
    pub group_by: Grouping,
    /// Only this service.
    pub service: Option<String>,
    /// Only these kinds; empty: all. Golden signals of a service want `[Server, Consumer]`.
    pub kinds: Vec<Kind>,
    pub budget: Budget,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    Service,
    /// Service and span name.
    Operation,
}

/// One group's answer; vectors have one entry a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Red {
    pub service: String,
    /// Empty when grouped by service.
    pub name: String,
    pub calls: Vec<u64>,
    pub errors: Vec<u64>,
    /// Seconds; sum of durations.
    pub duration_sum: Vec<f64>,
    /// Counts by bucket, not cumulative: bucket `i` holds durations up to [`Red::bound_ns`]`(i)`.
    pub buckets: Vec<[u64; Red::BUCKETS]>,
}

impl Red {
    /// Four buckets an octave from 1 µs to about 19 hours, and one for longer.
    pub const BUCKETS: usize = 145;

    /// Upper bound (inclusive) of bucket `i`, nanoseconds; the last has none.
    pub fn bound_ns(i: usize) -> u64 {
        if i + 1 >= Self::BUCKETS { u64::MAX } else { (1000.0 * 2f64.powf(i as f64 / 4.0)) as u64 }
    }
}
