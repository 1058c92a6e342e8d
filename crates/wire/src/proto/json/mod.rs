//! JSON of protobuf messages by their tables, both ways, without a tree of values in between.
//!
//! The dialect is OTLP/JSON: keys in lower camel case (the `.proto` names are read too), trace and span ids in hexadecimal of either case,
//! other bytes in base64, enums as numbers (names are read too), 64-bit integers as strings (numbers are read too), unknown keys ignored,
//! `null` the same as absent. Nesting is bounded by the JSON parser's 128 levels, which is tighter than `DEPTH_MAX` for values.

mod read;
mod write;

pub use read::{JsonError, from_json};
pub use write::to_json;

/// Whether a JSON key names the field: `timeUnixNano` or `time_unix_nano`.
fn names(key: &str, field: &str) -> bool {
    if key == field {
        return true;
    }
    let mut key = key.bytes();
    let mut upper = false;
    for byte in field.bytes() {
        if byte == b'_' {
            upper = true;
            continue;
        }
        let expect = if std::mem::take(&mut upper) { byte.to_ascii_uppercase() } else { byte };
        if key.next() != Some(expect) {
            return false;
        }
    }
    key.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn keys_are_camel_or_snake() {
        assert!(names("timeUnixNano", "time_unix_nano"));
        assert!(names("time_unix_nano", "time_unix_nano"));
        assert!(names("key", "key"));
        assert!(!names("timeunixnano", "time_unix_nano"));
        assert!(!names("timeUnixNanos", "time_unix_nano"));
        assert!(!names("timeUnix", "time_unix_nano"));
    }
}
