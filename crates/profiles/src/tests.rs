//! The store against a naive model: whatever is pushed, cut and merged in whatever order, every question has the model's answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use model::matcher::Matcher;
use model::profile as otlp;
use model::{AnyValue, Format, KeyValue, SpanId, TenantId, TraceId};
use proptest::prelude::*;
use store::{BlockHandle, Keep, NewFile, SignalEngine, Snapshot};
use wire::pprof::{Function, Label, Line, Location, Mapping, Profile, Sample, ValueType};

use crate::config::Config;
use crate::engine::{Prepared, ProfileEngine};
use crate::query::{ProfileQuery, SeriesQuery};
use crate::store::{OpenBlocks, View};
use crate::upload::PprofUpload;
use crate::{ProfileType, Tree};

const RECEIVED_MS: i64 = 1_700_000_000_000;
const CPU: &str = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";

/// A profile as a test means it.
#[derive(Clone, Debug)]
struct Sent {
    service: u8,
    time: i64,
    /// Function numbers from the root to the leaf, value, span.
    samples: Vec<(Vec<u8>, i64, Option<u8>)>,
}

impl Sent {
    fn ts_ns(&self) -> i64 {
        RECEIVED_MS * 1_000_000 + self.time
    }
}

fn name(function: u8) -> String {
    format!("main.f{function}")
}

fn span(number: u8) -> SpanId {
    SpanId([number + 1; 8])
}

fn trace(number: u8) -> TraceId {
    TraceId([number / 2 + 1; 16])
}

/// `shift` moves numbers of tables and addresses, which must not matter.
fn pprof(sent: &Sent, shift: u64) -> Bytes {
    let mut strings: Vec<String> =
        ["", "cpu", "nanoseconds", "span_id", "trace_id", "app", "pool", "worker"].map(String::from).into();
    strings.extend((0..shift).map(|n| format!("unused {n}")));
    let mut string = |text: String| {
        strings.iter().position(|have| *have == text).unwrap_or_else(|| {
            strings.push(text);
            strings.len() - 1
        }) as u32
    };
    let functions: Vec<Function> =
        (0..6).map(|function| Function { name: string(name(function)), ..Function::default() }).collect();
    let mut samples = Vec::new();
    for (stack, value, of_span) in &sent.samples {
        let mut labels = vec![Label { key: 6, text: 7, ..Label::default() }];
        if let Some(number) = of_span {
            labels.push(Label { key: 3, text: string(span(*number).to_string()), ..Label::default() });
            labels.push(Label { key: 4, text: string(trace(*number).to_string()), ..Label::default() });
        }
        let locations = stack.iter().rev().map(|function| u32::from(*function)).collect();
        samples.push(Sample { locations, values: vec![*value], labels });
    }
    let locations = (0..6)
        .map(|function| Location {
            mapping: Some(0),
            address: 0x1000 * shift + u64::from(function),
            lines: vec![Line { function: Some(function), line: 1, column: 0 }],
            is_folded: false,
        })
        .collect();
    let mapping = Mapping {
        memory_start: 0x1000 * shift,
        memory_limit: 0x1000 * shift + 0x800,
        filename: 5,
        ..Mapping::default()
    };
    let kind = ValueType { kind: 1, unit: 2 };
    let profile = Profile {
        sample_types: vec![kind],
        samples,
        mappings: vec![mapping],
        locations,
        functions,
        strings,
        time_nanos: sent.ts_ns(),
        period_type: kind,
        period: 10,
        ..Profile::default()
    };
    let upload = PprofUpload {
        labels: vec![("service_name".into(), format!("svc-{}", sent.service))],
        from_ns: 0,
        until_ns: 0,
        pprof: &profile.encode(),
    };
    upload.encode().into()
}

/// The same as OTLP, counting samples of a period of one nanosecond.
fn otlp(sent: &Sent) -> Bytes {
    let mut dictionary = otlp::ProfilesDictionary {
        strings: ["", "samples", "count", "cpu", "nanoseconds", "pool"].map(String::from).into(),
        functions: vec![otlp::Function::default()],
        mappings: vec![
            otlp::Mapping::default(),
            otlp::Mapping { memory_limit: 0x800, filename_strindex: 5, ..Default::default() },
        ],
        locations: vec![otlp::Location::default()],
        links: vec![otlp::ProfileLink::default()],
        attributes: vec![otlp::KeyValueAndUnit::default()],
        stacks: vec![Vec::new()],
    };
    for function in 0..6u8 {
        dictionary.strings.push(name(function));
        let name_strindex = dictionary.strings.len() as i32 - 1;
        dictionary.functions.push(otlp::Function { name_strindex, ..Default::default() });
        dictionary.locations.push(otlp::Location {
            mapping_index: 1,
            address: u64::from(function),
            lines: vec![otlp::Line { function_index: i32::from(function) + 1, line: 1, column: 0 }],
            attribute_indices: Vec::new(),
        });
    }
    dictionary.attributes.push(otlp::KeyValueAndUnit {
        key_strindex: 5,
        value: AnyValue::String("worker".into()),
        unit_strindex: 0,
    });
    let mut samples = Vec::new();
    for (place, (stack, value, of_span)) in sent.samples.iter().enumerate() {
        dictionary.stacks.push(stack.iter().rev().map(|function| i32::from(*function) + 1).collect());
        let stack_index = dictionary.stacks.len() as i32 - 1;
        let link_index = of_span.map_or(0, |number| {
            dictionary.links.push(otlp::ProfileLink { trace_id: trace(number), span_id: span(number) });
            dictionary.links.len() as i32 - 1
        });
        // The three legal shapes of values and times.
        let (values, timestamps_unix_nano) = match place % 2 {
            0 if *value > 0 => (Vec::new(), vec![5; *value as usize]),
            _ => (vec![*value - 1, 1], Vec::new()),
        };
        samples.push(otlp::ProfileSample {
            stack_index,
            attribute_indices: vec![1],
            link_index,
            values,
            timestamps_unix_nano,
        });
    }
    let profile = otlp::Profile {
        sample_type: otlp::ValueType { type_strindex: 1, unit_strindex: 2 },
        samples,
        time_unix_nano: sent.ts_ns() as u64,
        period_type: otlp::ValueType { type_strindex: 3, unit_strindex: 4 },
        period: 1,
        ..otlp::Profile::default()
    };
    let resource = model::Resource::with([KeyValue::new("service.name", format!("svc-{}", sent.service))]);
    let group = model::ResourceGroup::of(resource, vec![profile]);
    wire::otlp::encode_profiles(&otlp::Profiles { resources: vec![group], dictionary }).into()
}

#[derive(Clone, Debug)]
enum Step {
    Push { tenant: u8, sent: Sent, as_otlp: bool, shift: u64 },
    Repeat,
    Cut,
    Merge(u8, u8),
}

fn sent() -> impl Strategy<Value = Sent> {
    let sample = (prop::collection::vec(0..3u8, 1..4), 1..9i64, prop::option::of(0..4u8));
    (0..2u8, -20..20i64, prop::collection::vec(sample, 0..6)).prop_map(|(service, time, samples)| Sent {
        service,
        time,
        samples,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..2u8, sent(), any::<bool>(), 0..4u64)
            .prop_map(|(tenant, sent, as_otlp, shift)| Step::Push { tenant, sent, as_otlp, shift }),
        1 => Just(Step::Repeat),
        2 => Just(Step::Cut),
        1 => (0..4u8, 1..4u8).prop_map(|(from, count)| Step::Merge(from, count)),
    ]
}

struct World {
    engine: ProfileEngine,
    head: Arc<crate::head::Head>,
    files: Vec<Arc<BlockHandle>>,
    blocks: OpenBlocks,
    next: u64,
    names: u64,
}

fn tenant(number: u8) -> TenantId {
    TenantId::new(&format!("t{number}")).unwrap()
}

impl World {
    fn new() -> Self {
        let engine = ProfileEngine::new(Config { zstd_level: 1, ..Config::default() });
        let head = Arc::new(engine.new_head());
        Self { engine, head, files: Vec::new(), blocks: OpenBlocks::default(), next: 0, names: 0 }
    }

    fn push(&mut self, tenant: &TenantId, format: Format, body: &Bytes) {
        let parsed = crate::prepare::parse(format, body, RECEIVED_MS, &Config::default()).unwrap();
        assert_eq!(parsed.refused, 0, "{}", parsed.reason);
        self.engine.apply(&self.head, self.next, Prepared::new(tenant.clone(), parsed.part));
        self.next += 1;
    }

    fn add_file(&mut self, place: usize, file: NewFile) {
        self.names += 1;
        let handle = BlockHandle::in_memory(format!("f{}", self.names), 0, 0..self.next, file);
        self.files.insert(place, Arc::new(handle));
    }

    fn cut(&mut self) {
        for file in self.engine.build(&self.head, 0..self.next).unwrap() {
            self.add_file(self.files.len(), file);
        }
        self.head = Arc::new(self.engine.new_head());
    }

    fn merge(&mut self, from: usize, count: usize) {
        let from = from.min(self.files.len());
        let end = (from + count).min(self.files.len());
        let inputs: Vec<_> = self.files[from..end].iter().map(|file| file.reader().unwrap()).collect();
        let merged = self.engine.merge(&inputs, &Keep { from_ns: i64::MIN }).unwrap();
        self.files.drain(from..end);
        merged.into_iter().for_each(|file| self.add_file(from, file));
    }

    fn view(&self, number: u8) -> View<'_> {
        let snapshot =
            Snapshot { heads: vec![self.head.clone()], files: self.files.clone(), damage: Arc::from([]) };
        View::new(&snapshot, &self.blocks, &tenant(number)).unwrap()
    }
}

#[derive(Clone, Debug)]
struct Question {
    tenant: u8,
    service: Option<u8>,
    from: i64,
    len: i64,
    span: Option<u8>,
    trace: Option<u8>,
}

fn question() -> impl Strategy<Value = Question> {
    let some = || prop::option::weighted(0.3, 0..4u8);
    (0..2u8, prop::option::of(0..3u8), -25..25i64, 0..50i64, some(), some()).prop_map(
        |(tenant, service, from, len, span, trace)| Question { tenant, service, from, len, span, trace },
    )
}

/// Stacks of names and their own values.
fn stacks(tree: &Tree) -> BTreeMap<Vec<String>, i64> {
    let mut paths: Vec<Vec<String>> = vec![Vec::new()];
    for place in 1..tree.nodes.len() {
        let mut path = paths[tree.nodes[place].parent as usize].clone();
        path.push(tree.name(place).to_owned());
        paths.push(path);
    }
    paths
        .into_iter()
        .zip(&tree.nodes)
        .filter(|(_, node)| node.own != 0)
        .map(|(path, node)| (path, node.own))
        .collect()
}

fn check_question(world: &World, model: &[(u8, Sent)], question: &Question) {
    let base = RECEIVED_MS * 1_000_000;
    let mut matchers = vec![Matcher::equal("__profile_type__", CPU)];
    matchers.extend(question.service.map(|service| Matcher::equal("service_name", format!("svc-{service}"))));
    let (from_ns, to_ns) = (base + question.from, base + question.from + question.len);
    let mut query = ProfileQuery::new(tenant(question.tenant), matchers.clone(), from_ns, to_ns);
    query.spans = question.span.map(span).into_iter().collect();
    query.traces = question.trace.map(trace).into_iter().collect();
    let profiles: Vec<&Sent> = model
        .iter()
        .filter(|(tenant, sent)| {
            *tenant == question.tenant
                && (from_ns..to_ns).contains(&sent.ts_ns())
                && question.service.is_none_or(|service| service == sent.service)
        })
        .map(|(_, sent)| sent)
        .collect();
    let is_wanted = |of_span: Option<u8>| {
        question.span.is_none_or(|wanted| of_span == Some(wanted))
            && question
                .trace
                .is_none_or(|wanted| of_span.is_some_and(|number| trace(number) == trace(wanted)))
    };
    let mut expect: BTreeMap<Vec<String>, i64> = BTreeMap::new();
    let mut totals: BTreeMap<String, BTreeMap<i64, i64>> = BTreeMap::new();
    for sent in &profiles {
        let step = from_ns + (sent.ts_ns() - from_ns) / 7 * 7;
        let total = totals.entry(format!("svc-{}", sent.service)).or_default().entry(step).or_default();
        for (stack, value, of_span) in sent.samples.iter().filter(|sample| is_wanted(sample.2)) {
            let _ = of_span;
            *expect.entry(stack.iter().map(|function| name(*function)).collect()).or_default() += value;
            *total += value;
        }
    }
    let view = world.view(question.tenant);
    let tree = view.merged(&query).unwrap();
    assert_eq!(stacks(&tree), expect);
    assert_eq!(tree.total(), expect.values().sum::<i64>());
    let pprof = Profile::decode(&view.merged_pprof(&query).unwrap().encode()).unwrap();
    let mut found: BTreeMap<Vec<String>, i64> = BTreeMap::new();
    for sample in &pprof.samples {
        let names = pprof.frames(sample).rev().map(|name| name.into_owned()).collect();
        *found.entry(names).or_default() += sample.values[0];
        assert_eq!(pprof.string(sample.labels[0].text), "worker");
    }
    assert_eq!(found, expect);
    let series = view.series_totals(&query, 7, &["service_name".into()]).unwrap();
    let found: BTreeMap<String, BTreeMap<i64, i64>> = series
        .into_iter()
        .map(|series| (series.labels.get("service_name").to_owned(), series.points.into_iter().collect()))
        .collect();
    assert_eq!(found, totals);
    if question.span.is_none() && question.trace.is_none() {
        assert_eq!(view.profiles(&query, usize::MAX).unwrap().len(), profiles.len());
    }
    let series = view.series(&SeriesQuery::new(tenant(question.tenant), matchers, from_ns, to_ns)).unwrap();
    let services: BTreeSet<String> =
        series.iter().map(|labels| labels.get("service_name").to_owned()).collect();
    assert_eq!(services, totals.into_keys().collect());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    #[test]
    fn any_history_answers_as_the_model(
        steps in prop::collection::vec(step(), 1..14),
        questions in prop::collection::vec(question(), 1..6),
    ) {
        let mut world = World::new();
        let mut model: Vec<(u8, Sent)> = Vec::new();
        let mut bodies = BTreeSet::new();
        let mut last = None;
        for step in &steps {
            match step {
                Step::Push { tenant: number, sent, as_otlp, shift } => {
                    let (format, body) =
                        if *as_otlp { (Format::OtlpProto, otlp(sent)) } else { (Format::Pprof, pprof(sent, *shift)) };
                    world.push(&tenant(*number), format, &body);
                    // The same body again is the same profile again.
                    if bodies.insert((*number, body.clone())) {
                        model.push((*number, sent.clone()));
                    }
                    last = Some((tenant(*number), format, body));
                }
                Step::Repeat => {
                    if let Some((tenant, format, body)) = &last {
                        world.push(tenant, *format, body);
                    }
                }
                Step::Cut => world.cut(),
                Step::Merge(from, count) => world.merge(usize::from(*from), usize::from(*count)),
            }
            for question in &questions {
                check_question(&world, &model, question);
            }
        }
    }

    #[test]
    fn no_bytes_panic_the_parser(body in prop::collection::vec(any::<u8>(), 0..200), is_pprof: bool, flips in prop::collection::vec((any::<u16>(), any::<u8>()), 0..8)) {
        let sent = Sent { service: 0, time: 0, samples: vec![(vec![1, 2], 3, Some(1)), (vec![1], 2, None)] };
        let (format, good) = if is_pprof { (Format::Pprof, pprof(&sent, 1)) } else { (Format::OtlpProto, otlp(&sent)) };
        let mut mutated = good.to_vec();
        for (place, value) in flips {
            let place = usize::from(place) % mutated.len();
            mutated[place] = value;
        }
        for body in [body, mutated] {
            let _ = crate::prepare::parse(format, &body, 0, &Config::default());
        }
    }
}

#[test]
fn equal_symbols_of_a_file_are_there_once() {
    let mut world = World::new();
    for shift in 0..3 {
        let sent = Sent {
            service: 0,
            time: shift as i64,
            samples: vec![(vec![1, 2, 3], 1, None), (vec![1, 2], 1, None)],
        };
        world.push(&tenant(0), Format::Pprof, &pprof(&sent, shift));
        world.push(&tenant(0), Format::OtlpProto, &otlp(&sent));
        world.cut();
    }
    let sent = Sent { service: 0, time: 0, samples: vec![(vec![1, 2, 3], 1, None), (vec![1, 2], 1, None)] };
    world.push(&tenant(0), Format::OtlpProto, &otlp(&sent));
    world.cut();
    world.merge(0, 4);
    // Six profiles; the one that was sent again is not there twice.
    assert_eq!((world.files.len(), world.files[0].summary.items), (1, 6));
    let reader = world.files[0].reader().unwrap();
    let block = crate::block::TenantBlock::open(reader, &tenant(0), true).unwrap().unwrap();
    let symbols = &crate::write::Source::details(&block).unwrap().symbols;
    let functions: BTreeSet<&str> =
        symbols.functions.iter().map(|function| symbols.string(function.name)).collect();
    assert_eq!((functions.len(), symbols.functions.len()), (3, 3));
    // Two mappings (their file names differ), three locations each.
    assert_eq!((symbols.mappings.len(), symbols.locations.len(), symbols.nodes.len()), (2, 6, 6));
}

#[test]
fn trees_are_truncated_without_losing_a_sample() {
    let mut world = World::new();
    let samples = (0..6).map(|function| (vec![0, function], i64::from(function) + 1, None)).collect();
    world.push(&tenant(0), Format::OtlpProto, &otlp(&Sent { service: 0, time: 0, samples }));
    let query = ProfileQuery::new(tenant(0), Vec::new(), i64::MIN, i64::MAX);
    let tree = world.view(0).merged(&query).unwrap();
    assert_eq!(tree.nodes.len(), 8);
    let small = tree.truncate(4);
    assert_eq!(small.total(), 21);
    let names: BTreeMap<&str, i64> =
        (0..small.nodes.len()).map(|place| (small.name(place), small.nodes[place].total)).collect();
    assert_eq!(
        names,
        BTreeMap::from([("total", 21), ("main.f0", 21), ("main.f5", 6), ("main.f4", 5), ("other", 10)])
    );
    assert_eq!(
        small.children()[1].iter().map(|child| small.name(*child as usize)).collect::<Vec<_>>(),
        ["main.f4", "main.f5", "other"]
    );
}

#[tokio::test]
async fn accepted_profiles_are_there_before_and_after_a_cut_and_after_reopening() {
    use pipeline::Consumer;
    let disk = ports::sim::SimDisk::new();
    let clock = Arc::new(ports::sim::SimClock::new(RECEIVED_MS));
    let open = || {
        let deps = store::Deps::simulated(&disk, &clock, 7).unwrap();
        crate::ProfileStore::open(deps, store::LaneConfig::new("/data"), Config::default()).unwrap()
    };
    let batch = |format, body| pipeline::Batch {
        tenant: tenant(0),
        signal: model::Signal::Profiles,
        format,
        body,
        wire: None,
        received_at_ms: RECEIVED_MS,
    };
    let total = |store: &crate::ProfileStore| {
        store.merged(&ProfileQuery::new(tenant(0), Vec::new(), i64::MIN, i64::MAX)).unwrap().total()
    };
    let sent = |time| Sent { service: 1, time, samples: vec![(vec![1, 2], 3, Some(1))] };
    let store = open();
    let accepted = store.consume(batch(Format::Pprof, pprof(&sent(1), 0))).await.unwrap();
    assert_eq!((accepted.items, accepted.rejected, total(&store)), (1, 0, 3));
    store.flush().await.unwrap();
    assert_eq!(total(&store), 3);
    store.consume(batch(Format::OtlpProto, otlp(&sent(2)))).await.unwrap();
    assert_eq!(total(&store), 6);
    let far = batch(Format::Pprof, pprof(&sent(3_600_000_000_000), 0));
    assert!(
        matches!(store.consume(far).await, Err(pipeline::Refused::Bad(reason)) if reason.contains("outside of ingestion window"))
    );
    assert!(store.consume(batch(Format::Pprof, Bytes::from_static(b"junk"))).await.is_err());
    store.close().await.unwrap();
    drop(store);
    let store = open();
    assert_eq!(total(&store), 6);
    let query = SeriesQuery::new(tenant(0), Vec::new(), i64::MIN, i64::MAX);
    let types: Vec<String> =
        store.profile_types(&query).unwrap().iter().map(ProfileType::to_string).collect();
    assert_eq!(types, [CPU]);
    assert_eq!(store.label_values(&query, "service_name").unwrap(), ["svc-1"]);
    assert!(store.label_names(&query).unwrap().contains(&"__profile_type__".to_owned()));
}

fn golden_world() -> World {
    let mut world = World::new();
    let samples = vec![(vec![0, 1, 2], 5, Some(1)), (vec![0, 3], 2, None)];
    let sent = |time, service| Sent { service, time, samples: samples.clone() };
    world.push(&tenant(0), Format::Pprof, &pprof(&sent(1, 0), 2));
    world.push(&tenant(0), Format::OtlpProto, &otlp(&sent(2, 1)));
    world.push(&tenant(1), Format::Pprof, &pprof(&sent(3, 1), 0));
    world.cut();
    world
}

#[test]
fn bytes_of_version_1_are_still_read() {
    let golden: &[u8] = include_bytes!("block/golden-v1.blk");
    let built = golden_world();
    let mut world = World::new();
    world.add_file(0, NewFile { bytes: golden.to_vec(), summary: built.files[0].summary.clone() });
    for number in 0..2 {
        let query = ProfileQuery::new(tenant(number), Vec::new(), i64::MIN, i64::MAX);
        let (read, expect) = (world.view(number), built.view(number));
        assert_eq!(read.merged(&query).unwrap(), expect.merged(&query).unwrap());
        assert_eq!(read.merged_pprof(&query).unwrap(), expect.merged_pprof(&query).unwrap());
        assert_eq!(read.profiles(&query, 9).unwrap(), expect.profiles(&query, 9).unwrap());
        assert_eq!(read.merged(&query).unwrap().total(), if number == 0 { 14 } else { 7 });
    }
}

#[test]
fn broken_sections_are_errors_and_never_panics() {
    let world = golden_world();
    let whole = world.files[0].reader().unwrap();
    let mut failed = 0;
    for (broken, key) in whole.keys().iter().enumerate() {
        let plain = whole.require(*key).unwrap();
        for place in 0..plain.len().min(200) {
            let mut writer = store::BlockWriter::new(model::Signal::Profiles);
            assert!(whole.tenants().iter().map(|tenant| writer.tenant(tenant)).eq(0..2));
            for (number, key) in whole.keys().iter().enumerate() {
                let mut section = whole.require(*key).unwrap().to_vec();
                if number == broken {
                    section[place] ^= 1 << (place % 8);
                    section.truncate(if place % 3 == 0 { place } else { section.len() });
                }
                writer.add(*key, &section, store::Codec::None, 0);
            }
            let mut world = World::new();
            world.add_file(0, NewFile { bytes: writer.finish(), summary: summary() });
            let query = ProfileQuery::new(tenant(key.tenant as u8), Vec::new(), i64::MIN, i64::MAX);
            let view = world.view(key.tenant as u8);
            failed += u32::from(view.merged(&query).is_err());
            let _ = view.merged_pprof(&query);
            let _ = world.engine.merge(&[world.files[0].reader().unwrap()], &Keep { from_ns: i64::MIN });
        }
    }
    assert!(failed > 50, "{failed} of the broken files were refused");
}

fn summary() -> store::FileSummary {
    store::FileSummary { min_ns: i64::MIN, max_ns: i64::MAX, items: 3, tenants: vec![tenant(0), tenant(1)] }
}

#[test]
fn a_merge_leaves_out_what_is_before_the_cutoff_and_its_symbols() {
    let mut world = World::new();
    for time in [1, 2, 3] {
        let sent = Sent { service: 0, time, samples: vec![(vec![time as u8], 5, None)] };
        world.push(&tenant(0), Format::OtlpProto, &otlp(&sent));
        world.cut();
    }
    let inputs: Vec<_> = world.files.drain(..).map(|file| file.reader().unwrap()).collect();
    let cutoff = RECEIVED_MS * 1_000_000 + 3;
    let merged = world.engine.merge(&inputs, &Keep { from_ns: cutoff }).unwrap();
    assert_eq!((merged.len(), merged[0].summary.items, merged[0].summary.min_ns), (1, 1, cutoff));
    world.add_file(0, merged.into_iter().next().unwrap());
    let reader = world.files[0].reader().unwrap();
    let block = crate::block::TenantBlock::open(reader, &tenant(0), true).unwrap().unwrap();
    assert_eq!(crate::write::Source::details(&block).unwrap().symbols.functions.len(), 1);
    assert!(world.engine.merge(&inputs, &Keep { from_ns: cutoff + 9 }).unwrap().is_empty());
}
