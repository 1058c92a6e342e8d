//! `load` and `load_with_nhcb`: series into memory, with start timestamps from `@st` lines, and classic histograms as native ones too.

use super::script::{Lines, ScriptError};
use eval::memory::{LoadedSample, MemorySource};
use model::Labels;
use model::histogram::{Buckets, CUSTOM_SCHEMA, FloatHistogram, Span};
use promql::{SeriesValue, parse_duration_ms, parse_metric, parse_series};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Series of a load command.
pub struct Load {
    with_nhcb: bool,
    series: BTreeMap<Labels, Vec<LoadedSample>>,
}

pub fn parse_load(line: &str, lines: &mut Lines<'_>) -> Result<Load, ScriptError> {
    const WRONG: &str = "invalid load command. (load[_with_nhcb] <step:duration>)";
    let mut words = line.split_whitespace();
    let with_nhcb = match words.next() {
        Some("load") => false,
        Some("load_with_nhcb") => true,
        _ => return Err(lines.error(WRONG)),
    };
    let step = words.next().ok_or_else(|| lines.error(WRONG))?;
    let step_ms = parse_duration_ms(step)
        .map_err(|reason| lines.error(format!("invalid step definition {step:?}: {reason}")))?;
    let mut load = Load { with_nhcb, series: BTreeMap::new() };
    let mut starts: Option<(Labels, Vec<Option<i64>>)> = None;
    while let Some(line) = lines.in_block() {
        if let Some((metric, offsets)) = start_line(line) {
            if starts.is_some() {
                return Err(lines.error("@st line has no following sample line"));
            }
            let labels = parse_metric(metric).map_err(|reason| lines.error(reason))?;
            starts = Some((labels, parse_offsets(offsets).map_err(|reason| lines.error(reason))?));
            continue;
        }
        let series = parse_series(line).map_err(|error| lines.error(error))?;
        let (labels, values) = (series.labels, series.values);
        let offsets = match starts.take() {
            Some((metric, _)) if metric != labels => {
                return Err(lines.error("@st metric does not match the following sample line metric"));
            }
            Some((_, offsets)) if offsets.len() != values.len() => {
                return Err(lines.error(format!(
                    "@st line has {} values but sample line has {}",
                    offsets.len(),
                    values.len()
                )));
            }
            Some((_, offsets)) => offsets,
            None => Vec::new(),
        };
        load.series.insert(labels, samples(&values, &offsets, step_ms));
    }
    if starts.is_some() {
        return Err(lines.error("@st line has no following sample line"));
    }
    Ok(load)
}

/// Metric and offsets of a line like `metric{a="b"}@st -1m x`.
fn start_line(line: &str) -> Option<(&str, &str)> {
    let blank = line.find([' ', '\t'])?;
    let metric = line[..blank].strip_suffix("@st")?;
    Some((metric, line[blank..].trim()))
}

/// Offsets in milliseconds from the times of the samples; `None` for `_`.
fn parse_offsets(text: &str) -> Result<Vec<Option<i64>>, String> {
    let mut offsets = Vec::new();
    for item in text.split_whitespace() {
        if let Some(times) = item.strip_prefix('_') {
            let times = if times.is_empty() { 1 } else { parse_times(times)? };
            offsets.extend(std::iter::repeat_n(None, times));
            continue;
        }
        let (mut offset, rest) = duration_prefix(item)?;
        if rest.is_empty() {
            offsets.push(Some(offset));
            continue;
        }
        let (step, rest) = if rest.starts_with('x') { (0, rest) } else { duration_prefix(rest)? };
        for _ in 0..=parse_times(rest)? {
            offsets.push(Some(offset));
            offset += step;
        }
    }
    Ok(offsets)
}

fn parse_times(text: &str) -> Result<usize, String> {
    text.strip_prefix('x')
        .and_then(|times| times.parse().ok())
        .filter(|times| *times <= 1 << 20)
        .ok_or_else(|| format!("invalid repeat count {text:?}"))
}

/// A signed duration and what follows it; `x` ends it.
fn duration_prefix(text: &str) -> Result<(i64, &str), String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = unsigned.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(unsigned.len());
    let unit = unsigned[digits..].find(|letter: char| !letter.is_ascii_alphabetic() || letter == 'x');
    let end = unit.map_or(unsigned.len(), |unit| digits + unit);
    let duration_ms = parse_duration_ms(&unsigned[..end])?;
    Ok((if text.starts_with('-') { -duration_ms } else { duration_ms }, &unsigned[end..]))
}

fn samples(values: &[SeriesValue], offsets: &[Option<i64>], step_ms: i64) -> Vec<LoadedSample> {
    let mut samples = Vec::new();
    for (place, value) in values.iter().enumerate() {
        let time_ms = step_ms * place as i64;
        let start_ms = offsets.get(place).copied().flatten().map_or(0, |offset| time_ms + offset);
        match value {
            SeriesValue::Omitted => {}
            SeriesValue::Float(value) => {
                samples.push(LoadedSample { time_ms, start_ms, value: *value, histogram: None });
            }
            SeriesValue::Histogram(histogram) => {
                let histogram = Some(Arc::clone(histogram));
                samples.push(LoadedSample { time_ms, start_ms, value: 0.0, histogram });
            }
        }
    }
    samples
}

impl Load {
    pub fn apply(self, source: &mut MemorySource) -> Result<(), String> {
        let converted = if self.with_nhcb { convert(&self.series)? } else { BTreeMap::new() };
        for (labels, samples) in self.series.into_iter().chain(converted) {
            source.append(labels, samples);
        }
        Ok(())
    }
}

/// What is known about a classic histogram at one time.
#[derive(Default)]
struct Classic {
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

/// Native histograms with custom bounds for all classic ones.
fn convert(
    series: &BTreeMap<Labels, Vec<LoadedSample>>,
) -> Result<BTreeMap<Labels, Vec<LoadedSample>>, String> {
    let mut found: BTreeMap<Labels, BTreeMap<i64, Classic>> = BTreeMap::new();
    for (labels, samples) in series {
        let name = labels.metric_name();
        let Some((base, kind)) = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix).map(|base| (base, *suffix)))
        else {
            continue;
        };
        let bound = labels.get("le").parse::<f64>();
        if kind == "_bucket" && !bound.as_ref().is_ok_and(|bound| !bound.is_nan()) {
            continue;
        }
        let base = labels.with(Labels::METRIC_NAME, base).with("le", "");
        let times = found.entry(base).or_default();
        for sample in samples.iter().filter(|sample| sample.histogram.is_none()) {
            let classic = times.entry(sample.time_ms).or_default();
            match (kind, &bound) {
                ("_bucket", Ok(bound)) => classic.buckets.push((*bound, sample.value)),
                ("_count", _) => classic.count = Some(sample.value),
                _ => classic.sum = sample.value,
            }
        }
    }
    let convert_times = |times: BTreeMap<i64, Classic>| -> Result<Vec<LoadedSample>, String> {
        times
            .into_iter()
            .map(|(time_ms, classic)| {
                let histogram = Some(Arc::new(classic.into_native()?));
                Ok(LoadedSample { time_ms, start_ms: 0, value: 0.0, histogram })
            })
            .collect()
    };
    found.into_iter().map(|(labels, times)| Ok((labels, convert_times(times)?))).collect()
}

impl Classic {
    fn into_native(mut self) -> Result<FloatHistogram, String> {
        self.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.buckets.dedup_by(|later, earlier| later.0 == earlier.0);
        if self.buckets.windows(2).any(|pair| pair[1].1 < pair[0].1) {
            return Err("count is not cumulative".to_owned());
        }
        let count = self.count.unwrap_or_else(|| self.buckets.last().map_or(0.0, |(_, count)| *count));
        if self.buckets.last().is_none_or(|(bound, _)| *bound != f64::INFINITY) {
            self.buckets.push((f64::INFINITY, count));
        }
        if self.buckets.last().is_some_and(|(_, last)| *last != count) {
            return Err("count mismatch".to_owned());
        }
        let mut previous = 0.0;
        let counts = self.buckets.iter().map(|(_, count)| {
            let own = count - previous;
            previous = *count;
            own
        });
        let counts: Vec<f64> = counts.collect();
        let bounds: Vec<f64> =
            self.buckets.iter().map(|(bound, _)| *bound).filter(|bound| bound.is_finite()).collect();
        let spans = vec![Span { offset: 0, length: counts.len() as u32 }];
        let mut histogram = FloatHistogram {
            schema: CUSTOM_SCHEMA,
            count,
            sum: self.sum,
            positive: Buckets::new(spans, counts),
            custom_values: Some(bounds.into()),
            ..FloatHistogram::default()
        };
        histogram.compact(0);
        histogram.validate().map_err(|error| error.to_string())?;
        Ok(histogram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_offsets_are_expanded() {
        assert_eq!(
            parse_offsets("_ _x2 -1m 30sx1 0s+1sx2"),
            Ok(vec![
                None,
                None,
                None,
                Some(-60_000),
                Some(30_000),
                Some(30_000),
                Some(0),
                Some(1000),
                Some(2000)
            ])
        );
        assert_eq!(start_line("up{a=\"b\"}@st _ 1m"), Some(("up{a=\"b\"}", "_ 1m")));
        assert!(parse_offsets("x").is_err());
    }
}
