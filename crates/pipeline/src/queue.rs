//! A bounded queue in front of a consumer.
//!
//! Whoever consumes waits in its own task: the queue is a bound on how many may wait and how many may work, not a list that is copied in and out
//! of. So acknowledgement runs backwards by itself, in the order in which work is finished, and a hop costs two atomic operations.
//! Full means "send again", told at once; the queue never drops what it took in.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use telemetry::{Counter, Gauge, Histogram, Registry};
use tokio::sync::Semaphore;

use crate::batch::{Accepted, Batch, Consumer, Refused, Sink};

/// What a queue may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueBounds {
    /// Batches that wait or are worked on.
    pub batches_max: usize,
    /// Bytes of those batches. One batch always fits in an empty queue.
    pub bytes_max: usize,
    /// Batches that are worked on at one time.
    pub consumers: usize,
}

impl Default for QueueBounds {
    fn default() -> Self {
        Self { batches_max: 1000, bytes_max: 256 << 20, consumers: 256 }
    }
}

/// See the module.
pub struct Queue {
    name: String,
    bounds: QueueBounds,
    working: Semaphore,
    size_batches: Gauge,
    size_bytes: Gauge,
    refused: Counter,
    item_counts: ItemCounts,
    seconds: Histogram,
    clock: Arc<dyn ports::Clock>,
    next: Sink,
}

struct ItemCounts {
    sent: Counter,
    rejected: Counter,
    failed_batches: Counter,
}

/// Takes its batch off the gauges when the work is over, however it ends.
struct Place<'a> {
    queue: &'a Queue,
    bytes: i64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.queue.size_batches.add(-1);
        self.queue.size_bytes.add(-self.bytes);
    }
}

impl Queue {
    const RETRY_AFTER: Duration = Duration::from_secs(1);

    pub fn new(
        name: &str,
        bounds: QueueBounds,
        clock: Arc<dyn ports::Clock>,
        registry: &Registry,
        next: Sink,
    ) -> Arc<Self> {
        let labels = [("queue", name)];
        registry
            .gauge("oriel_queue_capacity_batches", "Batches that a queue can hold.", &labels)
            .set(bounds.batches_max as i64);
        registry
            .gauge("oriel_queue_capacity_bytes", "Bytes that a queue can hold.", &labels)
            .set(bounds.bytes_max as i64);
        let counter = |name, help| registry.counter(name, help, &labels);
        Arc::new(Self {
            name: name.to_owned(),
            bounds,
            working: Semaphore::new(bounds.consumers.max(1)),
            size_batches: registry.gauge(
                "oriel_queue_size_batches",
                "Batches that wait or are worked on.",
                &labels,
            ),
            size_bytes: registry.gauge("oriel_queue_size_bytes", "Bytes of the batches in a queue.", &labels),
            refused: counter("oriel_queue_refused_total", "Batches refused because a queue was full."),
            item_counts: ItemCounts {
                sent: counter("oriel_queue_sent_items_total", "Items that the consumer behind a queue took."),
                rejected: counter(
                    "oriel_queue_rejected_items_total",
                    "Items that the consumer behind a queue refused for good.",
                ),
                failed_batches: counter(
                    "oriel_queue_failed_batches_total",
                    "Batches that the consumer behind a queue refused.",
                ),
            },
            seconds: registry.histogram(
                "oriel_queue_seconds",
                "Time from entering a queue to the acknowledgement of the consumer behind it.",
                &labels,
                Histogram::SECONDS,
            ),
            clock,
            next,
        })
    }

    /// Takes a place, or says that there is none.
    fn enter(&self, bytes: i64) -> Result<Place<'_>, Refused> {
        self.size_batches.add(1);
        self.size_bytes.add(bytes);
        let place = Place { queue: self, bytes };
        let batches = self.size_batches.get();
        let full = batches > self.bounds.batches_max as i64
            || (batches > 1
                && self.size_bytes.get() > i64::try_from(self.bounds.bytes_max).unwrap_or(i64::MAX));
        if full {
            self.refused.inc();
            let reason = format!("queue {} is full, send again later", self.name);
            return Err(Refused::Unavailable { reason, retry_after: Some(Self::RETRY_AFTER) });
        }
        Ok(place)
    }
}

#[async_trait]
impl Consumer for Queue {
    async fn consume(&self, batch: Batch) -> Result<Accepted, Refused> {
        let entered_at = self.clock.monotonic();
        let place = self.enter(batch.body.len() as i64)?;
        let turn = self.working.acquire().await.expect("the semaphore is never closed");
        let answer = self.next.consume(batch).await;
        drop((turn, place));
        self.seconds.observe(self.clock.monotonic().saturating_sub(entered_at).as_secs_f64());
        match &answer {
            Ok(accepted) => {
                self.item_counts.sent.add(accepted.items);
                self.item_counts.rejected.add(accepted.rejected);
            }
            Err(_) => self.item_counts.failed_batches.inc(),
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;
    use crate::batch::tests::batch;

    struct Still;

    impl ports::Clock for Still {
        fn now_ms(&self) -> i64 {
            0
        }
        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }

    /// Works until told to finish, and remembers how many worked at once.
    #[derive(Default)]
    struct Slow {
        finish: Notify,
        at_work: AtomicUsize,
        started: Notify,
    }

    #[async_trait]
    impl Consumer for Slow {
        async fn consume(&self, _: Batch) -> Result<Accepted, Refused> {
            self.at_work.fetch_add(1, Ordering::SeqCst);
            self.started.notify_one();
            self.finish.notified().await;
            self.at_work.fetch_sub(1, Ordering::SeqCst);
            Ok(Accepted { items: 1, ..Accepted::default() })
        }
    }

    #[tokio::test]
    async fn a_full_queue_says_so_and_a_cancelled_batch_leaves_it() {
        let slow = Arc::new(Slow::default());
        let bounds = QueueBounds { batches_max: 2, bytes_max: 1 << 20, consumers: 1 };
        let registry = Registry::new();
        let queue = Queue::new("test", bounds, Arc::new(Still), &registry, slow.clone());
        let spawn = || {
            tokio::spawn({
                let queue = queue.clone();
                async move { queue.consume(batch(b"x")).await }
            })
        };
        let first = spawn();
        slow.started.notified().await;
        let second = spawn();
        while queue.size_batches.get() < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(slow.at_work.load(Ordering::SeqCst), 1);
        assert!(matches!(queue.consume(batch(b"x")).await, Err(Refused::Unavailable { .. })));
        second.abort();
        assert!(second.await.unwrap_err().is_cancelled());
        assert_eq!(queue.size_batches.get(), 1);
        slow.finish.notify_one();
        assert_eq!(first.await.unwrap().unwrap().items, 1);
        assert_eq!((queue.size_batches.get(), queue.size_bytes.get(), queue.refused.get()), (0, 0, 1));
    }

    #[tokio::test]
    async fn one_batch_always_fits_and_the_next_is_bounded_by_bytes() {
        let slow = Arc::new(Slow::default());
        let bounds = QueueBounds { batches_max: 10, bytes_max: 3, consumers: 4 };
        let queue = Queue::new("test", bounds, Arc::new(Still), &Registry::new(), slow.clone());
        let large = tokio::spawn({
            let queue = queue.clone();
            async move { queue.consume(batch(b"large")).await }
        });
        slow.started.notified().await;
        assert!(queue.consume(batch(b"x")).await.is_err());
        slow.finish.notify_one();
        assert!(large.await.unwrap().is_ok());
    }
}
