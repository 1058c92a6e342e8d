//! Walks the plan: what can be streamed becomes a [`Pipeline`], everything else is computed from whole frames.
//!
//! Results of one node are a [`Value`] on the grid they were asked for. Annotations of arguments come before those of the function, as the order in which
//! equal annotations are raised decides which place they show.

mod aggregation;
mod calls;
mod streams;

use crate::annotations::Annotations;
use crate::binary::element::{OpContext, floats};
use crate::binary::matching::VectorOp;
use crate::binary::scalar::ScalarOp;
use crate::binary::set;
use crate::budget::Meter;
use crate::error::EvalError;
use crate::explain::Recorder;
use crate::functions::Context;
use crate::functions::extended::extended_floats;
use crate::grid::{Frame, Grid, Row, Sample, Scalars};
use crate::pipeline::{RowMap, without_reset_hint};
use crate::plan::{BinaryNode, Kind, Node, RangeSelector, Selector};
use crate::query::Options;
use crate::select::{Series, strip_buckets};
use crate::source::{SelectHints, Selection, Source};
use crate::windows::WindowGrid;
use model::Labels;
use promql::Span;
use promql::ast::{Extended, ValueType};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// The result of a node.
pub(crate) enum Value {
    /// One number per step.
    Scalar(Scalars),
    Vector(Frame),
    Matrix(Vec<Samples>),
    Text(Box<[u8]>),
}

/// A series with samples at times of their own.
pub(crate) struct Samples {
    pub labels: Arc<Labels>,
    pub drop_name: bool,
    pub points: Vec<(i64, Sample)>,
}

/// A sub-expression that stands in the query more than once.
struct SharedResult {
    frame: Frame,
    notes: Annotations,
    span: Span,
}

/// One evaluation.
pub(crate) struct Evaluator<'e> {
    pub source: &'e dyn Source,
    pub options: &'e Options,
    pub meter: Arc<Meter>,
    pub recorder: Recorder,
    shared: Mutex<HashMap<(u32, Grid), SharedResult>>,
}

impl<'e> Evaluator<'e> {
    pub fn new(source: &'e dyn Source, options: &'e Options, meter: Arc<Meter>, recorder: Recorder) -> Self {
        Self { source, options, meter, recorder, shared: Mutex::default() }
    }

    /// Evaluates `node` at every step of `grid`.
    pub fn eval(&self, node: &Node, grid: &Grid, notes: &mut Annotations) -> Result<Value, EvalError> {
        self.meter.check()?;
        self.check_grid(grid)?;
        if grid.steps() == 0 {
            return Ok(empty_value(node.value_type()));
        }
        let Some(share) = node.share else { return self.measured(node, grid, notes) };
        if node.value_type() != ValueType::Vector {
            return self.measured(node, grid, notes);
        }
        let key = (share, *grid);
        if let Some(shared) = self.lock_shared().get(&key) {
            let shift = i64::from(node.span.start) - i64::from(shared.span.start);
            notes.merge(shared.notes.shifted(shift));
            return Ok(Value::Vector(shared.frame.duplicate(&self.meter)?));
        }
        let mut own_notes = Annotations::default();
        let value = self.measured(node, grid, &mut own_notes)?;
        if let Value::Vector(frame) = &value {
            let frame = frame.duplicate(&self.meter)?;
            let shared = SharedResult { frame, notes: own_notes.clone(), span: node.span };
            self.lock_shared().insert(key, shared);
        }
        notes.merge(own_notes);
        Ok(value)
    }

    /// Refuses grids whose steps alone are too much, before anything is made for each of them.
    fn check_grid(&self, grid: &Grid) -> Result<(), EvalError> {
        if grid.steps() > self.meter.max_steps() { Err(EvalError::TooManySamples) } else { Ok(()) }
    }

    fn lock_shared(&self) -> std::sync::MutexGuard<'_, HashMap<(u32, Grid), SharedResult>> {
        self.shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn measured(&self, node: &Node, grid: &Grid, notes: &mut Annotations) -> Result<Value, EvalError> {
        let started = self.recorder.now();
        let value = self.eval_kind(node, grid, notes)?;
        if self.recorder.is_on() {
            let (series, samples, bytes) = match &value {
                Value::Vector(frame) => (
                    frame.rows.len(),
                    frame.rows.iter().map(Row::sample_count).sum(),
                    frame.rows.iter().map(Row::byte_size).sum(),
                ),
                Value::Matrix(series) => {
                    (series.len(), series.iter().map(|series| series.points.len()).sum(), 0)
                }
                Value::Scalar(values) => (1, values.len(), values.len() * 8),
                Value::Text(_) => (0, 0, 0),
            };
            self.recorder.record(node.id, started, series, samples, bytes);
        }
        Ok(value)
    }

    fn eval_kind(&self, node: &Node, grid: &Grid, notes: &mut Annotations) -> Result<Value, EvalError> {
        if let Some(pipeline) = self.pipeline(node, grid, notes)? {
            return Ok(Value::Vector(self.materialise(node.id, &pipeline, notes)?));
        }
        match &node.kind {
            Kind::Number(value) => Ok(Value::Scalar(Scalars::build(&self.meter, grid.steps(), |_| *value)?)),
            Kind::Text(text) => Ok(Value::Text(text.clone())),
            Kind::Select(_) => Err(unexpected("a selector that cannot be read")),
            Kind::Range(range) => self.range_samples(range, grid, node.span, notes),
            Kind::Subquery(subquery) => {
                let inner = subquery.grid(grid);
                let value = self.eval(&subquery.expr, &inner, notes)?;
                Ok(Value::Matrix(samples_of(value, &inner)))
            }
            Kind::Call(call) => self.call(node, call, grid, notes),
            Kind::Aggregate(aggregation) => self.aggregate(node, aggregation, grid, notes),
            Kind::Binary(binary) => self.binary(node, binary, grid, notes),
            Kind::Negate(inner) => self.negate(inner, grid, notes),
            Kind::Invariant(inner) => {
                let first = Grid { end_ms: grid.start_ms, ..*grid };
                let value = self.eval(inner, &first, notes)?;
                self.broadcast(value, grid)
            }
        }
    }

    /// Evaluates to rows; fails for what is no vector.
    pub(crate) fn frame(
        &self,
        node: &Node,
        grid: &Grid,
        notes: &mut Annotations,
    ) -> Result<Frame, EvalError> {
        match self.eval(node, grid, notes)? {
            Value::Vector(frame) => Ok(frame),
            _ => Err(unexpected("a vector was expected")),
        }
    }

    /// Evaluates to one number per step.
    pub(crate) fn scalars(
        &self,
        node: &Node,
        grid: &Grid,
        notes: &mut Annotations,
    ) -> Result<Scalars, EvalError> {
        match self.eval(node, grid, notes)? {
            Value::Scalar(values) => Ok(values),
            _ => Err(unexpected("a scalar was expected")),
        }
    }

    /// The value of the first step at every step.
    fn broadcast(&self, value: Value, grid: &Grid) -> Result<Value, EvalError> {
        let steps = grid.steps();
        Ok(match value {
            Value::Scalar(values) => {
                let first = values.first().copied().unwrap_or(f64::NAN);
                Value::Scalar(Scalars::build(&self.meter, steps, |_| first)?)
            }
            Value::Vector(frame) if steps > 1 => {
                let rows = frame.rows.iter().map(|row| repeated(row, steps)).collect();
                Value::Vector(Frame::charged(rows, &self.meter)?)
            }
            other => other,
        })
    }

    fn negate(&self, inner: &Node, grid: &Grid, notes: &mut Annotations) -> Result<Value, EvalError> {
        Ok(match self.eval(inner, grid, notes)? {
            Value::Scalar(values) => {
                Value::Scalar(Scalars::build(&self.meter, values.len(), |step| -values[step])?)
            }
            Value::Vector(mut frame) => {
                frame.rows.iter_mut().for_each(|row| RowMap::Negate.apply(row, notes));
                Value::Vector(frame)
            }
            _ => return Err(unexpected("only numbers and vectors can be negated")),
        })
    }

    fn binary(
        &self,
        node: &Node,
        binary: &BinaryNode,
        grid: &Grid,
        notes: &mut Annotations,
    ) -> Result<Value, EvalError> {
        let left = self.eval(&binary.left, grid, notes)?;
        let right = self.eval(&binary.right, grid, notes)?;
        let span = node.span;
        match (left, right) {
            (Value::Scalar(left), Value::Scalar(right)) => {
                let pair = |step: usize| floats(binary.op, left[step], right[step]);
                Ok(Value::Scalar(Scalars::build(&self.meter, grid.steps(), pair)?))
            }
            (Value::Vector(left), Value::Vector(right)) => {
                let matching =
                    binary.matching.as_ref().ok_or_else(|| unexpected("vectors without a matching"))?;
                let rows = if binary.op.is_set() {
                    set::combine(binary.op, matching, left.rows, right.rows, grid, &self.meter)?
                } else {
                    let op = VectorOp { op: binary.op, matching, returns_bool: binary.returns_bool };
                    op.combine(left.rows, right.rows, grid, &self.meter, &mut OpContext { notes, span })?
                };
                Ok(Value::Vector(Frame::charged(rows, &self.meter)?))
            }
            (Value::Vector(mut frame), Value::Scalar(scalars)) => {
                let op = ScalarOp { op: binary.op, scalar_first: false, returns_bool: binary.returns_bool };
                frame.rows.iter_mut().for_each(|row| op.apply(row, &scalars, &mut OpContext { notes, span }));
                frame.rows.retain(|row| !row.is_empty());
                Ok(Value::Vector(frame))
            }
            (Value::Scalar(scalars), Value::Vector(mut frame)) => {
                let op = ScalarOp { op: binary.op, scalar_first: true, returns_bool: binary.returns_bool };
                frame.rows.iter_mut().for_each(|row| op.apply(row, &scalars, &mut OpContext { notes, span }));
                frame.rows.retain(|row| !row.is_empty());
                Ok(Value::Vector(frame))
            }
            _ => Err(unexpected("operands of an operator that are neither numbers nor vectors")),
        }
    }

    /// Selects series for the times that `selector` can look at.
    pub(crate) fn select(
        &self,
        selector: &Selector,
        range_ms: i64,
        grid: &Grid,
    ) -> Result<(Box<dyn Selection + 'e>, i64), EvalError> {
        let lookback = self.options.lookback_ms;
        let (first, last) = match selector.at_ms {
            Some(at_ms) => (at_ms, at_ms),
            None => (grid.start_ms, grid.last_ms()),
        };
        let (before, after) = match (range_ms, selector.extended) {
            (0, Some(Extended::Smoothed)) => (lookback, lookback),
            (0, _) => (lookback, 0),
            (_, None) => (range_ms, 0),
            (_, Some(Extended::Anchored)) => (range_ms.saturating_add(lookback), 0),
            (_, Some(Extended::Smoothed)) => (range_ms.saturating_add(lookback), lookback),
        };
        let offset = selector.offset_ms;
        // The sample exactly at the beginning of a range or lookback is outside of it.
        let start_ms = first.saturating_sub(offset).saturating_sub(before).saturating_add(1);
        let hints = SelectHints {
            start_ms,
            end_ms: last.saturating_sub(offset).saturating_add(after),
            step_ms: if grid.is_instant() { 0 } else { grid.step_ms },
            range_ms,
            function: selector.function,
            grouping: &selector.grouping,
            grouping_by: selector.grouping_by,
        };
        let selection = self.source.select(&selector.matchers, &hints, self.meter.budget())?;
        Ok((selection, start_ms))
    }

    /// A range selector on its own: its samples at their own times.
    fn range_samples(
        &self,
        range: &RangeSelector,
        grid: &Grid,
        span: Span,
        notes: &mut Annotations,
    ) -> Result<Value, EvalError> {
        if grid.steps() != 1 {
            return Err(unexpected("a range selector in a range query"));
        }
        let (selection, start_ms) = self.select(&range.selector, range.range_ms, grid)?;
        let windows = self.windows(&range.selector, range.range_ms, grid);
        let mut series = Series::default();
        let mut all = Vec::new();
        for (place, labels) in selection.labels().iter().enumerate() {
            self.meter.check()?;
            series.clear();
            selection.read(place, &mut series.columns)?;
            if range.selector.skip_buckets {
                strip_buckets(&mut series.columns, start_ms);
            }
            series.split();
            let context = Context { labels, notes, span };
            let points = window_samples(&series, &windows, &context)?;
            if !points.is_empty() {
                all.push(Samples { labels: Arc::clone(labels), drop_name: false, points });
            }
        }
        Ok(Value::Matrix(all))
    }

    pub(crate) fn windows(&self, selector: &Selector, range_ms: i64, grid: &Grid) -> WindowGrid {
        WindowGrid {
            grid: *grid,
            offset_ms: selector.offset_ms,
            at_ms: selector.at_ms,
            range_ms,
            lookback_ms: self.options.lookback_ms,
            extended: selector.extended,
        }
    }
}

/// All samples of the only window, in order of time.
fn window_samples(
    series: &Series,
    windows: &WindowGrid,
    context: &Context<'_>,
) -> Result<Vec<(i64, Sample)>, EvalError> {
    let mut points = Vec::new();
    windows.slide(series, |_, window| {
        if let Some(extended) = windows.extended {
            if !window.histograms.is_empty() {
                let (modifier, _) = (extended.name(), context.span);
                return Err(EvalError::Execution(format!(
                    "{modifier} modifier is not supported with histograms"
                )));
            }
            let floats = extended_floats(&window, extended == Extended::Smoothed);
            points.extend(floats.into_iter().map(|(time, value)| (time, Sample::Float(value))));
            return Ok(());
        }
        let floats = window.times.iter().zip(window.values);
        points.extend(floats.map(|(time, value)| (*time, Sample::Float(*value))));
        let histograms = window.histogram_times.iter().zip(window.histograms);
        points.extend(histograms.map(|(time, histogram)| (*time, Sample::Histogram(Arc::clone(histogram)))));
        Ok(())
    })?;
    points.sort_by_key(|(time, _)| *time);
    Ok(points)
}

/// Rows as samples at the times of their steps: the result of a subquery.
fn samples_of(value: Value, grid: &Grid) -> Vec<Samples> {
    let series = |labels: Arc<Labels>, drop_name, points| Samples { labels, drop_name, points };
    match value {
        Value::Vector(frame) => frame
            .rows
            .iter()
            .map(|row| {
                let points = row.samples().map(|(step, sample)| {
                    let sample = match sample.to_owned() {
                        Sample::Histogram(histogram) => Sample::Histogram(without_reset_hint(&histogram)),
                        float => float,
                    };
                    (grid.time_ms(step), sample)
                });
                series(Arc::clone(&row.labels), row.drop_name, points.collect())
            })
            .collect(),
        Value::Scalar(values) => {
            let points =
                values.iter().enumerate().map(|(step, value)| (grid.time_ms(step), Sample::Float(*value)));
            vec![series(Arc::default(), false, points.collect())]
        }
        Value::Matrix(samples) => samples,
        Value::Text(_) => Vec::new(),
    }
}

fn repeated(row: &Row, steps: usize) -> Row {
    let mut repeated = Row::empty(Arc::clone(&row.labels), row.drop_name, steps);
    if let Some(sample) = row.get(0) {
        (0..steps).for_each(|step| repeated.set(step, sample.to_owned()));
    }
    repeated
}

fn empty_value(value_type: ValueType) -> Value {
    match value_type {
        ValueType::Scalar => Value::Scalar(Scalars::none()),
        ValueType::Vector => Value::Vector(Frame::default()),
        ValueType::Matrix => Value::Matrix(Vec::new()),
        ValueType::String => Value::Text(Box::default()),
    }
}

/// The parser lets nothing through that ends here; should it, the query fails and nothing else.
pub(crate) fn unexpected(what: &str) -> EvalError {
    EvalError::Execution(format!("unexpected expression: {what}"))
}
