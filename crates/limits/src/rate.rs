//! Rates per tenant: one token bucket each, so that one tenant's flood is that tenant's 429 and nobody else's.
//!
//! Buckets of tenants that have been quiet long enough to be full again are forgotten, so the map stays small; its bound is
//! [`TenantRates::TENANTS_MAX`], beyond which new tenants are refused until others fall quiet.

use std::time::Duration;

use hashbrown::HashMap;
use model::TenantId;
use parking_lot::Mutex;

/// A rate with its burst.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TenantRate {
    pub bytes_per_second: f64,
    pub burst_bytes: f64,
}

struct Bucket {
    tokens: f64,
    filled_at: Duration,
}

/// The buckets of all tenants.
pub struct TenantRates {
    rate: TenantRate,
    buckets: Mutex<HashMap<TenantId, Bucket>>,
}

impl TenantRates {
    /// Tenants that may have a bucket at one time.
    pub const TENANTS_MAX: usize = 100_000;

    pub fn new(rate: TenantRate) -> Self {
        Self { rate, buckets: Mutex::default() }
    }

    pub fn rate(&self) -> TenantRate {
        self.rate
    }

    /// Takes `bytes` from the bucket of `tenant`, or says how long to wait until they are there. A request larger than the burst passes when the bucket is
    /// full: it could otherwise never pass.
    pub fn take(&self, tenant: &TenantId, bytes: usize, now: Duration) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock();
        if buckets.len() >= Self::TENANTS_MAX && !buckets.contains_key(tenant) {
            let rate = self.rate;
            buckets.retain(|_, bucket| rate.refill(bucket, now) < rate.burst_bytes);
            if buckets.len() >= Self::TENANTS_MAX {
                return Err(Duration::from_secs(1));
            }
        }
        let full = || Bucket { tokens: self.rate.burst_bytes, filled_at: now };
        let bucket = buckets.entry(tenant.clone()).or_insert_with(full);
        bucket.tokens = self.rate.refill(bucket, now);
        bucket.filled_at = bucket.filled_at.max(now);
        let need = (bytes as f64).min(self.rate.burst_bytes);
        if bucket.tokens < need {
            let wait_seconds = (need - bucket.tokens) / self.rate.bytes_per_second.max(f64::MIN_POSITIVE);
            return Err(Duration::from_secs_f64(wait_seconds.clamp(0.001, 3600.0)));
        }
        bucket.tokens -= bytes as f64;
        Ok(())
    }
}

impl TenantRate {
    fn refill(&self, bucket: &Bucket, now: Duration) -> f64 {
        let elapsed = now.saturating_sub(bucket.filled_at).as_secs_f64();
        (bucket.tokens + elapsed * self.bytes_per_second).min(self.burst_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_waits_for_its_own_bucket_only() {
        let rates = TenantRates::new(TenantRate { bytes_per_second: 100.0, burst_bytes: 200.0 });
        let (loud, quiet) = (TenantId::new("loud").unwrap(), TenantId::new("quiet").unwrap());
        let at = Duration::from_secs;
        assert_eq!(rates.take(&loud, 200, at(10)), Ok(()));
        assert_eq!(rates.take(&loud, 50, at(10)), Err(Duration::from_millis(500)));
        assert_eq!(rates.take(&quiet, 200, at(10)), Ok(()));
        assert_eq!(rates.take(&loud, 100, at(11)), Ok(()));
        // Larger than the burst: passes when full, and is paid back afterwards.
        assert_eq!(rates.take(&loud, 500, at(20)), Ok(()));
        assert!(rates.take(&loud, 1, at(21)).is_err());
        assert_eq!(rates.take(&loud, 1, at(24)), Ok(()));
    }
}
