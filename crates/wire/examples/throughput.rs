//! Throughput of the decoders on one core: `cargo run --release -p wire --example throughput`. Prints MB/s and ns per item.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measuring program prints and reads the clock"
)]

use std::hint::black_box;
use std::time::Instant;

use wire::otlp::{LogsView, TracesView, logs, trace};
use wire::proto::Writer;

fn attribute(writer: &mut Writer<'_>, number: u32, key: &str, value: &str) {
    writer.message(number, |attribute| {
        attribute.string(1, key);
        attribute.message(2, |any| any.always_bytes(1, value.as_bytes()));
    });
}

/// 1,000 records of about 270 bytes.
fn log_body() -> Vec<u8> {
    let mut out = Vec::new();
    Writer::new(&mut out).message(1, |resource| {
        resource.message(1, |r| attribute(r, 1, "service.name", "checkout"));
        resource.message(2, |scope| {
            for number in 0..1000u64 {
                scope.message(2, |record| {
                    record.fixed64(1, 1_700_000_000_000_000_000 + number);
                    record.int(2, 9);
                    record.string(3, "INFO");
                    let line = format!("order {number} accepted for user 4711 in region eu-central-1");
                    record.message(5, |body| body.always_bytes(1, line.as_bytes()));
                    attribute(record, 6, "http.request.method", "POST");
                    attribute(record, 6, "http.route", "/api/checkout/{id}");
                    attribute(record, 6, "thread.name", "worker-3");
                    record.message(6, |kv| {
                        kv.string(1, "http.response.status_code");
                        kv.message(2, |any| any.always_varint(3, 200));
                    });
                    record.bytes(9, &(u128::from(number) * 77777).to_le_bytes());
                    record.bytes(10, &number.to_le_bytes());
                    record.fixed64(11, 1_700_000_000_000_000_000 + number);
                });
            }
        });
    });
    out
}

/// 1,000 spans of about 600 bytes.
fn span_body() -> Vec<u8> {
    let mut out = Vec::new();
    Writer::new(&mut out).message(1, |resource| {
        resource.message(1, |r| attribute(r, 1, "service.name", "checkout"));
        resource.message(2, |scope| {
            for number in 0..1000u64 {
                scope.message(2, |span| {
                    span.bytes(1, &(u128::from(number) * 77777).to_le_bytes());
                    span.bytes(2, &number.to_le_bytes());
                    span.bytes(4, &(number / 2).to_le_bytes());
                    span.string(5, "POST /api/checkout/{id}");
                    span.int(6, 2);
                    span.fixed64(7, 1_700_000_000_000_000_000 + number);
                    span.fixed64(8, 1_700_000_000_000_900_000 + number);
                    for (key, value) in [
                        ("http.request.method", "POST"),
                        ("http.route", "/api/checkout/{id}"),
                        ("url.path", "/api/checkout/4711"),
                        ("url.scheme", "https"),
                        ("server.address", "checkout.shop.svc.cluster.local"),
                        ("client.address", "10.11.12.13"),
                        ("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
                        ("network.protocol.version", "1.1"),
                        ("k8s.pod.name", "checkout-7d4b8c9f5-x2x9z"),
                    ] {
                        attribute(span, 9, key, value);
                    }
                    span.message(11, |event| {
                        event.fixed64(1, 1_700_000_000_000_000_000);
                        event.string(2, "message");
                        attribute(event, 3, "message.type", "SENT");
                    });
                });
            }
        });
    });
    out
}

fn read_logs(body: &[u8]) -> u64 {
    let mut sum = 0;
    for resource in LogsView::trusted(body).resource_logs() {
        for record in resource.scope_logs.iter().flat_map(|scope| scope.log_records) {
            sum += record.time_unix_nano + record.severity_text.as_bytes().len() as u64;
            for attribute in record.attributes {
                sum += attribute.key.as_bytes().len() as u64;
                sum += u64::from(matches!(attribute.value(), wire::otlp::AnyValueView::String(_)));
            }
        }
    }
    sum
}

fn read_spans(body: &[u8]) -> u64 {
    let mut sum = 0;
    for resource in TracesView::trusted(body).resource_spans() {
        for span in resource.scope_spans.iter().flat_map(|scope| scope.spans) {
            sum += span.start_time_unix_nano + span.name.as_bytes().len() as u64;
            for attribute in span.attributes {
                sum += attribute.key.as_bytes().len() as u64;
                sum += u64::from(matches!(attribute.value(), wire::otlp::AnyValueView::String(_)));
            }
        }
    }
    sum
}

fn measure(name: &str, body: &[u8], items: usize, work: impl Fn(&[u8]) -> u64) {
    let rounds = (300_000_000 / body.len()).max(1);
    for _ in 0..rounds / 10 {
        black_box(work(black_box(body)));
    }
    let start = Instant::now();
    for _ in 0..rounds {
        black_box(work(black_box(body)));
    }
    let seconds = start.elapsed().as_secs_f64();
    let megabytes = (body.len() * rounds) as f64 / 1e6;
    println!(
        "{name:24} {:6.0} MB/s  {:7.1} ns/item  {} B/item",
        megabytes / seconds,
        seconds * 1e9 / (items * rounds) as f64,
        body.len() / items
    );
}

fn main() {
    let body = log_body();
    measure("logs validate", &body, 1000, |body| logs::validate(body).map_or(0, |count| count.items as u64));
    measure("logs iterate", &body, 1000, read_logs);
    let body = span_body();
    measure("spans validate", &body, 1000, |body| {
        trace::validate(body).map_or(0, |count| count.items as u64)
    });
    measure("spans iterate", &body, 1000, read_spans);
}
