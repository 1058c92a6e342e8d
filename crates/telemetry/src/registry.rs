//! Every metric of one process (or one simulated server), by name and labels.
//!
//! Asking twice for the same name and labels gives the same metric, so a part that is started again goes on counting.
//! A name has one kind and one help text: the first wins, another kind is a programming error and panics at start-up, where it is seen.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::metric::{Counter, Gauge, Histogram};

type LabelPairs = Vec<(String, String)>;
type Sampler = Arc<dyn Fn() -> f64 + Send + Sync>;

#[derive(Clone)]
pub(crate) enum Metric {
    Counter(Counter),
    Gauge(Gauge),
    /// Read when asked for: sizes of queues and caches that know their size themselves.
    Sampled(Sampler),
    Histogram(Histogram),
}

impl Metric {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Counter(_) => "counter",
            Self::Gauge(_) | Self::Sampled(_) => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

pub(crate) struct Family {
    pub(crate) help: String,
    pub(crate) kind: &'static str,
    pub(crate) metrics: BTreeMap<LabelPairs, Metric>,
}

/// A metric as the reference page lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub name: String,
    pub kind: &'static str,
    pub help: String,
    pub labels: Vec<String>,
}

/// Shared by cloning.
#[derive(Clone, Default)]
pub struct Registry(Arc<Mutex<BTreeMap<String, Family>>>);

impl Registry {
    pub fn new() -> Self {
        Self::default()
    }

    /// `name` ends in `_total`.
    pub fn counter(&self, name: &str, help: &str, labels: &[(&str, &str)]) -> Counter {
        match self.metric(name, help, labels, || Metric::Counter(Counter::default())) {
            Metric::Counter(counter) => counter,
            other => panic!("metric {name} is a {}, not a counter", other.kind()),
        }
    }

    pub fn gauge(&self, name: &str, help: &str, labels: &[(&str, &str)]) -> Gauge {
        match self.metric(name, help, labels, || Metric::Gauge(Gauge::default())) {
            Metric::Gauge(gauge) => gauge,
            other => panic!("metric {name} is a {}, not a settable gauge", other.kind()),
        }
    }

    /// A gauge that is read when somebody looks. The latest sampler of the same name and labels wins.
    pub fn sampled(
        &self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
        sample: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        let sampler: Sampler = Arc::new(sample);
        self.metric(name, help, labels, || Metric::Sampled(Arc::clone(&sampler)));
        let mut families = self.0.lock();
        let metrics = &mut families.get_mut(name).expect("the family was just made").metrics;
        metrics.insert(owned(labels), Metric::Sampled(sampler));
    }

    pub fn histogram(&self, name: &str, help: &str, labels: &[(&str, &str)], bounds: &[f64]) -> Histogram {
        match self.metric(name, help, labels, || Metric::Histogram(Histogram::new(bounds))) {
            Metric::Histogram(histogram) => histogram,
            other => panic!("metric {name} is a {}, not a histogram", other.kind()),
        }
    }

    /// Forgets one metric, for parts that come and go (a target, an endpoint).
    pub fn remove(&self, name: &str, labels: &[(&str, &str)]) {
        if let Some(family) = self.0.lock().get_mut(name) {
            family.metrics.remove(&owned(labels));
        }
    }

    /// What there is, by name.
    pub fn describe(&self) -> Vec<Description> {
        let families = self.0.lock();
        let describe = |(name, family): (&String, &Family)| Description {
            name: name.clone(),
            kind: family.kind,
            help: family.help.clone(),
            labels: family
                .metrics
                .keys()
                .next()
                .into_iter()
                .flatten()
                .map(|(name, _)| name.clone())
                .collect(),
        };
        families.iter().map(describe).collect()
    }

    pub(crate) fn with_families<T>(&self, read: impl FnOnce(&BTreeMap<String, Family>) -> T) -> T {
        read(&self.0.lock())
    }

    fn metric(
        &self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
        make: impl FnOnce() -> Metric,
    ) -> Metric {
        assert!(is_metric_name(name), "{name:?} is no metric name");
        let mut families = self.0.lock();
        if let Some(family) = families.get_mut(name) {
            return family.metrics.entry(owned(labels)).or_insert_with(make).clone();
        }
        let metric = make();
        let metrics = BTreeMap::from([(owned(labels), metric.clone())]);
        families.insert(name.to_owned(), Family { help: help.to_owned(), kind: metric.kind(), metrics });
        metric
    }
}

fn owned(labels: &[(&str, &str)]) -> LabelPairs {
    labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn is_metric_name(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':';
    !name.is_empty() && !name.as_bytes()[0].is_ascii_digit() && name.bytes().all(word)
}
