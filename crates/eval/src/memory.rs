//! A store in memory: what test scripts and unit tests of rules load their series into.
//!
//! Counter histograms carry the reset hints that a chunked store would give them: known within a run, unknown after anything that begins a new chunk.

use crate::source::{Columns, SelectHints, Selection, Source, SourceError};
use limits::QueryBudget;
use model::Labels;
use model::histogram::{CounterResetHint, FloatHistogram, is_stale};
use model::matcher::Matcher;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A sample to load.
#[derive(Clone, Debug)]
pub struct LoadedSample {
    pub time_ms: i64,
    /// When the counter began; 0 when unknown.
    pub start_ms: i64,
    pub value: f64,
    pub histogram: Option<Arc<FloatHistogram>>,
}

/// Series by labels.
#[derive(Clone, Debug, Default)]
pub struct MemorySource {
    series: BTreeMap<Arc<Labels>, Vec<LoadedSample>>,
}

impl MemorySource {
    /// Appends samples to a series; they may come in any order, the later of two at one time counts.
    pub fn append(&mut self, labels: Labels, samples: impl IntoIterator<Item = LoadedSample>) {
        let series = self.series.entry(Arc::new(labels)).or_default();
        series.extend(samples);
        series.sort_by_key(|sample| sample.time_ms);
        series.dedup_by(|later, earlier| {
            let same = later.time_ms == earlier.time_ms;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        set_reset_hints(series);
    }

    pub fn clear(&mut self) {
        self.series.clear();
    }
}

/// Gives each counter histogram the hint that a store of chunks would: "no reset" unless it begins a chunk.
fn set_reset_hints(samples: &mut [LoadedSample]) {
    let mut previous: Option<Arc<FloatHistogram>> = None;
    for sample in samples {
        let Some(histogram) = &mut sample.histogram else {
            previous = None;
            continue;
        };
        if is_stale(histogram.sum) {
            previous = None;
            continue;
        }
        if histogram.reset_hint == CounterResetHint::Gauge {
            previous = None;
            continue;
        }
        let continues = previous.as_ref().is_some_and(|previous| continues_chunk(histogram, previous));
        previous = Some(Arc::clone(histogram));
        let hint = if continues { CounterResetHint::NotReset } else { CounterResetHint::Unknown };
        if histogram.reset_hint != hint {
            Arc::make_mut(histogram).reset_hint = hint;
        }
    }
}

fn continues_chunk(histogram: &FloatHistogram, previous: &FloatHistogram) -> bool {
    if histogram.reset_hint == CounterResetHint::Reset {
        return false;
    }
    let unhinted = FloatHistogram { reset_hint: CounterResetHint::Unknown, ..histogram.clone() };
    histogram.schema == previous.schema
        && histogram.zero_threshold == previous.zero_threshold
        && histogram.bounds() == previous.bounds()
        && !unhinted.is_reset_since(previous)
}

struct Selected<'a> {
    labels: Vec<Arc<Labels>>,
    samples: Vec<&'a [LoadedSample]>,
}

impl Source for MemorySource {
    fn select<'a>(
        &'a self,
        matchers: &[Matcher],
        hints: &SelectHints<'_>,
        budget: &QueryBudget,
    ) -> Result<Box<dyn Selection + 'a>, SourceError> {
        budget.check()?;
        let mut selected = Selected { labels: Vec::new(), samples: Vec::new() };
        for (labels, samples) in &self.series {
            let matches = matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name())));
            let from = samples.partition_point(|sample| sample.time_ms < hints.start_ms);
            let to = samples.partition_point(|sample| sample.time_ms <= hints.end_ms);
            if matches && from < to {
                selected.labels.push(Arc::clone(labels));
                selected.samples.push(&samples[from..to]);
            }
        }
        Ok(Box::new(selected))
    }
}

impl Selection for Selected<'_> {
    fn labels(&self) -> &[Arc<Labels>] {
        &self.labels
    }

    fn read(&self, series: usize, columns: &mut Columns) -> Result<(), SourceError> {
        for sample in self.samples[series] {
            match &sample.histogram {
                Some(histogram) => {
                    columns.push_histogram(sample.time_ms, sample.start_ms, Arc::clone(histogram))
                }
                None => columns.push_started(sample.time_ms, sample.start_ms, sample.value),
            }
        }
        Ok(())
    }
}
