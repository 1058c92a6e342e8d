//! Protobuf to JSON: one shallow pass finds where the fields stand, then they are written in the order of the table.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use stdx::varint::unzigzag;

use crate::proto::schema::{FieldSchema, Kind, Label, Message};
use crate::proto::validate::{Malformed, validate};
use crate::proto::view::many_of;
use crate::proto::{Reader, Value};

/// Appends the JSON of `bytes`, which are validated first.
pub fn to_json(message: &'static Message, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    validate(message, bytes)?;
    object(message, bytes, out);
    Ok(())
}

/// Where the occurrences of a field stand.
#[derive(Clone, Copy, Default)]
struct Found<'a> {
    last: Option<Value<'a>>,
    start: usize,
    end: usize,
}

fn object(message: &'static Message, bytes: &[u8], out: &mut Vec<u8>) {
    let mut found = [Found::default(); Message::NUMBERS];
    let mut reader = Reader::new(bytes);
    let mut start = 0;
    while let Ok(Some(field)) = reader.field() {
        let end = bytes.len() - reader.remaining();
        if let Some(place) = found.get_mut(field.number as usize) {
            if place.last.is_none() {
                place.start = start;
            }
            place.last = Some(field.value);
            place.end = end;
        }
        start = end;
    }
    out.push(b'{');
    let mut first = true;
    for field in message.fields {
        let place = found[field.number as usize];
        let Some(last) = place.last else { continue };
        if field.label == Label::One && is_default(field, last) {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        key(field.name, out);
        match field.label {
            Label::Many => list(field, &bytes[place.start..place.end], out),
            _ => value(field, last, out),
        }
    }
    out.push(b'}');
}

fn is_default(field: &FieldSchema, value: Value<'_>) -> bool {
    match value {
        Value::Varint(raw) | Value::Fixed64(raw) => raw == 0,
        Value::Fixed32(raw) => raw == 0,
        Value::Bytes(bytes) => bytes.is_empty() && !matches!(field.kind, Kind::Message(_)),
        Value::Group => true,
    }
}

/// `time_unix_nano` as `"timeUnixNano":`.
fn key(name: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut upper = false;
    for byte in name.bytes() {
        match byte {
            b'_' => upper = true,
            byte if std::mem::take(&mut upper) => out.push(byte.to_ascii_uppercase()),
            byte => out.push(byte),
        }
    }
    out.extend_from_slice(b"\":");
}

fn list(field: &FieldSchema, region: &[u8], out: &mut Vec<u8>) {
    out.push(b'[');
    let mut first = true;
    let mut element = |element: Value<'_>, out: &mut Vec<u8>| {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        value(field, element, out);
    };
    if field.kind.wire() == 2 {
        let elements = many_of::<&[u8]>(region, field.number);
        elements.iter().for_each(|bytes| element(Value::Bytes(bytes), out));
    } else {
        let mut reader = Reader::new(region);
        while let Ok(Some(occurrence)) = reader.field() {
            match occurrence.value {
                _ if occurrence.number != field.number => (),
                Value::Bytes(packed) => unpack(field.kind.wire(), packed, |number| element(number, out)),
                number => element(number, out),
            }
        }
    }
    out.push(b']');
}

fn unpack<'a>(wire: u8, packed: &'a [u8], mut element: impl FnMut(Value<'a>)) {
    let mut reader = Reader::new(packed);
    while !reader.is_empty() {
        match reader.value(0, wire) {
            Ok(number) => element(number),
            Err(_) => return,
        }
    }
}

fn value(field: &FieldSchema, value: Value<'_>, out: &mut Vec<u8>) {
    match (field.kind, value) {
        (Kind::Message(message), Value::Bytes(bytes)) => object(message, bytes, out),
        (Kind::String, Value::Bytes(bytes)) => string(std::str::from_utf8(bytes).unwrap_or_default(), out),
        (Kind::Id(_), Value::Bytes(bytes)) => hexadecimal(bytes, out),
        (_, Value::Bytes(bytes)) => {
            out.push(b'"');
            out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
            out.push(b'"');
        }
        (Kind::Double, Value::Fixed64(raw)) => double(f64::from_bits(raw), out),
        (Kind::Sfixed64, Value::Fixed64(raw)) => quoted(raw as i64, out),
        (_, Value::Fixed64(raw)) => quoted(raw, out),
        (_, Value::Fixed32(raw)) => number(raw, out),
        (Kind::Bool, Value::Varint(raw)) => out.extend_from_slice(if raw != 0 { b"true" } else { b"false" }),
        (Kind::Int64, Value::Varint(raw)) => quoted(raw as i64, out),
        (Kind::Sint64, Value::Varint(raw)) => quoted(unzigzag(raw), out),
        (Kind::Uint64, Value::Varint(raw)) => quoted(raw, out),
        (Kind::Sint32, Value::Varint(raw)) => number(unzigzag(raw) as i32, out),
        (Kind::Uint32, Value::Varint(raw)) => number(raw as u32, out),
        (_, Value::Varint(raw)) => number(raw as i32, out),
        (_, Value::Group) => out.extend_from_slice(b"null"),
    }
}

fn number(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// 64-bit integers are strings, because JavaScript has no such numbers.
fn quoted(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.push(b'"');
    number(value, out);
    out.push(b'"');
}

pub(crate) fn double(value: f64, out: &mut Vec<u8>) {
    if value.is_finite() {
        let mut buffer = ryu::Buffer::new();
        let text = buffer.format_finite(value);
        out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
    } else if value.is_nan() {
        out.extend_from_slice(b"\"NaN\"");
    } else {
        out.extend_from_slice(if value > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" });
    }
}

pub(crate) fn hexadecimal(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
    out.push(b'"');
}

pub(crate) fn string(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a string can always be written to memory");
}
