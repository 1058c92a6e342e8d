//! Aggregations that look at all values of a group together, step by step: `quantile` and `count_values`.

use super::grouping::{Grouping, Groups};
use crate::annotations::{Annotations, Note};
use crate::budget::Meter;
use crate::error::EvalError;
use crate::functions::quantiles::quantile_of;
use crate::grid::{Grid, Row, Sample, SampleRef};
use crate::rows::RowSet;
use model::Labels;
use promql::Span;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use stdx::number::plain;

/// `quantile(parameter, rows)`; `spans` are those of the vector and of the parameter.
pub fn quantile(
    parameter: &[f64],
    groups: &Groups,
    rows: &[Row],
    spans: (Span, Span),
    meter: &Meter,
    notes: &mut Annotations,
) -> Result<Vec<Row>, EvalError> {
    let (span, parameter_span) = spans;
    note_bad_parameters(parameter, parameter_span, notes);
    let mut results: Vec<Row> =
        groups.labels.iter().map(|labels| Row::empty(Arc::clone(labels), false, parameter.len())).collect();
    let mut values: Vec<Vec<f64>> = vec![Vec::new(); groups.len()];
    for row in rows {
        if row.histograms.as_ref().is_some_and(|column| column.iter().any(Option::is_some)) {
            notes.add(Note::HistogramIgnoredInAggregation("quantile"), span);
        }
    }
    for (row, group) in rows.iter().zip(&groups.of_series) {
        results[*group as usize].drop_name |= row.drop_name;
    }
    for (step, quantile) in parameter.iter().enumerate() {
        meter.check()?;
        for (row, group) in rows.iter().zip(&groups.of_series) {
            if let Some(SampleRef::Float(value)) = row.get(step) {
                values[*group as usize].push(value);
            }
        }
        for (values, result) in values.iter_mut().zip(&mut results).filter(|(values, _)| !values.is_empty()) {
            result.set_float(step, quantile_of(*quantile, values));
            values.clear();
        }
    }
    results.retain(|row| !row.is_empty());
    Ok(results)
}

fn note_bad_parameters(parameter: &[f64], span: Span, notes: &mut Annotations) {
    if parameter.iter().any(|value| value.is_nan()) {
        notes.add(Note::InvalidQuantile(f64::NAN), span);
    }
    let max = parameter.iter().copied().fold(f64::MIN, f64::max);
    if max > 1.0 {
        notes.add(Note::InvalidQuantile(max), span);
    }
    let min = parameter.iter().copied().fold(f64::MAX, f64::min);
    if min < 0.0 {
        notes.add(Note::InvalidQuantile(min), span);
    }
}

/// `count_values(label, rows)`: how often each value occurs in each group. The value is a label of the result.
pub fn count_values(
    label: &str,
    grouping: &Grouping,
    rows: &[Row],
    grid: &Grid,
    meter: &Arc<Meter>,
) -> Result<Vec<Row>, EvalError> {
    let grouping = match grouping.without {
        true => grouping.clone(),
        false => Grouping::new(false, grouping.names.iter().cloned().chain([Box::from(label)])),
    };
    let mut counted = RowSet::new(grid, meter);
    let mut key = Vec::new();
    for step in 0..grid.steps() {
        meter.check()?;
        let mut place_of: FxHashMap<Vec<u8>, usize> = FxHashMap::default();
        let mut counts: Vec<(Arc<Labels>, f64)> = Vec::new();
        for row in rows {
            let Some(sample) = row.get(step) else { continue };
            let value = match sample {
                SampleRef::Float(value) => plain(value),
                SampleRef::Histogram(histogram) => histogram.to_string(),
            };
            let labels = row.labels.with(label, &value);
            grouping.key(&labels, &mut key);
            match place_of.get(&key) {
                Some(place) => counts[*place].1 += 1.0,
                None => {
                    place_of.insert(key.clone(), counts.len());
                    counts.push((Arc::new(grouping.labels(&labels)), 1.0));
                }
            }
        }
        for (labels, count) in counts {
            counted.put(&labels, false, step, Sample::Float(count))?;
        }
    }
    Ok(counted.into_rows())
}
