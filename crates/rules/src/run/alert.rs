//! Alerts of one rule: pending, firing, kept firing, resolved.

use std::collections::BTreeMap;
use std::sync::Arc;

use eval::Sample;
use model::Labels;

use super::External;
use crate::template::{AlertData, AlertValue, Environment, QuerySample, Template};

/// How long a resolved alert is remembered, so that its resolution can be told.
const RESOLVED_RETENTION_MS: i64 = 15 * 60 * 1000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AlertState {
    /// Resolved, still remembered.
    Inactive,
    /// True, but not yet for as long as `for` asks.
    Pending,
    Firing,
}

impl AlertState {
    pub fn name(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

#[derive(Clone, PartialEq, Debug)]
pub struct ActiveAlert {
    pub state: AlertState,
    /// With `alertname`.
    pub labels: Labels,
    pub annotations: Labels,
    /// The sum for a native histogram.
    pub value: f64,
    pub active_at_ms: i64,
    pub fired_at_ms: Option<i64>,
    pub resolved_at_ms: Option<i64>,
    /// When the expression stopped being true for an alert that is kept firing.
    pub keep_firing_since_ms: Option<i64>,
}

pub(super) struct AlertRule {
    pub name: String,
    pub for_ms: i64,
    pub keep_firing_for_ms: i64,
    pub labels: Vec<(String, Template)>,
    pub annotations: Vec<(String, Template)>,
    pub external: External,
    pub active: BTreeMap<Labels, ActiveAlert>,
}

const ALERT_NAME: &str = "alertname";

type Query<'a> = dyn Fn(&str) -> Result<Vec<(Arc<Labels>, Sample)>, String> + 'a;

impl AlertRule {
    /// Takes the answer of the expression and gives the samples of `ALERTS` and `ALERTS_FOR_STATE`.
    pub(super) fn update(
        &mut self,
        found: Vec<(Arc<Labels>, Sample)>,
        now_ms: i64,
        limit: u64,
        query: &Query<'_>,
    ) -> Result<Vec<(Labels, Sample)>, String> {
        let mut current = BTreeMap::new();
        for (labels, sample) in found {
            let alert = self.alert(&labels, &sample, now_ms, query);
            if current.insert(alert.labels.clone(), alert).is_some() {
                return Err(
                    "vector contains metrics with the same labelset after applying alert labels".to_owned()
                );
            }
        }
        for (labels, alert) in &current {
            match self.active.get_mut(labels).filter(|known| known.state != AlertState::Inactive) {
                Some(known) => {
                    known.value = alert.value;
                    known.annotations = alert.annotations.clone();
                }
                None => {
                    self.active.insert(labels.clone(), alert.clone());
                }
            }
        }
        let shown = self.advance(&current, now_ms);
        if limit > 0 && shown.len() as u64 > limit {
            self.active.clear();
            return Err(format!("exceeded limit of {limit} with {} alerts", shown.len()));
        }
        Ok(shown.iter().flat_map(samples).collect())
    }

    /// Moves every alert on; those that are pending or firing are returned.
    fn advance(&mut self, current: &BTreeMap<Labels, ActiveAlert>, now_ms: i64) -> Vec<ActiveAlert> {
        let (for_ms, keep_firing_for_ms) = (self.for_ms, self.keep_firing_for_ms);
        let mut shown = Vec::new();
        self.active.retain(|labels, alert| {
            if current.contains_key(labels) {
                alert.keep_firing_since_ms = None;
            } else {
                let was_pending = alert.state == AlertState::Pending;
                let is_kept = alert.state == AlertState::Firing && keep_firing_for_ms > 0 && {
                    let since_ms = *alert.keep_firing_since_ms.get_or_insert(now_ms);
                    now_ms - since_ms < keep_firing_for_ms
                };
                if !is_kept {
                    let is_old = alert.resolved_at_ms.is_some_and(|at| now_ms - at > RESOLVED_RETENTION_MS);
                    if alert.state != AlertState::Inactive {
                        alert.state = AlertState::Inactive;
                        alert.resolved_at_ms = Some(now_ms);
                    }
                    return !was_pending && !is_old;
                }
            }
            if alert.state == AlertState::Pending && now_ms - alert.active_at_ms >= for_ms {
                alert.state = AlertState::Firing;
                alert.fired_at_ms = Some(now_ms);
            }
            shown.push(alert.clone());
            true
        });
        shown
    }

    fn alert(&self, labels: &Labels, sample: &Sample, now_ms: i64, query: &Query<'_>) -> ActiveAlert {
        let owned = |pairs: &mut dyn Iterator<Item = (&str, &str)>| {
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<BTreeMap<_, _>>()
        };
        let (value, shown) = match sample {
            Sample::Float(value) => (*value, AlertValue::Number(*value)),
            Sample::Histogram(histogram) => (histogram.sum, AlertValue::Text(histogram.to_string())),
        };
        let data = AlertData {
            labels: owned(&mut labels.iter()),
            external_labels: self.external.labels.iter().cloned().collect(),
            external_url: self.external.url.clone(),
            value: shown,
        };
        let samples = |text: &str| {
            let found = query(text)?;
            Ok(found.into_iter().map(|(labels, sample)| query_sample(&labels, &sample)).collect())
        };
        let environment = Environment { now_ms, query: &samples };
        let expand = |template: &Template| {
            let text = template.expand(&data, &environment);
            text.unwrap_or_else(|error| format!("<error expanding template: {error}>"))
        };
        let own = self.labels.iter().map(|(name, template)| (name.clone(), expand(template)));
        let base = labels.iter().filter(|(name, _)| *name != Labels::METRIC_NAME);
        let base = base.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let alert_name = [(ALERT_NAME.to_owned(), self.name.clone())];
        ActiveAlert {
            state: AlertState::Pending,
            labels: Labels::from_pairs(base.chain(own).chain(alert_name)),
            annotations: Labels::from_pairs(
                self.annotations.iter().map(|(name, template)| (name.clone(), expand(template))),
            ),
            value,
            active_at_ms: now_ms,
            fired_at_ms: None,
            resolved_at_ms: None,
            keep_firing_since_ms: None,
        }
    }
}

fn query_sample(labels: &Labels, sample: &Sample) -> QuerySample {
    let labels = labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    match sample {
        Sample::Float(value) => QuerySample { labels, value: *value },
        Sample::Histogram(histogram) => QuerySample { labels, value: histogram.sum },
    }
}

fn samples(alert: &ActiveAlert) -> [(Labels, Sample); 2] {
    let state = alert.labels.with(Labels::METRIC_NAME, "ALERTS").with("alertstate", alert.state.name());
    let since = alert.labels.with(Labels::METRIC_NAME, "ALERTS_FOR_STATE");
    [(state, Sample::Float(1.0)), (since, Sample::Float(alert.active_at_ms.div_euclid(1000) as f64))]
}
