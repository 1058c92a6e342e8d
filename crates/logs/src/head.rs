//! One generation of fresh entries: the batches of each tenant in order of arrival, as they came. Taking one in is a push.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::TenantId;
use parking_lot::RwLock;

use crate::batch::Batch;

/// A batch and its place in the journal.
#[derive(Clone)]
pub(crate) struct Placed {
    pub(crate) offset: u64,
    pub(crate) batch: Arc<Batch>,
}

/// Everything between two cuts.
#[derive(Default)]
pub struct Head {
    tenants: RwLock<HashMap<TenantId, Vec<Placed>>>,
    bytes: AtomicUsize,
}

impl Head {
    pub(crate) fn push(&self, offset: u64, batch: Batch) {
        if batch.rows.is_empty() {
            return;
        }
        self.bytes.fetch_add(batch.bytes(), Ordering::Relaxed);
        let mut tenants = self.tenants.write();
        let placed = Placed { offset, batch: Arc::new(batch) };
        match tenants.get_mut(&placed.batch.tenant) {
            Some(batches) => batches.push(placed),
            None => drop(tenants.insert(placed.batch.tenant.clone(), vec![placed])),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The tenant's batches so far, in order of the journal.
    pub(crate) fn batches(&self, tenant: &TenantId) -> Vec<Placed> {
        let mut batches = self.tenants.read().get(tenant).cloned().unwrap_or_default();
        batches.sort_by_key(|placed| placed.offset);
        batches
    }

    /// Sorted.
    pub(crate) fn tenants(&self) -> Vec<TenantId> {
        let mut tenants: Vec<TenantId> = self.tenants.read().keys().cloned().collect();
        tenants.sort();
        tenants
    }
}
