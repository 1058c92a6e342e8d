//! The store as evaluation reads it: one tenant's series behind `eval`'s [`Source`].

use std::cell::RefCell;
use std::sync::Arc;

use eval::source::{Columns, Selection, Source, SourceError};
use limits::QueryBudget;
use model::sample::NativeHistogram;
use model::{Labels, Matcher, TenantId};

use crate::block::group::ReadScratch;
use crate::query::{Hints, ReadError, Scope, to_float};
use crate::read::set::SeriesSet;
use crate::store::MetricStore;

/// One tenant's view of the store.
#[derive(Clone)]
pub struct TenantSource {
    pub store: Arc<MetricStore>,
    pub tenant: TenantId,
}

struct Found {
    set: SeriesSet,
    labels: Vec<Arc<Labels>>,
}

thread_local! {
    /// Room for decoding: each thread that reads has its own.
    static SCRATCH: RefCell<ReadScratch> = RefCell::default();
}

impl From<ReadError> for SourceError {
    fn from(error: ReadError) -> Self {
        use store::container::ContainerError;
        match error {
            ReadError::Stopped(stopped) => Self::Stopped(stopped),
            ReadError::Block(error @ ContainerError::Io { .. }) => Self::Unavailable(error.to_string()),
            ReadError::Block(error) => Self::Corrupt(error.to_string()),
        }
    }
}

impl Source for TenantSource {
    fn select<'a>(
        &'a self,
        matchers: &[Matcher],
        hints: &eval::source::SelectHints<'_>,
        budget: &QueryBudget,
    ) -> Result<Box<dyn Selection + 'a>, SourceError> {
        let scope = Scope::new(self.tenant.clone(), hints.start_ms, hints.end_ms, budget.clone());
        let hints = Hints { labels_only: false, start_times: true };
        let set = self.store.select(&scope, matchers, hints)?;
        let labels = (0..set.len()).map(|series| Arc::new(set.labels(series))).collect();
        Ok(Box::new(Found { set, labels }))
    }
}

impl Selection for Found {
    fn labels(&self) -> &[Arc<Labels>] {
        &self.labels
    }

    fn read(&self, series: usize, columns: &mut Columns) -> Result<(), SourceError> {
        let mut read = SCRATCH.with_borrow_mut(|scratch| self.set.read(series, scratch))?;
        let base = columns.timestamps.len();
        if !read.start_ms.is_empty() || !columns.start_timestamps.is_empty() {
            columns.start_timestamps.resize(base, 0);
            read.start_ms.resize(read.t_ms.len(), 0);
            columns.start_timestamps.append(&mut read.start_ms);
        }
        for (place, histogram) in read.histograms {
            let float = match &histogram {
                NativeHistogram::Float(float) => float.clone(),
                NativeHistogram::Integer(_) => Arc::new(to_float(&histogram)),
            };
            // By convention the value of a histogram is its sum.
            read.values[place as usize] = float.sum;
            columns.histograms.push((place + base as u32, float));
        }
        columns.timestamps.append(&mut read.t_ms);
        columns.values.append(&mut read.values);
        Ok(())
    }
}
