//! Services by their spans: rate, errors and durations, and who calls whom.

use serde_json::{Value, json};
use traces::{Grouping, Kind, Red, RedQuery, TimeRange};

use crate::answer::Answer;
use crate::doors::{Ask, Doors};
use crate::refusal::Refusal;
use crate::times::{prometheus_ms, prometheus_step_ms};

const RANGE_DEFAULT_MS: i64 = 3_600_000;
/// Points of one answer, as Prometheus bounds them.
const STEPS_MAX: i64 = 11_000;
const QUANTILES: [(&str, f64); 3] = [("p50", 0.50), ("p95", 0.95), ("p99", 0.99)];

/// `start`, `end` (seconds or RFC 3339), `step`, `service`, `by=operation`.
pub fn services(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let (start_ms, end_ms) = range(ask)?;
    let default_step_ms = ((end_ms - start_ms) / 60).max(1000);
    let step_ms = match ask.params.get("step") {
        None => default_step_ms,
        Some(text) => prometheus_step_ms(text)
            .filter(|ms| *ms > 0)
            .ok_or_else(|| Refusal::bad(format!("invalid step: {text:?}")))?,
    };
    if (end_ms - start_ms) / step_ms > STEPS_MAX {
        return Err(Refusal::bad(format!("more than {STEPS_MAX} steps: use a larger step")));
    }
    let by_operation = ask.params.get("by") == Some("operation");
    let query = RedQuery {
        tenant: ask.tenant.clone(),
        range: ns_range(start_ms, end_ms),
        step_ns: step_ms * 1_000_000,
        group_by: if by_operation { Grouping::Operation } else { Grouping::Service },
        service: ask.params.get("service").map(str::to_owned),
        kinds: vec![Kind::Server, Kind::Consumer],
        budget: ask.budget.clone(),
    };
    let found = doors.stores.traces.red(&query)?;
    let seconds = (end_ms - start_ms) as f64 / 1000.0;
    let services: Vec<Value> = found.iter().map(|red| service(red, seconds, by_operation)).collect();
    let body = json!({ "start": start_ms, "end": end_ms, "step": step_ms, "services": services });
    Ok(Answer::json(body.to_string()))
}

fn service(red: &Red, seconds: f64, by_operation: bool) -> Value {
    let (calls, errors): (u64, u64) = (red.calls.iter().sum(), red.errors.iter().sum());
    let duration_sum: f64 = red.duration_sum.iter().sum();
    let mut buckets = [0u64; Red::BUCKETS];
    for step in &red.buckets {
        buckets.iter_mut().zip(step).for_each(|(all, one)| *all += one);
    }
    let of = |part: f64, whole: u64| if whole == 0 { 0.0 } else { part / whole as f64 };
    let mut out = json!({
        "service": red.service,
        "calls": calls,
        "errors": errors,
        "rate": calls as f64 / seconds.max(0.001),
        "errorRatio": of(errors as f64, calls),
        "meanSeconds": of(duration_sum, calls),
        "series": {
            "calls": red.calls,
            "errors": red.errors,
            "p95": red.buckets.iter().map(|step| quantile(step, 0.95)).collect::<Vec<_>>(),
        },
    });
    if by_operation {
        out["operation"] = red.name.clone().into();
    }
    for (name, q) in QUANTILES {
        out[name] = json!(quantile(&buckets, q));
    }
    out
}

/// Within a bucket, linear; seconds. `None` without observations.
fn quantile(buckets: &[u64; Red::BUCKETS], q: f64) -> Option<f64> {
    let total: u64 = buckets.iter().sum();
    if total == 0 {
        return None;
    }
    let rank = q * total as f64;
    let mut below = 0.0;
    for (place, count) in buckets.iter().enumerate() {
        let here = *count as f64;
        if below + here >= rank && here > 0.0 {
            let low = if place == 0 { 0 } else { Red::bound_ns(place - 1) };
            // The last bucket has no bound; its lower one is the best that is known.
            let high = if place + 1 == Red::BUCKETS { low } else { Red::bound_ns(place) };
            let ns = low as f64 + (high - low) as f64 * ((rank - below) / here).clamp(0.0, 1.0);
            return Some(ns / 1e9);
        }
        below += here;
    }
    None
}

pub fn graph(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let (start_ms, end_ms) = range(ask)?;
    let edges = doors.stores.traces.dependencies(&ask.tenant, ns_range(start_ms, end_ms), &ask.budget)?;
    let edges: Vec<Value> = edges
        .iter()
        .map(|edge| {
            let [p50, p90, p95, p99] = edge.latency_quantiles;
            json!({
                "parent": edge.parent, "child": edge.child, "calls": edge.calls, "errors": edge.errors,
                "p50": p50, "p90": p90, "p95": p95, "p99": p99,
            })
        })
        .collect();
    Ok(Answer::json(json!({ "start": start_ms, "end": end_ms, "edges": edges }).to_string()))
}

fn range(ask: &Ask) -> Result<(i64, i64), Refusal> {
    let time = |name: &str| -> Result<Option<i64>, Refusal> {
        let bad = |text: &str| Refusal::bad(format!("invalid {name}: {text:?} is not a time"));
        ask.params.get(name).map(|text| prometheus_ms(text).ok_or_else(|| bad(text))).transpose()
    };
    let end_ms = time("end")?.unwrap_or(ask.now_ms);
    let start_ms = time("start")?.unwrap_or_else(|| end_ms.saturating_sub(RANGE_DEFAULT_MS));
    if start_ms >= end_ms {
        return Err(Refusal::bad("start must be before end"));
    }
    Ok((start_ms, end_ms))
}

fn ns_range(start_ms: i64, end_ms: i64) -> TimeRange {
    TimeRange {
        from_ns: start_ms.saturating_mul(1_000_000),
        to_ns: end_ms.saturating_mul(1_000_000).saturating_sub(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_within_their_bucket() {
        let mut buckets = [0; Red::BUCKETS];
        assert_eq!(quantile(&buckets, 0.5), None);
        buckets[40] = 10;
        let (low, high) = (Red::bound_ns(39) as f64 / 1e9, Red::bound_ns(40) as f64 / 1e9);
        let median = quantile(&buckets, 0.5).unwrap();
        assert!(low < median && median < high);
        buckets[Red::BUCKETS - 1] = 100;
        assert!(quantile(&buckets, 0.99).unwrap() > 50_000.0);
    }
}
