//! Names and values of labels, and profile types.

use profiles::SeriesQuery;
use serde_json::json;

use super::time;
use crate::answer::Answer;
use crate::doors::{Ask, Doors};
use crate::refusal::Refusal;
use crate::times::prometheus_ms;

const RANGE_DEFAULT_NS: i64 = 24 * 3_600_000_000_000;

pub fn names(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let names = doors.stores.profiles.label_names(&series(ask)?)?;
    Ok(Answer::json(json!(names).to_string()))
}

pub fn values(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let name =
        ask.params.get("label").ok_or_else(|| Refusal::bad("query parameter \"label\" is required"))?;
    // The name of the application was a label of its own in older versions.
    let name = if name == "__name__" || name == "app" { "service_name" } else { name };
    let values = doors.stores.profiles.label_values(&series(ask)?, name)?;
    Ok(Answer::json(json!(values).to_string()))
}

fn series(ask: &Ask) -> Result<SeriesQuery, Refusal> {
    let at = |name: &str, default_ns: i64| {
        let bad = |text: &str| Refusal::bad(format!("invalid parameter {name:?}: {text:?} is no time"));
        ask.params
            .get(name)
            .map_or(Ok(default_ns), |text| time::parse(text, ask.now_ns()).ok_or_else(|| bad(text)))
    };
    let to_ns = at("until", ask.now_ns())?;
    Ok(query(ask, at("from", to_ns.saturating_sub(RANGE_DEFAULT_NS))?, to_ns))
}

fn query(ask: &Ask, from_ns: i64, to_ns: i64) -> SeriesQuery {
    let mut query = SeriesQuery::new(ask.tenant.clone(), Vec::new(), from_ns, to_ns);
    query.matcher_sets = Vec::new();
    query.budget = ask.budget.clone();
    query
}

/// For Oriel's own pages: the types that there are, as text. `start` and `end` in seconds or RFC 3339.
pub fn profile_types(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let at = |name: &str, default_ns: i64| {
        let bad = |text: &str| Refusal::bad(format!("invalid {name}: {text:?} is not a time"));
        let parse = |text: &str| prometheus_ms(text).map(|ms| ms.saturating_mul(1_000_000));
        ask.params.get(name).map_or(Ok(default_ns), |text| parse(text).ok_or_else(|| bad(text)))
    };
    let to_ns = at("end", ask.now_ns())?;
    let query = query(ask, at("start", to_ns.saturating_sub(RANGE_DEFAULT_NS))?, to_ns);
    let types: Vec<String> =
        doors.stores.profiles.profile_types(&query)?.iter().map(ToString::to_string).collect();
    Ok(Answer::json(json!(types).to_string()))
}
