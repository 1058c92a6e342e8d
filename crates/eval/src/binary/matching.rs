//! Arithmetic and comparison between two vectors, one-to-one and with a "one" side (`group_left`, `group_right`).
//!
//! Where every signature has at most one series on the side that must be unique, and no two results can get the same labels, whole rows are combined.
//! Everything else goes step by step, as series come and go: what is a duplicate at one step is none at another.

use super::element::{OpContext, apply, floats};
use super::signature::Signatures;
use crate::budget::Meter;
use crate::error::EvalError;
use crate::grid::{Grid, Row, Sample, SampleRef};
use crate::rows::RowSet;
use model::Labels;
use promql::ast::{BinaryOp, Cardinality, Matching};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// An operator between vectors.
#[derive(Clone, Copy)]
pub struct VectorOp<'a> {
    pub op: BinaryOp,
    pub matching: &'a Matching,
    pub returns_bool: bool,
}

/// Labels that go when the result is another quantity.
const METADATA_LABELS: [&str; 3] = [Labels::METRIC_NAME, "__type__", "__unit__"];

/// Whether `name` describes the metric rather than the series.
pub fn is_metadata_label(name: &str) -> bool {
    METADATA_LABELS.contains(&name)
}

impl VectorOp<'_> {
    fn one_to_many(&self) -> bool {
        self.matching.cardinality == Cardinality::OneToMany
    }

    fn one_to_one(&self) -> bool {
        self.matching.cardinality == Cardinality::OneToOne
    }

    fn changes_meaning(&self) -> bool {
        !self.op.is_comparison() && !self.op.is_trim()
    }

    pub fn combine(
        &self,
        left: Vec<Row>,
        right: Vec<Row>,
        grid: &Grid,
        meter: &Arc<Meter>,
        context: &mut OpContext<'_>,
    ) -> Result<Vec<Row>, EvalError> {
        let fill = self.matching.fill;
        if (left.is_empty() && right.is_empty())
            || ((left.is_empty() || right.is_empty()) && fill.left.is_none() && fill.right.is_none())
        {
            return Ok(Vec::new());
        }
        let mut signatures = Signatures::new(self.matching);
        let (many, one) = if self.one_to_many() { (right, left) } else { (left, right) };
        let many_signatures: Vec<u32> = many.iter().map(|row| signatures.of(&row.labels)).collect();
        let one_signatures: Vec<u32> = one.iter().map(|row| signatures.of(&row.labels)).collect();
        let sides = Sides { many, one, many_signatures, one_signatures, signatures: signatures.len() };
        match self.plan_rows(&sides) {
            Some(pairs) => Ok(self.combine_rows(sides, pairs, context)),
            None => StepByStep::new(self, &sides).run(grid, meter, context),
        }
    }

    /// Which row of the "one" side goes with each row of the other, and the labels of their result; `None` when steps have to be looked at one by one.
    fn plan_rows(&self, sides: &Sides) -> Option<Vec<Option<(usize, Arc<Labels>)>>> {
        if self.matching.fill.left.is_some() || self.matching.fill.right.is_some() {
            return None;
        }
        let mut one_of: Vec<Option<usize>> = vec![None; sides.signatures];
        for (place, signature) in sides.one_signatures.iter().enumerate() {
            if one_of[*signature as usize].replace(place).is_some() {
                return None;
            }
        }
        let mut taken = vec![false; sides.signatures];
        let mut results: FxHashSet<Arc<Labels>> = FxHashSet::default();
        let mut pairs = Vec::with_capacity(sides.many.len());
        for (row, signature) in sides.many.iter().zip(&sides.many_signatures) {
            let signature = *signature as usize;
            let Some(one) = one_of[signature] else {
                pairs.push(None);
                continue;
            };
            if self.one_to_one() && std::mem::replace(&mut taken[signature], true) {
                return None;
            }
            let labels = Arc::new(self.result_labels(&row.labels, &sides.one[one].labels));
            if !results.insert(Arc::clone(&labels)) {
                return None;
            }
            pairs.push(Some((one, labels)));
        }
        Some(pairs)
    }

    fn combine_rows(
        &self,
        sides: Sides,
        pairs: Vec<Option<(usize, Arc<Labels>)>>,
        context: &mut OpContext<'_>,
    ) -> Vec<Row> {
        let mut results = Vec::new();
        for (mut row, pair) in sides.many.into_iter().zip(pairs) {
            let Some((one, labels)) = pair else { continue };
            let one = &sides.one[one];
            row.present.intersect(&one.present);
            if row.present.is_empty() {
                continue;
            }
            row.labels = labels;
            row.drop_name = self.returns_bool;
            let plain = row.histograms.is_none() && one.histograms.is_none() && !self.op.is_trim();
            if plain && (self.changes_meaning() || self.returns_bool) {
                for (own, other) in row.values.iter_mut().zip(&one.values) {
                    let (left, right) = if self.one_to_many() { (*other, *own) } else { (*own, *other) };
                    *own = floats(self.op, left, right);
                }
            } else {
                self.combine_samples(&mut row, one, context);
            }
            if !row.is_empty() {
                results.push(row);
            }
        }
        results
    }

    fn combine_samples(&self, row: &mut Row, one: &Row, context: &mut OpContext<'_>) {
        let steps: Vec<usize> = row.present.iter().collect();
        for step in steps {
            let result = match (row.get(step), one.get(step)) {
                (Some(many), Some(one)) => self.element(many, one, context),
                _ => None,
            };
            row.remove(step);
            if let Some(Sided { sample, keep: true }) = result {
                row.set(step, sample);
            }
        }
        row.forget_absent_histograms();
    }

    /// The result of one pair; `None` when the samples do not go together.
    fn element(&self, many: SampleRef<'_>, one: SampleRef<'_>, context: &mut OpContext<'_>) -> Option<Sided> {
        let (left, right) = if self.one_to_many() { (one, many) } else { (many, one) };
        let outcome = apply(self.op, left, right, context)?;
        if self.returns_bool {
            let truth = if outcome.keep { 1.0 } else { 0.0 };
            return Some(Sided { sample: Sample::Float(truth), keep: true });
        }
        Some(Sided { sample: outcome.sample, keep: outcome.keep })
    }

    fn result_labels(&self, many: &Labels, one: &Labels) -> Labels {
        let matching = self.matching;
        let named = |name: &str| matching.labels.iter().any(|label| **label == *name);
        let mut result = many.without(|name| {
            (self.changes_meaning() && is_metadata_label(name))
                || (self.one_to_one() && named(name) != matching.on)
        });
        for name in &matching.include {
            result = result.with(name, one.get(name));
        }
        result
    }
}

/// A result, and whether a comparison holds.
struct Sided {
    sample: Sample,
    keep: bool,
}

/// Both sides with the signature of each row.
struct Sides {
    many: Vec<Row>,
    one: Vec<Row>,
    many_signatures: Vec<u32>,
    one_signatures: Vec<u32>,
    signatures: usize,
}

/// The careful way.
struct StepByStep<'a> {
    op: &'a VectorOp<'a>,
    sides: &'a Sides,
    /// The row of the "one" side that is there at this step, per signature.
    one_of: Vec<Option<usize>>,
    /// Labels of results at this step per signature, to find duplicates.
    matched: Vec<FxHashSet<Arc<Labels>>>,
    matched_once: Vec<bool>,
    /// Results for a pair of rows; one of them may be filled in.
    labels: FxHashMap<(Option<usize>, Option<usize>), Arc<Labels>>,
}

impl<'a> StepByStep<'a> {
    fn new(op: &'a VectorOp<'a>, sides: &'a Sides) -> Self {
        Self {
            op,
            sides,
            one_of: vec![None; sides.signatures],
            matched: vec![FxHashSet::default(); sides.signatures],
            matched_once: vec![false; sides.signatures],
            labels: FxHashMap::default(),
        }
    }

    fn run(
        mut self,
        grid: &Grid,
        meter: &Arc<Meter>,
        context: &mut OpContext<'_>,
    ) -> Result<Vec<Row>, EvalError> {
        // As in Prometheus: `fill_right` fills the "one" side, whichever side of the text that is.
        let (one_fill, many_fill) = (self.op.matching.fill.right, self.op.matching.fill.left);
        let mut results = RowSet::new(grid, meter);
        for step in 0..grid.steps() {
            meter.check()?;
            let any = |rows: &[Row]| rows.iter().any(|row| row.present.get(step));
            let (any_many, any_one) = (any(&self.sides.many), any(&self.sides.one));
            if (!any_many && !any_one)
                || (!(any_many && any_one) && one_fill.is_none() && many_fill.is_none())
            {
                continue;
            }
            self.find_ones(step)?;
            for (place, row) in self.sides.many.iter().enumerate() {
                let Some(sample) = row.get(step) else { continue };
                let signature = self.sides.many_signatures[place] as usize;
                let one = self.one_of[signature];
                let other = match (one, one_fill) {
                    (Some(one), _) => self.sides.one[one].get(step),
                    (None, fill) => fill.map(SampleRef::Float),
                };
                if let Some(other) = other {
                    let pair = (Some(place), one);
                    self.pair(pair, signature, (sample, other), step, &mut results, context)?;
                }
            }
            let Some(fill) = many_fill else { continue };
            for (place, row) in self.sides.one.iter().enumerate() {
                let Some(sample) = row.get(step) else { continue };
                let signature = self.sides.one_signatures[place] as usize;
                let is_matched = self.matched_once[signature] || !self.matched[signature].is_empty();
                if !is_matched {
                    let samples = (SampleRef::Float(fill), sample);
                    self.pair((None, Some(place)), signature, samples, step, &mut results, context)?;
                }
            }
        }
        Ok(results.into_rows())
    }

    /// Finds the row of the "one" side for each signature at `step`; two are an error.
    fn find_ones(&mut self, step: usize) -> Result<(), EvalError> {
        self.one_of.fill(None);
        self.matched_once.fill(false);
        self.matched.iter_mut().for_each(FxHashSet::clear);
        for (place, row) in self.sides.one.iter().enumerate().filter(|(_, row)| row.present.get(step)) {
            let signature = self.sides.one_signatures[place] as usize;
            if let Some(earlier) = self.one_of[signature] {
                let side = if self.op.one_to_many() { "left" } else { "right" };
                let group = Signatures::match_labels(self.op.matching, &row.labels);
                let (row, earlier) = (&row.labels, &self.sides.one[earlier].labels);
                return Err(EvalError::Execution(format!(
                    "found duplicate series for the match group {group} on the {side} hand-side of the operation: [{row}, {earlier}];many-to-many matching not allowed: matching labels must be unique on one side"
                )));
            }
            self.one_of[signature] = Some(place);
        }
        Ok(())
    }

    fn pair(
        &mut self,
        pair: (Option<usize>, Option<usize>),
        signature: usize,
        (many, one): (SampleRef<'_>, SampleRef<'_>),
        step: usize,
        results: &mut RowSet,
        context: &mut OpContext<'_>,
    ) -> Result<(), EvalError> {
        let Some(result) = self.op.element(many, one, context) else { return Ok(()) };
        let labels = self.result_labels(pair);
        if self.op.one_to_one() {
            if std::mem::replace(&mut self.matched_once[signature], true) {
                return Err(EvalError::execution(
                    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
                ));
            }
        } else if !self.matched[signature].insert(Arc::clone(&labels)) {
            return Err(EvalError::execution(
                "multiple matches for labels: grouping labels must ensure unique matches",
            ));
        }
        if result.keep {
            results.put(&labels, self.op.returns_bool, step, result.sample)?;
        }
        Ok(())
    }

    fn result_labels(&mut self, pair: (Option<usize>, Option<usize>)) -> Arc<Labels> {
        if let Some(known) = self.labels.get(&pair) {
            return Arc::clone(known);
        }
        let matching = self.op.matching;
        let many = pair.0.map(|place| &*self.sides.many[place].labels);
        let one = pair.1.map(|place| &*self.sides.one[place].labels);
        // A side that is filled in has the labels that took part in the match.
        let filled = |other: Option<&Labels>| {
            other.map(|labels| Signatures::match_labels(matching, labels)).unwrap_or_default()
        };
        let (filled_many, filled_one) = (filled(one), filled(many));
        let result = self.op.result_labels(many.unwrap_or(&filled_many), one.unwrap_or(&filled_one));
        let result = Arc::new(result);
        self.labels.insert(pair, Arc::clone(&result));
        result
    }
}
