//! Sends exports over OTLP/HTTP, as an SDK's exporter does: in order within a signal, again when asked to, going on without a signal that is refused for good.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, bail};
use demo::Export;
use model::Signal;

/// Tries of one request while the other end is busy or away, two seconds apart at most.
const TRIES_MAX: u32 = 30;

pub struct Sender {
    client: reqwest::Client,
    target: String,
    /// Signals that the endpoint does not take: no reason to stop the others.
    refused: [AtomicBool; 4],
}

impl Sender {
    pub fn new(target: &str) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build();
        Ok(Self {
            client: client.context("cannot make an HTTP client")?,
            target: target.trim_end_matches('/').to_owned(),
            refused: Default::default(),
        })
    }

    /// Sends everything; the four signals side by side, each in its order.
    pub async fn send_all(&self, exports: Vec<Export>) -> anyhow::Result<()> {
        let mut signals: [Vec<Export>; 4] = Default::default();
        for export in exports {
            signals[export.signal as usize - 1].push(export);
        }
        let [metrics, logs, traces, profiles] = signals;
        tokio::try_join!(
            self.send_in_order(metrics),
            self.send_in_order(logs),
            self.send_in_order(traces),
            self.send_in_order(profiles)
        )?;
        Ok(())
    }

    async fn send_in_order(&self, exports: Vec<Export>) -> anyhow::Result<()> {
        for export in exports {
            if !self.refused[export.signal as usize - 1].load(Relaxed) {
                self.send(export).await?;
            }
        }
        Ok(())
    }

    async fn send(&self, export: Export) -> anyhow::Result<()> {
        let path = match export.signal {
            Signal::Metrics => "v1/metrics",
            Signal::Logs => "v1/logs",
            Signal::Traces => "v1/traces",
            Signal::Profiles => "v1development/profiles",
        };
        let url = format!("{}/{path}", self.target);
        let mut last = String::new();
        for attempt in 0..TRIES_MAX {
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(100 << attempt.min(4))).await;
            }
            let request = self.client.post(&url).header("content-type", "application/x-protobuf");
            match request.body(export.body.clone()).send().await {
                Ok(response) if response.status().is_success() => return Ok(()),
                Ok(response) if matches!(response.status().as_u16(), 429 | 502 | 503 | 504) => {
                    last = format!("{url} answered {}", response.status());
                }
                Ok(response) => {
                    let status = response.status();
                    let text = response.bytes().await.unwrap_or_default();
                    let text = String::from_utf8_lossy(&text);
                    tracing::warn!(
                        "{url} refused {}, the demo goes on without: {status} {text}",
                        export.signal
                    );
                    self.refused[export.signal as usize - 1].store(true, Relaxed);
                    return Ok(());
                }
                Err(error) => last = format!("cannot reach {url}: {error}"),
            }
        }
        bail!("{last}; gave up after {TRIES_MAX} tries")
    }
}
