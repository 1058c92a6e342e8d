//! What one query may use: a deadline, bytes read, and a way to be told that nobody waits any more.
//!
//! Cheap enough to ask per chunk. The owner of the query (the door) cancels; readers call [`QueryBudget::spend`] as they go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Shared between a door and the readers that work for it.
#[derive(Clone)]
pub struct QueryBudget {
    shared: Arc<Shared>,
}

struct Shared {
    cancelled: AtomicBool,
    spent_bytes: AtomicU64,
    limit_bytes: u64,
    /// On the monotonic clock of `now`.
    deadline: Duration,
    now: Box<dyn Fn() -> Duration + Send + Sync>,
}

/// Why a query had to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryStopped {
    #[error("query was cancelled")]
    Cancelled,
    #[error("query timed out")]
    Deadline,
    #[error(
        "query would read more than its budget of {limit_bytes} bytes; narrow the time range or the selector"
    )]
    OverBudget { limit_bytes: u64 },
}

impl QueryBudget {
    /// `now` is a monotonic clock; the query may run until `deadline` on it.
    pub fn new(limit_bytes: u64, deadline: Duration, now: Box<dyn Fn() -> Duration + Send + Sync>) -> Self {
        let (cancelled, spent_bytes) = (AtomicBool::new(false), AtomicU64::new(0));
        Self { shared: Arc::new(Shared { cancelled, spent_bytes, limit_bytes, deadline, now }) }
    }

    /// No deadline and no bound: for tests and for background work that is bounded otherwise.
    pub fn unlimited() -> Self {
        Self::new(u64::MAX, Duration::MAX, Box::new(|| Duration::ZERO))
    }

    /// Accounts for `bytes` more, and says whether the query may go on.
    pub fn spend(&self, bytes: u64) -> Result<(), QueryStopped> {
        let limit_bytes = self.shared.limit_bytes;
        let before = self.shared.spent_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > limit_bytes {
            return Err(QueryStopped::OverBudget { limit_bytes });
        }
        self.check()
    }

    pub fn check(&self) -> Result<(), QueryStopped> {
        if self.shared.cancelled.load(Ordering::Relaxed) {
            return Err(QueryStopped::Cancelled);
        }
        if self.shared.deadline != Duration::MAX && (self.shared.now)() >= self.shared.deadline {
            return Err(QueryStopped::Deadline);
        }
        Ok(())
    }

    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::Relaxed);
    }

    pub fn spent_bytes(&self) -> u64 {
        self.shared.spent_bytes.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for QueryBudget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let limit_bytes = self.shared.limit_bytes;
        f.debug_struct("QueryBudget")
            .field("spent", &self.spent_bytes())
            .field("limit", &limit_bytes)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_stops_for_each_reason() {
        let clock = Arc::new(AtomicU64::new(0));
        let seen = clock.clone();
        let now = Box::new(move || Duration::from_secs(seen.load(Ordering::Relaxed)));
        let budget = QueryBudget::new(100, Duration::from_secs(5), now);
        assert_eq!(budget.spend(100), Ok(()));
        assert_eq!(budget.spend(1), Err(QueryStopped::OverBudget { limit_bytes: 100 }));
        assert_eq!(budget.check(), Ok(()));
        clock.store(5, Ordering::Relaxed);
        assert_eq!(budget.check(), Err(QueryStopped::Deadline));
        budget.clone().cancel();
        assert_eq!(budget.check(), Err(QueryStopped::Cancelled));
    }
}
