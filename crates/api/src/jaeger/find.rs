//! Traces by id, or by service, operation, tags, durations and time.

use serde_json::Value;
use traces::{AttributeFilter, AttributeScope, Comparison, SearchQuery, Status, TimeRange};

use super::{span, wrap};
use crate::answer::Answer;
use crate::doors::{Ask, Doors};
use crate::refusal::{Kind, Refusal};
use crate::tempo::{attribute_value, trace_id};
use crate::times::duration_ns;

const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 1500;
const LOOKBACK_DEFAULT_NS: i64 = 2 * 86_400 * 1_000_000_000;

pub fn trace(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let id = trace_id(ask.path("id"))?;
    let found = doors.stores.traces.trace(&ask.tenant, id, None, &ask.budget)?;
    let trace = found.ok_or_else(|| Refusal::new(Kind::NotFound, "trace not found"))?;
    Ok(wrap(vec![span::trace(&trace)].into(), 0))
}

pub fn traces(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let ids: Vec<_> = ask.params.all("traceID").map(trace_id).collect::<Result<_, _>>()?;
    let ids = if ids.is_empty() {
        let found = doors.stores.traces.search(&query(ask)?)?;
        found.into_iter().map(|summary| summary.trace_id).collect()
    } else {
        ids
    };
    let mut out: Vec<Value> = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(trace) = doors.stores.traces.trace(&ask.tenant, id, None, &ask.budget)? {
            out.push(span::trace(&trace));
        }
    }
    Ok(wrap(out.into(), 0))
}

fn query(ask: &Ask) -> Result<SearchQuery, Refusal> {
    let params = &ask.params;
    let micros = |name: &str| -> Result<Option<i64>, Refusal> {
        let time = params.parse::<i64>(name, "a time in microseconds")?;
        Ok(time.map(|us| us.saturating_mul(1000)))
    };
    let duration = |name: &str| -> Result<Option<u64>, Refusal> {
        let bad = |text: &str| {
            Refusal::bad(format!("unable to parse param '{name}': time: invalid duration {text:?}"))
        };
        params
            .get(name)
            .map(|text| duration_ns(text).map(i64::unsigned_abs).ok_or_else(|| bad(text)))
            .transpose()
    };
    let service = params.get("service").ok_or_else(|| Refusal::bad("parameter 'service' is required"))?;
    let to_ns = micros("end")?.unwrap_or_else(|| ask.now_ns());
    let from_ns = micros("start")?.unwrap_or_else(|| to_ns.saturating_sub(LOOKBACK_DEFAULT_NS));
    let mut query = SearchQuery::new(ask.tenant.clone(), TimeRange { from_ns, to_ns });
    query.service = Some(service.to_owned());
    query.name = params.get("operation").map(str::to_owned);
    query.span_duration_min_ns = duration("minDuration")?;
    query.span_duration_max_ns = duration("maxDuration")?;
    if let (Some(min), Some(max)) = (query.span_duration_min_ns, query.span_duration_max_ns)
        && max < min
    {
        return Err(Refusal::bad("'maxDuration' should be greater than 'minDuration'"));
    }
    query.limit = params.parse::<usize>("limit", "a number")?.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX);
    query.spans_per_set = 1;
    query.budget = ask.budget.clone();
    tags(ask, &mut query)?;
    Ok(query)
}

/// `tag=key:value`, as often as needed, and `tags={"key":"value"}`.
fn tags(ask: &Ask, query: &mut SearchQuery) -> Result<(), Refusal> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for tag in ask.params.all("tag") {
        let (key, value) = tag.split_once(':').ok_or_else(|| {
            Refusal::bad(format!("malformed 'tag' parameter, expecting key:value, received: {tag}"))
        })?;
        pairs.push((key.into(), value.into()));
    }
    for tags in ask.params.all("tags") {
        let bad = |error| Refusal::bad(format!("malformed 'tags' parameter, cannot unmarshal JSON: {error}"));
        let object: std::collections::BTreeMap<String, String> = serde_json::from_str(tags).map_err(bad)?;
        pairs.extend(object);
    }
    for (key, value) in pairs {
        match (key.as_str(), value.as_str()) {
            ("error", "true") | ("otel.status_code", "ERROR") => query.status = Some(Status::Error),
            ("otel.status_code", "OK") => query.status = Some(Status::Ok),
            ("span.kind", kind) => query.kind = Some(crate::tempo::kind(kind)?),
            _ => {
                let value = attribute_value(&value);
                query.attributes.push(AttributeFilter {
                    scope: AttributeScope::Any,
                    key,
                    comparison: Comparison::Equal,
                    value,
                });
            }
        }
    }
    Ok(())
}
