//! Aggregations: folded while the series are read, or chosen and counted from whole frames.

use super::{Evaluator, Value, unexpected};
use crate::aggregate::fold::FoldContext;
use crate::aggregate::rank::{Parameter, RankSpans, choose};
use crate::aggregate::{Accumulator, FoldKind, Groups, values};
use crate::annotations::Annotations;
use crate::error::EvalError;
use crate::grid::{Frame, Grid, Row};
use crate::parallel::run_units;
use crate::pipeline::{Pipeline, Scratch};
use crate::plan::{Aggregation, Kind, Node};
use promql::ast::Aggregator;
use std::sync::Arc;

/// Groups are folded together in one unit of work until they have so many series.
const SERIES_PER_UNIT: usize = 512;
/// Groups of more series than this are folded in parts, if they can be put together again.
const SERIES_PER_PART: usize = 4096;

/// Series of one unit: (group, series) pairs, ascending.
type Unit = Vec<(u32, u32)>;

/// A group, or a part of one, as a unit leaves it.
struct Part {
    group: u32,
    /// The first series of the group that had samples: it decides the order of groups.
    first: u32,
    accumulator: Accumulator,
}

impl<'e> Evaluator<'e> {
    pub(super) fn aggregate(
        &self,
        node: &Node,
        aggregation: &Aggregation,
        grid: &Grid,
        notes: &mut Annotations,
    ) -> Result<Value, EvalError> {
        if let Some(kind) = FoldKind::of(aggregation.op) {
            return Ok(Value::Vector(self.fold(kind, aggregation, grid, notes)?));
        }
        let param =
            aggregation.param.as_ref().ok_or_else(|| unexpected("an aggregation without its parameter"))?;
        if aggregation.op == Aggregator::CountValues {
            return self.count_values(aggregation, param, grid, notes);
        }
        let parameter = self.scalars(param, grid, notes)?;
        let frame = self.frame(&aggregation.expr, grid, notes)?;
        let groups = Groups::of(&aggregation.grouping, frame.rows.iter().map(|row| &row.labels));
        if aggregation.op == Aggregator::Quantile {
            let spans = (aggregation.expr.span, param.span);
            let rows = values::quantile(&parameter, &groups, &frame.rows, spans, &self.meter, notes)?;
            return Ok(Value::Vector(Frame::charged(rows, &self.meter)?));
        }
        let spans = RankSpans { aggregate: node.span, parameter: param.span };
        let op = aggregation.op;
        let parameter = Parameter { values: &parameter };
        let rows = choose(
            op,
            &parameter,
            &groups.of_series,
            groups.len(),
            frame.rows,
            grid,
            spans,
            &self.meter,
            notes,
        )?;
        Ok(Value::Vector(Frame::charged(rows, &self.meter)?))
    }

    fn count_values(
        &self,
        aggregation: &Aggregation,
        param: &Node,
        grid: &Grid,
        notes: &mut Annotations,
    ) -> Result<Value, EvalError> {
        let Kind::Text(label) = &param.kind else { return Err(unexpected("count_values without a label")) };
        let label = std::str::from_utf8(label).ok().filter(|label| !label.is_empty()).ok_or_else(|| {
            EvalError::Execution(format!("invalid label name {}", model::quote::quoted(label)))
        })?;
        let frame = self.frame(&aggregation.expr, grid, notes)?;
        let rows = values::count_values(label, &aggregation.grouping, &frame.rows, grid, &self.meter)?;
        Ok(Value::Vector(Frame::charged(rows, &self.meter)?))
    }

    fn fold(
        &self,
        kind: FoldKind,
        aggregation: &Aggregation,
        grid: &Grid,
        notes: &mut Annotations,
    ) -> Result<Frame, EvalError> {
        let expr = &aggregation.expr;
        let streamed = match expr.share {
            Some(_) => None,
            None => self.pipeline(expr, grid, notes)?,
        };
        if let Some(pipeline) = streamed {
            let labels = (0..pipeline.len()).map(|series| pipeline.labels(series));
            let groups = Groups::of(&aggregation.grouping, labels);
            let rows = self.fold_pipeline(expr.id, kind, &pipeline, &groups, expr, notes)?;
            return Frame::charged(rows, &self.meter);
        }
        let frame = self.frame(expr, grid, notes)?;
        let groups = Groups::of(&aggregation.grouping, frame.rows.iter().map(|row| &row.labels));
        let _columns = self.meter.charge(0, groups.len() * Accumulator::byte_size(kind, grid.steps()))?;
        let mut accumulators: Vec<Accumulator> =
            (0..groups.len()).map(|_| Accumulator::new(kind, grid.steps())).collect();
        let mut context = FoldContext { notes, span: expr.span };
        for (row, group) in frame.rows.iter().zip(&groups.of_series) {
            self.meter.check()?;
            accumulators[*group as usize].add(row, &mut context);
        }
        let finished = accumulators.into_iter().zip(&groups.labels);
        let rows = finished.map(|(accumulator, labels)| accumulator.finish(Arc::clone(labels), &mut context));
        let rows = rows.filter(|row| !row.is_empty()).collect();
        Frame::charged(rows, &self.meter)
    }

    /// Folds series as they are computed. Every group is folded by one thread in the order of its series, or in parts of fixed size.
    fn fold_pipeline(
        &self,
        id: usize,
        kind: FoldKind,
        pipeline: &Pipeline<'e>,
        groups: &Groups,
        expr: &Node,
        notes: &mut Annotations,
    ) -> Result<Vec<Row>, EvalError> {
        let steps = pipeline.grid.steps();
        let units = plan_units(kind, groups);
        let per_group = Accumulator::byte_size(kind, steps);
        let done = run_units(self.options.threads, units.len(), |unit, scratch: &mut Scratch| {
            let mut own_notes = Annotations::default();
            let mut parts: Vec<Part> = Vec::new();
            let mut charges = Vec::new();
            for (group, series) in &units[unit] {
                self.meter.check()?;
                let row = pipeline.run(*series as usize, scratch, &mut own_notes)?;
                let Some(row) = row else { continue };
                if parts.last().is_none_or(|part| part.group != *group) {
                    charges.push(self.meter.charge(0, per_group)?);
                    parts.push(Part {
                        group: *group,
                        first: *series,
                        accumulator: Accumulator::new(kind, steps),
                    });
                }
                if let Some(part) = parts.last_mut() {
                    part.accumulator.add(&row, &mut FoldContext { notes: &mut own_notes, span: expr.span });
                }
                scratch.recycle(row);
            }
            self.recorder.count_read(id, std::mem::take(&mut scratch.samples_read));
            Ok((parts, own_notes, charges))
        })?;
        let (mut parts, mut held) = (Vec::new(), Vec::new());
        for (unit_parts, unit_notes, charges) in done {
            parts.extend(unit_parts);
            notes.merge(unit_notes);
            held.push(charges);
        }
        let mut rows = finish_parts(parts, groups, &mut FoldContext { notes, span: expr.span });
        rows.sort_by_key(|(first, _)| *first);
        Ok(rows.into_iter().map(|(_, row)| row).filter(|row| !row.is_empty()).collect())
    }
}

/// Puts parts of one group together and makes rows of groups, each with its first series.
fn finish_parts(parts: Vec<Part>, groups: &Groups, context: &mut FoldContext<'_>) -> Vec<(u32, Row)> {
    let mut rows = Vec::new();
    let mut parts = parts.into_iter().peekable();
    while let Some(mut part) = parts.next() {
        while let Some(more) = parts.next_if(|next| next.group == part.group) {
            part.accumulator.merge(more.accumulator, context);
        }
        let labels = Arc::clone(&groups.labels[part.group as usize]);
        rows.push((part.first, part.accumulator.finish(labels, context)));
    }
    rows
}

/// Divides series into units: whole groups, or parts of large ones. The division depends on the groups alone, so that results do, too.
fn plan_units(kind: FoldKind, groups: &Groups) -> Vec<Unit> {
    let mut by_group: Vec<(u32, u32)> =
        groups.of_series.iter().enumerate().map(|(series, group)| (*group, series as u32)).collect();
    if groups.len() > 1 {
        by_group.sort_unstable();
    }
    let mut units = Vec::new();
    let mut unit: Unit = Vec::new();
    for members in by_group.chunk_by(|a, b| a.0 == b.0) {
        if members.len() > SERIES_PER_PART && kind.is_mergeable() {
            if !unit.is_empty() {
                units.push(std::mem::take(&mut unit));
            }
            units.extend(members.chunks(SERIES_PER_PART).map(<[_]>::to_vec));
            continue;
        }
        unit.extend_from_slice(members);
        if unit.len() >= SERIES_PER_UNIT {
            units.push(std::mem::take(&mut unit));
        }
    }
    if !unit.is_empty() {
        units.push(unit);
    }
    units
}
