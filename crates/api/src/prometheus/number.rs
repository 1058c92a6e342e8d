//! Times and values as Prometheus writes them in JSON: bit for bit what Go's `strconv` gives, because clients compare texts.

use std::io::Write;

use crate::json;

/// Milliseconds as seconds: `1435781430.781`, three decimals or none.
pub fn time(out: &mut Vec<u8>, t_ms: i64) {
    if t_ms < 0 {
        out.push(b'-');
    }
    let (seconds, rest) = (t_ms.unsigned_abs() / 1000, t_ms.unsigned_abs() % 1000);
    json::int(out, seconds as i64);
    if rest != 0 {
        write!(out, ".{rest:03}").expect("writing to memory cannot fail");
    }
}

/// A value in quotes: the shortest decimal that reads back the same, with an exponent below 1e-6 and from 1e21 on.
pub fn value(out: &mut Vec<u8>, value: f64) {
    out.push(b'"');
    plain(out, value);
    out.push(b'"');
}

/// The same without quotes.
pub fn plain(out: &mut Vec<u8>, value: f64) {
    let write = |out: &mut Vec<u8>, text: std::fmt::Arguments<'_>| {
        out.write_fmt(text).expect("writing to memory cannot fail")
    };
    let size = value.abs();
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').expect("this format has an exponent");
        let exponent: i32 = exponent.parse().expect("and it is a number");
        let sign = if exponent < 0 { '-' } else { '+' };
        write(out, format_args!("{digits}e{sign}{:02}", exponent.abs()));
    } else {
        write(out, format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_decimals_or_none() {
        let check = |t_ms: i64, want: &str| {
            let mut out = Vec::new();
            time(&mut out, t_ms);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        };
        check(0, "0");
        check(1_435_781_430_781, "1435781430.781");
        check(1_500, "1.500");
        check(1_001, "1.001");
        check(-1_050, "-1.050");
        check(-5, "-0.005");
    }

    #[test]
    fn values_are_written_as_go_writes_them() {
        let check = |number: f64, want: &str| {
            let mut out = Vec::new();
            value(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), format!("\"{want}\""));
        };
        check(0.0, "0");
        check(-0.0, "-0");
        check(1.0, "1");
        check(0.1 + 0.2, "0.30000000000000004");
        check(1e20, "100000000000000000000");
        check(1e21, "1e+21");
        check(1.5e300, "1.5e+300");
        check(1e-6, "0.000001");
        check(9.5e-7, "9.5e-07");
        check(5e-324, "5e-324");
        check(f64::NAN, "NaN");
        check(f64::INFINITY, "+Inf");
        check(f64::NEG_INFINITY, "-Inf");
    }
}
