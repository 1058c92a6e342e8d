//! `query_range` and `query` for log selectors.

use std::borrow::Cow;
use std::collections::BTreeMap;

use logs::{Direction, Entry, LogQuery, StreamQuery, StreamResult};
use model::Matcher;

use super::range::{HOUR_NS, Range};
use super::selector::Selector;
use super::stats::{self, QueryStats};
use crate::answer::Answer;
use crate::doors::{Ask, Doors};
use crate::json;
use crate::refusal::Refusal;

/// Entries that a query gives unless it asks for another number, and the most that it may ask for.
const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 5000;

/// Structured metadata is told apart from stream labels only to clients that say they understand it.
const CATEGORIZE: &str = "categorize-labels";

pub fn query_range(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let started = doors.clock.monotonic();
    let selector = Selector::parse(ask.params.get("query").unwrap_or_default())?;
    let range = Range::of(ask, HOUR_NS)?;
    let mut query = LogQuery::new(ask.tenant.clone(), selector.matchers, range.from_ns, range.to_ns);
    query.line_filters = selector.line_filters;
    filter_labels(doors, ask, &mut query, selector.metadata)?;
    query.limit = limit(ask)?;
    query.direction = direction(ask)?;
    query.budget = ask.budget.clone();
    let streams = doors.stores.logs.query(&query)?;
    let lines = streams.iter().map(|stream| stream.entries.len() as u64).sum();
    let elapsed = doors.clock.monotonic().saturating_sub(started);
    let stats = QueryStats { bytes: ask.budget.spent_bytes(), lines, elapsed };
    let categorize = ask.headers.get("x-loki-response-encoding-flags").is_some_and(|flags| {
        flags.to_str().is_ok_and(|flags| flags.split(',').any(|flag| flag.trim() == CATEGORIZE))
    });
    Ok(Answer::json(render(streams, categorize, stats)))
}

/// `| name="value"` is about a stream label where streams have one of that name, else about structured metadata.
fn filter_labels(
    doors: &Doors,
    ask: &Ask,
    query: &mut LogQuery,
    filters: Vec<(String, String)>,
) -> Result<(), Refusal> {
    if filters.is_empty() {
        return Ok(());
    }
    let mut streams =
        StreamQuery::new(ask.tenant.clone(), query.matchers.clone(), query.from_ns, query.to_ns);
    streams.budget = ask.budget.clone();
    let names = doors.stores.logs.labels(&streams)?;
    for (name, value) in filters {
        if names.contains(&name) {
            query.matchers.push(Matcher::equal(name, value));
        } else {
            query.metadata.push((name, value));
        }
    }
    Ok(())
}

/// Only metric queries have an instant form, in Loki too.
pub fn query(_: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    Selector::parse(ask.params.get("query").unwrap_or_default())?;
    Err(Refusal::bad(
        "log queries are not supported as an instant query type, please change your query to a range query type",
    ))
}

fn limit(ask: &Ask) -> Result<usize, Refusal> {
    let limit = ask.params.parse::<usize>("limit", "a number")?.unwrap_or(LIMIT_DEFAULT);
    if limit == 0 {
        return Err(Refusal::bad("limit must be a positive value"));
    }
    if limit > LIMIT_MAX {
        return Err(Refusal::bad(format!(
            "max entries limit per query exceeded, limit > max_entries_limit_per_query ({limit} > {LIMIT_MAX})"
        )));
    }
    Ok(limit)
}

fn direction(ask: &Ask) -> Result<Direction, Refusal> {
    match ask.params.get("direction").map(str::to_ascii_lowercase).as_deref() {
        None | Some("backward") => Ok(Direction::Backward),
        Some("forward") => Ok(Direction::Forward),
        Some(other) => Err(Refusal::bad(format!("invalid direction '{other}'"))),
    }
}

fn render(streams: Vec<StreamResult>, categorize: bool, stats: QueryStats) -> Vec<u8> {
    let mut out = Vec::with_capacity(4096);
    out.extend_from_slice(br#"{"status":"success","data":{"resultType":"streams","#);
    if categorize {
        out.extend_from_slice(br#""encodingFlags":["categorize-labels"],"#);
    }
    out.extend_from_slice(br#""result":"#);
    if categorize {
        json::array(&mut out, &streams, |out, stream| {
            let entries: Vec<&Entry> = stream.entries.iter().collect();
            write_stream(out, stream.labels.iter(), &entries, true);
        });
    } else {
        let flat = flatten(&streams);
        json::array(&mut out, flat, |out, (labels, entries)| {
            write_stream(out, labels.iter().map(|(name, value)| (&**name, *value)), &entries, false);
        });
    }
    out.extend_from_slice(b",\"stats\":");
    out.extend_from_slice(stats::object(stats).to_string().as_bytes());
    out.extend_from_slice(b"}}");
    out
}

/// For clients that do not tell the two apart, entries are grouped by stream labels and structured metadata together, as Loki does; where both
/// have a name, the metadata's value gets the suffix `_extracted`.
fn flatten(streams: &[StreamResult]) -> BTreeMap<Vec<(Cow<'_, str>, &str)>, Vec<&Entry>> {
    let mut groups: BTreeMap<Vec<(Cow<'_, str>, &str)>, Vec<&Entry>> = BTreeMap::new();
    for stream in streams {
        for entry in &stream.entries {
            let mut labels: Vec<(Cow<'_, str>, &str)> =
                stream.labels.iter().map(|(name, value)| (name.into(), value)).collect();
            labels.extend(entry.structured_metadata.iter().map(|(name, value)| {
                let taken = !stream.labels.get(name).is_empty();
                let name = if taken { format!("{name}_extracted").into() } else { Cow::from(name) };
                (name, value.as_str())
            }));
            labels.sort_unstable();
            groups.entry(labels).or_default().push(entry);
        }
    }
    groups
}

fn write_stream<'a>(
    out: &mut Vec<u8>,
    labels: impl Iterator<Item = (&'a str, &'a str)>,
    entries: &[&Entry],
    categorize: bool,
) {
    out.extend_from_slice(br#"{"stream":"#);
    json::string_map(out, labels);
    out.extend_from_slice(br#","values":"#);
    json::array(out, entries, |out, entry| {
        out.push(b'[');
        json::quoted_int(out, entry.ts_ns);
        out.push(b',');
        json::string(out, &entry.line);
        if categorize {
            out.extend_from_slice(b",{");
            if !entry.structured_metadata.is_empty() {
                out.extend_from_slice(br#""structuredMetadata":"#);
                json::string_map(
                    out,
                    entry.structured_metadata.iter().map(|(name, value)| (&**name, &**value)),
                );
            }
            out.push(b'}');
        }
        out.push(b']');
    });
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::Labels;
    use serde_json::json;

    use super::*;

    fn streams() -> Vec<StreamResult> {
        let entry = |ts_ns, line: &str, level: &str| Entry {
            ts_ns,
            line: line.into(),
            structured_metadata: vec![
                ("app".into(), "shadowed".into()),
                ("detected_level".into(), level.into()),
            ],
        };
        let labels = Arc::new(Labels::from_pairs([("app", "a")]));
        vec![StreamResult { labels, entries: vec![entry(2, "two \"x\"", "info"), entry(1, "one", "warn")] }]
    }

    fn data(categorize: bool) -> serde_json::Value {
        let body = render(streams(), categorize, QueryStats::default());
        let mut parsed: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(parsed["status"], "success");
        assert_eq!(parsed["data"]["stats"]["summary"]["totalEntriesReturned"], 0);
        parsed["data"].as_object_mut().unwrap().remove("stats");
        parsed["data"].clone()
    }

    #[test]
    fn metadata_is_a_label_for_old_clients() {
        let want = json!({"resultType": "streams", "result": [
            {"stream": {"app": "a", "app_extracted": "shadowed", "detected_level": "info"}, "values": [["2", "two \"x\""]]},
            {"stream": {"app": "a", "app_extracted": "shadowed", "detected_level": "warn"}, "values": [["1", "one"]]},
        ]});
        assert_eq!(data(false), want);
    }

    #[test]
    fn metadata_is_apart_for_clients_that_ask() {
        let want = json!({"resultType": "streams", "encodingFlags": ["categorize-labels"], "result": [
            {"stream": {"app": "a"}, "values": [
                ["2", "two \"x\"", {"structuredMetadata": {"app": "shadowed", "detected_level": "info"}}],
                ["1", "one", {"structuredMetadata": {"app": "shadowed", "detected_level": "warn"}}],
            ]},
        ]});
        assert_eq!(data(true), want);
    }
}
