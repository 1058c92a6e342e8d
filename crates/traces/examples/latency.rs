//! How long answers take over many spans in files: trace by id, search, RED, service graph.
//!
//! `cargo run --release -p traces --example latency [million spans] [data directory]`. Goes through the whole store: journal with fsync, cuts, files
//! on disk (a directory that is filled already is used as it is). Prints CPU time of the thread that asks,
//! files being in the page cache.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measuring tool stands outside the simulated world"
)]

#[path = "cost/load.rs"]
mod load;

use model::{Format, Signal, TenantId, TraceId};
use pipeline::{Batch, Consumer};
use stdx::random::Random;
use store::{Deps, LaneConfig};
use traces::{
    AttributeFilter, AttributeScope, Budget, Comparison, Config, Grouping, RedQuery, SearchQuery, TimeRange,
    TraceStore, Value,
};

const START_NS: u64 = 1_790_000_000_000_000_000;
const SPANS_A_REQUEST: u64 = 1000;

fn main() {
    let millions: f64 = std::env::args().nth(1).and_then(|arg| arg.parse().ok()).unwrap_or(1.0);
    let data = std::env::args().nth(2).unwrap_or_else(|| "target/latency-data".into());
    let deps = Deps::local(data.as_ref(), telemetry::Registry::default()).expect("an empty directory");
    let store = TraceStore::open(deps, Config::new(LaneConfig::new(&data))).expect("opens");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut random = Random::new(7);
    let requests = (millions * 1e6) as u64 / SPANS_A_REQUEST;
    let mut ids: Vec<TraceId> = Vec::new();
    let filled = !store.lane().snapshot().files.is_empty();
    for request in 0..requests {
        let now_ns = START_NS + request * 20_000_000;
        let body = load::body(SPANS_A_REQUEST, now_ns, &mut random);
        if request % 10 == 0 {
            ids.push(first_trace(&body));
        }
        if filled {
            continue;
        }
        let batch = Batch {
            tenant: TenantId::anonymous(),
            signal: Signal::Traces,
            format: Format::OtlpProto,
            body: body.into(),
            wire: None,
            received_at_ms: (now_ns / 1_000_000) as i64,
        };
        while runtime.block_on(store.consume(batch.clone())).is_err() {
            std::thread::yield_now();
        }
    }
    runtime.block_on(store.lane().flush()).expect("flushes");
    let snapshot = store.lane().snapshot();
    let bytes: u64 = snapshot.files.iter().map(|file| file.len).sum();
    println!(
        "{} spans, {} files, {:.1} bytes/span",
        requests * SPANS_A_REQUEST,
        snapshot.files.len(),
        bytes as f64 / (requests * SPANS_A_REQUEST) as f64
    );
    let end_ns = (START_NS + requests * 20_000_000) as i64;
    by_id(&store, &ids);
    searches(&store, TimeRange { from_ns: START_NS as i64, to_ns: end_ns });
}

/// CPU time of this thread in milliseconds.
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("linux");
    stat.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).expect("schedstat begins with nanoseconds")
        / 1e6
}

fn first_trace(body: &[u8]) -> TraceId {
    let view = wire::otlp::TracesView::trusted(body);
    let resource = view.resource_spans().next().expect("one resource");
    let scope = resource.scope_spans.iter().next().expect("one scope");
    scope.spans.iter().next().expect("spans").trace_id()
}

fn by_id(store: &TraceStore, ids: &[TraceId]) {
    let mut took: Vec<f64> = Vec::new();
    for id in ids.iter().cycle().take(500) {
        let start = cpu_ms();
        let trace = store.trace(&TenantId::anonymous(), *id, None, &Budget::unlimited()).expect("readable");
        took.push(cpu_ms() - start);
        assert_eq!(trace.expect("found").spans, 8);
    }
    println!("trace by id: first {:.2} ms", took[0]);
    took.sort_by(f64::total_cmp);
    println!(
        "trace by id: median {:.2} ms, 99th percentile {:.2} ms",
        took[took.len() / 2],
        took[took.len() * 99 / 100]
    );
}

fn searches(store: &TraceStore, range: TimeRange) {
    let time = |what: &str, query: SearchQuery| {
        let start = cpu_ms();
        let found = store.search(&query).expect("readable");
        let read = query.budget.spent_bytes() >> 20;
        println!("search {what}: {:.1} ms, {} found, {read} MiB charged", cpu_ms() - start, found.len());
    };
    let query = || SearchQuery::new(TenantId::anonymous(), range);
    time("everything", query());
    time("service", SearchQuery { service: Some("cart".into()), ..query() });
    time("service that is not there", SearchQuery { service: Some("nobody".into()), ..query() });
    time("trace of 79 ms or more", SearchQuery { trace_duration_min_ns: Some(79_000_000), ..query() });
    time("status error", SearchQuery { status: Some(traces::Status::Error), ..query() });
    let filter = |key: &str, value: Value| AttributeFilter {
        scope: AttributeScope::Span,
        key: key.into(),
        comparison: Comparison::Equal,
        value,
    };
    let common = vec![filter("http.response.status_code", Value::Int(503))];
    time("a frequent attribute", SearchQuery { attributes: common, ..query() });
    let rare = vec![filter("enduser.id", Value::String("u-00042".into()))];
    time("a rare attribute", SearchQuery { attributes: rare, ..query() });
    let absent = vec![filter("request.id", Value::String("req-none".into()))];
    time("an attribute value that is not there", SearchQuery { attributes: absent, ..query() });
    let start = cpu_ms();
    let red = store.red(&RedQuery {
        tenant: TenantId::anonymous(),
        range,
        step_ns: ((range.to_ns - range.from_ns) / 60).max(1),
        group_by: Grouping::Operation,
        service: None,
        kinds: Vec::new(),
        budget: Budget::unlimited(),
    });
    println!("red by operation: {:.1} ms, {} groups", cpu_ms() - start, red.expect("readable").len());
    let start = cpu_ms();
    let edges = store.dependencies(&TenantId::anonymous(), range, &Budget::unlimited()).expect("readable");
    println!("service graph: {:.1} ms, {} edges", cpu_ms() - start, edges.len());
    let start = cpu_ms();
    let services = store.services(&TenantId::anonymous(), range, &Budget::unlimited()).expect("readable");
    println!("services: {:.1} ms, {}", cpu_ms() - start, services.len());
}
