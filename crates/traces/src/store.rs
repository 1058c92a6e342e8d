//! The facade: one value that takes batches and answers questions.

use std::collections::BTreeSet;
use std::sync::Arc;

use ::store::{Deps, LaneConfig, StoreError};
use async_trait::async_trait;
use model::{Format, TenantId, TraceId};
use pipeline::{Accepted, Batch, Consumer, Refused};

use crate::query::{
    AttributeScope, Budget, Dependency, QueryError, Red, RedQuery, SearchQuery, TimeRange, Trace,
    TraceSummary, Value,
};

/// How the store behaves. Every bound has its default here.
#[derive(Clone, Debug)]
pub struct Config {
    /// The lane's bounds and rhythms.
    pub lane: LaneConfig,
}

/// The store. Methods that read may block: call them where blocking is allowed.
pub struct TraceStore {
    _config: Config,
}

impl TraceStore {
    /// Opens the store and brings back what the journal holds. Blocking.
    pub fn open(_deps: Deps, config: Config) -> Result<Arc<Self>, StoreError> {
        Ok(Arc::new(Self { _config: config }))
    }

    /// All spans of a trace, or `None`. `hint` names where to look first; the answer does not depend on it.
    pub fn trace(
        &self,
        _tenant: &TenantId,
        _id: TraceId,
        _hint: Option<TimeRange>,
        budget: &Budget,
    ) -> Result<Option<Trace>, QueryError> {
        budget.check()?;
        Ok(None)
    }

    /// Matching traces, newest first, exact.
    pub fn search(&self, query: &SearchQuery) -> Result<Vec<TraceSummary>, QueryError> {
        query.budget.check()?;
        Ok(Vec::new())
    }

    /// Names of services with spans in `range`, sorted.
    pub fn services(
        &self,
        _tenant: &TenantId,
        _range: TimeRange,
        budget: &Budget,
    ) -> Result<Vec<String>, QueryError> {
        budget.check()?;
        Ok(Vec::new())
    }

    /// Span names of a service in `range`, each with the kinds that it has, sorted.
    pub fn operations(
        &self,
        _tenant: &TenantId,
        _service: &str,
        _range: TimeRange,
        budget: &Budget,
    ) -> Result<Vec<(String, Vec<crate::query::Kind>)>, QueryError> {
        budget.check()?;
        Ok(Vec::new())
    }

    /// Keys of attributes in `scope` (`Any`: span and resource), sorted.
    pub fn tag_names(
        &self,
        _tenant: &TenantId,
        _scope: AttributeScope,
        _range: TimeRange,
        budget: &Budget,
    ) -> Result<BTreeSet<String>, QueryError> {
        budget.check()?;
        Ok(BTreeSet::new())
    }

    /// Distinct values of an attribute, at most `limit`, sorted by type, then value.
    pub fn tag_values(
        &self,
        _tenant: &TenantId,
        _scope: AttributeScope,
        _key: &str,
        _range: TimeRange,
        _limit: usize,
        budget: &Budget,
    ) -> Result<Vec<Value>, QueryError> {
        budget.check()?;
        Ok(Vec::new())
    }

    /// The service graph of `range`, sorted by parent, then child.
    pub fn dependencies(
        &self,
        _tenant: &TenantId,
        _range: TimeRange,
        budget: &Budget,
    ) -> Result<Vec<Dependency>, QueryError> {
        budget.check()?;
        Ok(Vec::new())
    }

    /// Rate, errors and durations over time, sorted by service, then name.
    pub fn red(&self, query: &RedQuery) -> Result<Vec<Red>, QueryError> {
        query.budget.check()?;
        Ok(Vec::new())
    }
}

#[async_trait]
impl Consumer for TraceStore {
    async fn consume(&self, batch: Batch) -> Result<Accepted, Refused> {
        if batch.format != Format::OtlpProto {
            return Err(Refused::Bad(format!(
                "trace store cannot read {:?}: convert to OTLP protobuf",
                batch.format
            )));
        }
        Err(Refused::Unavailable { reason: "trace store is not open".into(), retry_after: None })
    }
}
