//! What readers ask the store and what they get: the nouns of the read side.
//!
//! Every question names a tenant, a time range (milliseconds, both ends included) and a budget that the reader spends while it works.
//! An answer is exact or an error, never silently partial; a `limit` is the caller's wish and reported as `truncated`.

use model::histogram::FloatHistogram;
use model::sample::{Exemplar, Metadata, NativeHistogram};
use model::{Labels, TenantId};

pub use limits::QueryBudget as Budget;

/// By what the caller would do: tell the user that the query stopped, or an operator that a file is bad.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Stopped(#[from] limits::QueryStopped),
    #[error(transparent)]
    Block(#[from] store::container::ContainerError),
}

/// Milliseconds since 1970, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    pub from_ms: i64,
    pub to_ms: i64,
}

impl TimeRange {
    pub const ALL: Self = Self { from_ms: i64::MIN, to_ms: i64::MAX };

    pub fn contains(&self, t_ms: i64) -> bool {
        self.from_ms <= t_ms && t_ms <= self.to_ms
    }

    pub fn overlaps(&self, min_ms: i64, max_ms: i64) -> bool {
        min_ms <= self.to_ms && self.from_ms <= max_ms
    }
}

/// Who asks, about when, and how much that may cost.
#[derive(Clone)]
pub struct Scope {
    pub tenant: TenantId,
    pub range: TimeRange,
    pub budget: Budget,
}

impl Scope {
    pub fn new(tenant: TenantId, from_ms: i64, to_ms: i64, budget: Budget) -> Self {
        Self { tenant, range: TimeRange { from_ms, to_ms }, budget }
    }
}

/// What the reader will not look at, so that it need not be decoded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hints {
    /// Only the label sets matter.
    pub labels_only: bool,
    /// Start timestamps matter.
    pub start_times: bool,
}

/// Decoded samples of one series within the range asked for, ascending in time, each time once.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    pub t_ms: Vec<i64>,
    /// As long as `t_ms`; meaningless where `histograms` has an entry.
    pub values: Vec<f64>,
    /// By index into `t_ms`, ascending.
    pub histograms: Vec<(u32, NativeHistogram)>,
    /// As long as `t_ms`, or empty: nothing known (or not asked for). 0: unknown for this sample.
    pub start_ms: Vec<i64>,
}

impl Columns {
    pub fn len(&self) -> usize {
        self.t_ms.len()
    }

    pub fn is_empty(&self) -> bool {
        self.t_ms.is_empty()
    }
}

/// One series of an answer.
#[derive(Clone, Debug)]
pub struct SeriesData {
    pub labels: Labels,
    pub columns: Columns,
}

/// Names, values or label sets, and whether a limit cut them short.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing<T> {
    pub items: Vec<T>,
    pub truncated: bool,
}

/// Exemplars of one series, ascending in time.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesExemplars {
    pub labels: Labels,
    pub exemplars: Vec<Exemplar>,
}

/// What is known of one metric family; several entries if senders disagree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyMetadata {
    pub family: String,
    pub entries: Vec<Metadata>,
}

/// How much of a tenant's fresh data there is, and where it comes from. As `/api/v1/status/tsdb` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cardinality {
    pub series: u64,
    pub label_pairs: u64,
    /// Earliest and latest sample in heads; (`i64::MAX`, `i64::MIN`) if there is none.
    pub min_ms: i64,
    pub max_ms: i64,
    /// Head chunks: open streams.
    pub chunks: u64,
    /// Largest first, at most as many as asked for.
    pub series_by_metric: Vec<(String, u64)>,
    pub values_by_label: Vec<(String, u64)>,
    pub bytes_by_label: Vec<(String, u64)>,
    pub series_by_pair: Vec<(String, u64)>,
}

/// One label of a tenant, as Mimir's cardinality API counts it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelCardinality {
    pub name: String,
    pub value_count: u64,
    /// Series that have this label.
    pub series_count: u64,
    /// Largest first, at most as many as asked for.
    pub values: Vec<(String, u64)>,
}

/// The store as a whole, for `/metrics` and status pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub tenants: u64,
    pub active_series: u64,
    pub head_generations: u64,
    pub head_bytes: u64,
    pub registry_bytes: u64,
    pub blocks: u64,
    pub block_bytes: u64,
    pub samples_appended: u64,
    pub series_created: u64,
    pub series_dropped: u64,
    pub samples_out_of_order: u64,
    pub samples_rejected: u64,
}

/// The float form of any native histogram, for computing.
pub fn to_float(histogram: &NativeHistogram) -> FloatHistogram {
    match histogram {
        NativeHistogram::Integer(integer) => integer.to_float(),
        NativeHistogram::Float(float) => FloatHistogram::clone(float),
    }
}
