//! The memory budget: requests in flight reserve what they hold, heads are counted by their owners, and together they stay under one number.
//!
//! A reservation is given back when it is dropped. The guard never frees memory itself: it refuses new work until old work is done.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes held by something that is not a request, for instance the heads of a store.
pub type HeldBytes = Box<dyn Fn() -> usize + Send + Sync>;

/// Counts memory against a budget.
pub struct MemoryGuard {
    budget_bytes: usize,
    in_flight_bytes: AtomicUsize,
    held: Vec<HeldBytes>,
}

/// The budget is used up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "memory budget of {budget_bytes} bytes is used up ({in_flight_bytes} in requests, {held_bytes} in heads)"
)]
pub struct OverBudget {
    pub budget_bytes: usize,
    pub in_flight_bytes: usize,
    pub held_bytes: usize,
}

impl MemoryGuard {
    pub fn new(budget_bytes: usize, held: Vec<HeldBytes>) -> Arc<Self> {
        Arc::new(Self { budget_bytes, in_flight_bytes: AtomicUsize::new(0), held })
    }

    /// Counts `bytes` until the reservation is dropped. An idle guard takes one request of any size, or a body larger than what heads leave
    /// could never come in.
    pub fn reserve(self: &Arc<Self>, bytes: usize) -> Result<Reservation, OverBudget> {
        let held_bytes = self.held_bytes();
        let before = self.in_flight_bytes.fetch_add(bytes, Ordering::Relaxed);
        let total = before.saturating_add(bytes).saturating_add(held_bytes);
        let fits = total <= self.budget_bytes || (before == 0 && held_bytes <= self.budget_bytes);
        if !fits {
            self.in_flight_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(OverBudget { budget_bytes: self.budget_bytes, in_flight_bytes: before, held_bytes });
        }
        Ok(Reservation { guard: self.clone(), bytes })
    }

    pub fn budget_bytes(&self) -> usize {
        self.budget_bytes
    }

    pub fn in_flight_bytes(&self) -> usize {
        self.in_flight_bytes.load(Ordering::Relaxed)
    }

    pub fn held_bytes(&self) -> usize {
        self.held.iter().map(|held| held()).sum()
    }
}

/// Memory that is spoken for.
pub struct Reservation {
    guard: Arc<MemoryGuard>,
    bytes: usize,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.guard.in_flight_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservations_stay_under_the_budget_and_come_back() {
        let heads = Arc::new(AtomicUsize::new(40));
        let seen = heads.clone();
        let guard = MemoryGuard::new(100, vec![Box::new(move || seen.load(Ordering::Relaxed))]);
        let first = guard.reserve(50).unwrap();
        let refused = guard.reserve(11).err().unwrap();
        assert_eq!((refused.in_flight_bytes, refused.held_bytes), (50, 40));
        drop(first);
        assert_eq!(guard.in_flight_bytes(), 0);
        // Alone, even a large one goes through; with heads over the budget, nothing does.
        let large = guard.reserve(500).unwrap();
        assert!(guard.reserve(1).is_err());
        drop(large);
        heads.store(101, Ordering::Relaxed);
        assert!(guard.reserve(1).is_err());
        assert_eq!(guard.in_flight_bytes(), 0);
    }
}
