//! `index/volume` and `index/volume_range`: bytes of lines by labels, from counts that the store keeps; no line is read.

use std::collections::BTreeMap;

use logs::StreamQuery;
use serde_json::{Value, json};

use super::range::{HOUR_NS, Range};
use super::selector::Selector;
use crate::answer::Answer;
use crate::doors::{Ask, Doors};
use crate::refusal::Refusal;
use crate::times::duration_ns;

const LIMIT_DEFAULT: usize = 100;
/// Points of one answer.
const STEPS_MAX: i64 = 11_000;
/// What levels are called where they are asked for as a label.
const LEVEL_LABELS: [&str; 2] = ["detected_level", "level"];

type Groups = BTreeMap<Vec<(String, String)>, BTreeMap<u32, u64>>;

pub fn volume(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let range = Range::of(ask, HOUR_NS)?;
    let groups = groups(doors, ask, range, None)?;
    let seconds = range.to_ns / 1_000_000_000;
    let result: Vec<Value> = groups
        .into_iter()
        .map(|(labels, steps)| json!({ "metric": metric(labels), "value": [seconds, total(&steps).to_string()] }))
        .collect();
    Ok(wrap("vector", result))
}

pub fn volume_range(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let range = Range::of(ask, HOUR_NS)?;
    let step_ns = step(ask, range)?;
    let groups = groups(doors, ask, range, Some(step_ns))?;
    let time = |step: u32| (range.from_ns + i64::from(step) * step_ns) as f64 / 1e9;
    let result: Vec<Value> = groups
        .into_iter()
        .map(|(labels, steps)| {
            let values: Vec<Value> =
                steps.iter().map(|(step, bytes)| json!([time(*step), bytes.to_string()])).collect();
            json!({ "metric": metric(labels), "values": values })
        })
        .collect();
    Ok(wrap("matrix", result))
}

fn wrap(kind: &str, result: Vec<Value>) -> Answer {
    Answer::json(json!({ "status": "success", "data": { "resultType": kind, "result": result } }).to_string())
}

fn metric(labels: Vec<(String, String)>) -> Value {
    Value::Object(labels.into_iter().map(|(name, value)| (name, value.into())).collect())
}

fn total(steps: &BTreeMap<u32, u64>) -> u64 {
    steps.values().sum()
}

/// Loki's default: the range in 250 parts, at least a second.
fn step(ask: &Ask, range: Range) -> Result<i64, Refusal> {
    let length_ns = range.to_ns - range.from_ns;
    let step_ns = match ask.params.get("step") {
        None => (length_ns / 250 / 1_000_000_000).max(1) * 1_000_000_000,
        Some(text) => text
            .parse::<f64>()
            .ok()
            .map(|seconds| (seconds * 1e9) as i64)
            .or_else(|| duration_ns(text))
            .filter(|step_ns| *step_ns > 0)
            .ok_or_else(|| {
                Refusal::bad(
                    "zero or negative query resolution step widths are not accepted. Try a positive integer",
                )
            })?,
    };
    if length_ns / step_ns > STEPS_MAX {
        return Err(Refusal::bad(
            "exceeded maximum resolution of 11,000 points per time series. Try increasing the value of the step parameter",
        ));
    }
    Ok(step_ns)
}

/// Largest groups first up to the limit, then by labels. Without `targetLabels`, groups are by the labels that the selector names.
fn groups(doors: &Doors, ask: &Ask, range: Range, step_ns: Option<i64>) -> Result<Groups, Refusal> {
    let matchers = Selector::parse_streams(ask.params.get("query").unwrap_or("{}"))?;
    let targets: Vec<String> = match ask.params.get("targetLabels") {
        Some(names) => {
            names.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
        }
        None => matchers.iter().map(|matcher| matcher.name().to_owned()).collect(),
    };
    let limit = ask.params.parse::<usize>("limit", "a number")?.unwrap_or(LIMIT_DEFAULT);
    let mut query = StreamQuery::new(ask.tenant.clone(), matchers, range.from_ns, range.to_ns);
    query.budget = ask.budget.clone();
    let mut groups = Groups::new();
    for volume in doors.stores.logs.volume(&query, step_ns)? {
        let value = |name: &String| {
            let own = volume.labels.get(name);
            let level = own.is_empty() && LEVEL_LABELS.contains(&name.as_str());
            if level { volume.level.name().to_owned() } else { own.to_owned() }
        };
        let labels: Vec<(String, String)> = targets
            .iter()
            .map(|name| (name.clone(), value(name)))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        *groups.entry(labels).or_default().entry(volume.step).or_default() += volume.bytes;
    }
    if groups.len() > limit {
        let mut sizes: Vec<u64> = groups.values().map(total).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let smallest = sizes[limit.max(1) - 1];
        groups.retain(|_, steps| total(steps) >= smallest);
        while groups.len() > limit {
            groups.pop_last();
        }
    }
    Ok(groups)
}
