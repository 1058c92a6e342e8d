//! Names of OTLP metrics and attributes as Prometheus has them, by translation strategy.
//!
//! The rules are those of `prometheus/otlptranslator`: unit words, `_per_`, `_total`, `_ratio`, escaping to the legacy alphabet.

use std::borrow::Cow;

use crate::config::{OtlpConfig, TranslationStrategy};

/// What the rules need to know of a metric's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    Gauge,
    Counter,
    Other,
}

const UNITS: [(&str, &str); 25] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("%", "percent"),
];

const PER_UNITS: [(&str, &str); 7] = [
    ("s", "second"),
    ("m", "minute"),
    ("h", "hour"),
    ("d", "day"),
    ("w", "week"),
    ("mo", "month"),
    ("y", "year"),
];

fn word<'a>(table: &[(&str, &'static str)], unit: &'a str) -> &'a str {
    if unit == "1" {
        return "";
    }
    table.iter().find(|(short, _)| *short == unit).map_or(unit, |(_, word)| word)
}

/// The words of a unit: the main one, and what it is per. Annotations in braces are no units.
fn unit_words(unit: &str) -> (&str, &str) {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let usable = |part: &str| !part.is_empty() && !part.contains(['{', '}']);
    let (main, per) = (main.trim(), per.trim());
    (if usable(main) { word(&UNITS, main) } else { "" }, if usable(per) { word(&PER_UNITS, per) } else { "" })
}

/// The main word of a unit as metadata has it.
pub fn unit_of(unit: &str, config: &OtlpConfig) -> String {
    match config.translation_strategy {
        TranslationStrategy::UnderscoreEscapingWithSuffixes
        | TranslationStrategy::NoUtf8EscapingWithSuffixes => {
            let (main, per) = unit_words(unit);
            let (main, per) = (clean(main), clean(per));
            match (main.is_empty(), per.is_empty()) {
                (_, true) => main,
                (true, false) => format!("per_{per}"),
                (false, false) => format!("{main}_per_{per}"),
            }
        }
        _ => unit.to_owned(),
    }
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == ':'
}

/// Runs of other characters become one underscore, none at the ends.
fn clean(unit: &str) -> String {
    unit.split(|c| !is_token(c)).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_")
}

/// The name of a metric.
pub fn metric_name<'a>(name: &'a str, unit: &str, kind: NameKind, config: &OtlpConfig) -> Cow<'a, str> {
    match config.translation_strategy {
        TranslationStrategy::NoTranslation => name.into(),
        TranslationStrategy::NoUtf8EscapingWithSuffixes => with_suffixes(name, unit, kind).into(),
        TranslationStrategy::UnderscoreEscapingWithSuffixes => tokens_with_suffixes(name, unit, kind).into(),
        TranslationStrategy::UnderscoreEscapingWithoutSuffixes => {
            let parts = name.split(|c: char| !is_token(c) && c != '_').filter(|part| !part.is_empty());
            not_a_digit(parts.collect::<Vec<_>>().join("_")).into()
        }
    }
}

fn not_a_digit(name: String) -> String {
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

fn tokens_with_suffixes(name: &str, unit: &str, kind: NameKind) -> String {
    let (main, per) = unit_words(unit);
    let (main, per) = (clean(main), clean(per));
    let mut tokens: Vec<&str> = name.split(|c| !is_token(c)).filter(|part| !part.is_empty()).collect();
    if !main.is_empty() && !tokens.contains(&main.as_str()) {
        tokens.push(&main);
    }
    if !per.is_empty() && !tokens.contains(&per.as_str()) {
        tokens.extend(["per", &per]);
    }
    let mut last = |token: &'static str| {
        tokens.retain(|have| *have != token);
        tokens.push(token);
    };
    match kind {
        NameKind::Counter => last("total"),
        NameKind::Gauge if unit == "1" => last("ratio"),
        _ => {}
    }
    not_a_digit(tokens.join("_"))
}

fn with_suffixes(name: &str, unit: &str, kind: NameKind) -> String {
    let (main, per) = unit_words(unit);
    let kind_suffix = match kind {
        NameKind::Counter => "total",
        NameKind::Gauge if unit == "1" => "ratio",
        _ => "",
    };
    let mut name = name.to_owned();
    let per = if per.is_empty() { String::new() } else { format!("per_{per}") };
    // Suffixes that are there already are taken off first, so that they come back in order.
    for suffix in [kind_suffix, &per, main] {
        let bare = name.strip_suffix(suffix).filter(|bare| !suffix.is_empty() && bare.len() > 1);
        if let Some(bare) = bare.filter(|bare| !bare.ends_with(|c: char| c.is_alphanumeric())) {
            let mut end = bare.len();
            end -= bare.chars().next_back().map_or(0, char::len_utf8);
            name.truncate(end);
        }
    }
    for suffix in [main, &per, kind_suffix] {
        if !suffix.is_empty() {
            name.push('_');
            name.push_str(suffix);
        }
    }
    name
}

/// The name of a label.
pub fn label_name<'a>(name: &'a str, config: &OtlpConfig) -> Cow<'a, str> {
    let utf8 = matches!(
        config.translation_strategy,
        TranslationStrategy::NoTranslation | TranslationStrategy::NoUtf8EscapingWithSuffixes
    );
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if utf8 || (name.chars().all(legal) && name.starts_with(|c: char| c.is_ascii_alphabetic())) {
        let collapses = !utf8 && !config.label_name_preserve_multiple_underscores && name.contains("__");
        if !collapses {
            return name.into();
        }
    }
    let mut escaped = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        let c = if legal(c) { c } else { '_' };
        let again = c == '_' && escaped.ends_with('_');
        if config.label_name_preserve_multiple_underscores || !again {
            escaped.push(c);
        }
    }
    if escaped.starts_with(|c: char| c.is_ascii_digit()) {
        escaped.insert_str(0, "key_");
    } else if config.label_name_underscore_sanitization
        && escaped.starts_with('_')
        && !escaped.starts_with("__")
    {
        escaped.insert_str(0, "key");
    }
    escaped.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(translation_strategy: TranslationStrategy) -> OtlpConfig {
        OtlpConfig { translation_strategy, ..OtlpConfig::default() }
    }

    #[test]
    fn metric_names_by_strategy() {
        use NameKind::{Counter, Gauge, Other};
        let check = |name, unit, kind, want: [&str; 4]| {
            let strategies = [
                TranslationStrategy::UnderscoreEscapingWithSuffixes,
                TranslationStrategy::NoUtf8EscapingWithSuffixes,
                TranslationStrategy::UnderscoreEscapingWithoutSuffixes,
                TranslationStrategy::NoTranslation,
            ];
            let got = strategies.map(|strategy| metric_name(name, unit, kind, &with(strategy)).into_owned());
            assert_eq!(got, want, "{name} {unit}");
        };
        check("req.count", "", Counter, ["req_count_total", "req.count_total", "req_count", "req.count"]);
        check(
            "http.server.duration",
            "ms",
            Other,
            [
                "http_server_duration_milliseconds",
                "http.server.duration_milliseconds",
                "http_server_duration",
                "http.server.duration",
            ],
        );
        check("cpu.use", "1", Gauge, ["cpu_use_ratio", "cpu.use_ratio", "cpu_use", "cpu.use"]);
        check("cpu.use", "1", Counter, ["cpu_use_total", "cpu.use_total", "cpu_use", "cpu.use"]);
        check(
            "disk.io",
            "By/s",
            Gauge,
            ["disk_io_bytes_per_second", "disk.io_bytes_per_second", "disk_io", "disk.io"],
        );
        check("x.total.y", "{item}", Counter, ["x_y_total", "x.total.y_total", "x_total_y", "x.total.y"]);
        check("seen_total", "", Counter, ["seen_total", "seen_total", "seen_total", "seen_total"]);
        check("a_bytes", "By", Other, ["a_bytes", "a_bytes", "a_bytes", "a_bytes"]);
        check("1st", "", Other, ["_1st", "1st", "_1st", "1st"]);
        check("a__b", "", Other, ["a_b", "a__b", "a__b", "a__b"]);
    }

    #[test]
    fn label_names_are_escaped() {
        let config = OtlpConfig::default();
        let check = |name, want: &str| assert_eq!(label_name(name, &config), want);
        check("http.method", "http_method");
        check("ok", "ok");
        check("1st", "key_1st");
        check("_hidden", "key_hidden");
        check("__own__", "__own__");
        check("a..b", "a__b");
        check("ä", "key_");
        let collapse = OtlpConfig { label_name_preserve_multiple_underscores: false, ..config.clone() };
        assert_eq!(label_name("a..b__c", &collapse), "a_b_c");
        let bare = OtlpConfig { label_name_underscore_sanitization: false, ..config };
        assert_eq!(label_name("_hidden", &bare), "_hidden");
        assert_eq!(label_name("a.b", &with(TranslationStrategy::NoTranslation)), "a.b");
    }
}
