//! `info(v, [selector])`: adds the labels of info series (`target_info` unless told otherwise) that identify the same job and instance.
//!
//! Of several info series the one with the newest sample counts. A base series without any is left out if the selector demands a label value.

use crate::budget::Meter;
use crate::error::EvalError;
use crate::grid::{Grid, Row, SampleRef};
use crate::rows::RowSet;
use model::Labels;
use model::matcher::{MatchOp, Matcher};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Labels that say what an info series is about.
const IDENTIFYING: [&str; 2] = ["instance", "job"];
const DEFAULT_INFO: &str = "target_info";

/// The join with its selector taken apart.
pub struct InfoJoin {
    /// Which metrics are info metrics.
    names: Vec<Matcher>,
    /// Matchers on labels of info series; with any, only these labels are added.
    data: Vec<Matcher>,
    /// Places of base rows that are info series themselves.
    ignored: FxHashSet<usize>,
}

impl InfoJoin {
    pub fn new(filter: Option<&[Matcher]>, base: &[Row]) -> Result<Self, EvalError> {
        let is_name = |matcher: &&Matcher| matcher.name() == Labels::METRIC_NAME;
        let filter = filter.unwrap_or_default();
        let names = effective_names(filter.iter().filter(is_name).cloned().collect())?;
        let data = filter.iter().filter(|matcher| !is_name(matcher)).cloned().collect();
        let is_info = |row: &Row| names.iter().all(|matcher| matcher.matches(row.labels.metric_name()));
        let ignored =
            base.iter().enumerate().filter(|(_, row)| is_info(row)).map(|(place, _)| place).collect();
        Ok(Self { names, data, ignored })
    }

    /// Matchers that find the info series of the base; `None` when no base series can have one.
    pub fn select_matchers(&self, base: &[Row]) -> Result<Option<Vec<Matcher>>, EvalError> {
        let mut identities: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (_, row) in base.iter().enumerate().filter(|(place, _)| !self.ignored.contains(place)) {
            for name in IDENTIFYING {
                let value = row.labels.get(name);
                if !value.is_empty() {
                    identities.entry(name).or_default().insert(value);
                }
            }
        }
        if identities.is_empty() {
            return Ok(None);
        }
        let mut matchers = Vec::new();
        for (name, values) in identities {
            let pattern = values.iter().map(|value| quote_regex(value)).collect::<Vec<_>>().join("|");
            matchers.push(Matcher::new(name, MatchOp::Regex, pattern).map_err(bad_regex)?);
        }
        matchers.extend(self.data.iter().cloned());
        matchers.extend(self.names.iter().cloned());
        Ok(Some(matchers))
    }

    /// Adds labels step by step. The values of `infos` are the times of their samples.
    pub fn combine(
        &self,
        base: Vec<Row>,
        infos: &[Row],
        grid: &Grid,
        meter: &Arc<Meter>,
    ) -> Result<Vec<Row>, EvalError> {
        let mut by_identity: FxHashMap<[&str; 2], Vec<&Row>> = FxHashMap::default();
        for info in infos {
            by_identity.entry(identity(&info.labels)).or_default().push(info);
        }
        let mut combined = RowSet::new(grid, meter);
        for step in 0..grid.steps() {
            meter.check()?;
            if base.iter().any(|row| row.present.get(step)) {
                self.check_duplicates(&by_identity, step)?;
            }
            for (place, row) in base.iter().enumerate() {
                let Some(sample) = row.get(step) else { continue };
                if self.ignored.contains(&place) {
                    combined.put(&row.labels, row.drop_name, step, sample.to_owned())?;
                    continue;
                }
                let candidates = by_identity.get(&identity(&row.labels)).map_or(&[][..], Vec::as_slice);
                if let Some(labels) = self.enriched(&row.labels, candidates, step)? {
                    combined.put(&labels, row.drop_name, step, sample.to_owned())?;
                }
            }
        }
        Ok(combined.into_rows())
    }

    /// Two info series of one name and identity with samples of the same age contradict each other.
    fn check_duplicates(
        &self,
        by_identity: &FxHashMap<[&str; 2], Vec<&Row>>,
        step: usize,
    ) -> Result<(), EvalError> {
        for candidates in by_identity.values() {
            let mut newest: FxHashMap<&str, (&Row, f64)> = FxHashMap::default();
            for info in candidates {
                let Some(SampleRef::Float(time)) = info.get(step) else { continue };
                match newest.get_mut(info.labels.metric_name()) {
                    None => {
                        newest.insert(info.labels.metric_name(), (info, time));
                    }
                    Some((existing, known)) if *known == time => {
                        let at = (time * 1000.0).round() as i64;
                        let (existing, new) = (&existing.labels, &info.labels);
                        return Err(EvalError::Execution(format!(
                            "found duplicate series for info metric: existing {existing} @ {at}, new {new} @ {at}"
                        )));
                    }
                    Some(entry) if entry.1 < time => *entry = (info, time),
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }

    /// The labels of a base series with those of its info series; `None` when it is left out.
    fn enriched(
        &self,
        base: &Arc<Labels>,
        candidates: &[&Row],
        step: usize,
    ) -> Result<Option<Arc<Labels>>, EvalError> {
        let mut newest: BTreeMap<&str, (&Row, f64)> = BTreeMap::new();
        for info in candidates {
            let Some(SampleRef::Float(time)) = info.get(step) else { continue };
            let entry = newest.entry(info.labels.metric_name()).or_insert((info, time));
            if entry.1 < time {
                *entry = (info, time);
            }
        }
        if newest.is_empty() {
            let demands = self.data.iter().any(|matcher| !matcher.matches_empty());
            return Ok((!demands).then(|| Arc::clone(base)));
        }
        let mut added: BTreeMap<&str, &str> = BTreeMap::new();
        for (info, _) in newest.values() {
            for (name, value) in info.labels.iter().filter(|(name, _)| *name != Labels::METRIC_NAME) {
                let is_wanted =
                    self.data.is_empty() || self.data.iter().any(|matcher| matcher.name() == name);
                if !is_wanted {
                    continue;
                }
                if added.get(name).is_some_and(|known| *known != value) {
                    return Err(EvalError::Execution(format!("conflicting label: {name}")));
                }
                if base.get(name).is_empty() {
                    added.insert(name, value);
                }
            }
        }
        let labels = base.iter().chain(added).collect::<Labels>();
        Ok(Some(Arc::new(labels)))
    }
}

fn identity(labels: &Labels) -> [&str; 2] {
    IDENTIFYING.map(|name| labels.get(name))
}

/// Matchers on the name of info metrics. Those that only exclude are about names that end in `_info`.
fn effective_names(mut names: Vec<Matcher>) -> Result<Vec<Matcher>, EvalError> {
    if names.is_empty() {
        return Ok(vec![Matcher::equal(Labels::METRIC_NAME, DEFAULT_INFO)]);
    }
    if names.iter().all(|matcher| matcher.op().is_negative()) {
        names.insert(0, Matcher::new(Labels::METRIC_NAME, MatchOp::Regex, ".+_info").map_err(bad_regex)?);
    }
    Ok(names)
}

fn bad_regex(error: impl std::fmt::Display) -> EvalError {
    EvalError::Execution(error.to_string())
}

/// `value` as a regular expression that matches it alone.
fn quote_regex(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len());
    for letter in value.chars() {
        if r"\.+*?()|[]{}^$".contains(letter) {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted
}
