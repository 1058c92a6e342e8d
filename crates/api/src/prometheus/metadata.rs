//! `metadata`: type, help and unit of metric families.

use serde_json::{Map, Value, json};

use super::envelope::{Remarks, success};
use crate::answer::Answer;
use crate::doors::{Ask, Doors};
use crate::refusal::Refusal;

pub fn metadata(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let number = |name: &str| -> Result<usize, Refusal> {
        let parsed = ask.params.get(name).map_or(Ok(-1), str::parse::<i64>);
        let number = parsed.map_err(|_| Refusal::bad(format!("{name} must be a number")))?;
        Ok(usize::try_from(number).unwrap_or(usize::MAX))
    };
    let (limit, limit_per_metric) = (number("limit")?, number("limit_per_metric")?);
    let families = doors.stores.metrics.metadata(&ask.tenant, ask.params.get("metric"))?;
    let mut data = Map::new();
    for family in families.into_iter().take(limit) {
        let entries = family.entries.iter().take(limit_per_metric.max(1));
        let entries: Vec<Value> = entries
            .map(|entry| json!({ "type": entry.kind.name(), "help": entry.help, "unit": entry.unit }))
            .collect();
        data.insert(family.family, entries.into());
    }
    Ok(success(&Remarks::default(), |out| out.extend_from_slice(Value::Object(data).to_string().as_bytes())))
}
