//! Runs the commands of a script.

use super::compare::{check_sorted, compare, compare_scalar, compare_vector, is_ordered};
use super::expect::{Subject, check_annotations, check_failure};
use super::rerun::{asks_for_context, pinned};
use super::script::{Command, Eval, Timing, parse};
use super::{Failure, Report};
use eval::memory::MemorySource;
use eval::{
    Bounds, EvalError, MatrixSeries, Options, Query, QueryOutput, QueryTime, QueryValue, VectorElement,
    evaluate,
};
use limits::QueryBudget;
use std::path::Path;

/// The bound of samples that scripts are written for.
const MAX_SAMPLES: usize = 10_000;
const MINUTE_MS: i64 = 60_000;

/// Runs a script and adds what came of it to `report`.
pub fn run_script(file: &Path, text: &str, report: &mut Report) {
    let (commands, error) = parse(text);
    let mut source = MemorySource::default();
    for command in commands {
        match command {
            Command::Clear => source.clear(),
            Command::Load(load) => {
                if let Err(reason) = load.apply(&mut source) {
                    report.failures.push(failure(file, 0, "load", reason));
                }
            }
            Command::Eval(eval) => match run_eval(&eval, &source) {
                Ok(()) => report.passed += 1,
                Err(reason) => report.failures.push(failure(file, eval.line, &eval.expr, reason)),
            },
        }
    }
    if let Some(error) = error {
        report.failures.push(failure(file, error.line, &error.text, error.reason));
    }
}

fn failure(file: &Path, line: usize, text: &str, reason: String) -> Failure {
    Failure { file: file.to_path_buf(), line, text: text.to_owned(), reason }
}

fn run_eval(eval: &Eval, source: &MemorySource) -> Result<(), String> {
    let expr = promql::parse(&eval.expr).map_err(|errors| errors.to_string())?;
    match eval.timing {
        Timing::Range { start_ms, end_ms, step_ms } => {
            let time = QueryTime::Range { start_ms, end_ms, step_ms };
            let Some(output) = checked(eval, &eval.expr, evaluate_text(source, &eval.expr, time)?)? else {
                return Ok(());
            };
            compare(eval, &output.value)
        }
        Timing::Instant { at_ms } => {
            run_instant(eval, source, &eval.expr, at_ms)?;
            let pinned_at = eval.range_vector.map_or(at_ms, |(_, end_ms, _)| end_ms);
            for (text, time_ms) in pinned(&expr, pinned_at) {
                run_instant(eval, source, &text, time_ms)
                    .map_err(|reason| format!("as {text} at {time_ms} ms: {reason}"))?;
            }
            Ok(())
        }
    }
}

fn evaluate_text(
    source: &MemorySource,
    text: &str,
    time: QueryTime,
) -> Result<Result<QueryOutput, EvalError>, String> {
    let expr = promql::parse(text).map_err(|errors| errors.to_string())?;
    let query = Query { expr: &expr, text, time };
    let bounds = Bounds { max_samples: MAX_SAMPLES, ..Bounds::new(QueryBudget::unlimited()) };
    Ok(evaluate(source, &query, &Options::default(), bounds, None))
}

/// Failure and annotations against what is expected; `None` when the query failed as it should.
fn checked(
    eval: &Eval,
    text: &str,
    result: Result<QueryOutput, EvalError>,
) -> Result<Option<QueryOutput>, String> {
    let must_fail =
        eval.legacy.fail || eval.expectations.iter().any(|expectation| expectation.subject == Subject::Fail);
    let output = match result {
        Err(error) if must_fail => return check_failure(&eval.expectations, &error).map(|()| None),
        Err(error) => return Err(format!("error: {error}")),
        Ok(_) if must_fail => return Err("expected an error but got none".to_owned()),
        Ok(output) => output,
    };
    let (warnings, infos) = output.annotations.to_texts(text, 0, 0);
    if eval.legacy.warn && warnings.is_empty() {
        return Err("expected warnings but got none".to_owned());
    }
    if eval.legacy.info && infos.is_empty() {
        return Err("expected info annotations but got none".to_owned());
    }
    check_annotations(&eval.expectations, &output.annotations, text)?;
    Ok(Some(output))
}

fn run_instant(eval: &Eval, source: &MemorySource, text: &str, at_ms: i64) -> Result<(), String> {
    let result = evaluate_text(source, text, QueryTime::Instant { at_ms })?;
    let Some(output) = checked(eval, text, result)? else { return Ok(()) };
    compare(eval, &output.value)?;
    if eval.range_vector.is_some() || eval.text.is_some() || asks_for_context(text) {
        return Ok(());
    }
    let is_scalar = matches!(output.value, QueryValue::Scalar { .. });
    run_as_range(eval, source, text, at_ms, is_scalar).map_err(|reason| format!("in range mode: {reason}"))
}

/// The middle of three steps has to be the instant result.
fn run_as_range(
    eval: &Eval,
    source: &MemorySource,
    text: &str,
    at_ms: i64,
    is_scalar: bool,
) -> Result<(), String> {
    let time =
        QueryTime::Range { start_ms: at_ms - MINUTE_MS, end_ms: at_ms + MINUTE_MS, step_ms: MINUTE_MS };
    let output = evaluate_text(source, text, time)?.map_err(|error| format!("error: {error}"))?;
    if is_ordered(eval) {
        // A range query is always sorted by labels.
        return Ok(());
    }
    let QueryValue::Matrix(matrix) = &output.value else { return Err("the result is no matrix".to_owned()) };
    check_sorted(matrix)?;
    let vector: Vec<VectorElement> = matrix.iter().filter_map(|series| sample_at(series, at_ms)).collect();
    match (is_scalar, vector.first().map(|element| &element.sample)) {
        (true, Some(eval::Sample::Float(value))) => compare_scalar(eval, *value),
        (true, _) => Err("no scalar at the middle step".to_owned()),
        (false, _) => compare_vector(eval, &vector),
    }
}

fn sample_at(series: &MatrixSeries, at_ms: i64) -> Option<VectorElement> {
    let (_, sample) = series.points.iter().find(|(time_ms, _)| *time_ms == at_ms)?;
    Some(VectorElement { labels: series.labels.clone(), at_ms, sample: sample.clone() })
}
