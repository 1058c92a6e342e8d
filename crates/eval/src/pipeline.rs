//! What can be computed one series at a time: a selector or subquery, a function over it, and any number of row changes on top.
//!
//! `abs(rate(x[5m]) * 8)` never holds more than one series per thread before its rows are kept or folded into an aggregation. A subquery whose inner
//! expression is such a pipeline is read through it, series by series.

use crate::annotations::Annotations;
use crate::binary::element::OpContext;
use crate::binary::scalar::ScalarOp;
use crate::budget::Charge;
use crate::error::EvalError;
use crate::functions::{elementwise, native};
use crate::grid::{Frame, Grid, Row, Sample, SampleRef, Scalars};
use crate::range::RangeCall;
use crate::select::{Lookback, Series, strip_buckets};
use crate::smooth::smoothed_row;
use crate::source::{Columns, Selection};
use model::Labels;
use model::histogram::{CounterResetHint, FloatHistogram};
use promql::{Function, Span};
use std::sync::Arc;

/// Where series come from.
pub(crate) enum Input<'e> {
    Selection {
        selection: Box<dyn Selection + 'e>,
        skip_buckets: bool,
        start_ms: i64,
    },
    /// A subquery over anything.
    Rows(Frame, Grid),
    /// A subquery over what is a pipeline itself.
    Inner(Box<Pipeline<'e>>),
}

/// The first step: samples to a row.
pub(crate) enum Leaf {
    Instant(Lookback),
    Timestamp(Lookback),
    StartTimestamp(Lookback),
    Smoothed(Lookback, Span),
    Range(Box<RangeCall>),
}

/// A change of a row.
pub(crate) enum RowMap {
    Float(fn(f64) -> f64),
    Round(Scalars),
    /// Lower and upper bounds per step.
    Clamp(Option<Scalars>, Option<Scalars>),
    Native(Function),
    Scalar(ScalarOp, Scalars, Span),
    Negate,
}

/// Series in, rows out.
pub(crate) struct Pipeline<'e> {
    pub input: Input<'e>,
    pub leaf: Leaf,
    pub maps: Vec<RowMap>,
    pub grid: Grid,
    /// What the threads need for a row each.
    pub _scratch: Charge,
}

/// Memory that a thread reuses from series to series.
#[derive(Default)]
pub(crate) struct Scratch {
    series: Series,
    inner: Option<Box<Scratch>>,
    /// A row that nobody needs any more; its memory serves the next series.
    spare: Option<Row>,
    /// Samples read, for statistics.
    pub samples_read: u64,
}

impl Scratch {
    /// Gives back a row of the pipeline that was looked at and is not kept.
    pub fn recycle(&mut self, row: Row) {
        self.spare = Some(row);
    }
}

impl Pipeline<'_> {
    pub fn len(&self) -> usize {
        match &self.input {
            Input::Selection { selection, .. } => selection.labels().len(),
            Input::Rows(frame, _) => frame.rows.len(),
            Input::Inner(inner) => inner.len(),
        }
    }

    pub fn labels(&self, series: usize) -> &Arc<Labels> {
        match &self.input {
            Input::Selection { selection, .. } => &selection.labels()[series],
            Input::Rows(frame, _) => &frame.rows[series].labels,
            Input::Inner(inner) => inner.labels(series),
        }
    }

    /// The row of a series; `None` when it has no sample.
    pub fn run(
        &self,
        series: usize,
        scratch: &mut Scratch,
        notes: &mut Annotations,
    ) -> Result<Option<Row>, EvalError> {
        scratch.series.clear();
        let drop_name = self.read(series, scratch, notes)?;
        if scratch.series.columns.is_empty() {
            return Ok(None);
        }
        let labels = Arc::clone(self.labels(series));
        let row = match scratch.spare.take() {
            Some(spare) => spare.reused(labels, drop_name),
            None => Row::empty(labels, drop_name, self.grid.steps()),
        };
        let columns = &scratch.series.columns;
        let mut row = match &self.leaf {
            Leaf::Instant(lookback) => lookback.row(columns, row),
            Leaf::Timestamp(lookback) => lookback.timestamp_row(columns, row),
            Leaf::StartTimestamp(lookback) => lookback.start_timestamp_row(columns, row),
            Leaf::Smoothed(lookback, span) => {
                scratch.series.split();
                smoothed_row(lookback, &scratch.series, row, *span, notes)
            }
            Leaf::Range(call) => {
                if !call.uses_starts {
                    scratch.series.columns.start_timestamps.clear();
                }
                scratch.series.split();
                call.row(&scratch.series, row, notes)?
            }
        };
        for map in &self.maps {
            if row.is_empty() {
                break;
            }
            map.apply(&mut row, notes);
        }
        if row.is_empty() {
            scratch.spare = Some(row);
            return Ok(None);
        }
        Ok(Some(row))
    }

    /// Reads the samples of a series into the scratch. The result says whether its name goes away.
    fn read(&self, series: usize, scratch: &mut Scratch, notes: &mut Annotations) -> Result<bool, EvalError> {
        let columns = &mut scratch.series.columns;
        match &self.input {
            Input::Selection { selection, skip_buckets, start_ms } => {
                selection.read(series, columns)?;
                if *skip_buckets && !columns.histograms.is_empty() {
                    strip_buckets(columns, *start_ms);
                }
                scratch.samples_read += columns.len() as u64;
                Ok(false)
            }
            Input::Rows(frame, grid) => {
                push_row(&frame.rows[series], grid, columns);
                Ok(frame.rows[series].drop_name)
            }
            Input::Inner(inner) => {
                let inner_scratch = scratch.inner.get_or_insert_default();
                let row = inner.run(series, inner_scratch, notes)?;
                scratch.samples_read += std::mem::take(&mut inner_scratch.samples_read);
                let Some(row) = row else { return Ok(false) };
                push_row(&row, &inner.grid, columns);
                let drop_name = row.drop_name;
                inner_scratch.recycle(row);
                Ok(drop_name)
            }
        }
    }
}

/// The samples of a subquery. What is known about resets is forgotten: samples between the steps are not seen, or seen twice.
fn push_row(row: &Row, grid: &Grid, columns: &mut Columns) {
    for (step, sample) in row.samples() {
        match sample {
            SampleRef::Float(value) => columns.push(grid.time_ms(step), value),
            SampleRef::Histogram(histogram) => {
                columns.push_histogram(grid.time_ms(step), 0, without_reset_hint(histogram));
            }
        }
    }
}

/// The histogram of a subquery.
pub(crate) fn without_reset_hint(histogram: &Arc<FloatHistogram>) -> Arc<FloatHistogram> {
    match histogram.reset_hint {
        CounterResetHint::Unknown | CounterResetHint::Gauge => Arc::clone(histogram),
        _ => Arc::new(FloatHistogram {
            reset_hint: CounterResetHint::Unknown,
            ..FloatHistogram::clone(histogram)
        }),
    }
}

impl RowMap {
    pub fn apply(&self, row: &mut Row, notes: &mut Annotations) {
        match self {
            Self::Float(function) => {
                each_float(row, |_, value| function(value));
            }
            Self::Round(nearest) => each_float(row, |step, value| elementwise::round(value, nearest[step])),
            Self::Clamp(lower, upper) => clamp(row, lower.as_deref(), upper.as_deref()),
            Self::Native(function) => native_number(*function, row),
            Self::Scalar(op, scalars, span) => op.apply(row, scalars, &mut OpContext { notes, span: *span }),
            Self::Negate => {
                row.drop_name = true;
                row.values.iter_mut().for_each(|value| *value = -*value);
                for histogram in row.histograms.iter_mut().flat_map(|column| column.iter_mut()).flatten() {
                    Arc::make_mut(histogram).multiply(-1.0);
                }
            }
        }
    }
}

/// Changes the floats of a row and drops its histograms and its name.
fn each_float(row: &mut Row, function: impl Fn(usize, f64) -> f64) {
    row.drop_histograms();
    row.drop_name = true;
    row.values.iter_mut().enumerate().for_each(|(step, value)| *value = function(step, *value));
}

fn clamp(row: &mut Row, lower: Option<&[f64]>, upper: Option<&[f64]>) {
    let at =
        |bounds: Option<&[f64]>, step: usize, endless: f64| bounds.map_or(endless, |bounds| bounds[step]);
    let bounds = |step| (at(lower, step, f64::NEG_INFINITY), at(upper, step, f64::INFINITY));
    each_float(row, |step, value| {
        let (lower, upper) = bounds(step);
        elementwise::max(lower, elementwise::min(upper, value))
    });
    for step in 0..row.values.len() {
        let (lower, upper) = bounds(step);
        if upper < lower {
            row.present.clear(step);
        }
    }
}

/// A number of each histogram; floats are dropped.
fn native_number(function: Function, row: &mut Row) {
    row.drop_name = true;
    let Some(column) = row.histograms.take() else {
        let none = crate::grid::Bits::none(row.values.len());
        row.present.intersect(&none);
        return;
    };
    for (step, histogram) in column.iter().enumerate() {
        let Some(histogram) = histogram.as_ref().filter(|_| row.present.get(step)) else {
            row.present.clear(step);
            continue;
        };
        let number = match function {
            Function::HistogramCount => histogram.count,
            Function::HistogramSum => histogram.sum,
            Function::HistogramAvg => histogram.sum / histogram.count,
            Function::HistogramStdvar => native::variance(histogram),
            _ => native::variance(histogram).sqrt(),
        };
        row.set(step, Sample::Float(number));
    }
}
