//! The scrubber: reads every section of every live file again, slowly, and audits that offsets have no gap and no overlap.
//!
//! What it finds corrupt goes into quarantine by an entry in the catalog: the file stays live, so that queries which need it fail instead
//! of being short of data, and is neither merged nor changed.

use std::sync::Arc;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use super::{Lane, StoreError};
use crate::block::BlockHandle;
use crate::catalog::Quarantined;
use crate::container::ContainerError;
use crate::engine::SignalEngine;
use crate::object::{block_on, retried};

/// What the scrubber has seen, for the status page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScrubReport {
    /// Times that everything was read.
    pub rounds: u64,
    /// Wall clock at the end of the last round, milliseconds; 0 before.
    pub round_ended_ms: i64,
    pub files_checked: u64,
    pub bytes_checked: u64,
    /// Why the last audit of offsets failed; `None`: it did not.
    pub audit_failure: Option<String>,
}

#[derive(Default)]
pub(super) struct Scrubber {
    pub report: ScrubReport,
    /// The file that was checked last in this round.
    after: Option<String>,
    /// Allowance spent in advance.
    debt_bytes: u64,
    last_turn: Option<Duration>,
    round_began: Option<Duration>,
}

impl<E: SignalEngine> Lane<E> {
    /// Checks as many bytes as the time since the last turn allows (a file at least, once the allowance covers the one before).
    pub(super) fn scrub_turn(&self) -> Result<(), StoreError> {
        let now = self.deps.clock.monotonic();
        let mut allowance = {
            let mut scrubber = self.scrubber.lock();
            let since = scrubber.round_began.map(|began| now.saturating_sub(began));
            if scrubber.after.is_none() {
                if since.is_some_and(|since| since < self.config.scrub_every) {
                    return Ok(());
                }
                scrubber.round_began = Some(now);
            }
            let elapsed = now.saturating_sub(scrubber.last_turn.replace(now).unwrap_or(now));
            let earned = (elapsed.as_secs_f64() * self.config.scrub_bytes_per_second as f64) as u64;
            let paid = scrubber.debt_bytes.min(earned);
            scrubber.debt_bytes -= paid;
            if scrubber.debt_bytes > 0 {
                return Ok(());
            }
            (earned - paid).max(1)
        };
        while allowance > 0 {
            let Some(file) = self.next_to_scrub() else { return self.end_round() };
            self.check_file(&file)?;
            let mut scrubber = self.scrubber.lock();
            scrubber.report.files_checked += 1;
            scrubber.report.bytes_checked += file.len;
            scrubber.after = Some(file.name.clone());
            self.metrics.scrubbed_bytes.add(file.len);
            if file.len > allowance {
                scrubber.debt_bytes = file.len - allowance;
            }
            allowance = allowance.saturating_sub(file.len);
        }
        Ok(())
    }

    /// Reads everything once, now. Blocking.
    pub fn scrub_now(&self) -> Result<ScrubReport, StoreError> {
        for file in self.snapshot().files {
            self.check_file(&file)?;
            let mut scrubber = self.scrubber.lock();
            scrubber.report.files_checked += 1;
            scrubber.report.bytes_checked += file.len;
        }
        self.end_round()?;
        Ok(self.scrubber.lock().report.clone())
    }

    fn next_to_scrub(&self) -> Option<Arc<BlockHandle>> {
        let after = self.scrubber.lock().after.clone();
        let files = self.snapshot().files;
        let later = |file: &&Arc<BlockHandle>| after.as_ref().is_none_or(|after| file.name > *after);
        files.iter().filter(later).min_by(|a, b| a.name.cmp(&b.name)).cloned()
    }

    fn end_round(&self) -> Result<(), StoreError> {
        let audit_failure = self.audit()?.err();
        if let Some(failure) = &audit_failure {
            self.metrics.audit_failures.inc();
            tracing::error!(signal = E::SIGNAL.name(), failure, "the audit of published files failed");
        }
        let mut scrubber = self.scrubber.lock();
        scrubber.after = None;
        scrubber.report.rounds += 1;
        scrubber.report.round_ended_ms = self.deps.clock.now_ms();
        scrubber.report.audit_failure = audit_failure;
        Ok(())
    }

    /// No gap, no overlap, every live file there and as long as the catalog says, nothing of a file's range outside of its span.
    fn audit(&self) -> Result<Result<(), String>, StoreError> {
        let (state, files) = {
            let published = self.published.lock();
            (published.catalog.state().clone(), self.snapshot().files)
        };
        if let Err(reason) = state.check() {
            return Ok(Err(reason));
        }
        for file in files {
            match retried(|| block_on(self.deps.store.len(&file.name))) {
                Ok(len) if len == file.len => {}
                Ok(len) => {
                    return Ok(Err(format!("{} has {len} bytes, the catalog says {}", file.name, file.len)));
                }
                Err(ports::StoreError::NotFound(name)) => return Ok(Err(format!("{name} is missing"))),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Ok(()))
    }

    fn check_file(&self, file: &BlockHandle) -> Result<(), StoreError> {
        if file.quarantined().is_some() {
            return if is_restored(file) { self.release(&file.name) } else { Ok(()) };
        }
        match read_all(file) {
            Ok(()) => Ok(()),
            Err(ContainerError::Corrupt { reason, .. }) => self.quarantine(&file.name, &reason),
            Err(ContainerError::Io { source, .. })
                if matches!(
                    source.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::UnexpectedEof
                ) =>
            {
                // Retention or a merge may just have let go of it.
                let live = self.published.lock().handles.contains_key(&file.name);
                if live { self.quarantine(&file.name, &source.to_string()) } else { Ok(()) }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A query that met corruption reports the file here; it is read again and, if it is really corrupt, put in quarantine.
    pub fn suspect(&self, name: &str) -> Result<(), StoreError> {
        let file = self.published.lock().handles.get(name).cloned();
        file.map_or(Ok(()), |file| self.check_file(&file))
    }

    /// Takes a file that is whole again out of quarantine.
    fn release(&self, name: &str) -> Result<(), StoreError> {
        let mut published = self.published.lock();
        let Some(handle) = published.handles.get(name).cloned() else { return Ok(()) };
        tracing::info!(name, "a block in quarantine is whole again: it is read as before");
        let mut next = published.catalog.state().clone();
        next.quarantined.retain(|file| file.name != name);
        self.publish(&mut published, next, None)?;
        handle.release();
        Ok(())
    }

    /// Enters a live file into the catalog's list of those that must not be read.
    pub(super) fn quarantine(&self, name: &str, reason: &str) -> Result<(), StoreError> {
        let mut published = self.published.lock();
        let Some(handle) = published.handles.get(name).cloned() else { return Ok(()) };
        if handle.quarantined().is_some() {
            return Ok(());
        }
        tracing::error!(
            name,
            reason,
            "a block is corrupt: it is in quarantine, and queries that need it fail"
        );
        self.metrics.corruptions.inc();
        handle.quarantine(reason);
        let mut next = published.catalog.state().clone();
        next.quarantined.push(Quarantined { name: name.to_owned(), reason: reason.to_owned() });
        self.publish(&mut published, next, None)
    }
}

/// Whether somebody has put the right file in the place of a corrupt one: its name says its hash.
fn is_restored(file: &BlockHandle) -> bool {
    let hash = file.name.strip_suffix(".blk").and_then(|name| name.rsplit('-').next());
    let Some(hash) = hash.and_then(|hash| u64::from_str_radix(hash, 16).ok()) else { return false };
    file.read_whole().is_ok_and(|bytes| xxh3_64(&bytes) == hash)
}

fn read_all(file: &BlockHandle) -> Result<(), ContainerError> {
    let reader = file.reader_once()?;
    for key in reader.keys() {
        reader.section_uncached(*key)?;
    }
    Ok(())
}
