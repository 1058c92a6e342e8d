//! Time, as the product may know it.

use std::time::Duration;

/// The only source of time.
pub trait Clock: Send + Sync + 'static {
    /// Wall clock, milliseconds since 1970. May jump.
    fn now_ms(&self) -> i64;
    /// Since some fixed moment; never goes back.
    fn monotonic(&self) -> Duration;
}
