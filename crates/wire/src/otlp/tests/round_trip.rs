//! Model -> protobuf -> view -> model, and protobuf -> JSON -> protobuf, for everything; and the field's own JSON examples.

use model::{LogRecord, Metric, ResourceGroup, Signal, Span};
use proptest::collection::vec;
use proptest::prelude::*;

use super::super::*;
use super::dice::Dice;
use crate::proto::validate;

/// `decode` of the bytes, and of the bytes after a way through JSON, gives the model back; no cut of either panics.
fn check<M: PartialEq + std::fmt::Debug>(
    signal: Signal,
    model: &M,
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> M,
) {
    validate(request_schema(signal), bytes).unwrap();
    assert_eq!(&decode(bytes), model);
    let json = request_to_json(signal, bytes).unwrap();
    let back = request_from_json(signal, &json).unwrap();
    assert_eq!(&decode(&back), model, "{}", String::from_utf8_lossy(&json));
    validate(request_schema(signal), &back).unwrap();
    for cut in 0..bytes.len().min(200) {
        let _ = (validate(request_schema(signal), &bytes[..cut]), decode(&bytes[..cut]));
    }
    for cut in 0..json.len().min(200) {
        assert!(request_from_json(signal, &json[..cut]).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn logs_come_back(roll in vec(any::<u8>(), 0..600)) {
        let model = Dice(&roll).resources(Dice::log_record);
        check(Signal::Logs, &model, &encode_request(&model), |bytes| {
            Vec::<ResourceGroup<LogRecord>>::from(LogsView::trusted(bytes))
        });
    }

    #[test]
    fn spans_come_back(roll in vec(any::<u8>(), 0..600)) {
        let model = Dice(&roll).resources(Dice::span);
        check(Signal::Traces, &model, &encode_request(&model), |bytes| {
            Vec::<ResourceGroup<Span>>::from(TracesView::trusted(bytes))
        });
    }

    #[test]
    fn metrics_come_back(roll in vec(any::<u8>(), 0..600)) {
        let model = Dice(&roll).resources(Dice::metric);
        check(Signal::Metrics, &model, &encode_request(&model), |bytes| {
            Vec::<ResourceGroup<Metric>>::from(MetricsView::trusted(bytes))
        });
    }

    #[test]
    fn profiles_come_back(roll in vec(any::<u8>(), 0..600)) {
        let model = Dice(&roll).profiles();
        check(Signal::Profiles, &model, &encode_profiles(&model), |bytes| {
            model::profile::Profiles::from(ProfilesView::trusted(bytes))
        });
    }

    #[test]
    fn no_bytes_make_json_reading_panic(bytes in vec(any::<u8>(), 0..200)) {
        for signal in Signal::ALL {
            let _ = (request_from_json(signal, &bytes), request_to_json(signal, &bytes));
        }
    }
}

#[test]
fn packed_numbers_may_come_one_by_one() {
    let mut bytes = Vec::new();
    crate::proto::Writer::new(&mut bytes).message(9, |histogram| {
        histogram.message(1, |point| {
            point.always_fixed64(6, 1);
            point.fixed64(3, 5);
            point.packed_fixed64(6, [2, 3].into_iter());
            point.always_double(7, 0.5);
        });
    });
    validate(&metrics::METRIC, &bytes).unwrap();
    let metric = <metrics::MetricView<'_> as crate::proto::View<'_>>::read(&bytes);
    let point = metric.histogram.or_empty().data_points.iter().next().unwrap();
    assert_eq!(point.bucket_counts.iter().map(|count| count.0).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(point.explicit_bounds.iter().map(|bound| bound.0).collect::<Vec<_>>(), [0.5]);
}

#[test]
fn json_is_read_as_leniently_as_the_field_does() {
    let read = |json: &str| {
        let bytes = request_from_json(Signal::Logs, json.as_bytes()).map_err(|why| why.to_string())?;
        let mut records: Vec<ResourceGroup<LogRecord>> = LogsView::new(&bytes).unwrap().into();
        Ok::<_, String>(records.remove(0).scopes.remove(0).items.remove(0))
    };
    let wrap = |record: &str| {
        format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{record}]}}]}}],"x":[1]}}"#)
    };
    let record = read(&wrap(
        r#"{"timeUnixNano":12,"observed_time_unix_nano":"18446744073709551615","severityNumber":"SEVERITY_NUMBER_WARN",
            "unknown":{"a":[null]},"body":{"bytesValue":"_-8"},"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"",
            "flags":1e0,"attributes":[{"key":"k","value":{"intValue":-5}},{"key":"e","value":{}},{"key":"n","value":null}]}"#,
    ))
    .unwrap();
    assert_eq!(
        (record.time_unix_nano, record.observed_time_unix_nano, record.severity_number),
        (12, u64::MAX, 13)
    );
    assert_eq!(record.body, model::AnyValue::Bytes(vec![0xff, 0xef]));
    assert_eq!(record.trace_id.to_string(), "5b8efff798038103d269b633813fc60c");
    assert_eq!((record.flags, record.attributes.len()), (1, 3));
    let check = |json: &str, expect: &str| {
        let error = read(&wrap(json)).unwrap_err();
        assert!(error.starts_with(&format!("malformed JSON: {expect} at line 1 column ")), "{error}");
    };
    check(r#"{"traceId":"5b8e"}"#, "trace_id: invalid length for ID: 4 digits instead of 32");
    check(r#"{"spanId":"zzzzzzzzzzzzzzzz"}"#, "span_id: not a hexadecimal ID");
    check(r#"{"timeUnixNano":-1}"#, "time_unix_nano: -1 is out of range");
    check(r#"{"timeUnixNano":true}"#, "time_unix_nano: unexpected boolean");
    check(r#"{"attributes":5}"#, "invalid type: integer `5`, expected an array (attributes)");
    assert!(request_from_json(Signal::Logs, b"{} x").is_err());
    assert!(request_from_json(Signal::Logs, b"null").is_err());
    assert!(request_from_json(Signal::Logs, b"[]").is_err());
}

#[test]
fn json_nesting_is_bounded() {
    let deep = 100_000;
    // What nobody reads is skipped without recursion.
    let json = format!("{{\"x\":{}1{}}}", "[".repeat(deep), "]".repeat(deep));
    assert_eq!(request_from_json(Signal::Logs, json.as_bytes()), Ok(Vec::new()));
    let value = format!("{}{{}}{}", r#"{"arrayValue":{"values":["#.repeat(deep), "]}}".repeat(deep));
    let json = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{value}}}]}}]}}]}}"#);
    assert!(request_from_json(Signal::Logs, json.as_bytes()).is_err());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "test data is read from the conformance folder")]
fn the_examples_of_the_protocol_come_through() {
    let folder = std::env::var("ORIEL_CONFORMANCE")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance").into());
    for (file, signal, items) in [
        ("logs.json", Signal::Logs, 1),
        ("events.json", Signal::Logs, 1),
        ("metrics.json", Signal::Metrics, 4),
        ("trace.json", Signal::Traces, 1),
    ] {
        let path = format!("{folder}/otlp/{file}");
        let Ok(json) = std::fs::read(&path) else {
            println!("skipped, no conformance data: {path}");
            continue;
        };
        let bytes = request_from_json(signal, &json).unwrap();
        assert_eq!(validate(request_schema(signal), &bytes).unwrap().items, items, "{file}");
        let written = request_to_json(signal, &bytes).unwrap();
        let (mut have, mut want): (serde_json::Value, serde_json::Value) =
            (serde_json::from_slice(&written).unwrap(), serde_json::from_slice(&json).unwrap());
        canonical(&mut have);
        canonical(&mut want);
        assert_eq!(have, want, "{file}");
    }
}

/// Makes what the examples and we write differently the same: case of ids, defaults written out, whole doubles.
fn canonical(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            for key in ["traceId", "spanId", "parentSpanId"] {
                if let Some(serde_json::Value::String(id)) = map.get_mut(key) {
                    *id = id.to_lowercase();
                }
            }
            map.retain(|key, value| {
                !(["scale", "zeroThreshold"].contains(&key.as_str()) && value.as_f64() == Some(0.0))
            });
            map.values_mut().for_each(canonical);
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(canonical),
        serde_json::Value::Number(number) => {
            *number = serde_json::Number::from_f64(number.as_f64().unwrap()).unwrap()
        }
        _ => (),
    }
}
