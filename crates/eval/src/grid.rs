//! The step grid and what is computed on it: rows (one series, one value per step), and frames (many rows).
//!
//! A row is a column of floats with a bitmap that says at which steps there is a sample; histograms, when there are any, stand beside it.
//! Instant queries are grids of one step, and their rows need no heap for values and bitmap.

use crate::budget::{Charge, Meter};
use crate::error::EvalError;
use model::Labels;
use model::histogram::FloatHistogram;
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

/// Moments at which an expression is evaluated: `start`, `start + step`, ... up to `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Grid {
    pub start_ms: i64,
    /// As asked for; the last step may be earlier.
    pub end_ms: i64,
    /// At least 1.
    pub step_ms: i64,
}

impl Grid {
    pub fn instant(at_ms: i64) -> Self {
        Self { start_ms: at_ms, end_ms: at_ms, step_ms: 1 }
    }

    /// Number of steps; 0 when the end is before the start.
    pub fn steps(&self) -> usize {
        if self.end_ms < self.start_ms {
            return 0;
        }
        let span = i128::from(self.end_ms) - i128::from(self.start_ms);
        usize::try_from(span / i128::from(self.step_ms.max(1)) + 1).unwrap_or(usize::MAX)
    }

    #[inline]
    pub fn time_ms(&self, step: usize) -> i64 {
        self.start_ms + self.step_ms * step as i64
    }

    pub fn last_ms(&self) -> i64 {
        self.time_ms(self.steps().saturating_sub(1))
    }

    /// Result order is kept, and equal label sets are not merged, when start and end are one moment.
    pub fn is_instant(&self) -> bool {
        self.start_ms == self.end_ms
    }
}

/// One bit per step.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Bits(SmallVec<[u64; 2]>);

impl Bits {
    pub fn none(steps: usize) -> Self {
        Self(smallvec![0; steps.div_ceil(64)])
    }

    pub fn all(steps: usize) -> Self {
        let mut bits = Self::none(steps);
        bits.set_all(steps);
        bits
    }

    #[inline]
    pub fn get(&self, step: usize) -> bool {
        self.0[step / 64] >> (step % 64) & 1 == 1
    }

    #[inline]
    pub fn set(&mut self, step: usize) {
        self.0[step / 64] |= 1 << (step % 64);
    }

    #[inline]
    pub fn clear(&mut self, step: usize) {
        self.0[step / 64] &= !(1 << (step % 64));
    }

    pub fn clear_all(&mut self) {
        self.0.fill(0);
    }

    /// Sets the first `steps` bits, which are all there are.
    pub fn set_all(&mut self, steps: usize) {
        self.0.fill(u64::MAX);
        if !steps.is_multiple_of(64)
            && let Some(last) = self.0.last_mut()
        {
            *last = (1 << (steps % 64)) - 1;
        }
    }

    pub fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub fn is_full(&self, steps: usize) -> bool {
        self.count() == steps
    }

    pub fn union(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own |= other);
    }

    pub fn intersect(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own &= other);
    }

    pub fn subtract(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own &= !other);
    }

    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(own, other)| own & other != 0)
    }

    /// Set bits, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(place, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                if left == 0 {
                    return None;
                }
                let bit = left.trailing_zeros() as usize;
                left &= left - 1;
                Some(place * 64 + bit)
            })
        })
    }
}

/// The value of a sample.
#[derive(Clone, Debug)]
pub enum Sample {
    Float(f64),
    Histogram(Arc<FloatHistogram>),
}

/// A value that is looked at.
#[derive(Clone, Copy, Debug)]
pub enum SampleRef<'a> {
    Float(f64),
    Histogram(&'a Arc<FloatHistogram>),
}

impl SampleRef<'_> {
    pub fn to_owned(self) -> Sample {
        match self {
            Self::Float(value) => Sample::Float(value),
            Self::Histogram(histogram) => Sample::Histogram(Arc::clone(histogram)),
        }
    }

    pub fn float(self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(value),
            Self::Histogram(_) => None,
        }
    }
}

/// Histograms of a row, one place per step.
pub type HistogramColumn = Box<[Option<Arc<FloatHistogram>>]>;

/// One series on a grid.
#[derive(Clone, Debug)]
pub struct Row {
    pub labels: Arc<Labels>,
    /// The metric name (and type and unit) goes away at the end of the evaluation.
    pub drop_name: bool,
    /// One per step; meaningless where there is no sample or a histogram.
    pub values: SmallVec<[f64; 1]>,
    pub present: Bits,
    pub histograms: Option<HistogramColumn>,
}

impl Row {
    pub fn empty(labels: Arc<Labels>, drop_name: bool, steps: usize) -> Self {
        let values = if steps == 1 { smallvec![0.0] } else { SmallVec::from_vec(vec![0.0; steps]) };
        Self { labels, drop_name, values, present: Bits::none(steps), histograms: None }
    }

    /// An empty row in the memory of this one, for the same grid.
    pub fn reused(mut self, labels: Arc<Labels>, drop_name: bool) -> Self {
        self.labels = labels;
        self.drop_name = drop_name;
        self.present.clear_all();
        self.histograms = None;
        self
    }

    pub fn is_empty(&self) -> bool {
        self.present.is_empty()
    }

    #[inline]
    pub fn get(&self, step: usize) -> Option<SampleRef<'_>> {
        if !self.present.get(step) {
            return None;
        }
        match self.histogram(step) {
            Some(histogram) => Some(SampleRef::Histogram(histogram)),
            None => Some(SampleRef::Float(self.values[step])),
        }
    }

    #[inline]
    pub fn histogram(&self, step: usize) -> Option<&Arc<FloatHistogram>> {
        self.histograms.as_ref().and_then(|column| column[step].as_ref())
    }

    #[inline]
    pub fn set_float(&mut self, step: usize, value: f64) {
        self.values[step] = value;
        self.present.set(step);
    }

    pub fn set(&mut self, step: usize, sample: Sample) {
        match sample {
            Sample::Float(value) => self.set_float(step, value),
            Sample::Histogram(histogram) => {
                let steps = self.values.len();
                let column = self.histograms.get_or_insert_with(|| vec![None; steps].into_boxed_slice());
                column[step] = Some(histogram);
                self.present.set(step);
            }
        }
    }

    /// Removes the sample at `step`.
    pub fn remove(&mut self, step: usize) {
        self.present.clear(step);
        if let Some(column) = &mut self.histograms {
            column[step] = None;
        }
    }

    /// Keeps the samples at the steps of `kept` alone.
    pub fn keep(&mut self, kept: &Bits) {
        self.present.intersect(kept);
        self.forget_absent_histograms();
    }

    /// Drops histograms at steps without a sample, and the column when none is left.
    pub fn forget_absent_histograms(&mut self) {
        let Some(column) = &mut self.histograms else { return };
        let mut left = false;
        for (step, place) in column.iter_mut().enumerate() {
            if self.present.get(step) {
                left |= place.is_some();
            } else {
                *place = None;
            }
        }
        if !left {
            self.histograms = None;
        }
    }

    /// Drops all histogram samples.
    pub fn drop_histograms(&mut self) {
        if let Some(column) = self.histograms.take() {
            for (step, _) in column.iter().enumerate().filter(|(_, place)| place.is_some()) {
                self.present.clear(step);
            }
        }
    }

    pub fn samples(&self) -> impl Iterator<Item = (usize, SampleRef<'_>)> {
        self.present.iter().filter_map(|step| self.get(step).map(|sample| (step, sample)))
    }

    /// Samples as limits count them: a histogram is as many as its size in units of 16 bytes.
    pub fn sample_count(&self) -> usize {
        let mut count = self.present.count();
        if let Some(column) = &self.histograms {
            count += column.iter().flatten().map(|histogram| (histogram.byte_size() + 8) / 16).sum::<usize>();
        }
        count
    }

    pub fn byte_size(&self) -> usize {
        let steps = self.values.len();
        let histograms = self.histograms.as_ref().map_or(0, |column| {
            column.len() * 8 + column.iter().flatten().map(|histogram| histogram.byte_size()).sum::<usize>()
        });
        size_of::<Self>() + steps * 8 + steps / 8 + histograms
    }
}

/// One number per step, and the memory it is charged for.
pub(crate) struct Scalars {
    values: Vec<f64>,
    _charge: Option<Charge>,
}

impl Scalars {
    /// Charges for `steps` numbers before it computes them.
    pub fn build(
        meter: &Arc<Meter>,
        steps: usize,
        value: impl FnMut(usize) -> f64,
    ) -> Result<Self, EvalError> {
        let charge = meter.charge(0, steps.saturating_mul(size_of::<f64>()))?;
        Ok(Self { values: (0..steps).map(value).collect(), _charge: Some(charge) })
    }

    pub fn none() -> Self {
        Self { values: Vec::new(), _charge: None }
    }
}

impl std::ops::Deref for Scalars {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        &self.values
    }
}

/// Series on one grid, and the memory they are charged for.
#[derive(Default)]
pub(crate) struct Frame {
    pub rows: Vec<Row>,
    charges: Vec<Charge>,
}

impl Frame {
    /// Takes rows and charges for them.
    pub fn charged(rows: Vec<Row>, meter: &Arc<Meter>) -> Result<Self, EvalError> {
        let samples = rows.iter().map(Row::sample_count).sum();
        let bytes = rows.iter().map(Row::byte_size).sum();
        let charges = vec![meter.charge(samples, bytes)?];
        Ok(Self { rows, charges })
    }

    /// Takes rows that are charged for already.
    pub fn with_charges(rows: Vec<Row>, charges: Vec<Charge>) -> Self {
        Self { rows, charges }
    }

    /// The same rows again, charged for again.
    pub fn duplicate(&self, meter: &Arc<Meter>) -> Result<Self, EvalError> {
        Self::charged(self.rows.clone(), meter)
    }

    /// Rows of another shape in place of these, still under this frame's charges.
    pub fn map_rows(self, change: impl FnOnce(Vec<Row>) -> Vec<Row>) -> Self {
        Self { rows: change(self.rows), charges: self.charges }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_count_their_steps() {
        let grid = |start_ms, end_ms, step_ms| Grid { start_ms, end_ms, step_ms };
        assert_eq!(grid(0, 100, 30).steps(), 4);
        assert_eq!(grid(0, 100, 30).last_ms(), 90);
        assert_eq!(grid(5, 4, 1).steps(), 0);
        assert_eq!(grid(i64::MIN, i64::MAX, 1).steps(), usize::MAX);
        assert_eq!(Grid::instant(7).steps(), 1);
    }

    #[test]
    fn bits_are_set_counted_and_listed() {
        let mut bits = Bits::none(130);
        [0, 63, 64, 129].iter().for_each(|step| bits.set(*step));
        assert_eq!(bits.iter().collect::<Vec<_>>(), [0, 63, 64, 129]);
        assert_eq!((bits.count(), bits.get(64), bits.get(65)), (4, true, false));
        assert!(Bits::all(130).is_full(130) && Bits::all(64).is_full(64));
    }

    #[test]
    fn rows_hold_floats_and_histograms() {
        let mut row = Row::empty(Arc::default(), false, 3);
        row.set_float(0, 1.5);
        row.set(2, Sample::Histogram(Arc::default()));
        assert_eq!(
            row.samples().map(|(step, sample)| (step, sample.float())).collect::<Vec<_>>(),
            [(0, Some(1.5)), (2, None)]
        );
        row.drop_histograms();
        assert_eq!((row.present.count(), row.histograms.is_none()), (1, true));
    }
}
