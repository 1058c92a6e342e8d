//! Warnings and infos that come with a result: what is suspicious about the query or the data, with the place in the query.
//!
//! Texts are those of Prometheus. Equal texts are one annotation, at the place where it was raised last; some carry details that add up
//! (how many samples, from when to when). A few hundred thousand series may raise the same one, so raising it again is cheap.

use crate::calendar::Civil;
use promql::Span;
use std::collections::HashMap;
use stdx::number::{shortest, significant};

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Warning,
    Info,
}

/// What histograms were put through when something about them was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistogramOperation {
    Addition,
    Subtraction,
    Aggregation,
}

impl HistogramOperation {
    fn name(self) -> &'static str {
        match self {
            Self::Addition => "addition",
            Self::Subtraction => "subtraction",
            Self::Aggregation => "aggregation",
        }
    }
}

/// Everything that is ever noticed. Names are metric names; empty where there is none.
#[derive(Clone, Copy, Debug)]
pub enum Note<'a> {
    InvalidRatio { ratio: f64, capped: f64 },
    InvalidQuantile(f64),
    BadBucketLabel { name: &'a str, value: &'a str },
    MixedFloatsHistograms(&'a str),
    MixedFloatsHistogramsInAggregation,
    MixedClassicNative(&'a str),
    NotACounter(&'a str),
    NotAGauge(&'a str),
    MixedExponentialCustom(&'a str),
    IncompatibleBucketLayout(&'static str),
    SortInRangeQuery,
    CounterResetCollision(HistogramOperation),
    StartTimeOverlap(&'a str),
    PossibleNonCounter(&'a str),
    PossibleNonCounterType { name: &'a str, type_label: &'a str },
    ForcedMonotonicity { name: &'a str, fix: MonotonicityFix },
    IncompatibleTypes { left: &'static str, op: &'static str, right: &'static str },
    HistogramIgnoredInAggregation(&'static str),
    HistogramIgnoredInMixedRange(&'a str),
    QuantileNanResult(&'a str),
    QuantileNanSkew(&'a str),
    FractionNans(&'a str),
    MismatchedCustomBuckets(HistogramOperation),
}

/// How far the buckets of a classic histogram were from being monotonic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MonotonicityFix {
    pub time_ms: i64,
    pub min_bucket: f64,
    pub max_bucket: f64,
    pub max_diff: f64,
}

/// Details that add up when the same annotation is raised again.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Details {
    None,
    Monotonicity { fix: MonotonicityFix, until_ms: i64, samples: u64 },
    Overlaps { count: u64 },
}

#[derive(Clone, Debug)]
struct Entry {
    level: Level,
    text: Box<str>,
    span: Span,
    details: Details,
}

/// The annotations of a result.
#[derive(Clone, Debug, Default)]
pub struct Annotations {
    entries: Vec<Entry>,
    by_text: HashMap<Box<str>, usize>,
    scratch: String,
}

impl Annotations {
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn add(&mut self, note: Note<'_>, span: Span) {
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        let level = note.write(&mut text);
        self.insert(level, &text, span, note.details());
        self.scratch = text;
    }

    /// Adds those of `later`, which were raised after these.
    pub fn merge(&mut self, later: Self) {
        if self.entries.is_empty() {
            *self = later;
            return;
        }
        for entry in later.entries {
            self.insert(entry.level, &entry.text, entry.span, entry.details);
        }
    }

    fn insert(&mut self, level: Level, text: &str, span: Span, details: Details) {
        if let Some(&place) = self.by_text.get(text) {
            let entry = &mut self.entries[place];
            entry.span = span;
            entry.details = entry.details.and(details);
            return;
        }
        self.by_text.insert(text.into(), self.entries.len());
        self.entries.push(Entry { level, text: text.into(), span, details });
    }

    /// These annotations as raised by an equal piece of the query that stands `shift` bytes further on.
    pub(crate) fn shifted(&self, shift: i64) -> Self {
        let moved = |place: u32| u32::try_from(i64::from(place) + shift).unwrap_or(0);
        let mut shifted = self.clone();
        for entry in &mut shifted.entries {
            entry.span = Span::new(moved(entry.span.start), moved(entry.span.end));
        }
        shifted
    }

    /// Warnings and infos with line and column in `query`. Of each at most as many as allowed (0: all), and a line that tells how many are missing.
    pub fn to_texts(&self, query: &str, max_warnings: usize, max_infos: usize) -> (Vec<String>, Vec<String>) {
        let texts = |level: Level, most: usize, noun: &str| {
            let all = self.entries.iter().filter(|entry| entry.level == level);
            let count = all.clone().count();
            let shown = if most == 0 { count } else { most.min(count) };
            let mut texts: Vec<String> = all.take(shown).map(|entry| entry.with_place(query)).collect();
            if count > shown {
                texts.push(format!("{} more {noun} annotations omitted", count - shown));
            }
            texts
        };
        (texts(Level::Warning, max_warnings, "warning"), texts(Level::Info, max_infos, "info"))
    }
}

impl Details {
    fn and(self, later: Self) -> Self {
        match (self, later) {
            (
                Self::Monotonicity { fix, until_ms, samples },
                Self::Monotonicity { fix: other, until_ms: other_until, samples: more },
            ) => {
                let fix = MonotonicityFix {
                    time_ms: fix.time_ms.min(other.time_ms),
                    min_bucket: fix.min_bucket.min(other.min_bucket),
                    max_bucket: fix.max_bucket.max(other.max_bucket),
                    max_diff: fix.max_diff.max(other.max_diff),
                };
                Self::Monotonicity { fix, until_ms: until_ms.max(other_until), samples: samples + more }
            }
            (Self::Overlaps { count }, Self::Overlaps { count: more }) => {
                Self::Overlaps { count: count + more }
            }
            (_, later) => later,
        }
    }
}

impl Entry {
    fn with_place(&self, query: &str) -> String {
        let place = self.span.position(query);
        let text = &self.text;
        match self.details {
            Details::None => format!("{text} ({place})"),
            Details::Overlaps { count: 1 } => format!("{text} ({place})"),
            Details::Overlaps { count } => format!("{text} ({count} occurrences) ({place})"),
            Details::Monotonicity { fix, until_ms, samples } => format!(
                "{text}, from buckets {} to {}, with a max diff of {}, over {samples} samples from {} to {} ({place})",
                shortest(fix.min_bucket),
                shortest(fix.max_bucket),
                significant(fix.max_diff, 2),
                Civil::from_unix_seconds(fix.time_ms / 1000).rfc3339(),
                Civil::from_unix_seconds(until_ms / 1000).rfc3339(),
            ),
        }
    }
}

impl Note<'_> {
    fn details(&self) -> Details {
        match self {
            Self::ForcedMonotonicity { fix, .. } => {
                Details::Monotonicity { fix: *fix, until_ms: fix.time_ms, samples: 1 }
            }
            Self::StartTimeOverlap(_) => Details::Overlaps { count: 1 },
            _ => Details::None,
        }
    }

    fn level(&self) -> Level {
        match self {
            Self::InvalidRatio { .. }
            | Self::InvalidQuantile(_)
            | Self::BadBucketLabel { .. }
            | Self::MixedFloatsHistograms(_)
            | Self::MixedFloatsHistogramsInAggregation
            | Self::MixedClassicNative(_)
            | Self::NotACounter(_)
            | Self::NotAGauge(_)
            | Self::MixedExponentialCustom(_)
            | Self::IncompatibleBucketLayout(_)
            | Self::SortInRangeQuery
            | Self::CounterResetCollision(_)
            | Self::StartTimeOverlap(_) => Level::Warning,
            _ => Level::Info,
        }
    }

    /// Writes the text without its place.
    fn write(&self, out: &mut String) -> Level {
        let level = self.level();
        out.push_str(if level == Level::Warning { "PromQL warning: " } else { "PromQL info: " });
        match *self {
            Self::InvalidRatio { ratio, capped } => {
                let (ratio, capped) = (shortest(ratio), shortest(capped));
                put(
                    out,
                    format_args!("ratio value should be between -1 and 1, got {ratio}, capping to {capped}"),
                );
            }
            Self::InvalidQuantile(quantile) => {
                put(
                    out,
                    format_args!("quantile value should be between 0 and 1, got {}", shortest(quantile)),
                );
            }
            Self::BadBucketLabel { name, value } => {
                put(
                    out,
                    format_args!(
                        "bucket label \"le\" is missing or has a malformed value of {}",
                        Quoted(value)
                    ),
                );
                for_metric(out, name);
            }
            Self::MixedFloatsHistograms(name) => {
                put(
                    out,
                    format_args!(
                        "encountered a mix of histograms and floats for metric name {}",
                        Quoted(name)
                    ),
                );
            }
            Self::MixedFloatsHistogramsInAggregation => {
                out.push_str("encountered a mix of histograms and floats for aggregation");
            }
            Self::MixedClassicNative(name) => {
                out.push_str("vector contains a mix of classic and native histograms");
                for_metric(out, name);
            }
            Self::NotACounter(name) => {
                put(out, format_args!("this native histogram metric is not a counter: {}", Quoted(name)));
            }
            Self::NotAGauge(name) => {
                put(out, format_args!("this native histogram metric is not a gauge: {}", Quoted(name)));
            }
            Self::MixedExponentialCustom(name) => put(
                out,
                format_args!(
                    "vector contains a mix of histograms with exponential and custom buckets schemas for metric name {}",
                    Quoted(name)
                ),
            ),
            Self::IncompatibleBucketLayout(op) => {
                put(out, format_args!("incompatible bucket layout encountered for binary operator {op}"));
            }
            Self::SortInRangeQuery => {
                out.push_str(
                    "sort is ineffective for range queries since results are always ordered by labels",
                );
            }
            _ => self.write_more(out),
        }
        level
    }

    fn write_more(&self, out: &mut String) {
        match *self {
            Self::CounterResetCollision(operation) => {
                put(out, format_args!("conflicting counter resets during histogram {}", operation.name()));
            }
            Self::StartTimeOverlap(name) => put(
                out,
                format_args!(
                    "sample has start time that overlaps with previous sample timestamp for metric {}",
                    Quoted(name)
                ),
            ),
            _ => self.write_info(out),
        }
    }

    fn write_info(&self, out: &mut String) {
        match *self {
            Self::PossibleNonCounter(name) => put(
                out,
                format_args!(
                    "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}",
                    Quoted(name)
                ),
            ),
            Self::PossibleNonCounterType { name, type_label } => put(
                out,
                format_args!(
                    "metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got {}: {}",
                    Quoted(type_label),
                    Quoted(name)
                ),
            ),
            Self::ForcedMonotonicity { name, .. } => {
                out.push_str("input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)");
                for_metric(out, name);
            }
            Self::IncompatibleTypes { left, op, right } => put(
                out,
                format_args!(
                    "incompatible sample types encountered for binary operator \"{op}\": {left} {op} {right}"
                ),
            ),
            Self::HistogramIgnoredInAggregation(aggregation) => {
                put(out, format_args!("ignored histogram in {aggregation} aggregation"));
            }
            Self::HistogramIgnoredInMixedRange(name) => put(
                out,
                format_args!(
                    "ignored histograms in a range containing both floats and histograms for metric name {}",
                    Quoted(name)
                ),
            ),
            Self::QuantileNanResult(name) => {
                out.push_str("input to histogram_quantile has NaN observations, result is NaN");
                for_metric(out, name);
            }
            Self::QuantileNanSkew(name) => {
                out.push_str("input to histogram_quantile has NaN observations, result is skewed higher");
                for_metric(out, name);
            }
            Self::FractionNans(name) => {
                out.push_str(
                    "input to histogram_fraction has NaN observations, which are excluded from all fractions",
                );
                for_metric(out, name);
            }
            Self::MismatchedCustomBuckets(operation) => {
                put(
                    out,
                    format_args!("mismatched custom buckets were reconciled during {}", operation.name()),
                );
            }
            // The others are written by `write` and `write_more`.
            _ => {}
        }
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    use std::fmt::Write;
    out.write_fmt(text).expect("writing to a string cannot fail");
}

fn for_metric(out: &mut String, name: &str) {
    if !name.is_empty() {
        put(out, format_args!(" for metric name {}", Quoted(name)));
    }
}

/// A name in quotes as Go writes them.
struct Quoted<'a>(&'a str);

impl std::fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        model::quote::write_quoted(f, self.0.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_annotation_at_the_last_place() {
        let mut notes = Annotations::default();
        notes.add(Note::PossibleNonCounter("up"), Span::new(0, 1));
        notes.add(Note::PossibleNonCounter("up"), Span::new(5, 6));
        notes.add(Note::InvalidQuantile(1.5), Span::new(3, 4));
        let (warnings, infos) = notes.to_texts("a\nbcdefg", 0, 0);
        assert_eq!(warnings, ["PromQL warning: quantile value should be between 0 and 1, got 1.5 (2:2)"]);
        assert_eq!(
            infos,
            [
                "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"up\" (2:4)"
            ]
        );
    }

    #[test]
    fn details_add_up() {
        let mut notes = Annotations::default();
        for (time_ms, max_diff) in [(60_000, 1.0), (0, 2.25)] {
            let fix = MonotonicityFix { time_ms, min_bucket: 0.5, max_bucket: 4.0, max_diff };
            notes.add(Note::ForcedMonotonicity { name: "", fix }, Span::new(0, 1));
        }
        let (_, infos) = notes.to_texts("q", 0, 0);
        assert!(infos[0].ends_with(
            ", from buckets 0.5 to 4, with a max diff of 2.2, over 2 samples from 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z (1:1)"
        ));
    }

    #[test]
    fn the_surplus_is_counted() {
        let mut notes = Annotations::default();
        ["a", "b", "c"].iter().for_each(|name| notes.add(Note::PossibleNonCounter(name), Span::default()));
        let (_, infos) = notes.to_texts("q", 10, 2);
        assert_eq!(infos[2], "1 more info annotations omitted");
    }
}
