//! `match[]` selectors and label names in paths.

use model::Matcher;

use crate::refusal::Refusal;

/// Texts as Prometheus': the parameter is named, then the parser's own error.
pub fn parse(parameter: &str, text: &str) -> Result<Vec<Matcher>, Refusal> {
    let bad = |error: String| Refusal::bad(format!("invalid parameter {parameter:?}: {error}"));
    let matchers = promql::parse_selector(text).map_err(|error| bad(error.to_string()))?;
    if matchers.iter().all(Matcher::matches_empty) {
        return Err(bad("match[] must contain at least one non-empty matcher".to_owned()));
    }
    Ok(matchers)
}

/// A name in a path may be escaped as `U__...` when it is not a plain one.
pub fn label_name(text: &str) -> Result<String, Refusal> {
    let Some(escaped) = text.strip_prefix("U__") else { return Ok(text.to_owned()) };
    unescape(escaped).ok_or_else(|| Refusal::bad(format!("invalid label name: {text:?}")))
}

/// `__` is an underscore, `_HEX_` a character.
fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('_') {
        out.push_str(plain);
        if let Some(next) = after.strip_prefix('_') {
            out.push('_');
            rest = next;
            continue;
        }
        let (digits, next) = after.split_once('_')?;
        out.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
        rest = next;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_names_are_read() {
        assert_eq!(label_name("job").unwrap(), "job");
        assert_eq!(label_name("U__service_2e_name").unwrap(), "service.name");
        assert_eq!(label_name("U__a__b").unwrap(), "a_b");
        assert!(label_name("U__a_zz_").is_err());
        assert!(label_name("U__a_2e").is_err());
    }
}
