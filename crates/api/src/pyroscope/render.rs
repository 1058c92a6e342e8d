//! `render` and `render-diff`: merged profiles as flame graphs, or as pprof for other tools.

use profiles::{ProfileQuery, ProfileType};
use serde_json::{Value, json};

use super::flamebearer::{Flamebearer, difference};
use super::key::Selector;
use super::time;
use crate::answer::Answer;
use crate::doors::{Ask, Doors};
use crate::refusal::Refusal;

const RANGE_DEFAULT_NS: i64 = 3_600_000_000_000;
const NODES_DEFAULT: usize = 8192;
const NODES_MAX: usize = 65_536;
/// Points of the timeline, at most.
const TIMELINE_POINTS: i64 = 500;
const STEP_MIN_NS: i64 = 15_000_000_000;

struct Range {
    from_ns: i64,
    until_ns: i64,
}

fn range(ask: &Ask, from: &str, until: &str) -> Result<Range, Refusal> {
    let at = |name: &str, default_ns: i64| {
        let bad = |text: &str| Refusal::bad(format!("invalid parameter {name:?}: {text:?} is no time"));
        ask.params
            .get(name)
            .map_or(Ok(default_ns), |text| time::parse(text, ask.now_ns()).ok_or_else(|| bad(text)))
    };
    let until_ns = at(until, ask.now_ns())?;
    let from_ns = at(from, until_ns.saturating_sub(RANGE_DEFAULT_NS))?;
    if from_ns >= until_ns {
        return Err(Refusal::bad(format!("{from} must be before {until}")));
    }
    Ok(Range { from_ns, until_ns })
}

fn query(ask: &Ask, selector: &Selector, range: &Range) -> ProfileQuery {
    let mut query =
        ProfileQuery::new(ask.tenant.clone(), selector.matchers.clone(), range.from_ns, range.until_ns);
    query.spans.clone_from(&selector.spans);
    query.traces.clone_from(&selector.traces);
    query.budget = ask.budget.clone();
    query
}

fn nodes_max(ask: &Ask) -> Result<usize, Refusal> {
    let asked =
        ask.params.parse::<usize>("maxNodes", "a number")?.or(ask.params.parse("max-nodes", "a number")?);
    Ok(asked.unwrap_or(NODES_DEFAULT).clamp(1, NODES_MAX))
}

pub fn render(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let selector = Selector::parse(ask.params.get("query").unwrap_or_default())?;
    let range = range(ask, "from", "until")?;
    let query = query(ask, &selector, &range);
    match ask.params.get("format").unwrap_or("json") {
        "json" => {}
        "pprof" => {
            let merged = doors.stores.profiles.merged_pprof(&query)?;
            return Ok(Answer::new("application/octet-stream", merged.encode_gzip()));
        }
        other => return Err(Refusal::bad(format!("format {other:?} is not one of json, pprof"))),
    }
    let tree = doors.stores.profiles.merged(&query)?.truncate(nodes_max(ask)?);
    let body = json!({
        "version": 1,
        "flamebearer": Flamebearer::of(&tree).to_json(),
        "metadata": metadata(&selector.profile_type, "single"),
        "timeline": timeline(doors, &query, &range)?,
        "groups": null,
        "heatmap": null,
    });
    Ok(Answer::json(body.to_string()))
}

/// What the numbers are, in the words of Pyroscope's pages.
fn metadata(profile_type: &ProfileType, format: &str) -> Value {
    let (units, rate) = match profile_type.sample_unit.as_str() {
        "nanoseconds" => ("samples", 1_000_000_000),
        "bytes" => ("bytes", 1),
        "count" if profile_type.sample_type.contains("objects") => ("objects", 1),
        "count" => ("samples", 1),
        other => (other, 1),
    };
    json!({ "format": format, "spyName": "", "sampleRate": rate, "units": units, "name": profile_type.sample_type })
}

fn timeline(doors: &Doors, query: &ProfileQuery, range: &Range) -> Result<Value, Refusal> {
    let length_ns = range.until_ns - range.from_ns;
    let step_ns = (length_ns / TIMELINE_POINTS).max(STEP_MIN_NS);
    let totals = doors.stores.profiles.series_totals(query, step_ns, &[])?;
    let mut samples = vec![0i64; (length_ns / step_ns) as usize + 1];
    for (at_ns, value) in totals.iter().flat_map(|series| &series.points) {
        if let Some(sample) =
            usize::try_from((at_ns - range.from_ns) / step_ns).ok().and_then(|place| samples.get_mut(place))
        {
            *sample = sample.saturating_add(*value);
        }
    }
    Ok(json!({
        "startTime": range.from_ns / 1_000_000_000,
        "samples": samples,
        "durationDelta": step_ns / 1_000_000_000,
        "watermarks": {},
    }))
}

pub fn diff(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let either =
        |name: &'static str| ask.params.get(name).or_else(|| ask.params.get("query")).unwrap_or_default();
    let (left, right) = (Selector::parse(either("leftQuery"))?, Selector::parse(either("rightQuery"))?);
    if left.profile_type != right.profile_type {
        return Err(Refusal::bad("profile types of both sides must be the same"));
    }
    let nodes_max = nodes_max(ask)?;
    let tree = |selector: &Selector, from: &str, until: &str| -> Result<profiles::Tree, Refusal> {
        let query = query(ask, selector, &range(ask, from, until)?);
        Ok(doors.stores.profiles.merged(&query)?.truncate(nodes_max))
    };
    let (left_tree, right_tree) =
        (tree(&left, "leftFrom", "leftUntil")?, tree(&right, "rightFrom", "rightUntil")?);
    let (names, levels, own_max) = difference(&left_tree, &right_tree);
    let (left_total, right_total) = (left_tree.total(), right_tree.total());
    let body = json!({
        "version": 1,
        "flamebearer": {
            "names": names, "levels": levels, "numTicks": left_total.saturating_add(right_total), "maxSelf": own_max,
        },
        "metadata": metadata(&left.profile_type, "double"),
        "timeline": null,
        "leftTicks": left_total,
        "rightTicks": right_total,
    });
    Ok(Answer::json(body.to_string()))
}
