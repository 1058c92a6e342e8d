//! JSON written straight into a buffer, for answers with many values; small ones use `serde_json`.

/// A string with quotes and escapes.
pub fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut written = 0;
    for (place, byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..0x20 => {
                out.extend_from_slice(&bytes[written..place]);
                out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                written = place + 1;
                continue;
            }
            _ => continue,
        };
        out.extend_from_slice(&bytes[written..place]);
        out.extend_from_slice(escape);
        written = place + 1;
    }
    out.extend_from_slice(&bytes[written..]);
    out.push(b'"');
}

/// `"12345"`: 64-bit numbers that JavaScript could not hold.
pub fn quoted_int(out: &mut Vec<u8>, number: i64) {
    out.push(b'"');
    int(out, number);
    out.push(b'"');
}

pub fn int(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Items with commas between them, in brackets.
pub fn array<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut each: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        each(out, item);
    }
    out.push(b']');
}

/// An object whose values are strings.
pub fn string_map<'a>(out: &mut Vec<u8>, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) {
    out.push(b'{');
    for (place, (name, value)) in pairs.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        string(out, name);
        out.push(b':');
        string(out, value);
    }
    out.push(b'}');
}

/// A list of strings.
pub fn strings<'a>(out: &mut Vec<u8>, items: impl IntoIterator<Item = &'a str>) {
    array(out, items, string);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_serde_does() {
        for text in ["", "plain", "a\"b\\c", "line\nend\r\t", "\u{1}\u{1f}x", "ünïcode ✓"] {
            let mut out = Vec::new();
            string(&mut out, text);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
