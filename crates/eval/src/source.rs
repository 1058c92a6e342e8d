//! Where evaluation reads from: the one trait a metrics store implements.
//!
//! A query selects once per selector and learns all label sets at once (cheap: they are shared). It then reads series one after the other, in any
//! order and from several threads, each into columns that it owns and reuses. One read serves all steps of the query: the columns span the whole
//! range, and windows slide over them. So memory is bounded by the series being worked on, not by the series selected.
//!
//! Not here: which chunks there are and how they are encoded (`metrics`), what is computed from the columns (the rest of this crate).

use limits::{QueryBudget, QueryStopped};
use model::Labels;
use model::histogram::FloatHistogram;
use model::matcher::Matcher;
use std::sync::Arc;

/// A store of series.
pub trait Source: Send + Sync {
    /// Finds the series that match all of `matchers` and may have samples within the hints. Every label set comes once; the order is the order in
    /// which instant queries answer, so a store sorts by labels if it can.
    fn select<'a>(
        &'a self,
        matchers: &[Matcher],
        hints: &SelectHints<'_>,
        budget: &QueryBudget,
    ) -> Result<Box<dyn Selection + 'a>, SourceError>;
}

/// The series that a selector found; a snapshot: what is read from it does not change while it is held.
pub trait Selection: Send + Sync {
    /// One label set per series.
    fn labels(&self) -> &[Arc<Labels>];

    /// Appends the samples of one series to `columns`: all with `start_ms <= timestamp <= end_ms` of the hints, ascending, no timestamp twice.
    /// Samples outside are allowed (whole chunks may be decoded) and are ignored. Stale markers are samples like any other.
    /// The bytes read are to be accounted for in the budget given to `select`.
    fn read(&self, series: usize, columns: &mut Columns) -> Result<(), SourceError>;
}

/// What the evaluation will do with the samples; a store may use it to read less, and may ignore it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SelectHints<'a> {
    /// First timestamp of interest, inclusive.
    pub start_ms: i64,
    /// Last timestamp of interest, inclusive.
    pub end_ms: i64,
    /// Distance of the steps at which the selector is evaluated; 0 for an instant query.
    pub step_ms: i64,
    /// Length of the range of a matrix selector, 0 for an instant selector.
    pub range_ms: i64,
    /// The function or aggregation directly around the selector, or nothing.
    pub function: &'a str,
    /// Labels by which the surrounding aggregation groups...
    pub grouping: &'a [String],
    /// ...by them, or without them.
    pub grouping_by: bool,
}

/// Samples of one series as columns of equal length.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// Milliseconds, ascending.
    pub timestamps: Vec<i64>,
    /// One value per timestamp; for a histogram, its sum (so that stale markers of both kinds are found here).
    pub values: Vec<f64>,
    /// When the counter began, per sample and in milliseconds, 0 when unknown. Empty when no sample has one.
    pub start_timestamps: Vec<i64>,
    /// The histograms among the samples: place in the other columns, and the histogram. Ascending by place.
    pub histograms: Vec<(u32, Arc<FloatHistogram>)>,
}

impl Columns {
    pub fn len(&self) -> usize {
        self.timestamps.len()
    }

    pub fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// Forgets all samples, keeps the memory.
    pub fn clear(&mut self) {
        self.timestamps.clear();
        self.values.clear();
        self.start_timestamps.clear();
        self.histograms.clear();
    }

    pub fn push(&mut self, timestamp_ms: i64, value: f64) {
        self.push_started(timestamp_ms, 0, value);
    }

    /// A float with the start of its counter (0: unknown).
    pub fn push_started(&mut self, timestamp_ms: i64, start_ms: i64, value: f64) {
        if start_ms != 0 || !self.start_timestamps.is_empty() {
            self.start_timestamps.resize(self.timestamps.len(), 0);
            self.start_timestamps.push(start_ms);
        }
        self.timestamps.push(timestamp_ms);
        self.values.push(value);
    }

    pub fn push_histogram(&mut self, timestamp_ms: i64, start_ms: i64, histogram: Arc<FloatHistogram>) {
        let place = u32::try_from(self.timestamps.len()).unwrap_or(u32::MAX);
        self.push_started(timestamp_ms, start_ms, histogram.sum);
        self.histograms.push((place, histogram));
    }

    /// What the samples occupy, for budgets.
    pub fn byte_size(&self) -> usize {
        let histograms: usize = self.histograms.iter().map(|(_, histogram)| histogram.byte_size() + 16).sum();
        (self.timestamps.len() + self.values.len() + self.start_timestamps.len()) * 8 + histograms
    }
}

/// Why a store could not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    #[error(transparent)]
    Stopped(#[from] QueryStopped),
    /// Bytes that do not decode, or a checksum that does not fit. A query is never silently partial.
    #[error("corrupt data: {0}")]
    Corrupt(String),
    /// A part of the data cannot be reached now.
    #[error("data unavailable: {0}")]
    Unavailable(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_timestamps_are_a_column_only_when_some_sample_has_one() {
        let mut columns = Columns::default();
        columns.push(1, 10.0);
        assert!(columns.start_timestamps.is_empty());
        columns.push_started(2, 1, 11.0);
        columns.push(3, 12.0);
        assert_eq!(columns.start_timestamps, [0, 1, 0]);
        columns.push_histogram(4, 1, Arc::default());
        assert_eq!((columns.len(), columns.histograms[0].0), (4, 3));
    }
}
