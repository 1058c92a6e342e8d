//! Turns nodes into pipelines where it can, and pipelines into frames.

use super::{Evaluator, Value};
use crate::annotations::Annotations;
use crate::binary::scalar::ScalarOp;
use crate::budget::Charge;
use crate::error::EvalError;
use crate::functions::elementwise::float_function;
use crate::grid::{Frame, Grid, Row, Scalars};
use crate::parallel::run_units;
use crate::pipeline::{Input, Leaf, Pipeline, RowMap, Scratch};
use crate::plan::{Call, Kind, Node, Selector, Subquery};
use crate::range::RangeCall;
use crate::select::Lookback;
use crate::windows::WindowGrid;
use promql::Function;
use promql::ast::{Extended, ValueType};

/// Series that one unit of work computes.
pub(super) const SERIES_PER_UNIT: usize = 64;

impl<'e> Evaluator<'e> {
    /// The pipeline of a node; `None` when it needs whole frames.
    pub(super) fn pipeline(
        &self,
        node: &Node,
        grid: &Grid,
        notes: &mut Annotations,
    ) -> Result<Option<Pipeline<'e>>, EvalError> {
        match &node.kind {
            Kind::Select(selector) => Ok(Some(self.instant_pipeline(node, selector, grid)?)),
            Kind::Call(call) => self.call_pipeline(node, call, grid, notes),
            Kind::Negate(inner) if inner.value_type() == ValueType::Vector => {
                self.mapped(inner, grid, notes, |_, _| Ok(RowMap::Negate))
            }
            Kind::Binary(binary) => {
                let sides = (binary.left.value_type(), binary.right.value_type());
                let (vector, scalar, scalar_first) = match sides {
                    (ValueType::Vector, ValueType::Scalar) => (&binary.left, &binary.right, false),
                    (ValueType::Scalar, ValueType::Vector) => (&binary.right, &binary.left, true),
                    _ => return Ok(None),
                };
                let op = ScalarOp { op: binary.op, scalar_first, returns_bool: binary.returns_bool };
                self.mapped(vector, grid, notes, |evaluator, notes| {
                    Ok(RowMap::Scalar(op, evaluator.scalars(scalar, grid, notes)?, node.span))
                })
            }
            _ => Ok(None),
        }
    }

    /// The pipeline of `inner` with a change on top. A sub-expression that stands elsewhere too is not streamed: it is computed once and kept.
    fn mapped(
        &self,
        inner: &Node,
        grid: &Grid,
        notes: &mut Annotations,
        map: impl FnOnce(&Self, &mut Annotations) -> Result<RowMap, EvalError>,
    ) -> Result<Option<Pipeline<'e>>, EvalError> {
        if inner.share.is_some() {
            return Ok(None);
        }
        let Some(mut pipeline) = self.pipeline(inner, grid, notes)? else { return Ok(None) };
        let map = map(self, notes)?;
        pipeline.maps.push(map);
        Ok(Some(pipeline))
    }

    fn selected(&self, selector: &Selector, range_ms: i64, grid: &Grid) -> Result<Input<'e>, EvalError> {
        let (selection, start_ms) = self.select(selector, range_ms, grid)?;
        Ok(Input::Selection { selection, skip_buckets: selector.skip_buckets, start_ms })
    }

    fn lookback(&self, selector: &Selector, grid: &Grid) -> Lookback {
        Lookback {
            grid: *grid,
            offset_ms: selector.offset_ms,
            at_ms: selector.at_ms,
            lookback_ms: self.options.lookback_ms,
        }
    }

    fn instant_pipeline(
        &self,
        node: &Node,
        selector: &Selector,
        grid: &Grid,
    ) -> Result<Pipeline<'e>, EvalError> {
        let lookback = self.lookback(selector, grid);
        let leaf = match selector.extended {
            Some(Extended::Smoothed) => Leaf::Smoothed(lookback, node.span),
            _ => Leaf::Instant(lookback),
        };
        let (input, scratch) = (self.selected(selector, 0, grid)?, self.scratch(grid)?);
        Ok(Pipeline { input, leaf, maps: Vec::new(), grid: *grid, _scratch: scratch })
    }

    /// Memory for a row in every thread.
    fn scratch(&self, grid: &Grid) -> Result<Charge, EvalError> {
        let row_bytes = grid.steps().saturating_mul(9).saturating_add(256);
        self.meter.charge(0, row_bytes.saturating_mul(self.options.threads.max(1)))
    }

    fn call_pipeline(
        &self,
        node: &Node,
        call: &Call,
        grid: &Grid,
        notes: &mut Annotations,
    ) -> Result<Option<Pipeline<'e>>, EvalError> {
        let scalar = |place: usize| {
            move |evaluator: &Self, notes: &mut Annotations| match call.args.get(place) {
                Some(arg) => evaluator.scalars(arg, grid, notes),
                None => Scalars::build(&evaluator.meter, grid.steps(), |_| 1.0),
            }
        };
        let Some(first) = call.args.first() else { return Ok(None) };
        match call.function {
            Function::Timestamp | Function::StartTimestamp => self.timestamp_pipeline(call, grid),
            Function::Round => self.mapped(first, grid, notes, |e, n| Ok(RowMap::Round(scalar(1)(e, n)?))),
            Function::Clamp => self.mapped(first, grid, notes, |e, n| {
                Ok(RowMap::Clamp(Some(scalar(1)(e, n)?), Some(scalar(2)(e, n)?)))
            }),
            Function::ClampMin => {
                self.mapped(first, grid, notes, |e, n| Ok(RowMap::Clamp(Some(scalar(1)(e, n)?), None)))
            }
            Function::ClampMax => {
                self.mapped(first, grid, notes, |e, n| Ok(RowMap::Clamp(None, Some(scalar(1)(e, n)?))))
            }
            Function::HistogramCount
            | Function::HistogramSum
            | Function::HistogramAvg
            | Function::HistogramStddev
            | Function::HistogramStdvar => {
                self.mapped(first, grid, notes, |_, _| Ok(RowMap::Native(call.function)))
            }
            Function::AbsentOverTime => Ok(None),
            function => match float_function(function) {
                Some(function) => self.mapped(first, grid, notes, |_, _| Ok(RowMap::Float(function))),
                None => self.range_pipeline(node, call, grid, notes),
            },
        }
    }

    /// `timestamp` and `start_timestamp` of a selector look at its samples, not at its values.
    fn timestamp_pipeline(&self, call: &Call, grid: &Grid) -> Result<Option<Pipeline<'e>>, EvalError> {
        let Some(Kind::Select(selector)) = call.args.first().map(|arg| &arg.kind) else { return Ok(None) };
        let mut lookback = self.lookback(selector, grid);
        if lookback.at_ms.is_some() {
            // As in Prometheus, `@` makes these two forget the offset.
            lookback.offset_ms = 0;
        }
        let starts = call.function == Function::StartTimestamp;
        if starts && !self.options.use_start_timestamps {
            return Ok(None);
        }
        let leaf = if starts { Leaf::StartTimestamp(lookback) } else { Leaf::Timestamp(lookback) };
        let (input, scratch) = (self.selected(selector, 0, grid)?, self.scratch(grid)?);
        Ok(Some(Pipeline { input, leaf, maps: Vec::new(), grid: *grid, _scratch: scratch }))
    }

    /// A function over a range selector or a subquery.
    pub(super) fn range_pipeline(
        &self,
        _node: &Node,
        call: &Call,
        grid: &Grid,
        notes: &mut Annotations,
    ) -> Result<Option<Pipeline<'e>>, EvalError> {
        let is_matrix = |arg: &&Node| matches!(arg.kind, Kind::Range(_) | Kind::Subquery(_));
        let Some(matrix) = call.args.iter().find(is_matrix) else { return Ok(None) };
        let (input, windows) = match &matrix.kind {
            Kind::Subquery(subquery) => self.subquery_input(subquery, grid, notes)?,
            Kind::Range(range) => {
                let input = self.selected(&range.selector, range.range_ms, grid)?;
                (input, self.windows(&range.selector, range.range_ms, grid))
            }
            _ => return Ok(None),
        };
        let mut scalars = Vec::new();
        for arg in call.args.iter().filter(|arg| !is_matrix(arg)) {
            scalars.push(self.scalars(arg, grid, notes)?);
        }
        let counts_starts =
            matches!(call.function, Function::Rate | Function::Irate | Function::Increase | Function::Resets);
        let range_call = RangeCall {
            function: call.function,
            windows,
            scalars,
            span: call.args[0].span,
            first_span: call.args[0].span,
            uses_starts: counts_starts && self.options.use_start_timestamps,
            budget: self.meter.budget().clone(),
            checks_type_label: self.options.type_and_unit_labels,
        };
        let leaf = Leaf::Range(Box::new(range_call));
        Ok(Some(Pipeline { input, leaf, maps: Vec::new(), grid: *grid, _scratch: self.scratch(grid)? }))
    }

    fn subquery_input(
        &self,
        subquery: &Subquery,
        grid: &Grid,
        notes: &mut Annotations,
    ) -> Result<(Input<'e>, WindowGrid), EvalError> {
        let inner_grid = subquery.grid(grid);
        let windows = WindowGrid {
            grid: *grid,
            offset_ms: subquery.offset_ms,
            at_ms: subquery.at_ms,
            range_ms: subquery.range_ms,
            lookback_ms: self.options.lookback_ms,
            extended: None,
        };
        self.check_grid(&inner_grid)?;
        let streams = subquery.expr.share.is_none() && inner_grid.steps() > 0;
        if streams && let Some(inner) = self.pipeline(&subquery.expr, &inner_grid, notes)? {
            return Ok((Input::Inner(Box::new(inner)), windows));
        }
        let frame = match self.eval(&subquery.expr, &inner_grid, notes)? {
            Value::Vector(frame) => frame,
            Value::Scalar(values) => Frame::charged(vec![super::calls::scalar_row(&values)], &self.meter)?,
            _ => Frame::default(),
        };
        Ok((Input::Rows(frame, inner_grid), windows))
    }

    /// Runs a pipeline over all its series and keeps the rows.
    pub(super) fn materialise(
        &self,
        id: usize,
        pipeline: &Pipeline<'e>,
        notes: &mut Annotations,
    ) -> Result<Frame, EvalError> {
        let count = pipeline.len();
        let units = count.div_ceil(SERIES_PER_UNIT);
        let parts = run_units(self.options.threads, units, |unit, scratch: &mut Scratch| {
            let series = unit * SERIES_PER_UNIT..count.min((unit + 1) * SERIES_PER_UNIT);
            let mut own_notes = Annotations::default();
            let mut rows = Vec::with_capacity(series.len());
            for place in series {
                self.meter.check()?;
                rows.extend(pipeline.run(place, scratch, &mut own_notes)?);
            }
            let samples = rows.iter().map(Row::sample_count).sum();
            let bytes = rows.iter().map(Row::byte_size).sum();
            let charge = self.meter.charge(samples, bytes)?;
            self.recorder.count_read(id, std::mem::take(&mut scratch.samples_read));
            Ok((rows, own_notes, charge))
        })?;
        let (mut rows, mut charges) = (Vec::new(), Vec::new());
        for (part, part_notes, charge) in parts {
            rows.extend(part);
            charges.push(charge);
            notes.merge(part_notes);
        }
        Ok(Frame::with_charges(rows, charges))
    }
}
