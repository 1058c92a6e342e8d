//! How many expressions one core parses, checks and drops in a second of its own time: `cargo run --release -p promql --example throughput`.

use std::hint::black_box;

/// Queries as dashboards and rules send them.
const QUERIES: [&str; 16] = [
    "up",
    "up == 0",
    "sum(rate(http_requests_total[5m]))",
    "sum by (job) (rate(http_requests_total{code=\"500\"}[5m]))",
    "node_load1 > 5",
    "avg_over_time(go_goroutines[1h])",
    "1 - node_memory_free_bytes / node_memory_total_bytes",
    "http_requests_total{job=\"api\", instance=\"a:9090\"}",
    "rate(process_cpu_seconds_total{job=\"api\"}[1m]) * 100",
    "max(up) by (job)",
    "absent(up{job=\"api\"})",
    "time() - process_start_time_seconds",
    "topk(10, memory_bytes)",
    "a + on (x) group_left (y) b",
    "delta(temperature[2h] offset 1d)",
    "vector(1)",
];

const LONG: &str = "histogram_quantile(0.99, sum by (le, service) (rate(http_request_duration_seconds_bucket{cluster=~\"eu-.*\", env=\"prod\", handler!~\"/healthz|/ready\"}[5m]))) > on (service) group_left (team) (service_latency_objective_seconds{env=\"prod\"} * 1.5) and on (service) sum by (service) (increase(http_requests_total{env=\"prod\"}[1h])) > 1000";

/// Seconds that this thread has run: what other programs of a busy machine do is not counted.
#[expect(clippy::disallowed_methods, reason = "the kernel's file about this thread")]
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has it");
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse::<f64>().ok());
    nanoseconds.expect("the first field is a number") / 1e9
}

#[expect(clippy::print_stdout, reason = "what it is for")]
fn measure(name: &str, queries: &[&str], rounds: usize) {
    for query in queries {
        assert!(promql::parse(query).is_ok(), "{query}");
    }
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = cpu_seconds();
        for _ in 0..rounds {
            for query in queries {
                let _ = black_box(promql::parse(black_box(query)));
            }
        }
        best = best.min(cpu_seconds() - start);
    }
    let parsed = (rounds * queries.len()) as f64;
    println!("{name}: {:.0} a second, {:.0} ns each", parsed / best, best / parsed * 1e9);
}

fn main() {
    measure("short", &QUERIES, 20_000);
    measure("long", &[LONG], 50_000);
}
