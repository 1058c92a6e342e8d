//! Rows put together sample by sample, and rows that turn out to have the same labels.
//!
//! In a range query samples of one label set are one series, and two at one step are an error. In an instant query every sample is a row of its own, in the
//! order in which they come; equal label sets are found at the end of the evaluation.

use crate::budget::{Charge, Meter};
use crate::error::EvalError;
use crate::grid::{Grid, Row, Sample};
use model::Labels;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// New rows are charged for in portions of this size.
const CHARGED_AT_ONCE: usize = 1 << 16;

/// What Prometheus says of two samples with one label set at one step.
pub fn same_labelset() -> EvalError {
    EvalError::execution("vector cannot contain metrics with the same labelset")
}

/// Collects samples into rows.
pub(crate) struct RowSet {
    meter: Arc<Meter>,
    charges: Vec<Charge>,
    /// Bytes of rows that are not charged for yet.
    pending_bytes: usize,
    steps: usize,
    merges: bool,
    rows: Vec<Row>,
    by_labels: FxHashMap<Arc<Labels>, usize>,
}

impl RowSet {
    pub fn new(grid: &Grid, meter: &Arc<Meter>) -> Self {
        Self {
            meter: Arc::clone(meter),
            charges: Vec::new(),
            pending_bytes: 0,
            steps: grid.steps(),
            merges: !grid.is_instant(),
            rows: Vec::new(),
            by_labels: FxHashMap::default(),
        }
    }

    /// Counts a new row, with its labels, which may be as new.
    fn count_row(&mut self, labels: &Labels) -> Result<(), EvalError> {
        let label_bytes: usize = labels.iter().map(|(name, value)| name.len() + value.len() + 32).sum();
        self.pending_bytes += size_of::<Row>() + self.steps * 8 + self.steps / 8 + label_bytes;
        if self.pending_bytes >= CHARGED_AT_ONCE {
            self.charges.push(self.meter.charge(0, std::mem::take(&mut self.pending_bytes))?);
            self.meter.check()?;
        }
        Ok(())
    }

    pub fn put(
        &mut self,
        labels: &Arc<Labels>,
        drop_name: bool,
        step: usize,
        sample: Sample,
    ) -> Result<(), EvalError> {
        if !self.merges {
            self.count_row(labels)?;
            let mut row = Row::empty(Arc::clone(labels), drop_name, self.steps);
            row.set(step, sample);
            self.rows.push(row);
            return Ok(());
        }
        let place = match self.by_labels.get(labels) {
            Some(place) => *place,
            None => {
                self.count_row(labels)?;
                self.by_labels.insert(Arc::clone(labels), self.rows.len());
                self.rows.push(Row::empty(Arc::clone(labels), drop_name, self.steps));
                self.rows.len() - 1
            }
        };
        let row = &mut self.rows[place];
        if row.present.get(step) {
            return Err(same_labelset());
        }
        row.set(step, sample);
        Ok(())
    }

    /// Adds a whole row.
    pub fn put_row(&mut self, row: Row) -> Result<(), EvalError> {
        if !self.merges {
            self.rows.push(row);
            return Ok(());
        }
        match self.by_labels.get(&row.labels) {
            Some(place) => absorb(&mut self.rows[*place], row),
            None => {
                self.by_labels.insert(Arc::clone(&row.labels), self.rows.len());
                self.rows.push(row);
                Ok(())
            }
        }
    }

    pub fn into_rows(self) -> Vec<Row> {
        self.rows
    }
}

/// Adds the samples of `other` to `row`; both must not have one at the same step.
fn absorb(row: &mut Row, other: Row) -> Result<(), EvalError> {
    if row.present.overlaps(&other.present) {
        return Err(same_labelset());
    }
    for (step, sample) in other.samples() {
        row.set(step, sample.to_owned());
    }
    Ok(())
}

/// Makes one row of rows with equal labels. Rows without equals stay where they are.
pub fn merge_equal(rows: Vec<Row>) -> Result<Vec<Row>, EvalError> {
    if rows.len() < 2 {
        return Ok(rows);
    }
    let mut by_labels: FxHashMap<Arc<Labels>, usize> = FxHashMap::default();
    by_labels.reserve(rows.len());
    let mut merged: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        match by_labels.get(&row.labels) {
            Some(place) => absorb(&mut merged[*place], row)?,
            None => {
                by_labels.insert(Arc::clone(&row.labels), merged.len());
                merged.push(row);
            }
        }
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, steps: &[usize]) -> Row {
        let mut row = Row::empty(Arc::new(Labels::from_pairs([("a", name)])), false, 4);
        steps.iter().for_each(|step| row.set_float(*step, 1.0));
        row
    }

    #[test]
    fn equal_rows_are_merged_unless_they_overlap() {
        let merged = merge_equal(vec![row("x", &[0]), row("y", &[0]), row("x", &[2, 3])]).unwrap();
        assert_eq!(merged.iter().map(|row| row.present.count()).collect::<Vec<_>>(), [3, 1]);
        assert_eq!(merge_equal(vec![row("x", &[0]), row("x", &[0])]).err(), Some(same_labelset()));
    }
}
