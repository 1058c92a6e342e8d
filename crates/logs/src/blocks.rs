//! Blocks whose tables and directory are read, kept between queries. Bounded by [`OPEN_BLOCKS_MAX`]; the oldest go first.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use model::TenantId;
use parking_lot::Mutex;
use store::{BlockHandle, ContainerError};

use crate::block::TenantBlock;

/// Parts of blocks (one tenant in one file) that stay open.
pub(crate) const OPEN_BLOCKS_MAX: usize = 1024;

type Key = (String, TenantId);

#[derive(Default)]
pub(crate) struct OpenBlocks {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: HashMap<Key, Arc<TenantBlock>>,
    order: VecDeque<Key>,
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
        let mut state = self.state.lock();
        if state.open.insert(key.clone(), block.clone()).is_none() {
            state.order.push_back(key);
        }
        while state.order.len() > OPEN_BLOCKS_MAX {
            if let Some(oldest) = state.order.pop_front() {
                state.open.remove(&oldest);
            }
        }
        Ok(Some(block))
    }

    pub(crate) fn len(&self) -> usize {
        self.state.lock().open.len()
    }
}
