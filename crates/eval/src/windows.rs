//! Windows that slide over the samples of one series, one per step: `(end - range, end]`, wider for the extended selectors.
//!
//! Both ends only ever move forward, so a pass over all steps touches every sample a constant number of times.

use crate::grid::Grid;
use crate::select::Series;
use model::histogram::FloatHistogram;
use promql::ast::Extended;
use std::sync::Arc;

/// Where the windows of a range selector or subquery are.
#[derive(Clone, Copy, Debug)]
pub struct WindowGrid {
    pub grid: Grid,
    pub offset_ms: i64,
    pub at_ms: Option<i64>,
    pub range_ms: i64,
    pub lookback_ms: i64,
    pub extended: Option<Extended>,
}

/// Samples of one step. The slices are the floats and the histograms within the (extended) window.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    pub times: &'a [i64],
    pub values: &'a [f64],
    /// Start timestamps of the floats; empty when there are none.
    pub starts: &'a [i64],
    pub histogram_times: &'a [i64],
    pub histograms: &'a [Arc<FloatHistogram>],
    pub histogram_starts: &'a [i64],
    /// The step.
    pub time_ms: i64,
    /// Bounds of the range itself, without what the extended selectors look at beyond.
    pub start_ms: i64,
    pub end_ms: i64,
    /// Places of `times[0]` and `histogram_times[0]` within the series.
    pub first_float: usize,
    pub first_histogram: usize,
}

impl Window<'_> {
    pub fn is_mixed(&self) -> bool {
        !self.times.is_empty() && !self.histogram_times.is_empty()
    }
}

impl WindowGrid {
    /// The end of the range at `step`.
    #[inline]
    pub fn range_end_ms(&self, step: usize) -> i64 {
        self.at_ms.unwrap_or_else(|| self.grid.time_ms(step)).saturating_sub(self.offset_ms)
    }

    /// How far before the range and after it samples are seen.
    pub fn margins_ms(&self) -> (i64, i64) {
        match self.extended {
            None => (0, 0),
            Some(Extended::Anchored) => (self.lookback_ms, 0),
            Some(Extended::Smoothed) => (self.lookback_ms, self.lookback_ms),
        }
    }

    pub fn range_seconds(&self) -> f64 {
        self.range_ms as f64 / 1000.0
    }

    /// Calls `visit` for every step whose window is not empty.
    #[inline]
    pub fn slide<'a, E>(
        &self,
        series: &'a Series,
        mut visit: impl FnMut(usize, Window<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (before, after) = self.margins_ms();
        let mut floats = Edges::default();
        let mut histograms = Edges::default();
        let starts = &series.columns.start_timestamps[..];
        let histogram_starts = &series.histograms.starts[..];
        for step in 0..self.grid.steps() {
            let end_ms = self.range_end_ms(step);
            let start_ms = end_ms.saturating_sub(self.range_ms);
            let (from, to) = (start_ms.saturating_sub(before), end_ms.saturating_add(after));
            let seen = floats.advance(&series.columns.timestamps, from, to);
            let seen_histograms = histograms.advance(&series.histograms.times, from, to);
            if seen.is_empty() && seen_histograms.is_empty() {
                continue;
            }
            let window = Window {
                times: &series.columns.timestamps[seen.clone()],
                values: &series.columns.values[seen.clone()],
                starts: if starts.is_empty() { &[] } else { &starts[seen.clone()] },
                histogram_times: &series.histograms.times[seen_histograms.clone()],
                histograms: &series.histograms.values[seen_histograms.clone()],
                histogram_starts: match histogram_starts.is_empty() {
                    true => &[],
                    false => &histogram_starts[seen_histograms.clone()],
                },
                time_ms: self.grid.time_ms(step),
                start_ms,
                end_ms,
                first_float: seen.start,
                first_histogram: seen_histograms.start,
            };
            visit(step, window)?;
        }
        Ok(())
    }
}

/// Both ends of a window within one column of times.
#[derive(Default)]
pub struct Edges {
    first: usize,
    end: usize,
}

impl Edges {
    /// Places of the times in `(from, to]`; neither bound may go back between calls.
    #[inline]
    pub fn advance(&mut self, times: &[i64], from: i64, to: i64) -> std::ops::Range<usize> {
        while self.end < times.len() && times[self.end] <= to {
            self.end += 1;
        }
        while self.first < self.end && times[self.first] <= from {
            self.first += 1;
        }
        self.first..self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_open_on_the_left() {
        let mut series = Series::default();
        (0..6).for_each(|place| series.columns.push(place * 10, place as f64));
        let windows = WindowGrid {
            grid: Grid { start_ms: 20, end_ms: 60, step_ms: 20 },
            offset_ms: 0,
            at_ms: None,
            range_ms: 20,
            lookback_ms: 10,
            extended: None,
        };
        let seen = |windows: WindowGrid| {
            let mut seen = Vec::new();
            windows
                .slide(&series, |step, window| {
                    seen.push((step, window.times.to_vec()));
                    Ok::<(), ()>(())
                })
                .unwrap();
            seen
        };
        assert_eq!(seen(windows), [(0, vec![10, 20]), (1, vec![30, 40]), (2, vec![50])]);
        let smoothed = WindowGrid { extended: Some(Extended::Smoothed), ..windows };
        assert_eq!(seen(smoothed)[0], (0, vec![0, 10, 20, 30]));
        let fixed = WindowGrid { at_ms: Some(30), offset_ms: 10, ..windows };
        assert_eq!(seen(fixed)[2], (2, vec![10, 20]));
    }
}
