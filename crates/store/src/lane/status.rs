//! A lane in numbers, for the status page.

use std::sync::atomic::Ordering;

use model::Signal;
use ports::{Damage, Journal};

use super::Lane;
use super::scrub::ScrubReport;
use crate::catalog::Quarantined;
use crate::engine::SignalEngine;

/// How a lane is.
#[derive(Clone, Debug)]
pub struct LaneStatus {
    pub signal: Signal,
    pub partition: u32,
    /// Records before this are in files.
    pub next_offset: u64,
    pub journal_first: u64,
    pub journal_next: u64,
    pub journal_bytes: u64,
    pub heads: usize,
    pub head_bytes: usize,
    pub files: usize,
    pub file_bytes: u64,
    pub items: u64,
    /// Files of each level, from level 0.
    pub files_by_level: Vec<usize>,
    pub garbage: usize,
    pub quarantined: Vec<Quarantined>,
    pub damage: Vec<Damage>,
    pub scrub: ScrubReport,
    /// Why the last cut failed; empty: it did not.
    pub cut_error: String,
}

impl<E: SignalEngine> Lane<E> {
    /// Bytes of all heads when they were last weighed: one read, for whoever asks often.
    pub fn head_bytes(&self) -> usize {
        self.head_bytes.load(Ordering::Relaxed)
    }

    pub fn status(&self) -> LaneStatus {
        let state = self.published.lock().catalog.state().clone();
        let snapshot = self.snapshot();
        let mut files_by_level = Vec::new();
        for file in &snapshot.files {
            let level = usize::from(file.level);
            if files_by_level.len() <= level {
                files_by_level.resize(level + 1, 0);
            }
            files_by_level[level] += 1;
        }
        LaneStatus {
            signal: E::SIGNAL,
            partition: self.config.partition,
            next_offset: state.next_offset,
            journal_first: self.journal.first(),
            journal_next: self.journal.next(),
            journal_bytes: self.journal.bytes(),
            heads: snapshot.heads.len(),
            head_bytes: self.head_bytes.load(Ordering::Relaxed),
            files: snapshot.files.len(),
            file_bytes: state.bytes(),
            items: state.files().map(|file| file.summary.items).sum(),
            files_by_level,
            garbage: state.garbage.len(),
            quarantined: state.quarantined,
            damage: snapshot.damage.to_vec(),
            scrub: self.scrubber.lock().report.clone(),
            cut_error: self.progress.borrow().error.clone(),
        }
    }
}
