//! Names and values of stream labels, streams, and how much they hold.

use logs::StreamQuery;
use serde_json::json;

use super::range::{HOUR_NS, Range};
use super::selector::Selector;
use crate::answer::Answer;
use crate::doors::{Ask, Doors};
use crate::json;
use crate::refusal::Refusal;

/// Names and values are cheap, so they look further back than queries by default.
const LABELS_DEFAULT_NS: i64 = 6 * HOUR_NS;

pub fn names(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let names = doors.stores.logs.labels(&streams(ask, "query", LABELS_DEFAULT_NS)?)?;
    Ok(list(&names))
}

pub fn values(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let values =
        doors.stores.logs.label_values(&streams(ask, "query", LABELS_DEFAULT_NS)?, ask.path("name"))?;
    Ok(list(&values))
}

pub fn series(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let mut query = streams(ask, "query", HOUR_NS)?;
    let sets: Result<Vec<_>, _> =
        ask.params.all("match[]").chain(ask.params.all("match")).map(Selector::parse_streams).collect();
    query.matcher_sets = sets?;
    // Grafana asks with `{}` or nothing for everything.
    query.matcher_sets.retain(|set| !set.is_empty());
    let series = doors.stores.logs.series(&query)?;
    let mut out = br#"{"status":"success","data":"#.to_vec();
    json::array(&mut out, &series, |out, labels| json::string_map(out, labels.iter()));
    out.push(b'}');
    Ok(Answer::json(out))
}

pub fn index_stats(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let selector = Selector::parse_streams(ask.params.get("query").unwrap_or_default())?;
    let mut query = streams(ask, "", HOUR_NS)?;
    query.matcher_sets = vec![selector];
    let stats = doors.stores.logs.stats(&query)?;
    let body = json!({"streams": stats.streams, "chunks": stats.chunks, "entries": stats.entries, "bytes": stats.bytes});
    Ok(Answer::json(body.to_string()))
}

/// The streams of a parameter with a selector, all of them without it.
fn streams(ask: &Ask, param: &str, default_ns: i64) -> Result<StreamQuery, Refusal> {
    let range = Range::of(ask, default_ns)?;
    let matchers = ask.params.get(param).map(Selector::parse_streams).transpose()?.unwrap_or_default();
    let mut query = StreamQuery::new(ask.tenant.clone(), Vec::new(), range.from_ns, range.to_ns);
    query.matcher_sets = if matchers.is_empty() { Vec::new() } else { vec![matchers] };
    query.budget = ask.budget.clone();
    Ok(query)
}

fn list(items: &[String]) -> Answer {
    let mut out = br#"{"status":"success","data":"#.to_vec();
    json::strings(&mut out, items.iter().map(String::as_str));
    out.push(b'}');
    Answer::json(out)
}
