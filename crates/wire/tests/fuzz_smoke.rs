//! Every fuzz target over seeds and their mutations, a few seconds' worth: `cargo xtask fuzz` runs the same functions for as long as one likes.

use model::metric::{HistogramPoint, MetricData, Number, NumberPoint, Temporality};
use model::sample::MetricKind;
use model::{
    AnyValue, Compression, KeyValue, LogRecord, Metric, Resource, ResourceGroup, Signal, Span, SpanId,
    TraceId,
};
use wire::otlp::{encode_request, request_to_json};

/// A small generator of repeatable mutations.
struct Mutator(u64);

impl Mutator {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 as usize
    }

    /// Flips, inserts, removes, repeats or cuts, once or a few times.
    fn mutate(&mut self, seed: &[u8]) -> Vec<u8> {
        const LURKING: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, b'"', b'{', 0x0a];
        let mut bytes = seed.to_vec();
        for _ in 0..1 + self.next() % 4 {
            if bytes.is_empty() {
                bytes.push(self.next() as u8);
            }
            let at = self.next() % bytes.len();
            match self.next() % 6 {
                0 => bytes[at] ^= 1 << (self.next() % 8),
                1 => bytes[at] = LURKING[self.next() % LURKING.len()],
                2 => bytes.insert(at, LURKING[self.next() % LURKING.len()]),
                3 => drop(bytes.remove(at)),
                4 => bytes.truncate(at),
                _ => {
                    let end = (at + 1 + self.next() % 16).min(bytes.len());
                    bytes.extend_from_within(at..end);
                }
            }
        }
        bytes
    }
}

fn attributes() -> Vec<KeyValue> {
    vec![
        KeyValue::new("a", "größe"),
        KeyValue::new("n", 5i64),
        KeyValue::new(
            "l",
            AnyValue::Array(vec![AnyValue::Double(0.5), AnyValue::Bytes(vec![1, 2]), AnyValue::Empty]),
        ),
        KeyValue::new("m", AnyValue::Map(vec![KeyValue::new("x", true)])),
    ]
}

fn group<T>(item: T) -> Vec<ResourceGroup<T>> {
    vec![ResourceGroup::of(Resource::with([KeyValue::new("service.name", "shop")]), vec![item])]
}

fn otlp_seeds() -> Vec<(Signal, Vec<u8>)> {
    let (trace_id, span_id) = (TraceId([7; 16]), SpanId([8; 8]));
    let log = LogRecord {
        time_unix_nano: 1,
        body: "hello".into(),
        attributes: attributes(),
        trace_id,
        span_id,
        ..LogRecord::default()
    };
    let span = Span { trace_id, span_id, name: "GET /".into(), attributes: attributes(), ..Span::default() };
    let sum = MetricData::Sum {
        points: vec![NumberPoint {
            value: Some(Number::Double(0.1)),
            attributes: attributes(),
            ..NumberPoint::default()
        }],
        temporality: Temporality::Cumulative,
        is_monotonic: true,
    };
    let histogram = MetricData::Histogram {
        points: vec![HistogramPoint {
            bucket_counts: vec![1, 2],
            explicit_bounds: vec![0.5],
            ..HistogramPoint::default()
        }],
        temporality: Temporality::Delta,
    };
    let metric = |data| Metric { name: "m".into(), data, ..Metric::default() };
    vec![
        (Signal::Logs, encode_request(&group(log))),
        (Signal::Traces, encode_request(&group(span))),
        (Signal::Metrics, encode_request(&group(metric(sum)))),
        (Signal::Metrics, encode_request(&group(metric(histogram)))),
    ]
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![
        br#"{"streams":[{"stream":{"a":"b"},"values":[["1","line",{"k":"v"}]]}]}"#.to_vec(),
        br#"{a="b", c='d', e=`f`}"#.to_vec(),
        br#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"x"}}"#.to_vec(),
        br#"{"code":8,"message":"m","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.5s"}]}"#.to_vec(),
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_vec(),
        b"4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-d-0505050505050505".to_vec(),
        b"4bf92f3577b34da6a3ce929d0e0e4736:f067aa0ba902b7:0:3".to_vec(),
        b"foo=1,t@s=2,k=v%20w;p=1".to_vec(),
        b"main;a;b 3\nmain 1\n".to_vec(),
    ];
    for (signal, bytes) in otlp_seeds() {
        seeds.push(request_to_json(signal, &bytes).expect("seeds are valid"));
        for compression in (0..=u8::MAX).map_while(Compression::from_number) {
            let mut out = Vec::new();
            wire::compress::compress(compression, None, &bytes.repeat(3), &mut out);
            seeds.push(out);
        }
        seeds.push(bytes);
    }
    let mut write1 = wire::remote::WriteRequestBuilder::default();
    write1.series([("__name__", "up")], |series| series.sample(1, 2.0));
    write1.metadata(MetricKind::Counter, "up", "help", "s");
    seeds.push(write1.finish());
    let mut write2 = wire::remote::RequestBuilder::default();
    let labels = write2.references([("__name__", "up")]);
    write2.series(&labels, Default::default(), |series| series.sample(1, 0, 2.0));
    seeds.push(write2.finish());
    let mut push = wire::loki::PushBuilder::default();
    push.stream(r#"{a="b"}"#, |stream| stream.entry(1, "line", [("k", "v")]));
    seeds.push(push.finish());
    seeds.push(
        wire::pprof::parse_folded("main;a 3\nmain 1\n", "cpu", "ns").expect("seeds are valid").encode(),
    );
    let mut xor = wire::remote::xor::XorWriter::default();
    (0..5).for_each(|n| assert!(xor.push(n * 1000, n as f64)));
    seeds.push(xor.finish());
    seeds
}

#[test]
fn no_target_panics_on_seeds_and_their_mutations() {
    let mut mutator = Mutator(0x9e37_79b9_7f4a_7c15);
    for seed in seeds() {
        for (_, target) in wire::fuzz::TARGETS {
            target(&seed);
        }
        for _ in 0..200 {
            let bytes = mutator.mutate(&seed);
            for (_, target) in wire::fuzz::TARGETS {
                target(&bytes);
            }
        }
    }
}
