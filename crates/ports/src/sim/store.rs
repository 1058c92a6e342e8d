//! An object store in memory.

use std::collections::BTreeMap;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;

use crate::object::{PutOutcome, Store, StoreError};

/// Objects under one lock, so that create-if-absent is atomic.
#[derive(Default)]
pub struct SimStore {
    objects: Mutex<BTreeMap<String, Bytes>>,
}

impl SimStore {
    pub fn keys(&self) -> Vec<String> {
        self.objects.lock().keys().cloned().collect()
    }
}

#[async_trait]
impl Store for SimStore {
    async fn put_new(&self, key: &str, bytes: Bytes) -> Result<PutOutcome, StoreError> {
        let mut objects = self.objects.lock();
        if objects.contains_key(key) {
            return Ok(PutOutcome::Exists);
        }
        objects.insert(key.to_owned(), bytes);
        Ok(PutOutcome::Created)
    }

    async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        self.objects.lock().get(key).cloned().ok_or_else(|| StoreError::NotFound(key.to_owned()))
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let bytes = self.get(key).await?;
        if range.start > range.end || range.end > bytes.len() as u64 {
            return Err(StoreError::Refused {
                key: key.to_owned(),
                reason: format!("range {range:?} of {} bytes", bytes.len()),
            });
        }
        Ok(bytes.slice(range.start as usize..range.end as usize))
    }

    async fn len(&self, key: &str) -> Result<u64, StoreError> {
        Ok(self.get(key).await?.len() as u64)
    }

    async fn list(&self, prefix: &str, after: &str) -> Result<Vec<String>, StoreError> {
        let objects = self.objects.lock();
        let keys = objects.keys().filter(|key| key.starts_with(prefix) && key.as_str() > after);
        Ok(keys.take(1000).cloned().collect())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.objects.lock().remove(key);
        Ok(())
    }
}
