//! Times as Pyroscope writes them: `now`, `now-1h`, or a number in the unit that its size tells.

use crate::times::duration_ns;

/// Nanoseconds since 1970.
pub fn parse(text: &str, now_ns: i64) -> Option<i64> {
    if let Some(rest) = text.strip_prefix("now") {
        return match rest.strip_prefix('-') {
            None => rest.is_empty().then_some(now_ns),
            Some(before) => Some(now_ns.saturating_sub(duration_ns(before)?)),
        };
    }
    let number: i64 = text.parse().ok()?;
    let scale = match text.trim_start_matches('-').len() {
        0..=11 => 1_000_000_000,
        12..=14 => 1_000_000,
        15..=17 => 1_000,
        _ => 1,
    };
    number.checked_mul(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_told_by_size() {
        let now_ns = 1_795_192_200_000_000_000;
        let check = |text: &str, want: Option<i64>| assert_eq!(parse(text, now_ns), want, "{text}");
        check("now", Some(now_ns));
        check("now-1h", Some(now_ns - 3_600_000_000_000));
        check("1795192200", Some(now_ns));
        check("1795192200000", Some(now_ns));
        check("1795192200000000", Some(now_ns));
        check("1795192200000000000", Some(now_ns));
        check("nowish", None);
        check("soon", None);
    }
}
