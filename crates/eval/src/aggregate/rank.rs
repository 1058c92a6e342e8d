//! Aggregations that choose among the series of a group, step by step: `topk bottomk limitk limit_ratio`. Chosen samples keep their labels.

use crate::annotations::{Annotations, Note};
use crate::budget::Meter;
use crate::error::EvalError;
use crate::grid::{Bits, Grid, Row, SampleRef};
use model::Labels;
use promql::Span;
use promql::ast::Aggregator;
use stdx::number::shortest;
use xxhash_rust::xxh64::xxh64;

/// The parameter at every step, with its extremes.
pub struct Parameter<'a> {
    pub values: &'a [f64],
}

impl Parameter<'_> {
    fn max(&self) -> f64 {
        self.values.iter().copied().fold(f64::MIN, crate::functions::elementwise::max)
    }

    fn min(&self) -> f64 {
        self.values.iter().copied().fold(f64::MAX, crate::functions::elementwise::min)
    }

    fn has_nan(&self) -> bool {
        self.values.iter().any(|value| value.is_nan())
    }

    /// Whether there can be a result at all.
    fn check(&self, op: Aggregator, span: Span, notes: &mut Annotations) -> Result<bool, EvalError> {
        // The bounds of 64 bit integers, as floats; the upper one is the last float below 2^63.
        const LEAST: f64 = -9_223_372_036_854_775_808.0;
        const MOST: f64 = 9_223_372_036_854_774_784.0;
        let (max, min) = (self.max(), self.min());
        if op == Aggregator::LimitRatio {
            if max == 0.0 && min == 0.0 {
                return Ok(false);
            }
            if self.has_nan() {
                return Err(EvalError::execution("Ratio value is NaN"));
            }
            if max > 1.0 {
                notes.add(Note::InvalidRatio { ratio: max, capped: 1.0 }, span);
            }
            if min < -1.0 {
                notes.add(Note::InvalidRatio { ratio: min, capped: -1.0 }, span);
            }
            return Ok(true);
        }
        if max < 1.0 {
            return Ok(false);
        }
        if self.has_nan() {
            return Err(EvalError::execution("Parameter value is NaN"));
        }
        if min <= LEAST {
            return Err(EvalError::Execution(format!("Scalar value {} underflows int64", shortest(min))));
        }
        if max >= MOST {
            return Err(EvalError::Execution(format!("Scalar value {} overflows int64", shortest(max))));
        }
        Ok(true)
    }
}

/// Where the two kinds of annotations point.
#[derive(Clone, Copy)]
pub struct RankSpans {
    pub aggregate: Span,
    pub parameter: Span,
}

/// Keeps of `rows` what is chosen. `groups` has the group of every row.
pub fn choose(
    op: Aggregator,
    parameter: &Parameter<'_>,
    groups: &[u32],
    group_count: usize,
    rows: Vec<Row>,
    grid: &Grid,
    spans: RankSpans,
    meter: &Meter,
    notes: &mut Annotations,
) -> Result<Vec<Row>, EvalError> {
    if !parameter.check(op, spans.parameter, notes)? {
        return Ok(Vec::new());
    }
    let steps = grid.steps();
    let mut chooser = Chooser { op, heaps: vec![Vec::new(); group_count], offsets: Vec::new() };
    if op == Aggregator::LimitRatio {
        chooser.offsets = rows.iter().map(|row| label_offset(&row.labels)).collect();
    }
    let mut order = Vec::new();
    let mut kept = vec![Bits::none(steps); rows.len()];
    for step in 0..steps {
        meter.check()?;
        let chosen = chooser.step(step, parameter.values[step], groups, &rows, spans.aggregate, notes);
        chosen.iter().for_each(|place| kept[*place].set(step));
        order = chosen;
    }
    if grid.is_instant() {
        let mut rows: Vec<Option<Row>> = rows.into_iter().map(Some).collect();
        return Ok(order.into_iter().filter_map(|place| rows[place].take()).collect());
    }
    let chosen = rows.into_iter().zip(kept).filter(|(_, kept)| !kept.is_empty());
    Ok(chosen
        .map(|(mut row, kept)| {
            row.keep(&kept);
            row
        })
        .collect())
}

struct Chooser {
    op: Aggregator,
    /// Value and place of the row, per group.
    heaps: Vec<Vec<(f64, usize)>>,
    /// Of `limit_ratio`: where each row lies between 0 and 1.
    offsets: Vec<f64>,
}

impl Chooser {
    /// Places of the chosen rows, group by group, best first.
    fn step(
        &mut self,
        step: usize,
        parameter: f64,
        groups: &[u32],
        rows: &[Row],
        span: Span,
        notes: &mut Annotations,
    ) -> Vec<usize> {
        self.heaps.iter_mut().for_each(Vec::clear);
        if self.op != Aggregator::LimitRatio && parameter < 1.0 {
            return Vec::new();
        }
        let most = (parameter as i64).clamp(0, rows.len() as i64) as usize;
        let ratio = parameter.clamp(-1.0, 1.0);
        for (place, row) in rows.iter().enumerate() {
            let Some(sample) = row.get(step) else { continue };
            let heap = &mut self.heaps[groups[place] as usize];
            match (self.op, sample) {
                (Aggregator::Limitk, _) => {
                    if heap.len() < most {
                        heap.push((0.0, place));
                    }
                }
                (Aggregator::LimitRatio, _) => {
                    if is_sampled(ratio, self.offsets[place]) {
                        heap.push((0.0, place));
                    }
                }
                (op, SampleRef::Histogram(_)) => {
                    notes.add(Note::HistogramIgnoredInAggregation(op.name()), span);
                }
                (op, SampleRef::Float(value)) => push(heap, most, (value, place), op == Aggregator::Topk),
            }
        }
        let descending = self.op == Aggregator::Topk;
        if matches!(self.op, Aggregator::Topk | Aggregator::Bottomk) {
            for heap in &mut self.heaps {
                heap.sort_by(|a, b| rank(a.0, b.0, descending));
            }
        }
        self.heaps.iter().flatten().map(|(_, place)| *place).collect()
    }
}

/// Best first; NaN is always worst.
fn rank(a: f64, b: f64, descending: bool) -> std::cmp::Ordering {
    a.partial_cmp(&b)
        .map(|order| if descending { order.reverse() } else { order })
        .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// Adds to a heap of at most `most` entries whose root is the worst of them.
fn push(heap: &mut Vec<(f64, usize)>, most: usize, entry: (f64, usize), descending: bool) {
    let worse = |a: &(f64, usize), b: &(f64, usize)| rank(a.0, b.0, descending).is_gt();
    if heap.len() < most {
        heap.push(entry);
        let mut child = heap.len() - 1;
        while child > 0 && worse(&heap[child], &heap[(child - 1) / 2]) {
            heap.swap(child, (child - 1) / 2);
            child = (child - 1) / 2;
        }
        return;
    }
    if !worse(&heap[0], &entry) {
        return;
    }
    heap[0] = entry;
    let mut parent = 0;
    loop {
        let mut worst = parent;
        for child in [parent * 2 + 1, parent * 2 + 2] {
            if child < heap.len() && worse(&heap[child], &heap[worst]) {
                worst = child;
            }
        }
        if worst == parent {
            return;
        }
        heap.swap(parent, worst);
        parent = worst;
    }
}

/// A share `ratio` of all offsets from below, or `-ratio` from above: a ratio and its complement part all series.
fn is_sampled(ratio: f64, offset: f64) -> bool {
    if ratio >= 0.0 { offset < ratio } else { offset >= 1.0 + ratio }
}

/// Where a label set lies between 0 and 1: xxHash64 of names and values with their lengths, as Prometheus lays labels out in memory,
/// so that both sample the same series.
fn label_offset(labels: &Labels) -> f64 {
    let mut bytes = Vec::with_capacity(128);
    for (name, value) in labels.iter() {
        for text in [name, value] {
            match u8::try_from(text.len()) {
                Ok(length) if length < u8::MAX => bytes.push(length),
                _ => {
                    let length = (text.len() as u32).to_le_bytes();
                    bytes.extend_from_slice(&[u8::MAX, length[0], length[1], length[2]]);
                }
            }
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    xxh64(&bytes, 0) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_kept() {
        let best = |most, values: &[f64], descending| {
            let mut heap = Vec::new();
            values
                .iter()
                .enumerate()
                .for_each(|(place, value)| push(&mut heap, most, (*value, place), descending));
            heap.sort_by(|a, b| rank(a.0, b.0, descending));
            heap.iter().map(|(_, place)| *place).collect::<Vec<_>>()
        };
        let values = [3.0, f64::NAN, 9.0, -1.0, 5.0, 4.0];
        assert_eq!(best(3, &values, true), [2, 4, 5]);
        assert_eq!(best(3, &values, false), [3, 0, 5]);
        assert_eq!(best(9, &values, true), [2, 4, 5, 0, 3, 1]);
    }

    #[test]
    fn ratio_and_complement_part_all() {
        for offset in [0.0, 0.29, 0.31, 0.999] {
            assert!(is_sampled(0.3, offset) != is_sampled(-0.7, offset));
        }
        assert!(!is_sampled(0.0, 0.0));
    }
}
