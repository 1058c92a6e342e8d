//! A clock that moves when it is told to.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::Clock;

/// Starts at a given wall time; both its times move together, the wall clock may also be set apart.
#[derive(Debug)]
pub struct SimClock {
    wall_ms: AtomicI64,
    monotonic_ms: AtomicI64,
}

impl SimClock {
    pub fn new(wall_ms: i64) -> Self {
        Self { wall_ms: AtomicI64::new(wall_ms), monotonic_ms: AtomicI64::new(0) }
    }

    pub fn advance_ms(&self, by_ms: u32) {
        self.wall_ms.fetch_add(i64::from(by_ms), Ordering::SeqCst);
        self.monotonic_ms.fetch_add(i64::from(by_ms), Ordering::SeqCst);
    }

    /// Sets the wall clock, as an operator or NTP would; the monotonic time does not notice.
    pub fn jump_to_ms(&self, wall_ms: i64) {
        self.wall_ms.store(wall_ms, Ordering::SeqCst);
    }
}

impl Clock for SimClock {
    fn now_ms(&self) -> i64 {
        self.wall_ms.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.monotonic_ms.load(Ordering::SeqCst).max(0).unsigned_abs())
    }
}
