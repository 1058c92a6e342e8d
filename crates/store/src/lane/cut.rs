//! Cutting: the oldest sealed generation becomes files, and the journal lets go of what two commits have covered.

use std::sync::Arc;
use std::sync::Weak;
use std::time::Duration;

use ports::Journal;

use super::generation::{Generation, Sealed};
use super::{Lane, StoreError};
use crate::catalog::{CatalogState, Span};
use crate::engine::SignalEngine;

/// How far cutting has come, for those who wait for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    pub next_offset: u64,
    pub failures: u64,
    pub error: String,
}

const BACKOFF_FIRST: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// The cutter's thread: cuts whenever a generation is complete, and tries again when that fails.
pub(super) fn run<E: SignalEngine>(lane: Weak<Lane<E>>, bell: Arc<super::Bell>) {
    let mut backoff = None;
    loop {
        let heard = bell.heard();
        let Some(strong) = lane.upgrade() else { return };
        backoff = match strong.cut_now() {
            Ok(()) => None,
            Err(_) => Some(backoff.map_or(BACKOFF_FIRST, |last: Duration| (last * 2).min(BACKOFF_MAX))),
        };
        drop(strong);
        if bell.stopped() {
            return;
        }
        bell.wait(heard, backoff);
        if bell.stopped() {
            return;
        }
    }
}

impl<E: SignalEngine> Lane<E> {
    /// Cuts all generations that are complete. Blocking.
    pub fn cut_now(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.cutting.lock();
        loop {
            let oldest = self.view.load().generations.first().cloned();
            let Some((oldest, sealed)) = oldest.and_then(|oldest| Some((oldest.clone(), oldest.complete()?)))
            else {
                return Ok(());
            };
            let started = self.deps.clock.monotonic();
            if let Err(error) = self.cut(&oldest, sealed) {
                if matches!(error, StoreError::Closed(_)) {
                    return Err(error);
                }
                tracing::error!(signal = E::SIGNAL.name(), %error, "a cut failed; it will be tried again");
                self.metrics.cut_failures.inc();
                self.progress.send_modify(|progress| {
                    progress.failures += 1;
                    progress.error = error.to_string();
                });
                return Err(error);
            }
            self.metrics.cuts.inc();
            self.metrics.cut_seconds.observe((self.deps.clock.monotonic() - started).as_secs_f64());
        }
    }

    fn cut(&self, generation: &Generation<E>, sealed: Sealed) -> Result<(), StoreError> {
        let offsets = generation.first..sealed.end;
        let built = self.engine.build(&generation.head, offsets.clone())?;
        let files = self.write_files(0, &offsets, built)?;
        let next_offset = {
            let mut published = self.published.lock();
            let mut next: CatalogState = published.catalog.state().clone();
            next.spans.push(Span { offsets: offsets.clone(), level: 0, window_ms: sealed.window_ms, files });
            next.next_offset = offsets.end;
            for damage in self.journal.damage() {
                if !next.damage.contains(&damage) {
                    next.damage.push(damage);
                }
            }
            self.publish(&mut published, next, Some(generation.first))?;
            published.catalog.state().next_offset
        };
        {
            let mut order = self.order.lock();
            order.waiting = order.waiting.saturating_sub(1);
            self.metrics.waiting.set(order.waiting as i64);
        }
        self.weigh();
        self.progress.send_modify(|progress| progress.next_offset = next_offset);
        self.maintain_bell.ring();
        self.trim();
        Ok(())
    }

    /// The journal keeps what the state before the newest needs, in case the newest catalog object turns out to be broken.
    pub(super) fn trim(&self) {
        let covered = self.published.lock().catalog.previous().next_offset;
        if let Err(error) = self.journal.trim(covered) {
            tracing::warn!(signal = E::SIGNAL.name(), %error, "the journal could not be trimmed");
        }
    }
}
