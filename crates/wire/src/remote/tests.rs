use model::MatchOp;
use model::histogram::{Buckets, CounterResetHint, FloatHistogram, Histogram, Span};
use model::sample::{MetricKind, NativeHistogram};
use proptest::prelude::*;

use super::read::{self, BadFrame, Chunk, ChunkEncoding, ReadRequest, ReadResponse};
use super::write2::{BadRequest, Metadata};
use super::xor::{XorReader, XorWriter};
use super::*;
use crate::proto::Writer;

const LABELS: [(&str, &str); 2] = [("__name__", "up"), ("job", "größe")];

fn spans() -> Vec<Span> {
    vec![Span { offset: -3, length: 2 }, Span { offset: 5, length: 1 }]
}

fn histograms() -> [NativeHistogram; 3] {
    let int = Histogram {
        reset_hint: CounterResetHint::NotReset,
        schema: 3,
        zero_threshold: 1e-128,
        zero_count: 2,
        count: 12,
        sum: 18.4,
        positive: Buckets::new(spans(), vec![1, 2, -1]),
        negative: Buckets::new(spans(), vec![2, -1, 0]),
        custom_values: None,
    };
    let float = FloatHistogram {
        reset_hint: CounterResetHint::Gauge,
        schema: -4,
        zero_count: 0.5,
        count: 7.5,
        sum: -3.0,
        positive: Buckets::new(spans(), vec![1.5, 2.5, 3.0]),
        ..FloatHistogram::default()
    };
    let custom = Histogram {
        schema: -53,
        count: 3,
        sum: 6.0,
        positive: Buckets::new(vec![Span { offset: 0, length: 2 }], vec![1, 1]),
        custom_values: Some([0.5, 1.0].into()),
        ..Histogram::default()
    };
    [
        NativeHistogram::Integer(int.into()),
        NativeHistogram::Float(float.into()),
        NativeHistogram::Integer(custom.into()),
    ]
}

fn assert_same(view: &HistogramView<'_>, want: &NativeHistogram) {
    // The model's equality is one of meaning; every field must be the same here.
    assert_eq!(format!("{:?}", view.to_model().unwrap()), format!("{want:?}"));
}

fn write1_body() -> Vec<u8> {
    let mut builder = WriteRequestBuilder::default();
    builder.series(LABELS, |series| {
        series.sample(1000, 1.0);
        series.sample(-2000, -0.0);
        series.exemplar([("trace_id", "abc")], 1000, 0.25);
    });
    builder.series([("__name__", "latency")], |series| {
        histograms()
            .iter()
            .enumerate()
            .for_each(|(time, histogram)| series.histogram(time as i64, histogram));
    });
    builder.metadata(MetricKind::Gauge, "up", "Whether it is up.", "seconds");
    builder.finish()
}

#[test]
fn write_1_comes_back() {
    let body = write1_body();
    assert_eq!(write1::validate_request(&body).unwrap().items, 5);
    let request = WriteRequest::new(&body).unwrap();
    let series: Vec<_> = request.timeseries.iter().collect();
    let labels: Vec<_> = series[0].labels.iter().map(|l| (l.name.as_str(), l.value.as_str())).collect();
    assert_eq!(labels, LABELS);
    let mut other = WriteRequestBuilder::default();
    other.series(LABELS, |series| series.sample(5, 5.0));
    let other = other.finish();
    let same = WriteRequest::new(&other).unwrap().timeseries.iter().next().unwrap();
    assert_eq!(same.labels.region(), series[0].labels.region());
    let samples: Vec<_> = series[0].samples.iter().map(|s| (s.timestamp_ms, s.value.to_bits())).collect();
    assert_eq!(samples, [(1000, 1f64.to_bits()), (-2000, (-0f64).to_bits())]);
    let exemplar = series[0].exemplars.iter().next().unwrap();
    assert_eq!((exemplar.timestamp_ms, exemplar.value), (1000, 0.25));
    assert_eq!(exemplar.labels.iter().next().unwrap().value, "abc");
    for (time, (view, want)) in series[1].histograms.iter().zip(&histograms()).enumerate() {
        assert_eq!(view.timestamp_ms, time as i64);
        assert_same(&view, want);
    }
    let metadata = request.metadata.iter().next().unwrap();
    assert_eq!((metadata.metric_kind(), metadata.metric_family_name.as_str()), (MetricKind::Gauge, "up"));
    assert_eq!((metadata.help.as_str(), metadata.unit.as_str()), ("Whether it is up.", "seconds"));
}

fn write2_body() -> Vec<u8> {
    let mut builder = RequestBuilder::default();
    let labels = builder.references(LABELS);
    let exemplar = builder.references([("trace_id", "abc")]);
    let metadata = Metadata { kind: MetricKind::Counter, help: "Requests.", unit: "" };
    builder.series(&labels, metadata, |series| {
        series.sample(1000, 900, 1.0);
        series.sample(2000, 0, 2.0);
        series.exemplar(&exemplar, 1500, 0.5);
    });
    builder.series(&labels, Metadata::default(), |series| {
        histograms().iter().enumerate().for_each(|(n, histogram)| series.histogram(n as i64, -7, histogram));
    });
    builder.finish()
}

#[test]
fn write_2_comes_back() {
    let body = write2_body();
    let request = Request::new(&body).unwrap();
    assert_eq!(request.samples, 5);
    let series: Vec<_> = request.timeseries().collect();
    assert_eq!(request.labels(series[0].labels_refs).collect::<Vec<_>>(), LABELS);
    let samples: Vec<_> =
        series[0].samples.iter().map(|s| (s.timestamp_ms, s.start_timestamp_ms, s.value)).collect();
    assert_eq!(samples, [(1000, 900, 1.0), (2000, 0, 2.0)]);
    let exemplar = series[0].exemplars.iter().next().unwrap();
    assert_eq!(request.labels(exemplar.labels_refs).collect::<Vec<_>>(), [("trace_id", "abc")]);
    let metadata = series[0].metadata.or_empty();
    assert_eq!(
        (metadata.metric_kind(), request.symbol(metadata.help_ref)),
        (MetricKind::Counter, "Requests.")
    );
    for (time, (view, want)) in series[1].histograms.iter().zip(&histograms()).enumerate() {
        assert_eq!((view.timestamp_ms, view.start_timestamp_ms), (time as i64, -7));
        assert_same(&view, want);
    }
}

#[test]
fn what_is_wrong_with_version_2_is_said() {
    let check = |write: &dyn Fn(&mut Writer<'_>), expect: &str| {
        let mut out = Vec::new();
        write(&mut Writer::new(&mut out));
        assert_eq!(Request::new(&out).unwrap_err().to_string(), expect);
    };
    let symbols =
        |writer: &mut Writer<'_>| ["", "a", "b"].iter().for_each(|s| writer.always_bytes(4, s.as_bytes()));
    check(&|w| w.always_bytes(4, b"a"), "symbols must start with the empty string");
    check(&|w| w.message(5, |_| ()), "symbols must start with the empty string");
    let references = |references: &'static [u64]| {
        move |w: &mut Writer<'_>| {
            symbols(w);
            w.message(5, |series| series.packed_varint(1, references.iter().copied()));
        }
    };
    check(&references(&[1, 2, 1]), "invalid labelRefs length 3");
    check(&references(&[1, 3]), "labelRefs 1 (name) or 3 (value) outside of symbols table (size 3)");
    check(
        &|w| {
            symbols(w);
            w.message(5, |series| series.message(5, |metadata| metadata.varint(3, 9)));
        },
        "help_ref 9 outside of symbols table (size 3)",
    );
    assert!(matches!(Request::new(&[0x2a, 9]), Err(BadRequest::Malformed(_))));
}

#[test]
fn schemas_beyond_the_model_are_refused() {
    let mut out = Vec::new();
    Writer::new(&mut out).sint(4, 1000);
    let view = <HistogramView<'_> as crate::proto::View<'_>>::read(&out);
    assert_eq!(view.to_model().err(), Some(histogram::UnknownSchema(1000)));
}

#[test]
fn read_requests_and_sampled_responses_come_back() {
    let mut body = Vec::new();
    read::write_query(
        &mut body,
        -5,
        10,
        [("__name__", MatchOp::Equal, "up"), ("job", MatchOp::NotRegex, "a.*")],
    );
    assert!(!ReadRequest::new(&body).unwrap().wants_chunks());
    read::write_accepts_chunks(&mut body);
    let request = ReadRequest::new(&body).unwrap();
    assert!(request.wants_chunks());
    let query = request.queries.iter().next().unwrap();
    assert_eq!((query.start_timestamp_ms, query.end_timestamp_ms), (-5, 10));
    let matchers: Vec<_> =
        query.matchers.iter().map(|m| (m.operator(), m.name.as_str(), m.value.as_str())).collect();
    assert_eq!(matchers, [(Some(MatchOp::Equal), "__name__", "up"), (Some(MatchOp::NotRegex), "job", "a.*")]);

    let mut response = Vec::new();
    read::write_result(&mut response, |series| series.series(LABELS, |one| one.sample(1, 2.0)));
    read::write_result(&mut response, |_| ());
    let results: Vec<_> = ReadResponse::new(&response).unwrap().results.iter().collect();
    assert_eq!(results.len(), 2);
    assert_eq!(results[0].timeseries.iter().next().unwrap().samples.iter().next().unwrap().value, 2.0);
}

#[test]
fn frames_of_chunks_come_back_and_are_checked() {
    let chunk = Chunk { min_time_ms: 1, max_time_ms: 9, encoding: ChunkEncoding::Xor, data: &[0, 0] };
    let mut stream = Vec::new();
    read::write_frame(&mut stream, 0, LABELS, std::slice::from_ref(&chunk));
    read::write_frame(&mut stream, 1, LABELS, &[chunk.clone(), chunk]);
    let mut rest = stream.as_slice();
    let mut seen = Vec::new();
    while let Some(frame) = read::take_frame(&mut rest).unwrap() {
        let series = frame.chunked_series.iter().next().unwrap();
        assert_eq!(series.labels.iter().next().unwrap().value, "up");
        seen.push((
            frame.query_index,
            series.chunks.iter().map(|c| (c.min_time_ms, c.encoding)).collect::<Vec<_>>(),
        ));
    }
    assert_eq!(seen, [(0, vec![(1, 1)]), (1, vec![(1, 1), (1, 1)])]);
    let mut bad = stream.clone();
    bad[10] ^= 1;
    assert!(matches!(read::take_frame(&mut bad.as_slice()), Err(BadFrame::Checksum { .. })));
    assert_eq!(
        read::take_frame(&mut [0xff, 0xff, 0xff, 0x7f].as_slice()).err(),
        Some(BadFrame::TooLarge(0xfff_ffff))
    );
    assert_eq!(read::take_frame(&mut &stream[..20]).err(), Some(BadFrame::Truncated));
}

#[test]
fn an_xor_chunk_has_the_bits_that_prometheus_writes() {
    let mut writer = XorWriter::default();
    for (time, value) in [(1000, 1.0), (1060, 1.0), (1120, 2.0)] {
        assert!(writer.push(time, value));
    }
    // Count 3; varint 1000 as d0 0f; 1.0; uvarint 60; then bit by bit: 0 (same value), 0 (same step),
    // 1 1 00001 001011 (new window: 1 leading zero, 11 meaningful bits) and the bits of 1.0 ^ 2.0 = 0x7ff << 52.
    let bits = [0b0011_0000, 0b1001_0111, 0b1111_1111, 0b1100_0000];
    let mut expect = vec![0, 3, 0xd0, 0x0f, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0x3c];
    expect.extend_from_slice(&bits);
    assert_eq!(writer.finish(), expect);
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), -9000i64..9000, -70_000i64..70_000, -600_000i64..600_000, any::<i64>()]
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![Just(1.0), (0u8..10).prop_map(f64::from), any::<u64>().prop_map(f64::from_bits)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn xor_chunks_come_back(steps in proptest::collection::vec((time(), value()), 0..60)) {
        let mut writer = XorWriter::default();
        let mut now = 0i64;
        let mut want = Vec::new();
        for (step, value) in steps {
            now = now.wrapping_add(step);
            writer.push(now, value);
            want.push((now, value.to_bits()));
        }
        let chunk = writer.finish();
        let have: Vec<_> = XorReader::new(&chunk).unwrap().map(|(time, value)| (time, value.to_bits())).collect();
        prop_assert_eq!(have, want);
        for cut in 2..chunk.len() {
            let reader = XorReader::new(&chunk[..cut]).unwrap();
            prop_assert!(reader.clone().count() <= reader.expected());
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), flip in any::<u8>(), at in any::<usize>()) {
        crate::fuzz::remote(&bytes);
        for mut body in [write1_body(), write2_body()] {
            let at = at % body.len();
            body[at] = flip;
            crate::fuzz::remote(&body);
            crate::fuzz::remote(&body[..at]);
        }
    }
}
