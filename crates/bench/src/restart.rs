//! Killed under load, with as much in its journal as its bounds let it hold: how long until queries are served again.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use serde_json::json;
use testkit::process;

use crate::ingest::{self, Packing, Protocol};
use crate::load::metrics::Shape;
use crate::report::{print, round};
use crate::subject::{Signal, Subject};

#[derive(clap::Args)]
pub struct Args {
    #[arg(long, value_enum, default_value = "logs")]
    pub signal: Signal,
    /// How long to send before the kill.
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// Further flags of `oriel serve`.
    #[arg(long, allow_hyphen_values = true)]
    pub flag: Vec<String>,
}

pub fn run(binary: &Path, args: &Args) -> Result<()> {
    let data = tempfile::tempdir()?;
    let flags: Vec<&str> = args.flag.iter().map(String::as_str).collect();
    let subject = Subject::oriel(binary, data.path(), &flags)?;
    let load = ingest::Args {
        signal: args.signal,
        protocol: Protocol::Http,
        seconds: args.seconds,
        items_per_request: 1000,
        connections: 4,
        pool: 64,
        compression: Packing::None,
        series: 200_000,
        scrapes: 10,
        shape: Shape::Node,
        peer: Vec::new(),
        flag: Vec::new(),
    };
    let items = ingest::send(&subject, &load)?.items;
    let bytes = process::disk_bytes(&data.path().join("journal"));
    // Dropping the handle is `kill -9`.
    drop(subject);
    let start = Instant::now();
    let subject = Subject::oriel(binary, data.path(), &flags)?;
    print(json!({
        "bench": "restart", "subject": "oriel", "signal": format!("{:?}", args.signal).to_lowercase(),
        "journal_mib": bytes >> 20, "items": items, "ready_s": round(start.elapsed().as_secs_f64()),
        "peak_mib": process::resident_bytes(subject.pid()).unwrap_or_default().1 >> 20,
    }));
    Ok(())
}
