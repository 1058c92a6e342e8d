//! Days and dates of the proleptic Gregorian calendar in UTC, for the calendar functions and for times in messages.

/// A moment broken down; fields count as people do (January is 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    pub year: i64,
    pub month: u32,
    pub day: u32,
    /// Sunday is 0.
    pub weekday: u32,
    /// The first of January is 1.
    pub day_of_year: u32,
    pub hour: u32,
    pub minute: u32,
    pub second: u32,
}

const SECONDS_PER_DAY: i64 = 86_400;

impl Civil {
    pub fn from_unix_seconds(seconds: i64) -> Self {
        let days = seconds.div_euclid(SECONDS_PER_DAY);
        let second_of_day = seconds.rem_euclid(SECONDS_PER_DAY) as u32;
        let (year, month, day) = date_of(days);
        let weekday = (days + 4).rem_euclid(7) as u32;
        let day_of_year = (days - days_before_year(year)) as u32 + 1;
        let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
        Self { year, month, day, weekday, day_of_year, hour, minute, second }
    }

    pub fn days_in_month(&self) -> u32 {
        match self.month {
            2 if is_leap(self.year) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// `2024-02-29T12:00:00Z`.
    pub fn rfc3339(&self) -> String {
        let Self { year, month, day, hour, minute, second, .. } = self;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days from 1970-01-01 to the first of January of `year`.
fn days_before_year(year: i64) -> i64 {
    let past = year - 1;
    past * 365 + past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400) - 719_162
}

/// Year, month and day of a day counted from 1970-01-01. Eras of 400 years that begin in March, so that the leap day is last.
fn date_of(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 } as u32;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_broken_down() {
        let check = |seconds, text: &str, weekday, day_of_year, days_in_month| {
            let civil = Civil::from_unix_seconds(seconds);
            assert_eq!(civil.rfc3339(), text);
            assert_eq!(
                (civil.weekday, civil.day_of_year, civil.days_in_month()),
                (weekday, day_of_year, days_in_month)
            );
        };
        check(0, "1970-01-01T00:00:00Z", 4, 1, 31);
        check(-1, "1969-12-31T23:59:59Z", 3, 365, 31);
        check(951_782_400, "2000-02-29T00:00:00Z", 2, 60, 29);
        check(1_511_136_000, "2017-11-20T00:00:00Z", 1, 324, 30);
        check(1_582_934_400, "2020-02-29T00:00:00Z", 6, 60, 29);
    }

    #[test]
    fn the_ends_of_time_do_not_panic() {
        let far = 1i64 << 60;
        assert!(Civil::from_unix_seconds(far).year > 30_000_000_000);
        assert!(Civil::from_unix_seconds(-far).year < -30_000_000_000);
    }
}
