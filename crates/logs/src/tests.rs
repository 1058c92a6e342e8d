//! The store against a naive model: whatever is pushed, cut and merged in whatever order, every question has the model's answer.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use model::matcher::{MatchOp, Matcher};
use model::{Format, TenantId};
use proptest::prelude::*;
use store::{BlockHandle, Keep, SignalEngine, Snapshot};
use wire::proto::Writer;

use crate::blocks::OpenBlocks;
use crate::config::Config;
use crate::engine::LogEngine;
use crate::query::{Direction, LineFilter, LineFilterOp, LogQuery, StreamQuery};
use crate::scan::plan::{Plan, Selection};
use crate::store::{query_snapshot, scan_snapshot};
use crate::{Level, counts};

const RECEIVED_MS: i64 = 1_700_000_000_000;

/// An entry as a test means it.
#[derive(Clone, Debug)]
struct Sent {
    service: u8,
    /// Distance from the first time.
    time: i64,
    line: String,
    attributes: Vec<(String, String)>,
    severity: u8,
    trace: Option<u8>,
}

impl Sent {
    fn ts_ns(&self) -> i64 {
        RECEIVED_MS * 1_000_000 + self.time
    }

    fn labels(&self) -> Vec<(String, String)> {
        vec![("service_name".into(), format!("svc-{}", self.service))]
    }

    fn trace_id(&self) -> Option<[u8; 16]> {
        self.trace.map(|trace| [trace + 1; 16])
    }

    fn level(&self) -> &'static str {
        Level::from_severity(u64::from(self.severity)).name()
    }

    fn metadata(&self) -> BTreeMap<String, String> {
        let mut metadata = BTreeMap::new();
        for (name, value) in &self.attributes {
            metadata.entry(name.clone()).or_insert(value.clone());
        }
        metadata.insert("severity_number".into(), self.severity.to_string());
        if let Some(id) = self.trace_id() {
            metadata.insert("trace_id".into(), id.iter().map(|byte| format!("{byte:02x}")).collect());
        }
        metadata.insert("host".into(), format!("h{}", self.service));
        metadata.insert("detected_level".into(), self.level().into());
        metadata
    }
}

fn pair(writer: &mut Writer<'_>, number: u32, key: &str, value: &str) {
    writer.message(number, |pair| {
        pair.string(1, key);
        pair.message(2, |any| match value.parse::<i64>() {
            // An integer where its text is the same.
            Ok(number) if number.to_string() == value && number != 0 => any.int(3, number),
            _ => any.always_bytes(1, value.as_bytes()),
        });
    });
}

/// All entries of one service as one request.
fn otlp(entries: &[&Sent]) -> Bytes {
    let mut out = Vec::new();
    Writer::new(&mut out).message(1, |resource_logs| {
        resource_logs.message(1, |resource| {
            pair(resource, 1, "service.name", &format!("svc-{}", entries[0].service));
            pair(resource, 1, "host", &format!("h{}", entries[0].service));
        });
        resource_logs.message(2, |scope_logs| {
            for entry in entries {
                scope_logs.message(2, |record| {
                    record.always_fixed64(1, entry.ts_ns() as u64);
                    record.varint(2, u64::from(entry.severity));
                    record.message(5, |any| any.always_bytes(1, entry.line.as_bytes()));
                    for (name, value) in &entry.attributes {
                        pair(record, 6, name, value);
                    }
                    if let Some(id) = entry.trace_id() {
                        record.bytes(9, &id);
                    }
                });
            }
        });
    });
    out.into()
}

fn loki(entries: &[&Sent]) -> Bytes {
    let mut out = Vec::new();
    Writer::new(&mut out).message(1, |stream| {
        stream.string(1, &format!("{{service_name=\"svc-{}\"}}", entries[0].service));
        for entry in entries {
            stream.message(2, |record| {
                record.message(1, |timestamp| {
                    timestamp.varint(1, (entry.ts_ns() / 1_000_000_000) as u64);
                    timestamp.varint(2, (entry.ts_ns() % 1_000_000_000) as u64);
                });
                record.always_bytes(2, entry.line.as_bytes());
                for (name, value) in entry.metadata() {
                    let value = if name == "detected_level" { continue } else { value };
                    record.message(3, |pair| {
                        pair.string(1, &name);
                        pair.string(2, &value);
                    });
                }
                record.message(3, |pair| {
                    pair.string(1, "level");
                    pair.string(2, entry.level());
                });
            });
        }
    });
    out.into()
}

#[derive(Clone, Debug)]
enum Step {
    Push {
        tenant: u8,
        is_loki: bool,
        entries: Vec<Sent>,
    },
    /// The last push once more, as a client does that missed the answer.
    Repeat,
    Cut,
    /// Merges neighbouring files: from, count.
    Merge(u8, u8),
}

/// Engine, head and files, as a lane would hold them.
struct World {
    engine: LogEngine,
    head: Arc<crate::head::Head>,
    files: Vec<Arc<BlockHandle>>,
    next: u64,
    blocks: OpenBlocks,
    names: u64,
}

impl World {
    fn new(config: Config) -> Self {
        let engine = LogEngine::new(config);
        let head = Arc::new(engine.new_head());
        Self { engine, head, files: Vec::new(), next: 0, blocks: OpenBlocks::default(), names: 0 }
    }

    fn push(&mut self, tenant: &TenantId, format: Format, body: Bytes) {
        let batch = pipeline::Batch {
            tenant: tenant.clone(),
            signal: model::Signal::Logs,
            format,
            body,
            wire: None,
            received_at_ms: RECEIVED_MS,
        };
        let parsed = self.engine.check(&batch).unwrap();
        self.engine.apply(&self.head, self.next, parsed.batch);
        self.next += 1;
    }

    fn add_file(&mut self, place: usize, level: u8, offsets: std::ops::Range<u64>, file: store::NewFile) {
        self.names += 1;
        let handle = BlockHandle::in_memory(format!("f{}", self.names), level, offsets, file);
        self.files.insert(place, Arc::new(handle));
    }

    fn cut(&mut self) {
        let built = self.engine.build(&self.head, 0..self.next).unwrap();
        for file in built {
            self.add_file(self.files.len(), 0, 0..self.next, file);
        }
        self.head = Arc::new(self.engine.new_head());
    }

    fn merge(&mut self, from: usize, count: usize) {
        let from = from.min(self.files.len());
        let end = (from + count).min(self.files.len());
        let inputs: Vec<_> = self.files[from..end].iter().map(|file| file.reader().unwrap()).collect();
        let merged = self.engine.merge(&inputs, &Keep { from_ns: i64::MIN }).unwrap();
        self.files.drain(from..end);
        for file in merged {
            self.add_file(from, 1, 0..self.next, file);
        }
    }

    fn snapshot(&self) -> Snapshot<LogEngine> {
        Snapshot { heads: vec![self.head.clone()], files: self.files.clone(), damage: Arc::from([]) }
    }

    fn plan(&self, query: &StreamQuery) -> Plan {
        let selection = Selection {
            tenant: &query.tenant,
            matcher_sets: &query.matcher_sets,
            from_ns: query.from_ns,
            to_ns: query.to_ns,
            budget: &query.budget,
        };
        Plan::new(&self.snapshot(), &self.blocks, &selection, Direction::Forward).unwrap()
    }
}

fn tenant(number: u8) -> TenantId {
    TenantId::new(&format!("t{number}")).unwrap()
}

fn sent() -> impl Strategy<Value = Sent> {
    let line = prop_oneof![
        3 => "[a-c]{0,3}",
        1 => "GET /orders/[0-9]{1,4} took [0-9]ms",
        1 => Just("err: größe".to_owned()),
        1 => "[0-9a-f]{32}",
    ];
    let value = prop_oneof![
        "[a-z]{0,2}",
        "[0-9]{1,3}",
        "[0-9a-f]{16}",
        Just("007".to_owned()),
        Just("-0".to_owned())
    ];
    let attributes = prop::collection::vec(("[a-d]", value), 0..3);
    (0..3u8, -20..20i64, line, attributes, 1..25u8, prop::option::of(0..4u8)).prop_map(
        |(service, time, line, attributes, severity, trace)| {
            let attributes =
                attributes.into_iter().map(|(name, value): (String, String)| (name, value)).collect();
            Sent { service, time, line, attributes, severity, trace }
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..2u8, any::<bool>(), prop::collection::vec(sent(), 1..12))
            .prop_map(|(tenant, is_loki, entries)| Step::Push { tenant, is_loki, entries }),
        1 => Just(Step::Repeat),
        2 => Just(Step::Cut),
        1 => (0..4u8, 1..4u8).prop_map(|(from, count)| Step::Merge(from, count)),
    ]
}

#[derive(Clone, Debug)]
struct Question {
    tenant: u8,
    matcher: Option<(MatchOp, String)>,
    filters: Vec<LineFilter>,
    metadata: Option<(String, String)>,
    from: i64,
    len: i64,
    limit: usize,
    is_forward: bool,
}

fn question() -> impl Strategy<Value = Question> {
    let op = prop_oneof![Just(MatchOp::Equal), Just(MatchOp::NotEqual), Just(MatchOp::Regex)];
    let filter = prop_oneof![
        3 => ("[a-c]{1,2}", any::<bool>()).prop_map(|(text, yes)| {
            LineFilter::new(if yes { LineFilterOp::Contains } else { LineFilterOp::NotContains }, text)
        }),
        1 => Just(LineFilter::new(LineFilterOp::Contains, "GET /orders/")),
        1 => Just(LineFilter { op: LineFilterOp::Contains, texts: vec!["größe".into(), "took 5".into()] }),
        1 => Just(LineFilter::new(LineFilterOp::Regex, "took [0-4]ms")),
        1 => Just(LineFilter::new(LineFilterOp::NotRegex, "^[0-9a-f]{32}$")),
    ];
    let metadata = prop_oneof![
        (0..4u8).prop_map(|id| ("trace_id".to_owned(), format!("{:02x}", id + 1).repeat(16))),
        Just(("host".to_owned(), "h1".to_owned())),
        Just(("detected_level".to_owned(), "warn".to_owned())),
        ("[a-d]", "[0-9]").prop_map(|(name, value)| (name, value)),
    ];
    (
        0..2u8,
        prop::option::of((op, "svc-[0-3]")),
        prop::collection::vec(filter, 0..3),
        prop::option::weighted(0.3, metadata),
        -25..25i64,
        0..50i64,
        prop_oneof![Just(0usize), 1..10usize],
        any::<bool>(),
    )
        .prop_map(|(tenant, matcher, filters, metadata, from, len, limit, is_forward)| Question {
            tenant,
            matcher,
            filters,
            metadata,
            from,
            len,
            limit,
            is_forward,
        })
}

type Flat = (i64, Vec<(String, String)>, String, BTreeMap<String, String>);

fn passes(question: &Question, entry: &Sent) -> bool {
    let range = question.from..question.from + question.len;
    let service = format!("svc-{}", entry.service);
    let matched = question.matcher.as_ref().is_none_or(|(op, value)| match op {
        MatchOp::NotEqual => *value != service,
        _ => *value == service,
    });
    let any = |filter: &LineFilter| filter.texts.iter().any(|text| entry.line.contains(text.as_str()));
    let filtered = question.filters.iter().all(|filter| match filter.op {
        LineFilterOp::Contains => any(filter),
        LineFilterOp::NotContains => !any(filter),
        LineFilterOp::Regex => (0..5).any(|n| entry.line.contains(&format!("took {n}ms"))),
        LineFilterOp::NotRegex => {
            entry.line.len() != 32 || !entry.line.bytes().all(|byte| byte.is_ascii_hexdigit())
        }
    });
    let metadata = entry.metadata();
    range.contains(&entry.time)
        && matched
        && filtered
        && question.metadata.as_ref().is_none_or(|(name, value)| metadata.get(name) == Some(value))
}

fn flat(entry: &Sent, is_loki: bool) -> Flat {
    let mut metadata = entry.metadata();
    if is_loki {
        metadata.insert("level".into(), entry.level().into());
    }
    (entry.ts_ns(), entry.labels(), entry.line.clone(), metadata)
}

fn check_question(world: &World, model: &[(u8, bool, Sent)], question: &Question) {
    let base = RECEIVED_MS * 1_000_000;
    let matchers: Vec<Matcher> = question
        .matcher
        .iter()
        .map(|(op, value)| Matcher::new("service_name", *op, value.as_str()).unwrap())
        .collect();
    let mut query = LogQuery::new(
        tenant(question.tenant),
        matchers.clone(),
        base + question.from,
        base + question.from + question.len,
    );
    query.line_filters = question.filters.clone();
    query.metadata = question.metadata.iter().cloned().collect();
    query.limit = question.limit;
    query.direction = if question.is_forward { Direction::Forward } else { Direction::Backward };
    let all: BTreeSet<Flat> = model
        .iter()
        .filter(|(tenant, _, entry)| *tenant == question.tenant && passes(question, entry))
        .map(|(_, is_loki, entry)| flat(entry, *is_loki))
        .collect();
    let mut times: Vec<i64> = all.iter().map(|(ts_ns, ..)| *ts_ns).collect();
    if !question.is_forward {
        times.reverse();
    }
    if question.limit > 0 {
        times.truncate(question.limit);
    }
    // In the order of time over all streams.
    let mut seen = Vec::new();
    scan_snapshot(&world.snapshot(), &world.blocks, &query, &mut |stream, entry| {
        let pairs = |pairs: &mut dyn Iterator<Item = (&str, &str)>| {
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>()
        };
        let mut metadata: BTreeMap<_, _> = pairs(&mut entry.metadata.iter()).into_iter().collect();
        metadata.insert("detected_level".into(), entry.level.name().into());
        let found = (entry.ts_ns, pairs(&mut stream.labels.iter()), entry.line.to_owned(), metadata);
        assert!(all.contains(&found), "{found:?} is not in the model");
        seen.push(found);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(seen.iter().map(|(ts_ns, ..)| *ts_ns).collect::<Vec<_>>(), times);
    let distinct: BTreeSet<&Flat> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len(), "duplicates");
    let results = query_snapshot(&world.snapshot(), &world.blocks, &query).unwrap();
    let owned: BTreeSet<Flat> = results
        .iter()
        .flat_map(|result| {
            let labels: Vec<_> =
                result.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            result.entries.iter().map(move |entry| {
                (
                    entry.ts_ns,
                    labels.clone(),
                    entry.line.clone(),
                    entry.structured_metadata.iter().cloned().collect(),
                )
            })
        })
        .collect();
    assert_eq!(owned, seen.into_iter().collect());
    if question.filters.is_empty() && question.metadata.is_none() {
        check_counts(world, question, matchers, &all);
    }
}

/// Counts include duplicates that have not met in a block yet, so they are checked for the streams only, and for what is at least there.
fn check_counts(world: &World, question: &Question, matchers: Vec<Matcher>, all: &BTreeSet<Flat>) {
    let base = RECEIVED_MS * 1_000_000;
    let query = StreamQuery::new(
        tenant(question.tenant),
        matchers,
        base + question.from,
        base + question.from + question.len,
    );
    let plan = world.plan(&query);
    let series: BTreeSet<String> = counts::series(&plan, &query)
        .unwrap()
        .iter()
        .map(|labels| labels.get("service_name").to_owned())
        .collect();
    let expect: BTreeSet<String> = all.iter().map(|(_, labels, ..)| labels[0].1.clone()).collect();
    assert_eq!(series, expect);
    let volumes = counts::volume(&plan, &query, Some(7)).unwrap();
    let mut expect: BTreeMap<(String, &str, u32), (u64, u64)> = BTreeMap::new();
    for (ts_ns, labels, line, metadata) in all {
        let step = ((ts_ns - query.from_ns) / 7) as u32;
        let key = (labels[0].1.clone(), metadata["detected_level"].as_str(), step);
        let count = expect.entry(key).or_default();
        *count = (count.0 + 1, count.1 + line.len() as u64);
    }
    assert_eq!(volumes.len(), expect.len());
    for volume in volumes {
        let key = (volume.labels.get("service_name").to_owned(), volume.level.name(), volume.step);
        let (entries, bytes) = expect[&key];
        assert!(volume.entries >= entries && volume.bytes >= bytes, "{key:?}");
    }
}

fn lenient() -> Config {
    Config { level_build: 1, level_merge: 1, ..Config::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_history_answers_as_the_model(
        steps in prop::collection::vec(step(), 1..14),
        questions in prop::collection::vec(question(), 1..8),
    ) {
        let mut world = World::new(lenient());
        let mut model: Vec<(u8, bool, Sent)> = Vec::new();
        let mut last = None;
        for step in &steps {
            match step {
                Step::Repeat => {
                    if let Some((tenant, format, body)) = last.clone() {
                        world.push(&tenant, format, body);
                    }
                }
                Step::Cut => world.cut(),
                Step::Merge(from, count) => world.merge(usize::from(*from), usize::from(*count)),
                Step::Push { tenant: number, is_loki, entries } => {
                    for service in 0..3 {
                        let part: Vec<&Sent> = entries.iter().filter(|entry| entry.service == service).collect();
                        if part.is_empty() {
                            continue;
                        }
                        let (format, body) = if *is_loki {
                            (Format::LokiProto, loki(&part))
                        } else {
                            (Format::OtlpProto, otlp(&part))
                        };
                        last = Some((tenant(*number), format, body.clone()));
                        world.push(&tenant(*number), format, body);
                        model.extend(part.into_iter().map(|entry| (*number, *is_loki, entry.clone())));
                    }
                }
            }
            for question in &questions {
                check_question(&world, &model, question);
            }
        }
    }

    #[test]
    fn no_bytes_panic_the_parser(body in prop::collection::vec(any::<u8>(), 0..200), is_loki: bool) {
        let engine = LogEngine::new(Config::default());
        let format = if is_loki { Format::LokiProto } else { Format::OtlpProto };
        let _ = engine.trust(&tenant(0), format, body.into(), 0);
    }
}

#[test]
fn a_literal_over_the_border_of_two_lines_is_no_match_and_hides_none() {
    let mut world = World::new(lenient());
    let lines = ["xa", "bx", "ab", "xa", "b"];
    let entry = |(time, line): (i64, &&str)| Sent {
        service: 0,
        time,
        line: (*line).to_owned(),
        attributes: Vec::new(),
        severity: 9,
        trace: None,
    };
    let entries: Vec<Sent> = (0..).zip(&lines).map(entry).collect();
    world.push(&tenant(0), Format::OtlpProto, otlp(&entries.iter().collect::<Vec<_>>()));
    world.cut();
    let mut query = LogQuery::new(tenant(0), Vec::new(), i64::MIN, i64::MAX);
    query.line_filters = vec![LineFilter::new(LineFilterOp::Contains, "ab")];
    let results = query_snapshot(&world.snapshot(), &world.blocks, &query).unwrap();
    let found: Vec<&str> =
        results.iter().flat_map(|result| result.entries.iter().map(|entry| entry.line.as_str())).collect();
    assert_eq!(found, ["ab"]);
}

#[test]
fn what_is_refused_is_not_in_the_journal_body() {
    let engine = LogEngine::new(Config { max_line_size: 4, ..Config::default() });
    let entry = |time: i64, line: &str| Sent {
        service: 0,
        time,
        line: line.to_owned(),
        attributes: Vec::new(),
        severity: 9,
        trace: None,
    };
    let entries =
        [entry(1, "good"), entry(2, "too long"), entry(3, "fine"), entry(-8 * 86_400_000_000_000, "old")];
    for (format, body) in [
        (Format::OtlpProto, otlp(&entries.iter().collect::<Vec<_>>())),
        (Format::LokiProto, loki(&entries.iter().collect::<Vec<_>>())),
    ] {
        let batch = pipeline::Batch {
            tenant: tenant(0),
            signal: model::Signal::Logs,
            format,
            body,
            wire: None,
            received_at_ms: RECEIVED_MS,
        };
        let parsed = engine.check(&batch).unwrap();
        assert_eq!(parsed.refusals.entries, 2);
        assert_eq!(
            parsed.refusals.message(),
            "max entry size '4' bytes exceeded for stream '{service_name=\"svc-0\"}' while adding an entry with length '8' bytes"
        );
        let body = crate::prepare::strip(&parsed.batch);
        let trusted = engine.trust(&tenant(0), format, body, RECEIVED_MS).unwrap();
        let lines: Vec<&[u8]> = trusted.rows.iter().map(|row| trusted.line(row)).collect();
        assert_eq!(lines, [b"good", b"fine"]);
    }
}

fn batch(body: Bytes) -> pipeline::Batch {
    pipeline::Batch {
        tenant: tenant(0),
        signal: model::Signal::Logs,
        format: Format::OtlpProto,
        body,
        wire: None,
        received_at_ms: RECEIVED_MS,
    }
}

fn simple(time: i64, line: &str) -> Sent {
    let attributes = vec![("a".to_owned(), "1".to_owned())];
    Sent { service: 1, time, line: line.to_owned(), attributes, severity: 9, trace: Some(1) }
}

#[tokio::test]
async fn accepted_entries_are_there_before_and_after_a_cut_and_after_reopening() {
    use pipeline::Consumer;
    let disk = ports::sim::SimDisk::new();
    let clock = Arc::new(ports::sim::SimClock::new(RECEIVED_MS));
    let open = || {
        let deps = store::Deps::simulated(&disk, &clock, 7).unwrap();
        crate::LogStore::open(deps, store::LaneConfig::new("/data"), Config::default()).unwrap()
    };
    let lines = |store: &crate::LogStore| -> Vec<String> {
        let query = LogQuery::new(tenant(0), Vec::new(), i64::MIN, i64::MAX);
        let streams = store.query(&query).unwrap();
        streams.into_iter().flat_map(|stream| stream.entries).map(|entry| entry.line).collect()
    };
    let store = open();
    let accepted = store
        .consume(batch(otlp(&[&simple(1, "one"), &simple(-9 * 86_400_000_000_000, "old")])))
        .await
        .unwrap();
    assert_eq!((accepted.items, accepted.rejected), (1, 1));
    assert_eq!(lines(&store), ["one"]);
    store.flush().await.unwrap();
    assert_eq!(lines(&store), ["one"]);
    store.consume(batch(otlp(&[&simple(2, "two")]))).await.unwrap();
    assert_eq!(lines(&store), ["two", "one"]);
    assert!(matches!(
        store.consume(batch(Bytes::from_static(b"junk"))).await,
        Err(pipeline::Refused::Bad(_))
    ));
    let old = otlp(&[&simple(-9 * 86_400_000_000_000, "old")]);
    assert!(matches!(store.consume(batch(old)).await, Err(pipeline::Refused::Bad(_))));
    store.close().await.unwrap();
    drop(store);
    let store = open();
    assert_eq!(lines(&store), ["two", "one"]);
    let query = StreamQuery::new(tenant(0), Vec::new(), i64::MIN, i64::MAX);
    assert_eq!(store.label_values(&query, "service_name").unwrap(), ["svc-1"]);
    assert_eq!(store.labels(&query).unwrap(), ["service_name"]);
    let stats = store.stats(&query).unwrap();
    assert_eq!((stats.streams, stats.entries, stats.bytes), (1, 2, 6));
    let fields = store.metadata_fields(&query, 10).unwrap();
    let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["a", "host", "severity_number", "trace_id"]);
    assert_eq!(fields[0].values, ["1"]);
}

fn golden_world() -> World {
    let mut world = World::new(Config { level_build: 1, ..Config::default() });
    let entries = [simple(1, "GET /a 200"), simple(2, "GET /b 500"), simple(2, "größe")];
    world.push(&tenant(0), Format::OtlpProto, otlp(&entries.iter().collect::<Vec<_>>()));
    world.push(&tenant(1), Format::LokiProto, loki(&[&simple(5, "hello")]));
    world.cut();
    world
}

#[test]
fn bytes_of_version_1_are_still_read() {
    let golden: &[u8] = include_bytes!("block/golden-v1.blk");
    let built = golden_world();
    let mut world = World::new(Config::default());
    let summary = built.files[0].summary.clone();
    world.add_file(0, 0, 0..2, store::NewFile { bytes: golden.to_vec(), summary });
    for number in 0..2 {
        let query = LogQuery::new(tenant(number), Vec::new(), i64::MIN, i64::MAX);
        let read = query_snapshot(&world.snapshot(), &world.blocks, &query).unwrap();
        let expect = query_snapshot(&built.snapshot(), &built.blocks, &query).unwrap();
        assert_eq!(read, expect);
        assert_eq!(read.len(), 1);
    }
}

#[test]
fn broken_sections_are_errors_and_never_panics() {
    let world = golden_world();
    let whole = world.files[0].reader().unwrap();
    for (broken, key) in whole.keys().iter().enumerate() {
        let plain = whole.require(*key).unwrap();
        for place in 0..plain.len().min(80) {
            let mut writer = store::BlockWriter::new(model::Signal::Logs);
            assert!(whole.tenants().iter().map(|tenant| writer.tenant(tenant)).eq(0..2));
            for (number, key) in whole.keys().iter().enumerate() {
                let mut section = whole.require(*key).unwrap().to_vec();
                if number == broken {
                    section[place] ^= 1 << (place % 8);
                    section.truncate(if place % 3 == 0 { place } else { section.len() });
                }
                writer.add(*key, &section, store::Codec::None, 0);
            }
            let mut world = World::new(Config::default());
            let summary = golden_world_summary();
            world.add_file(0, 0, 0..2, store::NewFile { bytes: writer.finish(), summary });
            let mut query = LogQuery::new(tenant(key.tenant as u8), Vec::new(), i64::MIN, i64::MAX);
            query.line_filters = vec![LineFilter::new(LineFilterOp::Contains, "GET")];
            let _ = query_snapshot(&world.snapshot(), &world.blocks, &query);
            let _ = world.engine.merge(&[world.files[0].reader().unwrap()], &Keep { from_ns: i64::MIN });
        }
    }
}

fn golden_world_summary() -> store::FileSummary {
    store::FileSummary { min_ns: i64::MIN, max_ns: i64::MAX, items: 4, tenants: vec![tenant(0), tenant(1)] }
}

#[test]
fn ids_are_found_in_every_form_that_reads_the_same() {
    let mut world = World::new(lenient());
    let id = "00ff00ff00ff00ff";
    let mut body = Vec::new();
    Writer::new(&mut body).message(1, |resource_logs| {
        resource_logs.message(2, |scope_logs| {
            let mut record = |time: u64, write: &dyn Fn(&mut Writer<'_>)| {
                scope_logs.message(2, |record| {
                    record.always_fixed64(1, RECEIVED_MS as u64 * 1_000_000 + time);
                    write(record);
                });
            };
            record(1, &|record| record.bytes(10, &[0, 255, 0, 255, 0, 255, 0, 255]));
            record(2, &|record| pair(record, 6, "span_id", id));
            // Twelve bytes whose base64 is the id's text.
            let bytes = [0xd3, 0x47, 0xdf, 0xd3, 0x47, 0xdf, 0xd3, 0x47, 0xdf, 0xd3, 0x47, 0xdf];
            record(3, &|record| {
                record.message(6, |pair| {
                    pair.string(1, "span_id");
                    pair.message(2, |any| any.bytes(7, &bytes));
                });
            });
            record(4, &|record| record.bytes(10, &[1; 8]));
        });
    });
    world.push(&tenant(0), Format::OtlpProto, body.into());
    let times = |world: &World| {
        let mut query = LogQuery::new(tenant(0), Vec::new(), i64::MIN, i64::MAX);
        query.metadata = vec![("span_id".into(), id.into())];
        query.direction = Direction::Forward;
        let streams = query_snapshot(&world.snapshot(), &world.blocks, &query).unwrap();
        let entries = streams.into_iter().flat_map(|stream| stream.entries);
        entries.map(|entry| entry.ts_ns - RECEIVED_MS * 1_000_000).collect::<Vec<_>>()
    };
    assert_eq!(times(&world), [1, 2, 3]);
    world.cut();
    assert_eq!(times(&world), [1, 2, 3]);
}

#[test]
fn a_merge_leaves_out_what_is_before_the_cutoff() {
    let mut world = World::new(lenient());
    for time in [1, 2, 3, 4] {
        world.push(&tenant(0), Format::OtlpProto, otlp(&[&simple(time, "line"), &simple(time - 10, "old")]));
        world.cut();
    }
    let inputs: Vec<_> = world.files.drain(..).map(|file| file.reader().unwrap()).collect();
    let cutoff = RECEIVED_MS * 1_000_000 + 3;
    let merged = world.engine.merge(&inputs, &Keep { from_ns: cutoff }).unwrap();
    assert_eq!((merged.len(), merged[0].summary.items, merged[0].summary.min_ns), (1, 2, cutoff));
    assert!(world.engine.merge(&inputs, &Keep { from_ns: cutoff + 9 }).unwrap().is_empty());
}
