//! `eq`, `ne`, `lt`, `le`, `gt`, `ge`: values of one basic kind only, as in Go.

use std::cmp::Ordering;

use super::value::Value;

/// The order of two values; `None` when a NaN is among them.
pub(super) fn order(left: &Value, right: &Value) -> Result<Option<Ordering>, String> {
    Ok(match (left, right) {
        (Value::Integer(left), Value::Integer(right)) => Some(left.cmp(right)),
        (Value::Duration(left), Value::Duration(right)) => Some(left.cmp(right)),
        (Value::Float(left), Value::Float(right)) => left.partial_cmp(right),
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (left, right) if is_basic(left) && is_basic(right) => {
            let (left, right) = (left.type_name(), right.type_name());
            return Err(format!("incompatible types for comparison: {left} and {right}"));
        }
        _ => return Err("invalid type for comparison".to_owned()),
    })
}

pub(super) fn equal(left: &Value, right: &Value) -> Result<bool, String> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        _ => order(left, right).map(|order| order == Some(Ordering::Equal)),
    }
}

fn is_basic(value: &Value) -> bool {
    matches!(
        value,
        Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Text(_) | Value::Duration(_)
    )
}
