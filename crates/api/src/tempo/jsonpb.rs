//! A protobuf message as Go's `jsonpb` writes it, which is what Tempo's API says: names in camel case, bytes (ids too) in base64, enums by name,
//! 64-bit integers as strings, defaults left out. OTLP's own JSON differs in ids and enums and lives in `wire`.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use wire::proto::schema::{FieldSchema, Kind, Label, Message};
use wire::proto::{Reader, Value as Wire};

/// `bytes` have been validated against `message`; what is not, ends the answer early.
pub fn object(message: &'static Message, bytes: &[u8]) -> Map<String, Value> {
    let mut fields: BTreeMap<u32, Vec<Value>> = BTreeMap::new();
    let mut reader = Reader::new(bytes);
    while let Ok(Some(field)) = reader.field() {
        let Some(schema) = message.field(field.number) else { continue };
        let values = fields.entry(field.number).or_default();
        match field.value {
            Wire::Bytes(packed) if schema.kind.wire() != 2 => unpack(schema.kind, packed, values),
            value => values.extend(single(schema.kind, value)),
        }
    }
    let mut out = Map::new();
    for schema in message.fields {
        let Some(mut values) = fields.remove(&schema.number) else { continue };
        let value = match schema.label {
            Label::Many => Value::Array(values),
            Label::One | Label::Optional => values.pop().unwrap_or_default(),
        };
        if schema.label == Label::Optional || !is_default(schema, &value) {
            out.insert(camel_case(schema.name), value);
        }
    }
    out
}

fn single(kind: Kind, value: Wire<'_>) -> Option<Value> {
    Some(match (kind, value) {
        (Kind::Double, Wire::Fixed64(raw)) => double(f64::from_bits(raw)),
        (Kind::Fixed64, Wire::Fixed64(raw)) => raw.to_string().into(),
        (Kind::Sfixed64, Wire::Fixed64(raw)) => (raw as i64).to_string().into(),
        (Kind::Fixed32, Wire::Fixed32(raw)) => raw.into(),
        (Kind::Int32, Wire::Varint(raw)) => (raw as i32).into(),
        (Kind::Uint32, Wire::Varint(raw)) => (raw as u32).into(),
        (Kind::Int64, Wire::Varint(raw)) => (raw as i64).to_string().into(),
        (Kind::Uint64, Wire::Varint(raw)) => raw.to_string().into(),
        (Kind::Sint32, Wire::Varint(raw)) => (stdx::varint::unzigzag(raw) as i32).into(),
        (Kind::Sint64, Wire::Varint(raw)) => stdx::varint::unzigzag(raw).to_string().into(),
        (Kind::Bool, Wire::Varint(raw)) => (raw != 0).into(),
        (Kind::Enum(names), Wire::Varint(raw)) => {
            let name = names.iter().find(|(_, number)| *number == raw as i32).map(|(name, _)| *name);
            name.map_or_else(|| Value::from(raw as i32), Value::from)
        }
        (Kind::String, Wire::Bytes(text)) => String::from_utf8_lossy(text).into(),
        (Kind::Bytes | Kind::Id(_), Wire::Bytes(bytes)) => STANDARD.encode(bytes).into(),
        (Kind::Message(message), Wire::Bytes(bytes)) => Value::Object(object(message, bytes)),
        _ => return None,
    })
}

/// Repeated numbers come behind one another in one field.
fn unpack(kind: Kind, mut packed: &[u8], values: &mut Vec<Value>) {
    while !packed.is_empty() {
        let value = match kind.wire() {
            0 => stdx::varint::take_u64(&mut packed).map(Wire::Varint),
            1 => packed.split_first_chunk().map(|(raw, rest)| {
                packed = rest;
                Wire::Fixed64(u64::from_le_bytes(*raw))
            }),
            _ => packed.split_first_chunk().map(|(raw, rest)| {
                packed = rest;
                Wire::Fixed32(u32::from_le_bytes(*raw))
            }),
        };
        let Some(value) = value.and_then(|value| single(kind, value)) else { return };
        values.push(value);
    }
}

fn double(value: f64) -> Value {
    if value.is_finite() {
        return value.into();
    }
    json!(if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    })
}

fn is_default(schema: &FieldSchema, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => match schema.kind {
            Kind::Enum(names) => names.first().is_some_and(|(name, number)| *number == 0 && name == text),
            Kind::String | Kind::Bytes | Kind::Id(_) => text.is_empty(),
            _ => text == "0",
        },
        Value::Array(items) => items.is_empty(),
        Value::Object(_) => false,
    }
}

fn camel_case(snake: &str) -> String {
    let mut upper = false;
    let mut out = String::with_capacity(snake.len());
    for letter in snake.chars() {
        match letter {
            '_' => upper = true,
            _ if upper => {
                out.push(letter.to_ascii_uppercase());
                upper = false;
            }
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use wire::otlp::trace::SPAN;

    use super::*;

    #[test]
    fn a_span_as_tempo_writes_it() {
        let mut bytes = Vec::new();
        bytes.extend(b"\x0a\x10");
        bytes.extend([1; 16]);
        bytes.extend(b"\x2a\x02hi\x30\x02");
        bytes.extend(b"\x39");
        bytes.extend(5u64.to_le_bytes());
        // attributes: {key: "n", value: {int_value: 0}}
        bytes.extend(b"\x4a\x07\x0a\x01n\x12\x02\x18\x00");
        // status: {code: ERROR}
        bytes.extend(b"\x7a\x02\x18\x02");
        let want = json!({
            "traceId": "AQEBAQEBAQEBAQEBAQEBAQ==",
            "name": "hi",
            "kind": "SPAN_KIND_SERVER",
            "startTimeUnixNano": "5",
            "attributes": [{"key": "n", "value": {"intValue": "0"}}],
            "status": {"code": "STATUS_CODE_ERROR"},
        });
        assert_eq!(Value::Object(object(&SPAN, &bytes)), want);
    }
}
