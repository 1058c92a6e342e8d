//! Rate, errors and durations over time, and the service graph: aggregates of columns that every span has.

use std::collections::BTreeMap;

use crate::block::read::Want;
use crate::block::rows::{Fixed, STATUS_ERROR, duration_ns};
use crate::block::schema::FixedText;
use crate::parts::View;
use crate::query::{Budget, Dependency, Grouping, Kind, QueryError, Red, RedQuery, TimeRange};
use crate::scan::{Scanned, scan};
use crate::search::{WholeTrace, signed};
use crate::tree::Parent;

/// Steps times groups times buckets are held in memory.
const STEPS_MAX: i64 = 11_000;

/// The bucket of a duration: see [`Red::bound_ns`].
fn bucket(bounds: &[u64; Red::BUCKETS], duration_ns: u64) -> usize {
    bounds.partition_point(|bound| *bound < duration_ns).min(Red::BUCKETS - 1)
}

fn bounds() -> [u64; Red::BUCKETS] {
    std::array::from_fn(Red::bound_ns)
}

struct Collector<'q> {
    query: &'q RedQuery,
    steps: usize,
    bounds: [u64; Red::BUCKETS],
    groups: BTreeMap<(String, String), Red>,
}

impl<'q> Collector<'q> {
    fn new(query: &'q RedQuery) -> Result<Self, QueryError> {
        let span = query.range.to_ns.checked_sub(query.range.from_ns).filter(|span| *span >= 0);
        let span = span.ok_or_else(|| QueryError::Bad("the range must end after it starts".into()))?;
        if query.step_ns <= 0 || span / query.step_ns >= STEPS_MAX {
            let reason =
                format!("step must be positive and give at most {STEPS_MAX} steps: use a larger step");
            return Err(QueryError::Bad(reason));
        }
        let steps = (span / query.step_ns + 1) as usize;
        Ok(Self { query, steps, bounds: bounds(), groups: BTreeMap::new() })
    }

    /// The step of a span that starts then; `None` if it does not start in range or has another kind.
    fn step(&self, start: u64, kind: u64) -> Option<usize> {
        let start = signed(start);
        let RedQuery { range, kinds, step_ns, .. } = self.query;
        let kind_fits = kinds.is_empty() || kinds.contains(&Kind::from_number(kind as i64));
        let inside = start >= range.from_ns && start <= range.to_ns && kind_fits;
        inside.then(|| ((start - range.from_ns) / step_ns) as usize)
    }

    fn group(&mut self, service: &str, name: &str) -> Result<&mut Red, QueryError> {
        let name = if self.query.group_by == Grouping::Operation { name } else { "" };
        let key = (service.to_owned(), name.to_owned());
        let steps = self.steps;
        if !self.groups.contains_key(&key) {
            self.query.budget.spend((steps * (Red::BUCKETS + 3) * 8) as u64)?;
        }
        Ok(self.groups.entry(key).or_insert_with(|| Red {
            service: service.to_owned(),
            name: name.to_owned(),
            calls: vec![0; steps],
            errors: vec![0; steps],
            duration_sum: vec![0.0; steps],
            buckets: vec![[0; Red::BUCKETS]; steps],
        }))
    }

    fn scanned(&mut self, group: &Scanned<'_>) -> Result<(), QueryError> {
        let (services, names) = (group.part.services()?, group.part.fixed_texts(FixedText::Name)?);
        let reader = &group.reader;
        let starts = reader.starts(&group.table, &reader.fixed(Fixed::Parent)?)?;
        let (resources, kinds) = (reader.fixed(Fixed::Resource)?, reader.fixed(Fixed::Kind)?);
        let (statuses, durations) = (reader.fixed(Fixed::Status)?, reader.fixed(Fixed::Duration)?);
        let by_name = self.query.group_by == Grouping::Operation;
        let name_numbers = if by_name { reader.fixed(Fixed::Name)? } else { vec![0; starts.len()] };
        // Sort rows by group first, so that each group is looked up once.
        let mut rows: Vec<(u32, u64, u32, usize)> = Vec::with_capacity(starts.len());
        for row in (0..starts.len()).filter(|row| group.takes(*row)) {
            if let Some(step) = self.step(starts[row], kinds[row]) {
                rows.push((services.of(resources[row] as u32), name_numbers[row], row as u32, step));
            }
        }
        rows.sort_unstable();
        let bounds = self.bounds;
        for same in rows.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let service = String::from_utf8_lossy(services.names.get(same[0].0));
            if self.query.service.as_ref().is_some_and(|only| **only != *service) {
                continue;
            }
            let name = String::from_utf8_lossy(names.get(same[0].1 as usize));
            let red = self.group(&service, &name)?;
            for (.., row, step) in same {
                let row = *row as usize;
                red.add(&bounds, *step, durations[row], statuses[row]);
            }
        }
        Ok(())
    }

    fn joined(&mut self, trace: &WholeTrace) -> Result<(), QueryError> {
        let bounds = self.bounds;
        for span in (0..trace.spans.len()).filter(|span| trace.matches[*span]) {
            let service = trace.service(span)?;
            let Some(step) = self.step(trace.get(span, Fixed::Start), trace.get(span, Fixed::Kind)) else {
                continue;
            };
            if self.query.service.as_ref().is_some_and(|only| only != service) {
                continue;
            }
            let red = self.group(service, trace.name(span)?)?;
            red.add(&bounds, step, trace.get(span, Fixed::Duration), trace.get(span, Fixed::Status));
        }
        Ok(())
    }
}

impl Red {
    fn add(&mut self, bounds: &[u64; Self::BUCKETS], step: usize, duration: u64, status: u64) {
        let duration_ns = duration_ns(duration);
        self.calls[step] += 1;
        self.errors[step] += u64::from(status == STATUS_ERROR);
        self.duration_sum[step] += duration_ns as f64 / 1e9;
        self.buckets[step][bucket(bounds, duration_ns)] += 1;
    }

    /// The `q`-quantile of a step in seconds: the upper bound of its bucket, `NaN` without calls.
    pub fn quantile(&self, step: usize, q: f64) -> f64 {
        quantile(&self.buckets[step], q)
    }
}

fn quantile(buckets: &[u64; Red::BUCKETS], q: f64) -> f64 {
    let all: u64 = buckets.iter().sum();
    if all == 0 {
        return f64::NAN;
    }
    let rank = ((q * all as f64).ceil() as u64).clamp(1, all);
    let mut below = 0;
    let place = buckets.iter().position(|count| {
        below += count;
        below >= rank
    });
    Red::bound_ns(place.unwrap_or(Red::BUCKETS - 1).min(Red::BUCKETS - 2)) as f64 / 1e9
}

pub(crate) fn red(view: &View, query: &RedQuery) -> Result<Vec<Red>, QueryError> {
    let collector = std::cell::RefCell::new(Collector::new(query)?);
    let group = |group: &Scanned<'_>| collector.borrow_mut().scanned(group);
    let joined = |trace: &WholeTrace| collector.borrow_mut().joined(trace);
    scan(view, query.range, &Want::basics(), &query.budget, group, joined)?;
    Ok(collector.into_inner().groups.into_values().collect())
}

/// An edge under construction.
#[derive(Clone)]
struct Edge {
    calls: u64,
    errors: u64,
    buckets: [u64; Red::BUCKETS],
}

type Edges = BTreeMap<(String, String), Edge>;

fn add_edge(
    edges: &mut Edges,
    bounds: &[u64; Red::BUCKETS],
    parent: &str,
    child: &str,
    duration: u64,
    status: u64,
) {
    let key = (parent.to_owned(), child.to_owned());
    let edge = edges.entry(key).or_insert_with(|| Edge { calls: 0, errors: 0, buckets: [0; Red::BUCKETS] });
    edge.calls += 1;
    edge.errors += u64::from(status == STATUS_ERROR);
    edge.buckets[bucket(bounds, duration_ns(duration))] += 1;
}

pub(crate) fn dependencies(
    view: &View,
    range: TimeRange,
    budget: &Budget,
) -> Result<Vec<Dependency>, QueryError> {
    let edges = std::cell::RefCell::new(Edges::new());
    let bounds = bounds();
    let group = |group: &Scanned<'_>| {
        let services = group.part.services()?;
        let parents = group.reader.fixed(Fixed::Parent)?;
        let resources = group.reader.fixed(Fixed::Resource)?;
        let (statuses, durations) =
            (group.reader.fixed(Fixed::Status)?, group.reader.fixed(Fixed::Duration)?);
        for row in (0..parents.len()).filter(|row| parents[*row] > 1 && group.takes(*row)) {
            let Some(parent_row) = (row + 1).checked_sub(parents[row] as usize) else { continue };
            let parent = services.of(resources[parent_row] as u32);
            let child = services.of(resources[row] as u32);
            if parent != child {
                let [parent, child] =
                    [parent, child].map(|of| String::from_utf8_lossy(services.names.get(of)));
                add_edge(&mut edges.borrow_mut(), &bounds, &parent, &child, durations[row], statuses[row]);
            }
        }
        Ok(())
    };
    let joined = |trace: &WholeTrace| {
        for span in (0..trace.spans.len()).filter(|span| trace.matches[*span]) {
            let Parent::Back(rows) = trace.spans[span].2 else { continue };
            let (parent, child) = (trace.service(span - rows as usize)?, trace.service(span)?);
            if parent != child {
                let (duration, status) = (trace.get(span, Fixed::Duration), trace.get(span, Fixed::Status));
                add_edge(&mut edges.borrow_mut(), &bounds, parent, child, duration, status);
            }
        }
        Ok(())
    };
    scan(view, range, &Want::basics(), budget, group, joined)?;
    let edges = edges.into_inner().into_iter();
    Ok(edges
        .map(|((parent, child), edge)| Dependency {
            parent,
            child,
            calls: edge.calls,
            errors: edge.errors,
            latency_quantiles: [0.5, 0.9, 0.95, 0.99].map(|q| quantile(&edge.buckets, q)),
        })
        .collect())
}
