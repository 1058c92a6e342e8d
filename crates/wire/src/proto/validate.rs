//! One pass that proves a body against its table, so that every later reading of it cannot fail.

use super::DEPTH_MAX;
use super::reader::{Fault, Reader};
use super::schema::{FieldSchema, Kind, Label, Message};

/// What a valid body holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Log records, spans, data points or samples.
    pub items: usize,
}

/// Where and why a body is not the message it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed protobuf: {message}{}{field}: {fault}", if field.is_empty() { "" } else { "." })]
pub struct Malformed {
    pub message: &'static str,
    pub field: &'static str,
    pub fault: Fault,
}

/// Proves lengths, wire types, UTF-8, id lengths and nesting of `bytes` as a `message`. Unknown fields are skipped.
pub fn validate(message: &'static Message, bytes: &[u8]) -> Result<Count, Malformed> {
    let mut count = Count::default();
    walk(message, bytes, DEPTH_MAX, &mut count)?;
    Ok(count)
}

fn walk(message: &'static Message, bytes: &[u8], depth: usize, count: &mut Count) -> Result<(), Malformed> {
    if message.item {
        count.items += 1;
    }
    let bare = |fault| Malformed { message: message.name, field: "", fault };
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let (number, wire) = reader.tag().map_err(bare)?;
        let Some(field) = message.field(number) else {
            reader.value(number, wire).map_err(bare)?;
            continue;
        };
        let fault = if wire == field.kind.wire() {
            match field.kind {
                Kind::Message(nested) => match reader.bytes() {
                    Ok(_) if depth == 0 => Err(Fault::Depth),
                    Ok(bytes) => {
                        walk(nested, bytes, depth - 1, count)?;
                        Ok(())
                    }
                    Err(fault) => Err(fault),
                },
                kind => leaf(&mut reader, kind),
            }
        } else {
            packed(&mut reader, field, wire)
        };
        fault.map_err(|fault| Malformed { message: message.name, field: field.name, fault })?;
    }
    Ok(())
}

#[inline(always)]
fn leaf(reader: &mut Reader<'_>, kind: Kind) -> Result<(), Fault> {
    match kind {
        Kind::String => text(reader.bytes()?),
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => reader.fixed64().map(drop),
        Kind::Fixed32 => reader.fixed32().map(drop),
        Kind::Bytes | Kind::Message(_) => reader.bytes().map(drop),
        Kind::Id(len) => match reader.bytes()?.len() {
            0 => Ok(()),
            have if have == len => Ok(()),
            _ => Err(Fault::IdLength),
        },
        _ => reader.varint().map(drop),
    }
}

/// Repeated numbers may come packed into one field; any other difference of wire type is an error.
#[cold]
fn packed(reader: &mut Reader<'_>, field: &FieldSchema, wire: u8) -> Result<(), Fault> {
    if field.label != Label::Many || wire != 2 {
        return Err(Fault::WireType);
    }
    let bytes = reader.bytes()?;
    match field.kind.wire() {
        1 if bytes.len().is_multiple_of(8) => Ok(()),
        5 if bytes.len().is_multiple_of(4) => Ok(()),
        0 => {
            let mut numbers = Reader::new(bytes);
            while !numbers.is_empty() {
                numbers.varint()?;
            }
            Ok(())
        }
        _ => Err(Fault::Packed),
    }
}

/// Most strings of telemetry are short and ASCII: eight bytes at a time, and the full check only where a high bit is found.
#[inline(always)]
fn text(bytes: &[u8]) -> Result<(), Fault> {
    let mut high = 0u64;
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        high |= u64::from_le_bytes(*word);
    }
    for byte in tail {
        high |= u64::from(*byte);
    }
    if high & 0x8080_8080_8080_8080 == 0 || std::str::from_utf8(bytes).is_ok() {
        Ok(())
    } else {
        Err(Fault::Utf8)
    }
}
