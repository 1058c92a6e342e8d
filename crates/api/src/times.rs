//! Times and durations as query parameters write them. Each family has its own reading of a bare number.

use limits::Span;

const NS_PER_SECOND: i128 = 1_000_000_000;

/// RFC 3339 with any number of decimals, as nanoseconds since 1970. Out of the range of 64 bits is `None`.
pub fn rfc3339_ns(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let is = |place: usize, allowed: &[u8]| bytes.get(place).is_some_and(|byte| allowed.contains(byte));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let valid = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !valid {
        return None;
    }
    let mut rest = &text[19..];
    let mut nanos: i64 = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let len = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if len == 0 {
            return None;
        }
        for place in 0..9 {
            nanos =
                nanos * 10 + fraction.as_bytes()[..len].get(place).map_or(0, |digit| i64::from(digit - b'0'));
        }
        rest = &fraction[len..];
    }
    let offset_seconds = offset_seconds(rest)?;
    let seconds =
        days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset_seconds;
    i64::try_from(i128::from(seconds) * NS_PER_SECOND + i128::from(nanos)).ok()
}

fn offset_seconds(text: &str) -> Option<i64> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text[1..].split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes): (u8, u8) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then(|| sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Milliseconds since 1970 as RFC 3339 in UTC, with milliseconds.
pub fn to_rfc3339(t_ms: i64) -> String {
    let (days, ms) = (t_ms.div_euclid(86_400_000), t_ms.rem_euclid(86_400_000));
    // Days since 0000-03-01, so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
}

/// Prometheus: seconds with decimals or RFC 3339, as milliseconds.
pub fn prometheus_ms(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        let ms = (seconds * 1000.0).round();
        // The range of Prometheus' own `minTime`/`maxTime` sentinels and no more.
        return (ms.is_finite() && ms.abs() <= 9.2e18).then_some(ms as i64);
    }
    rfc3339_ns(text).map(|ns| ns.div_euclid(1_000_000))
}

/// Prometheus: seconds with decimals or a duration, as milliseconds.
pub fn prometheus_step_ms(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        let ms = (seconds * 1000.0).round();
        return (ms.is_finite() && ms.abs() < 9.2e18).then_some(ms as i64);
    }
    text.parse::<Span>().ok().and_then(|span| i64::try_from(span.ms).ok())
}

/// Loki: whole numbers of up to ten digits are seconds, longer ones nanoseconds; decimals are seconds; else RFC 3339. As nanoseconds.
pub fn loki_ns(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse::<i64>() {
        let digits = text.trim_start_matches('-').len();
        return if digits <= 10 { number.checked_mul(1_000_000_000) } else { Some(number) };
    }
    if let Ok(seconds) = text.parse::<f64>() {
        let ns = seconds * 1e9;
        return (ns.is_finite() && ns.abs() < 9.2e18).then_some(ns as i64);
    }
    rfc3339_ns(text)
}

/// A duration of Go or Prometheus (`1h30m`, `100us`), as nanoseconds; finer than a millisecond is kept for plain `us`, `µs` and `ns`.
pub fn duration_ns(text: &str) -> Option<i64> {
    for (unit, scale) in [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6)] {
        if let Some(Ok(number)) = text.strip_suffix(unit).map(str::parse::<f64>) {
            let ns = number * scale;
            return (ns.is_finite() && ns.abs() < 9.2e18 && number >= 0.0).then_some(ns as i64);
        }
    }
    let span: Span = text.parse().ok()?;
    i64::try_from(span.ms).ok()?.checked_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339() {
        let check = |text: &str, want: Option<i64>| assert_eq!(rfc3339_ns(text), want, "{text}");
        check("1970-01-01T00:00:00Z", Some(0));
        check("2026-11-20T16:30:00.5Z", Some(1_795_192_200_500_000_000));
        check("2026-11-20T18:30:00.123456789+02:00", Some(1_795_192_200_123_456_789));
        check("2000-02-29T00:00:00-00:30", Some(951_784_200_000_000_000));
        check("1969-12-31T23:59:59.999Z", Some(-1_000_000));
        for bad in [
            "",
            "2026-11-20",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-20T16:30:00",
            "2026-11-20T16:30:00.Z",
            "9999-01-01T00:00:00Z",
            "2026-11-20T16:30:00+2:00",
            "2026-11-20T16:30:00éé",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn dates_are_written_as_they_are_read() {
        for t_ms in [0, -1, 951_784_200_000, 1_795_192_200_123, 4_102_444_799_999, 1_709_164_800_000] {
            assert_eq!(rfc3339_ns(&to_rfc3339(t_ms)), Some(t_ms * 1_000_000), "{}", to_rfc3339(t_ms));
        }
        assert_eq!(to_rfc3339(1_795_192_200_500), "2026-11-20T16:30:00.500Z");
    }

    #[test]
    fn each_family_reads_numbers_its_own_way() {
        assert_eq!(prometheus_ms("1435781430.781"), Some(1_435_781_430_781));
        assert_eq!(prometheus_ms("2015-07-01T20:10:30.781Z"), Some(1_435_781_430_781));
        assert_eq!(prometheus_ms("NaN"), None);
        assert_eq!(prometheus_step_ms("15"), Some(15_000));
        assert_eq!(prometheus_step_ms("1m30s"), Some(90_000));
        assert_eq!(loki_ns("1435781430"), Some(1_435_781_430_000_000_000));
        assert_eq!(loki_ns("1435781430781000000"), Some(1_435_781_430_781_000_000));
        assert_eq!(loki_ns("1435781430.5"), Some(1_435_781_430_500_000_000));
        assert_eq!(duration_ns("100us"), Some(100_000));
        assert_eq!(duration_ns("1.5ms"), Some(1_500_000));
        assert_eq!(duration_ns("1h30m"), Some(5_400_000_000_000));
        assert_eq!(duration_ns("fast"), None);
    }
}
