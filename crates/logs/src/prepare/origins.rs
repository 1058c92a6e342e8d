//! Origins found by the raw bytes that describe them, so that a known resource is never parsed again. Also counts a tenant's active streams.
//!
//! Forgotten at every cut: what is here is what came since, which bounds it and makes "active" mean something.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use model::{Labels, TenantId};
use parking_lot::Mutex;
use wire::loki::{Rejection, print_labels};

use crate::origin::Origin;

#[derive(Default)]
pub(crate) struct Origins {
    tenants: Mutex<HashMap<TenantId, Known>>,
}

#[derive(Default)]
struct Known {
    by_bytes: HashMap<Box<[u8]>, Arc<Origin>>,
    streams: HashSet<Arc<Labels>>,
}

impl Origins {
    /// The origin that `key` describes. `make` is called for an unknown key only.
    pub(crate) fn get(
        &self,
        tenant: &TenantId,
        key: &[u8],
        streams_max: usize,
        entries_max: usize,
        make: impl FnOnce() -> Result<Origin, Rejection>,
    ) -> Result<Arc<Origin>, Rejection> {
        let mut tenants = self.tenants.lock();
        if let Some(origin) = tenants.get(tenant).and_then(|known| known.by_bytes.get(key)) {
            return Ok(origin.clone());
        }
        let origin = make()?;
        let known = tenants.entry(tenant.clone()).or_default();
        if !known.streams.contains(&origin.labels) {
            if known.streams.len() >= streams_max {
                let stream = print_labels(origin.labels.iter());
                return Err(Rejection::StreamLimit { stream, tenant: tenant.to_string() });
            }
            known.streams.insert(origin.labels.clone());
        }
        let origin = Arc::new(origin);
        if known.by_bytes.len() >= entries_max {
            known.by_bytes.clear();
        }
        known.by_bytes.insert(key.into(), origin.clone());
        Ok(origin)
    }

    /// Descriptions that are remembered, of all tenants.
    pub(crate) fn len(&self) -> usize {
        self.tenants.lock().values().map(|known| known.by_bytes.len()).sum()
    }

    /// Streams that came since the last cut, of all tenants.
    pub(crate) fn streams(&self) -> usize {
        self.tenants.lock().values().map(|known| known.streams.len()).sum()
    }

    pub(crate) fn forget(&self) {
        self.tenants.lock().clear();
    }
}
