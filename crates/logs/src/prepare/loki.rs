//! The walk over a Loki push request, and Loki's text form of a label set.

use model::Labels;
use wire::proto::{Fault, Reader, Value};

use super::Walk;
use crate::batch::{RecordKind, Row};
use crate::checks::MetadataSize;
use crate::level::{LEVEL_NAMES, Level};
use crate::origin::Origin;

impl Walk<'_> {
    /// `PushRequest { repeated StreamAdapter streams = 1 }`.
    pub(super) fn loki(&mut self) -> Result<(), Fault> {
        let body = self.body;
        let mut reader = Reader::new(body);
        while let Some(field) = reader.field()? {
            if let (1, Value::Bytes(stream)) = (field.number, field.value) {
                self.loki_stream(stream)?;
            }
        }
        Ok(())
    }

    /// `StreamAdapter { string labels = 1; repeated EntryAdapter entries = 2 }`. The labels may stand behind the entries.
    fn loki_stream(&mut self, stream: &[u8]) -> Result<(), Fault> {
        let mut labels: &[u8] = &[];
        let mut entries = 0;
        let mut reader = Reader::new(stream);
        while let Some(field) = reader.field()? {
            match (field.number, field.value) {
                (1, Value::Bytes(text)) => labels = text,
                (2, Value::Bytes(_)) => entries += 1,
                _ => {}
            }
        }
        if entries == 0 {
            return Ok(());
        }
        let mut key = vec![RecordKind::Loki as u8];
        key.extend_from_slice(labels);
        let origin = match self.origin(&key, || stream_labels(labels).map(Origin::of_stream)) {
            Ok(origin) => origin,
            Err(reason) => {
                self.refusals.add(entries, || reason);
                return Ok(());
            }
        };
        let start = self.batch.rows.len();
        let mut reader = Reader::new(stream);
        while let Some(field) = reader.field()? {
            if let (2, Value::Bytes(entry)) = (field.number, field.value) {
                self.loki_entry(&origin, entry)?;
            }
        }
        self.close_group(origin, start);
        Ok(())
    }

    /// `EntryAdapter { Timestamp timestamp = 1; string line = 2; repeated LabelPairAdapter structuredMetadata = 3 }`.
    fn loki_entry(&mut self, origin: &Origin, entry: &[u8]) -> Result<(), Fault> {
        let mut ts_ns = 0i64;
        let mut line: &[u8] = &[];
        let mut level_pair = None;
        let mut size = MetadataSize { bytes: 0, entries: origin.metadata.len() };
        let mut reader = Reader::new(entry);
        while let Some(field) = reader.field()? {
            match (field.number, field.value) {
                (1, Value::Bytes(timestamp)) => ts_ns = timestamp_ns(timestamp)?,
                (2, Value::Bytes(text)) => line = text,
                (3, Value::Bytes(pair)) => {
                    size.bytes += pair.len();
                    size.entries += 1;
                    level_pair = level_pair.or(level_of(pair)?);
                }
                _ => {}
            }
        }
        let level = origin.level.or(level_pair).unwrap_or_else(|| Level::from_line(line));
        let row = Row { ts_ns, record: self.span(entry), line: self.span(line), level, is_rendered: false };
        self.take(origin, row, size);
        Ok(())
    }
}

/// `google.protobuf.Timestamp { int64 seconds = 1; int32 nanos = 2 }`.
fn timestamp_ns(bytes: &[u8]) -> Result<i64, Fault> {
    let (mut seconds, mut nanos) = (0i64, 0i64);
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.field()? {
        match (field.number, field.value) {
            (1, Value::Varint(value)) => seconds = value as i64,
            (2, Value::Varint(value)) => nanos = value as i64,
            _ => {}
        }
    }
    Ok(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

fn level_of(pair: &[u8]) -> Result<Option<Level>, Fault> {
    let (mut name, mut value): (&[u8], &[u8]) = (&[], &[]);
    let mut reader = Reader::new(pair);
    while let Some(field) = reader.field()? {
        match (field.number, field.value) {
            (1, Value::Bytes(text)) => name = text,
            (2, Value::Bytes(text)) => value = text,
            _ => {}
        }
    }
    let is_level = LEVEL_NAMES.iter().any(|known| known.as_bytes() == name);
    Ok(is_level.then(|| Level::from_word(value)).flatten())
}

/// Reads `{name="value", ...}` and answers with Loki's texts.
fn stream_labels(text: &[u8]) -> Result<Labels, String> {
    let bad = |reason: &str| {
        format!("error parsing labels '{}' with error: {reason}", String::from_utf8_lossy(text))
    };
    let text = std::str::from_utf8(text).map_err(|_| bad("invalid UTF-8"))?;
    let labels = parse_labels(text).map_err(|reason| bad(&reason))?;
    if labels.is_empty() {
        return Err("error at least one label pair is required per stream".to_owned());
    }
    let mut names: Vec<&str> = labels.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("stream '{text}' has duplicate label name: '{}'", pair[0]));
    }
    Ok(Labels::from_pairs(labels))
}

fn parse_labels(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut rest = text.trim_ascii().strip_prefix('{').ok_or("expected '{'")?.trim_ascii_start();
    let mut labels = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return if after.trim_ascii().is_empty() {
                Ok(labels)
            } else {
                Err("unexpected text after '}'".into())
            };
        }
        let end =
            rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(format!("expected a label name at {:?}", rest.chars().take(20).collect::<String>()));
        }
        let after =
            after.trim_ascii_start().strip_prefix('=').ok_or_else(|| format!("expected '=' after {name}"))?;
        let (value, after) = quoted(after.trim_ascii_start())?;
        labels.push((name.to_owned(), value));
        rest = after.trim_ascii_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after.trim_ascii_start(),
            None if rest.starts_with('}') => {}
            None => {
                return Err(format!(
                    "expected ',' or '}}' after the value of {}",
                    labels[labels.len() - 1].0
                ));
            }
        }
    }
}

/// A Go string literal and what follows it.
fn quoted(text: &str) -> Result<(String, &str), String> {
    if let Some(raw) = text.strip_prefix('`') {
        let end = raw.find('`').ok_or("raw string is not terminated")?;
        return Ok((raw[..end].to_owned(), &raw[end + 1..]));
    }
    let inner = text.strip_prefix('"').ok_or("expected a quoted label value")?;
    let mut value: Vec<u8> = Vec::new();
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let value = String::from_utf8(value).map_err(|_| "label value is not UTF-8")?;
                return Ok((value, &inner[at + 1..]));
            }
            '\\' => escape(&mut chars, &mut value)?,
            c => value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Err("quoted string is not terminated".into())
}

fn escape(chars: &mut std::str::CharIndices<'_>, value: &mut Vec<u8>) -> Result<(), String> {
    let (_, kind) = chars.next().ok_or("escape sequence is not complete")?;
    let mut digits = |count: usize, radix: u32, first: u32| {
        (0..count).try_fold(first, |number, _| {
            let digit = chars.next().and_then(|(_, c)| c.to_digit(radix))?;
            Some(number * radix + digit)
        })
    };
    let plain = match kind {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' | '"' | '\'' => kind as u8,
        'x' => u8::try_from(digits(2, 16, 0).ok_or("bad \\x escape")?).map_err(|_| "bad \\x escape")?,
        '0'..='7' => {
            let number = digits(2, 8, kind as u32 - '0' as u32).ok_or("bad octal escape")?;
            u8::try_from(number).map_err(|_| "bad octal escape")?
        }
        'u' | 'U' => {
            let number = digits(if kind == 'u' { 4 } else { 8 }, 16, 0).ok_or("bad \\u escape")?;
            let c = char::from_u32(number).ok_or("bad \\u escape")?;
            value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(());
        }
        other => return Err(format!("unknown escape sequence \\{other}")),
    };
    value.push(plain);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_sets_are_read_as_loki_reads_them() {
        let check = |text: &str, expect: Result<&str, &str>| {
            let labels = stream_labels(text.as_bytes()).map(|labels| labels.to_string());
            assert_eq!(labels.as_deref().map_err(String::as_str), expect, "{text}");
        };
        check(r#"{app="a", env = "b" ,}"#, Ok(r#"{app="a", env="b"}"#));
        check(r#" { a="x\"y\n\u00e9\x41" } "#, Ok(r#"{a="x\"y\néA"}"#));
        check("{a=`x\\y`}", Ok(r#"{a="x\\y"}"#));
        check("{}", Err("error at least one label pair is required per stream"));
        check(r#"{a="1",a="2"}"#, Err(r#"stream '{a="1",a="2"}' has duplicate label name: 'a'"#));
        check(r#"{a="1"#, Err(r#"error parsing labels '{a="1' with error: quoted string is not terminated"#));
        check("a", Err("error parsing labels 'a' with error: expected '{'"));
        check(r#"{a="1"}x"#, Err(r#"error parsing labels '{a="1"}x' with error: unexpected text after '}'"#));
    }
}
