//! The handles that code holds: cheap to clone, lock-free to touch.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// Only goes up.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    pub fn inc(&self) {
        self.add(1);
    }

    pub fn add(&self, by: u64) {
        self.0.fetch_add(by, Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Goes up and down. Whole numbers: bytes, items, milliseconds.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicI64>);

impl Gauge {
    pub fn set(&self, value: i64) {
        self.0.store(value, Relaxed);
    }

    pub fn add(&self, by: i64) {
        self.0.fetch_add(by, Relaxed);
    }

    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// Counts observations in fixed buckets (upper bounds, inclusive).
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Buckets>);

#[derive(Debug)]
struct Buckets {
    bounds: Box<[f64]>,
    /// One per bound and one for the rest, not cumulative.
    counts: Box<[AtomicU64]>,
    /// Bits of an f64.
    sum: AtomicU64,
}

/// A consistent enough reading of a histogram: counts are cumulative, the last one is the total.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    pub bounds: Vec<f64>,
    pub cumulative: Vec<u64>,
    pub sum: f64,
}

impl Histogram {
    /// Seconds from 0.1 ms to 60 s, for durations of requests and background work.
    pub const SECONDS: &'static [f64] = &[
        0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
        60.0,
    ];
    /// Bytes from 1 KiB to 1 GiB in steps of four.
    pub const BYTES: &'static [f64] = &[
        1024.0,
        4096.0,
        16384.0,
        65536.0,
        262144.0,
        1048576.0,
        4194304.0,
        16777216.0,
        67108864.0,
        268435456.0,
        1073741824.0,
    ];

    pub(crate) fn new(bounds: &[f64]) -> Self {
        assert!(bounds.is_sorted(), "bucket bounds ascend");
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Buckets { bounds: bounds.into(), counts, sum: AtomicU64::new(0) }))
    }

    pub fn observe(&self, value: f64) {
        let place = self.0.bounds.partition_point(|bound| *bound < value);
        self.0.counts[place].fetch_add(1, Relaxed);
        let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
        self.0.sum.fetch_update(Relaxed, Relaxed, add).expect("the update always has a value");
    }

    pub fn read(&self) -> Reading {
        let mut total = 0;
        let cumulative = self
            .0
            .counts
            .iter()
            .map(|count| {
                total += count.load(Relaxed);
                total
            })
            .collect();
        Reading { bounds: self.0.bounds.to_vec(), cumulative, sum: f64::from_bits(self.0.sum.load(Relaxed)) }
    }
}
