//! Go's own functions: `and`, `eq`, `index`, `len`, `printf` and the like.

use super::compare::{equal, order};
use super::format::{printf, shown};
use super::value::Value;
use std::cmp::Ordering;
use std::rc::Rc;

/// `and` and `or` are here too, though `run` evaluates them, as they need not evaluate all arguments.
const NAMES: [&str; 18] = [
    "and", "or", "not", "len", "index", "slice", "print", "printf", "println", "html", "js", "urlquery",
    "eq", "ne", "lt", "le", "gt", "ge",
];

pub(super) fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

pub(super) fn call(name: &str, args: &[Value]) -> Result<Value, String> {
    let wants = |least: usize, most: usize| {
        if (least..=most).contains(&args.len()) {
            return Ok(());
        }
        let want = if least == most { least.to_string() } else { format!("at least {least}") };
        Err(format!("wrong number of args for {name}: want {want} got {}", args.len()))
    };
    match name {
        "not" => wants(1, 1).map(|()| Value::Bool(!args[0].is_true())),
        "len" => wants(1, 1).and_then(|()| length(&args[0])),
        "index" => wants(1, usize::MAX).and_then(|()| args[1..].iter().try_fold(args[0].clone(), index)),
        "slice" => wants(1, 3).and_then(|()| slice(args)),
        "print" => Ok(Value::text(print(args))),
        "println" => Ok(Value::text(args.iter().map(shown).collect::<Vec<_>>().join(" ") + "\n")),
        "printf" => {
            wants(1, usize::MAX)?;
            let Value::Text(format) = &args[0] else {
                return Err(format!("wrong type for value; expected string; got {}", args[0].type_name()));
            };
            Ok(Value::text(printf(format, &args[1..])))
        }
        "html" => Ok(Value::text(escape_html(&print(args)))),
        "js" => Ok(Value::text(escape_js(&print(args)))),
        "urlquery" => Ok(Value::text(super::functions::query_escape(&print(args)))),
        "eq" if args.len() == 1 => Err("missing argument for comparison".to_owned()),
        "eq" => {
            wants(2, usize::MAX)?;
            for other in &args[1..] {
                if equal(&args[0], other)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        "ne" => wants(2, 2).and_then(|()| equal(&args[0], &args[1])).map(|same| Value::Bool(!same)),
        _ => {
            wants(2, 2)?;
            let order = order(&args[0], &args[1])?;
            Ok(Value::Bool(match name {
                "lt" => order == Some(Ordering::Less),
                "le" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
                "gt" => order == Some(Ordering::Greater),
                _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            }))
        }
    }
}

/// Go's `Sprint`: spaces between operands when neither is text.
fn print(args: &[Value]) -> String {
    let mut out = String::new();
    for (place, arg) in args.iter().enumerate() {
        let is_text = |value: &Value| matches!(value, Value::Text(_));
        if place > 0 && !is_text(arg) && !is_text(&args[place - 1]) {
            out.push(' ');
        }
        out.push_str(&shown(arg));
    }
    out
}

fn length(value: &Value) -> Result<Value, String> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::List(list) => list.len(),
        Value::Labels(labels) => labels.len(),
        Value::Map(map) => map.len(),
        other => return Err(format!("len of type {}", other.type_name())),
    };
    Ok(Value::Integer(length as i64))
}

fn index(value: Value, key: &Value) -> Result<Value, String> {
    match (&value, key) {
        (Value::List(list), Value::Integer(place)) => {
            let found = usize::try_from(*place).ok().and_then(|place| list.get(place));
            found.cloned().ok_or_else(|| format!("index out of range: {place}"))
        }
        (Value::Text(text), Value::Integer(place)) => {
            let found = usize::try_from(*place).ok().and_then(|place| text.as_bytes().get(place));
            found
                .map(|byte| Value::Integer(i64::from(*byte)))
                .ok_or_else(|| format!("index out of range: {place}"))
        }
        (Value::Labels(_) | Value::Map(_), Value::Text(name)) => value.field(name),
        (Value::Nil, _) => Err("index of untyped nil".to_owned()),
        (Value::Labels(_) | Value::Map(_), key) => {
            Err(format!("value has type {}; should be string", key.type_name()))
        }
        (Value::List(_) | Value::Text(_), key) => {
            Err(format!("cannot index slice/array with type {}", key.type_name()))
        }
        (other, _) => Err(format!("can't index item of type {}", other.type_name())),
    }
}

fn slice(args: &[Value]) -> Result<Value, String> {
    let length = match &args[0] {
        Value::Text(text) => text.len(),
        Value::List(list) => list.len(),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    let bound = |place: usize, default: usize| match args.get(place) {
        None => Ok(default),
        Some(Value::Integer(bound)) => usize::try_from(*bound)
            .ok()
            .filter(|bound| *bound <= length)
            .ok_or_else(|| format!("index out of range: {bound}")),
        Some(other) => Err(format!("cannot index slice/array with type {}", other.type_name())),
    };
    let (from, to) = (bound(1, 0)?, bound(2, length)?);
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    Ok(match &args[0] {
        Value::List(list) => Value::List(Rc::new(list[from..to].to_vec())),
        Value::Text(text) => Value::text(String::from_utf8_lossy(&text.as_bytes()[from..to])),
        _ => Value::Nil,
    })
}

fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            other => out.push(other),
        }
    }
    out
}

fn escape_js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", letter as u32)),
            control if (control as u32) < 0x20 => out.push_str(&format!("\\u{:04X}", control as u32)),
            other => out.push(other),
        }
    }
    out
}
