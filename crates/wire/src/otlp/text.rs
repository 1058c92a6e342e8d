//! OTLP where labels are wanted: the text of a value (strings as they are, numbers in decimal, bytes in base64, arrays and maps as JSON with sorted
//! keys) and the label name of an attribute's key.

use std::borrow::Cow;
use std::io::Write;

use super::common::AnyValueView;
use crate::proto::DEPTH_MAX;

/// Appends the text of `value` as it stands alone: a string without quotes, nothing for an empty value.
pub fn write_text(value: AnyValueView<'_>, out: &mut Vec<u8>) {
    match value {
        AnyValueView::Empty | AnyValueView::StringIndex(_) => {}
        AnyValueView::String(text) => out.extend_from_slice(text.as_bytes()),
        AnyValueView::Bytes(bytes) => put_base64(out, bytes),
        value => write_json(value, out, 0),
    }
}

fn write_json(value: AnyValueView<'_>, out: &mut Vec<u8>, depth: usize) {
    match value {
        AnyValueView::String(text) => put_json_string(out, text.as_str()),
        AnyValueView::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        AnyValueView::Int(value) => write!(out, "{value}").expect("writing to memory"),
        AnyValueView::Double(value) => put_double(out, value),
        AnyValueView::Bytes(bytes) => {
            out.push(b'"');
            put_base64(out, bytes);
            out.push(b'"');
        }
        AnyValueView::Array(array) if depth < DEPTH_MAX => {
            out.push(b'[');
            for (place, item) in array.values.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_json(item, out, depth + 1);
            }
            out.push(b']');
        }
        AnyValueView::KeyValueList(list) if depth < DEPTH_MAX => {
            let mut pairs: Vec<_> =
                list.values.iter().map(|pair| (pair.key.as_str(), pair.value())).collect();
            pairs.sort_by(|a, b| a.0.cmp(b.0));
            out.push(b'{');
            for (place, (key, value)) in pairs.into_iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                put_json_string(out, key);
                out.push(b':');
                write_json(value, out, depth + 1);
            }
            out.push(b'}');
        }
        _ => out.extend_from_slice(b"null"),
    }
}

/// Shortest text that reads back the same; exponents where JSON encoders of the field use them.
fn put_double(out: &mut Vec<u8>, value: f64) {
    let size = value.abs();
    if value.is_finite() && size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{value:e}");
        let text = if size >= 1e21 { text.replace('e', "e+") } else { text };
        out.extend_from_slice(text.as_bytes());
    } else {
        write!(out, "{value}").expect("writing to memory");
    }
}

fn put_json_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => write!(out, "\\u{byte:04x}").expect("writing to memory"),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

fn put_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let mut word = [0u8; 4];
        word[1..=chunk.len()].copy_from_slice(chunk);
        let word = u32::from_be_bytes(word);
        for place in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= chunk.len() { digit } else { b'=' });
        }
    }
}

/// A name as Prometheus and Loki can have it: letters, digits and `_`; other characters become `_`, a leading digit gets `key_`, and a single
/// leading `_` becomes `key_`, as the OpenTelemetry translation does it.
pub fn label_name(raw: &str) -> Cow<'_, str> {
    let bytes = raw.as_bytes();
    let plain = bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let leading_digit = bytes.first().is_some_and(u8::is_ascii_digit);
    let leading_underscore = raw.starts_with('_') && !raw.starts_with("__");
    if plain && !leading_digit && !leading_underscore {
        return Cow::Borrowed(raw);
    }
    let mut name: String = raw.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if leading_digit {
        name.insert_str(0, "key_");
    } else if name.starts_with('_') && !name.starts_with("__") {
        name.insert_str(0, "key");
    }
    Cow::Owned(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_label_names() {
        let check = |raw: &str, expect: &str| assert_eq!(label_name(raw), expect);
        check("http.status_code", "http_status_code");
        check("plain", "plain");
        check("1st", "key_1st");
        check("_private", "key_private");
        check("__meta", "__meta");
        check("größe", "gr__e");
    }

    #[test]
    fn numbers_and_bytes_have_the_text_that_the_field_knows() {
        let check = |value: AnyValueView<'_>, expect: &str| {
            let mut out = Vec::new();
            write_text(value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expect);
        };
        check(AnyValueView::Double(0.1), "0.1");
        check(AnyValueView::Double(1e21), "1e+21");
        check(AnyValueView::Double(2.5e-7), "2.5e-7");
        check(AnyValueView::Double(3.0), "3");
        check(AnyValueView::Int(-7), "-7");
        check(AnyValueView::Bool(true), "true");
        check(AnyValueView::Bytes(b"ab"), "YWI=");
        check(AnyValueView::Bytes(b"abc"), "YWJj");
        check(AnyValueView::Empty, "");
    }
}
