//! What a plain scalar may mean, as Go's YAML reads it: the core schema of YAML 1.2 with the booleans and octals of 1.1.

pub(crate) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" | "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "false" | "False" | "FALSE" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// Decimal with `_`, `0x`, `0o`, `0b`, and octal with a leading zero.
pub(crate) fn integer(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.replace('_', "");
    if !digits.starts_with(|letter: char| letter.is_ascii_digit()) {
        return None;
    }
    let radix =
        |prefix: &str, radix| digits.strip_prefix(prefix).map(|digits| i128::from_str_radix(digits, radix));
    let number = radix("0x", 16).or_else(|| radix("0o", 8)).or_else(|| radix("0b", 2));
    let number = number.unwrap_or_else(|| match digits.len() > 1 && digits.starts_with('0') {
        true => i128::from_str_radix(&digits, 8).or_else(|_| digits.parse()),
        false => digits.parse(),
    });
    // A sign inside, which `from_str_radix` takes, is none of the digits.
    number.ok().filter(|_| !digits.contains(['+', '-'])).map(|number| sign * number)
}

pub(crate) fn float(text: &str) -> Option<f64> {
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Some(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Some(f64::NAN),
        _ => {}
    }
    if let Some(number) = integer(text) {
        return Some(number as f64);
    }
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    let is_float = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-._eE".contains(&byte));
    if has_digit && is_float { text.replace('_', "").parse().ok() } else { None }
}

/// The tag that Go's errors name.
pub(crate) fn tag(text: &str) -> &'static str {
    if is_null(text) {
        "!!null"
    } else if matches!(text, "true" | "True" | "TRUE" | "false" | "False" | "FALSE") {
        "!!bool"
    } else if integer(text).is_some() {
        "!!int"
    } else if float(text).is_some() {
        "!!float"
    } else {
        "!!str"
    }
}
