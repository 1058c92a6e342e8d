//! What a journal costs: CPU per record to pack, checksum, write and sync requests of 1000 log records of about 270 bytes.
//!
//! `cargo run --release -p store --example journal -- [DIR]` prints a line per packing; `DIR` (default: the temporary directory) is on the
//! disk to measure. Then it fills a journal of 1 GB and reads it back.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{Compression, Format, Signal, TenantId};
use ports::{Clock, Journal, RealClock, RealDisk, RealRng, Record, Rng};
use store::journal::{JournalConfig, JournalDeps, Packing, SegmentJournal};
use store::object::block_on;

const RECORDS_PER_REQUEST: u64 = 1000;
const REQUESTS: u64 = 2000;
const PRODUCERS: u64 = 4;

/// One request: records like OTLP log records, of words, numbers, ids and a little noise.
fn body(rng: &RealRng) -> Bytes {
    let mut out = Vec::with_capacity(280 * 1000);
    let mut time = 1_760_000_000_000_000_000u64 + rng.next_u64() % (1 << 40);
    for _ in 0..RECORDS_PER_REQUEST {
        let noise = rng.next_u64();
        time += noise % 2_000_000;
        out.extend_from_slice(&[0x12, 0x8c, 0x02, 0x09]);
        out.extend_from_slice(&time.to_le_bytes());
        out.extend_from_slice(&[0x10, 9, 0x1a, 4]);
        out.extend_from_slice(b"INFO");
        let text = format!(
            "order {} of customer {} paid {}.{:02} EUR by card in {} ms, {} items from warehouse {}",
            noise % 1_000_000,
            (noise >> 20) % 50_000,
            (noise >> 8) % 500,
            noise % 100,
            (noise >> 30) % 900,
            noise % 9,
            (noise >> 40) % 12,
        );
        out.extend_from_slice(&[0x2a, text.len() as u8]);
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(
            b"\x32\x1a\x0a\x0bhttp.method\x12\x06\x0a\x04POST\x32\x2a\x0a\x0bhttp.target\x12\x12\x0a\x10",
        );
        out.extend_from_slice(format!("/api/orders/{:06}", noise % 1_000_000).as_bytes());
        out.extend_from_slice(b"\x32\x16\x0a\x10http.status_code\x12\x03\x18\xc8\x01\x4a\x10");
        out.extend_from_slice(&rng.next_u64().to_le_bytes());
        out.extend_from_slice(&rng.next_u64().to_le_bytes());
        out.extend_from_slice(b"\x52\x08");
        out.extend_from_slice(&rng.next_u64().to_le_bytes());
    }
    out.into()
}

fn record(payload: Bytes) -> Record {
    Record {
        tenant: TenantId::anonymous(),
        format: Format::OtlpProto,
        compression: Compression::None,
        received_at_ms: 1_760_000_000_000,
        plain_len: payload.len() as u32,
        payload,
    }
}

fn open(dir: &std::path::Path, packing: Packing) -> SegmentJournal {
    let deps = JournalDeps {
        disk: Arc::new(RealDisk),
        clock: Arc::new(RealClock::new()),
        rng: Arc::new(RealRng::new()),
        registry: telemetry::Registry::new(),
        fatal: Arc::new(|what| panic!("{what}")),
    };
    let config = JournalConfig { packing, ..JournalConfig::new(Signal::Logs, 0) };
    SegmentJournal::open(&dir.join("journal"), &dir.join("quarantine"), 0, config, deps)
        .expect("journal opens")
}

fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[expect(clippy::print_stdout, reason = "an example prints what it measured")]
fn main() {
    let dir = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let clock = RealClock::new();
    let rng = RealRng::new();
    let bodies: Vec<Bytes> = (0..16).map(|_| body(&rng)).collect();
    let bytes = bodies.iter().map(|body| body.len() as u64).sum::<u64>() / 16;
    println!("{} bytes a record", bytes / RECORDS_PER_REQUEST);
    for packing in [Packing::AsIs, Packing::Lz4, Packing::Zstd] {
        let scratch = tempfile::tempdir_in(&dir).expect("a scratch directory");
        let journal = open(scratch.path(), packing);
        let (before, started) = (cpu(), clock.monotonic());
        let packed: Vec<usize> =
            bodies.iter().map(|body| journal.pack(&record(body.clone())).expect("packs").0.len()).collect();
        let pack = (cpu() - before).as_secs_f64() * 1e6 / (16 * RECORDS_PER_REQUEST) as f64;
        let ratio = bytes as f64 * 16.0 / packed.iter().sum::<usize>() as f64;
        let _ = started;

        let (before, started) = (cpu(), clock.monotonic());
        std::thread::scope(|scope| {
            for producer in 0..PRODUCERS {
                let (journal, bodies) = (&journal, &bodies);
                scope.spawn(move || {
                    for request in 0..REQUESTS / PRODUCERS {
                        let record = record(bodies[((producer + request) % 16) as usize].clone());
                        let pending =
                            journal.enqueue(journal.pack(&record).expect("packs")).expect("enqueues");
                        block_on(pending.durable).expect("durable");
                    }
                });
            }
        });
        let (cpu, wall) = (cpu() - before, clock.monotonic() - started);
        let records = (REQUESTS * RECORDS_PER_REQUEST) as f64;
        println!(
            "{packing:?}: pack {pack:.3} us/record, all {:.3} us/record CPU, {:.0} records/s, {:.0} MB/s in, ratio {ratio:.2}, {:.2} ms/request",
            cpu.as_secs_f64() * 1e6 / records,
            records / wall.as_secs_f64(),
            (bytes * REQUESTS) as f64 / 1e6 / wall.as_secs_f64(),
            wall.as_secs_f64() * 1e3 * PRODUCERS as f64 / REQUESTS as f64,
        );
        journal.close();
        drop(journal);
        let started = clock.monotonic();
        let journal = open(scratch.path(), packing);
        let opened = clock.monotonic() - started;
        let mut read = 0u64;
        journal
            .read(0, &mut |_, record| {
                read += record.payload.len() as u64;
                Ok(())
            })
            .expect("reads");
        let wall = clock.monotonic() - started;
        println!(
            "  reopened in {:.0} ms, read {:.0} MB ({:.0} MB stored) at {:.0} MB/s of payload",
            opened.as_secs_f64() * 1e3,
            read as f64 / 1e6,
            journal.bytes() as f64 / 1e6,
            read as f64 / 1e6 / wall.as_secs_f64()
        );
    }
}
