//! TraceQL over the store against TraceQL over spans in memory.

use traceql::ast::{Attribute, Intrinsic, Scope};
use traceql::metrics::{Collector, Steps};
use traceql::{Static, Trace};

use super::search::{duration, overlaps, status, traces, view_of};
use super::*;
use crate::language::TraceqlSearch;
use crate::parts::PartCache;
use crate::query::TimeRange;
use crate::tree::{Parent, SpanNode, Tree};

/// The spans of a trace in tree order.
struct Spans {
    spans: Vec<SpanSpec>,
    parents: Vec<Option<usize>>,
}

impl Spans {
    fn new(spans: &[SpanSpec]) -> Self {
        let node = |span: &SpanSpec| SpanNode { id: span.span_id, parent: span.parent, start: span.start };
        let nodes: Vec<SpanNode> = spans.iter().map(node).collect();
        let mut tree = Tree::default();
        let order = tree.order(&nodes);
        let parent = |(row, (_, parent)): (usize, &(u32, Parent))| match parent {
            Parent::Back(rows) => Some(row - *rows as usize),
            _ => None,
        };
        Self {
            parents: order.iter().enumerate().map(parent).collect(),
            spans: order.iter().map(|(place, _)| spans[*place as usize].clone()).collect(),
        }
    }

    fn constant(value: &Value) -> Static {
        match value {
            Value::String(text) => Static::String(text.clone()),
            Value::Bool(value) => Static::Bool(*value),
            Value::Int(value) => Static::Int(*value),
            Value::Double(value) => Static::Float(*value),
            _ => Static::Nil,
        }
    }
}

impl Trace for Spans {
    fn spans(&self) -> usize {
        self.spans.len()
    }

    fn get(&self, span: usize, attribute: &Attribute) -> Static {
        let have = &self.spans[span];
        let first = |pairs: &[(String, Value)], key: &str| {
            pairs.iter().find(|(name, _)| name == key).map(|(_, value)| Self::constant(value))
        };
        let resource = [("service.name".to_owned(), Value::String(have.service.clone()))];
        match attribute {
            Attribute::Intrinsic(Intrinsic::Name) => Static::String(have.name.clone()),
            Attribute::Intrinsic(Intrinsic::Duration) => Static::Duration(duration(have) as i64),
            Attribute::Intrinsic(Intrinsic::Status) => {
                Static::Status(model::span::StatusCode::from_number(status(have) as i32))
            }
            Attribute::Intrinsic(Intrinsic::NestedSetParent) => Static::Int(match self.parents[span] {
                Some(parent) => {
                    let depth =
                        std::iter::successors(self.parents[parent], |above| self.parents[*above]).count();
                    2 * parent as i64 - depth as i64 + 1
                }
                None if have.parent.is_zero() => -1,
                None => 0,
            }),
            Attribute::Key { scope: Scope::Span, key } => first(&have.attributes, key).unwrap_or(Static::Nil),
            Attribute::Key { scope: Scope::Resource, key } => first(&resource, key).unwrap_or(Static::Nil),
            Attribute::Key { scope: Scope::Any, key } => {
                first(&have.attributes, key).or_else(|| first(&resource, key)).unwrap_or(Static::Nil)
            }
            other => panic!("no test asks for {other}"),
        }
    }

    fn all(&self, span: usize, attribute: &Attribute) -> Vec<Static> {
        let events = self.spans[span].events.iter();
        match attribute {
            Attribute::Intrinsic(Intrinsic::EventName) => {
                events.map(|(_, name, _)| Static::String(name.clone())).collect()
            }
            Attribute::Key { scope: Scope::Event, key } => events
                .filter_map(|(.., pairs)| pairs.iter().find(|(name, _)| name == key))
                .map(|(_, value)| Self::constant(value))
                .collect(),
            other => panic!("no test asks for {other}"),
        }
    }

    fn parent(&self, span: usize) -> Option<usize> {
        self.parents[span]
    }

    fn end_of_subtree(&self, span: usize) -> usize {
        let below =
            |at: usize| std::iter::successors(self.parents[at], |up| self.parents[*up]).any(|up| up == span);
        (span + 1..self.spans.len()).find(|at| !below(*at)).unwrap_or(self.spans.len())
    }
}

const QUERIES: &[&str] = &[
    "{ }",
    "{ .k = 1 }",
    "{ span.l != nil && span.l != \"a\" }",
    "{ resource.service.name = \"a\" && name = \"op-1\" }",
    "{ .service.name =~ \"[b-z]\" || .k > 0 }",
    "{ status = error && duration > 100ns }",
    "{ 2 < .m }",
    "{ event.l = true || event:name = \"e1\" }",
    "{ name = \"op-1\" } > { }",
    "{ } >> { .k != nil }",
    "{ .k != nil } << { nestedSetParent < 0 }",
    "{ name = \"op-2\" } ~ { }",
    "{ name = \"op-1\" } !>> { status = error }",
    "{ nestedSetParent < 0 } &>> { name = \"op-3\" }",
    "{ status = error } && { .l != nil }",
    "({ name = \"op-1\" } | count() > 1) || { .l = nil }",
    "{ } | by(resource.service.name) | count() > 2",
    "{ .k != nil } | avg(.k) > 1 | { duration < 500ns }",
    "{ !(name = \"op-1\") && .k = nil }",
];

fn range() -> impl Strategy<Value = TimeRange> {
    let base = 1_700_000_000_000_000_000i64;
    prop_oneof![
        Just(TimeRange { from_ns: 0, to_ns: i64::MAX }),
        (0i64..8_000_000_000, 0i64..3_000_000_000)
            .prop_map(move |(from, len)| TimeRange { from_ns: base + from, to_ns: base + from + len }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_query_finds_what_evaluation_of_every_trace_finds(requests in requests(), query in prop::sample::select(QUERIES), range in range()) {
        let parsed = traceql::parse(query).unwrap();
        let mut expect = Vec::new();
        for (id, spans) in traces(&requests) {
            let spans = Spans::new(&spans);
            let sets = traceql::evaluate(&parsed.pipeline, &spans);
            if sets.iter().flat_map(|set| &set.spans).any(|span| overlaps(range, &spans.spans[*span])) {
                let start = spans.spans.iter().map(|span| span.start).min().unwrap();
                let counts: Vec<u64> = sets.iter().map(|set| set.spans.len() as u64).collect();
                expect.push((std::cmp::Reverse(start), id, counts));
            }
        }
        expect.sort();
        let search = TraceqlSearch {
            tenant: TenantId::anonymous(),
            range,
            query: parsed,
            limit: 100,
            spans_per_set: 3,
            budget: Budget::unlimited(),
        };
        let found = crate::language::search(&search, &view_of(&requests), &PartCache::new(4)).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|trace| {
                let counts: Vec<u64> = trace.spansets.iter().map(|set| set.matched).collect();
                (std::cmp::Reverse(trace.summary.start_ns), trace.summary.trace_id, counts)
            })
            .collect();
        prop_assert_eq!(found, expect, "{}", query);
    }

    #[test]
    fn metrics_count_what_evaluation_of_every_trace_counts(requests in requests(), query in prop::sample::select(QUERIES)) {
        let parsed = traceql::parse(&format!("{query} | count_over_time() by(resource.service.name, span.k)")).unwrap();
        let base = 1_700_000_000_000_000_000i64;
        let steps = Steps::covering(base + 1_500_000_000, base + 6_000_000_000, 500_000_000).unwrap();
        let mut collector = Collector::new(parsed.metric.as_ref().unwrap(), steps);
        for spans in traces(&requests).values() {
            let spans = Spans::new(spans);
            let mut matched: Vec<usize> =
                traceql::evaluate(&parsed.pipeline, &spans).into_iter().flat_map(|set| set.spans).collect();
            matched.sort_unstable();
            matched.dedup();
            for span in matched {
                collector.add(&spans, span, spans.spans[span].start as i64).unwrap();
            }
        }
        let (tenant, budget) = (TenantId::anonymous(), Budget::unlimited());
        let found =
            crate::language::metrics(&tenant, &parsed, steps, &budget, &view_of(&requests), &PartCache::new(4)).unwrap();
        prop_assert_eq!(format!("{found:?}"), format!("{:?}", collector.finish()), "{}", query);
    }
}

#[test]
fn matched_spans_show_the_fields_that_the_query_names() {
    let mut root = SpanSpec::new(1, 1, 0);
    root.attributes = vec![("http.status".into(), Value::Int(500))];
    root.status = Some((2, "boom".into()));
    let child = SpanSpec::new(1, 2, 1);
    let query = "{ span.http.status >= 500 } | select(status, nestedSetParent, nestedSetRight, resource.zone, span:childCount)";
    let search = TraceqlSearch {
        tenant: TenantId::anonymous(),
        range: TimeRange::ALL,
        query: traceql::parse(query).unwrap(),
        limit: 1,
        spans_per_set: 3,
        budget: Budget::unlimited(),
    };
    let found = crate::language::search(&search, &view_of(&[vec![root, child]]), &PartCache::new(4)).unwrap();
    let shown: Vec<String> = found[0].spansets[0].spans[0]
        .attributes
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    assert_eq!(
        shown,
        [
            "http.status=Int(500)",
            "status=String(\"error\")",
            "nestedSetParent=Int(-1)",
            "nestedSetRight=Int(4)",
            "zone=String(\"zone-4\")",
            "span:childCount=Int(1)",
        ]
    );
    let rate = traceql::parse("{ } | rate()").unwrap();
    let search = TraceqlSearch { query: rate, ..search };
    let error = crate::language::search(&search, &view_of(&[]), &PartCache::new(4)).unwrap_err();
    assert_eq!(error.to_string(), "{ } | rate() computes a metric: ask for it over time");
}
