//! `detected_level`: the level of an entry by Loki's rules: a level label, else a level in the structured metadata, else the OTLP severity
//! number, else a look at the line (JSON field, logfmt field, or words in plain text).

/// The levels that Loki detects. Numbers are part of the block format: never change them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    #[default]
    Unknown = 0,
    Trace = 1,
    Debug = 2,
    Info = 3,
    Warn = 4,
    Error = 5,
    Critical = 6,
    Fatal = 7,
}

/// Names under which a level is looked for, in this order.
pub const LEVEL_NAMES: [&str; 14] = [
    "level",
    "LEVEL",
    "Level",
    "log.level",
    "severity",
    "SEVERITY",
    "Severity",
    "SeverityText",
    "lvl",
    "LVL",
    "Lvl",
    "severity_text",
    "Severity_Text",
    "SEVERITY_TEXT",
];

impl Level {
    pub const COUNT: usize = 8;
    pub const ALL: [Self; Self::COUNT] = [
        Self::Unknown,
        Self::Trace,
        Self::Debug,
        Self::Info,
        Self::Warn,
        Self::Error,
        Self::Critical,
        Self::Fatal,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Fatal => "fatal",
        }
    }

    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// OTLP's severity number.
    pub fn from_severity(number: u64) -> Self {
        match number {
            1..=4 => Self::Trace,
            5..=8 => Self::Debug,
            9..=12 => Self::Info,
            13..=16 => Self::Warn,
            17..=20 => Self::Error,
            21..=24 => Self::Fatal,
            _ => Self::Unknown,
        }
    }

    /// A level's name or a usual abbreviation of it, in either case.
    pub fn from_word(word: &[u8]) -> Option<Self> {
        const WORDS: [(&str, Level); 14] = [
            ("trace", Level::Trace),
            ("trc", Level::Trace),
            ("debug", Level::Debug),
            ("dbg", Level::Debug),
            ("info", Level::Info),
            ("inf", Level::Info),
            ("information", Level::Info),
            ("warn", Level::Warn),
            ("wrn", Level::Warn),
            ("warning", Level::Warn),
            ("error", Level::Error),
            ("err", Level::Error),
            ("critical", Level::Critical),
            ("fatal", Level::Fatal),
        ];
        if word.len() > 11 {
            return None;
        }
        WORDS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes())).map(|(_, level)| *level)
    }

    /// What the text of a line says, for entries that say it nowhere else.
    pub fn from_line(line: &[u8]) -> Self {
        let trimmed = line.trim_ascii();
        let field = match (trimmed.first(), trimmed.last()) {
            (Some(b'{'), Some(b'}')) => json_field(trimmed),
            _ if memchr::memchr(b'=', line).is_some() => logfmt_field(line),
            _ => None,
        };
        field.and_then(Self::from_word).unwrap_or_else(|| Self::from_words(line))
    }

    /// Level words anywhere in plain text, all lower or all upper case; of several the one that Loki looks for first.
    fn from_words(line: &[u8]) -> Self {
        let mut best = WORDS.len();
        for (at, byte) in line.iter().enumerate() {
            // The words that begin with this letter.
            let candidates = match byte | 0x20 {
                b'i' => 0..1,
                b'e' => 1..3,
                b'w' => 3..5,
                b'c' => 5..6,
                b'd' => 6..8,
                b'f' => 8..9,
                b'p' => 9..10,
                b't' => 10..11,
                _ => continue,
            };
            let is_upper = byte.is_ascii_uppercase();
            let found =
                candidates.into_iter().find(|place| begins_with(&line[at..], WORDS[*place].0, is_upper));
            best = best.min(found.unwrap_or(best));
            if best == 0 {
                break;
            }
        }
        WORDS.get(best).map_or(Self::Unknown, |(_, level)| *level)
    }
}

/// Words that say a level in plain text, in the order in which Loki looks for them, those of one first letter side by side.
const WORDS: [(&[u8], Level); 11] = [
    (b"info", Level::Info),
    (b"err:", Level::Error),
    (b"error", Level::Error),
    (b"warn:", Level::Warn),
    (b"warning", Level::Warn),
    (b"critical", Level::Critical),
    (b"debug:", Level::Debug),
    (b"debug ", Level::Debug),
    (b"fatal:", Level::Fatal),
    (b"panic:", Level::Fatal),
    (b"trace:", Level::Trace),
];

#[inline]
fn begins_with(text: &[u8], word: &[u8], is_upper: bool) -> bool {
    text.len() >= word.len()
        && text
            .iter()
            .zip(word)
            .all(|(have, want)| *have == if is_upper { want.to_ascii_uppercase() } else { *want })
}

/// The text of the first top-level field of a JSON object that has a level's name.
fn json_field(line: &[u8]) -> Option<&[u8]> {
    let (mut at, mut depth) = (0, 0u32);
    let mut key: Option<&[u8]> = None;
    let mut after_colon = false;
    while at < line.len() {
        match line[at] {
            b'"' => {
                let start = at + 1;
                let end = string_end(line, start)?;
                let text = &line[start..end];
                if after_colon && depth == 1 && key.is_some_and(is_level_name) {
                    return Some(text);
                }
                if depth == 1 && !after_colon {
                    key = Some(text);
                }
                after_colon = false;
                at = end;
            }
            b':' => after_colon = true,
            b',' => {
                after_colon = false;
                key = None;
            }
            b'{' | b'[' => {
                depth += 1;
                after_colon = false;
            }
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += 1;
    }
    None
}

fn string_end(line: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        at += memchr::memchr2(b'"', b'\\', line.get(at..)?)?;
        if line[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

fn logfmt_field(line: &[u8]) -> Option<&[u8]> {
    memchr::memchr_iter(b'=', line).find_map(|equals| {
        let start = line[..equals].iter().rposition(|byte| byte.is_ascii_whitespace()).map_or(0, |at| at + 1);
        if !is_level_name(&line[start..equals]) {
            return None;
        }
        let value = &line[equals + 1..];
        match value.strip_prefix(b"\"") {
            Some(quoted) => Some(&quoted[..memchr::memchr(b'"', quoted)?]),
            None => {
                let end = value.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len());
                Some(&value[..end])
            }
        }
    })
}

fn is_level_name(name: &[u8]) -> bool {
    LEVEL_NAMES.iter().any(|known| known.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_found_in_json_logfmt_and_plain_text() {
        let check =
            |line: &str, expect: Level| assert_eq!(Level::from_line(line.as_bytes()), expect, "{line}");
        check(r#"{"msg":"a \"level\": b","level":"WARN"}"#, Level::Warn);
        check(r#"{"inner":{"level":"error"},"severity":"debug"}"#, Level::Debug);
        check(r#"ts=1 level=error msg="x info""#, Level::Error);
        check(r#"ts=1 lvl="dbg" msg=x"#, Level::Debug);
        check("2024 INFO: started", Level::Info);
        check("an error, but info too", Level::Info);
        check("WARNING disk", Level::Warn);
        check("CRITICAL: fire", Level::Critical);
        check("Error with capital only", Level::Unknown);
        check("nothing here", Level::Unknown);
        check("a=b level= x", Level::Unknown);
        check(r#"{"level":"#, Level::Unknown);
    }
}
