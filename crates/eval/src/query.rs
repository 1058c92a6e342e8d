//! A whole query: plan, evaluate, bring the result into its final shape.

use crate::annotations::Annotations;
use crate::binary::matching::is_metadata_label;
use crate::budget::{Bounds, Meter};
use crate::error::EvalError;
use crate::evaluator::{Evaluator, Samples, Value, unexpected};
use crate::explain::{OperatorStats, Recorder, StatsClock};
use crate::grid::{Grid, Row, Sample};
use crate::plan::{self, PlanContext};
use crate::rows::merge_equal;
use crate::source::Source;
use model::Labels;
use promql::Expr;
use promql::ast::ValueType;
use std::sync::Arc;

/// How queries are evaluated; the same for all queries of a server.
#[derive(Clone)]
pub struct Options {
    /// How old the newest sample of an instant selector may be. Default 5 minutes.
    pub lookback_ms: i64,
    /// The step of a subquery that names none, by its range. Default: the evaluation interval of rules, 1 minute.
    pub default_subquery_step_ms: Arc<dyn Fn(i64) -> i64 + Send + Sync>,
    /// Start timestamps tell counter resets, and `start_timestamp` returns them. Default on.
    pub use_start_timestamps: bool,
    /// Counters are recognised by `__type__` instead of by the suffix of their name. Default off.
    pub type_and_unit_labels: bool,
    /// Threads of one evaluation. Default 1.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lookback_ms: 5 * 60 * 1000,
            default_subquery_step_ms: Arc::new(|_| 60_000),
            use_start_timestamps: true,
            type_and_unit_labels: false,
            threads: 1,
        }
    }
}

/// What is asked.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    /// The tree, and the text it was parsed from.
    pub expr: &'a Expr,
    pub text: &'a str,
    pub time: QueryTime,
}

/// An instant query, or a range query. A step is at least 1 ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryTime {
    Instant { at_ms: i64 },
    Range { start_ms: i64, end_ms: i64, step_ms: i64 },
}

/// The value of an expression.
#[derive(Clone, Debug)]
pub enum QueryValue {
    Scalar {
        at_ms: i64,
        value: f64,
    },
    Text {
        at_ms: i64,
        text: Box<[u8]>,
    },
    Vector(Vec<VectorElement>),
    /// Series with their samples in order of time; sorted by labels.
    Matrix(Vec<MatrixSeries>),
}

#[derive(Clone, Debug)]
pub struct VectorElement {
    pub labels: Arc<Labels>,
    pub at_ms: i64,
    pub sample: Sample,
}

#[derive(Clone, Debug)]
pub struct MatrixSeries {
    pub labels: Arc<Labels>,
    pub points: Vec<(i64, Sample)>,
}

/// Everything an evaluation has to say.
pub struct QueryOutput {
    pub value: QueryValue,
    pub annotations: Annotations,
    /// Most samples held at any time.
    pub peak_samples: usize,
    /// Most bytes held at any time.
    pub peak_bytes: usize,
    /// Per operator, if a clock was given.
    pub stats: Option<OperatorStats>,
}

/// Evaluates a query. With a clock, statistics are kept.
pub fn evaluate(
    source: &dyn Source,
    query: &Query<'_>,
    options: &Options,
    bounds: Bounds,
    clock: Option<StatsClock>,
) -> Result<QueryOutput, EvalError> {
    let grid = match query.time {
        QueryTime::Instant { at_ms } => Grid::instant(at_ms),
        QueryTime::Range { start_ms, end_ms, step_ms } => Grid { start_ms, end_ms, step_ms: step_ms.max(1) },
    };
    let plan = plan::build(
        query.expr,
        &PlanContext {
            query: query.text,
            grid,
            default_subquery_step_ms: &*options.default_subquery_step_ms,
        },
    )?;
    let meter = Meter::new(bounds);
    let evaluator = Evaluator::new(source, options, Arc::clone(&meter), Recorder::new(clock));
    let mut annotations = Annotations::default();
    let _columns = meter.charge(0, grid.steps().saturating_mul(8))?;
    let value = evaluator.eval(&plan, &grid, &mut annotations)?;
    let value = match query.time {
        QueryTime::Instant { at_ms } => instant_value(value, at_ms)?,
        QueryTime::Range { .. } => QueryValue::Matrix(range_value(value, &grid, query.expr.value_type())?),
    };
    let stats = evaluator.recorder.tree(&plan);
    Ok(QueryOutput {
        value,
        annotations,
        peak_samples: meter.peak_samples(),
        peak_bytes: meter.peak_bytes(),
        stats,
    })
}

/// Takes the names away that were only kept for matching and messages.
fn cleaned(labels: &Arc<Labels>, drop_name: bool) -> Arc<Labels> {
    let has_metadata = || labels.iter().any(|(name, _)| is_metadata_label(name));
    if drop_name && has_metadata() { Arc::new(labels.without(is_metadata_label)) } else { Arc::clone(labels) }
}

fn cleaned_rows(mut rows: Vec<Row>) -> Result<Vec<Row>, EvalError> {
    rows.iter_mut().for_each(|row| row.labels = cleaned(&row.labels, row.drop_name));
    merge_equal(rows)
}

fn instant_value(value: Value, at_ms: i64) -> Result<QueryValue, EvalError> {
    Ok(match value {
        Value::Scalar(values) => {
            QueryValue::Scalar { at_ms, value: values.first().copied().unwrap_or(f64::NAN) }
        }
        Value::Text(text) => QueryValue::Text { at_ms, text },
        Value::Vector(frame) => {
            let rows = cleaned_rows(frame.rows)?;
            let element = |row: Row| {
                let sample = row.get(0)?.to_owned();
                Some(VectorElement { labels: row.labels, at_ms, sample })
            };
            QueryValue::Vector(rows.into_iter().filter_map(element).collect())
        }
        Value::Matrix(samples) => QueryValue::Matrix(sorted_matrix(samples)?),
    })
}

fn sorted_matrix(samples: Vec<Samples>) -> Result<Vec<MatrixSeries>, EvalError> {
    let clean = |series: Samples| MatrixSeries {
        labels: cleaned(&series.labels, series.drop_name),
        points: series.points,
    };
    let mut matrix: Vec<MatrixSeries> = samples.into_iter().map(clean).collect();
    matrix.sort_by(|a, b| a.labels.cmp(&b.labels));
    let mut merged: Vec<MatrixSeries> = Vec::with_capacity(matrix.len());
    for series in matrix {
        match merged.last_mut() {
            Some(last) if last.labels == series.labels => {
                last.points.extend(series.points);
                last.points.sort_by_key(|(time, _)| *time);
                if last.points.windows(2).any(|pair| pair[0].0 == pair[1].0) {
                    return Err(crate::rows::same_labelset());
                }
            }
            _ => merged.push(series),
        }
    }
    Ok(merged)
}

fn range_value(value: Value, grid: &Grid, value_type: ValueType) -> Result<Vec<MatrixSeries>, EvalError> {
    match value {
        Value::Vector(frame) => {
            let mut rows = cleaned_rows(frame.rows)?;
            rows.sort_by(|a, b| a.labels.cmp(&b.labels));
            let series = |row: Row| MatrixSeries {
                points: row.samples().map(|(step, sample)| (grid.time_ms(step), sample.to_owned())).collect(),
                labels: row.labels,
            };
            Ok(rows.into_iter().map(series).collect())
        }
        Value::Scalar(values) => {
            let points =
                values.iter().enumerate().map(|(step, value)| (grid.time_ms(step), Sample::Float(*value)));
            Ok(vec![MatrixSeries { labels: Arc::default(), points: points.collect() }])
        }
        Value::Matrix(_) | Value::Text(_) => {
            Err(unexpected(&format!("a range query of a {}", value_type.documented())))
        }
    }
}
