//! What a rule does at one time: recording rules give samples, alerting rules keep alerts and give `ALERTS` samples.
//!
//! Pure: the query is a function handed in, the time an argument. A series that a rule gave last time and does not give now
//! gets a stale marker. When groups run, and where samples and alerts go, is not here.

mod alert;

use std::collections::BTreeSet;
use std::sync::Arc;

use eval::Sample;
use model::Labels;
use model::histogram::STALE_BITS;
use promql::Expr;

pub use alert::{ActiveAlert, AlertState};

use crate::file::{Rule, RuleGroup, RuleKind};
use crate::template::{Template, TemplateError};
use alert::AlertRule;

/// Answers an instant query. A scalar is a vector of one element without labels.
pub type Ask<'a> = dyn Fn(&Expr, &str, i64) -> Result<Vec<(Arc<Labels>, Sample)>, String> + 'a;

/// What alerts may show of the server.
#[derive(Clone, Debug, Default)]
pub struct External {
    pub labels: Vec<(String, String)>,
    pub url: String,
}

/// A group with what its rules remember.
pub struct GroupRun {
    pub name: String,
    limit: u64,
    query_offset_ms: i64,
    rules: Vec<RuleRun>,
}

struct RuleRun {
    rule: Rule,
    /// Labels of the group and of the rule, the latter's winning.
    labels: Vec<(String, String)>,
    alerts: Option<AlertRule>,
    /// Series given last time.
    given: BTreeSet<Labels>,
}

/// What a rule gave: samples, all at one time.
#[derive(Debug)]
pub struct Given {
    pub at_ms: i64,
    pub samples: Vec<(Labels, Sample)>,
}

impl GroupRun {
    /// A group that has not run. Fails for templates that do not parse, which [`crate::read`] has refused before.
    pub fn new(group: &RuleGroup, external: &External) -> Result<Self, TemplateError> {
        let mut rules = Vec::new();
        for rule in &group.rules {
            let mut labels = group.labels.clone();
            labels.retain(|(name, _)| rule.labels.iter().all(|(own, _)| own != name));
            labels.extend(rule.labels.iter().cloned());
            let alerts = match &rule.kind {
                RuleKind::Record { .. } => None,
                RuleKind::Alert { name, for_ms, keep_firing_for_ms, annotations } => Some(AlertRule {
                    name: name.clone(),
                    for_ms: *for_ms,
                    keep_firing_for_ms: *keep_firing_for_ms,
                    labels: templates(name, &labels)?,
                    annotations: templates(name, annotations)?,
                    external: external.clone(),
                    active: Default::default(),
                }),
            };
            rules.push(RuleRun { rule: rule.clone(), labels, alerts, given: BTreeSet::new() });
        }
        let query_offset_ms = group.query_offset_ms.unwrap_or(0);
        Ok(Self { name: group.name.clone(), limit: group.limit, query_offset_ms, rules })
    }

    pub fn rule_count(&self) -> usize {
        self.rules.len()
    }

    pub fn rule(&self, place: usize) -> &Rule {
        &self.rules[place].rule
    }

    /// Alerts of a rule; none for a recording rule.
    pub fn alerts(&self, place: usize) -> impl Iterator<Item = &ActiveAlert> {
        self.rules[place].alerts.iter().flat_map(|alerts| alerts.active.values())
    }

    /// Runs one rule at a time. Rules of a group see what the rules before them gave, so the caller stores it in between.
    pub fn run(&mut self, place: usize, now_ms: i64, ask: &Ask<'_>) -> Result<Given, String> {
        let at_ms = now_ms - self.query_offset_ms;
        let limit = self.limit;
        let run = &mut self.rules[place];
        let found = ask(&run.rule.expr, &run.rule.query, at_ms)?;
        let mut samples = match &mut run.alerts {
            Some(alerts) => alerts.update(found, now_ms, limit, &|text| ask_text(ask, text, at_ms))?,
            None => recorded(run.rule.name(), &run.labels, found, limit)?,
        };
        let now: BTreeSet<Labels> = samples.iter().map(|(labels, _)| labels.clone()).collect();
        let stale = Sample::Float(f64::from_bits(STALE_BITS));
        samples.extend(run.given.difference(&now).map(|labels| (labels.clone(), stale.clone())));
        run.given = now;
        Ok(Given { at_ms, samples })
    }
}

fn templates(alert: &str, pairs: &[(String, String)]) -> Result<Vec<(String, Template)>, TemplateError> {
    pairs.iter().map(|(name, text)| Ok((name.clone(), Template::of_alert(alert, text)?))).collect()
}

fn ask_text(ask: &Ask<'_>, text: &str, at_ms: i64) -> Result<Vec<(Arc<Labels>, Sample)>, String> {
    let expr = promql::parse(text).map_err(|error| error.to_string())?;
    ask(&expr, text, at_ms)
}

fn recorded(
    metric: &str,
    labels: &[(String, String)],
    found: Vec<(Arc<Labels>, Sample)>,
    limit: u64,
) -> Result<Vec<(Labels, Sample)>, String> {
    let mut seen = BTreeSet::new();
    let mut samples = Vec::with_capacity(found.len());
    for (base, sample) in found {
        let own = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let labels = Labels::from_pairs(base.iter().chain([(Labels::METRIC_NAME, metric)]).chain(own));
        if !seen.insert(labels.clone()) {
            return Err(
                "vector contains metrics with the same labelset after applying rule labels".to_owned()
            );
        }
        samples.push((labels, sample));
    }
    if limit > 0 && samples.len() as u64 > limit {
        return Err(format!("exceeded limit of {limit} with {} series", samples.len()));
    }
    Ok(samples)
}
