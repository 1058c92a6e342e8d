//! Trace by id when there are many.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::json;
use testkit::Client;

use crate::ingest::{AGAIN_AFTER, now_ns};
use crate::load::{Body, traces};
use crate::report::{print, round};
use crate::subject::{Signal, Subject};
use stdx::random::Random;

#[derive(clap::Args)]
pub struct Args {
    /// Spans that are stored before anything is asked.
    #[arg(long, default_value_t = 10_000_000)]
    pub spans: u64,
    /// Traces that are asked for, evenly spread over what was sent.
    #[arg(long, default_value_t = 200)]
    pub lookups: u64,
}

pub fn run(binary: &Path, args: &Args) -> Result<()> {
    const PER_REQUEST: u64 = 1000;
    let data = tempfile::tempdir()?;
    let subject = Subject::oriel(binary, data.path(), &[])?;
    let (address, path) = subject.door(Signal::Traces);
    let mut client = Client::new(address);
    let mut random = Random::new(42);
    let mut pool: Vec<Body> = (0..64).map(|_| traces::body(PER_REQUEST, &mut random)).collect();
    let requests = args.spans / PER_REQUEST;
    let every = (requests / args.lookups).max(1);
    let mut wanted = Vec::new();
    for request in 0..requests {
        let place = (request % 64) as usize;
        let body = &mut pool[place];
        body.stamp(now_ns(), &mut random);
        if request % every == 0 {
            let (start, len) = body.ids.iter().find(|(_, len)| *len == 16).copied().unwrap_or_default();
            wanted.push(
                body.bytes[start..start + len].iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
            );
        }
        loop {
            let response = client.post(path, "application/x-protobuf", &body.bytes)?;
            match response.status {
                200 => break,
                // "Not now": sent again a little later, as exporters do.
                429 | 503 => std::thread::sleep(AGAIN_AFTER),
                status => bail!("{status} {}", response.text()),
            }
        }
    }
    subject.settle(Duration::from_secs(120));
    let Subject::Oriel(server) = &subject else { bail!("only oriel is asked") };
    let mut client = server.client();
    let mut took_ms = Vec::new();
    for id in &wanted {
        let start = Instant::now();
        let response = client.get(&format!("/tempo/api/traces/{id}"))?;
        took_ms.push(start.elapsed().as_secs_f64() * 1e3);
        if response.status != 200 || response.body.is_empty() {
            bail!("trace {id}: {} {}", response.status, response.text());
        }
    }
    took_ms.sort_by(f64::total_cmp);
    let at = |share: f64| took_ms[((took_ms.len() - 1) as f64 * share) as usize];
    print(json!({
        "bench": "trace-by-id", "subject": "oriel", "spans": args.spans, "lookups": wanted.len(),
        "ms_p50": round(at(0.5)), "ms_p99": round(at(0.99)), "ms_max": round(at(1.0)),
    }));
    Ok(())
}
