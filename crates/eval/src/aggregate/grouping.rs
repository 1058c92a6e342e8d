//! Which group a series belongs to.

use model::Labels;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// `by (...)` or `without (...)`; names sorted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grouping {
    pub without: bool,
    pub names: Vec<Box<str>>,
}

/// Separates values in keys; never part of UTF-8.
const SEPARATOR: u8 = 0xff;

impl Grouping {
    pub fn new(without: bool, names: impl IntoIterator<Item = Box<str>>) -> Self {
        let mut names: Vec<Box<str>> = names.into_iter().collect();
        names.sort();
        names.dedup();
        Self { without, names }
    }

    fn has(&self, name: &str) -> bool {
        self.names.binary_search_by(|have| (**have).cmp(name)).is_ok()
    }

    /// Equal for series of one group. Written over `key`.
    pub fn key(&self, labels: &Labels, key: &mut Vec<u8>) {
        key.clear();
        if self.without {
            for (name, value) in labels.iter().filter(|(name, _)| self.keeps(name)) {
                key.extend_from_slice(name.as_bytes());
                key.push(SEPARATOR);
                key.extend_from_slice(value.as_bytes());
                key.push(SEPARATOR);
            }
            return;
        }
        for name in &self.names {
            key.extend_from_slice(labels.get(name).as_bytes());
            key.push(SEPARATOR);
        }
    }

    fn keeps(&self, name: &str) -> bool {
        if self.without { name != Labels::METRIC_NAME && !self.has(name) } else { self.has(name) }
    }

    /// The labels of the group.
    pub fn labels(&self, labels: &Labels) -> Labels {
        labels.without(|name| !self.keeps(name))
    }
}

/// The groups of many series.
pub struct Groups {
    /// Group of each series.
    pub of_series: Vec<u32>,
    /// Labels of each group, in order of first appearance.
    pub labels: Vec<Arc<Labels>>,
}

impl Groups {
    pub fn of<'a>(grouping: &Grouping, series: impl Iterator<Item = &'a Arc<Labels>>) -> Self {
        let mut groups = Self { of_series: Vec::with_capacity(series.size_hint().0), labels: Vec::new() };
        if !grouping.without && grouping.names.is_empty() {
            groups.of_series = series.map(|_| 0).collect();
            if !groups.of_series.is_empty() {
                groups.labels.push(Arc::default());
            }
            return groups;
        }
        let mut by_key: FxHashMap<Vec<u8>, u32> = FxHashMap::default();
        let mut key = Vec::new();
        for labels in series {
            grouping.key(labels, &mut key);
            let group = match by_key.get(&key) {
                Some(group) => *group,
                None => {
                    let group = groups.labels.len() as u32;
                    groups.labels.push(Arc::new(grouping.labels(labels)));
                    by_key.insert(key.clone(), group);
                    group
                }
            };
            groups.of_series.push(group);
        }
        groups
    }

    pub fn len(&self) -> usize {
        self.labels.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_grouped_by_and_without() {
        let series: Vec<Arc<Labels>> = [("a", "x", "1"), ("a", "y", "1"), ("b", "x", "2")]
            .iter()
            .map(|(name, job, pod)| {
                Arc::new(Labels::from_pairs([("__name__", *name), ("job", *job), ("pod", *pod)]))
            })
            .collect();
        let check = |without, names: &[&str], expect: &[u32], labels: &[&str]| {
            let grouping = Grouping::new(without, names.iter().map(|name| Box::from(*name)));
            let groups = Groups::of(&grouping, series.iter());
            assert_eq!(groups.of_series, expect);
            assert_eq!(groups.labels.iter().map(|labels| labels.to_string()).collect::<Vec<_>>(), labels);
        };
        check(false, &[], &[0, 0, 0], &["{}"]);
        check(false, &["job"], &[0, 1, 0], &[r#"{job="x"}"#, r#"{job="y"}"#]);
        check(true, &["job"], &[0, 0, 1], &[r#"{pod="1"}"#, r#"{pod="2"}"#]);
        check(false, &["nothing"], &[0, 0, 0], &["{}"]);
    }
}
