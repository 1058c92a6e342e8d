//! What a log record costs in this crate: CPU time of parse, build and merge, bytes on disk, and how fast scans go. Prints one line each.
//!
//! `cargo run --release -p logs --example log_cost [requests] [ids|plain] [zstd level of merges]` (ids: a random id in every line); 1,000 records a request, shaped as `bench` sends them (about 270 B each).

#![expect(clippy::disallowed_methods, reason = "a measuring program asks the kernel for its CPU time")]
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measuring program prints")]

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use logs::{Config, LineFilter, LineFilterOp, LogEngine, LogQuery};
use model::{Compression, Format, TenantId};
use ports::Record;
use store::{BlockHandle, Keep, SignalEngine, Snapshot};
use wire::proto::Writer;

/// Seconds of CPU that this thread has used: what others do on the machine matters less to it than to a clock.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

const ROUTES: [&str; 6] = [
    "/api/v1/orders/{id}",
    "/api/v1/cart",
    "/api/v1/products/{id}",
    "/api/v1/users/{id}",
    "/healthz",
    "/api/v1/search",
];
const SERVICES: [&str; 8] =
    ["web", "gateway", "checkout", "payments", "inventory", "catalog", "recommendations", "worker"];

fn pair(writer: &mut Writer<'_>, number: u32, key: &str, value: &str) {
    writer.message(number, |pair| {
        pair.string(1, key);
        pair.message(2, |any| any.string(1, value));
    });
}

fn record(record: &mut Writer<'_>, ts_ns: u64, random: &mut Random) {
    let (method, route) = (random.pick(&["GET", "GET", "POST", "PUT"]), random.pick(&ROUTES));
    let status = random.pick(&[200i64, 200, 200, 200, 201, 204, 404, 500]);
    let (id, user) = (random.below(1_000_000), random.below(50_000));
    let took_ms = random.below(14_000) as f64 / 70.0 * random.below(1000) as f64 / 1000.0;
    let (number, text) = match status {
        500 => (17, "ERROR"),
        404 => (13, "WARN"),
        _ => (9, "INFO"),
    };
    let line = match status {
        500 => format!(
            "request failed: upstream inventory returned 503 after {took_ms:.1}ms order={id} user=u-{user:05}"
        ),
        _ => format!(
            "{method} {} {status} {took_ms:.2}ms user=u-{user:05} bytes={}",
            route.replace("{id}", &id.to_string()),
            random.below(20_000)
        ),
    };
    let line = if std::env::args().nth(2).is_some_and(|kind| kind == "ids") {
        format!("{line} trace={:016x}{:016x}", random.next(), random.next())
    } else {
        line
    };
    record.always_fixed64(1, ts_ns);
    record.always_fixed64(11, ts_ns);
    record.varint(2, number);
    record.string(3, text);
    record.message(5, |any| any.string(1, &line));
    pair(record, 6, "http.request.method", method);
    pair(record, 6, "http.route", route);
    record.message(6, |pair| {
        pair.string(1, "http.response.status_code");
        pair.message(2, |any| any.int(3, status));
    });
    let address = format!("10.{}.{}.{}", random.below(4), random.below(256), random.below(256));
    pair(record, 6, "client.address", &address);
    record.fixed32(8, 1);
    let id = [random.next(), random.next()].map(u64::to_le_bytes).concat();
    record.bytes(9, &id);
    record.bytes(10, &random.next().to_le_bytes());
}

fn body(now_ns: u64, random: &mut Random) -> Bytes {
    let (service, instance) = (random.pick(&SERVICES), random.below(4));
    let mut out = Vec::new();
    Writer::new(&mut out).message(1, |resource_logs| {
        resource_logs.message(1, |resource| {
            let pod = format!("{service}-6c9f7d5b8-{instance:05x}");
            for (key, value) in [
                ("service.name", service),
                ("service.version", "1.14.2"),
                ("service.instance.id", &pod),
                ("deployment.environment", "production"),
                ("k8s.namespace.name", "shop"),
                ("k8s.pod.name", &pod),
                ("host.name", &format!("node-{:02}", instance % 12)),
                ("telemetry.sdk.language", "go"),
            ] {
                pair(resource, 1, key, value);
            }
        });
        resource_logs.message(2, |scope_logs| {
            scope_logs.message(1, |scope| scope.string(1, "github.com/shop/log"));
            for number in 0..1000 {
                scope_logs.message(2, |out| record(out, now_ns - (1000 - number) * 40_000, random));
            }
        });
    });
    out.into()
}

fn journal_record(now_ns: u64, tenant: &TenantId, random: &mut Random) -> Record {
    let payload = body(now_ns, random);
    Record {
        tenant: tenant.clone(),
        format: Format::OtlpProto,
        compression: Compression::None,
        received_at_ms: (now_ns / 1_000_000) as i64,
        plain_len: payload.len() as u32,
        payload,
    }
}

fn per(what: &str, start: f64, records: u64) {
    println!("{what}: {:.3} us/record", (cpu_s() - start) * 1e6 / records as f64);
}

fn main() {
    let requests: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(400);
    let mut random = Random(42);
    let mut config = Config::default();
    if let Some(level) = std::env::args().nth(3).and_then(|text| text.parse().ok()) {
        config.level_merge = level;
    }
    let engine = LogEngine::new(config);
    let start_ns = 1_790_000_000_000_000_000u64;
    let tenant = TenantId::anonymous();
    let mut files: Vec<Arc<BlockHandle>> = Vec::new();
    let (mut wire_bytes, mut block_bytes) = (0u64, 0u64);
    let (mut parse_s, mut build_s) = (0.0, 0.0);
    const FILES: u64 = 4;
    for file in 0..FILES {
        let records: Vec<Record> = (0..requests)
            .map(|number| {
                let now_ns = start_ns + (file * requests + number) * 5_000_000;
                let record = journal_record(now_ns, &tenant, &mut random);
                wire_bytes += record.payload.len() as u64;
                record
            })
            .collect();
        let start = cpu_s();
        let head = engine.new_head();
        for (offset, record) in (0..).zip(&records) {
            engine.apply(&head, offset, engine.prepare(record).unwrap());
        }
        parse_s += cpu_s() - start;
        if file == 0 {
            let start = cpu_s();
            for record in &records {
                wire::otlp::logs::validate(&record.payload).unwrap();
            }
            per("validate", start, requests * 1000);
        }
        let start = cpu_s();
        let built = engine.build(&head, 0..requests).unwrap();
        build_s += cpu_s() - start;
        for file in built {
            block_bytes += file.bytes.len() as u64;
            files.push(Arc::new(BlockHandle::in_memory(format!("f{}", files.len()), 0, 0..1, file)));
        }
    }
    let records = requests * 1000 * FILES;
    println!("wire: {:.1} B/record", wire_bytes as f64 / records as f64);
    println!("prepare+apply: {:.3} us/record", parse_s * 1e6 / records as f64);
    println!(
        "build: {:.3} us/record, {:.1} B/record",
        build_s * 1e6 / records as f64,
        block_bytes as f64 / records as f64
    );
    let inputs: Vec<_> = files.iter().map(|file| file.reader().unwrap()).collect();
    let start = cpu_s();
    let merged = engine.merge(&inputs, &Keep { from_ns: i64::MIN }).unwrap();
    per("merge", start, records);
    let bytes: usize = merged.iter().map(|file| file.bytes.len()).sum();
    println!("merged: {:.1} B/record", bytes as f64 / records as f64);
    let files: Vec<Arc<BlockHandle>> =
        merged.into_iter().map(|file| Arc::new(BlockHandle::in_memory("merged", 1, 0..1, file))).collect();
    sections(&files, records);
    let snapshot = Snapshot::<LogEngine> { heads: Vec::new(), files, damage: Arc::from([]) };
    scans(&snapshot, &tenant, records);
}

/// Bytes by kind of section.
fn sections(files: &[Arc<BlockHandle>], records: u64) {
    let mut kinds: std::collections::BTreeMap<(u16, u64), u64> = std::collections::BTreeMap::new();
    for file in files {
        let reader = file.reader().unwrap();
        for key in reader.keys() {
            let column = if key.kind == 9 { key.id & 0xffff } else { 0 };
            *kinds.entry((key.kind, column)).or_default() += reader.stored_len(*key);
        }
    }
    for ((kind, column), bytes) in kinds {
        println!("  section kind {kind} column {column}: {:.2} B/record", bytes as f64 / records as f64);
    }
}

fn scans(snapshot: &Snapshot<LogEngine>, tenant: &TenantId, records: u64) {
    let cases: [(&str, Option<&str>, usize, bool); 8] = [
        ("newest 100", None, 100, true),
        ("all, no line", None, 0, false),
        ("all, whole", None, 0, true),
        ("contains a frequent word", Some("request failed"), 0, true),
        ("contains a word that is nowhere", Some("OutOfMemoryError"), 0, true),
        ("contains a user that is nowhere", Some("user=u-77777"), 0, true),
        ("contains a uuid that is nowhere", Some("9f8e7d6c-5b4a-3928-1706-f5e4d3c2b1a0"), 0, true),
        ("contains an id that is nowhere", Some("9f8e7d6c5b4a39281706f5e4d3c2b1a0"), 0, true),
    ];
    for (what, needle, limit, whole) in cases {
        let mut query = LogQuery::new(tenant.clone(), Vec::new(), i64::MIN, i64::MAX);
        query.line_filters =
            needle.iter().map(|text| LineFilter::new(LineFilterOp::Contains, *text)).collect();
        query.limit = limit;
        (query.with_line, query.with_metadata) = (whole, whole);
        let mut found = 0u64;
        let start = cpu_s();
        logs::store_for_measuring::scan(snapshot, &query, &mut |_, _| {
            found += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
        let seconds = cpu_s() - start;
        println!(
            "scan {what}: {found} found, {:.2} ms, {:.3} us/record",
            seconds * 1e3,
            seconds * 1e6 / records as f64
        );
    }
}
