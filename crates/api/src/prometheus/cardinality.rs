//! `cardinality/*`, in the shapes of Mimir: how many values labels have, and how many series values have, among active series.

use metrics::LabelCardinality;
use model::Matcher;
use serde_json::{Value, json};

use super::selector;
use crate::answer::Answer;
use crate::doors::{Ask, Doors};
use crate::refusal::Refusal;

const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = 500;

fn limit(ask: &Ask) -> Result<usize, Refusal> {
    let Some(text) = ask.params.get("limit") else { return Ok(LIMIT_DEFAULT) };
    match text.parse::<usize>() {
        Ok(limit) if limit > LIMIT_MAX => {
            Err(Refusal::bad(format!("'limit' param cannot be greater than '{LIMIT_MAX}'")))
        }
        Ok(limit) => Ok(limit),
        Err(_) => Err(Refusal::bad(format!("'limit' param {text:?} is not a whole number"))),
    }
}

/// All series count as active here: heads and what they remember. Other ways to count are refused, not guessed.
fn selected(ask: &Ask) -> Result<Vec<Matcher>, Refusal> {
    match ask.params.get("count_method") {
        None | Some("inmemory" | "active") => {}
        Some(other) => {
            return Err(Refusal::bad(format!(
                "unknown count method {other:?}: valid methods are [\"inmemory\" \"active\"]"
            )));
        }
    }
    ask.params.get("selector").map_or(Ok(Vec::new()), |text| selector::parse("selector", text))
}

fn answer(value: &Value) -> Answer {
    Answer::json(value.to_string())
}

pub fn label_names(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let (limit, matchers) = (limit(ask)?, selected(ask)?);
    let found = doors.stores.metrics.label_cardinality(&ask.tenant, &[], &matchers, 0);
    let total: u64 = found.iter().map(|label| label.value_count).sum();
    let list: Vec<Value> = found
        .iter()
        .take(limit)
        .map(|label| json!({"label_name": label.name, "label_values_count": label.value_count}))
        .collect();
    Ok(answer(&json!({
        "label_values_count_total": total,
        "label_names_count": found.len(),
        "cardinality": list,
    })))
}

pub fn label_values(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let (limit, matchers) = (limit(ask)?, selected(ask)?);
    let names: Vec<String> = ask.params.all("label_names[]").map(str::to_owned).collect();
    if names.is_empty() {
        return Err(Refusal::bad("'label_names[]' param is required"));
    }
    let found = doors.stores.metrics.label_cardinality(&ask.tenant, &names, &matchers, limit);
    let label = |label: &LabelCardinality| {
        let values: Vec<Value> = label
            .values
            .iter()
            .map(|(value, series)| json!({"label_value": value, "series_count": series}))
            .collect();
        json!({
            "label_name": label.name,
            "label_values_count": label.value_count,
            "series_count": label.series_count,
            "cardinality": values,
        })
    };
    let total = match matchers.is_empty() {
        true => doors.stores.metrics.cardinality(&ask.tenant, 0).series,
        false => active(doors, ask, &matchers)?.len() as u64,
    };
    let labels: Vec<Value> = found.iter().map(label).collect();
    Ok(answer(&json!({"series_count_total": total, "labels": labels})))
}

fn active(doors: &Doors, ask: &Ask, matchers: &[Matcher]) -> Result<Vec<model::Labels>, Refusal> {
    ask.budget.check()?;
    Ok(doors.stores.metrics.active_series(&ask.tenant, matchers))
}

pub fn active_series(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    if ask.params.get("selector").is_none() {
        return Err(Refusal::bad("missing 'selector' parameter"));
    }
    let found = active(doors, ask, &selected(ask)?)?;
    let list: Vec<Value> = found
        .iter()
        .map(|labels| {
            Value::Object(labels.iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
        })
        .collect();
    Ok(answer(&json!({"data": list})))
}
