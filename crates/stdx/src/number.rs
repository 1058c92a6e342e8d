//! Floats as text in the forms that the field's clients know (those of Go's `strconv`): shortest digits that read back to the same value.
//!
//! Rust prints the same digits but chooses other forms: no exponent, `inf`, `NaN`.

/// `%g`: with an exponent below 1e-4 and from 1e6 on: `123456`, `1.234567e+06`, `0.0001`, `1e-05`.
pub fn shortest(value: f64) -> String {
    form(value, |exponent| !(-4..6).contains(&exponent))
}

/// `%f` with as many digits as needed and never an exponent: `1000000`, `0.00001`.
pub fn plain(value: f64) -> String {
    form(value, |_| false)
}

/// The form of a `le` or `quantile` label in OpenMetrics: like [`shortest`], with `.0` after whole numbers.
pub fn open_metrics(value: f64) -> String {
    let text = shortest(value);
    if value.is_finite() && !text.contains(['.', 'e']) { text + ".0" } else { text }
}

/// `%.{digits}g`: rounded to so many digits, trailing zeros left out: `2.2`, `10`, `1e+02`.
pub fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return shortest(value);
    }
    let digits = digits.max(1);
    let rounded = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let mantissa =
        if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    if exponent < -4 || exponent >= digits as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs());
    }
    let shown = mantissa.bytes().filter(u8::is_ascii_digit).count() as i32;
    format!("{value:.*}", usize::try_from(shown - 1 - exponent).unwrap_or(0))
}

fn form(value: f64, with_exponent: impl Fn(i32) -> bool) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.into();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !with_exponent(exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_those_of_go() {
        let check = |value: f64, short: &str, long: &str| {
            assert_eq!((&*shortest(value), &*plain(value)), (short, long))
        };
        check(1.0, "1", "1");
        check(-0.0, "-0", "-0");
        check(100_000.0, "100000", "100000");
        check(1_000_000.0, "1e+06", "1000000");
        check(123_456_789.0, "1.23456789e+08", "123456789");
        check(1.5, "1.5", "1.5");
        check(1_234_567.5, "1.2345675e+06", "1234567.5");
        check(0.0001, "0.0001", "0.0001");
        check(0.000_012, "1.2e-05", "0.000012");
        check(123_456.5, "123456.5", "123456.5");
        check(1e21, "1e+21", "1000000000000000000000");
        check(f64::INFINITY, "+Inf", "+Inf");
        check(f64::NEG_INFINITY, "-Inf", "-Inf");
        check(f64::NAN, "NaN", "NaN");
        assert_eq!(
            [2.25, 10.0, 100.0, 0.5, 0.000_012_3].map(|value| significant(value, 2)),
            ["2.2", "10", "1e+02", "0.5", "1.2e-05"]
        );
        assert_eq!(open_metrics(2.0), "2.0");
        assert_eq!(open_metrics(0.25), "0.25");
        assert_eq!(open_metrics(1e22), "1e+22");
    }
}
