//! What the OTLP doors themselves cost: listener, HTTP or gRPC, body, decompression, hand-over; the pipeline behind them takes everything at once.
//!
//! `cargo run --release -p receivers --example door_cost`. Client and server are threads of one process, told apart by name in `/proc`.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a tool that measures the real machine")]
#![allow(clippy::unwrap_used, reason = "a tool that says what failed by failing there")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use limits::MemoryGuard;
use model::Compression;
use pipeline::{Accepted, Batch, Consumer, Refused};
use ports::RealClock;
use receivers::Intake;
use receivers::otlp::cors::Cors;
use receivers::otlp::http::OtlpHttp;
use receivers::otlp::{OtlpBounds, OtlpDoor};
use receivers::serve::{Auth, Bound, ServeBounds, Serving};
use receivers::tenant::WithoutTenant;
use telemetry::Registry;
use tokio_util::sync::CancellationToken;

const REQUESTS: u32 = 2000;
const RECORDS: u32 = 1000;
const RECORD_BYTES: usize = 270;

struct Nothing;

#[async_trait]
impl Consumer for Nothing {
    async fn consume(&self, _: Batch) -> Result<Accepted, Refused> {
        Ok(Accepted { items: u64::from(RECORDS), ..Accepted::default() })
    }
}

/// User and system time of all threads whose name begins so.
fn cpu(prefix: &str) -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let stats = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
    let ticks = |stat: String| {
        let (name, rest) = stat
            .split_once('(')?
            .1
            .rsplit_once(") ")
            .map(|(name, rest)| (name.to_owned(), rest.to_owned()))?;
        let fields: Vec<u64> =
            rest.split(' ').skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
        name.starts_with(prefix).then(|| fields.iter().sum::<u64>())
    };
    Duration::from_millis(stats.filter_map(ticks).sum::<u64>() * 10)
}

fn runtime(name: &'static str) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name(name)
        .enable_all()
        .build()
        .unwrap()
}

/// Bytes that compress about as well as logs do.
fn body() -> Vec<u8> {
    let words = ["order", "placed", "by", "user", "failed", "GET", "/cart", "in", "ms", "retry"];
    let mut seed = 42u64;
    let mut out = Vec::new();
    while out.len() < RECORDS as usize * RECORD_BYTES {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        out.extend(words[(seed >> 60) as usize % words.len()].as_bytes());
        out.extend(format!(" {} ", seed >> 44 & 0xff).as_bytes());
    }
    out
}

fn send(address: SocketAddr, encoding: &str, body: &[u8]) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let encoding =
        if encoding.is_empty() { String::new() } else { format!("content-encoding: {encoding}\r\n") };
    let head = format!(
        "POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n{encoding}content-length: {}\r\n\r\n",
        body.len()
    );
    let mut answer = [0; 1024];
    for _ in 0..REQUESTS {
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let len = stream.read(&mut answer).unwrap();
        assert!(answer[..len].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..len]));
    }
}

fn main() {
    let (doors, intake_threads) = (runtime("door"), runtime("intake"));
    let guard = MemoryGuard::new(1 << 30, Vec::new());
    let clock = Arc::new(RealClock::new());
    let intake =
        Intake::new(Arc::new(Nothing), intake_threads.handle().clone(), clock, guard, Registry::new());
    let door = OtlpDoor { intake, bounds: OtlpBounds::default(), without_tenant: WithoutTenant::Anonymous };
    let handler = Arc::new(OtlpHttp::new(door, Auth::default(), Cors::default()));
    let bound = doors.block_on(Bound::bind("127.0.0.1:0", "OTLP/HTTP", "-")).unwrap();
    let address = bound.address;
    let serving =
        Serving { bound, handler, tls: None, bounds: ServeBounds::default(), registry: Registry::new() };
    doors.spawn(serving.run(CancellationToken::new(), Duration::ZERO));

    let plain = body();
    for (name, compression) in
        [("", Compression::None), ("gzip", Compression::Gzip), ("zstd", Compression::Zstd)]
    {
        let mut body = Vec::new();
        wire::compress::compress(compression, None, &plain, &mut body);
        let before = (cpu("door"), cpu("intake"));
        send(address, name, &body);
        let (door, intake) = (cpu("door") - before.0, cpu("intake") - before.1);
        let per_record = |spent: Duration| spent.as_nanos() as f64 / f64::from(REQUESTS * RECORDS) / 1000.0;
        println!(
            "{:>5} {:>7} B a request: {:.3} us a record at the door, {:.3} us in the intake",
            if name.is_empty() { "plain" } else { name },
            body.len(),
            per_record(door),
            per_record(intake)
        );
    }
}
