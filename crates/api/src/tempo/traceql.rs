//! TraceQL over HTTP: `search?q=`, `metrics/query_range`, `metrics/query`.

use serde_json::{Value as Json, json};
use traceql::metrics::{Series, Steps};
use traces::{FoundTrace, TraceqlSearch, Value};

use super::search::{
    LIMIT_DEFAULT, LIMIT_MAX, SPANS_PER_SET_DEFAULT, SPANS_PER_SET_MAX, positive, span, summary,
};
use super::tags::any_value;
use crate::answer::Answer;
use crate::doors::{Ask, Doors};
use crate::refusal::Refusal;
use crate::times::{duration_ns, rfc3339_ns};

/// What is looked at if no time is given.
const SINCE_DEFAULT_NS: i64 = 3_600_000_000_000;

fn parse(text: &str) -> Result<traceql::Query, Refusal> {
    traceql::parse(text).map_err(|error| Refusal::bad(format!("invalid TraceQL query: {error}")))
}

/// A search by `q`.
pub fn search(doors: &Doors, ask: &Ask, text: &str) -> Result<Answer, Refusal> {
    let search = TraceqlSearch {
        tenant: ask.tenant.clone(),
        range: super::range(ask)?,
        query: parse(text)?,
        limit: positive(ask, "limit", LIMIT_DEFAULT, LIMIT_MAX)?,
        spans_per_set: positive(ask, "spss", SPANS_PER_SET_DEFAULT, SPANS_PER_SET_MAX)?,
        budget: ask.budget.clone(),
    };
    let found = doors.stores.traces.traceql(&search)?;
    let traces: Vec<Json> = found.iter().map(trace).collect();
    Ok(Answer::json(
        json!({ "traces": traces, "metrics": super::search::metrics(ask, found.len()) }).to_string(),
    ))
}

fn trace(found: &FoundTrace) -> Json {
    let mut out = summary(&found.summary);
    let sets: Vec<Json> = found
        .spansets
        .iter()
        .map(|set| {
            let mut out =
                json!({ "spans": set.spans.iter().map(span).collect::<Vec<_>>(), "matched": set.matched });
            if !set.attributes.is_empty() {
                out["attributes"] = key_values(&set.attributes);
            }
            out
        })
        .collect();
    // The older field, which older Grafana reads.
    out["spanSet"] = sets.first().cloned().unwrap_or_default();
    out["spanSets"] = sets.into();
    out
}

fn key_values(pairs: &[(String, Value)]) -> Json {
    pairs.iter().map(|(key, value)| json!({ "key": key, "value": any_value(value) })).collect()
}

pub fn query_range(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let (query, from_ns, to_ns) = metrics_query(ask)?;
    let step_ns = match ask.params.get("step").filter(|step| !step.is_empty()) {
        None => Steps::default_step_ns(from_ns, to_ns),
        Some(text) => {
            step(text).ok_or_else(|| Refusal::bad(format!("invalid step: {text:?} is not a duration")))?
        }
    };
    let steps = Steps::covering(from_ns, to_ns, step_ns).ok_or_else(|| {
        let most = Steps::COUNT_MAX;
        Refusal::bad(format!(
            "invalid step: it must be positive and give at most {most} steps: use a larger step"
        ))
    })?;
    let series = doors.stores.traces.traceql_metrics(&ask.tenant, &query, steps, &ask.budget)?;
    let series: Vec<Json> = series.iter().map(|series| range_series(series, &query, steps)).collect();
    Ok(answer(series, ask))
}

pub fn query_instant(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let (query, from_ns, to_ns) = metrics_query(ask)?;
    let steps = Steps { start_ns: from_ns, end_ns: to_ns, step_ns: to_ns - from_ns };
    let series = doors.stores.traces.traceql_metrics(&ask.tenant, &query, steps, &ask.budget)?;
    let series = series.iter().filter_map(|series| {
        let value = series.values.first().copied().flatten()?;
        Some(json!({ "labels": labels(series, &query), "value": value }))
    });
    Ok(answer(series.collect(), ask))
}

fn answer(series: Vec<Json>, ask: &Ask) -> Answer {
    let metrics = super::search::metrics(ask, 0);
    Answer::json(json!({ "series": series, "metrics": metrics, "status": "COMPLETE" }).to_string())
}

fn labels(series: &Series, query: &traceql::Query) -> Json {
    if series.labels.is_empty() {
        let name = query.metric.as_ref().map_or(String::new(), |metric| metric.function.name().to_owned());
        return key_values(&[("__name__".to_owned(), Value::String(name))]);
    }
    let labels: Vec<(String, Value)> =
        series.labels.iter().map(|(name, value)| (name.clone(), Value::from(value))).collect();
    key_values(&labels)
}

fn range_series(series: &Series, query: &traceql::Query, steps: Steps) -> Json {
    let samples = series.values.iter().enumerate().filter_map(|(step, value)| {
        let time_ms = (steps.start_ns + step as i64 * steps.step_ns) / 1_000_000;
        value.map(|value| json!({ "timestampMs": time_ms.to_string(), "value": value }))
    });
    json!({ "labels": labels(series, query), "samples": samples.collect::<Vec<_>>(), "exemplars": [] })
}

fn metrics_query(ask: &Ask) -> Result<(traceql::Query, i64, i64), Refusal> {
    let text = ask.params.get("q").or_else(|| ask.params.get("query")).unwrap_or_default();
    let query = parse(text)?;
    let time = |name: &str| -> Result<Option<i64>, Refusal> {
        let given = ask.params.get(name).filter(|text| !text.is_empty());
        let bad = |text: &str| Refusal::bad(format!("invalid {name}: could not parse {text:?} as a time"));
        given.map(|text| moment(text).ok_or_else(|| bad(text))).transpose()
    };
    let since = match ask.params.get("since").filter(|text| !text.is_empty()) {
        None => SINCE_DEFAULT_NS,
        Some(text) => duration_ns(text)
            .ok_or_else(|| Refusal::bad(format!("invalid since: {text:?} is not a duration")))?,
    };
    let to_ns = time("end")?.unwrap_or_else(|| ask.now_ns());
    let from_ns = time("start")?.unwrap_or_else(|| to_ns.saturating_sub(since));
    if from_ns >= to_ns {
        return Err(Refusal::bad("invalid start: start must be before end"));
    }
    Ok((query, from_ns, to_ns))
}

/// Seconds with or without decimals, nanoseconds (more than ten digits), or RFC 3339.
fn moment(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse::<i64>() {
        return if text.trim_start_matches('-').len() > 10 {
            Some(number)
        } else {
            number.checked_mul(1_000_000_000)
        };
    }
    match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds.abs() < 9e9 => Some((seconds * 1e9) as i64),
        Ok(_) => None,
        Err(_) => rfc3339_ns(text),
    }
}

/// A duration or seconds.
fn step(text: &str) -> Option<i64> {
    match text.parse::<f64>() {
        Ok(seconds) => (seconds > 0.0 && seconds < 9e9).then_some((seconds * 1e9) as i64),
        Err(_) => duration_ns(text).filter(|ns| *ns > 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_nanoseconds_or_rfc_3339() {
        for (text, ns) in [
            ("1700000000", Some(1_700_000_000_000_000_000)),
            ("1700000000000000001", Some(1_700_000_000_000_000_001)),
            ("1700000000.5", Some(1_700_000_000_500_000_000)),
            ("2023-11-14T22:13:20Z", Some(1_700_000_000_000_000_000)),
            ("yesterday", None),
            ("inf", None),
        ] {
            assert_eq!(moment(text), ns, "{text}");
        }
        assert_eq!(
            (step("15"), step("1m"), step("0"), step("-1s"), step("x")),
            (Some(15_000_000_000), Some(60_000_000_000), None, None, None)
        );
    }
}
