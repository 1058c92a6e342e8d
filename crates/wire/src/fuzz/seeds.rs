//! Seeds: small valid inputs of every format, from which mutations start.

use model::metric::{
    ExponentialBuckets, ExponentialHistogramPoint, HistogramPoint, MetricData, Number, NumberPoint,
    Temporality,
};
use model::profile::{ProfileSample, Profiles, ProfilesDictionary};
use model::sample::MetricKind;
use model::span::{SpanEvent, SpanLink};
use model::{
    AnyValue, Compression, KeyValue, LogRecord, Metric, Resource, ResourceGroup, Signal, Span, SpanId,
    TraceId,
};

use crate::otlp::{encode_profiles, encode_request, request_to_json};

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

fn profiles() -> Vec<u8> {
    let sample = ProfileSample {
        stack_index: 1,
        values: vec![5],
        timestamps_unix_nano: vec![9],
        ..ProfileSample::default()
    };
    let profile = model::profile::Profile { samples: vec![sample], ..model::profile::Profile::default() };
    let dictionary = ProfilesDictionary {
        strings: vec![String::new(), "main".into()],
        stacks: vec![vec![], vec![0]],
        ..ProfilesDictionary::default()
    };
    encode_profiles(&Profiles { resources: group(profile), dictionary })
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
    let span = Span {
        trace_id,
        span_id,
        name: "GET /".into(),
        attributes: attributes(),
        events: vec![SpanEvent {
            name: "exception".into(),
            attributes: attributes(),
            ..SpanEvent::default()
        }],
        links: vec![SpanLink { trace_id, span_id, trace_state: "a=b".into(), ..SpanLink::default() }],
        ..Span::default()
    };
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
    let exponential = MetricData::ExponentialHistogram {
        points: vec![ExponentialHistogramPoint {
            positive: ExponentialBuckets { offset: -3, bucket_counts: vec![1, 0, 300] },
            ..ExponentialHistogramPoint::default()
        }],
        temporality: Temporality::Cumulative,
    };
    let metric = |data| Metric { name: "m".into(), data, ..Metric::default() };
    let mut seeds = vec![
        (Signal::Logs, encode_request(&group(log))),
        (Signal::Traces, encode_request(&group(span))),
        (Signal::Profiles, profiles()),
    ];
    seeds.extend(
        [sum, histogram, exponential].map(|data| (Signal::Metrics, encode_request(&group(metric(data))))),
    );
    seeds
}

/// Valid bodies of every format, compressed in every way, and header values.
pub fn valid_bodies() -> Vec<Vec<u8>> {
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
            crate::compress::compress(compression, None, &bytes.repeat(3), &mut out);
            seeds.push(out);
        }
        seeds.push(bytes);
    }
    let mut write1 = crate::remote::WriteRequestBuilder::default();
    write1.series([("__name__", "up")], |series| series.sample(1, 2.0));
    write1.metadata(MetricKind::Counter, "up", "help", "s");
    seeds.push(write1.finish());
    let mut write2 = crate::remote::RequestBuilder::default();
    let labels = write2.references([("__name__", "up")]);
    write2.series(&labels, Default::default(), |series| series.sample(1, 0, 2.0));
    seeds.push(write2.finish());
    let mut push = crate::loki::PushBuilder::default();
    push.stream(r#"{a="b"}"#, |stream| stream.entry(1, "line", [("k", "v")]));
    seeds.push(push.finish());
    seeds.push(
        crate::pprof::parse_folded("main;a 3\nmain 1\n", "cpu", "ns").expect("seeds are valid").encode(),
    );
    let mut batch = crate::series_batch::SeriesBatchBuilder::new();
    batch.series([("__name__", "up")]);
    batch.float(1, 0, 2.0);
    batch.exemplar([("trace_id", "x")], 1, 0.5);
    seeds.push(batch.finish().to_vec());
    let mut xor = crate::remote::xor::XorWriter::default();
    (0..5).for_each(|n| assert!(xor.push(n * 1000, n as f64)));
    seeds.push(xor.finish());
    seeds
}
