//! `query` and `query_range`: parse, evaluate, write. And `query_exemplars` and `format_query`, which stand on the same parser.

use std::sync::Arc;

use eval::{Bounds, EvalError, OperatorStats, Options, Query, QueryOutput, QueryTime, QueryValue, evaluate};
use metrics::{Scope, TenantSource};
use promql::Expr;
use promql::ast::ValueType;
use serde_json::{Value, json};

use super::envelope::{Remarks, success};
use super::listings::{limit, time};
use super::{number, values};
use crate::answer::Answer;
use crate::doors::{Ask, Doors};
use crate::json;
use crate::refusal::{Kind, Refusal};
use crate::times::prometheus_step_ms;

/// Points of one series, as Prometheus bounds them.
const POINTS_MAX: i64 = 11_000;
/// Warnings and infos of one answer.
const REMARKS_MAX: usize = 10;

pub fn instant(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let (text, expr) = parsed(ask)?;
    let at_ms = time(ask, "time")?.unwrap_or(ask.now_ms);
    run(doors, ask, &Query { expr: &expr, text, time: QueryTime::Instant { at_ms } })
}

pub fn range(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let start_ms = required_time(ask, "start")?;
    let end_ms = required_time(ask, "end")?;
    if end_ms < start_ms {
        return Err(Refusal::bad("invalid parameter \"end\": end timestamp must not be before start time"));
    }
    let step_ms = step(ask)?;
    // For safety, limit the number of returned points per timeseries: with few points a wrong step goes unnoticed.
    if (end_ms - start_ms) / step_ms > POINTS_MAX {
        return Err(Refusal::bad(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ));
    }
    let (text, expr) = parsed(ask)?;
    let value_type = expr.value_type();
    if !matches!(value_type, ValueType::Scalar | ValueType::Vector) {
        return Err(Refusal::bad(format!(
            "invalid parameter \"query\": invalid expression type {:?} for range query, must be Scalar or instant Vector",
            value_type.documented()
        )));
    }
    run(doors, ask, &Query { expr: &expr, text, time: QueryTime::Range { start_ms, end_ms, step_ms } })
}

fn parsed(ask: &Ask) -> Result<(&str, Expr), Refusal> {
    let text = ask.params.get("query").unwrap_or_default();
    let expr =
        promql::parse(text).map_err(|error| Refusal::bad(format!("invalid parameter \"query\": {error}")))?;
    Ok((text, expr))
}

fn required_time(ask: &Ask, name: &str) -> Result<i64, Refusal> {
    time(ask, name)?.ok_or_else(|| {
        Refusal::bad(format!("invalid parameter {name:?}: cannot parse \"\" to a valid timestamp"))
    })
}

fn step(ask: &Ask) -> Result<i64, Refusal> {
    let text = ask.params.get("step").unwrap_or_default();
    let bad =
        || Refusal::bad(format!("invalid parameter \"step\": cannot parse {text:?} to a valid duration"));
    match prometheus_step_ms(text).ok_or_else(bad)? {
        step_ms if step_ms > 0 => Ok(step_ms),
        _ => Err(Refusal::bad(
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer",
        )),
    }
}

fn run(doors: &Doors, ask: &Ask, query: &Query<'_>) -> Result<Answer, Refusal> {
    let mut options = Options::default();
    if let Some(text) = ask.params.get("lookback_delta") {
        let bad = || {
            Refusal::bad(format!(
                "error parsing lookback delta duration: cannot parse {text:?} to a valid duration"
            ))
        };
        options.lookback_ms = prometheus_step_ms(text).filter(|ms| *ms > 0).ok_or_else(bad)?;
    }
    let limit = limit(ask)?;
    let clock = doors.clock.clone();
    let with_stats = ask.params.get("stats").is_some();
    let stats_clock = with_stats.then(|| Arc::new(move || clock.monotonic()) as eval::StatsClock);
    let source = TenantSource { store: doors.stores.metrics.clone(), tenant: ask.tenant.clone() };
    let started = doors.clock.monotonic();
    let mut output = evaluate(&source, query, &options, Bounds::new(ask.budget.clone()), stats_clock)?;
    let seconds = doors.clock.monotonic().saturating_sub(started).as_secs_f64();
    let (mut warnings, infos) = output.annotations.to_texts(query.text, REMARKS_MAX, REMARKS_MAX);
    warnings.extend(Remarks::truncated(truncate(&mut output.value, limit)).warnings);
    let stats = output.stats.as_ref().map(|operators| stats(&output, operators, seconds));
    Ok(success(&Remarks { warnings, infos }, |out| {
        out.extend_from_slice(b"{\"resultType\":\"");
        out.extend_from_slice(values::result_type(&output.value).as_bytes());
        out.extend_from_slice(b"\",\"result\":");
        values::write(out, &output.value);
        if let Some(stats) = stats {
            out.extend_from_slice(b",\"stats\":");
            out.extend_from_slice(stats.to_string().as_bytes());
        }
        out.push(b'}');
    }))
}

/// Series beyond `limit` (0: none) are cut off; says whether there were any.
fn truncate(value: &mut QueryValue, limit: usize) -> bool {
    let cut = |len: usize| limit > 0 && len > limit;
    match value {
        QueryValue::Vector(elements) if cut(elements.len()) => elements.truncate(limit),
        QueryValue::Matrix(series) if cut(series.len()) => series.truncate(limit),
        _ => return false,
    }
    true
}

fn stats(output: &QueryOutput, operators: &OperatorStats, seconds: f64) -> Value {
    fn read(operator: &OperatorStats) -> u64 {
        operator.samples_read + operator.children.iter().map(read).sum::<u64>()
    }
    json!({
        "timings": {
            "evalTotalTime": seconds,
            "resultSortTime": 0.0,
            "queryPreparationTime": 0.0,
            "innerEvalTime": seconds,
            "execQueueTime": 0.0,
            "execTotalTime": seconds,
        },
        "samples": { "totalQueryableSamples": read(operators), "peakSamples": output.peak_samples },
    })
}

impl From<EvalError> for Refusal {
    fn from(error: EvalError) -> Self {
        let kind = match &error {
            EvalError::TimedOut => Kind::Timeout,
            EvalError::Cancelled => Kind::Canceled,
            EvalError::Source(_) => Kind::Internal,
            EvalError::TooManySamples | EvalError::TooMuchMemory(_) | EvalError::Execution(_) => {
                Kind::Execution
            }
        };
        Self::new(kind, error.to_string())
    }
}

/// Exemplars of every selector in the expression.
pub fn exemplars(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let start_ms = time(ask, "start")?.unwrap_or(i64::MIN);
    let end_ms = time(ask, "end")?.unwrap_or(i64::MAX);
    if end_ms < start_ms {
        return Err(Refusal::bad("end timestamp must not be before start timestamp"));
    }
    let (_, expr) = parsed(ask)?;
    let selectors: Vec<_> = expr.selectors().into_iter().map(|selector| selector.matchers.clone()).collect();
    let scope = Scope::new(ask.tenant.clone(), start_ms, end_ms, ask.budget.clone());
    let found =
        if selectors.is_empty() { Vec::new() } else { doors.stores.metrics.exemplars(&scope, &selectors)? };
    Ok(success(&Remarks::default(), |out| {
        json::array(out, &found, |out, series| {
            out.extend_from_slice(b"{\"seriesLabels\":");
            json::string_map(out, series.labels.iter());
            out.extend_from_slice(b",\"exemplars\":");
            json::array(out, &series.exemplars, |out, exemplar| {
                out.extend_from_slice(b"{\"labels\":");
                json::string_map(out, exemplar.labels.iter());
                out.extend_from_slice(b",\"value\":");
                number::value(out, exemplar.value);
                out.extend_from_slice(b",\"timestamp\":");
                number::time(out, exemplar.t_ms);
                out.push(b'}');
            });
            out.push(b'}');
        });
    }))
}

pub fn format(_: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let (_, expr) = parsed(ask)?;
    let pretty = promql::prettify(&expr);
    Ok(success(&Remarks::default(), |out| json::string(out, &pretty)))
}
