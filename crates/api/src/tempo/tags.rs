//! Names and values of attributes, for the search form.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use traces::{AttributeScope, Value};

use crate::answer::Answer;
use crate::doors::{Ask, Doors};
use crate::refusal::Refusal;

/// Values of one tag, at most.
const VALUES_MAX: usize = 10_000;

/// What every span has.
const INTRINSICS: [&str; 9] = [
    "duration",
    "kind",
    "name",
    "rootName",
    "rootServiceName",
    "status",
    "statusMessage",
    "traceDuration",
    "trace:id",
];

const SCOPES: [(&str, AttributeScope); 5] = [
    ("resource", AttributeScope::Resource),
    ("span", AttributeScope::Span),
    ("event", AttributeScope::Event),
    ("link", AttributeScope::Link),
    ("instrumentation", AttributeScope::Instrumentation),
];

pub fn names(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let scopes = scopes(doors, ask)?;
    let mut names: Vec<&str> = scopes.iter().flat_map(|(_, tags)| tags.iter().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    Ok(Answer::json(json!({ "tagNames": names, "metrics": metrics(ask) }).to_string()))
}

pub fn names_v2(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let scopes = scopes(doors, ask)?;
    let scopes: Vec<Json> = scopes.iter().map(|(name, tags)| json!({ "name": name, "tags": tags })).collect();
    Ok(Answer::json(json!({ "scopes": scopes, "metrics": metrics(ask) }).to_string()))
}

fn scopes(doors: &Doors, ask: &Ask) -> Result<Vec<(&'static str, Vec<String>)>, Refusal> {
    let wanted = ask.params.get("scope").unwrap_or("none");
    let known = SCOPES.iter().any(|(name, _)| *name == wanted) || matches!(wanted, "none" | "intrinsic");
    if !known {
        return Err(Refusal::bad(format!("invalid scope: {wanted}")));
    }
    let range = super::range(ask)?;
    let mut out = Vec::new();
    for (name, scope) in SCOPES {
        if wanted == "none" || wanted == name {
            let tags = doors.stores.traces.tag_names(&ask.tenant, scope, range, &ask.budget)?;
            if !tags.is_empty() {
                out.push((name, tags.into_iter().collect()));
            }
        }
    }
    if matches!(wanted, "none" | "intrinsic") {
        out.push(("intrinsic", INTRINSICS.map(str::to_owned).to_vec()));
    }
    Ok(out)
}

pub fn values(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let values: Vec<String> = find(doors, ask)?.into_iter().map(|(_, text)| text).collect();
    Ok(Answer::json(json!({ "tagValues": values, "metrics": metrics(ask) }).to_string()))
}

pub fn values_v2(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let values: Vec<Json> =
        find(doors, ask)?.into_iter().map(|(kind, text)| json!({ "type": kind, "value": text })).collect();
    Ok(Answer::json(json!({ "tagValues": values, "metrics": metrics(ask) }).to_string()))
}

/// Values with their TraceQL types.
fn find(doors: &Doors, ask: &Ask) -> Result<Vec<(&'static str, String)>, Refusal> {
    let range = super::range(ask)?;
    let store = &doors.stores.traces;
    let keywords = |words: &[&str]| words.iter().map(|word| ("keyword", (*word).to_owned())).collect();
    let tag = ask.path("tag");
    match tag {
        "status" => return Ok(keywords(&["error", "ok", "unset"])),
        "kind" => {
            return Ok(keywords(&["client", "consumer", "internal", "producer", "server", "unspecified"]));
        }
        "service.name" | "resource.service.name" | ".service.name" => {
            let services = store.services(&ask.tenant, range, &ask.budget)?;
            return Ok(services.into_iter().map(|service| ("string", service)).collect());
        }
        "name" => {
            let mut names = std::collections::BTreeSet::new();
            for service in store.services(&ask.tenant, range, &ask.budget)? {
                let operations = store.operations(&ask.tenant, &service, range, &ask.budget)?;
                names.extend(operations.into_iter().map(|(name, _)| name));
            }
            return Ok(names.into_iter().take(VALUES_MAX).map(|name| ("string", name)).collect());
        }
        _ => {}
    }
    let (scope, key) = match tag.split_once('.') {
        Some(("", key)) => (AttributeScope::Any, key),
        Some((prefix, key)) => match SCOPES.iter().find(|(name, _)| *name == prefix) {
            Some((_, scope)) => (*scope, key),
            None => (AttributeScope::Any, tag),
        },
        None => (AttributeScope::Any, tag),
    };
    let values = store.tag_values(&ask.tenant, scope, key, range, VALUES_MAX, &ask.budget)?;
    Ok(values.iter().map(|value| (type_name(value), text(value))).collect())
}

fn metrics(ask: &Ask) -> Json {
    json!({ "inspectedBytes": ask.budget.spent_bytes().to_string() })
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Int(_) => "int",
        Value::Double(_) => "float",
        Value::Bool(_) => "bool",
        _ => "string",
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
        Value::Bytes(bytes) | Value::Nested(bytes) => STANDARD.encode(bytes),
        Value::Empty => String::new(),
    }
}

/// OTLP's `AnyValue` in JSON.
pub fn any_value(value: &Value) -> Json {
    match value {
        Value::String(text) => json!({ "stringValue": text }),
        Value::Bool(value) => json!({ "boolValue": value }),
        Value::Int(value) => json!({ "intValue": value.to_string() }),
        Value::Double(value) => json!({ "doubleValue": value }),
        Value::Bytes(bytes) => json!({ "bytesValue": STANDARD.encode(bytes) }),
        Value::Nested(bytes) => Json::Object(super::jsonpb::object(&wire::otlp::common::ANY_VALUE, bytes)),
        Value::Empty => json!({}),
    }
}

/// What somebody typed as a value: a number or a truth value compares as such, everything else is a string.
pub fn attribute_value(text: &str) -> Value {
    if let Ok(number) = text.parse::<i64>() {
        return Value::Int(number);
    }
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => Value::String(text.to_owned()),
    }
}
