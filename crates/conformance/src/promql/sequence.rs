//! Expected values: like those of a `load`, with the knowledge which histograms say what their reset hint is.

use eval::Sample;
use model::Labels;
use promql::{SeriesValue, parse_series};
use std::sync::Arc;

/// An expected value.
#[derive(Clone, Debug)]
pub struct Expected {
    pub value: SeriesValue,
    /// A reset hint is written out, and has to be met.
    pub has_hint: bool,
}

impl Expected {
    pub fn sample(&self) -> Option<Sample> {
        match &self.value {
            SeriesValue::Omitted => None,
            SeriesValue::Float(value) => Some(Sample::Float(*value)),
            SeriesValue::Histogram(histogram) => Some(Sample::Histogram(Arc::clone(histogram))),
        }
    }
}

/// Reads a series of expected values.
pub fn parse_expected(line: &str) -> Result<(Labels, Vec<Expected>), String> {
    let series = parse_series(line).map_err(|errors| errors.to_string())?;
    if !line.contains(HINT) {
        let without = |value| Expected { value, has_hint: false };
        return Ok((series.labels, series.values.into_iter().map(without).collect()));
    }
    // Each item again on its own, to see which values come from an item with a hint.
    let mut values = Vec::new();
    for item in items(&line[values_start(line)..]) {
        let parsed = parse_series(&format!("m {item}")).map_err(|errors| errors.to_string())?;
        let has_hint = item.contains(HINT);
        values.extend(parsed.values.into_iter().map(|value| Expected { value, has_hint }));
    }
    Ok((series.labels, values))
}

const HINT: &str = "counter_reset_hint:";

/// Where the values of a line with histograms begin: no metric has two braces in a row, or a blank outside of its braces.
fn values_start(line: &str) -> usize {
    let mut depth = 0;
    let mut quoted = false;
    for (place, letter) in line.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            '{' if !quoted && line[place..].starts_with("{{") => return place,
            '{' if !quoted => depth += 1,
            '}' if !quoted => depth -= 1,
            letter if letter.is_whitespace() && depth == 0 && !quoted => return place,
            _ => {}
        }
    }
    line.len()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_told_apart_value_by_value() {
        let (labels, values) =
            parse_expected(r#"m{a="b c"} 1 {{count:1}}x1 {{count:2 counter_reset_hint:gauge}} _"#).unwrap();
        assert_eq!(labels.to_string(), r#"{__name__="m", a="b c"}"#);
        assert_eq!(
            values.iter().map(|value| value.has_hint).collect::<Vec<_>>(),
            [false, false, false, true, false]
        );
        assert_eq!(parse_expected("{} {{sum:1 counter_reset_hint:reset}}x2").unwrap().1.len(), 3);
    }
}
