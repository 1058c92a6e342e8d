//! Background work on files: retention, merging, deleting what nobody needs, spent catalog numbers, a turn of the scrubber.
//!
//! One turn does one merge at most. In a process one lane at a time merges or scrubs, at low priority.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::bell::Bell;
use super::plan::{self, MergeBounds};
use super::publish::Published;
use super::{Lane, StoreError};
use crate::catalog::{CatalogState, Garbage, Span};
use crate::container::ContainerError;
use crate::engine::{Keep, SignalEngine};
use crate::object::block_on;

/// The maintenance thread.
pub(super) fn run<E: SignalEngine>(lane: Weak<Lane<E>>, bell: Arc<Bell>, every: Duration) {
    loop {
        let heard = bell.heard();
        let Some(strong) = lane.upgrade() else { return };
        let mut more = true;
        while more && !bell.stopped() {
            more = strong.maintain_now().unwrap_or_else(|error| {
                if matches!(error, StoreError::Closed(_)) {
                    return false;
                }
                tracing::warn!(signal = E::SIGNAL.name(), %error, "maintenance failed; it will be tried again");
                false
            });
        }
        drop(strong);
        if bell.stopped() {
            return;
        }
        bell.wait(heard, Some(every));
        if bell.stopped() {
            return;
        }
    }
}

impl<E: SignalEngine> Lane<E> {
    /// One turn. True: there is more to merge. Blocking.
    pub fn maintain_now(&self) -> Result<bool, StoreError> {
        let _one_in_a_process = self.deps.maintenance.lock();
        self.expire()?;
        let merged = self.merge_next()?;
        self.settle()?;
        self.delete_garbage()?;
        self.published.lock().catalog.collect()?;
        self.scrub_turn()?;
        Ok(merged)
    }

    fn cutoff_ns(&self) -> Option<i64> {
        let retention_ms = i64::try_from(self.config.retention?.as_millis()).unwrap_or(i64::MAX);
        Some(self.deps.clock.now_ms().saturating_sub(retention_ms).saturating_mul(1_000_000))
    }

    fn expire(&self) -> Result<(), StoreError> {
        let mut published = self.published.lock();
        let gone = plan::expired(published.catalog.state(), self.cutoff_ns(), self.config.retention_bytes);
        if gone.is_empty() {
            return Ok(());
        }
        let mut next = published.catalog.state().clone();
        for span in &mut next.spans {
            span.files.retain(|file| !gone.contains(&file.name));
        }
        let_go(&mut next, gone.iter().cloned(), published.catalog.number() + 1);
        next.forget_empty_front();
        self.publish(&mut published, next, None)?;
        self.metrics.expired_files.add(gone.len() as u64);
        Ok(())
    }

    fn merge_next(&self) -> Result<bool, StoreError> {
        let bounds = MergeBounds {
            fan_in: self.config.compact_fan_in,
            bytes_max: self.config.compact_bytes_max,
            window_ms: i64::try_from(self.config.compact_window.as_millis()).unwrap_or(i64::MAX),
        };
        let state = self.published.lock().catalog.state().clone();
        let Some(range) = plan::next_merge(&state, bounds) else { return Ok(false) };
        let started = self.deps.clock.monotonic();
        match self.merge(&state.spans[range.clone()]) {
            Ok(()) => {}
            Err(StoreError::Block(ContainerError::Corrupt { name, reason })) => {
                self.metrics.merge_failures.inc();
                self.quarantine(&name, &reason)?;
                return Ok(true);
            }
            Err(error) => {
                self.metrics.merge_failures.inc();
                return Err(error);
            }
        }
        self.metrics.merges.inc();
        self.metrics.merge_seconds.observe((self.deps.clock.monotonic() - started).as_secs_f64());
        Ok(true)
    }

    fn merge(&self, spans: &[Span]) -> Result<(), StoreError> {
        let offsets = spans[0].offsets.start..spans[spans.len() - 1].offsets.end;
        let level = spans.iter().map(|span| span.level).max().unwrap_or(0).saturating_add(1);
        let inputs = {
            let published = self.published.lock();
            let handles =
                spans.iter().flat_map(|span| &span.files).map(|file| &published.handles[&file.name]);
            handles.cloned().collect::<Vec<_>>()
        };
        let readers = inputs.iter().map(|handle| handle.reader_once()).collect::<Result<Vec<_>, _>>()?;
        let keep = Keep { from_ns: self.cutoff_ns().unwrap_or(i64::MIN) };
        let merged = if readers.is_empty() { Vec::new() } else { self.engine.merge(&readers, &keep)? };
        drop(readers);
        let files = self.write_files(level, &offsets, merged)?;
        self.metrics.merged_bytes.add(inputs.iter().map(|handle| handle.len).sum());

        let mut published = self.published.lock();
        let mut next = published.catalog.state().clone();
        let place = find(&next, spans).ok_or_else(|| StoreError::Cut {
            signal: E::SIGNAL,
            reason: "files changed under a merge".to_owned(),
        })?;
        let kept: HashSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
        let gone: Vec<String> = inputs
            .iter()
            .map(|handle| handle.name.clone())
            .filter(|name| !kept.contains(name.as_str()))
            .collect();
        let_go(&mut next, gone.into_iter(), published.catalog.number() + 1);
        let merged = Span { offsets, level, window_ms: spans[0].window_ms, files };
        next.spans.splice(place, [merged]);
        next.forget_empty_front();
        self.publish(&mut published, next, None)
    }

    /// One commit more where there is something to let go of, so that the state to fall back to does not need it either.
    fn settle(&self) -> Result<(), StoreError> {
        let mut published = self.published.lock();
        let (state, number) = (published.catalog.state(), published.catalog.number());
        let behind = published.catalog.previous().next_offset < state.next_offset;
        if !behind && !state.garbage.iter().any(|garbage| garbage.dropped_in == number) {
            return Ok(());
        }
        let same = state.clone();
        self.publish(&mut published, same, None)?;
        drop(published);
        self.trim();
        Ok(())
    }

    /// Deletes files that neither the newest catalog nor the one before names, and that no snapshot holds.
    fn delete_garbage(&self) -> Result<(), StoreError> {
        let mut published = self.published.lock();
        if published.catalog.state().garbage.is_empty() {
            return Ok(());
        }
        let gone = self.delete_unheld(&mut published)?;
        if !gone.is_empty() {
            let mut next = published.catalog.state().clone();
            next.garbage.retain(|garbage| !gone.contains(&garbage.name));
            self.publish(&mut published, next, None)?;
            self.metrics.deleted_files.add(gone.len() as u64);
        }
        Ok(())
    }

    fn delete_unheld(&self, published: &mut Published) -> Result<HashSet<String>, StoreError> {
        let number = published.catalog.number();
        let mut gone = HashSet::new();
        for Garbage { name, dropped_in } in published.catalog.state().garbage.clone() {
            let held = published
                .leaving
                .get(&name)
                .is_some_and(|handle| Arc::strong_count(handle) > 1 || handle.in_use());
            if dropped_in < number && !held {
                block_on(self.deps.store.delete(&name))?;
                published.leaving.remove(&name);
                gone.insert(name);
            }
        }
        Ok(gone)
    }
}

/// Where exactly these spans stand now.
fn find(state: &CatalogState, spans: &[Span]) -> Option<Range<usize>> {
    let start = state.spans.iter().position(|span| *span == spans[0])?;
    let range = start..start + spans.len();
    (state.spans.get(range.clone())? == spans).then_some(range)
}

/// Files that the commit `number` lets go.
fn let_go(next: &mut CatalogState, names: impl Iterator<Item = String>, number: u64) {
    for name in names {
        next.quarantined.retain(|file| file.name != name);
        next.garbage.push(Garbage { name, dropped_in: number });
    }
}
