//! `search` by tags: service, name, status, durations and attributes.

use serde_json::{Value, json};
use traces::{AttributeFilter, AttributeScope, Comparison, MatchedSpan, SearchQuery, Status, TraceSummary};

use super::tags::attribute_value;
use crate::answer::Answer;
use crate::doors::{Ask, Doors};
use crate::refusal::Refusal;
use crate::times::duration_ns;

pub(super) const LIMIT_DEFAULT: usize = 20;
pub(super) const LIMIT_MAX: usize = 10_000;
pub(super) const SPANS_PER_SET_DEFAULT: usize = 3;
pub(super) const SPANS_PER_SET_MAX: usize = 100;

pub fn search(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    if let Some(text) = ask.params.get("q").filter(|text| !text.is_empty()) {
        return super::traceql::search(doors, ask, text);
    }
    let query = query(ask)?;
    let found = doors.stores.traces.search(&query)?;
    let traces: Vec<Value> = found.iter().map(summary).collect();
    Ok(Answer::json(json!({ "traces": traces, "metrics": metrics(ask, found.len()) }).to_string()))
}

/// What the question cost.
pub fn metrics(ask: &Ask, traces: usize) -> Value {
    json!({
        "inspectedTraces": traces,
        "inspectedBytes": ask.budget.spent_bytes().to_string(),
        "completedJobs": 1,
        "totalJobs": 1,
    })
}

fn query(ask: &Ask) -> Result<SearchQuery, Refusal> {
    let mut query = SearchQuery::new(ask.tenant.clone(), super::range(ask)?);
    query.budget = ask.budget.clone();
    query.limit = positive(ask, "limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    query.spans_per_set = positive(ask, "spss", SPANS_PER_SET_DEFAULT, SPANS_PER_SET_MAX)?;
    let duration = |name: &str| -> Result<Option<u64>, Refusal> {
        let bad = |text: &str| Refusal::bad(format!("invalid {name}: time: invalid duration {text:?}"));
        ask.params
            .get(name)
            .map(|text| duration_ns(text).map(i64::unsigned_abs).ok_or_else(|| bad(text)))
            .transpose()
    };
    query.trace_duration_min_ns = duration("minDuration")?;
    query.trace_duration_max_ns = duration("maxDuration")?;
    if let (Some(min), Some(max)) = (query.trace_duration_min_ns, query.trace_duration_max_ns)
        && min > max
    {
        return Err(Refusal::bad("invalid maxDuration: must be greater than minDuration"));
    }
    for (key, value) in logfmt(ask.params.get("tags").unwrap_or_default())? {
        tag(&mut query, key, value)?;
    }
    Ok(query)
}

pub(super) fn positive(ask: &Ask, name: &str, default: usize, max: usize) -> Result<usize, Refusal> {
    let number = ask.params.parse::<usize>(name, "a number")?.unwrap_or(default);
    match number {
        0 => Err(Refusal::bad(format!("invalid {name}: must be a positive number"))),
        _ if number > max => {
            Err(Refusal::bad(format!("invalid {name}: must be less than or equal to {max}")))
        }
        _ => Ok(number),
    }
}

/// The names that Tempo's tag search knows, and attributes for all others.
fn tag(query: &mut SearchQuery, key: String, value: String) -> Result<(), Refusal> {
    match key.as_str() {
        "service.name" | "resource.service.name" => query.service = Some(value),
        "name" => query.name = Some(value),
        "status" | "status.code" => query.status = Some(status(&value)?),
        "error" if value == "true" => query.status = Some(Status::Error),
        "kind" | "span.kind" => query.kind = Some(kind(&value)?),
        _ => {
            let (scope, key) = match key.split_once('.') {
                Some(("resource", rest)) => (AttributeScope::Resource, rest.to_owned()),
                Some(("span", rest)) => (AttributeScope::Span, rest.to_owned()),
                _ => (AttributeScope::Any, key),
            };
            let value = attribute_value(&value);
            query.attributes.push(AttributeFilter { scope, key, comparison: Comparison::Equal, value });
        }
    }
    Ok(())
}

pub fn status(text: &str) -> Result<Status, Refusal> {
    [Status::Unset, Status::Ok, Status::Error]
        .into_iter()
        .find(|status| status.name() == text)
        .ok_or_else(|| Refusal::bad(format!("invalid status {text:?}: one of unset, ok, error")))
}

pub fn kind(text: &str) -> Result<traces::Kind, Refusal> {
    (0..=5).map(traces::Kind::from_number).find(|kind| kind.name() == text).ok_or_else(|| {
        Refusal::bad(format!(
            "invalid kind {text:?}: one of unspecified, internal, server, client, producer, consumer"
        ))
    })
}

/// `a=b c="d e"`.
fn logfmt(text: &str) -> Result<Vec<(String, String)>, Refusal> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let bad = || {
            Refusal::bad(format!(
                "invalid tags: {text:?} is not logfmt, write key=value or key=\"value with spaces\""
            ))
        };
        let (key, after) = rest.split_once('=').ok_or_else(bad)?;
        if key.is_empty() || key.contains(|letter: char| letter.is_whitespace() || letter == '"') {
            return Err(bad());
        }
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted_value(quoted).ok_or_else(bad)?,
            None => {
                let end = after.find(char::is_whitespace).unwrap_or(after.len());
                (after[..end].to_owned(), &after[end..])
            }
        };
        pairs.push((key.to_owned(), value));
        rest = next.trim_start();
    }
    Ok(pairs)
}

fn quoted_value(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &quoted[place + 1..])),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

pub(super) fn summary(trace: &TraceSummary) -> Value {
    let mut out = json!({
        "traceID": trace.trace_id.to_string(),
        "startTimeUnixNano": trace.start_ns.to_string(),
        "durationMs": trace.duration_ns / 1_000_000,
    });
    let (service, name) = match &trace.root {
        Some(root) => (root.service.as_str(), root.name.as_str()),
        None => ("<root span not yet received>", ""),
    };
    out["rootServiceName"] = service.into();
    if !name.is_empty() {
        out["rootTraceName"] = name.into();
    }
    if trace.matched > 0 {
        let spans: Vec<Value> = trace.spans.iter().map(span).collect();
        out["spanSets"] = json!([{ "spans": spans, "matched": trace.matched }]);
    }
    let services = trace.services.iter().map(|stats| {
        let mut entry = json!({ "spanCount": stats.span_count });
        if stats.error_count > 0 {
            entry["errorCount"] = stats.error_count.into();
        }
        (stats.service.clone(), entry)
    });
    out["serviceStats"] = Value::Object(services.collect());
    out
}

pub(super) fn span(span: &MatchedSpan) -> Value {
    let attributes: Vec<Value> = span
        .attributes
        .iter()
        .map(|(key, value)| json!({ "key": key, "value": super::tags::any_value(value) }))
        .collect();
    let mut out = json!({
        "spanID": span.span_id.to_string(),
        "name": span.name,
        "startTimeUnixNano": span.start_ns.to_string(),
        "durationNanos": span.duration_ns.to_string(),
    });
    if !attributes.is_empty() {
        out["attributes"] = attributes.into();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_logfmt() {
        let pairs = |text: &str| logfmt(text).map_err(|refusal| refusal.message);
        let owned = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(key, value)| ((*key).into(), (*value).into()))
                .collect::<Vec<(String, String)>>()
        };
        assert_eq!(pairs(""), Ok(vec![]));
        assert_eq!(pairs("a=b  c=\"d \\\"e\" f="), Ok(owned(&[("a", "b"), ("c", "d \"e"), ("f", "")])));
        for bad in ["a", "=b", "a=\"b", "a b=c"] {
            assert!(pairs(bad).is_err(), "{bad}");
        }
    }
}
