//! What can go wrong with a lane, by what the caller would do.

use std::time::Duration;

use model::Signal;

use crate::catalog::CatalogError;
use crate::container::ContainerError;

/// Opening, cutting or maintaining failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    #[error(transparent)]
    Block(#[from] ContainerError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error("object store: {0}")]
    Object(#[from] ports::StoreError),
    #[error("bad configuration of the {signal} store: {reason}")]
    Config { signal: Signal, reason: String },
    /// A cut did not succeed; its records stay in the journal and it will be tried again.
    #[error("{signal} could not be cut: {reason}")]
    Cut { signal: Signal, reason: String },
    /// What was under way is left for the next start: it is in the journal.
    #[error("{0} store is closed")]
    Closed(Signal),
}

/// Why a record was not taken. It is not acknowledged and may be sent again.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// A bound is reached (queue, memory, waiting cuts): try again after `retry_after`. 503 or 429.
    #[error("{reason}")]
    Full { reason: String, retry_after: Duration },
    /// The disk is full or read-only, or writing failed: an operator is needed. 503.
    #[error("{reason}")]
    Unavailable { reason: String },
    /// The lane is shutting down. 503.
    #[error("{signal} store is shutting down", signal = .0)]
    Closed(Signal),
}
