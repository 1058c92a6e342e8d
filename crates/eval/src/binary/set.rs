//! `and`, `or`, `unless`: bitmaps of one side against those of the other, signature by signature.

use super::signature::Signatures;
use crate::budget::Meter;
use crate::error::EvalError;
use crate::grid::{Bits, Grid, Row};
use crate::rows::RowSet;
use promql::ast::{BinaryOp, Matching};
use std::sync::Arc;

/// Combines two sides; order is left before right.
pub fn combine(
    op: BinaryOp,
    matching: &Matching,
    left: Vec<Row>,
    right: Vec<Row>,
    grid: &Grid,
    meter: &Arc<Meter>,
) -> Result<Vec<Row>, EvalError> {
    let mut signatures = Signatures::new(matching);
    let left_signatures: Vec<u32> = left.iter().map(|row| signatures.of(&row.labels)).collect();
    let right_signatures: Vec<u32> = right.iter().map(|row| signatures.of(&row.labels)).collect();
    let presence = |rows: &[Row], of_rows: &[u32]| {
        let mut presence = vec![Bits::none(grid.steps()); signatures.len()];
        for (row, signature) in rows.iter().zip(of_rows) {
            presence[*signature as usize].union(&row.present);
        }
        presence
    };
    if op == BinaryOp::Or {
        let taken = presence(&left, &left_signatures);
        let rest = right.into_iter().zip(right_signatures).map(|(mut row, signature)| {
            row.present.subtract(&taken[signature as usize]);
            row.forget_absent_histograms();
            row
        });
        let mut all = RowSet::new(grid, meter);
        for row in left.into_iter().chain(rest).filter(|row| !row.is_empty()) {
            all.put_row(row)?;
        }
        return Ok(all.into_rows());
    }
    let other = presence(&right, &right_signatures);
    let mut kept = Vec::with_capacity(left.len());
    for (mut row, signature) in left.into_iter().zip(left_signatures) {
        let other = &other[signature as usize];
        if op == BinaryOp::And {
            row.present.intersect(other);
        } else {
            row.present.subtract(other);
        }
        row.forget_absent_histograms();
        if !row.is_empty() {
            kept.push(row);
        }
    }
    Ok(kept)
}
