//! The store against a naive model: spans in any order, cut and merged anywhere, come back as they were sent.

mod language;
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

/// Every kind of thing that a block can hold, twice the same trace in two requests.
fn sample() -> Vec<Vec<SpanSpec>> {
    let mut root = SpanSpec::new(1, 1, 0);
    root.attributes = vec![
        ("k".into(), Value::String("v".into())),
        ("n".into(), Value::Int(-7)),
        ("k".into(), Value::String("again".into())),
        ("d".into(), Value::Double(0.5)),
        ("b".into(), Value::Bool(true)),
        ("raw".into(), Value::Bytes(vec![0, 255])),
        ("list".into(), Value::Nested(vec![0x2a, 4, 0x0a, 2, 0x18, 5])),
        ("none".into(), Value::Empty),
    ];
    root.status = Some((2, "failed".into()));
    root.events = vec![(
        root.start + 5,
        "exception".into(),
        vec![("exception.type".into(), Value::String("X".into()))],
    )];
    root.links = vec![(trace_id(2), span_id(9), vec![("why".into(), Value::String("because".into()))])];
    root.trace_state = "ot=th:8".into();
    root.flags = 0x101;
    root.dropped = [1, 2, 3];
    let mut many: Vec<SpanSpec> =
        (0..300).map(|n| SpanSpec::new(3 + n / 10, n + 1, if n % 10 == 0 { 0 } else { n })).collect();
    for (n, span) in many.iter_mut().enumerate() {
        span.service = ["cart", "shop", "users"][n % 3].into();
        span.attributes = vec![
            ("route".into(), Value::String(format!("/r/{}", n % 7))),
            ("id".into(), Value::String(format!("unique-{n}"))),
            ("code".into(), Value::Int(200 + (n as i64 % 3) * 100)),
        ];
    }
    vec![vec![root.clone(), SpanSpec::new(1, 2, 1)], vec![root, SpanSpec::new(1, 3, 77)], many]
}

#[test]
fn the_format_is_what_its_page_says() {
    let file = TraceEngine.build(&head_of(&sample()), 0..3).unwrap().remove(0);
    let golden = include_bytes!("block/golden-v1.blk");
    assert!(file.bytes == golden, "format changed: raise VERSION and keep reading version 1");
    let block = Arc::new(BlockReader::open(Arc::new(InMemory::new("golden", golden.to_vec()))).unwrap());
    assert_holds(&[part(&block).unwrap()], &sample());
}

#[test]
fn every_flipped_byte_is_found_or_harmless() {
    let file = TraceEngine.build(&head_of(&sample()), 0..3).unwrap().remove(0);
    let expect =
        crate::by_id::trace(&[part(&open(&file)).unwrap()], trace_id(1), &Budget::unlimited()).unwrap();
    for place in (0..file.bytes.len()).step_by(7) {
        let mut bytes = file.bytes.clone();
        bytes[place] ^= 0x41;
        let Ok(block) = BlockReader::open(Arc::new(InMemory::new("bad", bytes))) else { continue };
        let Ok(Some(part)) = Part::open(Arc::new(block), &TenantId::anonymous()) else { continue };
        if let Ok(found) = crate::by_id::trace(&[Arc::new(part)], trace_id(1), &Budget::unlimited()) {
            assert!(found == expect || found.is_none());
        }
    }
}

#[test]
fn a_huge_trace_a_huge_attribute_and_many_keys_survive() {
    let huge = Value::String("x".repeat(3 << 20));
    let mut spans: Vec<SpanSpec> = (0..70_000).map(|n| SpanSpec::new(1, n + 1, n)).collect();
    spans[5].attributes = vec![("huge".into(), huge)];
    let keys = |n: usize| (0..60).map(|k| (format!("key-{}", n * 60 + k), Value::Int(k as i64))).collect();
    (0..100).for_each(|n| spans[100 + n].attributes = keys(n));
    let requests = vec![spans];
    let file = TraceEngine.build(&head_of(&requests), 0..1).unwrap().remove(0);
    assert_holds(&[part(&open(&file)).unwrap()], &requests);
    let merged =
        TraceEngine.merge(&[open(&file), open(&file)], &Keep { from_ns: i64::MIN }).unwrap().remove(0);
    assert_eq!(merged.summary.items, 70_000);
    assert_holds(&[part(&open(&merged)).unwrap()], &requests);
}

#[test]
fn a_merge_leaves_out_traces_that_ended_before_the_cutoff() {
    let requests = vec![vec![SpanSpec::new(1, 1, 0), SpanSpec::new(9, 2, 0)]];
    let file = TraceEngine.build(&head_of(&requests), 0..1).unwrap().remove(0);
    let from_ns = requests[0][1].start as i64;
    let merged = TraceEngine.merge(&[open(&file)], &Keep { from_ns }).unwrap().remove(0);
    assert_eq!(merged.summary.items, 1);
    assert_holds(&[part(&open(&merged)).unwrap()], &[vec![requests[0][1].clone()]]);
    assert!(TraceEngine.merge(&[open(&file)], &Keep { from_ns: i64::MAX }).unwrap().is_empty());
}

#[test]
fn tenants_never_see_each_other() {
    let head = TraceEngine.new_head();
    for (offset, tenant) in ["a", "b"].into_iter().enumerate() {
        let spans = [SpanSpec::new(1, offset as u64 + 1, 0)];
        let prepared = Prepared::new(TenantId::new(tenant).unwrap(), request(&spans).into()).unwrap();
        TraceEngine.apply(&head, offset as u64, prepared);
    }
    let file = TraceEngine.build(&head, 0..2).unwrap().remove(0);
    assert_eq!(file.summary.tenants.len(), 2);
    for (number, tenant) in ["a", "b", "c"].into_iter().enumerate() {
        let tenant = TenantId::new(tenant).unwrap();
        let part = Part::open(open(&file), &tenant).unwrap();
        let head_parts = head.parts(&tenant).unwrap();
        assert_eq!((part.is_some(), head_parts.len()), (number < 2, usize::from(number < 2)));
        for part in part.map(Arc::new).into_iter().chain(head_parts) {
            let trace = crate::by_id::trace(&[part], trace_id(1), &Budget::unlimited()).unwrap().unwrap();
            assert_eq!(trace.spans, 1);
        }
    }
}
