//! Samples of one series as the kernels want them: floats and histograms apart, stale markers out of the way; and the instant selector.
//!
//! A [`Series`] is scratch that a thread reuses for every series it reads. Range kernels see it through [`crate::windows`].

use crate::grid::{Grid, Row, Sample};
use crate::source::Columns;
use model::histogram::{Buckets, CounterResetHint, FloatHistogram, is_stale};
use std::sync::Arc;

/// Histograms with their times.
#[derive(Clone, Debug, Default)]
pub struct HistogramSamples {
    pub times: Vec<i64>,
    pub values: Vec<Arc<FloatHistogram>>,
    /// Start timestamps, or nothing.
    pub starts: Vec<i64>,
}

/// Samples without stale markers: `columns` holds the floats alone.
#[derive(Clone, Debug, Default)]
pub struct Series {
    pub columns: Columns,
    pub histograms: HistogramSamples,
}

impl Series {
    pub fn clear(&mut self) {
        self.columns.clear();
        self.histograms.times.clear();
        self.histograms.values.clear();
        self.histograms.starts.clear();
    }

    /// Takes stale markers out and histograms apart. Without either, nothing moves.
    pub fn split(&mut self) {
        if self.columns.histograms.is_empty() {
            if self.columns.values.iter().any(|value| is_stale(*value)) {
                self.compact_floats(|_| false);
            }
            return;
        }
        let taken = std::mem::take(&mut self.columns.histograms);
        for (place, histogram) in &taken {
            let place = *place as usize;
            if is_stale(histogram.sum) {
                continue;
            }
            self.histograms.times.push(self.columns.timestamps[place]);
            if !self.columns.start_timestamps.is_empty() {
                self.histograms.starts.push(self.columns.start_timestamps[place]);
            }
            self.histograms.values.push(Arc::clone(histogram));
        }
        let mut next = taken.iter().map(|(place, _)| *place as usize).peekable();
        self.compact_floats(|place| next.next_if(|histogram| *histogram == place).is_some());
    }

    fn compact_floats(&mut self, mut is_histogram: impl FnMut(usize) -> bool) {
        let columns = &mut self.columns;
        let mut kept = 0;
        for place in 0..columns.timestamps.len() {
            if is_histogram(place) || is_stale(columns.values[place]) {
                continue;
            }
            columns.timestamps[kept] = columns.timestamps[place];
            columns.values[kept] = columns.values[place];
            if !columns.start_timestamps.is_empty() {
                columns.start_timestamps[kept] = columns.start_timestamps[place];
            }
            kept += 1;
        }
        columns.timestamps.truncate(kept);
        columns.values.truncate(kept);
        columns.start_timestamps.truncate(kept);
    }
}

/// Keeps count, sum and reset hint of every histogram, found out while the buckets are still there: all that `histogram_count` and its kin need.
/// Samples before `start_ms` are none of the query's business.
pub fn strip_buckets(columns: &mut Columns, start_ms: i64) {
    let mut previous: Option<Arc<FloatHistogram>> = None;
    for (place, histogram) in &mut columns.histograms {
        let mut hint = histogram.reset_hint;
        if !is_stale(histogram.sum) && columns.timestamps[*place as usize] >= start_ms {
            if let (CounterResetHint::Unknown, Some(previous)) = (hint, &previous) {
                hint = match histogram.is_reset_since(previous) {
                    true => CounterResetHint::Reset,
                    false => CounterResetHint::NotReset,
                };
            }
            previous = Some(Arc::clone(histogram));
        }
        *histogram = Arc::new(FloatHistogram {
            reset_hint: hint,
            schema: histogram.schema,
            count: histogram.count,
            sum: histogram.sum,
            positive: Buckets::default(),
            negative: Buckets::default(),
            ..FloatHistogram::default()
        });
    }
}

/// When an instant selector looks at what.
#[derive(Clone, Copy, Debug)]
pub struct Lookback {
    pub grid: Grid,
    pub offset_ms: i64,
    /// `@`: the same moment at every step.
    pub at_ms: Option<i64>,
    pub lookback_ms: i64,
}

impl Lookback {
    /// The moment that step `step` looks at.
    #[inline]
    pub fn reference_ms(&self, step: usize) -> i64 {
        self.at_ms.unwrap_or_else(|| self.grid.time_ms(step)).saturating_sub(self.offset_ms)
    }

    /// For every step the newest sample in `(reference - lookback, reference]`, unless it is a stale marker. Calls `found` with step and place.
    #[inline]
    pub fn each_newest(&self, columns: &Columns, mut found: impl FnMut(usize, usize)) {
        let times = &columns.timestamps;
        let mut after = 0;
        for step in 0..self.grid.steps() {
            let reference = self.reference_ms(step);
            while after < times.len() && times[after] <= reference {
                after += 1;
            }
            let Some(newest) = after.checked_sub(1) else { continue };
            if times[newest] > reference.saturating_sub(self.lookback_ms) && !is_stale(columns.values[newest])
            {
                found(step, newest);
            }
        }
    }

    /// The instant vector of one series, into an empty row. `columns` is as read, stale markers included.
    pub fn row(&self, columns: &Columns, mut row: Row) -> Row {
        if columns.histograms.is_empty() {
            self.each_newest(columns, |step, place| row.set_float(step, columns.values[place]));
            return row;
        }
        self.each_newest(columns, |step, place| {
            let histogram = columns.histograms.binary_search_by_key(&(place as u32), |(place, _)| *place);
            match histogram {
                Ok(found) => {
                    let histogram = &columns.histograms[found].1;
                    if !is_stale(histogram.sum) {
                        row.set(step, Sample::Histogram(Arc::clone(histogram)));
                    }
                }
                Err(_) => row.set_float(step, columns.values[place]),
            }
        });
        row
    }

    /// The times of the samples that [`Self::row`] would return, in seconds.
    pub fn timestamp_row(&self, columns: &Columns, mut row: Row) -> Row {
        row.drop_name = true;
        self.each_newest(columns, |step, place| {
            row.set_float(step, columns.timestamps[place] as f64 / 1000.0)
        });
        row
    }

    /// The start timestamps of the samples that [`Self::row`] would return, in seconds; 0 where none is known.
    pub fn start_timestamp_row(&self, columns: &Columns, mut row: Row) -> Row {
        row.drop_name = true;
        let starts = &columns.start_timestamps;
        self.each_newest(columns, |step, place| {
            row.set_float(step, starts.get(place).copied().unwrap_or(0) as f64 / 1000.0);
        });
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::histogram::STALE_BITS;

    fn lookback(start_ms: i64, end_ms: i64, step_ms: i64) -> Lookback {
        Lookback { grid: Grid { start_ms, end_ms, step_ms }, offset_ms: 0, at_ms: None, lookback_ms: 100 }
    }

    #[test]
    fn the_newest_sample_within_the_lookback_is_taken() {
        let mut columns = Columns::default();
        columns.push(0, 1.0);
        columns.push(50, 2.0);
        columns.push(200, f64::from_bits(STALE_BITS));
        let row = lookback(0, 250, 50).row(&columns, Row::empty(Arc::default(), false, 6));
        let seen: Vec<_> = row.samples().map(|(step, sample)| (step, sample.float().unwrap())).collect();
        // At 150 the sample at 50 is exactly the lookback old: outside.
        assert_eq!(seen, [(0, 1.0), (1, 2.0), (2, 2.0)]);
        let times = lookback(0, 250, 50).timestamp_row(&columns, Row::empty(Arc::default(), false, 6));
        assert_eq!((times.values[1], times.values[2]), (0.05, 0.05));
    }

    #[test]
    fn splitting_keeps_columns_aligned() {
        let mut series = Series::default();
        series.columns.push_started(1, 5, 1.0);
        series.columns.push_histogram(2, 6, Arc::default());
        series.columns.push(3, f64::from_bits(STALE_BITS));
        series.columns.push_started(4, 7, 4.0);
        series.split();
        assert_eq!(series.columns.timestamps, [1, 4]);
        assert_eq!(series.columns.start_timestamps, [5, 7]);
        assert_eq!((&*series.histograms.times, &*series.histograms.starts), (&[2i64][..], &[6i64][..]));
    }
}
