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

    /// Keeps the samples at times for which `keep` holds.
    pub fn retain(&mut self, keep: impl Fn(i64) -> bool) {
        if self.t_ms.iter().all(|&t| keep(t)) {
            return;
        }
        let old = std::mem::take(self);
        let mut histograms = old.histograms.into_iter().peekable();
        for (index, &t_ms) in old.t_ms.iter().enumerate() {
            let histogram = histograms.next_if(|(place, _)| *place as usize == index);
            if !keep(t_ms) {
                continue;
            }
            if let Some((_, histogram)) = histogram {
                self.histograms.push((self.t_ms.len() as u32, histogram));
            }
            self.t_ms.push(t_ms);
            self.values.push(old.values[index]);
            if !old.start_ms.is_empty() {
                self.start_ms.push(old.start_ms[index]);
            }
        }
    }

    /// Bytes of memory, roughly: what a query's budget is asked for.
    pub fn bytes(&self) -> usize {
        let histograms: usize = self.histograms.iter().map(|(_, histogram)| histogram_bytes(histogram)).sum();
        (self.t_ms.len() + self.values.len() + self.start_ms.len()) * 8 + histograms
    }

    /// Adds samples of the same series from a younger source; at equal times this one's stay.
    pub fn merge(&mut self, younger: Self) {
        if younger.is_empty() {
            return;
        }
        if self.is_empty() {
            *self = younger;
            return;
        }
        if !self.start_ms.is_empty() || !younger.start_ms.is_empty() {
            self.start_ms.resize(self.len(), 0);
        }
        if self.t_ms.last() < younger.t_ms.first() {
            self.append(younger);
        } else {
            self.interleave(younger);
        }
    }

    fn append(&mut self, mut younger: Self) {
        let base = self.len() as u32;
        if !self.start_ms.is_empty() {
            younger.start_ms.resize(younger.len(), 0);
        }
        self.t_ms.append(&mut younger.t_ms);
        self.values.append(&mut younger.values);
        self.start_ms.append(&mut younger.start_ms);
        self.histograms.extend(younger.histograms.into_iter().map(|(place, h)| (place + base, h)));
    }

    fn interleave(&mut self, mut younger: Self) {
        let older = std::mem::take(self);
        let with_starts = !older.start_ms.is_empty();
        if with_starts {
            younger.start_ms.resize(younger.len(), 0);
        }
        let (mut a, mut b) = (0, 0);
        while a < older.len() || b < younger.len() {
            let (t_a, t_b) = (older.t_ms.get(a), younger.t_ms.get(b));
            let from_older = t_b.is_none() || t_a.is_some_and(|t_a| Some(t_a) <= t_b);
            let (from, index) = if from_older { (&older, a) } else { (&younger, b) };
            if t_a == t_b {
                b += 1;
            }
            if let Ok(found) = from.histograms.binary_search_by_key(&(index as u32), |(place, _)| *place) {
                self.histograms.push((self.t_ms.len() as u32, from.histograms[found].1.clone()));
            }
            self.t_ms.push(from.t_ms[index]);
            self.values.push(from.values[index]);
            if with_starts {
                self.start_ms.push(from.start_ms[index]);
            }
            if from_older { a += 1 } else { b += 1 }
        }
    }
}

fn histogram_bytes(histogram: &NativeHistogram) -> usize {
    match histogram {
        NativeHistogram::Integer(integer) => {
            size_of_val(&**integer) + (integer.positive.counts.len() + integer.negative.counts.len()) * 8
        }
        NativeHistogram::Float(float) => float.byte_size(),
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
