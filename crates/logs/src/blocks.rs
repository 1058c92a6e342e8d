//! Blocks whose tables and directory are read, kept between queries. Bounded by [`OPEN_BYTES_MAX`]; the oldest go first.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use model::TenantId;
use parking_lot::Mutex;
use store::{BlockHandle, ContainerError};

use crate::block::TenantBlock;

/// Memory of tables and directories that stay; one that is larger alone stays until the next comes.
pub(crate) const OPEN_BYTES_MAX: usize = 64 << 20;

type Key = (String, TenantId);

#[derive(Default)]
pub(crate) struct OpenBlocks {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: HashMap<Key, Arc<TenantBlock>>,
    order: VecDeque<Key>,
    bytes: usize,
}

impl OpenBlocks {
    /// The tenant's part of a file, or `None` if it has none.
    pub(crate) fn open(
        &self,
        file: &BlockHandle,
        tenant: &TenantId,
    ) -> Result<Option<Arc<TenantBlock>>, ContainerError> {
        let key = (file.name.clone(), tenant.clone());
        if let Some(block) = self.state.lock().open.get(&key) {
            return Ok(Some(block.clone()));
        }
        let Some(block) = TenantBlock::open(file.reader()?, tenant, true)? else { return Ok(None) };
        let block = Arc::new(block);
        self.state.lock().add(key, block.clone());
        Ok(Some(block))
    }

    /// Memory that is held.
    pub(crate) fn bytes(&self) -> usize {
        self.state.lock().bytes
    }
}

impl State {
    fn add(&mut self, key: Key, block: Arc<TenantBlock>) {
        let bytes = block.bytes();
        // Two queries may have opened it at once.
        if self.open.insert(key.clone(), block).is_some() {
            return;
        }
        self.order.push_back(key);
        self.bytes += bytes;
        while self.bytes > OPEN_BYTES_MAX && self.order.len() > 1 {
            let oldest = self.order.pop_front().and_then(|oldest| self.open.remove(&oldest));
            self.bytes -= oldest.map_or(0, |oldest| oldest.bytes());
        }
    }
}
