//! The store against a naive model: spans in any order, cut and merged anywhere, come back as they were sent.

mod search;

use std::collections::BTreeMap;
use std::sync::Arc;

use ::store::container::InMemory;
use ::store::{BlockReader, Keep, NewFile, SignalEngine};
use model::{TenantId, TraceId};
use proptest::prelude::*;
use wire::otlp::TracesView;

use crate::block::read::Part;
use crate::engine::{Head, TraceEngine};
use crate::ingest::Prepared;
use crate::query::{Budget, Value};
use crate::testing::{SpanSpec, request, span_id, trace_id};

pub(crate) fn open(file: &NewFile) -> Arc<BlockReader> {
    Arc::new(BlockReader::open(Arc::new(InMemory::new("test", file.bytes.clone()))).unwrap())
}

pub(crate) fn head_of(requests: &[Vec<SpanSpec>]) -> Head {
    let head = TraceEngine.new_head();
    for (offset, spans) in requests.iter().enumerate() {
        let prepared = Prepared::new(TenantId::anonymous(), request(spans).into()).unwrap();
        TraceEngine.apply(&head, offset as u64, prepared);
    }
    head
}

pub(crate) fn part(block: &Arc<BlockReader>) -> Option<Arc<Part>> {
    Part::open(block.clone(), &TenantId::anonymous()).unwrap().map(Arc::new)
}

/// Every span of a trace as (service, bytes of the span), sorted.
fn spans_of(otlp: &[u8]) -> Vec<(String, Vec<u8>)> {
    let view = TracesView::new(otlp).unwrap();
    let mut spans = Vec::new();
    for resource_spans in view.resource_spans() {
        assert_eq!(resource_spans.schema_url, "https://opentelemetry.io/schemas/1.30.0");
        let resource = resource_spans.resource.get().unwrap();
        let service = wire::otlp::attribute(resource.attributes, "service.name").unwrap();
        for scope_spans in resource_spans.scope_spans.iter() {
            assert_eq!(scope_spans.scope.get().unwrap().name, "tests");
            let service = service.as_str().unwrap();
            spans.extend(scope_spans.spans.iter().map(|span| (service.to_owned(), span.bytes().to_vec())));
        }
    }
    spans.sort();
    spans
}

fn model(requests: &[Vec<SpanSpec>]) -> BTreeMap<TraceId, Vec<(String, Vec<u8>)>> {
    let mut traces: BTreeMap<TraceId, Vec<(String, Vec<u8>)>> = BTreeMap::new();
    for span in requests.iter().flatten() {
        traces.entry(span.trace_id).or_default().push((span.service.clone(), span.bytes()));
    }
    for spans in traces.values_mut() {
        spans.sort();
        spans.dedup();
    }
    traces
}

fn assert_holds(parts: &[Arc<Part>], requests: &[Vec<SpanSpec>]) {
    for (id, expect) in model(requests) {
        let trace =
            crate::by_id::trace(parts, id, &Budget::unlimited()).unwrap().expect("the trace is there");
        assert_eq!(spans_of(&trace.otlp), expect);
        assert_eq!(trace.spans, expect.len() as u64);
    }
    assert_eq!(crate::by_id::trace(parts, trace_id(999_999), &Budget::unlimited()).unwrap(), None);
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[a-c]{0,3}".prop_map(Value::String),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-5i64..5).prop_map(Value::Int),
        any::<u64>().prop_map(|bits| Value::Double(f64::from_bits(bits))),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(Value::Bytes),
        // An array of one int, and an empty list.
        (0u8..100).prop_map(|n| Value::Nested(vec![0x2a, 4, 0x0a, 2, 0x18, n])),
        Just(Value::Nested(vec![0x32, 0])),
        Just(Value::Empty),
    ]
}

fn attributes() -> impl Strategy<Value = Vec<(String, Value)>> {
    prop::collection::vec(("[k-m]".prop_map(String::from), value()), 0..5)
}

pub(crate) fn span() -> impl Strategy<Value = SpanSpec> {
    let shape = (1u64..8, 1u64..20, 0u64..20, "[a-b]", attributes());
    let events = prop::collection::vec((any::<u64>(), "e[0-3]", attributes()), 0..3);
    let links = prop::collection::vec((1u64..9, 1u64..9, attributes()), 0..2);
    let rest = (
        any::<u32>(),
        prop::option::of((0i32..3, "[x-z]{0,2}")),
        -1i32..7,
        any::<[u32; 3]>(),
        0u64..50,
        any::<u64>(),
    );
    (shape, events, links, rest).prop_map(
        |((trace, span, parent, service, attributes), events, links, rest)| {
            let (flags, status, kind, dropped, start, end) = rest;
            let base = SpanSpec::new(trace, span, parent);
            let links = links.into_iter().map(|(t, s, a)| (trace_id(t), span_id(s), a)).collect();
            let start = base.start + start;
            let end = if end % 7 == 0 { end } else { start + end % 1000 };
            let trace_state = if flags % 3 == 0 { "k=v".into() } else { String::new() };
            SpanSpec {
                service,
                attributes,
                events,
                links,
                flags,
                status,
                kind,
                dropped,
                start,
                end,
                trace_state,
                ..base
            }
        },
    )
}

pub(crate) fn requests() -> impl Strategy<Value = Vec<Vec<SpanSpec>>> {
    prop::collection::vec(prop::collection::vec(span(), 1..12), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_goes_in_comes_out_of_head_file_and_merge(requests in requests(), cut in 0usize..6) {
        let cut = cut.min(requests.len());
        let (old, new) = requests.split_at(cut);
        let heads = [head_of(old), head_of(new)];
        let tenant = TenantId::anonymous();
        let from_heads: Vec<_> = heads.iter().flat_map(|head| head.parts(&tenant).unwrap()).collect();
        assert_holds(&from_heads, &requests);
        let files: Vec<NewFile> = heads.iter().flat_map(|head| TraceEngine.build(head, 0..1).unwrap()).collect();
        let blocks: Vec<_> = files.iter().map(open).collect();
        assert_holds(&blocks.iter().filter_map(part).collect::<Vec<_>>(), &requests);
        let merged = TraceEngine.merge(&blocks, &Keep { from_ns: i64::MIN }).unwrap();
        prop_assert_eq!(merged.len(), 1);
        assert_holds(&[part(&open(&merged[0])).unwrap()], &requests);
        let again = TraceEngine.merge(&blocks, &Keep { from_ns: i64::MIN }).unwrap();
        prop_assert!(merged[0].bytes == again[0].bytes);
        let spans: usize = model(&requests).values().map(Vec::len).sum();
        prop_assert_eq!(merged[0].summary.items, spans as u64);
    }

    #[test]
    fn a_block_does_not_depend_on_the_order_of_application(requests in requests()) {
        let forward = TraceEngine.build(&head_of(&requests), 0..1).unwrap();
        let head = TraceEngine.new_head();
        for (offset, spans) in requests.iter().enumerate().rev() {
            let prepared = Prepared::new(TenantId::anonymous(), request(spans).into()).unwrap();
            TraceEngine.apply(&head, offset as u64, prepared);
        }
        let backward = TraceEngine.build(&head, 0..1).unwrap();
        prop_assert!(forward[0].bytes == backward[0].bytes);
    }
}
