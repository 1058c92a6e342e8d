//! The object store. Objects are immutable: they come whole, and go whole.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::disk::DiskFile;

/// What `put_new` found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    Created,
    /// The key is taken, perhaps by our own earlier attempt whose answer was lost: read it back and compare before giving up.
    Exists,
}

/// By what the caller would do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("object {0} does not exist")]
    NotFound(String),
    /// Try again later. The request may or may not have taken effect.
    #[error("object store unavailable for {key}: {reason}")]
    Unavailable { key: String, reason: String },
    /// No room left.
    #[error("object store full, could not write {key}: {reason}")]
    Full { key: String, reason: String },
    /// Trying again will not help: configuration, permissions, a bad key.
    #[error("object store refused {key}: {reason}")]
    Refused { key: String, reason: String },
}

/// `put_new` is the only write, because create-if-absent is the one thing that local disk, S3, GCS and Azure all do atomically.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    async fn put_new(&self, key: &str, bytes: Bytes) -> Result<PutOutcome, StoreError>;
    async fn get(&self, key: &str) -> Result<Bytes, StoreError>;
    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError>;
    async fn len(&self, key: &str) -> Result<u64, StoreError>;
    /// Keys with this prefix that sort after `after`, in order, at most 1000.
    async fn list(&self, prefix: &str, after: &str) -> Result<Vec<String>, StoreError>;
    /// Deleting what is not there succeeds.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;
    /// The object as a local file, where it is one: readers then read it in place and block. `None`: use `get_range`.
    fn open_local(&self, _key: &str) -> Option<io::Result<Arc<dyn DiskFile>>> {
        None
    }
}
