//! Histograms in braces: `{{schema:1 sum:5 count:4 z_bucket:1 z_bucket_w:0.1 offset:-1 buckets:[1 2 1] counter_reset_hint:gauge}}`.

use super::{MOST_VALUES, SequenceValue, parse_times};
use model::histogram::{Buckets, CUSTOM_SCHEMA, CounterResetHint, FloatHistogram, Span};
use std::sync::Arc;

/// A histogram, repeated, or counted up and down by another.
pub(super) fn parse_item(item: &str, values: &mut Vec<SequenceValue>) -> Result<(), String> {
    let (first, has_hint, after) = parse(item)?;
    let value = |histogram: &FloatHistogram, has_hint| SequenceValue::Histogram {
        histogram: Arc::new(histogram.clone()),
        has_hint,
    };
    if after.is_empty() {
        values.push(value(&first, has_hint));
        return Ok(());
    }
    if after.starts_with('x') {
        values.extend((0..=parse_times(after)?).map(|_| value(&first, has_hint)));
        return Ok(());
    }
    let (add, rest) = match (after.strip_prefix('+'), after.strip_prefix('-')) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        _ => return Err(format!("unexpected {after:?}")),
    };
    let (step, _, after) = parse(rest)?;
    let times = parse_times(after)?;
    let mut current = first;
    values.push(value(&current, has_hint));
    for _ in 0..times.min(MOST_VALUES) {
        if current.schema > step.schema {
            return Err(format!(
                "error combining histograms: cannot merge from schema {} to {}",
                step.schema, current.schema
            ));
        }
        let merged = if add { current.add(&step) } else { current.subtract(&step) };
        merged.map_err(|error| error.to_string())?;
        values.push(value(&current, has_hint));
    }
    Ok(())
}

/// The histogram at the beginning of `text`, whether it has a reset hint, and what follows it.
fn parse(text: &str) -> Result<(FloatHistogram, bool, &str), String> {
    let body = text.strip_prefix("{{").ok_or("a histogram begins with {{")?;
    let end = body.find("}}").ok_or("a histogram ends with }}")?;
    let (mut body, after) = (body[..end].trim(), &body[end + 2..]);
    let mut parts = Parts::default();
    while !body.is_empty() {
        let (key, rest) = body.split_once(':').ok_or_else(|| format!("expected key:value at {body:?}"))?;
        let (value, rest) = match rest.strip_prefix('[') {
            Some(list) => list.split_once(']').ok_or_else(|| format!("a list of {key} is not closed"))?,
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        parts.set(key.trim(), value)?;
        body = rest.trim_start();
    }
    let has_hint = parts.has_hint;
    Ok((parts.build(), has_hint, after))
}

#[derive(Default)]
struct Parts {
    histogram: FloatHistogram,
    has_hint: bool,
    offset: i32,
    negative_offset: i32,
    buckets: Vec<f64>,
    negative_buckets: Vec<f64>,
}

impl Parts {
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let histogram = &mut self.histogram;
        match key {
            "schema" => histogram.schema = integer(key, value)?,
            "sum" => histogram.sum = number(value)?,
            "count" => histogram.count = number(value)?,
            "z_bucket" => histogram.zero_count = number(value)?,
            "z_bucket_w" => histogram.zero_threshold = number(value)?,
            "custom_values" => histogram.custom_values = Some(numbers(value)?.into()),
            "buckets" => self.buckets = numbers(value)?,
            "offset" => self.offset = integer(key, value)?,
            "n_buckets" => self.negative_buckets = numbers(value)?,
            "n_offset" => self.negative_offset = integer(key, value)?,
            "counter_reset_hint" => {
                self.has_hint = true;
                histogram.reset_hint = match value {
                    "unknown" => CounterResetHint::Unknown,
                    "reset" => CounterResetHint::Reset,
                    "not_reset" => CounterResetHint::NotReset,
                    "gauge" => CounterResetHint::Gauge,
                    other => {
                        return Err(format!(
                            "bad histogram descriptor: unknown counter reset hint {other:?}"
                        ));
                    }
                };
            }
            other => return Err(format!("bad histogram descriptor found: {other:?}")),
        }
        Ok(())
    }

    fn build(self) -> FloatHistogram {
        let side = |offset: i32, counts: Vec<f64>| match u32::try_from(counts.len()) {
            Ok(0) | Err(_) => Buckets::default(),
            Ok(length) => Buckets::new(vec![Span { offset, length }], counts),
        };
        let mut histogram = self.histogram;
        histogram.positive = side(self.offset, self.buckets);
        histogram.negative = side(self.negative_offset, self.negative_buckets);
        if histogram.schema == CUSTOM_SCHEMA && histogram.custom_values.is_none() {
            histogram.custom_values = Some(Arc::default());
        }
        histogram
    }
}

fn integer<T: TryFrom<i64>>(key: &str, value: &str) -> Result<T, String> {
    value
        .parse::<i64>()
        .ok()
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| format!("error parsing histogram: invalid {key} {value:?}"))
}

fn number(value: &str) -> Result<f64, String> {
    match super::parse_number(value)? {
        (number, "") => Ok(number),
        _ => Err(format!("invalid number {value:?}")),
    }
}

fn numbers(list: &str) -> Result<Vec<f64>, String> {
    list.split_whitespace().map(number).collect()
}
