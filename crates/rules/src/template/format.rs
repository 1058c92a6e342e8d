//! Go's `fmt`: values as text, and `printf`.

use std::fmt::Write;

use super::value::Value;

/// `%v`.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Nil => "<no value>".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Float(value) => float(*value),
        Value::Text(text) => text.to_string(),
        Value::Labels(labels) => {
            let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}:{value}")).collect();
            format!("map[{}]", pairs.join(" "))
        }
        Value::Map(map) => {
            let pairs: Vec<String> =
                map.iter().map(|(name, value)| format!("{name}:{}", shown(value))).collect();
            format!("map[{}]", pairs.join(" "))
        }
        Value::List(list) => format!("[{}]", list.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Value::Sample(sample) => {
            let labels = shown(&Value::Labels(std::rc::Rc::new(sample.labels.clone())));
            format!("&{{{labels} {}}}", float(sample.value))
        }
        Value::Time(seconds) => timestamp(*seconds),
        Value::Duration(nanoseconds) => duration(*nanoseconds),
        Value::Alert(_) => "{alert}".to_owned(),
    }
}

/// `%v` of a float.
pub(super) fn float(value: f64) -> String {
    stdx::number::shortest(value)
}

/// Go's `Time.String` in UTC: `2015-07-04 00:00:00.5 +0000 UTC`.
pub(super) fn timestamp(seconds: f64) -> String {
    let milliseconds = (seconds * 1000.0).round() as i64;
    let (whole, rest) = (milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000));
    let (year, month, day) = date(whole.div_euclid(86_400));
    let second_of_day = whole.rem_euclid(86_400);
    let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
    let fraction = match rest {
        0 => String::new(),
        _ => format!(".{rest:03}").trim_end_matches('0').to_owned(),
    };
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction} +0000 UTC")
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
fn date(days: i64) -> (i64, i64, i64) {
    // Eras of 400 years that begin on 1 March, so that leap days come last.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted_month + 2) / 5 + 1)
}

/// Go's `Duration.String`: `1h2m3.5s`, `1.5ms`.
fn duration(nanoseconds: i64) -> String {
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    let part = |unit: u64| float(total as f64 / unit as f64);
    match total {
        0..1_000 => format!("{sign}{total}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", part(1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", part(1_000_000)),
        _ => {
            let seconds = float((total % 60_000_000_000) as f64 / 1e9);
            let (hours, minutes) = (total / 3_600_000_000_000, total / 60_000_000_000 % 60);
            match (hours, minutes) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, _) => format!("{sign}{minutes}m{seconds}s"),
                _ => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// Most letters that a width or precision may ask for.
const MAX_WIDTH: usize = 1000;

#[derive(Default)]
struct Verb {
    minus: bool,
    plus: bool,
    zero: bool,
    space: bool,
    width: usize,
    precision: Option<usize>,
}

/// Go's `Sprintf`.
pub(super) fn printf(format: &str, args: &[Value]) -> String {
    let mut out = String::new();
    let mut args_left = args.iter();
    let mut letters = format.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let mut verb = Verb::default();
        while let Some(flag) = letters.next_if(|letter| "-+0 ".contains(*letter)) {
            match flag {
                '-' => verb.minus = true,
                '+' => verb.plus = true,
                '0' => verb.zero = true,
                _ => verb.space = true,
            }
        }
        let number = |letters: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            let mut value = 0_usize;
            while let Some(digit) = letters.next_if(char::is_ascii_digit) {
                value = value.saturating_mul(10).saturating_add(digit as usize - '0' as usize);
            }
            value.min(MAX_WIDTH)
        };
        verb.width = number(&mut letters);
        if letters.next_if_eq(&'.').is_some() {
            verb.precision = Some(number(&mut letters));
        }
        match letters.next() {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(kind) => match args_left.next() {
                None => push(&mut out, format_args!("%!{kind}(MISSING)")),
                Some(value) => verb.write(&mut out, kind, value),
            },
        }
    }
    let extra: Vec<String> =
        args_left.map(|value| format!("{}={}", value.type_name(), shown(value))).collect();
    if !extra.is_empty() {
        push(&mut out, format_args!("%!(EXTRA {})", extra.join(", ")));
    }
    out
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a string cannot fail");
}

impl Verb {
    fn write(&self, out: &mut String, kind: char, value: &Value) {
        let text = match (kind, value) {
            ('v', Value::Float(_) | Value::Integer(_)) => self.signed(shown(value)),
            ('v', _) => shown(value),
            (
                's',
                Value::Text(_) | Value::Time(_) | Value::Duration(_) | Value::Labels(_) | Value::List(_),
            ) => {
                let text = shown(value);
                self.precision.map_or(text.clone(), |most| text.chars().take(most).collect())
            }
            ('q', Value::Text(text)) => model::quote::quoted(&**text),
            ('d', Value::Integer(number)) => self.signed(number.to_string()),
            ('d', Value::Duration(number)) => self.signed(number.to_string()),
            ('x', Value::Integer(number)) => format!("{number:x}"),
            ('X', Value::Integer(number)) => format!("{number:X}"),
            ('o', Value::Integer(number)) => format!("{number:o}"),
            ('b', Value::Integer(number)) => format!("{number:b}"),
            ('c', Value::Integer(number)) => {
                u32::try_from(*number).ok().and_then(char::from_u32).unwrap_or('\u{fffd}').to_string()
            }
            ('x', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            ('t', Value::Bool(value)) => value.to_string(),
            ('T', _) => value.type_name().to_owned(),
            ('f' | 'F' | 'e' | 'E' | 'g' | 'G', Value::Float(number)) => {
                self.signed(self.number(kind, *number))
            }
            _ => {
                push(out, format_args!("%!{kind}({}={})", value.type_name(), shown(value)));
                return;
            }
        };
        let is_number = matches!(value, Value::Integer(_) | Value::Float(_)) && kind != 'c';
        self.padded(out, &text, is_number);
    }

    fn number(&self, kind: char, number: f64) -> String {
        if !number.is_finite() {
            return stdx::number::plain(number);
        }
        match kind {
            'f' | 'F' => format!("{number:.*}", self.precision.unwrap_or(6)),
            'e' | 'E' => {
                let text = format!("{number:.*e}", self.precision.unwrap_or(6));
                let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
                let exponent: i32 = exponent.parse().unwrap_or(0);
                let sign = if exponent < 0 { '-' } else { '+' };
                let letter = kind;
                format!("{mantissa}{letter}{sign}{:02}", exponent.unsigned_abs())
            }
            _ => match self.precision {
                Some(digits) => stdx::number::significant(number, digits),
                None => float(number),
            },
        }
    }

    fn signed(&self, text: String) -> String {
        match text.starts_with(['-', '+']) {
            true => text,
            false if self.plus => format!("+{text}"),
            false if self.space => format!(" {text}"),
            false => text,
        }
    }

    fn padded(&self, out: &mut String, text: &str, is_number: bool) {
        let missing = self.width.saturating_sub(text.chars().count());
        if self.minus {
            push(out, format_args!("{text}{:missing$}", ""));
        } else if self.zero && is_number {
            let sign = if text.starts_with(['-', '+']) { 1 } else { 0 };
            push(out, format_args!("{}{}{}", &text[..sign], "0".repeat(missing), &text[sign..]));
        } else {
            push(out, format_args!("{:missing$}{text}", ""));
        }
    }
}
