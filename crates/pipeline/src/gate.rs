//! The gates between the doors and the graph: the memory budget, and the rate of each tenant.
//!
//! A gate refuses before anything has been done for a batch, with a reason and a time to come back. Nothing behind a gate ever drops what
//! was acknowledged.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use limits::{MemoryGuard, TenantRates};
use ports::Clock;
use telemetry::{Counter, Registry};

use crate::batch::{Accepted, Batch, Consumer, Refused, Sink};

/// Holds a reservation of the memory budget for as long as a batch is on its way.
pub struct MemoryGate {
    guard: Arc<MemoryGuard>,
    refused: Counter,
    next: Sink,
}

impl MemoryGate {
    /// How long a client should wait when the budget is used up: about one cut of a head.
    const RETRY_AFTER: Duration = Duration::from_secs(1);

    pub fn new(guard: Arc<MemoryGuard>, registry: &Registry, next: Sink) -> Arc<Self> {
        let (in_flight, held, budget) = (guard.clone(), guard.clone(), guard.clone());
        registry.sampled(
            "oriel_memory_in_flight_bytes",
            "Bytes of requests that are on their way to be durable.",
            &[],
            move || in_flight.in_flight_bytes() as f64,
        );
        registry.sampled(
            "oriel_memory_held_bytes",
            "Bytes held by the heads of all stores.",
            &[],
            move || held.held_bytes() as f64,
        );
        registry.sampled(
            "oriel_memory_budget_bytes",
            "Memory that requests and heads may use together.",
            &[],
            move || budget.budget_bytes() as f64,
        );
        let refused = registry.counter(
            "oriel_memory_refused_total",
            "Batches refused because the memory budget was used up.",
            &[],
        );
        Arc::new(Self { guard, refused, next })
    }
}

#[async_trait]
impl Consumer for MemoryGate {
    async fn consume(&self, batch: Batch) -> Result<Accepted, Refused> {
        let wire_bytes = batch.wire.as_ref().map_or(0, |(_, bytes)| bytes.len());
        let reserved = self.guard.reserve(batch.body.len() + wire_bytes).map_err(|over| {
            self.refused.inc();
            Refused::Unavailable { reason: over.to_string(), retry_after: Some(Self::RETRY_AFTER) }
        })?;
        let answer = self.next.consume(batch).await;
        drop(reserved);
        answer
    }
}

/// Keeps each tenant under its rate of bytes.
pub struct RateGate {
    rates: TenantRates,
    clock: Arc<dyn Clock>,
    refused: Counter,
    next: Sink,
}

impl RateGate {
    pub fn new(rates: TenantRates, clock: Arc<dyn Clock>, registry: &Registry, next: Sink) -> Arc<Self> {
        let help = "Batches refused because their tenant was over its rate.";
        let refused = registry.counter("oriel_tenant_rate_refused_total", help, &[]);
        Arc::new(Self { rates, clock, refused, next })
    }
}

#[async_trait]
impl Consumer for RateGate {
    async fn consume(&self, batch: Batch) -> Result<Accepted, Refused> {
        if let Err(wait) = self.rates.take(&batch.tenant, batch.body.len(), self.clock.monotonic()) {
            self.refused.inc();
            let rate = self.rates.rate();
            let reason = format!(
                "ingestion rate limit exceeded for tenant {} (limit: {} bytes/sec, burst {} bytes) while adding {} bytes",
                batch.tenant,
                rate.bytes_per_second,
                rate.burst_bytes,
                batch.body.len()
            );
            return Err(Refused::Limited { reason, retry_after: Some(wait) });
        }
        self.next.consume(batch).await
    }
}

#[cfg(test)]
mod tests {
    use limits::TenantRate;
    use telemetry::exposition::{Form, render};

    use super::*;
    use crate::batch::tests::{Fixed, batch};

    struct Still;

    impl Clock for Still {
        fn now_ms(&self) -> i64 {
            0
        }
        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }

    #[tokio::test]
    async fn gates_refuse_with_a_time_to_come_back() {
        let registry = Registry::new();
        let end = Fixed::sink(Ok(Accepted { items: 1, ..Accepted::default() }));
        let memory = MemoryGate::new(MemoryGuard::new(10, vec![Box::new(|| 11)]), &registry, end.clone());
        let refused = memory.consume(batch(b"0123456789a")).await.unwrap_err();
        assert_eq!(refused.retry_after(), Some(MemoryGate::RETRY_AFTER));

        let rates = TenantRates::new(TenantRate { bytes_per_second: 10.0, burst_bytes: 10.0 });
        let rate = RateGate::new(rates, Arc::new(Still), &registry, end);
        assert!(rate.consume(batch(b"0123456789")).await.is_ok());
        let refused = rate.consume(batch(b"01234")).await.unwrap_err();
        assert_eq!(refused.retry_after(), Some(Duration::from_millis(500)));
        assert!(refused.to_string().starts_with("ingestion rate limit exceeded for tenant anonymous"));

        let text = render(&registry, Form::Prometheus);
        assert!(text.contains("oriel_memory_refused_total 1\n"));
        assert!(text.contains("oriel_tenant_rate_refused_total 1\n"));
    }
}
