//! Sums, means and extremes of windows that overlap: every sample is looked at a constant number of times, however long the windows are.
//!
//! A window is kept as two piles: results over all suffixes of its older part, and one result over its newer part. A step takes one of the former and the
//! latter together. Nothing is ever subtracted, so that sums stay as exact as sums from scratch.

use crate::aggregate::mean::FloatMean;
use crate::grid::Row;
use crate::select::Series;
use crate::windows::{Edges, WindowGrid};
use model::histogram::{Cell, Kahan};

/// Windows have to be this much longer than the step for piles to pay.
const LEAST_OVERLAP: i64 = 4;

/// What is kept over samples.
trait Pile: Copy + Default {
    fn push(&mut self, value: f64);
    fn join(self, newer: Self) -> Self;
}

impl Pile for Kahan {
    #[inline]
    fn push(&mut self, value: f64) {
        self.add_value(value);
    }

    #[inline]
    fn join(mut self, newer: Self) -> Self {
        self.add(newer);
        self
    }
}

/// The larger of two numbers; NaN only if nothing else was seen.
#[derive(Clone, Copy)]
struct Max(f64);

impl Default for Max {
    fn default() -> Self {
        Self(f64::NAN)
    }
}

impl Pile for Max {
    #[inline]
    fn push(&mut self, value: f64) {
        self.0 = self.0.max(value);
    }

    #[inline]
    fn join(self, newer: Self) -> Self {
        Self(self.0.max(newer.0))
    }
}

/// The smaller of two numbers.
#[derive(Clone, Copy)]
struct Min(f64);

impl Default for Min {
    fn default() -> Self {
        Self(f64::NAN)
    }
}

impl Pile for Min {
    #[inline]
    fn push(&mut self, value: f64) {
        self.0 = self.0.min(value);
    }

    #[inline]
    fn join(self, newer: Self) -> Self {
        Self(self.0.min(newer.0))
    }
}

/// Which function of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slide {
    Sum,
    Avg,
    Min,
    Max,
}

/// Whether the windows overlap enough, over a series of floats alone.
pub fn applies(windows: &WindowGrid, series: &Series) -> bool {
    series.histograms.times.is_empty()
        && windows.extended.is_none()
        && windows.at_ms.is_none()
        && windows.grid.steps() > 1
        && windows.range_ms / windows.grid.step_ms.max(1) >= LEAST_OVERLAP
}

pub fn slide(slide: Slide, windows: &WindowGrid, series: &Series, row: &mut Row) {
    let values = &series.columns.values;
    match slide {
        Slide::Sum => piles::<Kahan>(windows, series, |step, sum, _| {
            row.set_float(step, if sum.sum.is_infinite() { sum.sum } else { sum.total() });
        }),
        Slide::Avg => piles::<Kahan>(windows, series, |step, sum, window| {
            let count = window.len() as f64;
            let mean = match sum.sum.is_infinite() {
                true => running_mean(&values[window]),
                false => sum.sum / count + sum.compensation / count,
            };
            row.set_float(step, mean);
        }),
        Slide::Min => piles::<Min>(windows, series, |step, min, _| row.set_float(step, min.0)),
        Slide::Max => piles::<Max>(windows, series, |step, max, _| row.set_float(step, max.0)),
    }
}

/// A mean whose sum overflows.
fn running_mean(values: &[f64]) -> f64 {
    let Some((first, rest)) = values.split_first() else { return f64::NAN };
    let mut mean = FloatMean::of(*first);
    rest.iter().for_each(|value| mean.add(*value));
    mean.result()
}

fn piles<P: Pile>(
    windows: &WindowGrid,
    series: &Series,
    mut found: impl FnMut(usize, P, std::ops::Range<usize>),
) {
    let (times, values) = (&series.columns.timestamps, &series.columns.values);
    let mut edges = Edges::default();
    // Results over the suffixes of the older part; the last is that of its newest sample alone.
    let mut older: Vec<P> = Vec::new();
    // Where the newer part begins, and how much of it is in `newer`.
    let (mut boundary, mut end) = (0, 0);
    let mut newer = P::default();
    for step in 0..windows.grid.steps() {
        let to = windows.range_end_ms(step);
        let window = edges.advance(times, to.saturating_sub(windows.range_ms), to);
        if window.is_empty() {
            continue;
        }
        if window.start >= boundary {
            older.clear();
            let mut suffix = P::default();
            for value in values[window.clone()].iter().rev() {
                suffix.push(*value);
                older.push(suffix);
            }
            (boundary, end) = (window.end, window.end);
            newer = P::default();
        } else {
            values[end..window.end].iter().for_each(|value| newer.push(*value));
            end = window.end;
        }
        let suffix = older[boundary - window.start - 1];
        let all = if end > boundary { suffix.join(newer) } else { suffix };
        found(step, all, window);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::over_time::sum_floats;
    use crate::grid::Grid;
    use std::sync::Arc;

    #[test]
    fn sliding_is_scanning() {
        let mut series = Series::default();
        let mut time = 0;
        for place in 0..500i64 {
            time += 5 + place * place % 17;
            let value = match place % 50 {
                7 => f64::NAN,
                9 => 1e17,
                _ => ((place * 7919) % 1009) as f64 - 500.0,
            };
            series.columns.push(time, value);
        }
        let windows = WindowGrid {
            grid: Grid { start_ms: -50, end_ms: time + 300, step_ms: 13 },
            offset_ms: 3,
            at_ms: None,
            range_ms: 211,
            lookback_ms: 0,
            extended: None,
        };
        assert!(applies(&windows, &series));
        let scan = |scan: &dyn Fn(&[f64]) -> f64| {
            let mut found = Vec::new();
            let done = windows.slide(&series, |step, window| {
                found.push((step, scan(window.values)));
                Ok::<(), ()>(())
            });
            assert_eq!(done, Ok(()));
            found
        };
        let check = |kind, expect: Vec<(usize, f64)>| {
            let mut row = Row::empty(Arc::default(), false, windows.grid.steps());
            slide(kind, &windows, &series, &mut row);
            let found: Vec<(usize, f64)> = row
                .samples()
                .filter_map(|(step, sample)| sample.float().map(|value| (step, value)))
                .collect();
            assert_eq!(found.len(), expect.len());
            for ((step, value), (expect_step, expect)) in found.into_iter().zip(expect) {
                let same = value == expect || (value.is_nan() && expect.is_nan());
                assert!(step == expect_step && same, "{kind:?} at {step}: {value} is not {expect}");
            }
        };
        check(Slide::Sum, scan(&sum_floats));
        check(Slide::Max, scan(&|values| values.iter().copied().fold(f64::NAN, f64::max)));
        check(Slide::Min, scan(&|values| values.iter().copied().fold(f64::NAN, f64::min)));
        check(Slide::Avg, scan(&running_mean));
    }
}
