//! `label_replace` and `label_join`: new label sets for the same samples.

use crate::error::EvalError;
use crate::grid::Row;
use model::Labels;
use model::matcher::{MatchOp, Matcher};
use std::sync::Arc;

/// Arguments of `label_replace`, checked.
pub struct Replace {
    destination: String,
    replacement: String,
    source: String,
    pattern: Matcher,
}

impl Replace {
    pub fn new(destination: &str, replacement: &str, source: &str, pattern: &str) -> Result<Self, EvalError> {
        let compiled = Matcher::new("", MatchOp::Regex, pattern).map_err(|_| {
            EvalError::execution(format!("invalid regular expression in label_replace(): {pattern}"))
        })?;
        if destination.is_empty() {
            return Err(EvalError::execution(format!(
                "invalid destination label name in label_replace(): {destination}"
            )));
        }
        let [destination, replacement, source] = [destination, replacement, source].map(str::to_owned);
        Ok(Self { destination, replacement, source, pattern: compiled })
    }

    /// Rewrites the labels of `row` where the pattern matches.
    pub fn apply(&self, row: &mut Row) {
        let Some(regex) = self.pattern.regex() else { return };
        let Some(value) = regex.replace(row.labels.get(&self.source), &self.replacement) else { return };
        set_label(row, &self.destination, &value);
    }
}

/// Arguments of `label_join`, checked.
pub struct Join {
    destination: String,
    separator: String,
    sources: Vec<String>,
}

impl Join {
    pub fn new(destination: &str, separator: &str, sources: Vec<String>) -> Result<Self, EvalError> {
        if let Some(source) = sources.iter().find(|source| source.is_empty()) {
            return Err(EvalError::execution(format!("invalid source label name in label_join(): {source}")));
        }
        if destination.is_empty() {
            return Err(EvalError::execution(format!(
                "invalid destination label name in label_join(): {destination}"
            )));
        }
        Ok(Self { destination: destination.to_owned(), separator: separator.to_owned(), sources })
    }

    pub fn apply(&self, row: &mut Row) {
        let values: Vec<&str> = self.sources.iter().map(|source| row.labels.get(source)).collect();
        let joined = values.join(&self.separator);
        set_label(row, &self.destination, &joined);
    }
}

/// A name that is set on purpose stays.
fn set_label(row: &mut Row, name: &str, value: &str) {
    row.labels = Arc::new(row.labels.with(name, value));
    if name == Labels::METRIC_NAME {
        row.drop_name = false;
    }
}
