//! Where entries come from: the stream (a label set) and the structured metadata that all entries of one resource and scope share.
//!
//! OTLP resource attributes become stream labels by Loki's default mapping; all others, and the scope, become shared metadata. `service_name`
//! is discovered as Loki does it. An origin is made once per distinct resource and scope and then found by their raw bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Labels;
use wire::otlp::common::{AnyValueView, ResourceView, ScopeView};
use wire::otlp::text::{label_name, write_text};
use wire::proto::View;

use crate::level::{LEVEL_NAMES, Level};

/// What entries of one resource and scope, or of one Loki stream, have in common.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) labels: Arc<Labels>,
    /// Sorted by name, each name once.
    pub(crate) metadata: Box<[(Box<str>, Box<str>)]>,
    /// The level that a label or shared metadata dictates.
    pub(crate) level: Option<Level>,
}

/// Resource attributes that become stream labels (`otlp_config.resource_attributes`, Loki's default).
const INDEX_ATTRIBUTES: [&str; 18] = [
    "service.name",
    "service.namespace",
    "service.instance.id",
    "deployment.environment",
    "deployment.environment.name",
    "cloud.region",
    "cloud.availability_zone",
    "k8s.cluster.name",
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.container.name",
    "container.name",
    "k8s.replicaset.name",
    "k8s.deployment.name",
    "k8s.statefulset.name",
    "k8s.daemonset.name",
    "k8s.cronjob.name",
    "k8s.job.name",
];

/// Labels that name the service if `service_name` does not, in this order (`discover_service_name`).
const SERVICE_NAMES: [&str; 14] = [
    "service",
    "app",
    "application",
    "app_name",
    "name",
    "app_kubernetes_io_name",
    "container",
    "container_name",
    "k8s_container_name",
    "component",
    "workload",
    "job",
    "k8s_job_name",
    "service_name",
];
const SERVICE_NAME: &str = "service_name";
const UNKNOWN_SERVICE: &str = "unknown_service";

impl Origin {
    /// Of a Loki stream. `labels` as they came, checked.
    pub(crate) fn of_stream(labels: Labels) -> Self {
        let labels = discover_service(labels);
        let level = level_in(labels.iter());
        Self { labels: Arc::new(labels), metadata: Box::default(), level }
    }

    /// Of the raw bytes of an OTLP resource and scope.
    pub(crate) fn of_otlp(resource: &[u8], scope: &[u8]) -> Self {
        let mut labels: Vec<(String, String)> = Vec::new();
        let mut metadata = BTreeMap::new();
        let scope = ScopeView::read(scope);
        for attribute in scope.attributes.iter() {
            flatten(&label_name(attribute.key.as_str()), attribute.value(), &mut |name, value| {
                metadata.entry(name).or_insert(value);
            });
        }
        let mut add = |name: &str, value: String| {
            metadata.entry(name.to_owned()).or_insert(value);
        };
        if !scope.name.is_empty() {
            add("scope_name", scope.name.as_str().to_owned());
        }
        if !scope.version.is_empty() {
            add("scope_version", scope.version.as_str().to_owned());
        }
        if scope.dropped_attributes_count > 0 {
            add("scope_dropped_attributes_count", scope.dropped_attributes_count.to_string());
        }
        let resource = ResourceView::read(resource);
        for attribute in resource.attributes.iter() {
            let key = attribute.key.as_str();
            let is_label = INDEX_ATTRIBUTES.contains(&key);
            flatten(&label_name(key), attribute.value(), &mut |name, value| {
                if is_label {
                    labels.push((name, value));
                } else {
                    metadata.entry(name).or_insert(value);
                }
            });
        }
        if resource.dropped_attributes_count > 0 {
            metadata
                .entry("resource_dropped_attributes_count".to_owned())
                .or_insert(resource.dropped_attributes_count.to_string());
        }
        let labels = discover_service(Labels::from_pairs(labels));
        let metadata: Box<[(Box<str>, Box<str>)]> =
            metadata.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let level = level_in(labels.iter()).or_else(|| level_in(metadata.iter().map(|(n, v)| (&**n, &**v))));
        Self { labels: Arc::new(labels), metadata, level }
    }
}

/// The level in the first of the level names that is there and holds a known word.
fn level_in<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Option<Level> {
    LEVEL_NAMES
        .iter()
        .find_map(|known| pairs.clone().find(|(name, value)| name == known && !value.is_empty()))
        .map(|(_, value)| Level::from_word(value.as_bytes()).unwrap_or_default())
}

fn discover_service(labels: Labels) -> Labels {
    if !labels.get(SERVICE_NAME).is_empty() {
        return labels;
    }
    let found = SERVICE_NAMES.iter().map(|name| labels.get(name)).find(|value| !value.is_empty());
    let service = found.unwrap_or(UNKNOWN_SERVICE).to_owned();
    labels.with(SERVICE_NAME, &service)
}

/// A map becomes one pair per leaf, names joined with `_`; everything else is one pair.
pub(crate) fn flatten(name: &str, value: AnyValueView<'_>, each: &mut dyn FnMut(String, String)) {
    fn go(name: &str, value: AnyValueView<'_>, depth: usize, each: &mut dyn FnMut(String, String)) {
        match value {
            AnyValueView::KeyValueList(list) if depth < wire::proto::DEPTH_MAX => {
                for pair in list.values.iter() {
                    let inner = format!("{name}_{}", pair.key.as_str());
                    go(&label_name(&inner), pair.value(), depth + 1, each);
                }
            }
            value => {
                let mut text = Vec::new();
                write_text(value, &mut text);
                each(name.to_owned(), String::from_utf8_lossy(&text).into_owned());
            }
        }
    }
    go(name, value, 0, each);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_discovered_in_order_or_unknown() {
        let check = |pairs: &[(&str, &str)], expect: &str| {
            let origin = Origin::of_stream(Labels::from_pairs(pairs.iter().copied()));
            assert_eq!(origin.labels.get("service_name"), expect);
        };
        check(&[("job", "j"), ("app", "a")], "a");
        check(&[("service_name", "s"), ("app", "a")], "s");
        check(&[("env", "prod")], "unknown_service");
    }
}
