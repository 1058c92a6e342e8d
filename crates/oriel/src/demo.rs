//! `oriel demo`: the server with the demo shop feeding it through its own doors; with `--target`, only the shop, for any OTLP endpoint.
//!
//! First the past is filled in as fast as it is taken, so that no page is empty; then time goes on at its own pace.

mod flags;
mod send;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use demo::{Config, Simulation, Trouble};
use ports::{Clock, Disk, Open, RealClock, RealDisk};
use tokio_util::sync::CancellationToken;

pub use flags::DemoFlags;
use send::Sender;

use crate::arguments::say;

/// Seconds of the past that are sent at once before their acknowledgements are waited for.
const BACKFILL_AHEAD: usize = 8;

pub fn run(flags: DemoFlags) -> anyhow::Result<()> {
    // One choice of cryptography for the process; a second call finds it made.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let clock = RealClock::new();
    let plan = Plan::new(&flags, clock.now_ms())?;
    plan.write_truth()?;
    match flags.target.clone() {
        Some(target) => feed(plan, target, CancellationToken::new()),
        None => serve_and_feed(flags, plan),
    }
}

/// The server in this thread, the shop in another; the server's end ends both.
fn serve_and_feed(flags: DemoFlags, plan: Plan) -> anyhow::Result<()> {
    let (settings, _directory) = flags.settings()?;
    let stop = CancellationToken::new();
    let fed = stop.clone();
    let ready = move |at: &crate::serve::Addresses| {
        let target = format!("http://{}", at.otlp_http);
        let shown = format!("http://{}", at.http);
        let feeding = move || {
            if let Err(error) = feed(plan, target, fed) {
                tracing::error!("the demo shop stopped: {error:#}");
            }
        };
        tracing::info!("open {shown} in a browser; Ctrl-C ends the demo");
        std::thread::Builder::new()
            .name("oriel-demo".to_owned())
            .spawn(feeding)
            .context("cannot start a thread")?;
        Ok(())
    };
    let served = crate::serve::run_then(settings, ready);
    stop.cancel();
    served
}

/// What will be simulated.
struct Plan {
    config: Config,
    start_s: u64,
    now_s: u64,
    end_s: Option<u64>,
    truth: Option<PathBuf>,
}

impl Plan {
    fn new(flags: &DemoFlags, now_ms: i64) -> anyhow::Result<Self> {
        let now_s = u64::try_from(now_ms / 1000).context("the clock is before 1970")?;
        let start_s = now_s.saturating_sub(flags.backfill.as_secs());
        let incident_s = now_s.saturating_sub(flags.incident_ago.as_secs());
        let trouble = Trouble { incident: flags.incident, start_ns: incident_s * 1_000_000_000 };
        let config =
            Config { seed: flags.seed, rate: flags.rate, services: flags.services, trouble, start_s };
        let end_s = flags.duration.map(|duration| now_s + duration.as_secs());
        Ok(Self { config, start_s, now_s, end_s, truth: flags.truth.clone() })
    }

    fn write_truth(&self) -> anyhow::Result<()> {
        let Some(path) = &self.truth else { return Ok(()) };
        let text = format!("{:#}\n", self.config.trouble.ground_truth(self.config.seed));
        write_file(path, text.as_bytes())
            .with_context(|| format!("cannot write the ground truth to {}", path.display()))
    }
}

fn feed(plan: Plan, target: String, stop: CancellationToken) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            done = play(plan, &target) => done,
            () = stop.cancelled() => Ok(()),
        }
    })
}

async fn play(plan: Plan, target: &str) -> anyhow::Result<()> {
    let sender = Arc::new(Sender::new(target)?);
    let clock = RealClock::new();
    let mut simulation = Simulation::new(plan.config.clone());
    let mut items = 0usize;
    let began = clock.monotonic();
    let mut at_s = plan.start_s;
    while at_s < plan.now_s {
        let until = (at_s + BACKFILL_AHEAD as u64).min(plan.now_s);
        let exports: Vec<_> = (at_s..until).flat_map(|second| simulation.second(second)).collect();
        items += exports.iter().map(|export| export.items).sum::<usize>();
        sender.send_all(exports).await?;
        at_s = until;
        if (at_s - plan.start_s) % 600 < BACKFILL_AHEAD as u64 {
            tracing::info!(minutes = (at_s - plan.start_s) / 60, items, "filling in the past");
        }
    }
    tracing::info!(
        items,
        seconds = (clock.monotonic() - began).as_secs(),
        "the past is filled in; live from here"
    );
    say("{\"live\":true}")?;
    loop {
        let now_s = u64::try_from(clock.now_ms() / 1000).unwrap_or(0);
        while at_s < now_s {
            if plan.end_s.is_some_and(|end_s| at_s >= end_s) {
                return Ok(());
            }
            sender.send_all(simulation.second(at_s)).await?;
            at_s += 1;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn write_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let disk = RealDisk;
    match disk.remove(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.open(path, Open::CreateNew)?;
    file.write_all_at(bytes, 0)?;
    file.sync()
}
