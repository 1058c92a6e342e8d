//! Functions that need more than one series at a time, or none at all.

use super::{Evaluator, Value, unexpected};
use crate::annotations::{Annotations, Note};
use crate::budget::Meter;
use crate::error::EvalError;
use crate::functions::classic::{self, CumulativeBucket};
use crate::functions::labels::{Join, Replace};
use crate::functions::{elementwise, info, native, sort};
use crate::grid::{Bits, Frame, Grid, Row, Sample, SampleRef, Scalars};
use crate::pipeline::RowMap;
use crate::plan::{Call, Kind, Node};
use crate::rows::{RowSet, merge_equal};
use model::Labels;
use model::matcher::{MatchOp, Matcher};
use promql::Function;
use promql::ast::ValueType;
use std::sync::Arc;
use stdx::number::open_metrics;

/// One number per step as a row without labels.
pub(super) fn scalar_row(values: &[f64]) -> Row {
    let mut row = Row::empty(Arc::default(), false, values.len());
    values.iter().enumerate().for_each(|(step, value)| row.set_float(step, *value));
    row
}

/// The text of a string argument.
fn text(node: Option<&Node>) -> Result<&str, EvalError> {
    match node.map(|node| &node.kind) {
        Some(Kind::Text(text)) => std::str::from_utf8(text)
            .map_err(|_| EvalError::Execution(format!("invalid text {}", model::quote::quoted(text)))),
        _ => Err(unexpected("a string was expected")),
    }
}

impl Evaluator<'_> {
    pub(super) fn call(
        &self,
        node: &Node,
        call: &Call,
        grid: &Grid,
        notes: &mut Annotations,
    ) -> Result<Value, EvalError> {
        match call.function {
            Function::Time => {
                let seconds = |step| grid.time_ms(step) as f64 / 1000.0;
                Ok(Value::Scalar(Scalars::build(&self.meter, grid.steps(), seconds)?))
            }
            Function::Pi => {
                Ok(Value::Scalar(Scalars::build(&self.meter, grid.steps(), |_| std::f64::consts::PI)?))
            }
            Function::MinOf => self.pairwise(call, grid, notes, elementwise::min),
            Function::MaxOf => self.pairwise(call, grid, notes, elementwise::max),
            Function::Scalar => self.scalar_of(call, grid, notes),
            Function::Vector => {
                let values = self.scalars(&call.args[0], grid, notes)?;
                self.rows(vec![scalar_row(&values)])
            }
            Function::Absent => self.absent(call, grid, notes),
            Function::AbsentOverTime => self.absent_over_time(node, call, grid, notes),
            Function::LabelReplace | Function::LabelJoin => self.relabel(call, grid, notes),
            Function::Sort | Function::SortDesc | Function::SortByLabel | Function::SortByLabelDesc => {
                self.sorted(node, call, grid, notes)
            }
            Function::HistogramQuantile | Function::HistogramQuantiles | Function::HistogramFraction => {
                self.histogram_numbers(call, grid, notes)
            }
            Function::Info => self.info(call, grid, notes),
            Function::Timestamp | Function::StartTimestamp => self.timestamps(call, grid, notes),
            _ => self.mapped_frame(call, grid, notes),
        }
    }

    fn rows(&self, rows: Vec<Row>) -> Result<Value, EvalError> {
        Ok(Value::Vector(Frame::charged(rows, &self.meter)?))
    }

    fn pairwise(
        &self,
        call: &Call,
        grid: &Grid,
        notes: &mut Annotations,
        function: fn(f64, f64) -> f64,
    ) -> Result<Value, EvalError> {
        let left = self.scalars(&call.args[0], grid, notes)?;
        let right = self.scalars(&call.args[1], grid, notes)?;
        let pair = |step: usize| function(left[step], right[step]);
        Ok(Value::Scalar(Scalars::build(&self.meter, grid.steps(), pair)?))
    }

    /// The float of the only series with one; NaN when there are none or several.
    fn scalar_of(&self, call: &Call, grid: &Grid, notes: &mut Annotations) -> Result<Value, EvalError> {
        let frame = self.frame(&call.args[0], grid, notes)?;
        let only = |step| {
            let mut floats = frame.rows.iter().filter_map(|row| row.get(step)).filter_map(SampleRef::float);
            match (floats.next(), floats.next()) {
                (Some(value), None) => value,
                _ => f64::NAN,
            }
        };
        Ok(Value::Scalar(Scalars::build(&self.meter, grid.steps(), only)?))
    }

    /// 1 at the steps without any sample.
    fn absent(&self, call: &Call, grid: &Grid, notes: &mut Annotations) -> Result<Value, EvalError> {
        let frame = self.frame(&call.args[0], grid, notes)?;
        self.absence(&frame.rows, &call.args[0], false, grid)
    }

    fn absent_over_time(
        &self,
        node: &Node,
        call: &Call,
        grid: &Grid,
        notes: &mut Annotations,
    ) -> Result<Value, EvalError> {
        let pipeline = self.range_pipeline(node, call, grid, notes)?;
        let pipeline = pipeline.ok_or_else(|| unexpected("absent_over_time of no range"))?;
        let frame = self.materialise(node.id, &pipeline, notes)?;
        self.absence(&frame.rows, &call.args[0], true, grid)
    }

    fn absence(&self, rows: &[Row], arg: &Node, drop_name: bool, grid: &Grid) -> Result<Value, EvalError> {
        let mut absent = Bits::all(grid.steps());
        rows.iter().for_each(|row| absent.subtract(&row.present));
        let mut row = Row::empty(Arc::new(absent_labels(arg)), drop_name, grid.steps());
        absent.iter().for_each(|step| row.set_float(step, 1.0));
        self.rows(if row.is_empty() { Vec::new() } else { vec![row] })
    }

    fn relabel(&self, call: &Call, grid: &Grid, notes: &mut Annotations) -> Result<Value, EvalError> {
        let args = &call.args;
        let destination = || match args.get(1).map(|arg| &arg.kind) {
            Some(Kind::Text(bytes)) if std::str::from_utf8(bytes).is_err() => {
                let shown = String::from_utf8_lossy(bytes);
                let name = call.function.name();
                Err(EvalError::Execution(format!("invalid destination label name in {name}(): {shown}")))
            }
            _ => text(args.get(1)),
        };
        if call.function == Function::LabelReplace {
            let pattern = text(args.get(4))?;
            let replace = Replace::new(destination()?, text(args.get(2))?, text(args.get(3))?, pattern)?;
            let mut frame = self.frame(&args[0], grid, notes)?;
            frame.rows.iter_mut().for_each(|row| replace.apply(row));
            return self.rows(merge_equal(frame.rows)?);
        }
        let sources: Result<Vec<String>, EvalError> =
            args[3..].iter().map(|arg| text(Some(arg)).map(str::to_owned)).collect();
        let join = Join::new(destination()?, text(args.get(2))?, sources?)?;
        let mut frame = self.frame(&args[0], grid, notes)?;
        frame.rows.iter_mut().for_each(|row| join.apply(row));
        self.rows(merge_equal(frame.rows)?)
    }

    fn sorted(
        &self,
        node: &Node,
        call: &Call,
        grid: &Grid,
        notes: &mut Annotations,
    ) -> Result<Value, EvalError> {
        let mut frame = self.frame(&call.args[0], grid, notes)?;
        if !grid.is_instant() {
            notes.add(Note::SortInRangeQuery, node.span);
        }
        let by_value = matches!(call.function, Function::Sort | Function::SortDesc);
        let descending = matches!(call.function, Function::SortDesc | Function::SortByLabelDesc);
        if by_value && grid.steps() == 1 {
            sort::by_value(&mut frame.rows, descending);
        } else if by_value {
            frame.rows.iter_mut().for_each(Row::drop_histograms);
            frame.rows.retain(|row| !row.is_empty());
        } else {
            let names: Result<Vec<&str>, EvalError> =
                call.args[1..].iter().map(|arg| text(Some(arg))).collect();
            sort::by_labels(&mut frame.rows, &names?, descending);
        }
        Ok(Value::Vector(frame))
    }

    /// `timestamp` of anything but a selector is the time of the step; `start_timestamp` has nothing to say.
    fn timestamps(&self, call: &Call, grid: &Grid, notes: &mut Annotations) -> Result<Value, EvalError> {
        let frame = self.frame(&call.args[0], grid, notes)?;
        if call.function == Function::StartTimestamp {
            return self.rows(Vec::new());
        }
        Ok(Value::Vector(frame.map_rows(|mut rows| {
            for row in &mut rows {
                row.histograms = None;
                row.drop_name = true;
                let values = row.values.iter_mut().enumerate();
                values.for_each(|(step, value)| *value = grid.time_ms(step) as f64 / 1000.0);
            }
            rows
        })))
    }

    /// An elementwise function over rows that could not be streamed.
    fn mapped_frame(&self, call: &Call, grid: &Grid, notes: &mut Annotations) -> Result<Value, EvalError> {
        let Some(first) = call.args.first() else {
            // A calendar function without an argument is one of the time of the step.
            let function = elementwise::calendar_function(call.function)
                .ok_or_else(|| unexpected("a function without arguments"))?;
            let of_step = |step| function((grid.time_ms(step) as f64 / 1000.0).floor());
            let times = Scalars::build(&self.meter, grid.steps(), of_step)?;
            return self.rows(vec![scalar_row(&times)]);
        };
        let mut frame = self.frame(first, grid, notes)?;
        let mut scalar = |place: usize| match call.args.get(place) {
            Some(arg) => self.scalars(arg, grid, notes),
            None => Scalars::build(&self.meter, grid.steps(), |_| 1.0),
        };
        let map = match call.function {
            Function::Round => RowMap::Round(scalar(1)?),
            Function::Clamp => RowMap::Clamp(Some(scalar(1)?), Some(scalar(2)?)),
            Function::ClampMin => RowMap::Clamp(Some(scalar(1)?), None),
            Function::ClampMax => RowMap::Clamp(None, Some(scalar(1)?)),
            Function::HistogramCount
            | Function::HistogramSum
            | Function::HistogramAvg
            | Function::HistogramStddev
            | Function::HistogramStdvar => RowMap::Native(call.function),
            function => RowMap::Float(
                elementwise::float_function(function)
                    .ok_or_else(|| unexpected("a function that is not known"))?,
            ),
        };
        frame.rows.iter_mut().for_each(|row| map.apply(row, notes));
        frame.rows.retain(|row| !row.is_empty());
        Ok(Value::Vector(frame))
    }

    fn histogram_numbers(
        &self,
        call: &Call,
        grid: &Grid,
        notes: &mut Annotations,
    ) -> Result<Value, EvalError> {
        let vector = call.args.iter().position(|arg| arg.value_type() == ValueType::Vector).unwrap_or(0);
        // The first argument is evaluated first, as its annotations come first.
        let mut scalars = Vec::new();
        let mut frame = Frame::default();
        for (place, arg) in call.args.iter().enumerate() {
            if place == vector {
                frame = self.frame(arg, grid, notes)?;
            } else if arg.value_type() == ValueType::Scalar {
                scalars.push((self.scalars(arg, grid, notes)?, arg.span));
            }
        }
        let numbers = HistogramNumbers {
            meter: &self.meter,
            grid,
            rows: &frame.rows,
            vector_span: call.args[vector].span,
        };
        let rows = match call.function {
            Function::HistogramFraction => numbers.fractions(&scalars[0].0, &scalars[1].0, notes)?,
            Function::HistogramQuantile => numbers.quantiles(None, &scalars, notes)?,
            _ => numbers.quantiles(Some(text(call.args.get(1))?), &scalars, notes)?,
        };
        self.rows(rows)
    }

    fn info(&self, call: &Call, grid: &Grid, notes: &mut Annotations) -> Result<Value, EvalError> {
        let base = self.frame(&call.args[0], grid, notes)?;
        let filter = match call.args.get(1).map(|arg| &arg.kind) {
            Some(Kind::Select(selector)) => Some(&selector.matchers[..]),
            Some(Kind::Invariant(inner)) => match &inner.kind {
                Kind::Select(selector) => Some(&selector.matchers[..]),
                _ => None,
            },
            _ => None,
        };
        let join = info::InfoJoin::new(filter, &base.rows)?;
        let Some(matchers) = join.select_matchers(&base.rows)? else {
            return self.rows(join.combine(base.rows, &[], grid, &self.meter)?);
        };
        let timing = info_timing(&call.args[0]);
        let infos = self.info_series(&matchers, timing, grid)?;
        self.rows(join.combine(base.rows, &infos, grid, &self.meter)?)
    }

    /// Info series with the time of the newest sample at each step as their value.
    fn info_series(
        &self,
        matchers: &[Matcher],
        (at_ms, offset_ms): (Option<i64>, i64),
        grid: &Grid,
    ) -> Result<Vec<Row>, EvalError> {
        let selector = crate::plan::Selector {
            matchers: matchers.to_vec(),
            offset_ms,
            at_ms,
            extended: None,
            skip_buckets: false,
            function: "info",
            grouping: Vec::new(),
            grouping_by: false,
        };
        let (selection, _) = self.select(&selector, 0, grid)?;
        let lookback_ms = self.options.lookback_ms;
        let lookback = crate::select::Lookback { grid: *grid, offset_ms, at_ms, lookback_ms };
        let mut columns = crate::source::Columns::default();
        let mut rows = Vec::new();
        for (place, labels) in selection.labels().iter().enumerate() {
            self.meter.check()?;
            columns.clear();
            selection.read(place, &mut columns)?;
            if !columns.histograms.is_empty() {
                return Err(EvalError::Execution(format!(
                    "this should be an info metric, with float samples: {labels}"
                )));
            }
            let mut row =
                lookback.timestamp_row(&columns, Row::empty(Arc::clone(labels), false, grid.steps()));
            row.drop_name = false;
            if !row.is_empty() {
                rows.push(row);
            }
        }
        Ok(rows)
    }
}

/// When the first selector below looks: its `@`, and how far before that or the step. The info series are those of that time.
fn info_timing(node: &Node) -> (Option<i64>, i64) {
    type Timing = (Option<i64>, i64);
    let below = |(at_ms, offset_ms): Timing, own_at: Option<i64>, own_offset: i64| match own_at {
        Some(own_at) => (Some(own_at), own_offset),
        None => (at_ms, offset_ms.saturating_add(own_offset)),
    };
    fn first(
        node: &Node,
        timing: Timing,
        below: &dyn Fn(Timing, Option<i64>, i64) -> Timing,
    ) -> Option<Timing> {
        match &node.kind {
            Kind::Select(selector) => Some(below(timing, selector.at_ms, selector.offset_ms)),
            Kind::Range(range) => Some(below(timing, range.selector.at_ms, range.selector.offset_ms)),
            Kind::Subquery(subquery) => {
                first(&subquery.expr, below(timing, subquery.at_ms, subquery.offset_ms), below)
            }
            _ => node.children().into_iter().find_map(|child| first(child, timing, below)),
        }
    }
    first(node, (None, 0), &below).unwrap_or((None, 0))
}

/// The labels that an absent series certainly had: those matched by `=`, each once.
fn absent_labels(arg: &Node) -> Labels {
    let matchers = match &arg.kind {
        Kind::Select(selector) => &selector.matchers,
        Kind::Range(range) => &range.selector.matchers,
        Kind::Invariant(inner) => return absent_labels(inner),
        _ => return Labels::default(),
    };
    let mut labels = Labels::default();
    let mut seen: Vec<&str> = Vec::new();
    for matcher in matchers.iter().filter(|matcher| matcher.name() != Labels::METRIC_NAME) {
        let name = matcher.name();
        if matcher.op() == MatchOp::Equal && !seen.contains(&name) {
            labels = labels.with(name, matcher.value());
            seen.push(name);
        } else {
            labels = labels.with(name, "");
        }
    }
    labels
}

/// Numbers taken from native and classic histograms.
struct HistogramNumbers<'a> {
    meter: &'a Arc<Meter>,
    grid: &'a Grid,
    rows: &'a [Row],
    vector_span: promql::Span,
}

impl HistogramNumbers<'_> {
    /// For every quantile; with a label to tell them apart when there may be several.
    fn quantiles(
        &self,
        label: Option<&str>,
        quantiles: &[(Scalars, promql::Span)],
        notes: &mut Annotations,
    ) -> Result<Vec<Row>, EvalError> {
        for (values, span) in quantiles {
            for quantile in values.iter().filter(|quantile| !(0.0..=1.0).contains(*quantile)) {
                notes.add(Note::InvalidQuantile(*quantile), *span);
            }
        }
        let sorted = classic::sort_rows(self.rows, self.vector_span, notes);
        let mut results = RowSet::new(self.grid, self.meter);
        let mut buckets: Vec<CumulativeBucket> = Vec::new();
        for step in 0..self.grid.steps() {
            self.meter.check()?;
            for (values, _) in quantiles {
                let quantile = values[step];
                for (place, histogram) in self.natives(&sorted, step) {
                    let labels = &self.rows[place].labels;
                    let value = native::quantile(quantile, histogram, labels.metric_name(), |note| {
                        notes.add(note, self.vector_span);
                    });
                    results.put(&with_quantile(labels, label, quantile), true, step, Sample::Float(value))?;
                }
                for group in &sorted.groups {
                    group.buckets(self.rows, step, &mut buckets);
                    if buckets.is_empty() {
                        continue;
                    }
                    let (value, fix) = classic::quantile(quantile, self.grid.time_ms(step), &mut buckets);
                    if let Some(fix) = fix {
                        let name = group.labels.metric_name();
                        notes.add(Note::ForcedMonotonicity { name, fix }, self.vector_span);
                    }
                    results.put(
                        &with_quantile(&group.labels, label, quantile),
                        true,
                        step,
                        Sample::Float(value),
                    )?;
                }
            }
        }
        Ok(results.into_rows())
    }

    fn fractions(
        &self,
        lower: &[f64],
        upper: &[f64],
        notes: &mut Annotations,
    ) -> Result<Vec<Row>, EvalError> {
        let sorted = classic::sort_rows(self.rows, self.vector_span, notes);
        let mut results = RowSet::new(self.grid, self.meter);
        let mut buckets: Vec<CumulativeBucket> = Vec::new();
        for step in 0..self.grid.steps() {
            self.meter.check()?;
            let (lower, upper) = (lower[step], upper[step]);
            for (place, histogram) in self.natives(&sorted, step) {
                let labels = &self.rows[place].labels;
                let value = native::fraction(lower, upper, histogram, labels.metric_name(), |note| {
                    notes.add(note, self.vector_span);
                });
                results.put(labels, true, step, Sample::Float(value))?;
            }
            for group in &sorted.groups {
                group.buckets(self.rows, step, &mut buckets);
                if !buckets.is_empty() {
                    let value = classic::fraction(lower, upper, &mut buckets);
                    results.put(&group.labels, true, step, Sample::Float(value))?;
                }
            }
        }
        Ok(results.into_rows())
    }

    /// Native histograms at `step`, but for those that a classic one spoils.
    fn natives<'s>(
        &'s self,
        sorted: &'s classic::Sorted,
        step: usize,
    ) -> impl Iterator<Item = (usize, &'s model::histogram::FloatHistogram)> {
        sorted.natives.iter().filter_map(move |(place, spoiled)| {
            let is_spoiled = spoiled.as_ref().is_some_and(|spoiled| spoiled.get(step));
            let row = &self.rows[*place];
            let histogram = row.histogram(step).filter(|_| row.present.get(step) && !is_spoiled)?;
            Some((*place, &**histogram))
        })
    }
}

fn with_quantile(labels: &Arc<Labels>, label: Option<&str>, quantile: f64) -> Arc<Labels> {
    match label {
        Some(label) => Arc::new(labels.with(label, &open_metrics(quantile))),
        None => Arc::clone(labels),
    }
}
