//! JSON to protobuf, streaming: every value is written where the parser meets it.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use stdx::varint::zigzag;

use super::names;
use crate::proto::Writer;
use crate::proto::schema::{FieldSchema, Kind, Label, Message};

/// Why a body is not the JSON of its message; says where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed JSON: {0}")]
pub struct JsonError(String);

/// Appends the protobuf bytes of the `message` that `json` describes. After an error `out` is as long as it was.
pub fn from_json(message: &'static Message, json: &[u8], out: &mut Vec<u8>) -> Result<(), JsonError> {
    let before = out.len();
    let mut parser = serde_json::Deserializer::from_slice(json);
    let seed = MessageSeed { message, writer: &mut Writer::new(out) };
    let result = match seed.deserialize(&mut parser) {
        Ok(Presence::Set) => parser.end(),
        Ok(Presence::Null) => Err(Error::custom("expected an object, found null")),
        Err(why) => Err(why),
    };
    result.map_err(|why| {
        out.truncate(before);
        JsonError(why.to_string())
    })
}

/// `null` leaves a field unset.
#[derive(PartialEq)]
enum Presence {
    Set,
    Null,
}

struct MessageSeed<'w, 'o> {
    message: &'static Message,
    writer: &'w mut Writer<'o>,
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_, '_> {
    type Value = Presence;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Presence, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_, '_> {
    type Value = Presence;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object ({})", self.message.name)
    }

    fn visit_unit<E>(self) -> Result<Presence, E> {
        Ok(Presence::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Presence, A::Error> {
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match self.message.fields.iter().find(|field| names(&key.0, field.name)) {
                Some(field) => map.next_value_seed(FieldSeed { field, writer: &mut *self.writer })?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Presence::Set)
    }
}

/// A key, borrowed unless it holds escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// The value of one field, with its tag.
struct FieldSeed<'w, 'o> {
    field: &'static FieldSchema,
    writer: &'w mut Writer<'o>,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.field.label {
            Label::Many => deserializer.deserialize_any(ListVisitor(self)),
            label => single(self.field, label, self.writer, deserializer),
        }
    }
}

/// Writes a value that is not in a list.
fn single<'de, D: Deserializer<'de>>(
    field: &'static FieldSchema,
    label: Label,
    writer: &mut Writer<'_>,
    deserializer: D,
) -> Result<(), D::Error> {
    if let Kind::Message(message) = field.kind {
        let start = writer.written().len();
        let mut presence = Presence::Set;
        writer.try_message(field.number, |nested| {
            presence = MessageSeed { message, writer: nested }.deserialize(deserializer)?;
            Ok(())
        })?;
        if presence == Presence::Null {
            writer.truncate(start);
        }
        return Ok(());
    }
    match deserializer.deserialize_any(ScalarVisitor(field))? {
        None => (),
        Some(scalar) if label == Label::One && scalar.is_default() => (),
        Some(scalar) => scalar.write(field.number, writer),
    }
    Ok(())
}

struct ListVisitor<'w, 'o>(FieldSeed<'w, 'o>);

impl<'de> Visitor<'de> for ListVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array ({})", self.0.field.name)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let FieldSeed { field, writer } = self.0;
        match field.kind {
            Kind::Message(_) | Kind::String | Kind::Bytes | Kind::Id(_) => {
                while list.next_element_seed(ElementSeed { field, writer: &mut *writer })?.is_some() {}
                Ok(())
            }
            _ => {
                let start = writer.written().len();
                let mut empty = true;
                writer.try_message(field.number, |packed| {
                    while let Some(scalar) = list.next_element_seed(NumberSeed(field))? {
                        scalar.pack(packed);
                        empty = false;
                    }
                    Ok(())
                })?;
                if empty {
                    writer.truncate(start);
                }
                Ok(())
            }
        }
    }
}

/// One message, string or byte string of a list, with its tag.
struct ElementSeed<'w, 'o> {
    field: &'static FieldSchema,
    writer: &'w mut Writer<'o>,
}

impl<'de> DeserializeSeed<'de> for ElementSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let start = self.writer.written().len();
        single(self.field, Label::Many, self.writer, deserializer)?;
        if self.writer.written().len() == start {
            return Err(Error::custom(format_args!("{}: null in a list", self.field.name)));
        }
        Ok(())
    }
}

/// One number of a packed list.
struct NumberSeed(&'static FieldSchema);

impl<'de> DeserializeSeed<'de> for NumberSeed {
    type Value = Scalar;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scalar, D::Error> {
        deserializer
            .deserialize_any(ScalarVisitor(self.0))?
            .ok_or_else(|| Error::custom(format_args!("{}: null in a list", self.0.name)))
    }
}

/// A value as it stands on the wire.
enum Scalar {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(Vec<u8>),
}

impl Scalar {
    fn is_default(&self) -> bool {
        match self {
            Self::Varint(raw) | Self::Fixed64(raw) => *raw == 0,
            Self::Fixed32(raw) => *raw == 0,
            Self::Bytes(bytes) => bytes.is_empty(),
        }
    }

    fn write(&self, number: u32, writer: &mut Writer<'_>) {
        match self {
            Self::Varint(raw) => writer.always_varint(number, *raw),
            Self::Fixed64(raw) => writer.always_fixed64(number, *raw),
            Self::Fixed32(raw) => writer.always_fixed32(number, *raw),
            Self::Bytes(bytes) => writer.always_bytes(number, bytes),
        }
    }

    fn pack(&self, packed: &mut Writer<'_>) {
        match self {
            Self::Varint(raw) => packed.element(*raw),
            Self::Fixed64(raw) => packed.raw(&raw.to_le_bytes()),
            Self::Fixed32(raw) => packed.raw(&raw.to_le_bytes()),
            Self::Bytes(bytes) => packed.raw(bytes),
        }
    }
}

/// Any scalar; `None` for null.
struct ScalarVisitor(&'static FieldSchema);

impl ScalarVisitor {
    fn bad<E: Error>(&self, what: impl fmt::Display) -> E {
        E::custom(format_args!("{}: {what}", self.0.name))
    }

    fn integer<E: Error>(&self, value: i128) -> Result<Option<Scalar>, E> {
        let range = || self.bad(format_args!("{value} is out of range"));
        let signed = |bits: u32| {
            let limit = 1i128 << (bits - 1);
            if (-limit..limit).contains(&value) { Ok(value as i64) } else { Err(range()) }
        };
        let unsigned =
            |bits: u32| if (0..1i128 << bits).contains(&value) { Ok(value as u64) } else { Err(range()) };
        Ok(Some(match self.0.kind {
            Kind::Double => Scalar::Fixed64((value as f64).to_bits()),
            Kind::Fixed64 => Scalar::Fixed64(unsigned(64)?),
            Kind::Sfixed64 => Scalar::Fixed64(signed(64)? as u64),
            Kind::Fixed32 => Scalar::Fixed32(unsigned(32)? as u32),
            Kind::Int32 | Kind::Enum(_) => Scalar::Varint(signed(32)? as u64),
            Kind::Int64 => Scalar::Varint(signed(64)? as u64),
            Kind::Uint32 => Scalar::Varint(unsigned(32)?),
            Kind::Uint64 => Scalar::Varint(unsigned(64)?),
            Kind::Sint32 => Scalar::Varint(zigzag(signed(32)?)),
            Kind::Sint64 => Scalar::Varint(zigzag(signed(64)?)),
            Kind::Bool | Kind::String | Kind::Bytes | Kind::Id(_) | Kind::Message(_) => {
                return Err(self.bad("unexpected number"));
            }
        }))
    }

    fn text<E: Error>(&self, text: &str) -> Result<Option<Scalar>, E> {
        match self.0.kind {
            Kind::String => Ok(Some(Scalar::Bytes(text.as_bytes().to_vec()))),
            Kind::Bytes => base64_any(text)
                .map(|bytes| Some(Scalar::Bytes(bytes)))
                .ok_or_else(|| self.bad("invalid base64")),
            Kind::Id(len) => self.id(len, text),
            Kind::Double => match text {
                "NaN" => Ok(f64::NAN),
                "Infinity" => Ok(f64::INFINITY),
                "-Infinity" => Ok(f64::NEG_INFINITY),
                _ => text.parse().map_err(|_| self.bad(format_args!("{text:?} is not a number"))),
            }
            .map(|value: f64| Some(Scalar::Fixed64(value.to_bits()))),
            Kind::Enum(values) => match values.iter().find(|(name, _)| *name == text) {
                Some((_, number)) => self.integer(i128::from(*number)),
                None => self.digits(text),
            },
            Kind::Bool | Kind::Message(_) => Err(self.bad("unexpected string")),
            _ => self.digits(text),
        }
    }

    fn digits<E: Error>(&self, text: &str) -> Result<Option<Scalar>, E> {
        match text.parse::<i128>() {
            Ok(value) => self.integer(value),
            Err(_) => Err(self.bad(format_args!("{text:?} is not a number it knows"))),
        }
    }

    fn id<E: Error>(&self, len: usize, text: &str) -> Result<Option<Scalar>, E> {
        let digits = text.as_bytes();
        if digits.is_empty() {
            return Ok(Some(Scalar::Bytes(Vec::new())));
        }
        if digits.len() != 2 * len {
            return Err(self.bad(format_args!(
                "invalid length for ID: {} digits instead of {}",
                digits.len(),
                2 * len
            )));
        }
        let digit = |byte: u8| (byte as char).to_digit(16).map(|value| value as u8);
        digits
            .as_chunks::<2>()
            .0
            .iter()
            .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
            .collect::<Option<Vec<u8>>>()
            .map(|bytes| Some(Scalar::Bytes(bytes)))
            .ok_or_else(|| self.bad("not a hexadecimal ID"))
    }
}

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Option<Scalar>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value for {}", self.0.name)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        match self.0.kind {
            Kind::Bool => Ok(Some(Scalar::Varint(u64::from(value)))),
            _ => Err(self.bad("unexpected boolean")),
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        self.integer(i128::from(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        self.integer(i128::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        match self.0.kind {
            Kind::Double => Ok(Some(Scalar::Fixed64(value.to_bits()))),
            // 1e3 is an integer too.
            _ if value.fract() == 0.0 && value.abs() < 2f64.powi(64) => self.integer(value as i128),
            _ => Err(self.bad(format_args!("{value} is not an integer"))),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        self.text(text)
    }
}

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// Both alphabets, padded or not, as protobuf's JSON reads them.
fn base64_any(text: &str) -> Option<Vec<u8>> {
    let alphabet = if text.bytes().any(|byte| byte == b'-' || byte == b'_') { &URL_SAFE } else { &STANDARD };
    GeneralPurpose::new(alphabet, LENIENT).decode(text).ok()
}
