//! Views over hand-written bytes, and hostile bytes.

use super::super::common::*;
use super::super::logs::{self, LogsView};
use super::super::trace::{self, TracesView};
use crate::proto::{DEPTH_MAX, Fault, Malformed, Writer, range_within};

fn string_attribute(writer: &mut Writer<'_>, number: u32, key: &str, value: &str) {
    writer.message(number, |attribute| {
        attribute.string(1, key);
        attribute.message(2, |any| any.always_bytes(1, value.as_bytes()));
    });
}

fn log_request() -> Vec<u8> {
    let mut out = Vec::new();
    Writer::new(&mut out).message(1, |resource_logs| {
        resource_logs.message(1, |resource| string_attribute(resource, 1, "service.name", "cart"));
        resource_logs.message(2, |scope_logs| {
            scope_logs.message(1, |scope| scope.string(1, "lib"));
            for number in 0..3u64 {
                scope_logs.message(2, |record| {
                    record.fixed64(1, 1000 + number);
                    record.int(2, 9);
                    record.string(3, "INFO");
                    record.message(5, |body| body.always_bytes(1, b"hello"));
                    string_attribute(record, 6, "a", "1");
                    record.fixed32(8, 1);
                    record.bytes(9, &[7; 16]);
                    record.bytes(10, &[8; 8]);
                    // A stranger between attributes, as a newer protocol would send it.
                    record.varint(31, 5);
                    string_attribute(record, 6, "b", "größe");
                    record.fixed64(11, 2000);
                    record.string(12, "event");
                });
            }
            scope_logs.string(3, "scope-url");
        });
        resource_logs.string(3, "url");
    });
    out
}

#[test]
fn every_field_of_a_log_record_is_read() {
    let body = log_request();
    assert_eq!(logs::validate(&body).unwrap().items, 3);
    let view = LogsView::new(&body).unwrap();
    let resource_logs = view.resource_logs().next().unwrap();
    let resource = resource_logs.resource.or_empty();
    assert_eq!(attribute(resource.attributes, "service.name").unwrap().as_str(), Some("cart"));
    assert_eq!(resource_logs.schema_url, "url");
    let scope_logs = resource_logs.scope_logs.iter().next().unwrap();
    assert_eq!(scope_logs.scope.or_empty().name, "lib");
    assert_eq!(scope_logs.schema_url, "scope-url");
    let records: Vec<_> = scope_logs.log_records.iter().collect();
    assert_eq!(records.len(), 3);
    let record = &records[2];
    assert_eq!(
        (record.time_unix_nano, record.observed_time_unix_nano, record.timestamp_ns()),
        (1002, 2000, 1002)
    );
    assert_eq!((record.severity_number, record.severity_text.as_str(), record.flags), (9, "INFO", 1));
    assert_eq!(record.body().as_str(), Some("hello"));
    assert_eq!((record.trace_id().0, record.span_id().0), ([7; 16], [8; 8]));
    assert_eq!(record.event_name, "event");
    let attributes: Vec<_> =
        record.attributes.iter().map(|kv| (kv.key.as_str(), kv.value().as_str().unwrap())).collect();
    assert_eq!(attributes, [("a", "1"), ("b", "größe")]);
    let range = range_within(&body, record.bytes()).unwrap();
    assert_eq!(&body[range], record.bytes());
}

fn span_request() -> Vec<u8> {
    let mut out = Vec::new();
    Writer::new(&mut out).message(1, |resource_spans| {
        resource_spans.message(2, |scope_spans| {
            scope_spans.message(2, |span| {
                span.bytes(1, &[1; 16]);
                span.bytes(2, &[2; 8]);
                span.string(3, "a=b");
                span.bytes(4, &[3; 8]);
                span.string(5, "GET /");
                span.int(6, 2);
                span.fixed64(7, 10);
                span.fixed64(8, 20);
                span.message(11, |event| {
                    event.fixed64(1, 15);
                    event.string(2, "exception");
                });
                span.message(13, |link| {
                    link.bytes(1, &[4; 16]);
                    link.bytes(2, &[5; 8]);
                });
                span.message(15, |status| {
                    status.string(2, "boom");
                    status.int(3, 2);
                });
                span.fixed32(16, 0x101);
            });
        });
    });
    out
}

#[test]
fn every_part_of_a_span_is_read() {
    let body = span_request();
    assert_eq!(trace::validate(&body).unwrap().items, 1);
    let resource_spans = TracesView::new(&body).unwrap().resource_spans().next().unwrap();
    let span = resource_spans.scope_spans.iter().next().unwrap().spans.iter().next().unwrap();
    assert_eq!((span.trace_id().0, span.span_id().0, span.parent_span_id().0), ([1; 16], [2; 8], [3; 8]));
    assert_eq!((span.name.as_str(), span.trace_state.as_str(), span.kind), ("GET /", "a=b", 2));
    assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano, span.flags), (10, 20, 0x101));
    assert_eq!((span.status().message.as_str(), span.status().code), ("boom", 2));
    let event = span.events.iter().next().unwrap();
    assert_eq!((event.time_unix_nano, event.name.as_str()), (15, "exception"));
    let link = span.links.iter().next().unwrap();
    assert_eq!((link.trace_id().0, link.span_id().0), ([4; 16], [5; 8]));
}

/// Reads whatever a view offers, so that a panic anywhere shows.
fn read_all(body: &[u8]) -> usize {
    let mut seen = 0;
    for resource_logs in LogsView::trusted(body).resource_logs() {
        seen += resource_logs.resource.or_empty().attributes.count();
        for record in resource_logs.scope_logs.iter().flat_map(|scope| scope.log_records) {
            seen += record.attributes.iter().filter(|kv| kv.value().as_str().is_some()).count();
            seen += record.body().as_str().map_or(0, str::len) + record.trace_id().0.len();
        }
    }
    for span in TracesView::trusted(body).resource_spans().flat_map(|r| r.scope_spans).flat_map(|s| s.spans) {
        seen += span.events.count() + span.links.iter().filter(|link| link.span_id().is_zero()).count();
    }
    seen
}

#[test]
fn truncated_and_corrupted_bodies_never_panic() {
    for body in [log_request(), span_request()] {
        for cut in 0..body.len() {
            let _ = logs::validate(&body[..cut]);
            let _ = trace::validate(&body[..cut]);
            read_all(&body[..cut]);
            for flip in [0x01, 0x80, 0xff] {
                let mut bad = body.clone();
                bad[cut] ^= flip;
                let _ = (logs::validate(&bad), trace::validate(&bad));
                read_all(&bad);
            }
        }
    }
}

#[test]
fn what_is_wrong_is_said() {
    let check = |write: fn(&mut Writer<'_>), expect: &str| {
        let mut out = Vec::new();
        Writer::new(&mut out).message(1, |r| r.message(2, |s| s.message(2, write)));
        assert_eq!(logs::validate(&out).unwrap_err().to_string(), expect);
    };
    check(|r| r.bytes(9, &[1; 15]), "malformed protobuf: LogRecord.trace_id: invalid length for ID");
    check(|r| r.bytes(10, &[1; 16]), "malformed protobuf: LogRecord.span_id: invalid length for ID");
    check(|r| r.bytes(3, &[0xff]), "malformed protobuf: LogRecord.severity_text: string is not valid UTF-8");
    check(|r| r.varint(1, 5), "malformed protobuf: LogRecord.time_unix_nano: wrong wire type");
    check(|r| r.raw(&[0x32, 100]), "malformed protobuf: LogRecord.attributes: unexpected end of input");
    check(|r| r.raw(&[0x07]), "malformed protobuf: LogRecord: illegal tag");
}

fn nested(levels: usize) -> Vec<u8> {
    let mut value = Vec::new();
    for _ in 0..levels {
        let inner = std::mem::take(&mut value);
        Writer::new(&mut value).message(5, |any| any.always_bytes(1, &inner));
    }
    let mut out = Vec::new();
    Writer::new(&mut out)
        .message(1, |r| r.message(2, |s| s.message(2, |record| record.always_bytes(5, &value))));
    out
}

#[test]
fn nesting_is_bounded() {
    // Request, resource, scope, record, body: four levels below the root, then two for each array.
    assert!(logs::validate(&nested((DEPTH_MAX - 4) / 2)).is_ok());
    let too_deep = logs::validate(&nested((DEPTH_MAX - 4) / 2 + 1));
    assert!(matches!(too_deep, Err(Malformed { fault: Fault::Depth, .. })));
    assert!(logs::validate(&nested(20_000)).is_err());
}
