//! The facade: one value that takes batches and answers questions. Methods that read may block: call them where blocking is allowed.

use std::ops::ControlFlow;
use std::sync::Arc;

use async_trait::async_trait;
use model::{Format, Labels};
use pipeline::{Accepted, Batch, Consumer, Refused};
use store::{Deps, LaneConfig, StoreError};

use crate::config::Config;
use crate::query::{
    EntryRef, LogQuery, MetadataField, QueryError, Stats, StreamQuery, StreamRef, StreamResult, Volume,
};

/// The log store.
pub struct LogStore {
    _config: Config,
}

impl LogStore {
    /// Opens the store and brings back what the journal holds. Blocking.
    pub fn open(_deps: Deps, _lane: LaneConfig, config: Config) -> Result<Arc<Self>, StoreError> {
        Ok(Arc::new(Self { _config: config }))
    }

    /// The entries that the query selects, exactly: at most `limit`, those nearest to the end where the direction begins.
    /// Streams are sorted by their labels, entries by time in the query's direction. Exact duplicates (stream, time, line and metadata) come once.
    pub fn query(&self, query: &LogQuery) -> Result<Vec<StreamResult>, QueryError> {
        query.budget.check()?;
        Ok(Vec::new())
    }

    /// Shows every selected entry to `visit`, in the order of time over all streams, until it breaks or `limit` is reached.
    pub fn scan(
        &self,
        query: &LogQuery,
        _visit: &mut dyn FnMut(StreamRef<'_>, EntryRef<'_>) -> ControlFlow<()>,
    ) -> Result<(), QueryError> {
        query.budget.check()?;
        Ok(())
    }

    /// Names of stream labels, sorted.
    pub fn labels(&self, query: &StreamQuery) -> Result<Vec<String>, QueryError> {
        query.budget.check()?;
        Ok(Vec::new())
    }

    /// Values of a stream label, sorted.
    pub fn label_values(&self, query: &StreamQuery, _name: &str) -> Result<Vec<String>, QueryError> {
        query.budget.check()?;
        Ok(Vec::new())
    }

    /// Streams, sorted by labels.
    pub fn series(&self, query: &StreamQuery) -> Result<Vec<Arc<Labels>>, QueryError> {
        query.budget.check()?;
        Ok(Vec::new())
    }

    pub fn stats(&self, query: &StreamQuery) -> Result<Stats, QueryError> {
        query.budget.check()?;
        Ok(Stats::default())
    }

    /// Entries and bytes per stream and level, and per step if there is one, sorted by labels, level, step. Reads no line.
    pub fn volume(&self, query: &StreamQuery, _step_ns: Option<i64>) -> Result<Vec<Volume>, QueryError> {
        query.budget.check()?;
        Ok(Vec::new())
    }

    /// Names of structured metadata with at most `values_max` distinct values each, sorted by name.
    pub fn metadata_fields(
        &self,
        query: &StreamQuery,
        _values_max: usize,
    ) -> Result<Vec<MetadataField>, QueryError> {
        query.budget.check()?;
        Ok(Vec::new())
    }

    /// Cuts what is in the head now and returns when it is published.
    pub async fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Refuses new batches and waits for those under way.
    pub async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Consumer for LogStore {
    async fn consume(&self, batch: Batch) -> Result<Accepted, Refused> {
        if !matches!(batch.format, Format::OtlpProto | Format::LokiProto) {
            return Err(Refused::Bad(format!(
                "log store cannot read {:?}: convert to OTLP or Loki protobuf",
                batch.format
            )));
        }
        Err(Refused::Unavailable { reason: "log store is not open".into(), retry_after: None })
    }
}
