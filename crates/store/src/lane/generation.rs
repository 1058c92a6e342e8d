//! Generations: the records between two cuts, in one head; and the rule that says where one ends.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::engine::SignalEngine;

/// Where to cut: a pure function of the records since the last cut, so that a replay cuts at the same places.
///
/// A generation ends before a record whose time of receipt lies in a later window than that of the generation's first record, and after
/// the record that brings its payloads to `cut_bytes`. A clock that goes back ends nothing.
#[derive(Clone, Debug)]
pub(crate) struct CutRule {
    cut_bytes: u64,
    interval_ms: i64,
    bytes: u64,
    window_ms: Option<i64>,
}

impl CutRule {
    pub fn new(cut_bytes: u64, interval_ms: i64) -> Self {
        Self { cut_bytes, interval_ms: interval_ms.max(1), bytes: 0, window_ms: None }
    }

    /// Whether a record received then belongs to the next generation.
    pub fn ends_before(&self, received_at_ms: i64) -> bool {
        self.window_ms.is_some_and(|window_ms| self.window_of(received_at_ms) > window_ms)
    }

    /// Takes in a record of this generation. True: it is the last.
    pub fn take(&mut self, received_at_ms: i64, plain_len: u32) -> bool {
        self.window_ms.get_or_insert(received_at_ms - received_at_ms.rem_euclid(self.interval_ms));
        self.bytes += u64::from(plain_len);
        self.bytes >= self.cut_bytes
    }

    /// Starts the next generation. Returns the start of the window of the one that ended.
    pub fn restart(&mut self) -> i64 {
        self.bytes = 0;
        self.window_ms.take().unwrap_or(0)
    }

    pub fn is_empty(&self) -> bool {
        self.window_ms.is_none()
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn window_of(&self, received_at_ms: i64) -> i64 {
        received_at_ms - received_at_ms.rem_euclid(self.interval_ms)
    }
}

/// How a generation ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sealed {
    /// Offset after its last record.
    pub end: u64,
    pub window_ms: i64,
}

/// A head and what is known of the records in it.
pub(super) struct Generation<E: SignalEngine> {
    pub head: Arc<E::Head>,
    pub first: u64,
    sealed: OnceLock<Sealed>,
    /// Records that have a place here and are not applied yet.
    under_way: AtomicUsize,
}

impl<E: SignalEngine> Generation<E> {
    pub fn new(head: E::Head, first: u64) -> Self {
        Self { head: Arc::new(head), first, sealed: OnceLock::new(), under_way: AtomicUsize::new(0) }
    }

    /// A record gets its place. Under the order lock.
    pub fn enter(&self) {
        self.under_way.fetch_add(1, Ordering::AcqRel);
    }

    /// A record has been applied. True: it was the last one of a sealed generation.
    pub fn leave(&self) -> bool {
        self.under_way.fetch_sub(1, Ordering::AcqRel) == 1 && self.sealed.get().is_some()
    }

    /// No record enters any more. Under the order lock, once.
    pub fn seal(&self, sealed: Sealed) {
        let _ = self.sealed.set(sealed);
    }

    /// The end, if it has one and everything has been applied: the head will not change any more.
    pub fn complete(&self) -> Option<Sealed> {
        let sealed = self.sealed.get()?;
        (self.under_way.load(Ordering::Acquire) == 0).then_some(*sealed)
    }

    pub fn is_sealed(&self) -> bool {
        self.sealed.get().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing but its name: enough for a generation.
    struct Empty;

    impl SignalEngine for Empty {
        const SIGNAL: model::Signal = model::Signal::Logs;
        type Head = ();
        type Prepared = ();

        fn new_head(&self) {}

        fn prepare(&self, _: &ports::Record) -> Result<(), String> {
            Ok(())
        }

        fn apply(&self, (): &(), _: u64, (): ()) {}

        fn head_bytes(&self, (): &()) -> usize {
            0
        }

        fn build(
            &self,
            (): &(),
            _: std::ops::Range<u64>,
        ) -> Result<Vec<crate::NewFile>, crate::ContainerError> {
            Ok(Vec::new())
        }

        fn merge(
            &self,
            _: &[Arc<crate::BlockReader>],
            _: &crate::Keep,
        ) -> Result<Vec<crate::NewFile>, crate::ContainerError> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn a_generation_is_complete_when_sealed_and_all_applied() {
        let generation = Generation::<Empty>::new((), 0);
        generation.enter();
        generation.enter();
        assert!(!generation.leave());
        assert!(generation.complete().is_none());
        generation.seal(Sealed { end: 2, window_ms: 0 });
        assert!(generation.complete().is_none(), "one record is still on its way");
        assert!(generation.leave(), "the last one says so");
        assert_eq!(generation.complete().map(|sealed| sealed.end), Some(2));
    }

    /// Where the rule cuts a sequence of (received at, plain length).
    fn cuts(records: &[(i64, u32)]) -> Vec<usize> {
        let mut rule = CutRule::new(100, 1000);
        let mut cuts = Vec::new();
        for (place, (received_at_ms, plain_len)) in records.iter().enumerate() {
            if rule.ends_before(*received_at_ms) {
                rule.restart();
                cuts.push(place);
            }
            if rule.take(*received_at_ms, *plain_len) {
                rule.restart();
                cuts.push(place + 1);
            }
        }
        cuts
    }

    #[test]
    fn bytes_and_windows_cut() {
        assert_eq!(cuts(&[(5, 60), (6, 39), (7, 1), (8, 1)]), [3]);
        assert_eq!(cuts(&[(999, 1), (1000, 1), (1999, 1), (2000, 1)]), [1, 3]);
        assert_eq!(cuts(&[(5000, 1), (4000, 1), (5999, 1), (-1, 1), (6000, 1)]), [4]);
        assert_eq!(cuts(&[(-1, 1), (0, 1)]), [1]);
        assert_eq!(cuts(&[(0, 500), (0, 500)]), [1, 2]);
    }
}
