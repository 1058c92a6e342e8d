//! The facade: one value that takes batches and answers questions. Methods that read may block: call them where blocking is allowed.
//!
//! Every answer comes from one snapshot of the lane. Not here: what a batch becomes (`prepare`), how a snapshot is read (`scan`, `counts`).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use model::{Compression, Labels};
use pipeline::{Accepted, Batch, Consumer, Refused};
use ports::Record;
use store::{AppendError, Deps, Lane, LaneConfig, Snapshot, StoreError};

use crate::blocks::OpenBlocks;
use crate::config::Config;
use crate::counts;
use crate::engine::LogEngine;
use crate::observe::Metrics;
use crate::prepare::strip;
use crate::query::{
    Direction, Entry, EntryRef, LogQuery, MetadataField, QueryError, Stats, StreamQuery, StreamRef,
    StreamResult, Volume,
};
use crate::scan::plan::{Plan, Selection};
use crate::scan::{DETECTED_LEVEL, scan};

/// The log store.
pub struct LogStore {
    lane: Arc<Lane<LogEngine>>,
    blocks: OpenBlocks,
    metrics: Metrics,
}

impl LogStore {
    /// Opens the store and brings back what the journal holds. Blocking.
    pub fn open(deps: Deps, lane: LaneConfig, config: Config) -> Result<Arc<Self>, StoreError> {
        let metrics = Metrics::new(&deps.registry, &config);
        let lane = Lane::open(LogEngine::new(config), deps, lane)?;
        let store = Arc::new(Self { lane, blocks: OpenBlocks::default(), metrics });
        store.metrics.watch(&store);
        Ok(store)
    }

    /// The spine under this store.
    pub fn lane(&self) -> &Arc<Lane<LogEngine>> {
        &self.lane
    }

    /// The entries that the query selects, exactly: at most `limit`, those nearest to the end where the direction begins.
    /// Streams are sorted by their labels, entries by time in the query's direction. Exact duplicates (stream, time, line and metadata) come once.
    pub fn query(&self, query: &LogQuery) -> Result<Vec<StreamResult>, QueryError> {
        query_snapshot(&self.lane.snapshot(), &self.blocks, query)
    }

    /// Shows every selected entry to `visit`, in the order of time over all streams, until it breaks or `limit` is reached.
    pub fn scan(
        &self,
        query: &LogQuery,
        visit: &mut dyn FnMut(StreamRef<'_>, EntryRef<'_>) -> ControlFlow<()>,
    ) -> Result<(), QueryError> {
        scan_snapshot(&self.lane.snapshot(), &self.blocks, query, visit)
    }

    /// Names of stream labels, sorted.
    pub fn labels(&self, query: &StreamQuery) -> Result<Vec<String>, QueryError> {
        let series = self.series(query)?;
        let names: BTreeSet<&str> =
            series.iter().flat_map(|labels| labels.iter().map(|(name, _)| name)).collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    /// Values of a stream label, sorted.
    pub fn label_values(&self, query: &StreamQuery, name: &str) -> Result<Vec<String>, QueryError> {
        let series = self.series(query)?;
        let values: BTreeSet<&str> =
            series.iter().map(|labels| labels.get(name)).filter(|value| !value.is_empty()).collect();
        Ok(values.into_iter().map(str::to_owned).collect())
    }

    /// Streams, sorted by labels.
    pub fn series(&self, query: &StreamQuery) -> Result<Vec<Arc<Labels>>, QueryError> {
        counts::series(&self.plan(query)?, query)
    }

    pub fn stats(&self, query: &StreamQuery) -> Result<Stats, QueryError> {
        counts::stats(&self.plan(query)?, query)
    }

    /// Entries and bytes per stream and level, and per step if there is one, sorted by labels, level, step. Reads no line.
    pub fn volume(&self, query: &StreamQuery, step_ns: Option<i64>) -> Result<Vec<Volume>, QueryError> {
        counts::volume(&self.plan(query)?, query, step_ns)
    }

    /// Names of structured metadata with at most `values_max` distinct values each, sorted by name.
    pub fn metadata_fields(
        &self,
        query: &StreamQuery,
        values_max: usize,
    ) -> Result<Vec<MetadataField>, QueryError> {
        let mut fields: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let snapshot = self.lane.snapshot();
        let sets: &[Vec<model::Matcher>] =
            if query.matcher_sets.is_empty() { &[Vec::new()] } else { &query.matcher_sets };
        for matchers in sets {
            let mut log_query =
                LogQuery::new(query.tenant.clone(), matchers.clone(), query.from_ns, query.to_ns);
            log_query.with_line = false;
            log_query.budget = query.budget.clone();
            scan_snapshot(&snapshot, &self.blocks, &log_query, &mut |_, entry| {
                for (name, value) in entry.metadata.iter() {
                    let values = match fields.get_mut(name) {
                        Some(values) => values,
                        None => fields.entry(name.to_owned()).or_default(),
                    };
                    if values.len() < values_max && !values.contains(value) {
                        values.insert(value.to_owned());
                    }
                }
                ControlFlow::Continue(())
            })?;
        }
        let field = |(name, values): (String, BTreeSet<String>)| MetadataField {
            name,
            values: values.into_iter().collect(),
        };
        Ok(fields.into_iter().map(field).collect())
    }

    /// Cuts what is in the head now and returns when it is published.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.lane.flush().await
    }

    /// Refuses new batches and waits for those under way.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.lane.close().await
    }

    /// What corruption has cost: every answer is without these records, and whoever shows one says so. Empty on a sound disk.
    pub fn damage(&self) -> Vec<String> {
        let damage = self.lane.snapshot().damage;
        damage
            .iter()
            .map(|lost| {
                format!("log records {}..{} are lost: {}", lost.offsets.start, lost.offsets.end, lost.reason)
            })
            .collect()
    }

    /// Memory of tables of blocks that stay open, for `/metrics`.
    pub fn open_blocks_bytes(&self) -> usize {
        self.blocks.bytes()
    }

    fn plan(&self, query: &StreamQuery) -> Result<Plan, QueryError> {
        let selection = Selection {
            tenant: &query.tenant,
            matcher_sets: &query.matcher_sets,
            from_ns: query.from_ns,
            to_ns: query.to_ns,
            budget: &query.budget,
        };
        Plan::new(&self.lane.snapshot(), &self.blocks, &selection, Direction::Forward)
    }
}

pub(crate) fn scan_snapshot(
    snapshot: &Snapshot<LogEngine>,
    blocks: &OpenBlocks,
    query: &LogQuery,
    visit: &mut dyn FnMut(StreamRef<'_>, EntryRef<'_>) -> ControlFlow<()>,
) -> Result<(), QueryError> {
    let selection = Selection {
        tenant: &query.tenant,
        matcher_sets: std::slice::from_ref(&query.matchers),
        from_ns: query.from_ns,
        to_ns: query.to_ns,
        budget: &query.budget,
    };
    let plan = Plan::new(snapshot, blocks, &selection, query.direction)?;
    scan(&plan, query, visit)
}

pub(crate) fn query_snapshot(
    snapshot: &Snapshot<LogEngine>,
    blocks: &OpenBlocks,
    query: &LogQuery,
) -> Result<Vec<StreamResult>, QueryError> {
    let mut found: BTreeMap<usize, StreamResult> = BTreeMap::new();
    scan_snapshot(snapshot, blocks, query, &mut |stream, entry| {
        let result = found
            .entry(stream.number)
            .or_insert_with(|| StreamResult { labels: stream.labels.clone(), entries: Vec::new() });
        let mut structured_metadata: Vec<(String, String)> =
            entry.metadata.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        if query.with_metadata {
            let place = structured_metadata.binary_search_by(|(name, _)| name.as_str().cmp(DETECTED_LEVEL));
            if let Err(place) = place {
                structured_metadata.insert(place, (DETECTED_LEVEL.to_owned(), entry.level.name().to_owned()));
            }
        }
        result.entries.push(Entry { ts_ns: entry.ts_ns, line: entry.line.to_owned(), structured_metadata });
        ControlFlow::Continue(())
    })?;
    Ok(found.into_values().collect())
}

#[async_trait]
impl Consumer for LogStore {
    async fn consume(&self, batch: Batch) -> Result<Accepted, Refused> {
        let engine = self.lane.engine();
        let parsed = engine.check(&batch).map_err(Refused::Bad)?;
        let refusals = parsed.refusals;
        let items = parsed.batch.rows.len() as u64;
        let line_bytes = parsed.batch.rows.iter().map(|row| u64::from(row.line.len)).sum();
        self.metrics.refused(&refusals);
        if items == 0 {
            return match &refusals.first {
                None => Ok(Accepted::default()),
                Some(first) if first.http_status() == 429 => {
                    Err(Refused::Limited { reason: first.to_string(), retry_after: None })
                }
                Some(first) => Err(Refused::Bad(first.to_string())),
            };
        }
        let mut record = Record {
            tenant: batch.tenant.clone(),
            format: batch.format,
            compression: Compression::None,
            received_at_ms: batch.received_at_ms,
            plain_len: batch.body.len() as u32,
            payload: batch.body.clone(),
        };
        let prepared = if refusals.entries == 0 {
            if let Some((compression, wire)) = batch.wire {
                (record.compression, record.payload) = (compression, wire);
            }
            parsed.batch
        } else {
            let body = strip(&parsed.batch);
            record.plain_len = body.len() as u32;
            record.payload = body.clone();
            engine.trust(&batch.tenant, batch.format, body, batch.received_at_ms).map_err(Refused::Bad)?
        };
        self.lane.append(record, prepared).await.map_err(refused)?;
        self.metrics.took(items, line_bytes);
        Ok(Accepted { items, rejected: refusals.entries, message: refusals.message() })
    }
}

fn refused(error: AppendError) -> Refused {
    let reason = error.to_string();
    match error {
        AppendError::Full { retry_after, .. } => {
            Refused::Unavailable { reason, retry_after: Some(retry_after) }
        }
        AppendError::Unavailable { .. } | AppendError::Closed(_) => {
            Refused::Unavailable { reason, retry_after: None }
        }
    }
}

/// The plain body of a journal record.
pub(crate) fn unpack(record: &Record) -> Result<Bytes, String> {
    if record.compression == Compression::None {
        return Ok(record.payload.clone());
    }
    let mut body = Vec::with_capacity(record.plain_len as usize);
    wire::compress::decompress(record.compression, &record.payload, record.plain_len as usize, &mut body)
        .map_err(|error| error.to_string())?;
    Ok(body.into())
}
