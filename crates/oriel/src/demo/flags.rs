//! The command line of `oriel demo`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use config::Settings;
use demo::Incident;

use crate::arguments::ServeFlags;

const AFTER_HELP: &str = "\
Examples:
  oriel demo                                         the server with an hour of the shop's telemetry, then live
  oriel demo --incident payments-timeout             something is wrong since 20 minutes ago: find it
  oriel demo --incident bad-deploy --truth why.json  and have the answer written to a file
  oriel demo --target http://collector:4318          only the shop, for any OTLP endpoint

The same seed gives the same shop. What each incident does, and where it shows: docs/demo.md.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct DemoFlags {
    /// Send to this OTLP/HTTP endpoint and start no server
    #[arg(long, value_name = "URL")]
    pub target: Option<String>,
    /// What goes wrong: none, payments-timeout, bad-deploy, noisy-tenant, slow-database, memory-leak, queue-backlog, certificate-expiry
    #[arg(long, value_name = "NAME", default_value = "payments-timeout", value_parser = incident)]
    pub incident: Incident,
    /// How long ago it began
    #[arg(long, value_name = "DURATION", default_value = "20m", value_parser = duration)]
    pub incident_ago: Duration,
    /// Write what is wrong and where it shows to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// The same seed gives the same run
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// User requests a second, averaged over a day; each makes about ten spans
    #[arg(long, default_value_t = 8.0, value_parser = rate)]
    pub rate: f64,
    /// Services of the shop; more than eight adds extensions
    #[arg(long, default_value_t = demo::shop::SERVICES, value_parser = services)]
    pub services: usize,
    /// Past that is filled in before live begins
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    pub backfill: Duration,
    /// Stop generating after this long; without it, until Ctrl-C
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub duration: Option<Duration>,
    #[command(flatten)]
    server: ServeFlags,
}

impl DemoFlags {
    /// The server's settings. Without `--data` its data is in a directory of its own that goes when the handle goes.
    pub fn settings(self) -> anyhow::Result<(Settings, Option<tempfile::TempDir>)> {
        let directory = if self.server.has_data() {
            None
        } else {
            Some(tempfile::Builder::new().prefix("oriel-demo-").tempdir()?)
        };
        let mut settings = self.server.settings()?;
        if let Some(directory) = &directory {
            settings.data.dir = directory.path().to_owned();
        }
        Ok((settings, directory))
    }
}

fn incident(text: &str) -> Result<Incident, String> {
    let names = || Incident::ALL.map(|(name, _)| name);
    Incident::from_name(text).ok_or_else(|| {
        let near = stdx::nearest::nearest(text, names())
            .map(|near| format!("; did you mean {near}?"))
            .unwrap_or_default();
        format!("no such incident{near} Known: {}", names().join(", "))
    })
}

fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<limits::Span>().map(limits::Span::duration).map_err(|error| error.to_string())
}

fn rate(text: &str) -> Result<f64, String> {
    const MAX: f64 = 10_000.0;
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= MAX => Ok(rate),
        _ => Err(format!("want a number above 0, at most {MAX}")),
    }
}

fn services(text: &str) -> Result<usize, String> {
    const MAX: usize = 200;
    match text.parse::<usize>() {
        Ok(count) if (1..=MAX).contains(&count) => Ok(count),
        _ => Err(format!("want a number from 1 to {MAX}")),
    }
}
