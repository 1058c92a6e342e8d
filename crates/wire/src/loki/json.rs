//! Loki's JSON push to protobuf, streaming:
//! `{"streams":[{"stream":{"app":"shop"},"values":[["<ns>","line",{"trace_id":"..."}]]}]}`.
//!
//! As Loki has it: times are strings of nanoseconds, labels and structured metadata are strings, unknown keys are ignored.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::labels::print_labels;
use super::push::{write_pair, write_timestamp};
use crate::proto::Writer;

/// Why a body is no JSON push; says where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadJson(String);

/// The `PushRequest` that `json` describes. It is valid: nothing need be proved again.
pub fn push_from_json(json: &[u8]) -> Result<Vec<u8>, BadJson> {
    let mut out = Vec::with_capacity(json.len());
    let mut parser = serde_json::Deserializer::from_slice(json);
    let mut writer = Writer::new(&mut out);
    let result = parser.deserialize_map(RequestVisitor(&mut writer)).and_then(|()| parser.end());
    result.map(|()| out).map_err(|why| BadJson(why.to_string()))
}

/// A seed that reads a value with a visitor of ours.
struct With<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for With<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_any(self.0)
    }
}

/// A string, borrowed unless it holds escapes.
struct StringVisitor(&'static str);

impl<'de> Visitor<'de> for StringVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

struct RequestVisitor<'w, 'o>(&'w mut Writer<'o>);

impl<'de> Visitor<'de> for RequestVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with \"streams\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(With(StringVisitor("a key")))? {
            match &*key {
                "streams" => map.next_value_seed(With(StreamsVisitor(&mut *self.0)))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

struct StreamsVisitor<'w, 'o>(&'w mut Writer<'o>);

impl<'de> Visitor<'de> for StreamsVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of streams")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut streams: A) -> Result<(), A::Error> {
        let writer = self.0;
        loop {
            let start = writer.written().len();
            let mut more = false;
            writer.try_message(1, |stream| {
                more = streams.next_element_seed(With(StreamVisitor(stream)))?.is_some();
                Ok(())
            })?;
            if !more {
                writer.truncate(start);
                return Ok(());
            }
        }
    }
}

struct StreamVisitor<'w, 'o>(&'w mut Writer<'o>);

impl<'de> Visitor<'de> for StreamVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a stream: an object with \"stream\" and \"values\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(With(StringVisitor("a key")))? {
            match &*key {
                "stream" => {
                    let labels: BTreeMap<Cow<'_, str>, Cow<'_, str>> =
                        map.next_value_seed(With(LabelsVisitor))?;
                    self.0.string(1, &print_labels(&labels));
                }
                "values" => map.next_value_seed(With(EntriesVisitor(&mut *self.0)))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

struct LabelsVisitor;

impl<'de> Visitor<'de> for LabelsVisitor {
    type Value = BTreeMap<Cow<'de, str>, Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stream labels: an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut labels = BTreeMap::new();
        while let Some(name) = map.next_key_seed(With(StringVisitor("a label name")))? {
            labels.insert(name, map.next_value_seed(With(StringVisitor("a label value: a string")))?);
        }
        Ok(labels)
    }
}

struct EntriesVisitor<'w, 'o>(&'w mut Writer<'o>);

impl<'de> Visitor<'de> for EntriesVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of entries")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let writer = self.0;
        loop {
            let start = writer.written().len();
            let mut more = false;
            writer.try_message(2, |entry| {
                more = entries.next_element_seed(With(EntryVisitor(entry)))?.is_some();
                Ok(())
            })?;
            if !more {
                writer.truncate(start);
                return Ok(());
            }
        }
    }
}

struct EntryVisitor<'w, 'o>(&'w mut Writer<'o>);

impl<'de> Visitor<'de> for EntryVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entry: [\"<nanoseconds>\", \"line\", {structured metadata}]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<(), A::Error> {
        const TIME: &str = "a timestamp: a string of nanoseconds since 1970";
        let time = parts.next_element_seed(With(StringVisitor(TIME)))?;
        let time = time.ok_or_else(|| Error::invalid_length(0, &self))?;
        let nanoseconds = time
            .parse::<i64>()
            .map_err(|_| Error::custom(format_args!("strconv.ParseInt: parsing {time:?}: invalid syntax")))?;
        write_timestamp(self.0, nanoseconds);
        let line = parts.next_element_seed(With(StringVisitor("a line: a string")))?;
        self.0.string(2, &line.ok_or_else(|| Error::invalid_length(1, &self))?);
        parts.next_element_seed(With(MetadataVisitor(self.0)))?;
        while parts.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

struct MetadataVisitor<'w, 'o>(&'w mut Writer<'o>);

impl<'de> Visitor<'de> for MetadataVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("structured metadata: an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(With(StringVisitor("a name")))? {
            let value = map.next_value_seed(With(StringVisitor("structured metadata: a string")))?;
            write_pair(self.0, &name, &value);
        }
        Ok(())
    }
}
