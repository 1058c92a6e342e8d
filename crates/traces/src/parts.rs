//! The parts that a query reads: one consistent snapshot of files and heads, oldest first.

use std::collections::HashMap;
use std::sync::Arc;

use model::{TenantId, TraceId};
use parking_lot::Mutex;
use store::{BlockHandle, ContainerError, Snapshot};

use crate::block::read::Part;
use crate::engine::TraceEngine;
use crate::query::TimeRange;

/// Opened parts that are kept: their columns and dictionaries need not be read again.
pub(crate) struct PartCache {
    parts_max: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    parts: HashMap<(String, TenantId), (Option<Arc<Part>>, u64)>,
    tick: u64,
}

impl PartCache {
    pub(crate) fn new(parts_max: usize) -> Self {
        Self { parts_max, open: Mutex::default() }
    }

    /// How many are open.
    pub(crate) fn len(&self) -> usize {
        self.open.lock().parts.len()
    }

    /// What `tenant` has in `file`. Blocking where it is not open yet.
    pub(crate) fn part(
        &self,
        file: &BlockHandle,
        tenant: &TenantId,
    ) -> Result<Option<Arc<Part>>, ContainerError> {
        let key = (file.name.clone(), tenant.clone());
        {
            let mut open = self.open.lock();
            open.tick += 1;
            let tick = open.tick;
            if let Some((part, used)) = open.parts.get_mut(&key) {
                *used = tick;
                return Ok(part.clone());
            }
        }
        let part = Part::open(file.reader()?, tenant)?.map(Arc::new);
        let mut open = self.open.lock();
        if open.parts.len() >= self.parts_max.max(1) {
            let oldest = open.parts.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
            oldest.map(|oldest| open.parts.remove(&oldest));
        }
        let tick = open.tick;
        open.parts.insert(key, (part.clone(), tick));
        Ok(part)
    }
}

/// The parts of one tenant in one snapshot.
pub(crate) struct View {
    /// Those that may have spans in the range, oldest first.
    pub inside: Vec<Arc<Part>>,
    /// The others; opened only to complete a trace.
    outside: Vec<Arc<BlockHandle>>,
}

impl View {
    pub(crate) fn new(
        snapshot: &Snapshot<TraceEngine>,
        cache: &PartCache,
        tenant: &TenantId,
        range: TimeRange,
    ) -> Result<Self, ContainerError> {
        let mut view = Self { inside: Vec::new(), outside: Vec::new() };
        for file in snapshot.files.iter().filter(|file| file.summary.tenants.contains(tenant)) {
            if file.overlaps(range.from_ns, range.to_ns) {
                view.inside.extend(cache.part(file, tenant)?);
            } else {
                view.outside.push(file.clone());
            }
        }
        for head in &snapshot.heads {
            view.inside.extend(head.parts(tenant)?);
        }
        Ok(view)
    }

    /// A view of parts that are open already.
    #[cfg(test)]
    pub(crate) fn of(inside: Vec<Arc<Part>>) -> Self {
        Self { inside, outside: Vec::new() }
    }

    /// Parts outside the range that may have spans of `id`.
    pub(crate) fn outside_of(
        &self,
        id: TraceId,
        cache: &PartCache,
        tenant: &TenantId,
    ) -> Result<Vec<Arc<Part>>, ContainerError> {
        let mut parts = Vec::new();
        for file in &self.outside {
            if let Some(part) = cache.part(file, tenant)?
                && !part.groups_of(id)?.is_empty()
            {
                parts.push(part);
            }
        }
        Ok(parts)
    }
}
