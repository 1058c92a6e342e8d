//! The store as a whole, over a simulated world.

use std::sync::Arc;

use ::store::lane::{Deps, LaneConfig};
use bytes::Bytes;
use model::{Compression, Format, Matcher, Signal, TenantId};
use pipeline::{Accepted, Batch, Consumer, Refused};
use ports::sim::{SimClock, SimDisk};
use wire::remote::WriteRequestBuilder;
use wire::series_batch::SeriesBatchBuilder;

use crate::{Budget, Config, Hints, MetricStore, Scope};

mod crash;
mod golden;
mod model_check;
mod rules;

pub const NOW: i64 = 1_700_000_000_000;

pub struct World {
    pub disk: SimDisk,
    pub clock: Arc<SimClock>,
    pub config: Config,
}

impl World {
    pub fn new() -> Self {
        let mut config = Config::new(LaneConfig::new("/data"));
        config.shards = 2;
        // No threads: what happens, happens when a test says so.
        config.lane.spawn = false;
        config.lane.segment_bytes = 64 << 10;
        config.lane.compact_fan_in = 2;
        Self { disk: SimDisk::new(), clock: Arc::new(SimClock::new(NOW)), config }
    }

    pub fn open(&self) -> Arc<MetricStore> {
        let deps = Deps::simulated(&self.disk, &self.clock, 7).unwrap();
        MetricStore::open(deps, self.config.clone()).unwrap()
    }
}

pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub fn batch_of(format: Format, body: Bytes) -> Batch {
    let mut packed = Vec::new();
    wire::compress::compress(Compression::Snappy, None, &body, &mut packed);
    Batch {
        tenant: TenantId::anonymous(),
        signal: Signal::Metrics,
        format,
        body,
        wire: Some((Compression::Snappy, packed.into())),
        received_at_ms: NOW,
    }
}

pub fn send(store: &MetricStore, format: Format, body: Bytes) -> Result<Accepted, Refused> {
    committed(store, store.consume(batch_of(format, body)))
}

/// Runs what waits for the journal, and lets the journal commit once it waits.
pub fn committed<T>(store: &MetricStore, future: impl Future<Output = T>) -> T {
    run(async { tokio::join!(future, async { store.lane().commit_now() }).0 })
}

/// One series by remote write 1.
pub fn write(
    store: &MetricStore,
    labels: &[(&str, &str)],
    samples: &[(i64, f64)],
) -> Result<Accepted, Refused> {
    let mut request = WriteRequestBuilder::default();
    request.series(labels.iter().copied(), |series| {
        samples.iter().for_each(|&(t_ms, value)| series.sample(t_ms, value));
    });
    send(store, Format::RemoteWrite1, request.finish().into())
}

pub fn write_batch(
    store: &MetricStore,
    fill: impl FnOnce(&mut SeriesBatchBuilder),
) -> Result<Accepted, Refused> {
    let mut batch = SeriesBatchBuilder::new();
    fill(&mut batch);
    send(store, Format::SeriesBatch, batch.finish())
}

pub fn scope(from_ms: i64, to_ms: i64) -> Scope {
    Scope::new(TenantId::anonymous(), from_ms, to_ms, Budget::unlimited())
}

/// Everything that matchers find, as text.
pub fn read(store: &MetricStore, matchers: &[Matcher]) -> Vec<String> {
    read_range(store, matchers, i64::MIN, i64::MAX)
}

pub fn read_range(store: &MetricStore, matchers: &[Matcher], from_ms: i64, to_ms: i64) -> Vec<String> {
    let set = store.select(&scope(from_ms, to_ms), matchers, Hints { start_times: true, ..Hints::default() });
    let show = |series: crate::SeriesData| {
        let columns = series.columns;
        let samples: Vec<String> = (0..columns.len())
            .map(|place| {
                let histogram = columns.histograms.iter().find(|(at, _)| *at as usize == place);
                let value = match histogram {
                    Some((_, histogram)) => format!("{histogram:?}"),
                    None => format!("{:?}", columns.values[place]),
                };
                let start = columns.start_ms.get(place).filter(|start| **start != 0);
                let start = start.map(|start| format!(" from {}", start - NOW)).unwrap_or_default();
                format!("{}@{}{start}", value, columns.t_ms[place] - NOW)
            })
            .collect();
        format!("{} {}", series.labels, samples.join(" "))
    };
    set.unwrap().map(|series| show(series.unwrap())).collect()
}

pub fn named(name: &str) -> Vec<Matcher> {
    vec![Matcher::equal("__name__", name)]
}
