//! One plain function a decoder that takes any bytes and must return: for `cargo xtask fuzz`, which feeds them a corpus and its mutations, and
//! for the smoke test here. A finding is a panic, an endless loop or memory out of proportion; results do not matter, except where a
//! function asserts a property of what it accepted.

mod mutate;
mod seeds;

use model::{Compression, Signal};

pub use mutate::Mutator;
pub use seeds::valid_bodies;

use crate::compress::decompress;
use crate::proto::validate;
use crate::{loki, otlp, pprof, remote};

/// Name and function of every target.
pub const TARGETS: &[(&str, fn(&[u8]))] = &[
    ("decompress", decompress_all),
    ("otlp_logs", otlp_logs),
    ("otlp_traces", otlp_traces),
    ("otlp_metrics", otlp_metrics),
    ("otlp_profiles", otlp_profiles),
    ("otlp_json", otlp_json),
    ("otlp_response", otlp_response),
    ("remote", remote),
    ("series_batch", series_batch),
    ("loki", loki),
    ("pprof", pprof),
    ("context", context),
];

/// Output that decompression targets may produce.
const LIMIT: usize = 1 << 20;

/// Every format; output must stay under the cap.
pub fn decompress_all(data: &[u8]) {
    for compression in (0..=u8::MAX).map_while(Compression::from_number) {
        let mut out = Vec::new();
        let _ = decompress(compression, data, LIMIT, &mut out);
        assert!(out.len() <= LIMIT, "{compression:?} passed the cap");
    }
}

/// What is valid can be read, written as JSON, and read from that to the same items.
fn otlp_request(signal: Signal, data: &[u8]) {
    let Ok(count) = validate(otlp::request_schema(signal), data) else { return };
    let json = otlp::request_to_json(signal, data).expect("valid bytes can be written");
    // Deep values are valid protobuf but deeper than JSON may be.
    if let Ok(back) = otlp::request_from_json(signal, &json) {
        let again = validate(otlp::request_schema(signal), &back).expect("what was read from JSON is valid");
        assert_eq!(count, again, "items lost on the way through JSON");
    }
}

pub fn otlp_logs(data: &[u8]) {
    otlp_request(Signal::Logs, data);
    let _: Vec<model::ResourceGroup<model::LogRecord>> = otlp::LogsView::trusted(data).into();
}

pub fn otlp_traces(data: &[u8]) {
    otlp_request(Signal::Traces, data);
    let _: Vec<model::ResourceGroup<model::Span>> = otlp::TracesView::trusted(data).into();
}

pub fn otlp_metrics(data: &[u8]) {
    otlp_request(Signal::Metrics, data);
    let _: Vec<model::ResourceGroup<model::Metric>> = otlp::MetricsView::trusted(data).into();
}

pub fn otlp_profiles(data: &[u8]) {
    otlp_request(Signal::Profiles, data);
    let _: model::profile::Profiles = otlp::ProfilesView::trusted(data).into();
}

pub fn otlp_json(data: &[u8]) {
    for signal in Signal::ALL {
        if let Ok(bytes) = otlp::request_from_json(signal, data) {
            validate(otlp::request_schema(signal), &bytes).expect("what was read from JSON is valid");
        }
    }
}

pub fn otlp_response(data: &[u8]) {
    let _ = (otlp::PartialSuccess::from_proto(data), otlp::RpcStatus::from_proto(data));
    let _ = (otlp::PartialSuccess::from_json(Signal::Logs, data), otlp::RpcStatus::from_json(data));
}

/// Remote write 1 and 2, remote read both ways, XOR chunks.
pub fn remote(data: &[u8]) {
    for series in remote::WriteRequest::trusted(data).timeseries {
        let _ = (series.labels.count(), series.samples.count(), series.exemplars.count());
        series.histograms.iter().for_each(|histogram| drop(histogram.to_model()));
    }
    let _ = remote::WriteRequest::new(data);
    let request = remote::Request::trusted(data);
    for series in request.timeseries() {
        let _ = request.labels(series.labels_refs).count();
        series.histograms.iter().for_each(|histogram| drop(histogram.to_model()));
    }
    let _ = remote::Request::new(data);
    if let Ok(read) = remote::read::ReadRequest::new(data) {
        let _ = (read.wants_chunks(), read.queries.iter().map(|query| query.matchers.count()).sum::<usize>());
    }
    let _ = remote::read::ReadResponse::new(data);
    let mut stream = data;
    while let Ok(Some(frame)) = remote::read::take_frame(&mut stream) {
        let _ = frame.chunked_series.iter().map(|series| series.chunks.count()).sum::<usize>();
    }
    if let Some(reader) = remote::xor::XorReader::new(data) {
        let _ = reader.count();
    }
}

/// Our own batch of series, and labels and histograms in it.
pub fn series_batch(data: &[u8]) {
    use crate::series_batch::{RawExemplar, RawSample, RawValue};
    use model::sample::Metadata;
    struct Nobody;
    impl crate::series_batch::Visitor for Nobody {
        fn series(&mut self, labels: &[u8]) {
            let _ = crate::series_batch::read_labels(labels);
        }

        fn sample(&mut self, sample: RawSample<'_>) {
            if let RawValue::Histogram(mut bytes) = sample.value {
                let _ = crate::series_batch::histogram::take_histogram(&mut bytes);
            }
        }

        fn exemplar(&mut self, exemplar: RawExemplar<'_>) {
            let _ = crate::series_batch::read_labels(exemplar.labels);
        }

        fn metadata(&mut self, _: &str, _: Metadata) {}
    }
    let _ = crate::series_batch::read(data, &mut Nobody);
    let _ = crate::series_batch::read_labels(data);
    let _ = crate::series_batch::histogram::take_histogram(&mut &*data);
}

/// Loki pushes in both forms, and label strings.
pub fn loki(data: &[u8]) {
    for stream in loki::PushRequest::trusted(data).streams {
        for entry in stream.entries {
            let _ = (entry.timestamp_ns(), entry.line(), entry.structured_metadata.count());
        }
    }
    let _ = loki::PushRequest::new(data);
    if let Ok(body) = loki::push_from_json(data) {
        loki::validate_push(&body).expect("what was read from JSON is valid");
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(labels) = loki::parse_labels(text)
    {
        let again = loki::parse_labels(&loki::print_labels(labels.iter()));
        assert_eq!(again.as_ref(), Ok(&labels), "printed labels read differently");
    }
}

/// Profiles, merged with themselves, and folded text.
pub fn pprof(data: &[u8]) {
    if let Ok(profile) = pprof::Profile::decode(data) {
        let again = pprof::Profile::decode(&profile.encode());
        assert_eq!(again.as_ref(), Ok(&profile), "an encoded profile reads differently");
        let mut merger = pprof::Merger::default();
        merger.add(&profile);
        merger.add(&profile);
        pprof::Profile::decode(&merger.finish().encode()).expect("a merged profile is valid");
        let _ = pprof::write_folded(&profile, 0);
    }
    let _ = pprof::read_body(data, LIMIT);
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(profile) = pprof::parse_folded(text, "samples", "count")
    {
        pprof::Profile::decode(&profile.encode()).expect("a folded profile is valid");
    }
}

/// One value as every header of trace context; what is found is found again after it was written.
pub fn context(data: &[u8]) {
    use crate::context::{Baggage, Propagation, TraceState, extract, inject};
    let Ok(value) = std::str::from_utf8(data) else { return };
    const NAMES: [&str; 4] = ["traceparent", "b3", "uber-trace-id", "x-b3-sampled"];
    for propagation in Propagation::ALL {
        let headers = NAMES.iter().map(|name| (*name, value));
        let Some(found) = extract(&[propagation], headers) else { continue };
        let mut headers = Vec::new();
        inject(&found, propagation, |name, value| headers.push((name, value)));
        let again = extract(&[propagation], headers.iter().map(|(name, value)| (*name, value.as_str())));
        assert_eq!(again.map(|context| context.trace_id), Some(found.trace_id), "{propagation:?}");
    }
    if let Ok(state) = TraceState::parse([value]) {
        assert_eq!(TraceState::parse([state.to_string().as_str()]), Ok(state));
    }
    let baggage = Baggage::parse([value]);
    assert!(baggage.header().len() <= Baggage::BYTES_MAX);
}
