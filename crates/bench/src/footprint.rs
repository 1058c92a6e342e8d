//! What Oriel costs before anybody sends anything.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use testkit::process;

use crate::report::{print, round};
use crate::subject::Subject;

#[derive(clap::Args)]
pub struct Args {
    /// Starts on an empty directory; the median counts.
    #[arg(long, default_value_t = 5)]
    pub starts: usize,
}

pub fn run(binary: &Path, args: &Args) -> Result<()> {
    let (mut ready_ms, mut resident) = (Vec::new(), 0);
    for _ in 0..args.starts.max(1) {
        let data = tempfile::tempdir()?;
        let start = Instant::now();
        let subject = Subject::oriel(binary, data.path(), &[])?;
        ready_ms.push(start.elapsed().as_secs_f64() * 1e3);
        subject.settle(Duration::from_secs(10));
        resident = process::resident_bytes(subject.pid()).unwrap_or_default().0;
    }
    ready_ms.sort_by(f64::total_cmp);
    print(json!({
        "bench": "footprint", "subject": "oriel",
        "ready_ms": round(ready_ms[ready_ms.len() / 2]), "idle_resident_mib": round(resident as f64 / f64::from(1 << 20)),
        "binary_mib": round(std::fs::metadata(binary)?.len() as f64 / f64::from(1 << 20)),
    }));
    Ok(())
}
