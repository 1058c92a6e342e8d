//! Rule files: YAML to [`RuleFile`], with every mistake reported at once.
//!
//! Two passes, as in Prometheus: first the shape (unknown and mistyped fields), then, if that is right, the meaning (names,
//! expressions, templates). Texts are Prometheus's; where it prints `0:0` for a field that is absent, the rule's place stands.

mod check;
mod read;

use promql::Expr;
use yaml::Position;

pub use read::read;

/// What may be a name of a metric, a label or an annotation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum NameScheme {
    /// Any text that is not empty.
    #[default]
    Utf8,
    /// Letters, digits and underscores.
    Legacy,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReadOptions {
    pub names: NameScheme,
    /// Fields that nobody knows are passed over instead of refused.
    pub ignore_unknown_fields: bool,
    pub promql: promql::Options,
}

/// A checked file.
#[derive(Clone, PartialEq, Debug)]
pub struct RuleFile {
    pub groups: Vec<RuleGroup>,
}

/// Rules that run one after the other, on one schedule.
#[derive(Clone, PartialEq, Debug)]
pub struct RuleGroup {
    /// Unique in its file.
    pub name: String,
    /// `None` is the global interval.
    pub interval_ms: Option<i64>,
    /// `None` is the global offset.
    pub query_offset_ms: Option<i64>,
    /// Most series or alerts of one rule; 0 is no limit.
    pub limit: u64,
    /// For all rules; a rule's own labels win.
    pub labels: Vec<(String, String)>,
    pub rules: Vec<Rule>,
    pub position: Position,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    pub kind: RuleKind,
    /// The expression as written.
    pub query: String,
    pub expr: Expr,
    pub labels: Vec<(String, String)>,
    pub position: Position,
}

#[derive(Clone, PartialEq, Debug)]
pub enum RuleKind {
    Record { metric: String },
    Alert { name: String, for_ms: i64, keep_firing_for_ms: i64, annotations: Vec<(String, String)> },
}

impl Rule {
    /// The recorded metric, or the alert.
    pub fn name(&self) -> &str {
        match &self.kind {
            RuleKind::Record { metric } => metric,
            RuleKind::Alert { name, .. } => name,
        }
    }
}

/// One mistake in a file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RulesError {
    /// Not YAML at all.
    #[error("yaml: {0}")]
    Syntax(yaml::YamlError),
    /// Fields that are unknown or of the wrong type.
    #[error("yaml: unmarshal errors:{}", .0.iter().map(|error| format!("\n  {error}")).collect::<String>())]
    Shape(Vec<yaml::YamlError>),
    #[error("{position}: {message}")]
    Group { position: Position, message: String },
    #[error(
        "{}group {}, rule {rule}, {}: {message}",
        places(positions),
        model::quote::quoted(group),
        model::quote::quoted(name)
    )]
    Rule {
        /// None for labels, annotations and templates; two for fields that exclude each other.
        positions: Vec<Position>,
        group: String,
        /// From 1.
        rule: usize,
        name: String,
        message: String,
        /// A function that was probably meant in the expression.
        suggestion: Option<&'static str>,
    },
}

fn places(positions: &[Position]) -> String {
    positions.iter().map(|position| format!("{position}: ")).collect()
}

/// Rules of all groups that give the same series: same metric and labels. Each with the number of its repetitions.
pub fn duplicates(file: &RuleFile) -> Vec<(String, Vec<(String, String)>)> {
    let mut all: Vec<(String, Vec<(String, String)>)> = file
        .groups
        .iter()
        .flat_map(|group| group.rules.iter().map(move |rule| (group, rule)))
        .map(|(group, rule)| {
            let mut labels = group.labels.clone();
            labels.retain(|(name, _)| rule.labels.iter().all(|(own, _)| own != name));
            labels.extend(rule.labels.iter().cloned());
            labels.sort();
            (rule.name().to_owned(), labels)
        })
        .collect();
    all.sort();
    let mut found: Vec<_> =
        all.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone()).collect();
    found.dedup();
    found
}
