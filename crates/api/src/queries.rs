//! The query pool: how many queries run at once, how many may wait, how long and how much each may read.
//!
//! Queries block (disk) and compute, so they run on threads of their own. A client that goes away drops its future, and that cancels the query; the
//! place in the pool is free when the work has really ended.

use std::sync::Arc;
use std::time::Duration;

use limits::QueryBudget;
use ports::Clock;
use telemetry::{Counter, Gauge, Histogram, Registry};
use tokio::sync::Semaphore;

use crate::refusal::{Kind, Refusal};

/// Bounds of all query doors together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryBounds {
    /// Queries that run at one time.
    pub concurrency: usize,
    /// Queries that wait for their turn; more are refused.
    pub waiting_max: usize,
    /// From arrival to answer.
    pub timeout: Duration,
    /// Bytes that one query may read.
    pub bytes_max: u64,
}

impl Default for QueryBounds {
    fn default() -> Self {
        Self { concurrency: 20, waiting_max: 200, timeout: Duration::from_secs(120), bytes_max: 8 << 30 }
    }
}

pub struct QueryPool {
    bounds: QueryBounds,
    places: Arc<Semaphore>,
    clock: Arc<dyn Clock>,
    waiting: Gauge,
    running: Gauge,
    refused: Counter,
    stopped: Counter,
    seconds: Histogram,
    bytes: Histogram,
}

/// Cancels the query when nobody waits for its answer any more.
struct CancelOnDrop(QueryBudget);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Counts up now and down when dropped.
struct Counted(Gauge);

impl Counted {
    fn one(gauge: &Gauge) -> Self {
        gauge.add(1);
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.add(-1);
    }
}

impl QueryPool {
    pub fn new(bounds: QueryBounds, clock: Arc<dyn Clock>, registry: &Registry) -> Self {
        let gauge = |name, help| registry.gauge(name, help, &[]);
        gauge("oriel_query_concurrency_limit", "Queries that may run at one time.")
            .set(bounds.concurrency as i64);
        gauge("oriel_query_waiting_limit", "Queries that may wait.").set(bounds.waiting_max as i64);
        Self {
            bounds,
            places: Arc::new(Semaphore::new(bounds.concurrency.max(1))),
            clock,
            waiting: gauge("oriel_query_waiting", "Queries that wait for their turn."),
            running: gauge("oriel_query_running", "Queries that run."),
            refused: registry.counter(
                "oriel_query_refused_total",
                "Queries refused because too many were waiting.",
                &[],
            ),
            stopped: registry.counter(
                "oriel_query_stopped_total",
                "Queries stopped by a bound, a deadline or their client.",
                &[],
            ),
            seconds: registry.histogram(
                "oriel_query_seconds",
                "Time from arrival to answer.",
                &[],
                Histogram::SECONDS,
            ),
            bytes: registry.histogram(
                "oriel_query_read_bytes",
                "Bytes that queries read.",
                &[],
                Histogram::BYTES,
            ),
        }
    }

    pub fn bounds(&self) -> QueryBounds {
        self.bounds
    }

    /// Runs `work` when it is its turn. `timeout` can shorten the time that a query has, not lengthen it.
    pub async fn run<T: Send + 'static>(
        &self,
        timeout: Option<Duration>,
        work: impl FnOnce(&QueryBudget) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let arrived_at = self.clock.monotonic();
        let timeout = timeout.map_or(self.bounds.timeout, |asked| asked.min(self.bounds.timeout));
        let clock = self.clock.clone();
        let budget = QueryBudget::new(
            self.bounds.bytes_max,
            arrived_at + timeout,
            Box::new(move || clock.monotonic()),
        );
        let cancel = CancelOnDrop(budget.clone());
        let answer = tokio::time::timeout(timeout, self.take_turn(budget.clone(), work)).await;
        drop(cancel);
        self.seconds.observe(self.clock.monotonic().saturating_sub(arrived_at).as_secs_f64());
        self.bytes.observe(budget.spent_bytes() as f64);
        let answer = answer.unwrap_or_else(|_| Err(limits::QueryStopped::Deadline.into()));
        if answer.as_ref().is_err_and(|refusal| matches!(refusal.kind, Kind::Canceled | Kind::Timeout)) {
            self.stopped.inc();
        }
        answer
    }

    async fn take_turn<T: Send + 'static>(
        &self,
        budget: QueryBudget,
        work: impl FnOnce(&QueryBudget) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let waiting = Counted::one(&self.waiting);
        if self.waiting.get() > self.bounds.waiting_max as i64 && self.places.available_permits() == 0 {
            self.refused.inc();
            return Err(Refusal::new(Kind::Unavailable, "too many queries are waiting, try again later"));
        }
        let place = self.places.clone().acquire_owned().await.expect("the semaphore is never closed");
        drop(waiting);
        let running = Counted::one(&self.running);
        let work = tokio::task::spawn_blocking(move || {
            let answer = budget.check().map_err(Refusal::from).and_then(|()| work(&budget));
            drop((place, running));
            answer
        });
        work.await.unwrap_or_else(|failed| {
            tracing::error!(%failed, "a query could not be processed");
            Err(Refusal::new(Kind::Internal, "internal error while processing the query"))
        })
    }
}

#[cfg(test)]
mod tests {
    use ports::sim::SimClock;

    use super::*;

    fn pool(bounds: QueryBounds) -> QueryPool {
        QueryPool::new(bounds, Arc::new(SimClock::new(0)), &Registry::new())
    }

    #[tokio::test]
    async fn a_dropped_query_is_cancelled_and_frees_its_place() {
        let pool = Arc::new(pool(QueryBounds { concurrency: 1, ..QueryBounds::default() }));
        let (started, is_started) = tokio::sync::oneshot::channel();
        let (ended, is_ended) = tokio::sync::oneshot::channel();
        let query = tokio::spawn({
            let pool = pool.clone();
            async move {
                pool.run(None, move |budget| {
                    started.send(()).unwrap();
                    while budget.check().is_ok() {
                        std::thread::yield_now();
                    }
                    ended.send(budget.check().unwrap_err()).unwrap();
                    Ok(())
                })
                .await
            }
        });
        is_started.await.unwrap();
        query.abort();
        assert_eq!(is_ended.await.unwrap(), limits::QueryStopped::Cancelled);
        assert_eq!(pool.run(None, |_| Ok(7)).await, Ok(7));
    }

    #[tokio::test]
    async fn a_query_ends_by_its_deadline_even_if_it_does_not_look() {
        let pool = Arc::new(pool(QueryBounds { concurrency: 1, waiting_max: 0, ..QueryBounds::default() }));
        let (finish, wait) = std::sync::mpsc::sync_channel::<()>(1);
        let stuck = pool.run(Some(Duration::from_millis(5)), move |_| {
            let _ = wait.recv();
            Ok(())
        });
        assert_eq!(stuck.await.unwrap_err().kind, Kind::Timeout);
        // Its place is still taken, and nobody may wait.
        assert_eq!(pool.run(None, |_| Ok(())).await.unwrap_err().kind, Kind::Unavailable);
        finish.send(()).unwrap();
    }
}
