use std::sync::Arc;

use model::histogram::{Buckets, Histogram, Span};
use model::sample::{Metadata, MetricKind, NativeHistogram};
use proptest::prelude::*;

use super::histogram::{put_histogram, take_histogram};
use super::*;

#[derive(Default)]
struct Seen(Vec<String>);

impl Visitor for Seen {
    fn series(&mut self, labels: &[u8]) {
        self.0.push(format!("{:?}", read_labels(labels).unwrap()));
    }
    fn sample(&mut self, sample: RawSample<'_>) {
        let value = match sample.value {
            RawValue::Float(bits) => f64::from_bits(bits).to_string(),
            RawValue::Histogram(mut bytes) => format!("{:?}", take_histogram(&mut bytes).unwrap()),
        };
        self.0.push(format!("{} {} {value}", sample.t_ms, sample.start_ms));
    }
    fn exemplar(&mut self, exemplar: RawExemplar<'_>) {
        let labels = read_labels(exemplar.labels).unwrap();
        self.0.push(format!("# {labels:?} {} {}", exemplar.t_ms, f64::from_bits(exemplar.value_bits)));
    }
    fn metadata(&mut self, family: &str, metadata: Metadata) {
        self.0.push(format!("{family}: {metadata:?}"));
    }
}

fn sample_histogram() -> NativeHistogram {
    NativeHistogram::Integer(Arc::new(Histogram {
        schema: 3,
        zero_threshold: 0.001,
        zero_count: 2,
        count: 12,
        sum: 18.4,
        positive: Buckets::new(
            [Span { offset: -2, length: 2 }, Span { offset: 1, length: 2 }],
            vec![1, 1, -1, 0],
        ),
        negative: Buckets::new([Span { offset: 0, length: 1 }], vec![4]),
        ..Histogram::default()
    }))
}

fn sample_batch() -> Bytes {
    let mut builder = SeriesBatchBuilder::new();
    builder.metadata("a", &Metadata { kind: MetricKind::Counter, help: "h".into(), unit: "s".into() });
    builder.series([("__name__", "a"), ("empty", ""), ("job", "x")]);
    builder.float(1000, 0, 1.5);
    builder.float(2000, 500, 2.5);
    builder.exemplar([("trace_id", "abc")], 1999, 0.25);
    builder.series([("__name__", "h")]);
    builder.histogram(1500, 0, &sample_histogram());
    assert_eq!(builder.items(), 3);
    builder.finish()
}

#[test]
fn what_is_built_is_visited() {
    let mut seen = Seen::default();
    read(&sample_batch(), &mut seen).unwrap();
    assert_eq!(seen.0[0], "a: Metadata { kind: Counter, help: \"h\", unit: \"s\" }");
    assert_eq!(seen.0[1], r#"[("__name__", "a"), ("job", "x")]"#);
    assert_eq!(seen.0[2..4], ["1000 0 1.5", "2000 500 2.5"]);
    assert_eq!(seen.0[4], r##"# [("trace_id", "abc")] 1999 0.25"##);
    assert_eq!(seen.0[6], format!("1500 0 {:?}", sample_histogram()));
}

#[test]
fn wire_form_is_that_of_remote_write() {
    let mut out = Vec::new();
    put_label(&mut out, "a", "bc");
    assert_eq!(out, [0x0a, 7, 0x0a, 1, b'a', 0x12, 2, b'b', b'c']);
    let long = "x".repeat(300);
    put_label(&mut out, "d", &long);
    assert_eq!(read_labels(&out), Some(vec![("a", "bc"), ("d", long.as_str())]));
    assert_eq!(read_labels(&out[..out.len() - 1]), None);
}

#[test]
fn truncated_and_foreign_batches_are_refused() {
    let batch = sample_batch();
    assert_eq!(read(&[], &mut Seen::default()), Err(BadBatch::Empty));
    assert_eq!(read(&[9], &mut Seen::default()), Err(BadBatch::Version(9)));
    let whole = (1..batch.len()).filter(|&len| read(&batch[..len], &mut Seen::default()).is_ok()).count();
    assert!(whole <= 3, "only the ends of entries may pass for a whole batch: {whole}");
}

proptest! {
    #[test]
    fn hostile_histograms_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Some(histogram) = take_histogram(&mut bytes.as_slice()) {
            let mut again = Vec::new();
            put_histogram(&mut again, &histogram);
            let back = take_histogram(&mut again.as_slice()).unwrap();
            let mut third = Vec::new();
            put_histogram(&mut third, &back);
            prop_assert_eq!(again, third);
        }
    }
}

#[test]
fn bytes_of_version_1_do_not_change() {
    let golden = include_bytes!("golden-v1.bin");
    assert_eq!(sample_batch().as_ref(), golden, "format changed: raise VERSION and keep reading version 1");
}
