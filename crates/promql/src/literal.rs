//! What literals are worth: numbers as Go's `strconv` reads them, strings unquoted, durations in the field's notation.

use std::fmt::Write;

/// The value of a number token.
pub(crate) fn number(text: &str) -> Result<f64, String> {
    if text.eq_ignore_ascii_case("inf") {
        return Ok(f64::INFINITY);
    }
    if text.eq_ignore_ascii_case("nan") {
        return Ok(f64::NAN);
    }
    let invalid = || format!("error parsing number: strconv.ParseFloat: parsing \"{text}\": invalid syntax");
    if !underscores_separate_digits(text) {
        return Err(invalid());
    }
    let digits: std::borrow::Cow<'_, str> =
        if text.contains('_') { text.replace('_', "").into() } else { text.into() };
    // As an integer: hexadecimal, and octal with a leading zero; when that fails, as a decimal float.
    let hexadecimal = digits.strip_prefix("0x").or(digits.strip_prefix("0X"));
    if let Some(hexadecimal) = hexadecimal {
        return i64::from_str_radix(hexadecimal, 16).map(|value| value as f64).map_err(|_| invalid());
    }
    if digits.len() > 1
        && digits.starts_with('0')
        && let Ok(octal) = i64::from_str_radix(&digits, 8)
    {
        return Ok(octal as f64);
    }
    let value: f64 = digits.parse().map_err(|_| invalid())?;
    if value.is_infinite() {
        return Err(format!(
            "error parsing number: strconv.ParseFloat: parsing \"{text}\": value out of range"
        ));
    }
    Ok(value)
}

/// Go's rule: an underscore stands between digits, or between `0x` and a digit.
fn underscores_separate_digits(text: &str) -> bool {
    let is_hex = text.len() > 2 && text.starts_with('0') && text[1..].starts_with(['x', 'X']);
    let is_digit = |byte: u8| if is_hex { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
    let bytes = text.as_bytes();
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'_').all(|(place, _)| {
        let before = place.checked_sub(1).map_or(0, |place| bytes[place]);
        let after = bytes.get(place + 1).copied().unwrap_or(0);
        (is_digit(before) || is_hex && place == 2) && is_digit(after)
    })
}

/// The bytes that a string token stands for, quotes included; its escapes are valid ([`crate::string_token_length`]).
pub fn unquote(token: &str) -> Vec<u8> {
    let quote = token.as_bytes()[0];
    let body = &token[1..token.len() - 1];
    if quote == b'`' {
        // As in Go, a raw string has no carriage returns.
        return body.bytes().filter(|byte| *byte != b'\r').collect();
    }
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body.as_bytes();
    while let Some(place) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..place]);
        rest = unescape(&rest[place + 1..], &mut out);
    }
    out.extend_from_slice(rest);
    out
}

fn unescape<'t>(text: &'t [u8], out: &mut Vec<u8>) -> &'t [u8] {
    let digits = |from: usize, to: usize, base: u32| {
        let digits = text.get(from..to).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or("");
        u32::from_str_radix(digits, base).unwrap_or(0)
    };
    let length = match text.first().copied().unwrap_or(b'\\') {
        b'x' => {
            out.push(digits(1, 3, 16) as u8);
            3
        }
        b'0'..=b'7' => {
            out.push(digits(0, 3, 8) as u8);
            3
        }
        kind @ (b'u' | b'U') => {
            let length = if kind == b'u' { 5 } else { 9 };
            let letter = char::from_u32(digits(1, length, 16)).unwrap_or(char::REPLACEMENT_CHARACTER);
            out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            length
        }
        plain => {
            out.push(match plain {
                b'a' => 7,
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'v' => 11,
                same => same,
            });
            1
        }
    };
    text.get(length..).unwrap_or(b"")
}

/// Unit, its milliseconds, and whether it is printed only when nothing smaller remains.
const UNITS: [(&str, u64, bool); 7] = [
    ("y", 365 * 86_400_000, true),
    ("w", 7 * 86_400_000, true),
    ("d", 86_400_000, false),
    ("h", 3_600_000, false),
    ("m", 60_000, false),
    ("s", 1_000, false),
    ("ms", 1, false),
];

/// Milliseconds of `1h30m`: units `y w d h m s ms`, from large to small, each once; `0` needs no unit.
pub fn parse_duration_ms(text: &str) -> Result<i64, String> {
    if text == "0" {
        return Ok(0);
    }
    if text.is_empty() {
        return Err("empty duration string".to_owned());
    }
    let invalid = || format!("not a valid duration string: {}", model::quote::quoted(text));
    let out_of_range = || "duration out of range".to_owned();
    let (mut rest, mut next_unit, mut total_ms) = (text, 0, 0_u64);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count: u64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        let letters = rest.find(|letter: char| letter.is_ascii_digit()).unwrap_or(rest.len());
        let unit = &rest[..letters];
        rest = &rest[letters..];
        if unit.is_empty() {
            return Err(invalid());
        }
        let Some(place) = UNITS.iter().position(|(name, ..)| *name == unit) else {
            let shown = (model::quote::quoted(unit), model::quote::quoted(text));
            return Err(format!("unknown unit {} in duration {}", shown.0, shown.1));
        };
        if place < next_unit {
            return Err(invalid());
        }
        next_unit = place + 1;
        total_ms = count
            .checked_mul(UNITS[place].1)
            .and_then(|ms| total_ms.checked_add(ms))
            .ok_or_else(out_of_range)?;
    }
    // Nanoseconds must fit in 63 bits, as in Prometheus.
    let most_ms = i64::MAX / 1_000_000;
    i64::try_from(total_ms).ok().filter(|ms| *ms <= most_ms).ok_or_else(out_of_range)
}

/// `1h30m`; zero is `0s`; a negative duration has a sign in front.
pub fn format_duration_ms(duration_ms: i64) -> String {
    if duration_ms == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    if duration_ms < 0 {
        out.push('-');
    }
    let mut rest = duration_ms.unsigned_abs();
    for (unit, unit_ms, only_exact) in UNITS {
        if only_exact && !rest.is_multiple_of(unit_ms) {
            continue;
        }
        if rest >= unit_ms {
            write!(out, "{}{unit}", rest / unit_ms).expect("writing to a string cannot fail");
            rest %= unit_ms;
        }
    }
    out
}

/// Go's `FormatFloat(value, 'f', -1, 64)`.
pub fn format_number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_in_go() {
        let check = |text: &str, expect: f64| assert_eq!(number(text), Ok(expect), "{text}");
        check("1_000_000", 1e6);
        check("1_2.3_4e1_0", 12.34e10);
        check("0x1F", 31.0);
        check("0X_ff", 255.0);
        check("010", 8.0);
        check("0_10", 8.0);
        check("089", 89.0);
        check("010.5", 10.5);
        check(".5", 0.5);
        check("2.", 2.0);
        check("9999999999999999999999", 1e22);
        assert!(number("NaN").is_ok_and(f64::is_nan));
        assert_eq!(
            number("0x"),
            Err("error parsing number: strconv.ParseFloat: parsing \"0x\": invalid syntax".into())
        );
        assert_eq!(
            number("1e999"),
            Err("error parsing number: strconv.ParseFloat: parsing \"1e999\": value out of range".into())
        );
    }

    #[test]
    fn strings_unescape() {
        let check = |token: &str, expect: &[u8]| assert_eq!(unquote(token), expect, "{token}");
        check(r#""a\"\\\n\x41\u00e9\U0001F600\101'""#, "a\"\\\nAé\u{1F600}A'".as_bytes());
        check(r"'\'\xc5'", b"'\xc5");
        check("`a\\\r\nb`", b"a\\\nb");
    }

    #[test]
    fn durations_both_ways() {
        let check = |text: &str, ms: i64, shown: &str| {
            assert_eq!(parse_duration_ms(text), Ok(ms), "{text}");
            assert_eq!(format_duration_ms(ms), shown);
        };
        check("0", 0, "0s");
        check("0s", 0, "0s");
        check("1h30m", 5_400_000, "1h30m");
        check("1y2w3d4h5m6s7ms", 33_019_506_007, "382d4h5m6s7ms");
        check("365d", 31_536_000_000, "1y");
        check("14d", 1_209_600_000, "2w");
        check("90s", 90_000, "1m30s");
        assert_eq!(format_duration_ms(-1500), "-1s500ms");
        let fails = |text: &str, expect: &str| assert_eq!(parse_duration_ms(text), Err(expect.to_owned()));
        fails("", "empty duration string");
        fails("1", "not a valid duration string: \"1\"");
        fails("1.5h", "unknown unit \".\" in duration \"1.5h\"");
        fails("1m1h", "not a valid duration string: \"1m1h\"");
        fails("1x", "unknown unit \"x\" in duration \"1x\"");
        fails("300y", "duration out of range");
        fails("99999999999999999999y", "not a valid duration string: \"99999999999999999999y\"");
    }
}
