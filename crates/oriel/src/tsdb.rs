//! `oriel tsdb`: looking at and moving metrics at rest, with no server on the data directory.
//!
//! Each command opens the metrics store under the directory's lock, does its work, and closes it. Output goes to standard output, one item a line.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};
use metrics::{Budget, Config, Hints, MetricStore, Scope, tsdb};
use model::{Matcher, TenantId};
use ports::{Clock, Disk, RealClock, RealDisk, RealRng};
use store::{Deps, LaneConfig};

use crate::arguments::say;
use crate::data_dir::DataDir;

#[derive(Debug, Subcommand)]
pub enum TsdbCommand {
    /// List block files: name, level, times, samples, bytes
    List(Place),
    /// Say which metrics and labels make most series, and what the sections of blocks take
    Analyze {
        #[command(flatten)]
        place: Place,
        /// Entries of each list
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Print samples: labels, value, time in milliseconds
    Dump {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        what: What,
    },
    /// Read and decode everything; fails and names the file if anything is damaged
    Verify(Place),
    /// Read a data directory of Prometheus (blocks and write-ahead log), or one block, into the store
    Import {
        #[command(flatten)]
        place: Place,
        /// The directory; it is only read. Stop its Prometheus first, or import a snapshot.
        source: PathBuf,
    },
    /// Write samples as a block that Prometheus, promtool and Thanos read
    Export {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        what: What,
        /// Where the block's directory is made
        #[arg(long, value_name = "DIR")]
        output: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct Place {
    /// Data directory of oriel; no server may be running on it
    #[arg(long, value_name = "DIR", default_value = "data", env = "ORIEL_DATA")]
    data: PathBuf,
    /// Tenant whose series are meant
    #[arg(long, default_value = TenantId::ANONYMOUS)]
    tenant: String,
}

#[derive(Debug, Args)]
pub struct What {
    /// Series selector
    #[arg(long = "match", value_name = "SELECTOR", default_value = r#"{__name__=~".+"}"#)]
    selector: String,
    /// First time, milliseconds since 1970
    #[arg(long, default_value_t = i64::MIN, allow_hyphen_values = true, hide_default_value = true)]
    min_time: i64,
    /// Last time, milliseconds since 1970
    #[arg(long, default_value_t = i64::MAX, allow_hyphen_values = true, hide_default_value = true)]
    max_time: i64,
}

impl What {
    fn matchers(&self) -> anyhow::Result<Vec<Matcher>> {
        promql::parse_selector(&self.selector)
            .map_err(|error| anyhow::anyhow!("cannot read selector {}: {error}", self.selector))
    }

    fn scope(&self, tenant: &TenantId) -> Scope {
        Scope::new(tenant.clone(), self.min_time, self.max_time, Budget::unlimited())
    }
}

/// The store, opened, and what keeps others out.
struct Opened {
    store: Arc<MetricStore>,
    disk: Arc<dyn Disk>,
    tenant: TenantId,
    _data: DataDir,
}

impl Opened {
    fn open(place: &Place) -> anyhow::Result<Self> {
        let tenant = TenantId::new(&place.tenant).context("cannot use the name of the tenant")?;
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let data = DataDir::open(&disk, &place.data)?;
        let deps = Deps::local(&place.data, telemetry::Registry::new())?;
        let store = MetricStore::open(deps, Config::new(LaneConfig::new(&place.data)))
            .context("cannot open the metrics store")?;
        Ok(Self { store, disk, tenant, _data: data })
    }
}

pub fn run(command: TsdbCommand) -> anyhow::Result<()> {
    let (TsdbCommand::List(place)
    | TsdbCommand::Verify(place)
    | TsdbCommand::Analyze { place, .. }
    | TsdbCommand::Dump { place, .. }
    | TsdbCommand::Import { place, .. }
    | TsdbCommand::Export { place, .. }) = &command;
    let opened = Opened::open(place)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = match &command {
        TsdbCommand::List(_) => list(&opened),
        TsdbCommand::Analyze { limit, .. } => analyze(&opened, *limit),
        TsdbCommand::Dump { what, .. } => dump(&opened, what),
        TsdbCommand::Verify(_) => verify(&opened),
        TsdbCommand::Import { source, .. } => runtime.block_on(import(&opened, source)),
        TsdbCommand::Export { what, output, .. } => export(&opened, what, output),
    };
    runtime.block_on(opened.store.close())?;
    done
}

fn list(opened: &Opened) -> anyhow::Result<()> {
    for file in &opened.store.lane().snapshot().files {
        let summary = &file.summary;
        say(&format!(
            "{} level {} from {} to {} samples {} bytes {}",
            file.name,
            file.level,
            summary.min_ns / 1_000_000,
            summary.max_ns / 1_000_000,
            summary.items,
            file.len
        ))?;
    }
    Ok(())
}

fn analyze(opened: &Opened, limit: usize) -> anyhow::Result<()> {
    let scope = Scope::new(opened.tenant.clone(), i64::MIN, i64::MAX, Budget::unlimited());
    let labels = opened.store.series(&scope, &[], 0)?.items;
    let mut metrics = std::collections::BTreeMap::<String, u64>::new();
    let mut values = std::collections::BTreeMap::<String, std::collections::BTreeSet<String>>::new();
    for series in &labels {
        *metrics.entry(series.metric_name().to_owned()).or_default() += 1;
        for (name, value) in series.iter() {
            values.entry(name.to_owned()).or_default().insert(value.to_owned());
        }
    }
    say(&format!("series: {}", labels.len()))?;
    say("highest cardinality metric names:")?;
    top(metrics, limit)?;
    say("highest cardinality labels:")?;
    top(values.into_iter().map(|(name, values)| (name, values.len() as u64)).collect(), limit)?;
    say("bytes of blocks by kind of section:")?;
    for (kind, bytes) in opened.store.block_sections()? {
        say(&format!("{bytes} {kind}"))?;
    }
    Ok(())
}

fn top(counted: std::collections::BTreeMap<String, u64>, limit: usize) -> anyhow::Result<()> {
    let mut counted: Vec<(String, u64)> = counted.into_iter().collect();
    counted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counted.iter().take(limit).try_for_each(|(name, count)| say(&format!("{count} {name}")))
}

fn dump(opened: &Opened, what: &What) -> anyhow::Result<()> {
    for series in opened.store.select(&what.scope(&opened.tenant), &what.matchers()?, Hints::default())? {
        let metrics::SeriesData { labels, columns } = series?;
        let mut histograms = columns.histograms.iter().peekable();
        for (place, t_ms) in columns.t_ms.iter().enumerate() {
            match histograms.next_if(|(at, _)| *at as usize == place) {
                Some((_, histogram)) => say(&format!(
                    "{labels} {} {t_ms}",
                    metrics::query::to_float(histogram).to_test_notation()
                ))?,
                None => say(&format!("{labels} {} {t_ms}", columns.values[place]))?,
            }
        }
    }
    Ok(())
}

fn verify(opened: &Opened) -> anyhow::Result<()> {
    let (mut series, mut samples) = (0u64, 0u64);
    for file in &opened.store.lane().snapshot().files {
        let reader = file.reader()?;
        for key in reader.keys() {
            reader.section(*key)?;
        }
        for tenant in reader.tenants() {
            let scope = Scope::new(tenant.clone(), i64::MIN, i64::MAX, Budget::unlimited());
            for found in opened.store.select(&scope, &[], Hints { start_times: true, ..Hints::default() })? {
                series += 1;
                samples += found?.columns.len() as u64;
            }
        }
    }
    say(&format!("whole: {series} series, {samples} samples"))
}

async fn import(opened: &Opened, source: &std::path::Path) -> anyhow::Result<()> {
    let now_ms = RealClock::new().now_ms();
    let report = tsdb::import(&opened.store, &opened.disk, source, &opened.tenant, now_ms).await?;
    opened.store.flush().await?;
    let tsdb::ImportReport { blocks, samples, rejected, reasons } = report;
    say(&format!("imported {samples} samples, {blocks} blocks; refused {rejected}"))?;
    if !reasons.is_empty() {
        say(&reasons)?;
    }
    Ok(())
}

fn export(opened: &Opened, what: &What, output: &std::path::Path) -> anyhow::Result<()> {
    opened.disk.create_dir_all(output).with_context(|| format!("cannot make {}", output.display()))?;
    let block = tsdb::export(
        &opened.store,
        &what.scope(&opened.tenant),
        &what.matchers()?,
        &opened.disk,
        output,
        RealClock::new().now_ms(),
        &RealRng::new(),
    )?;
    match block {
        Some(block) => say(&format!(
            "exported {} with {} series, {} samples, {} chunks from {} to {}",
            block.ulid, block.series, block.samples, block.chunks, block.min_ms, block.max_ms
        )),
        None => say("nothing matches: no block was written"),
    }
}
