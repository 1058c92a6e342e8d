//! The stores of the four signals on one data directory: opened side by side, closed together, each an exporter behind its own queue.

use std::path::Path;

use anyhow::Context;
use api::Stores;
use async_trait::async_trait;
use config::Settings;
use limits::memory::HeldBytes;
use logs::LogStore;
use metrics::MetricStore;
use model::Signal;
use pipeline::{Accepted, Batch, Consumer, Parts, Queue, QueueBounds, Refused, Sink};
use profiles::ProfileStore;
use store::{Deps, LaneConfig, StoreError};
use traces::TraceStore;

use super::World;

/// A generation is cut when its payloads come to this part of the memory budget, at least so many bytes.
const CUT_SHARE: u64 = 6;
const CUT_BYTES_MIN: u64 = 8 << 20;

pub struct Opened {
    pub stores: Stores,
}

impl Opened {
    /// Opening replays journals, which blocks and takes time: all at once.
    pub async fn open(world: &World, data: &Path) -> anyhow::Result<Self> {
        let deps = deps(world, data).await?;
        let lane = |signal: Signal| lane(&world.settings, data, signal);
        let (own, config) = (deps.clone(), lane(Signal::Logs));
        let logs = beside(Signal::Logs, move || LogStore::open(own, config, logs::Config::default()));
        let (own, config) = (deps.clone(), metrics_config(&world.settings, lane(Signal::Metrics)));
        let metrics = beside(Signal::Metrics, move || MetricStore::open(own, config));
        let (own, config) = (deps.clone(), traces::Config::new(lane(Signal::Traces)));
        let traces = beside(Signal::Traces, move || TraceStore::open(own, config));
        let config = lane(Signal::Profiles);
        let profiles =
            beside(Signal::Profiles, move || ProfileStore::open(deps, config, profiles::Config::default()));
        let (logs, metrics, traces, profiles) = tokio::try_join!(logs, metrics, traces, profiles)?;
        Ok(Self { stores: Stores { logs, metrics, traces, profiles } })
    }

    /// For the memory guard.
    pub fn held_bytes(&self) -> Vec<HeldBytes> {
        let Stores { logs, metrics, traces, profiles } = self.stores.clone();
        vec![
            Box::new(move || logs.lane().head_bytes()),
            Box::new(move || metrics.held_bytes()),
            Box::new(move || traces.lane().head_bytes()),
            Box::new(move || profiles.lane().head_bytes()),
        ]
    }

    /// What the graph is built of.
    pub fn parts<'a>(&'a self, world: &'a World) -> StoreParts<'a> {
        StoreParts { opened: self, world }
    }

    pub async fn close(&self) -> anyhow::Result<()> {
        let Stores { logs, metrics, traces, profiles } = &self.stores;
        let (logs, metrics, traces, profiles) =
            tokio::join!(logs.close(), metrics.close(), traces.lane().close(), profiles.close());
        profiles.context("cannot close the profile store")?;
        logs.context("cannot close the log store")?;
        metrics.context("cannot close the metrics store")?;
        traces.context("cannot close the trace store")
    }
}

/// The world of the lanes: files beside the journal, or in a bucket.
async fn deps(world: &World, data: &Path) -> anyhow::Result<Deps> {
    match world.settings.data.bucket.clone() {
        None => Ok(Deps::local(data, world.registry.clone())?),
        Some(bucket) => in_bucket(bucket, world.registry.clone()).await,
    }
}

#[cfg(feature = "cloud")]
async fn in_bucket(bucket: config::settings::Bucket, registry: telemetry::Registry) -> anyhow::Result<Deps> {
    let mut options = Vec::new();
    if let Some(endpoint) = &bucket.endpoint {
        options.push(("endpoint".to_owned(), endpoint.clone()));
        options.push(("allow_http".to_owned(), endpoint.starts_with("http://").to_string()));
    }
    options.extend(bucket.region.iter().map(|region| ("region".to_owned(), region.clone())));
    anyhow::ensure!(!bucket.url.is_empty(), "data.bucket needs a url, like s3://bucket/folder");
    let runtime = tokio::runtime::Handle::current();
    let opened = tokio::task::spawn_blocking(move || {
        let store = store::object::CloudStore::open(&bucket.url, &options, runtime)?;
        Deps::elsewhere(std::sync::Arc::new(store), registry)
            .with_context(|| format!("cannot use bucket {}", bucket.url))
    });
    opened.await.context("the bucket could not be opened")?
}

#[cfg(not(feature = "cloud"))]
async fn in_bucket(_: config::settings::Bucket, _: telemetry::Registry) -> anyhow::Result<Deps> {
    anyhow::bail!("data.bucket: this build of oriel has no buckets (feature cloud)")
}

/// What settings say of the spine under a store.
fn lane(settings: &Settings, data: &Path, signal: Signal) -> LaneConfig {
    let budget = settings.memory.budget;
    let mut lane = LaneConfig::new(data);
    // One busy signal holds two generations, one that fills and one that is being written; together with its requests they stay within the budget.
    lane.cut_bytes = (budget.0 / CUT_SHARE).clamp(CUT_BYTES_MIN, lane.cut_bytes);
    lane.head_bytes_max = budget.len() / 2;
    lane.durability = settings.data.durability;
    let keep = settings.retention.of(signal);
    lane.retention = (keep.age.ms > 0).then(|| keep.age.duration());
    lane.retention_bytes = (keep.size.0 > 0).then_some(keep.size.0);
    lane
}

/// What settings say of the metrics store.
fn metrics_config(settings: &Settings, lane: LaneConfig) -> metrics::Config {
    let from = settings.metrics.clone();
    let mut config = metrics::Config::new(lane);
    config.out_of_order_window = from.out_of_order_time_window.duration();
    config.future_bound = from.future_bound.duration();
    config.names = from.names;
    config.limits = from.limits;
    config.memory_soft_bytes = from.memory_soft_limit.len();
    config.memory_hard_bytes = from.memory_hard_limit.len();
    config.retention_rules = from.retention_rules;
    config.otlp = from.otlp;
    config
}

/// Opens a store on a thread that may block.
async fn beside<T: Send + 'static>(
    signal: Signal,
    open: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> anyhow::Result<T> {
    let opened = tokio::task::spawn_blocking(open).await.context("a store could not be opened")?;
    opened.with_context(|| format!("cannot open the {signal} store"))
}

pub struct StoreParts<'a> {
    opened: &'a Opened,
    world: &'a World,
}

impl Parts for StoreParts<'_> {
    fn exporter(&mut self, _: &str, signal: Signal) -> Result<Sink, String> {
        let stores = &self.opened.stores;
        let store: Sink = match signal {
            Signal::Logs => stores.logs.clone(),
            Signal::Metrics => stores.metrics.clone(),
            Signal::Traces => stores.traces.clone(),
            Signal::Profiles => stores.profiles.clone(),
        };
        let limits = &self.world.settings.limits;
        let bounds = QueueBounds {
            batches_max: limits.queue_batches,
            bytes_max: limits.queue_bytes.len(),
            ..QueueBounds::default()
        };
        Ok(Queue::new(signal.name(), bounds, self.world.clock.clone(), &self.world.registry, store))
    }

    fn processor(&mut self, name: &str, _: Signal, _: &str, _: Sink) -> Result<Sink, String> {
        Err(format!("no processor is called {name}"))
    }

    fn connector(&mut self, name: &str, _: Signal, _: Signal, _: Sink) -> Result<Sink, String> {
        Err(format!("no connector is called {name}"))
    }
}

/// The doors' one sink: each batch to its signal's pipeline.
pub struct BySignal([Option<Sink>; 4]);

impl BySignal {
    /// In the order of [`Signal::ALL`].
    pub fn new(inlets: [Option<Sink>; 4]) -> Self {
        Self(inlets)
    }
}

#[async_trait]
impl Consumer for BySignal {
    async fn consume(&self, batch: Batch) -> Result<Accepted, Refused> {
        match &self.0[batch.signal as usize - 1] {
            Some(sink) => sink.consume(batch).await,
            None => Err(Refused::Bad(format!("this server does not take {}", batch.signal))),
        }
    }
}
