//! The facade: one value that takes batches and answers questions.

use std::collections::BTreeSet;
use std::sync::Arc;

use ::store::{AppendError, Deps, Lane, LaneConfig, StoreError};
use async_trait::async_trait;
use model::{Compression, TenantId, TraceId};
use pipeline::{Accepted, Batch, Consumer, Refused};
use ports::Record;
use traceql::metrics::{Series, Steps};

use crate::attributes::{attribute_of, want_attribute};
use crate::block::read::Want;
use crate::engine::TraceEngine;
use crate::ingest::Prepared;
use crate::matcher::SpanMatcher;
use crate::parts::{PartCache, View};
use crate::query::{
    AttributeScope, Budget, Dependency, Kind, QueryError, Red, RedQuery, SearchQuery, TimeRange, Trace,
    TraceSummary, Value,
};
use crate::search::Search;
use crate::{FoundTrace, TraceqlSearch, by_id, catalog, language, red};

/// How the store behaves. Every bound has its default here.
#[derive(Clone, Debug)]
pub struct Config {
    /// The lane's bounds and rhythms.
    pub lane: LaneConfig,
    /// Opened (file, tenant) pairs whose dictionaries stay in memory.
    pub open_parts_max: usize,
}

impl Config {
    pub fn new(lane: LaneConfig) -> Self {
        Self { lane, open_parts_max: 256 }
    }
}

/// The store. Methods that read may block: call them where blocking is allowed.
pub struct TraceStore {
    lane: Arc<Lane<TraceEngine>>,
    cache: PartCache,
}

impl TraceStore {
    /// Opens the store and brings back what the journal holds. Blocking.
    pub fn open(deps: Deps, config: Config) -> Result<Arc<Self>, StoreError> {
        let lane = Lane::open(TraceEngine, deps, config.lane)?;
        Ok(Arc::new(Self { lane, cache: PartCache::new(config.open_parts_max) }))
    }

    /// The lane underneath, for what the spine offers to all signals: flush, close, metrics.
    pub fn lane(&self) -> &Arc<Lane<TraceEngine>> {
        &self.lane
    }

    /// Opened (file, tenant) pairs in the cache that [`Config::open_parts_max`] bounds.
    pub fn open_parts(&self) -> usize {
        self.cache.len()
    }

    pub(crate) fn view(&self, tenant: &TenantId, range: TimeRange) -> Result<View, QueryError> {
        Ok(View::new(&self.lane.snapshot(), &self.cache, tenant, range)?)
    }

    /// All spans of a trace, or `None`. `hint` is where the caller expects it: a trace found there is completed from everywhere else, so the
    /// answer does not depend on it.
    pub fn trace(
        &self,
        tenant: &TenantId,
        id: TraceId,
        _hint: Option<TimeRange>,
        budget: &Budget,
    ) -> Result<Option<Trace>, QueryError> {
        let snapshot = self.lane.snapshot();
        let mut parts = Vec::new();
        for file in snapshot.files.iter().filter(|file| file.summary.tenants.contains(tenant)) {
            budget.check()?;
            parts.extend(self.cache.part(file, tenant)?);
        }
        for head in &snapshot.heads {
            parts.extend(head.trace(tenant, id)?);
        }
        by_id::trace(&parts, id, budget)
    }

    /// Matching traces, newest first, exact.
    pub fn search(&self, query: &SearchQuery) -> Result<Vec<TraceSummary>, QueryError> {
        let view = self.view(&query.tenant, query.range)?;
        search(query, &view, &self.cache)
    }
}

impl TraceStore {
    /// Traces that a TraceQL query finds, newest first, exact.
    pub fn traceql(&self, search: &TraceqlSearch) -> Result<Vec<FoundTrace>, QueryError> {
        let view = self.view(&search.tenant, search.range)?;
        language::search(search, &view, &self.cache)
    }

    /// Series of a TraceQL metrics query over `steps`.
    pub fn traceql_metrics(
        &self,
        tenant: &TenantId,
        query: &traceql::Query,
        steps: Steps,
        budget: &Budget,
    ) -> Result<Vec<Series>, QueryError> {
        let range = TimeRange { from_ns: steps.start_ns, to_ns: steps.end_ns - 1 };
        language::metrics(tenant, query, steps, budget, &self.view(tenant, range)?, &self.cache)
    }

    /// Names of services with spans in `range`, sorted.
    pub fn services(
        &self,
        tenant: &TenantId,
        range: TimeRange,
        budget: &Budget,
    ) -> Result<Vec<String>, QueryError> {
        Ok(catalog::services(&self.view(tenant, range)?, range, budget)?.into_iter().collect())
    }

    /// Span names of a service in `range`, each with the kinds that it has, sorted.
    pub fn operations(
        &self,
        tenant: &TenantId,
        service: &str,
        range: TimeRange,
        budget: &Budget,
    ) -> Result<Vec<(String, Vec<Kind>)>, QueryError> {
        let found = catalog::operations(&self.view(tenant, range)?, service, range, budget)?;
        Ok(found.into_iter().map(|(name, kinds)| (name, kinds.into_iter().collect())).collect())
    }

    /// Names of spans in the files that overlap `range`, sorted.
    pub fn span_names(
        &self,
        tenant: &TenantId,
        range: TimeRange,
        budget: &Budget,
    ) -> Result<Vec<String>, QueryError> {
        Ok(catalog::span_names(&self.view(tenant, range)?, budget)?.into_iter().collect())
    }

    /// Keys of attributes in `scope` (`Any`: span and resource) in the files that overlap `range`, sorted.
    pub fn tag_names(
        &self,
        tenant: &TenantId,
        scope: AttributeScope,
        range: TimeRange,
        budget: &Budget,
    ) -> Result<BTreeSet<String>, QueryError> {
        catalog::tag_names(&self.view(tenant, range)?, scope, budget)
    }

    /// Distinct values of an attribute in the files that overlap `range`, the first `limit` by type, then value.
    pub fn tag_values(
        &self,
        tenant: &TenantId,
        scope: AttributeScope,
        key: &str,
        range: TimeRange,
        limit: usize,
        budget: &Budget,
    ) -> Result<Vec<Value>, QueryError> {
        catalog::tag_values(&self.view(tenant, range)?, scope, key, limit, budget)
    }

    /// The service graph of `range`, sorted by parent, then child.
    pub fn dependencies(
        &self,
        tenant: &TenantId,
        range: TimeRange,
        budget: &Budget,
    ) -> Result<Vec<Dependency>, QueryError> {
        red::dependencies(&self.view(tenant, range)?, range, budget)
    }

    /// Rate, errors and durations over time, sorted by service, then name.
    pub fn red(&self, query: &RedQuery) -> Result<Vec<Red>, QueryError> {
        red::red(&self.view(&query.tenant, query.range)?, query)
    }
}

/// See [`TraceStore::search`].
pub(crate) fn search(
    query: &SearchQuery,
    view: &View,
    cache: &PartCache,
) -> Result<Vec<TraceSummary>, QueryError> {
    let mut want = Want::basics();
    for filter in &query.attributes {
        want_attribute(&mut want, filter.scope, &filter.key);
    }
    let mut found = Vec::new();
    if query.limit == 0 {
        return Ok(found);
    }
    let shortest = query.trace_duration_min_ns.unwrap_or(0);
    let longest = query.trace_duration_max_ns.unwrap_or(u64::MAX);
    let fits = |start: u64, end: u64| (shortest..=longest).contains(&(end - start));
    let matcher = SpanMatcher::new(query)?;
    Search::new(query, &matcher, view, cache, want)?.run(fits, |trace| {
        found.push(trace.summary(query.spans_per_set, |trace, span| {
            let (group, row) = trace.place(span);
            let mut values = Vec::new();
            for filter in &query.attributes {
                let value = attribute_of(group, row, filter.scope, &filter.key)?;
                values.extend(value.map(|value| (filter.key.clone(), value)));
            }
            Ok(values)
        })?);
        Ok(found.len() < query.limit)
    })?;
    Ok(found)
}

#[async_trait]
impl Consumer for TraceStore {
    async fn consume(&self, batch: Batch) -> Result<Accepted, Refused> {
        let (compression, payload) = batch.wire.unwrap_or((Compression::None, batch.body.clone()));
        let plain_len = u32::try_from(batch.body.len())
            .map_err(|_| Refused::Bad("request is too large: send less than 4 GiB".into()))?;
        let mut prepared =
            Prepared::from_body(batch.tenant.clone(), batch.format, batch.body).map_err(Refused::Bad)?;
        let accepted = Accepted {
            items: prepared.len() as u64,
            rejected: prepared.rejected,
            message: std::mem::take(&mut prepared.reject_message),
        };
        if accepted.items == 0 {
            return Ok(accepted);
        }
        let record = Record {
            tenant: batch.tenant,
            format: batch.format,
            compression,
            received_at_ms: batch.received_at_ms,
            plain_len,
            payload,
        };
        match self.lane.append(record, prepared).await {
            Ok(_) => Ok(accepted),
            Err(AppendError::Full { reason, retry_after }) => {
                Err(Refused::Unavailable { reason, retry_after: Some(retry_after) })
            }
            Err(error) => Err(Refused::Unavailable { reason: error.to_string(), retry_after: None }),
        }
    }
}
