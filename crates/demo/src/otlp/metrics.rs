//! `ExportMetricsServiceRequest`: cumulative sums, exponential histograms with exemplars, gauges.

use wire::proto::Writer;

use super::{Resource, request, text_attribute};
use crate::usage::{Duration, Process, Reading, SCALE};

const CUMULATIVE: u64 = 2;

/// The request and how many data points it holds.
pub fn encode(
    resource: &Resource,
    process: &Process,
    readings: &[Reading],
    start_ns: u64,
    now_ns: u64,
) -> (Vec<u8>, usize) {
    let mut points = readings.len();
    let body = request(resource, |scope| {
        if !process.served.is_empty() {
            scope.message(2, |metric| {
                head(
                    metric,
                    "http.server.request.duration",
                    "Duration of requests that this process served.",
                    "s",
                );
                metric.message(10, |histogram| {
                    for ((method, route, status), duration) in &process.served {
                        points += 1;
                        histogram.message(1, |point| {
                            exponential(point, duration, start_ns, now_ns);
                            text_attribute(point, 1, "http.request.method", method);
                            text_attribute(point, 1, "http.route", route);
                            int_attribute(point, 1, "http.response.status_code", i64::from(*status));
                        });
                    }
                    histogram.varint(2, CUMULATIVE);
                });
            });
        }
        if !process.queried.is_empty() {
            scope.message(2, |metric| {
                head(metric, "db.client.operation.duration", "Duration of database operations.", "s");
                metric.message(10, |histogram| {
                    for ((table, operation), duration) in &process.queried {
                        points += 1;
                        histogram.message(1, |point| {
                            exponential(point, duration, start_ns, now_ns);
                            text_attribute(point, 1, "db.system.name", "postgresql");
                            text_attribute(point, 1, "db.collection.name", table);
                            text_attribute(point, 1, "db.operation.name", operation);
                        });
                    }
                    histogram.varint(2, CUMULATIVE);
                });
            });
        }
        points += sums(scope, process, start_ns, now_ns);
        for reading in readings {
            scope.message(2, |metric| gauge(metric, reading, now_ns));
        }
    });
    (body, points)
}

fn sums(scope: &mut Writer<'_>, process: &Process, start_ns: u64, now_ns: u64) -> usize {
    let sums = [
        ("process.cpu.time", "Processor time used.", "s", process.cpu_ns as f64 / 1e9, true),
        (
            "messaging.client.sent.messages",
            "Messages put on a queue.",
            "{message}",
            process.published as f64,
            process.published > 0,
        ),
        ("shop.orders", "Orders placed.", "{order}", process.orders as f64, process.orders > 0),
    ];
    let mut written = 0;
    for (name, description, unit, value, wanted) in sums {
        if wanted {
            written += 1;
            scope.message(2, |metric| {
                head(metric, name, description, unit);
                metric.message(7, |sum| {
                    sum.message(1, |point| {
                        point.fixed64(2, start_ns);
                        point.fixed64(3, now_ns);
                        point.always_double(4, value);
                    });
                    sum.varint(2, CUMULATIVE);
                    sum.bool(3, true);
                });
            });
        }
    }
    written
}

fn gauge(metric: &mut Writer<'_>, reading: &Reading, now_ns: u64) {
    head(metric, reading.name, "", reading.unit);
    metric.message(5, |gauge| {
        gauge.message(1, |point| {
            point.fixed64(3, now_ns);
            point.always_double(4, reading.value);
            for (name, value) in &reading.attributes {
                text_attribute(point, 7, name, value);
            }
        });
    });
}

fn head(metric: &mut Writer<'_>, name: &str, description: &str, unit: &str) {
    metric.string(1, name);
    metric.string(2, description);
    metric.string(3, unit);
}

fn int_attribute(writer: &mut Writer<'_>, field: u32, name: &str, value: i64) {
    writer.message(field, |pair| {
        pair.string(1, name);
        pair.message(2, |any| any.always_varint(3, value as u64));
    });
}

/// The fields of an `ExponentialHistogramDataPoint`, attributes aside.
fn exponential(point: &mut Writer<'_>, duration: &Duration, start_ns: u64, now_ns: u64) {
    point.fixed64(2, start_ns);
    point.fixed64(3, now_ns);
    point.fixed64(4, duration.count);
    point.always_double(5, duration.sum);
    point.sint(6, i64::from(SCALE));
    if let (Some(first), Some(last)) = (duration.buckets.keys().next(), duration.buckets.keys().next_back()) {
        let counts = (*first..=*last).map(|index| duration.buckets.get(&index).copied().unwrap_or(0));
        point.message(8, |buckets| {
            buckets.sint(1, i64::from(*first));
            buckets.packed_varint(2, counts);
        });
    }
    for exemplar in &duration.exemplars {
        point.message(11, |message| {
            message.fixed64(2, exemplar.time_ns);
            message.always_double(3, exemplar.seconds);
            message.bytes(4, &exemplar.trace.1.0);
            message.bytes(5, &exemplar.trace.0.0);
        });
    }
}
