//! What one evaluation holds in memory, counted in samples and bytes, and its right to go on.
//!
//! Whoever keeps results for longer than one series takes a [`Charge`] and gives it back by dropping it. Reading and window scratch is not counted
//! sample by sample: it is bounded by one series per thread.

use crate::error::EvalError;
use limits::{MemoryGuard, QueryBudget, Reservation};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bounds of one evaluation.
#[derive(Clone)]
pub struct Bounds {
    /// Most samples held at any time; a histogram counts by its size in units of 16 bytes.
    pub max_samples: usize,
    /// Most bytes held at any time.
    pub max_bytes: usize,
    /// Memory shared by all queries, if it is bounded.
    pub pool: Option<Arc<MemoryGuard>>,
    /// Deadline, cancellation and bytes read.
    pub budget: QueryBudget,
}

impl Bounds {
    /// Prometheus's default for `query.max-samples`.
    pub const DEFAULT_MAX_SAMPLES: usize = 50_000_000;
    /// Default for the memory of one query.
    pub const DEFAULT_MAX_BYTES: usize = 2 << 30;

    pub fn new(budget: QueryBudget) -> Self {
        Self {
            max_samples: Self::DEFAULT_MAX_SAMPLES,
            max_bytes: Self::DEFAULT_MAX_BYTES,
            pool: None,
            budget,
        }
    }
}

/// A grid may always have this many steps, however few samples are allowed.
const LEAST_STEP_BOUND: usize = 10_000_000;

/// Counts what an evaluation holds.
pub(crate) struct Meter {
    bounds: Bounds,
    samples: AtomicUsize,
    bytes: AtomicUsize,
    peak_samples: AtomicUsize,
    peak_bytes: AtomicUsize,
}

impl Meter {
    pub fn new(bounds: Bounds) -> Arc<Self> {
        let zero = || AtomicUsize::new(0);
        Arc::new(Self { bounds, samples: zero(), bytes: zero(), peak_samples: zero(), peak_bytes: zero() })
    }

    pub fn budget(&self) -> &QueryBudget {
        &self.bounds.budget
    }

    /// The most steps that a grid may have, whether or not there are samples at them.
    pub fn max_steps(&self) -> usize {
        self.bounds.max_samples.max(LEAST_STEP_BOUND)
    }

    pub fn check(&self) -> Result<(), EvalError> {
        Ok(self.bounds.budget.check()?)
    }

    /// Counts `samples` and `bytes` until the charge is dropped.
    pub fn charge(self: &Arc<Self>, samples: usize, bytes: usize) -> Result<Charge, EvalError> {
        let mut charge = Charge { meter: Arc::clone(self), samples, bytes, _pool: None };
        let samples = self.samples.fetch_add(samples, Ordering::Relaxed).saturating_add(samples);
        let held = self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if samples > self.bounds.max_samples {
            return Err(EvalError::TooManySamples);
        }
        if held > self.bounds.max_bytes {
            let limit = self.bounds.max_bytes;
            return Err(EvalError::TooMuchMemory(format!(
                "the limit of {limit} bytes for one query is reached"
            )));
        }
        if let Some(pool) = &self.bounds.pool {
            charge._pool =
                Some(pool.reserve(bytes).map_err(|over| EvalError::TooMuchMemory(over.to_string()))?);
        }
        self.peak_samples.fetch_max(samples, Ordering::Relaxed);
        self.peak_bytes.fetch_max(held, Ordering::Relaxed);
        Ok(charge)
    }

    pub fn peak_samples(&self) -> usize {
        self.peak_samples.load(Ordering::Relaxed)
    }

    pub fn peak_bytes(&self) -> usize {
        self.peak_bytes.load(Ordering::Relaxed)
    }
}

/// Counts work within one series or one step, and asks now and then whether to go on.
pub(crate) struct Pace<'a> {
    budget: &'a QueryBudget,
    left: usize,
}

impl<'a> Pace<'a> {
    /// Samples that are looked at between two questions: well below the ten milliseconds in which a query has to stop.
    const INTERVAL: usize = 1 << 16;

    pub fn new(budget: &'a QueryBudget) -> Self {
        Self { budget, left: Self::INTERVAL }
    }

    #[inline]
    pub fn spend(&mut self, work: usize) -> Result<(), EvalError> {
        if work < self.left {
            self.left -= work;
            return Ok(());
        }
        self.left = Self::INTERVAL;
        Ok(self.budget.check()?)
    }
}

/// Memory that is spoken for.
pub(crate) struct Charge {
    meter: Arc<Meter>,
    samples: usize,
    bytes: usize,
    _pool: Option<Reservation>,
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.meter.samples.fetch_sub(self.samples, Ordering::Relaxed);
        self.meter.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_are_refused_at_the_bound_and_given_back() {
        let bounds = Bounds { max_samples: 10, max_bytes: 100, ..Bounds::new(QueryBudget::unlimited()) };
        let meter = Meter::new(bounds);
        let held = meter.charge(8, 60).unwrap();
        assert_eq!(meter.charge(3, 0).err(), Some(EvalError::TooManySamples));
        assert!(matches!(meter.charge(0, 50), Err(EvalError::TooMuchMemory(_))));
        drop(held);
        assert!(meter.charge(10, 100).is_ok());
        assert_eq!((meter.peak_samples(), meter.samples.load(Ordering::Relaxed)), (10, 0));
    }
}
