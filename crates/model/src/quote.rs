//! Go's quoting (`strconv.Quote`) and the plain forms of names: how Prometheus prints label values and names everywhere.
//!
//! Input is bytes, since a Go string may be invalid UTF-8: such bytes print as `\xc5`.

use std::fmt;

/// Writes `text` in double quotes as Go's `strconv.Quote` does.
pub fn write_quoted(out: &mut impl fmt::Write, text: &[u8]) -> fmt::Result {
    out.write_char('"')?;
    for chunk in text.utf8_chunks() {
        chunk.valid().chars().try_for_each(|letter| write_letter(out, letter))?;
        chunk.invalid().iter().try_for_each(|byte| write!(out, "\\x{byte:02x}"))?;
    }
    out.write_char('"')
}

/// `text` in double quotes as Go's `strconv.Quote` does.
pub fn quoted(text: impl AsRef<[u8]>) -> String {
    let text = text.as_ref();
    let mut out = String::with_capacity(text.len() + 2);
    write_quoted(&mut out, text).expect("writing to a string cannot fail");
    out
}

fn write_letter(out: &mut impl fmt::Write, letter: char) -> fmt::Result {
    match letter {
        '"' => out.write_str("\\\""),
        '\\' => out.write_str("\\\\"),
        '\u{7}' => out.write_str("\\a"),
        '\u{8}' => out.write_str("\\b"),
        '\u{c}' => out.write_str("\\f"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        '\u{b}' => out.write_str("\\v"),
        ' '..='~' => out.write_char(letter),
        _ if (letter as u32) < 0x80 => write!(out, "\\x{:02x}", letter as u32),
        _ if is_printable(letter) => out.write_char(letter),
        _ if (letter as u32) < 0x10000 => write!(out, "\\u{:04x}", letter as u32),
        _ => write!(out, "\\U{:08x}", letter as u32),
    }
}

/// Approximates Go's `unicode.IsPrint` for letters past ASCII with Rust's own idea of what its `Debug` shows bare. Marks,
/// which `Debug` escapes only at the start of a grapheme, are printable in Go.
fn is_printable(letter: char) -> bool {
    let mut shown = ['x', letter].iter().collect::<String>().escape_debug().collect::<String>();
    shown.remove(0);
    shown.chars().eq([letter])
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`: a label name that needs no quotes.
pub fn is_plain_label_name(name: &str) -> bool {
    is_plain(name, |byte| byte == b'_')
}

/// `[a-zA-Z_:][a-zA-Z0-9_:]*`: a metric name that needs no quotes.
pub fn is_plain_metric_name(name: &str) -> bool {
    is_plain(name, |byte| byte == b'_' || byte == b':')
}

fn is_plain(name: &str, extra: impl Fn(u8) -> bool) -> bool {
    !name.as_bytes().first().is_none_or(u8::is_ascii_digit)
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || extra(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_go_does() {
        let check = |text: &[u8], expect: &str| assert_eq!(quoted(text), expect);
        check(b"a\"\\\x07\x08\x0c\n\r\t\x0b\x00\x7f", r#""a\"\\\a\b\f\n\r\t\v\x00\x7f""#);
        check("é世\u{200b}\u{1f600}e\u{301}".as_bytes(), "\"é世\\u200b\u{1f600}e\u{301}\"");
        check(b"a\xc5z", r#""a\xc5z""#);
    }

    #[test]
    fn plain_names() {
        assert!(is_plain_label_name("_a1") && !is_plain_label_name("1a") && !is_plain_label_name(""));
        assert!(is_plain_metric_name(":a:b") && !is_plain_label_name("a:b") && !is_plain_metric_name("a.b"));
    }
}
