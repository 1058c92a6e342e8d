//! What a span costs on its way: prepare and apply, build, merge, bytes on disk; and how long answers take.
//!
//! `cargo run --release -p traces --example cost [million spans]`. Spans are those of the benchmark: about 600 bytes, traces of eight, fresh
//! ids, times and values each. Prints CPU time of this thread a span, so that neighbours on the machine do not count.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measuring tool stands outside the simulated world"
)]

#[path = "cost/load.rs"]
mod load;

use std::sync::Arc;

use model::TenantId;
use ports::Record;
use stdx::random::Random;
use store::container::InMemory;
use store::{BlockReader, Keep, SignalEngine};
use traces::TraceEngine;

const SPANS_A_REQUEST: u64 = 1000;
/// About 128 MiB of OTLP, the default size of a cut.
const REQUESTS_A_CUT: u64 = 220;

/// CPU time of this thread in nanoseconds.
fn cpu_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("linux");
    stat.split(' ').next().and_then(|ns| ns.parse().ok()).expect("schedstat begins with nanoseconds")
}

fn main() {
    let millions: f64 = std::env::args().nth(1).and_then(|arg| arg.parse().ok()).unwrap_or(1.0);
    let cuts = ((millions * 1e6 / (SPANS_A_REQUEST * REQUESTS_A_CUT) as f64).round() as u64).max(2);
    let engine = TraceEngine;
    let mut random = Random::new(7);
    let (mut prepare_ns, mut build_ns, mut wire_bytes, mut file_bytes) = (0, 0, 0u64, 0u64);
    let (mut files, mut spans) = (Vec::new(), 0u64);
    for cut in 0..cuts {
        let bodies: Vec<Vec<u8>> = (0..REQUESTS_A_CUT)
            .map(|n| {
                load::body(
                    SPANS_A_REQUEST,
                    1_790_000_000_000_000_000 + (cut * REQUESTS_A_CUT + n) * 20_000_000,
                    &mut random,
                )
            })
            .collect();
        wire_bytes += bodies.iter().map(|body| body.len() as u64).sum::<u64>();
        let records: Vec<Record> = bodies.into_iter().map(record).collect();
        let head = engine.new_head();
        let start = cpu_ns();
        for (offset, record) in records.into_iter().enumerate() {
            let prepared = engine.prepare(&record).expect("a good request");
            engine.apply(&head, offset as u64, prepared);
        }
        prepare_ns += cpu_ns() - start;
        let start = cpu_ns();
        let built = engine.build(&head, 0..REQUESTS_A_CUT).expect("built in memory");
        build_ns += cpu_ns() - start;
        spans += SPANS_A_REQUEST * REQUESTS_A_CUT;
        file_bytes += built.iter().map(|file| file.bytes.len() as u64).sum::<u64>();
        files.extend(built);
    }
    let per_span = |ns: u64| ns as f64 / 1000.0 / spans as f64;
    println!("spans {spans}, {} bytes each on the wire", wire_bytes / spans);
    println!("prepare+apply {:.2} us/span", per_span(prepare_ns));
    println!("build {:.2} us/span, {:.1} bytes/span", per_span(build_ns), file_bytes as f64 / spans as f64);
    let open = |name: String, bytes: Vec<u8>| {
        Arc::new(BlockReader::open(Arc::new(InMemory::new(name, bytes))).expect("what was just written"))
    };
    let blocks: Vec<_> =
        files.into_iter().enumerate().map(|(n, file)| open(n.to_string(), file.bytes)).collect();
    let start = cpu_ns();
    let merged = engine.merge(&blocks, &Keep::default()).expect("good blocks");
    let merge_ns = cpu_ns() - start;
    let merged_bytes: usize = merged.iter().map(|file| file.bytes.len()).sum();
    println!(
        "merge of {} files {:.2} us/span, {:.1} bytes/span, {} files",
        blocks.len(),
        per_span(merge_ns),
        merged_bytes as f64 / spans as f64,
        merged.len()
    );
    sections(&open("merged".into(), merged[0].bytes.clone()), spans);
}

fn record(body: Vec<u8>) -> Record {
    Record {
        tenant: TenantId::anonymous(),
        format: model::Format::OtlpProto,
        compression: model::Compression::None,
        received_at_ms: 0,
        plain_len: body.len() as u32,
        payload: body.into(),
    }
}

/// Where the bytes go.
fn sections(block: &BlockReader, spans: u64) {
    let mut kinds = std::collections::BTreeMap::<(u16, u64), u64>::new();
    for key in block.keys() {
        let column = if key.kind == 9 { key.id & 0xffff } else { u64::MAX };
        *kinds.entry((key.kind, column)).or_default() += block.stored_len(*key);
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    for ((kind, column), bytes) in kinds.into_iter().take(24) {
        println!("  kind {kind} column {} {:.2} bytes/span", column as i64, bytes as f64 / spans as f64);
    }
    println!("  {} sections", block.keys().len());
}
