//! Names, values, exemplars, metadata and counts: what is asked about series rather than of them.

use std::collections::{BTreeMap, BTreeSet};

use model::sample::{Exemplar, Metadata};
use model::{Labels, Matcher};

use super::{HeadPart, Part};
use crate::block::rare::{ExemplarsOf, RestingExemplar};
use crate::query::{Cardinality, LabelCardinality, Listing, ReadError, Scope, SeriesExemplars};
use crate::series::TenantSeries;
use crate::series::labels::{key_of, labels_of_key, parse};
use crate::series::select::{Index, select};

/// Cuts a sorted list at `limit` (0: none).
pub fn limited<T>(mut items: Vec<T>, limit: usize) -> Listing<T> {
    let truncated = limit > 0 && items.len() > limit;
    if truncated {
        items.truncate(limit);
    }
    Listing { items, truncated }
}

/// Names of the labels that selected series have; all names if nothing is selected by.
pub fn label_names(
    parts: &[Part],
    scope: &Scope,
    selectors: &[&[Matcher]],
) -> Result<Vec<String>, ReadError> {
    let mut names = BTreeSet::new();
    for part in parts {
        scope.budget.check()?;
        if selectors.is_empty() {
            all_names(part, &mut names)?;
            continue;
        }
        for matchers in selectors {
            let series = part.select(matchers, scope.range)?;
            part.keys(&series, |_, key| {
                scope.budget.spend(key.len() as u64)?;
                names.extend(labels_of_key(key).iter().map(|(name, _)| name.to_owned()));
                Ok(())
            })?;
        }
    }
    Ok(names.into_iter().collect())
}

fn all_names(part: &Part, names: &mut BTreeSet<String>) -> Result<(), ReadError> {
    match part {
        Part::Head(head) => {
            if let Some(head) = head.tenant_head() {
                names.extend(head.series.catalog.read().names().map(str::to_owned));
            }
        }
        Part::Block(part) => {
            names.extend(part.block.index()?.names.names.iter().map(|name| name.text.to_string()));
        }
    }
    Ok(())
}

/// Values of one label that selected series have.
pub fn label_values(
    parts: &[Part],
    scope: &Scope,
    name: &str,
    selectors: &[&[Matcher]],
) -> Result<Vec<String>, ReadError> {
    let mut values = BTreeSet::new();
    for part in parts {
        scope.budget.check()?;
        match part {
            Part::Head(head) => head_values(head, scope, name, selectors, &mut values)?,
            Part::Block(block) => {
                let index = block.block.index()?;
                if selectors.is_empty() {
                    index.union(name, "", &mut collect(&mut values), &mut Default::default())?;
                }
                for matchers in selectors {
                    let series = part.select(matchers, scope.range)?;
                    values_of(&index, name, &series, scope, &mut values)?;
                }
            }
        }
    }
    values.remove("");
    Ok(values.into_iter().collect())
}

fn collect(values: &mut BTreeSet<String>) -> impl FnMut(&str) -> bool + '_ {
    |value| {
        if !values.contains(value) {
            values.insert(value.to_owned());
        }
        false
    }
}

fn head_values(
    head: &HeadPart,
    scope: &Scope,
    name: &str,
    selectors: &[&[Matcher]],
    values: &mut BTreeSet<String>,
) -> Result<(), ReadError> {
    let Some(tenant) = head.tenant_head() else { return Ok(()) };
    if selectors.is_empty() {
        let catalog = tenant.series.catalog.read();
        values.extend(catalog.values(name).map(|(value, _)| value.to_owned()));
    }
    for matchers in selectors {
        let series = head.select(matchers);
        let catalog = tenant.series.catalog.read();
        match values_of(&*catalog, name, &series, scope, values) {
            Ok(()) => {}
            Err(ValuesError::Stopped(stopped)) => return Err(stopped.into()),
            Err(ValuesError::Index(never)) => match never {},
        }
    }
    Ok(())
}

enum ValuesError<E> {
    Stopped(limits::QueryStopped),
    Index(E),
}

impl From<ValuesError<store::container::ContainerError>> for ReadError {
    fn from(error: ValuesError<store::container::ContainerError>) -> Self {
        match error {
            ValuesError::Stopped(stopped) => stopped.into(),
            ValuesError::Index(error) => error.into(),
        }
    }
}

/// The values of `name` among `series`: value by value if there are few, series by series otherwise.
fn values_of<I: Index>(
    index: &I,
    name: &str,
    series: &roaring::RoaringBitmap,
    scope: &Scope,
    values: &mut BTreeSet<String>,
) -> Result<(), ValuesError<I::Error>> {
    let mut all = Vec::new();
    if (index.value_count(name).map_err(ValuesError::Index)? as u64) < series.len() {
        let mut gather = |value: &str| {
            all.push(value.to_owned());
            false
        };
        index.union(name, "", &mut gather, &mut Default::default()).map_err(ValuesError::Index)?;
        for value in all {
            scope.budget.spend(value.len() as u64).map_err(ValuesError::Stopped)?;
            if !index.equal(name, &value).map_err(ValuesError::Index)?.is_disjoint(series) {
                values.insert(value);
            }
        }
        return Ok(());
    }
    for id in series {
        let value = index.value_of(id, name).map_err(ValuesError::Index)?;
        scope.budget.spend(value.len() as u64).map_err(ValuesError::Stopped)?;
        values.insert(value);
    }
    Ok(())
}

/// Exemplars in range of the series that any selector accepts, sorted by labels, then time.
pub fn exemplars(
    parts: &[Part],
    scope: &Scope,
    selectors: &[&[Matcher]],
) -> Result<Vec<SeriesExemplars>, ReadError> {
    let mut found: BTreeMap<Vec<u8>, SeriesExemplars> = BTreeMap::new();
    for part in parts {
        let all: Vec<ExemplarsOf> = match part {
            Part::Head(head) => {
                head.tenant_head().map(|head| crate::build::exemplars(&head)).unwrap_or_default()
            }
            Part::Block(part) => part.block.exemplars()?,
        };
        for (wire, exemplars) in all {
            let labels = Labels::from_pairs(parse(&wire).unwrap_or_default());
            let accepts = |matchers: &&[Matcher]| matchers.iter().all(|m| m.matches(labels.get(m.name())));
            if !selectors.iter().any(accepts) {
                continue;
            }
            scope.budget.spend(wire.len() as u64 + exemplars.len() as u64 * 64)?;
            let in_range = exemplars.iter().filter(|exemplar| scope.range.contains(exemplar.t_ms));
            let key = key_of(&labels);
            let of_series =
                found.entry(key).or_insert_with(|| SeriesExemplars { labels, exemplars: Vec::new() });
            of_series.exemplars.extend(in_range.map(to_exemplar));
        }
    }
    let mut all: Vec<SeriesExemplars> =
        found.into_values().filter(|series| !series.exemplars.is_empty()).collect();
    all.iter_mut().for_each(|series| series.exemplars.sort_by_key(|exemplar| exemplar.t_ms));
    Ok(all)
}

fn to_exemplar(resting: &RestingExemplar) -> Exemplar {
    Exemplar {
        t_ms: resting.t_ms,
        value: f64::from_bits(resting.value_bits),
        labels: Labels::from_pairs(parse(&resting.labels).unwrap_or_default()),
    }
}

/// What parts know of families, oldest first within a family.
pub fn metadata(parts: &[Part], family: Option<&str>) -> Result<BTreeMap<String, Vec<Metadata>>, ReadError> {
    let mut families: BTreeMap<String, Vec<Metadata>> = BTreeMap::new();
    let mut add = |name: &str, entry: &Metadata| {
        if family.is_none_or(|family| family == name) {
            let entries = families.entry(name.to_owned()).or_default();
            entries.retain(|have| have != entry);
            entries.push(entry.clone());
        }
    };
    for part in parts {
        match part {
            Part::Head(head) => {
                let Some(head) = head.tenant_head() else { continue };
                for (name, entries) in head.metadata.lock().iter() {
                    let mut entries: Vec<_> = entries.iter().collect();
                    entries.sort_by_key(|(_, first)| **first);
                    entries.iter().for_each(|(entry, _)| add(name, entry));
                }
            }
            Part::Block(part) => {
                part.block.metadata()?.iter().for_each(|(name, entry)| add(name, entry));
            }
        }
    }
    Ok(families)
}

/// The largest `limit` of some counted names, largest first, then by name.
fn top(mut counted: Vec<(String, u64)>, limit: usize) -> Vec<(String, u64)> {
    counted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counted.truncate(limit);
    counted
}

/// Counts over a tenant's active series.
pub fn cardinality(series: &TenantSeries, limit: usize) -> Cardinality {
    let catalog = series.catalog.read();
    let names: Vec<String> = catalog.names().map(str::to_owned).collect();
    let owned = |(value, count): (&str, u64)| (value.to_owned(), count);
    let mut pairs = Vec::new();
    for name in &names {
        // Only each name's largest can be among the largest of all.
        let of_name = catalog.values(name).map(|(value, count)| (format!("{name}={value}"), count));
        pairs.extend(top(of_name.collect(), limit));
    }
    Cardinality {
        series: catalog.len(),
        label_pairs: catalog.pair_count(),
        min_ms: i64::MAX,
        max_ms: i64::MIN,
        chunks: 0,
        series_by_metric: top(catalog.values(Labels::METRIC_NAME).map(owned).collect(), limit),
        values_by_label: top(
            names.iter().map(|name| (name.clone(), catalog.values(name).count() as u64)).collect(),
            limit,
        ),
        bytes_by_label: top(
            names.iter().map(|name| (name.clone(), catalog.value_bytes(name))).collect(),
            limit,
        ),
        series_by_pair: top(pairs, limit),
    }
}

/// Values of labels over the active series that all matchers accept, most values first.
pub fn label_cardinality(
    series: &TenantSeries,
    names: &[String],
    matchers: &[Matcher],
    limit: usize,
) -> Vec<LabelCardinality> {
    let catalog = series.catalog.read();
    let chosen = if matchers.is_empty() {
        None
    } else {
        match select(&*catalog, matchers) {
            Ok(found) => Some(found),
            Err(never) => match never {},
        }
    };
    let names: Vec<String> =
        if names.is_empty() { catalog.names().map(str::to_owned).collect() } else { names.to_vec() };
    let mut all: Vec<LabelCardinality> = names
        .into_iter()
        .map(|name| {
            let counted: Vec<(String, u64)> = match &chosen {
                None => catalog.values(&name).map(|(value, count)| (value.to_owned(), count)).collect(),
                Some(chosen) => {
                    let within = |value: &str| match catalog.equal(&name, value) {
                        Ok(found) => found.intersection_len(chosen),
                        Err(never) => match never {},
                    };
                    let counted = catalog.values(&name).map(|(value, _)| (value.to_owned(), within(value)));
                    counted.filter(|(_, count)| *count > 0).collect()
                }
            };
            let series_count = counted.iter().map(|(_, count)| count).sum();
            LabelCardinality {
                value_count: counted.len() as u64,
                series_count,
                values: top(counted, limit),
                name,
            }
        })
        .filter(|label| label.value_count > 0)
        .collect();
    all.sort_by(|a, b| b.value_count.cmp(&a.value_count).then_with(|| a.name.cmp(&b.name)));
    all
}

/// Label sets of the active series that all matchers accept, sorted.
pub fn active_series(series: &TenantSeries, matchers: &[Matcher]) -> Vec<Labels> {
    let catalog = series.catalog.read();
    let found = match select(&*catalog, matchers) {
        Ok(found) => found,
        Err(never) => match never {},
    };
    let mut all: Vec<Labels> = found.into_iter().map(|id| Labels::from_pairs(catalog.labels(id))).collect();
    all.sort();
    all
}
