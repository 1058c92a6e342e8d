//! One generation of fresh profiles: the parts of each tenant in order of arrival. Taking one in is a push.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::TenantId;
use parking_lot::RwLock;

use crate::part::Part;

/// Everything between two cuts.
#[derive(Default)]
pub struct Head {
    /// Parts with their places in the journal.
    tenants: RwLock<HashMap<TenantId, Vec<(u64, Arc<Part>)>>>,
    bytes: AtomicUsize,
}

impl Head {
    pub(crate) fn push(&self, offset: u64, tenant: TenantId, part: Part) {
        if part.index.profiles.is_empty() {
            return;
        }
        self.bytes.fetch_add(part.bytes(), Ordering::Relaxed);
        self.tenants.write().entry(tenant).or_default().push((offset, Arc::new(part)));
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The tenant's parts so far, in order of the journal.
    pub(crate) fn parts(&self, tenant: &TenantId) -> Vec<Arc<Part>> {
        let mut parts = self.tenants.read().get(tenant).cloned().unwrap_or_default();
        parts.sort_by_key(|(offset, _)| *offset);
        parts.into_iter().map(|(_, part)| part).collect()
    }

    /// Sorted.
    pub(crate) fn tenants(&self) -> Vec<TenantId> {
        let mut tenants: Vec<TenantId> = self.tenants.read().keys().cloned().collect();
        tenants.sort();
        tenants
    }
}
