//! From a request's bytes to the pipeline's answer, on threads of their own.
//!
//! Decompression, checking and applying are processor work of milliseconds; they run on the intake's runtime so that the threads that serve
//! connections and queries stay free, and as a task of their own so that a client that hangs up halfway does not leave half a batch behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use limits::MemoryGuard;
use model::{Compression, Format, Signal, TenantId};
use pipeline::{Accepted, Batch, Refused, Sink};
use ports::Clock;
use telemetry::{Counter, Registry};
use tokio::runtime::Handle;
use wire::compress::CompressError;

use crate::body::Held;

/// What all doors share to hand batches on. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    shared: Arc<Shared>,
}

struct Shared {
    sink: Sink,
    runtime: Handle,
    clock: Arc<dyn Clock>,
    guard: Arc<MemoryGuard>,
    registry: Registry,
    seen: [SeenNow; 4],
}

#[derive(Default)]
struct SeenNow {
    items: AtomicU64,
    last_received_ms: AtomicI64,
}

/// What has come in of one signal through all doors since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub items: u64,
    /// `None`: nothing yet.
    pub last_received_ms: Option<i64>,
}

/// One request as a door read it.
pub struct Offer {
    pub tenant: TenantId,
    pub signal: Signal,
    pub format: Format,
    pub compression: Compression,
    pub held: Held,
    /// Bound of the decompressed body.
    pub body_bytes_max: usize,
}

/// Why an offer was not taken, before or by the pipeline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// The decompressed body is over the bound.
    #[error("request body after decompression is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl Intake {
    pub fn new(
        sink: Sink,
        runtime: Handle,
        clock: Arc<dyn Clock>,
        guard: Arc<MemoryGuard>,
        registry: Registry,
    ) -> Self {
        let seen = Default::default();
        Self { shared: Arc::new(Shared { sink, runtime, clock, guard, registry, seen }) }
    }

    pub fn guard(&self) -> &Arc<MemoryGuard> {
        &self.shared.guard
    }

    pub fn registry(&self) -> &Registry {
        &self.shared.registry
    }

    pub fn seen(&self, signal: Signal) -> Seen {
        let now = &self.shared.seen[signal as usize - 1];
        let last = now.last_received_ms.load(Ordering::Relaxed);
        Seen { items: now.items.load(Ordering::Relaxed), last_received_ms: (last > 0).then_some(last) }
    }

    /// Decompresses and hands on; returns when the pipeline has answered.
    pub async fn offer(&self, offer: Offer) -> Result<Accepted, NotTaken> {
        let shared = self.shared.clone();
        let task = self.shared.runtime.spawn(async move { shared.take(offer).await });
        task.await.unwrap_or_else(|failed| {
            tracing::error!(%failed, "a batch could not be processed");
            let reason = "internal error while processing the request".to_owned();
            Err(Refused::Unavailable { reason, retry_after: Some(Duration::from_secs(1)) }.into())
        })
    }
}

impl Shared {
    async fn take(&self, offer: Offer) -> Result<Accepted, NotTaken> {
        let wire = offer.held.bytes;
        let body = decompress(offer.compression, &wire, offer.body_bytes_max)?;
        let batch = Batch {
            tenant: offer.tenant,
            signal: offer.signal,
            format: offer.format,
            body,
            wire: Some((offer.compression, wire)),
            received_at_ms: self.clock.now_ms(),
        };
        let batch = as_stores_read_it(batch)?;
        if batch.body.is_empty() {
            return Ok(Accepted::default());
        }
        let (place, received_at_ms) = (offer.signal as usize - 1, batch.received_at_ms);
        let accepted = self.sink.consume(batch).await?;
        drop(offer.held.reservations);
        self.seen[place].items.fetch_add(accepted.items, Ordering::Relaxed);
        self.seen[place].last_received_ms.store(received_at_ms, Ordering::Relaxed);
        Ok(accepted)
    }
}

fn decompress(compression: Compression, wire: &Bytes, limit: usize) -> Result<Bytes, NotTaken> {
    if compression == Compression::None {
        return Ok(wire.clone());
    }
    let mut body = Vec::new();
    match wire::compress::decompress(compression, wire, limit, &mut body) {
        Ok(()) => Ok(body.into()),
        Err(CompressError::TooLarge { limit }) => Err(NotTaken::TooLarge { limit }),
        Err(corrupt @ CompressError::Corrupt { .. }) => Err(Refused::Bad(corrupt.to_string()).into()),
    }
}

/// The stores read protobuf; JSON becomes that here, and what came over the wire is no longer the batch.
fn as_stores_read_it(batch: Batch) -> Result<Batch, NotTaken> {
    let (format, body) = match batch.format {
        Format::OtlpJson => {
            (Format::OtlpProto, wire::otlp::json::request_from_json(batch.signal, &batch.body).map_err(bad)?)
        }
        Format::LokiJson => (Format::LokiProto, wire::loki::push_from_json(&batch.body).map_err(bad)?),
        _ => return Ok(batch),
    };
    Ok(Batch { format, body: body.into(), wire: None, ..batch })
}

fn bad(error: impl std::fmt::Display) -> NotTaken {
    Refused::Bad(error.to_string()).into()
}

/// Counts what came through one door.
#[derive(Clone)]
pub struct DoorMetrics {
    accepted: [Counter; 4],
    rejected: [Counter; 4],
    refused: [Counter; 4],
}

impl DoorMetrics {
    pub fn new(registry: &Registry, receiver: &str, transport: &str) -> Self {
        let each = |name: &str, help: &str| {
            Signal::ALL.map(|signal| {
                let labels = [("receiver", receiver), ("transport", transport), ("signal", signal.name())];
                registry.counter(name, help, &labels)
            })
        };
        Self {
            accepted: each(
                "oriel_receiver_accepted_items_total",
                "Items that were made durable and acknowledged.",
            ),
            rejected: each(
                "oriel_receiver_rejected_items_total",
                "Items refused for good out of requests that were otherwise accepted.",
            ),
            refused: each("oriel_receiver_refused_requests_total", "Requests that were refused as a whole."),
        }
    }

    pub fn count(&self, signal: Signal, answer: &Result<Accepted, NotTaken>) {
        let place = signal as usize - 1;
        match answer {
            Ok(accepted) => {
                self.accepted[place].add(accepted.items);
                self.rejected[place].add(accepted.rejected);
            }
            Err(_) => self.refused[place].inc(),
        }
    }
}
