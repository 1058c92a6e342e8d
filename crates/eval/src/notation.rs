//! The notation of series in test scripts and in unit tests of rules: `up{job="a"} 1 2+3x4 _x2 stale {{count:3 buckets:[1 2]}}`.
//!
//! A value may be repeated (`1x3` is four ones) or counted up and down (`1+2x3`, `1-2x3`); `_` is a missing sample. Histograms stand in double braces.

mod histogram;

use crate::grid::Sample;
use model::Labels;
use model::histogram::STALE_BITS;
use model::matcher::MatchOp;
use std::sync::Arc;

/// One place in a sequence.
#[derive(Clone, Debug)]
pub enum SequenceValue {
    /// `_`: no sample.
    Omitted,
    Float(f64),
    Histogram {
        histogram: Arc<model::histogram::FloatHistogram>,
        /// The text says which reset hint it has.
        has_hint: bool,
    },
}

impl SequenceValue {
    pub fn sample(&self) -> Option<Sample> {
        match self {
            Self::Omitted => None,
            Self::Float(value) => Some(Sample::Float(*value)),
            Self::Histogram { histogram, .. } => Some(Sample::Histogram(Arc::clone(histogram))),
        }
    }
}

/// A series may not be written longer than this.
const MOST_VALUES: u64 = 1 << 20;

/// Why a line is no series.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read series {line:?}: {reason}")]
pub struct NotationError {
    pub line: String,
    pub reason: String,
}

/// Reads a series: its labels and its values.
pub fn parse_series(line: &str) -> Result<(Labels, Vec<SequenceValue>), NotationError> {
    let error = |reason: String| NotationError { line: line.to_owned(), reason };
    let end = metric_end(line);
    let labels = parse_metric(&line[..end]).map_err(error)?;
    let values = parse_values(&line[end..]).map_err(error)?;
    Ok((labels, values))
}

/// Reads `name{label="value"}` as a label set.
pub fn parse_metric(text: &str) -> Result<Labels, String> {
    let text = text.trim();
    if text.is_empty() || text == "{}" {
        return Ok(Labels::default());
    }
    let matchers = match promql::parse_selector(text) {
        Ok(matchers) => matchers,
        // A label set of empty values alone is refused as a selector and means no labels here.
        Err(errors) => return Err(errors.first().to_string()),
    };
    let mut pairs = Vec::new();
    for matcher in matchers {
        if matcher.op() != MatchOp::Equal {
            return Err(format!("{matcher} is no label"));
        }
        pairs.push((matcher.name().to_owned(), matcher.value().to_owned()));
    }
    Ok(Labels::from_pairs(pairs))
}

/// Where the metric ends and the values begin: after the closing brace, or at the first blank.
pub fn metric_end(line: &str) -> usize {
    let mut quote: Option<char> = None;
    let mut depth = 0;
    let mut escaped = false;
    for (place, letter) in line.char_indices() {
        match (quote, letter) {
            (Some(_), _) if escaped => escaped = false,
            (Some(open), '\\') if open != '`' => escaped = true,
            (Some(open), letter) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(letter),
            (None, '{') => depth += 1,
            (None, '}') => {
                depth -= 1;
                if depth == 0 {
                    return place + 1;
                }
            }
            (None, ' ' | '\t') if depth == 0 && place > 0 => {
                // Blanks may stand between a name and its labels.
                if line[place..].trim_start().starts_with('{')
                    && !line[place..].trim_start().starts_with("{{")
                {
                    continue;
                }
                return place;
            }
            _ => {}
        }
    }
    line.len()
}

/// Reads a sequence of values.
pub fn parse_values(text: &str) -> Result<Vec<SequenceValue>, String> {
    let mut values = Vec::new();
    for item in items(text) {
        parse_item(item, &mut values).map_err(|reason| format!("{reason} in {item:?}"))?;
        if values.len() as u64 > MOST_VALUES {
            return Err(format!("more than {MOST_VALUES} values"));
        }
    }
    Ok(values)
}

/// Items are separated by blanks, but for those within braces.
fn items(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        let mut depth = 0i32;
        let end = rest.char_indices().find(|(_, letter)| {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            depth <= 0 && letter.is_whitespace()
        });
        let (item, after) = rest.split_at(end.map_or(rest.len(), |(place, _)| place));
        rest = after;
        Some(item)
    })
}

fn parse_item(item: &str, values: &mut Vec<SequenceValue>) -> Result<(), String> {
    if let Some(after) = item.strip_prefix('_') {
        let times = if after.is_empty() { 1 } else { parse_times(after)? };
        values.extend((0..times).map(|_| SequenceValue::Omitted));
        return Ok(());
    }
    if item.starts_with("{{") {
        return histogram::parse_item(item, values);
    }
    if let Some(after) = item.strip_prefix("stale") {
        let times = if after.is_empty() { 0 } else { parse_times(after)? };
        values.extend((0..=times).map(|_| SequenceValue::Float(f64::from_bits(STALE_BITS))));
        return Ok(());
    }
    let (first, after) = parse_number(item)?;
    if after.is_empty() {
        values.push(SequenceValue::Float(first));
        return Ok(());
    }
    if after.starts_with('x') {
        let times = parse_times(after)?;
        values.extend((0..=times).map(|_| SequenceValue::Float(first)));
        return Ok(());
    }
    let (step, after) = parse_number(after)?;
    let times = parse_times(after)?;
    let mut value = first;
    for _ in 0..=times {
        values.push(SequenceValue::Float(value));
        value += step;
    }
    Ok(())
}

/// `x12`.
fn parse_times(text: &str) -> Result<u64, String> {
    let times = text.strip_prefix('x').and_then(|times| times.parse::<u64>().ok());
    times.filter(|times| *times <= MOST_VALUES).ok_or_else(|| format!("invalid repetition {text:?}"))
}

/// A signed number from the beginning of `text`, and what follows it.
fn parse_number(text: &str) -> Result<(f64, &str), String> {
    let unsigned = text.trim_start_matches(['+', '-']);
    let signs = &text[..text.len() - unsigned.len()];
    let negative = signs.matches('-').count() % 2 == 1;
    let lower = unsigned.get(..3).map(str::to_ascii_lowercase);
    let (value, after) = match lower.as_deref() {
        Some("nan") => (f64::NAN, &unsigned[3..]),
        Some("inf") => (f64::INFINITY, &unsigned[3..]),
        _ => {
            let end = number_end(unsigned);
            let digits: String = unsigned[..end].chars().filter(|letter| *letter != '_').collect();
            let value = digits.parse::<f64>().map_err(|_| format!("invalid number {text:?}"))?;
            (value, &unsigned[end..])
        }
    };
    Ok((if negative { -value } else { value }, after))
}

fn number_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut end = 0;
    while end < bytes.len() {
        let signed_exponent =
            matches!(bytes[end], b'+' | b'-') && end > 0 && matches!(bytes[end - 1], b'e' | b'E');
        if bytes[end].is_ascii_digit() || matches!(bytes[end], b'.' | b'e' | b'E' | b'_') || signed_exponent {
            end += 1;
        } else {
            break;
        }
    }
    end
}

#[cfg(test)]
mod tests;
