//! Search, catalogue, RED and service graph against a look at every span.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::parts::{PartCache, View};
use crate::query::{
    AttributeFilter, AttributeScope, Comparison, Grouping, Kind, RedQuery, Root, SearchQuery, ServiceStats,
    Status, TimeRange, TraceSummary,
};

/// Every span once, by trace.
pub(super) fn traces(requests: &[Vec<SpanSpec>]) -> BTreeMap<TraceId, Vec<SpanSpec>> {
    let mut traces: BTreeMap<TraceId, Vec<SpanSpec>> = BTreeMap::new();
    for span in requests.iter().flatten() {
        let spans = traces.entry(span.trace_id).or_default();
        if !spans.iter().any(|have| have.service == span.service && have.bytes() == span.bytes()) {
            spans.push(span.clone());
        }
    }
    traces
}

pub(super) fn duration(span: &SpanSpec) -> u64 {
    (span.end.wrapping_sub(span.start) as i64).max(0) as u64
}

pub(super) fn overlaps(range: TimeRange, span: &SpanSpec) -> bool {
    range.overlaps(
        span.start as i64,
        i64::try_from(span.start.saturating_add(duration(span))).unwrap_or(i64::MAX),
    )
}

pub(super) fn status(span: &SpanSpec) -> Status {
    Status::from_number(span.status.as_ref().map_or(0, |status| i64::from(status.0)))
}

fn compare(filter: &AttributeFilter, value: &Value) -> bool {
    let order = match (value, &filter.value) {
        (Value::String(a), Value::String(b)) => a.partial_cmp(b),
        (Value::Int(a), Value::Int(b)) => a.partial_cmp(b),
        (Value::Double(a), Value::Int(b)) => a.partial_cmp(&(*b as f64)),
        (Value::Bool(a), Value::Bool(b)) => a.partial_cmp(b),
        _ => return false,
    };
    match filter.comparison {
        Comparison::Equal => order.is_some_and(|order| order.is_eq()),
        Comparison::NotEqual => !order.is_some_and(|order| order.is_eq()),
        Comparison::Less => order.is_some_and(|order| order.is_lt()),
        _ => order.is_some_and(|order| order.is_ge()),
    }
}

fn holds(filter: &AttributeFilter, span: &SpanSpec) -> bool {
    let zone = [
        ("service.name".to_owned(), Value::String(span.service.clone())),
        ("zone".to_owned(), Value::String(format!("zone-{}", span.service.len()))),
    ];
    let any = |pairs: &[(String, Value)]| {
        pairs.iter().any(|(key, value)| *key == filter.key && compare(filter, value))
    };
    let has = |pairs: &[(String, Value)]| pairs.iter().any(|(key, _)| *key == filter.key);
    match filter.scope {
        AttributeScope::Any if has(&span.attributes) => any(&span.attributes),
        AttributeScope::Any | AttributeScope::Resource => any(&zone),
        AttributeScope::Span => any(&span.attributes),
        AttributeScope::Event => span.events.iter().any(|(_, _, pairs)| any(pairs)),
        AttributeScope::Link => span.links.iter().any(|(_, _, pairs)| any(pairs)),
        AttributeScope::Instrumentation => false,
    }
}

fn matches(query: &SearchQuery, span: &SpanSpec) -> bool {
    overlaps(query.range, span)
        && query.service.as_ref().is_none_or(|service| *service == span.service)
        && query.name.as_ref().is_none_or(|name| *name == span.name)
        && query.status.is_none_or(|want| want == status(span))
        && query.kind.is_none_or(|kind| kind == Kind::from_number(span.kind.into()))
        && query.span_duration_min_ns.is_none_or(|min| duration(span) >= min)
        && query.attributes.iter().all(|filter| holds(filter, span))
}

fn summary(id: TraceId, spans: &[SpanSpec], query: &SearchQuery) -> Option<TraceSummary> {
    let end = |span: &SpanSpec| span.start.saturating_add(duration(span));
    let start_ns = spans.iter().map(|span| span.start).min()?;
    let duration_ns = spans.iter().map(end).max()? - start_ns;
    let matched = spans.iter().filter(|span| matches(query, span)).count() as u64;
    if matched == 0 || query.trace_duration_min_ns.is_some_and(|min| duration_ns < min) {
        return None;
    }
    let mut services: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for span in spans {
        let stats = services.entry(&span.service).or_default();
        *stats = (stats.0 + 1, stats.1 + u64::from(status(span) == Status::Error));
    }
    let services: Vec<ServiceStats> = services
        .into_iter()
        .map(|(service, (span_count, error_count))| ServiceStats {
            service: service.into(),
            span_count,
            error_count,
        })
        .collect();
    Some(TraceSummary {
        trace_id: id,
        // Compared apart: of two roots with one start, either may be it.
        root: None,
        start_ns,
        duration_ns,
        span_count: spans.len() as u64,
        error_count: services.iter().map(|stats| stats.error_count).sum(),
        services,
        matched,
        spans: Vec::new(),
    })
}

fn roots(spans: &[SpanSpec]) -> Vec<Root> {
    let roots = spans.iter().filter(|span| span.parent.is_zero());
    let first = roots.clone().map(|span| span.start).min();
    roots
        .filter(|span| Some(span.start) == first)
        .map(|span| Root { service: span.service.clone(), name: span.name.clone() })
        .collect()
}

fn query() -> impl Strategy<Value = SearchQuery> {
    let filter = (
        "[k-m]|zone",
        0usize..5,
        0usize..4,
        prop_oneof![
            "[a-c]{0,2}|zone-1".prop_map(Value::String),
            (-5i64..5).prop_map(Value::Int),
            any::<bool>().prop_map(Value::Bool),
        ],
    )
        .prop_map(|(key, scope, comparison, value)| AttributeFilter {
            scope: [
                AttributeScope::Any,
                AttributeScope::Span,
                AttributeScope::Resource,
                AttributeScope::Event,
                AttributeScope::Link,
            ][scope],
            key,
            comparison: [
                Comparison::Equal,
                Comparison::NotEqual,
                Comparison::Less,
                Comparison::GreaterOrEqual,
            ][comparison],
            value,
        });
    let base = 1_700_000_000_000_000_000i64;
    let range = prop_oneof![
        Just(TimeRange::ALL),
        (0i64..8_000_000_000, 0i64..3_000_000_000)
            .prop_map(move |(from, len)| TimeRange { from_ns: base + from, to_ns: base + from + len }),
    ];
    (
        range,
        prop::option::weighted(0.3, "[a-c]"),
        prop::option::weighted(0.2, "op-[0-4]"),
        prop::option::weighted(0.2, 0i64..3),
        prop::option::weighted(0.2, 0i64..4),
        prop::option::weighted(0.2, 0u64..1000),
        prop::option::weighted(0.2, 0u64..10_000_000),
        prop::collection::vec(filter, 0..3),
        1usize..6,
    )
        .prop_map(|(range, service, name, status, kind, shortest, trace_shortest, attributes, limit)| {
            SearchQuery {
                service,
                name,
                status: status.map(Status::from_number),
                kind: kind.map(Kind::from_number),
                span_duration_min_ns: shortest,
                trace_duration_min_ns: trace_shortest,
                attributes,
                limit,
                ..SearchQuery::new(TenantId::anonymous(), range)
            }
        })
}

/// Half of the requests cut to files, the others in heads, two of each.
pub(super) fn view_of(requests: &[Vec<SpanSpec>]) -> View {
    let mut parts = Vec::new();
    for (number, some) in requests.chunks(requests.len().div_ceil(4).max(1)).enumerate() {
        let head = head_of(some);
        if number % 2 == 0 {
            let files = TraceEngine.build(&head, 0..1).unwrap();
            parts.extend(files.iter().filter_map(|file| part(&open(file))));
        } else {
            parts.extend(head.parts(&TenantId::anonymous()).unwrap());
        }
    }
    View::of(parts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn search_finds_what_a_look_at_every_span_finds(requests in requests(), query in query()) {
        let all = traces(&requests);
        let mut expect: Vec<TraceSummary> =
            all.iter().filter_map(|(id, spans)| summary(*id, spans, &query)).collect();
        expect.sort_by_key(|found| (std::cmp::Reverse(found.start_ns), found.trace_id));
        expect.truncate(query.limit);
        let mut found = crate::store::search(&query, &view_of(&requests), &PartCache::new(4)).unwrap();
        for found in &mut found {
            let roots = roots(&all[&found.trace_id]);
            let same_root = match &found.root { Some(root) => roots.contains(root), None => roots.is_empty() };
            prop_assert!(same_root);
            prop_assert_eq!(found.spans.len() as u64, found.matched.min(query.spans_per_set as u64));
            for span in &found.spans {
                let same = all[&found.trace_id].iter().find(|have| {
                    have.span_id == span.span_id && have.service == span.service && have.start == span.start_ns
                        && matches(&query, have) && have.name == span.name && duration(have) == span.duration_ns
                });
                prop_assert!(same.is_some());
            }
            (found.root, found.spans) = (None, Vec::new());
        }
        prop_assert_eq!(found, expect);
    }

    #[test]
    fn services_operations_and_red_count_every_span_in_range(requests in requests(), query in query()) {
        let (view, budget, range) = (view_of(&requests), Budget::unlimited(), query.range);
        let all: Vec<SpanSpec> = traces(&requests).into_values().flatten().collect();
        let inside = || all.iter().filter(|span| overlaps(range, span));
        let services = crate::catalog::services(&view, range, &budget).unwrap();
        prop_assert_eq!(&services, &inside().map(|span| span.service.clone()).collect::<BTreeSet<_>>());
        for service in &services {
            let mut expect: BTreeMap<String, BTreeSet<Kind>> = BTreeMap::new();
            for span in inside().filter(|span| span.service == *service) {
                expect.entry(span.name.clone()).or_default().insert(Kind::from_number(span.kind.into()));
            }
            prop_assert_eq!(crate::catalog::operations(&view, service, range, &budget).unwrap(), expect);
        }
        let base = 1_700_000_000_000_000_000i64;
        let red_query = RedQuery {
            tenant: TenantId::anonymous(),
            range: TimeRange { from_ns: base, to_ns: base + 8_000_000_000 },
            step_ns: 1_000_000_000,
            group_by: Grouping::Operation,
            service: None,
            kinds: Vec::new(),
            budget: Budget::unlimited(),
        };
        let mut expect: BTreeMap<(String, String), (Vec<u64>, Vec<u64>)> = BTreeMap::new();
        for span in all.iter().filter(|span| span.start as i64 <= red_query.range.to_ns) {
            let counts = expect.entry((span.service.clone(), span.name.clone())).or_insert((vec![0; 9], vec![0; 9]));
            let step = ((span.start as i64 - base) / 1_000_000_000) as usize;
            counts.0[step] += 1;
            counts.1[step] += u64::from(status(span) == Status::Error);
        }
        let red = crate::red::red(&view, &red_query).unwrap();
        for red in &red {
            for (calls, buckets) in red.calls.iter().zip(&red.buckets) {
                prop_assert_eq!(*calls, buckets.iter().sum::<u64>());
            }
        }
        let found: BTreeMap<_, _> = red.into_iter().map(|red| ((red.service, red.name), (red.calls, red.errors))).collect();
        prop_assert_eq!(found, expect);
    }
}

#[test]
fn a_service_graph_counts_calls_between_services_also_across_files() {
    let with = |trace, span, parent, service: &str| SpanSpec {
        service: service.into(),
        ..SpanSpec::new(trace, span, parent)
    };
    let mut failed = with(1, 3, 2, "cart");
    failed.status = Some((2, String::new()));
    let requests = vec![
        vec![with(1, 1, 0, "web"), with(2, 9, 0, "web")],
        vec![with(1, 2, 1, "web"), failed, with(2, 10, 9, "cart")],
    ];
    let found = crate::red::dependencies(&view_of(&requests), TimeRange::ALL, &Budget::unlimited()).unwrap();
    let shown: Vec<_> = found
        .iter()
        .map(|edge| (edge.parent.as_str(), edge.child.as_str(), edge.calls, edge.errors))
        .collect();
    assert_eq!(shown, [("web", "cart", 2, 1)]);
    assert!((found[0].latency_quantiles[0] - 0.005).abs() < 0.001);
}

#[test]
fn tags_and_values_come_from_every_scope() {
    let mut span = SpanSpec::new(1, 1, 0);
    span.attributes = vec![
        ("a".into(), Value::Int(3)),
        ("a".into(), Value::Int(-1)),
        ("b".into(), Value::String("x".into())),
    ];
    span.events = vec![(span.start, "e".into(), vec![("c".into(), Value::Bool(true))])];
    let view = view_of(&[vec![span]]);
    let budget = Budget::unlimited();
    let names =
        |scope| crate::catalog::tag_names(&view, scope, &budget).unwrap().into_iter().collect::<Vec<_>>();
    assert_eq!(names(AttributeScope::Span), ["a", "b"]);
    assert_eq!(names(AttributeScope::Any), ["a", "b", "service.name", "zone"]);
    assert_eq!(names(AttributeScope::Event), ["c"]);
    let values = |scope, key: &str| crate::catalog::tag_values(&view, scope, key, 10, &budget).unwrap();
    assert_eq!(values(AttributeScope::Span, "a"), [Value::Int(-1), Value::Int(3)]);
    assert_eq!(values(AttributeScope::Event, "c"), [Value::Bool(true)]);
    assert_eq!(values(AttributeScope::Resource, "zone"), [Value::String("zone-4".into())]);
    assert_eq!(
        crate::catalog::tag_values(&view, AttributeScope::Span, "a", 1, &budget).unwrap(),
        [Value::Int(-1)]
    );
}

#[test]
fn a_query_stops_when_told_or_over_budget() {
    let requests = vec![(0..50).map(|span| SpanSpec::new(span % 9, span + 1, 0)).collect::<Vec<_>>()];
    let view = view_of(&requests);
    let mut query = SearchQuery::new(TenantId::anonymous(), TimeRange::ALL);
    query.budget = Budget::new(10, std::time::Duration::MAX, Box::new(|| std::time::Duration::ZERO));
    let error = crate::store::search(&query, &view, &PartCache::new(4)).unwrap_err();
    assert!(error.to_string().starts_with("query would read more than its budget of 10 bytes"));
    query.budget = Budget::unlimited();
    query.budget.cancel();
    assert!(crate::store::search(&query, &view, &PartCache::new(4)).is_err());
}
