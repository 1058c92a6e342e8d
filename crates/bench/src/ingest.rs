//! Telemetry sent as fast as it is taken.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use serde_json::json;
use testkit::{Client, process};

use crate::grpc::Channel;
use crate::load::metrics::{Series, Shape};
use crate::load::{Body, logs, traces};
use crate::report::{print, round};
use crate::subject::{Peer, Signal, Subject, parse_peer};
use stdx::random::Random;

#[derive(clap::Args)]
pub struct Args {
    #[arg(long, value_enum)]
    pub signal: Signal,
    #[arg(long, value_enum, default_value = "http")]
    pub protocol: Protocol,
    /// How long to send.
    #[arg(long, default_value_t = 20)]
    pub seconds: u64,
    #[arg(long, default_value_t = 1000)]
    pub items_per_request: u64,
    #[arg(long, default_value_t = 4)]
    pub connections: usize,
    /// Different bodies that are made before the clock starts.
    #[arg(long, default_value_t = 64)]
    pub pool: usize,
    #[arg(long, value_enum, default_value = "none")]
    pub compression: Packing,
    /// Metrics: active series.
    #[arg(long, default_value_t = 200_000)]
    pub series: u64,
    /// Metrics: scrapes of all series, 15 s apart in their timestamps.
    #[arg(long, default_value_t = 60)]
    pub scrapes: u64,
    /// Metrics: how values move.
    #[arg(long, value_enum, default_value = "node")]
    pub shape: Shape,
    /// NAME=BINARY, more than once if wanted.
    #[arg(long, value_parser = parse_peer)]
    pub peer: Vec<Peer>,
    /// Further flags of `oriel serve`.
    #[arg(long, allow_hyphen_values = true)]
    pub flag: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    Http,
    Grpc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Packing {
    None,
    Zstd,
}

/// What was sent, and what sending took.
pub struct Sent {
    pub items: u64,
    pub wire_bytes: u64,
    /// Requests that were answered "not now" and sent again.
    pub refusals: u64,
    pub elapsed: Duration,
    pub latencies_ms: Vec<f64>,
}

pub fn run(binary: &std::path::Path, args: &Args) -> Result<()> {
    let data = tempfile::tempdir()?;
    let flags: Vec<&str> = args.flag.iter().map(String::as_str).collect();
    let subject = Subject::oriel(binary, data.path(), &flags)?;
    measure("oriel", &subject, args)?;
    drop(subject);
    for peer in &args.peer {
        let data = tempfile::tempdir()?;
        let subject = Subject::peer(peer, args.signal, data.path())?;
        measure(&peer.name, &subject, args)?;
    }
    Ok(())
}

fn measure(name: &str, subject: &Subject, args: &Args) -> Result<()> {
    eprintln!("{name}: sending {:?} over {:?}", args.signal, args.protocol);
    let before = subject.cpu();
    let sent =
        if args.signal == Signal::Metrics { send_metrics(subject, args)? } else { send(subject, args)? };
    let loaded = subject.cpu();
    subject.settle(Duration::from_secs(120));
    let settled = subject.cpu();
    let (resident, peak) = process::resident_bytes(subject.pid()).unwrap_or_default();
    let disk = process::disk_bytes(subject.data());
    let items = sent.items as f64;
    let mut latencies = sent.latencies_ms;
    latencies.sort_by(f64::total_cmp);
    let at = |share: f64| latencies.get((latencies.len() as f64 * share) as usize).copied().unwrap_or(0.0);
    print(json!({
        "bench": "ingest", "subject": name, "signal": format!("{:?}", args.signal).to_lowercase(),
        "protocol": format!("{:?}", args.protocol).to_lowercase(), "compression": format!("{:?}", args.compression).to_lowercase(),
        "items": sent.items, "wire_bytes_per_item": round(sent.wire_bytes as f64 / items),
        "items_per_second": round(items / sent.elapsed.as_secs_f64()),
        "server_cpu_us_per_item": round(settled.saturating_sub(before).as_secs_f64() * 1e6 / items),
        "server_cpu_us_per_item_while_loaded": round(loaded.saturating_sub(before).as_secs_f64() * 1e6 / items),
        "refusals": sent.refusals, "latency_ms_p50": round(at(0.5)), "latency_ms_p99": round(at(0.99)),
        "resident_mib": resident >> 20, "peak_mib": peak >> 20,
        "disk_bytes_per_item": round(disk as f64 / items), "blocks_bytes_per_item": round(process::disk_bytes(&subject.data().join("objects/blocks")) as f64 / items),
    }));
    Ok(())
}

/// Between two tries of what was answered "not now".
pub const AGAIN_AFTER: Duration = Duration::from_millis(20);

pub fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// Sends logs or traces from `args.connections` threads until the time is over.
pub fn send(subject: &Subject, args: &Args) -> Result<Sent> {
    let make: fn(u64, &mut Random) -> Body =
        if args.signal == Signal::Logs { logs::body } else { traces::body };
    let mut random = Random::new(42);
    let pool: Vec<Body> = (0..args.pool).map(|_| make(args.items_per_request, &mut random)).collect();
    let (items, wire_bytes, stop) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let refusals = AtomicU64::new(0);
    let start = Instant::now();
    let until = start + Duration::from_secs(args.seconds);
    let latencies = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..args.connections)
            .map(|worker| {
                let mut pool: Vec<Body> =
                    pool.iter().skip(worker).step_by(args.connections).cloned().collect();
                let (items, wire_bytes, stop, refusals) = (&items, &wire_bytes, &stop, &refusals);
                scope.spawn(move || -> Result<Vec<f64>> {
                    let mut random = Random::new(worker as u64 + 7);
                    let mut line = Line::open(subject, args)?;
                    let mut latencies = Vec::new();
                    for turn in 0.. {
                        if Instant::now() >= until || stop.load(Relaxed) {
                            break;
                        }
                        let place = turn % pool.len();
                        pool[place].stamp(now_ns(), &mut random);
                        let sent = Instant::now();
                        let bytes = line
                            .send_until_taken(&pool[place].bytes, refusals)
                            .inspect_err(|_| stop.store(true, Relaxed))?;
                        latencies.push(sent.elapsed().as_secs_f64() * 1e3);
                        items.fetch_add(pool[place].items, Relaxed);
                        wire_bytes.fetch_add(bytes, Relaxed);
                    }
                    Ok(latencies)
                })
            })
            .collect();
        let joined = workers.into_iter().map(|worker| worker.join().expect("a worker does not panic"));
        joined.collect::<Result<Vec<_>>>()
    })?;
    Ok(Sent {
        items: items.into_inner(),
        wire_bytes: wire_bytes.into_inner(),
        refusals: refusals.into_inner(),
        elapsed: start.elapsed(),
        latencies_ms: latencies.concat(),
    })
}

/// A connection of either protocol.
enum Line {
    Http { client: Client, path: &'static str, packing: Packing },
    Grpc(Box<Channel>),
}

impl Line {
    fn open(subject: &Subject, args: &Args) -> Result<Self> {
        match (args.protocol, subject) {
            (Protocol::Http, _) => {
                let (address, path) = subject.door(args.signal);
                Ok(Self::Http { client: Client::new(address), path, packing: args.compression })
            }
            (Protocol::Grpc, Subject::Oriel(server)) => {
                let service =
                    if args.signal == Signal::Logs { "logs.v1.LogsService" } else { "trace.v1.TraceService" };
                let method = format!("/opentelemetry.proto.collector.{service}/Export");
                Ok(Self::Grpc(Box::new(Channel::connect(server.otlp_grpc, &method)?)))
            }
            (Protocol::Grpc, Subject::Peer { .. }) => bail!("peers are driven over HTTP"),
        }
    }

    /// As `send`; what is answered "not now" (429, 503) is sent again a little later, as exporters do.
    fn send_until_taken(&mut self, body: &[u8], refusals: &AtomicU64) -> Result<u64> {
        loop {
            if let Some(bytes) = self.send(body)? {
                return Ok(bytes);
            }
            refusals.fetch_add(1, Relaxed);
            std::thread::sleep(AGAIN_AFTER);
        }
    }

    /// Returns the bytes of the body on the wire, `None` for "not now".
    fn send(&mut self, body: &[u8]) -> Result<Option<u64>> {
        match self {
            Self::Grpc(channel) => Ok(channel.export(body)?.then_some(body.len() as u64)),
            Self::Http { client, path, packing } => {
                let packed;
                let (sent, encoding) = match packing {
                    Packing::None => (body, "identity"),
                    Packing::Zstd => {
                        packed = zstd::bulk::compress(body, 1)?;
                        (packed.as_slice(), "zstd")
                    }
                };
                let headers = [("content-type", "application/x-protobuf"), ("content-encoding", encoding)];
                let headers = if *packing == Packing::None { &headers[..1] } else { &headers };
                let response = client.send("POST", path, headers, sent)?;
                match response.status {
                    200..300 => Ok(Some(sent.len() as u64)),
                    429 | 503 => Ok(None),
                    status => bail!("{status} {}", response.text()),
                }
            }
        }
    }
}

/// Scrapes of all series, one after the other, over all connections.
fn send_metrics(subject: &Subject, args: &Args) -> Result<Sent> {
    let mut series = Series::new(args.series, args.shape, 42);
    let (address, path) = subject.door(Signal::Metrics);
    let first_ms = (now_ns() / 1_000_000) as i64 - args.scrapes as i64 * 15_000;
    let (mut elapsed, mut wire_bytes, mut refusals, mut latencies_ms) = (Duration::ZERO, 0, 0, Vec::new());
    let mut clients: Vec<Client> = (0..args.connections).map(|_| Client::new(address)).collect();
    for scrape in 0..args.scrapes {
        // Made outside the clock: encoding is the sender's cost.
        let bodies = series.scrape(first_ms + scrape as i64 * 15_000, 2000);
        let start = Instant::now();
        let per_client = bodies.len().div_ceil(clients.len());
        let latencies = std::thread::scope(|scope| {
            let workers: Vec<_> = clients
                .iter_mut()
                .zip(bodies.chunks(per_client))
                .map(|(client, bodies)| scope.spawn(move || write(client, path, bodies)))
                .collect();
            let joined = workers.into_iter().map(|worker| worker.join().expect("a worker does not panic"));
            joined.collect::<Result<Vec<_>>>()
        })?;
        elapsed += start.elapsed();
        wire_bytes += bodies.iter().map(|body| body.len() as u64).sum::<u64>();
        for (latencies, refused) in latencies {
            latencies_ms.extend(latencies);
            refusals += refused;
        }
    }
    Ok(Sent { items: series.len() as u64 * args.scrapes, wire_bytes, refusals, elapsed, latencies_ms })
}

fn write(client: &mut Client, path: &str, bodies: &[Vec<u8>]) -> Result<(Vec<f64>, u64)> {
    const HEADERS: [(&str, &str); 3] = [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "snappy"),
        ("x-prometheus-remote-write-version", "0.1.0"),
    ];
    let (mut latencies, mut refusals) = (Vec::with_capacity(bodies.len()), 0);
    for body in bodies {
        let sent = Instant::now();
        loop {
            let response = client.send("POST", path, &HEADERS, body)?;
            match response.status {
                200..300 => break,
                429 | 503 => refusals += 1,
                status => bail!("{status} {}", response.text()),
            }
            std::thread::sleep(AGAIN_AFTER);
        }
        latencies.push(sent.elapsed().as_secs_f64() * 1e3);
    }
    Ok((latencies, refusals))
}
