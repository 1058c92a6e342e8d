//! What can be asked of the log store, and what comes back. Plain types; LogQL and API shapes are made of them elsewhere.
//!
//! Times are nanoseconds since 1970; `from_ns` is inclusive, `to_ns` exclusive, as Loki has `start` and `end`.

use std::sync::Arc;

use limits::query::{QueryBudget, QueryStopped};
use model::matcher::Matcher;
use model::{Labels, TenantId};
use store::ContainerError;

use crate::level::Level;
use crate::metadata::Metadata;

/// By what the caller would do.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The question cannot be answered as asked: tell the user (400).
    #[error("{0}")]
    Bad(String),
    /// Cancelled, too late or over its budget.
    #[error(transparent)]
    Stopped(#[from] QueryStopped),
    /// A block could not be read. The answer would be partial, so there is none.
    #[error(transparent)]
    Block(#[from] ContainerError),
}

/// Which end of the time range comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Newest first, Loki's default.
    #[default]
    Backward,
    Forward,
}

/// What a line filter does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFilterOp {
    /// `|=`
    Contains,
    /// `!=`
    NotContains,
    /// `|~`: unanchored
    Regex,
    /// `!~`
    NotRegex,
}

/// A filter on the text of a line. Alternatives (`|= "a" or "b"`) are more than one text: for `Contains` and `Regex` one of them must match,
/// for the negations none may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineFilter {
    pub op: LineFilterOp,
    pub texts: Vec<String>,
}

impl LineFilter {
    pub fn new(op: LineFilterOp, text: impl Into<String>) -> Self {
        Self { op, texts: vec![text.into()] }
    }
}

/// Entries of some streams in a time range.
#[derive(Clone)]
pub struct LogQuery {
    pub tenant: TenantId,
    /// On stream labels; all must match. None: every stream.
    pub matchers: Vec<Matcher>,
    /// All must pass.
    pub line_filters: Vec<LineFilter>,
    /// Structured metadata that an entry must have with exactly this value: what the skip filters and columns serve well, like a trace id.
    pub metadata: Vec<(String, String)>,
    pub from_ns: i64,
    pub to_ns: i64,
    /// Most entries; 0: no bound (with [`LogStore::scan`](crate::LogStore::scan) only).
    pub limit: usize,
    pub direction: Direction,
    /// Whether entries are handed out with their text. Without, lines are read only where a filter asks for them.
    pub with_line: bool,
    /// Whether entries are handed out with their structured metadata.
    pub with_metadata: bool,
    pub budget: QueryBudget,
}

impl LogQuery {
    /// Everything that `matchers` select in `[from_ns, to_ns)`, newest first, whole; fields are then set as needed.
    pub fn new(tenant: TenantId, matchers: Vec<Matcher>, from_ns: i64, to_ns: i64) -> Self {
        Self {
            tenant,
            matchers,
            line_filters: Vec::new(),
            metadata: Vec::new(),
            from_ns,
            to_ns,
            limit: 0,
            direction: Direction::Backward,
            with_line: true,
            with_metadata: true,
            budget: QueryBudget::unlimited(),
        }
    }
}

/// One entry, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub ts_ns: i64,
    pub line: String,
    /// Sorted by name, each name once. `detected_level` is among them.
    pub structured_metadata: Vec<(String, String)>,
}

/// The entries of one stream, in the order of the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamResult {
    pub labels: Arc<Labels>,
    pub entries: Vec<Entry>,
}

/// A stream as the visitor sees it. `number` is dense and stable within one scan: an index for what the visitor keeps per stream.
#[derive(Clone, Copy, Debug)]
pub struct StreamRef<'a> {
    pub number: usize,
    pub labels: &'a Arc<Labels>,
}

/// An entry as the visitor sees it, valid during the call.
#[derive(Clone, Copy, Debug)]
pub struct EntryRef<'a> {
    pub ts_ns: i64,
    /// Empty unless the query is `with_line`.
    pub line: &'a str,
    pub level: Level,
    /// Empty unless the query is `with_metadata`.
    pub metadata: Metadata<'a>,
}

/// Names, values, series and counts: streams of a tenant with entries in `[from_ns, to_ns)`.
#[derive(Clone)]
pub struct StreamQuery {
    pub tenant: TenantId,
    /// Each set selects streams by all of its matchers; a stream is in if one set selects it. No set: every stream.
    pub matcher_sets: Vec<Vec<Matcher>>,
    pub from_ns: i64,
    pub to_ns: i64,
    pub budget: QueryBudget,
}

impl StreamQuery {
    pub fn new(tenant: TenantId, matchers: Vec<Matcher>, from_ns: i64, to_ns: i64) -> Self {
        Self { tenant, matcher_sets: vec![matchers], from_ns, to_ns, budget: QueryBudget::unlimited() }
    }
}

/// `index/stats`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub streams: u64,
    /// Block row groups and unwritten batches: what a query would look into.
    pub chunks: u64,
    pub entries: u64,
    /// Bytes of lines.
    pub bytes: u64,
}

/// Entries and line bytes of one stream, level and step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    pub labels: Arc<Labels>,
    pub level: Level,
    /// Which step after `from_ns`; 0 if the query has no step.
    pub step: u32,
    pub entries: u64,
    pub bytes: u64,
}

/// A structured-metadata name in a time range: the basis of `detected_fields`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataField {
    pub name: String,
    /// Distinct values, sorted, at most as many as the query asked for.
    pub values: Vec<String>,
}
