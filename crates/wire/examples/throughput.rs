//! Throughput of the decoders on one core: `cargo run --release -p wire --example throughput`. Prints MB/s and ns per item.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measuring program prints and reads the clock"
)]

use std::hint::black_box;
use std::time::Instant;

use model::Signal;
use wire::otlp::metrics::{self, MetricData, MetricsView};
use wire::otlp::{LogsView, TracesView, logs, trace};
use wire::proto::Writer;
use wire::remote::{Request, RequestBuilder, WriteRequest, WriteRequestBuilder, write1};

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

/// The best of many short runs: what the code costs, not what else the machine does.
fn measure(name: &str, body: &[u8], items: usize, work: impl Fn(&[u8]) -> u64) {
    let rounds = (3_000_000 / body.len()).max(1);
    let mut best_s = f64::MAX;
    for _ in 0..100 {
        let start = Instant::now();
        for _ in 0..rounds {
            black_box(work(black_box(body)));
        }
        best_s = best_s.min(start.elapsed().as_secs_f64());
    }
    println!(
        "{name:28} {:6.0} MB/s  {:7.1} ns/item  {} B/item",
        (body.len() * rounds) as f64 / 1e6 / best_s,
        best_s * 1e9 / (items * rounds) as f64,
        body.len() / items
    );
}

/// 1,000 counters of one point with four attributes.
fn metric_body() -> Vec<u8> {
    let mut out = Vec::new();
    Writer::new(&mut out).message(1, |resource| {
        resource.message(1, |r| attribute(r, 1, "service.name", "checkout"));
        resource.message(2, |scope| {
            for number in 0..1000u64 {
                scope.message(2, |metric| {
                    metric.string(1, "http.server.request.count");
                    metric.string(3, "{request}");
                    metric.message(7, |sum| {
                        sum.message(1, |point| {
                            point.fixed64(2, 1_700_000_000_000_000_000);
                            point.fixed64(3, 1_700_000_010_000_000_000);
                            point.always_double(4, number as f64);
                            attribute(point, 7, "http.request.method", "POST");
                            attribute(point, 7, "http.route", "/api/checkout/{id}");
                            attribute(point, 7, "server.address", "checkout.shop.svc");
                            attribute(point, 7, "url.scheme", "https");
                        });
                        sum.int(2, 2);
                        sum.bool(3, true);
                    });
                });
            }
        });
    });
    out
}

fn read_metrics(body: &[u8]) -> u64 {
    let mut sum = 0;
    for resource in MetricsView::trusted(body).resource_metrics() {
        for metric in resource.scope_metrics.iter().flat_map(|scope| scope.metrics) {
            let MetricData::Sum(data) = metric.data() else { continue };
            for point in data.data_points {
                sum += point.time_unix_nano + metric.name.as_bytes().len() as u64;
                sum += point.attributes.iter().map(|a| a.key.as_bytes().len() as u64).sum::<u64>();
            }
        }
    }
    sum
}

const LABELS: [(&str, &str); 8] = [
    ("__name__", "http_requests_total"),
    ("cluster", "eu-central-1"),
    ("instance", "10.11.12.13:9090"),
    ("job", "checkout"),
    ("method", "POST"),
    ("namespace", "shop"),
    ("pod", "checkout-7d4b8c9f5-x2x9z"),
    ("status", "200"),
];

/// 1,000 series of eight labels and one sample.
fn write1_body() -> Vec<u8> {
    let mut builder = WriteRequestBuilder::default();
    (0..1000).for_each(|n| builder.series(LABELS, |series| series.sample(1_700_000_000_000 + n, n as f64)));
    builder.finish()
}

fn read_write1(body: &[u8]) -> u64 {
    let series = WriteRequest::trusted(body).timeseries.iter();
    series
        .map(|one| {
            one.labels.region().len() as u64 + one.samples.iter().map(|s| s.timestamp_ms as u64).sum::<u64>()
        })
        .sum()
}

fn write2_body() -> Vec<u8> {
    let mut builder = RequestBuilder::default();
    let labels = builder.references(LABELS);
    (0..1000).for_each(|n| {
        builder
            .series(&labels, Default::default(), |series| series.sample(1_700_000_000_000 + n, 0, n as f64));
    });
    builder.finish()
}

fn read_write2(body: &[u8]) -> u64 {
    let Ok(request) = Request::new(body) else { return 0 };
    request
        .timeseries()
        .map(|s| request.labels(s.labels_refs).map(|(n, v)| (n.len() + v.len()) as u64).sum::<u64>())
        .sum()
}

fn main() {
    let body = log_body();
    measure("logs validate", &body, 1000, |body| logs::validate(body).map_or(0, |count| count.items as u64));
    measure("logs iterate", &body, 1000, read_logs);
    let json = wire::otlp::request_to_json(Signal::Logs, &body).expect("the body is valid");
    measure("logs from JSON", &json, 1000, |json| {
        wire::otlp::request_from_json(Signal::Logs, json).map_or(0, |proto| proto.len() as u64)
    });
    measure("logs to JSON", &body, 1000, |body| {
        wire::otlp::request_to_json(Signal::Logs, body).map_or(0, |json| json.len() as u64)
    });
    let body = span_body();
    measure("spans validate", &body, 1000, |body| {
        trace::validate(body).map_or(0, |count| count.items as u64)
    });
    measure("spans iterate", &body, 1000, read_spans);
    let body = metric_body();
    measure("metrics validate", &body, 1000, |body| {
        metrics::validate(body).map_or(0, |count| count.items as u64)
    });
    measure("metrics iterate", &body, 1000, read_metrics);
    let body = write1_body();
    measure("write 1 validate", &body, 1000, |body| {
        write1::validate_request(body).map_or(0, |c| c.items as u64)
    });
    measure("write 1 iterate", &body, 1000, read_write1);
    let body = write2_body();
    measure("write 2 check and iterate", &body, 1000, read_write2);
}
