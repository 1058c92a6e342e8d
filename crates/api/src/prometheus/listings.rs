//! `series`, `labels` and `label/{name}/values`.

use metrics::{Listing, ReadError, Scope};
use model::Matcher;

use super::envelope::{Remarks, success};
use super::selector;
use crate::answer::Answer;
use crate::doors::{Ask, Doors};
use crate::json;
use crate::refusal::Refusal;
use crate::times::prometheus_ms;

/// Which series a listing is about.
struct Wanted {
    scope: Scope,
    selectors: Vec<Vec<Matcher>>,
    limit: usize,
}

pub fn series(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    if ask.params.all("match[]").next().is_none() {
        return Err(Refusal::bad("no match[] parameter provided"));
    }
    let wanted = wanted(ask)?;
    let found = doors.stores.metrics.series(&wanted.scope, &wanted.selectors, wanted.limit)?;
    Ok(success(&Remarks::truncated(found.truncated), |out| {
        json::array(out, &found.items, |out, labels| json::string_map(out, labels.iter()));
    }))
}

pub fn names(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let wanted = wanted(ask)?;
    let found = doors.stores.metrics.label_names(&wanted.scope, &wanted.selectors, wanted.limit)?;
    Ok(listing(&found))
}

pub fn values(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let name = selector::label_name(ask.path("name"))?;
    let wanted = wanted(ask)?;
    let found = doors.stores.metrics.label_values(&wanted.scope, &name, &wanted.selectors, wanted.limit)?;
    Ok(listing(&found))
}

fn listing(found: &Listing<String>) -> Answer {
    success(&Remarks::truncated(found.truncated), |out| {
        json::strings(out, found.items.iter().map(String::as_str));
    })
}

fn wanted(ask: &Ask) -> Result<Wanted, Refusal> {
    let from_ms = time(ask, "start")?.unwrap_or(i64::MIN);
    let to_ms = time(ask, "end")?.unwrap_or(i64::MAX);
    if to_ms < from_ms {
        return Err(Refusal::bad("invalid parameter \"end\": end timestamp must not be before start time"));
    }
    let selectors =
        ask.params.all("match[]").map(|text| selector::parse("match[]", text)).collect::<Result<_, _>>()?;
    let scope = Scope::new(ask.tenant.clone(), from_ms, to_ms, ask.budget.clone());
    Ok(Wanted { scope, selectors, limit: limit(ask)? })
}

pub fn limit(ask: &Ask) -> Result<usize, Refusal> {
    let bad = |text: &str| {
        Refusal::bad(format!("invalid parameter \"limit\": limit must be non-negative, got {text:?}"))
    };
    ask.params.get("limit").map_or(Ok(0), |text| text.parse().map_err(|_| bad(text)))
}

/// A time parameter in milliseconds.
pub fn time(ask: &Ask, name: &str) -> Result<Option<i64>, Refusal> {
    let bad = |text: &str| {
        Refusal::bad(format!("invalid parameter {name:?}: cannot parse {text:?} to a valid timestamp"))
    };
    ask.params.get(name).map(|text| prometheus_ms(text).ok_or_else(|| bad(text))).transpose()
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Stopped(stopped) => stopped.into(),
            ReadError::Block(error) => error.into(),
        }
    }
}
