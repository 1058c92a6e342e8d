//! Publishing: one catalog commit, then one swap of the snapshot. Everything that changes the set of live files comes through here.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use model::Signal;
use parking_lot::MutexGuard;
use xxhash_rust::xxh3::xxh3_64;

use super::{Lane, StoreError, View};
use crate::block::BlockHandle;
use crate::catalog::{Catalog, CatalogError, CatalogState, FileEntry, Span};
use crate::engine::{NewFile, SignalEngine};
use crate::object::{ObjectRange, put_checked};

/// The catalog and the handles of its files.
pub(super) struct Published {
    pub catalog: Catalog,
    pub handles: HashMap<String, Arc<BlockHandle>>,
    /// Handles of files that are no longer live; the file may go when nobody else holds one.
    pub leaving: HashMap<String, Arc<BlockHandle>>,
    /// Nothing is committed any more: who opens the lane next must not meet work of ours that ends late.
    pub closed: bool,
}

/// The key of a file. It ends in a hash of the content: a retry writes the same key, another content never does.
pub(super) fn file_name(
    signal: Signal,
    partition: u32,
    level: u8,
    offsets: &Range<u64>,
    ordinal: usize,
    bytes: &[u8],
) -> String {
    format!(
        "{}{level}-{:020}-{:020}-{ordinal}-{:016x}.blk",
        prefix(signal, partition),
        offsets.start,
        offsets.end.saturating_sub(1),
        xxh3_64(bytes)
    )
}

/// Where a lane's files are.
pub(super) fn prefix(signal: Signal, partition: u32) -> String {
    format!("blocks/{signal}/{partition}/")
}

impl<E: SignalEngine> Lane<E> {
    /// Writes files and describes them for the catalog. They are not live yet.
    pub(super) fn write_files(
        &self,
        level: u8,
        offsets: &Range<u64>,
        files: Vec<NewFile>,
    ) -> Result<Vec<FileEntry>, StoreError> {
        let mut entries = Vec::with_capacity(files.len());
        for (ordinal, file) in files.into_iter().enumerate() {
            let name = file_name(E::SIGNAL, self.config.partition, level, offsets, ordinal, &file.bytes);
            let bytes = Bytes::from(file.bytes);
            put_checked(&*self.deps.store, &name, &bytes)?;
            entries.push(FileEntry { name, len: bytes.len() as u64, summary: file.summary });
        }
        Ok(entries)
    }

    /// Commits `next`, then shows it: `published_head` leaves the snapshot in the same swap in which its files enter.
    pub(super) fn publish(
        &self,
        published: &mut MutexGuard<'_, Published>,
        next: CatalogState,
        published_head: Option<u64>,
    ) -> Result<(), StoreError> {
        if published.closed {
            return Err(StoreError::Closed(E::SIGNAL));
        }
        if let Err(error) = published.catalog.commit(next) {
            if let CatalogError::Fenced { .. } = &error {
                tracing::error!(%error, signal = E::SIGNAL.name(), "stopping all writes of this store");
                self.fenced.store(true, Ordering::Release);
            }
            return Err(error.into());
        }
        let files = self.take_stock(published);
        let damage: Arc<[_]> = published.catalog.state().damage.as_slice().into();
        self.view.rcu(|view| View {
            generations: view
                .generations
                .iter()
                .filter(|generation| published_head != Some(generation.first) || !generation.is_sealed())
                .cloned()
                .collect(),
            files: files.clone(),
            damage: damage.clone(),
        });
        self.show_metrics(published);
        Ok(())
    }

    /// Brings the handles in line with the catalog: new files get one, files gone move to the leaving.
    pub(super) fn take_stock(&self, published: &mut Published) -> Vec<Arc<BlockHandle>> {
        let mut old = std::mem::take(&mut published.handles);
        let mut files = Vec::new();
        for span in &published.catalog.state().spans {
            for file in &span.files {
                let handle = old.remove(&file.name).unwrap_or_else(|| Arc::new(self.handle(span, file)));
                files.push(handle.clone());
                published.handles.insert(file.name.clone(), handle);
            }
        }
        for quarantined in &published.catalog.state().quarantined {
            if let Some(handle) = published.handles.get(&quarantined.name)
                && handle.quarantined().is_none()
            {
                handle.quarantine(&quarantined.reason);
            }
        }
        published.leaving.extend(old);
        files
    }

    fn handle(&self, span: &Span, file: &FileEntry) -> BlockHandle {
        BlockHandle::new(
            file.name.clone(),
            span.level,
            span.offsets.clone(),
            file.summary.clone(),
            file.len,
            Arc::new(ObjectRange::new(self.deps.store.clone(), file.name.clone(), file.len)),
            Some(self.deps.cache.clone()),
        )
    }

    pub(super) fn show_metrics(&self, published: &Published) {
        let state = published.catalog.state();
        self.metrics.files.set(published.handles.len() as i64);
        self.metrics.file_bytes.set(state.bytes() as i64);
        self.metrics.quarantined.set(state.quarantined.len() as i64);
        self.metrics.garbage.set(state.garbage.len() as i64);
        self.metrics.next_offset.set(state.next_offset as i64);
        let damaged: u64 = state.damage.iter().map(|damage| damage.offsets.end - damage.offsets.start).sum();
        self.metrics.damaged.set(damaged as i64);
        self.metrics.broken_catalogs.set(published.catalog.broken().len() as i64);
    }
}
