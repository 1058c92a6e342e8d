//! What a sample and a series cost in this crate: CPU of ingest (journal with fsync, cuts included), memory, bytes on disk, decoding, selectors.
//! Prints one line each.
//!
//! `cargo run --release -p metrics --example cost [series] [scrapes] [node|kubernetes|random] [directory]`
//! Requests are remote write 1 of 2,000 series with one sample each, snappy, as agents send them; decompression is counted, generating is not.

#![expect(
    clippy::disallowed_methods,
    reason = "a measuring program reads the clock and the process' own counters"
)]
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measuring program prints")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use metrics::{Budget, Config, Hints, MetricStore, ReadScratch, Scope};
use model::{Compression, Format, MatchOp, Matcher, Signal, TenantId};
use pipeline::{Batch, Consumer};
use store::{Deps, LaneConfig};
use wire::remote::WriteRequestBuilder;

const SERIES_PER_REQUEST: usize = 2000;
const SERIES_PER_TARGET: usize = 500;
const INTERVAL_MS: i64 = 15_000;
const START_MS: i64 = 1_700_000_000_000;

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

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// How the values of a series go on: the mix of a node exporter.
#[derive(Clone, Copy)]
enum Shape {
    Constant(f64),
    /// A counter of events.
    Counter {
        value: f64,
        rate: u64,
    },
    /// CPU seconds: a counter with two decimals.
    Seconds {
        value: f64,
        rate: u64,
    },
    /// Bytes of memory: whole pages.
    Pages {
        value: f64,
    },
    /// Rarely changing.
    Rare {
        value: f64,
    },
    /// A ratio with all its digits.
    Ratio {
        value: f64,
    },
    Random,
}

impl Shape {
    fn of(series: usize, set: &str, random: &mut Random) -> Self {
        if set == "random" {
            return Self::Random;
        }
        match series % 20 {
            0..=6 => Self::Constant(random.below(100) as f64),
            7..=11 => Self::Counter { value: random.below(1 << 30) as f64, rate: 1 + random.below(5000) },
            12..=14 => {
                Self::Seconds { value: random.below(1 << 20) as f64 / 100.0, rate: 1 + random.below(1500) }
            }
            15..=16 => Self::Pages { value: (random.below(1 << 22) * 4096) as f64 },
            17..=18 => Self::Rare { value: random.below(1000) as f64 },
            _ => Self::Ratio { value: random.unit() },
        }
    }

    fn next(&mut self, random: &mut Random) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Counter { value, rate } => {
                *value += (*rate * 3 / 4 + random.below(*rate / 2 + 1)) as f64;
                *value
            }
            Self::Seconds { value, rate } => {
                *value = ((*value * 100.0).round() + (*rate + random.below(*rate / 4 + 1)) as f64) / 100.0;
                *value
            }
            Self::Pages { value } => {
                *value += (random.below(64) as f64 - 32.0) * 4096.0;
                *value
            }
            Self::Rare { value } => {
                if random.below(50) == 0 {
                    *value += 1.0;
                }
                *value
            }
            Self::Ratio { value } => {
                *value = (*value + (random.unit() - 0.5) / 50.0).abs();
                *value
            }
            Self::Random => random.unit(),
        }
    }
}

/// Label sets of a series: target labels and those of the metric.
fn labels(series: usize, epoch: usize) -> Vec<(String, String)> {
    let (target, metric) = (series / SERIES_PER_TARGET, series % SERIES_PER_TARGET);
    let mut labels = vec![
        ("__name__".into(), format!("node_subsystem{}_metric_{}_total", metric / 40, metric / 4)),
        ("cluster".into(), "production-eu-1".into()),
        ("device".into(), format!("device{}", metric % 4)),
        ("instance".into(), format!("10.0.{}.{}:9100", target / 250, target % 250)),
        ("job".into(), "node-exporter".into()),
        ("namespace".into(), format!("team-{}", target % 37)),
        ("pod".into(), format!("node-exporter-{:05x}", target * 7919 + epoch * 104_729)),
        ("region".into(), "eu-central-1".into()),
    ];
    labels.retain(|(_, value): &(String, String)| !value.is_empty());
    labels
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

struct Load {
    names: Vec<Vec<(String, String)>>,
    shapes: Vec<Shape>,
    random: Random,
}

impl Load {
    fn new(series: usize, set: &str) -> Self {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let shapes = (0..series).map(|number| Shape::of(number, set, &mut random)).collect();
        Self { names: (0..series).map(|number| labels(number, 0)).collect(), shapes, random }
    }

    /// A tenth of the targets gets new pods.
    fn churn(&mut self, epoch: usize) {
        for (number, names) in self.names.iter_mut().enumerate() {
            if (number / SERIES_PER_TARGET) % 10 == epoch % 10 {
                *names = labels(number, epoch);
            }
        }
    }

    fn requests(&mut self, scrape: usize) -> Vec<(Vec<u8>, usize)> {
        let t_ms = START_MS + scrape as i64 * INTERVAL_MS;
        let (names, shapes, random) = (&self.names, &mut self.shapes, &mut self.random);
        let mut requests = Vec::new();
        for (chunk, names) in names.chunks(SERIES_PER_REQUEST).enumerate() {
            let mut request = WriteRequestBuilder::default();
            for (place, labels) in names.iter().enumerate() {
                let number = chunk * SERIES_PER_REQUEST + place;
                // Targets are scraped at their own offset within the interval.
                let offset = (number / SERIES_PER_TARGET) as i64 * 37 % INTERVAL_MS;
                let value = shapes[number].next(random);
                let pairs = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                request.series(pairs, |series| series.sample(t_ms + offset, value));
            }
            let body = request.finish();
            let mut packed = Vec::new();
            wire::compress::compress(Compression::Snappy, None, &body, &mut packed);
            requests.push((packed, body.len()));
        }
        requests
    }
}

async fn send(store: &MetricStore, packed: Vec<u8>, len: usize, now_ms: i64) {
    let mut body = Vec::with_capacity(len);
    wire::compress::decompress(Compression::Snappy, &packed, len, &mut body).unwrap();
    let accepted = store
        .consume(Batch {
            tenant: TenantId::anonymous(),
            signal: Signal::Metrics,
            format: Format::RemoteWrite1,
            body: body.into(),
            wire: Some((Compression::Snappy, packed.into())),
            received_at_ms: now_ms,
        })
        .await
        .unwrap();
    assert_eq!(accepted.rejected, 0, "{}", accepted.message);
}

fn read_all(store: &MetricStore, what: &str, matchers: &[Matcher], most: usize) {
    let scope = Scope::new(TenantId::anonymous(), i64::MIN, i64::MAX, Budget::unlimited());
    let began = Instant::now();
    let set = store.select(&scope, matchers, Hints::default()).unwrap();
    let selected = began.elapsed();
    let (mut scratch, mut samples) = (ReadScratch::default(), 0u64);
    for round in ["cold", "warm"] {
        let began = Instant::now();
        samples = 0;
        for series in 0..set.len().min(most) {
            samples += set.read(series, &mut scratch).unwrap().len() as u64;
        }
        let seconds = began.elapsed().as_secs_f64();
        println!("read {what} {round}: {samples} samples, {:.0} M samples/s", samples as f64 / seconds / 1e6);
    }
    println!(
        "select {what}: {} series in {:.1} ms, {samples} samples",
        set.len(),
        selected.as_secs_f64() * 1e3
    );
}

fn count(store: &MetricStore, what: &str, matchers: &[Matcher]) {
    let scope = Scope::new(TenantId::anonymous(), i64::MIN, i64::MAX, Budget::unlimited());
    for _ in 0..2 {
        let began = Instant::now();
        let found = store.count(&scope, matchers).unwrap();
        println!("match {what}: {found} series in {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
    }
}

fn selectors(store: &MetricStore) {
    let matcher = |name: &str, op, value: &str| Matcher::new(name, op, value).unwrap();
    count(store, "regex", &[matcher("pod", MatchOp::Regex, "node-exporter-.*[05]a.*")]);
    count(store, "regex over names", &[matcher("__name__", MatchOp::Regex, ".*metric_1.*total")]);
    count(
        store,
        "negative",
        &[matcher("job", MatchOp::Equal, "node-exporter"), matcher("device", MatchOp::NotEqual, "device1")],
    );
    count(store, "negative regex", &[matcher("instance", MatchOp::NotRegex, "10\\.0\\.1\\..*")]);
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let argument = |place: usize, default: &str| args.get(place).cloned().unwrap_or_else(|| default.into());
    let series: usize = argument(1, "200000").parse().unwrap();
    let scrapes: usize = argument(2, "60").parse().unwrap();
    let set = argument(3, "node");
    let directory = PathBuf::from(argument(4, "/tmp/oriel-metrics-cost"));
    let _ = std::fs::remove_dir_all(&directory);

    let mut load = Load::new(series, &set);
    let resident_before = resident_bytes();
    let deps = Deps::local(&directory, telemetry::Registry::new()).unwrap();
    let store = MetricStore::open(deps, Config::new(LaneConfig::new(&directory))).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (mut cpu, mut wall) = (0.0, 0.0);
    for scrape in 0..scrapes {
        if set == "kubernetes" && scrape > 0 && scrape % 40 == 0 {
            load.churn(scrape / 40);
        }
        let requests = load.requests(scrape);
        let now_ms = START_MS + scrape as i64 * INTERVAL_MS;
        let (cpu_before, began) = (cpu_seconds(), Instant::now());
        runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for (packed, len) in requests {
                let store = store.clone();
                if tasks.len() >= 8 {
                    tasks.join_next().await.unwrap().unwrap();
                }
                tasks.spawn(async move { send(&store, packed, len, now_ms).await });
            }
            while let Some(done) = tasks.join_next().await {
                done.unwrap();
            }
        });
        if scrape > 0 {
            cpu += cpu_seconds() - cpu_before;
            wall += began.elapsed().as_secs_f64();
        }
    }
    let samples = (series * scrapes.saturating_sub(1).max(1)) as f64;
    println!(
        "ingest {set}: {:.3} us CPU a sample, {:.2} M samples/s",
        cpu / samples * 1e6,
        samples / wall / 1e6
    );
    report_memory(&store, series, resident_before);
    read_all(&store, "head", &[Matcher::equal("__name__", "node_subsystem3_metric_30_total")], 1000);
    selectors(&store);
    let (cpu_before, began) = (cpu_seconds(), Instant::now());
    runtime.block_on(store.flush()).unwrap();
    let (cut_cpu, cut_wall) = (cpu_seconds() - cpu_before, began.elapsed().as_secs_f64());
    let total = (series * scrapes) as f64;
    println!("cut: {:.3} us CPU a sample, {cut_wall:.1} s", cut_cpu / total * 1e6);
    report_disk(&store, "after the cut", total);
    read_all(&store, "block", &[Matcher::equal("__name__", "node_subsystem3_metric_30_total")], 1000);
    selectors(&store);
    report_merge(&store, total);
    runtime.block_on(store.close()).unwrap();
}

fn report_memory(store: &Arc<MetricStore>, series: usize, before: usize) {
    let stats = store.stats();
    let resident = resident_bytes();
    println!(
        "memory: {} resident bytes a series ({} MiB in all), head {} and registry {} a series",
        resident.saturating_sub(before) / series,
        resident >> 20,
        stats.head_bytes as usize / series,
        stats.registry_bytes as usize / series
    );
}

fn report_disk(store: &Arc<MetricStore>, when: &str, samples: f64) {
    let stats = store.stats();
    println!(
        "disk {when}: {:.3} bytes a sample, {} bytes in {} blocks",
        stats.block_bytes as f64 / samples,
        stats.block_bytes,
        stats.blocks
    );
    for (kind, bytes) in store.block_sections().unwrap() {
        println!("  {kind}: {:.3} bytes a sample", bytes as f64 / samples);
    }
}

fn report_merge(store: &Arc<MetricStore>, samples: f64) {
    let (cpu_before, began) = (cpu_seconds(), Instant::now());
    let bytes = store.merge_dry_run().unwrap();
    println!(
        "merge: {:.3} bytes a sample, {:.3} us CPU a sample, {:.1} s",
        bytes as f64 / samples,
        (cpu_seconds() - cpu_before) / samples * 1e6,
        began.elapsed().as_secs_f64()
    );
}
