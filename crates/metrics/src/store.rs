//! The facade: one value that takes batches and answers questions.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ::store::engine::SignalEngine;
use ::store::lane::{AppendError, Deps, Lane, StoreError};
use async_trait::async_trait;
use bytes::Bytes;
use model::{Compression, Format, Labels, Matcher, TenantId};
use pipeline::{Accepted, Batch, Consumer, Refused};
use ports::Record;

use crate::config::Config;
use crate::delete::Deletion;
use crate::engine::MetricsEngine;
use crate::ingest::body;
use crate::ingest::resolve::Resolved;
use crate::query::{
    Budget, Cardinality, FamilyMetadata, Hints, LabelCardinality, Listing, ReadError, Scope, SeriesExemplars,
    Stats, TimeRange,
};
use crate::read::{self, listing, set::SeriesSet};

/// How long a client should wait when memory is short.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The store. Methods that read may block: call them where blocking is allowed.
pub struct MetricStore {
    lane: Arc<Lane<MetricsEngine>>,
    clock: Arc<dyn ports::Clock>,
}

fn slices(selectors: &[Vec<Matcher>]) -> Vec<&[Matcher]> {
    selectors.iter().map(Vec::as_slice).collect()
}

impl MetricStore {
    /// Opens the store and brings back what the journal holds. Blocking.
    pub fn open(deps: Deps, config: Config) -> Result<Arc<Self>, StoreError> {
        let (seed, clock, registry) = (deps.rng.next_u64(), deps.clock.clone(), deps.registry.clone());
        let lane_config = config.lane.clone();
        let lane = Lane::open(MetricsEngine::new(config, seed), deps, lane_config)?;
        let engine = lane.engine();
        for file in &lane.snapshot().files {
            let block = file.reader()?;
            for tenant in block.tenants() {
                let part =
                    crate::block::reader::TenantBlock::open(block.clone(), tenant, engine.cache.clone())?;
                for (offset, deletion) in part.map(|part| part.deletions()).transpose()?.unwrap_or_default() {
                    engine.remember_deletion(tenant, offset, deletion);
                }
            }
        }
        let store = Arc::new(Self { lane, clock });
        crate::telemetry::register(&store, &registry);
        Ok(store)
    }

    pub fn config(&self) -> &Config {
        &self.lane.engine().config
    }

    /// The lane under the store, for the server's own telemetry and for background work.
    pub fn lane(&self) -> &Arc<Lane<MetricsEngine>> {
        &self.lane
    }

    fn parts(&self, scope: &Scope) -> Result<Vec<read::Part>, ReadError> {
        scope.budget.check()?;
        read::parts(self.lane.engine(), &self.lane.snapshot(), scope, self.clock.now_ms())
    }

    /// Series that all matchers accept, sorted by labels, with their samples in the scope's range. Iterating leaves out series without a sample.
    pub fn select(&self, scope: &Scope, matchers: &[Matcher], hints: Hints) -> Result<SeriesSet, ReadError> {
        SeriesSet::new(self.parts(scope)?, scope, &[matchers], hints)
    }

    /// How many series all matchers accept, without looking at their labels or samples; a series in several parts counts once in each.
    pub fn count(&self, scope: &Scope, matchers: &[Matcher]) -> Result<u64, ReadError> {
        let mut count = 0;
        for part in self.parts(scope)? {
            count += part.select(matchers, scope.range)?.len();
        }
        Ok(count)
    }

    /// Stored bytes of live blocks by kind of section, for analysis.
    pub fn block_sections(&self) -> Result<Vec<(&'static str, u64)>, ReadError> {
        let mut kinds: std::collections::BTreeMap<&'static str, u64> = Default::default();
        for file in &self.lane.snapshot().files {
            let reader = file.reader()?;
            for key in reader.keys() {
                *kinds.entry(crate::block::kind::name(key.kind)).or_default() += reader.stored_len(*key);
            }
        }
        Ok(kinds.into_iter().collect())
    }

    /// Merges all live blocks into memory and returns how many bytes that makes; publishes nothing. For analysis.
    pub fn merge_dry_run(&self) -> Result<u64, ReadError> {
        let files = self.lane.snapshot().files;
        let readers = files.iter().map(|file| file.reader()).collect::<Result<Vec<_>, _>>()?;
        let keep = ::store::engine::Keep { from_ns: i64::MIN };
        let merged = self.lane.engine().merge(&readers, &keep)?;
        Ok(merged.iter().map(|file| file.bytes.len() as u64).sum())
    }

    /// Label sets that any of the selectors accepts (none given: all), sorted. `limit` 0: no limit.
    pub fn series(
        &self,
        scope: &Scope,
        selectors: &[Vec<Matcher>],
        limit: usize,
    ) -> Result<Listing<Labels>, ReadError> {
        let selectors = if selectors.is_empty() { vec![&[][..]] } else { slices(selectors) };
        let hints = Hints { labels_only: true, start_times: false };
        let set = SeriesSet::new(self.parts(scope)?, scope, &selectors, hints)?;
        let (mut items, mut scratch) = (Vec::new(), Default::default());
        for series in 0..set.len() {
            if limit > 0 && items.len() > limit {
                break;
            }
            if set.has_samples(series, &mut scratch)? {
                items.push(set.labels(series));
            }
        }
        Ok(listing::limited(items, limit))
    }

    /// Names of labels, sorted, of the series that any of the selectors accepts (none given: all).
    pub fn label_names(
        &self,
        scope: &Scope,
        selectors: &[Vec<Matcher>],
        limit: usize,
    ) -> Result<Listing<String>, ReadError> {
        let names = listing::label_names(&self.parts(scope)?, scope, &slices(selectors))?;
        Ok(listing::limited(names, limit))
    }

    /// Values of one label, sorted.
    pub fn label_values(
        &self,
        scope: &Scope,
        name: &str,
        selectors: &[Vec<Matcher>],
        limit: usize,
    ) -> Result<Listing<String>, ReadError> {
        let values = listing::label_values(&self.parts(scope)?, scope, name, &slices(selectors))?;
        Ok(listing::limited(values, limit))
    }

    /// Exemplars of the series that any of the selectors accepts, sorted by labels.
    pub fn exemplars(
        &self,
        scope: &Scope,
        selectors: &[Vec<Matcher>],
    ) -> Result<Vec<SeriesExemplars>, ReadError> {
        listing::exemplars(&self.parts(scope)?, scope, &slices(selectors))
    }

    /// Metadata of one family, or of all, sorted by family; what was said last comes last.
    pub fn metadata(
        &self,
        tenant: &TenantId,
        family: Option<&str>,
    ) -> Result<Vec<FamilyMetadata>, ReadError> {
        let scope = Scope { tenant: tenant.clone(), range: TimeRange::ALL, budget: Budget::unlimited() };
        let families = listing::metadata(&self.parts(&scope)?, family)?;
        Ok(families.into_iter().map(|(family, entries)| FamilyMetadata { family, entries }).collect())
    }

    /// Where the series of a tenant's heads come from; lists hold at most `limit` entries.
    pub fn cardinality(&self, tenant: &TenantId, limit: usize) -> Cardinality {
        let mut counts = match self.lane.engine().registry.find(tenant) {
            Some(series) => listing::cardinality(&series, limit),
            None => Cardinality { min_ms: i64::MAX, max_ms: i64::MIN, ..Cardinality::default() },
        };
        for head in self.lane.snapshot().heads.iter().filter_map(|head| head.find(tenant)) {
            let (min_ms, max_ms) = head.times();
            counts.min_ms = counts.min_ms.min(min_ms);
            counts.max_ms = counts.max_ms.max(max_ms);
            counts.chunks += head.series_count() as u64;
        }
        counts
    }

    /// Value counts of some labels (none given: all) over the active series that the matchers accept, most values first.
    pub fn label_cardinality(
        &self,
        tenant: &TenantId,
        names: &[String],
        matchers: &[Matcher],
        limit: usize,
    ) -> Vec<LabelCardinality> {
        let series = self.lane.engine().registry.find(tenant);
        series.map(|series| listing::label_cardinality(&series, names, matchers, limit)).unwrap_or_default()
    }

    /// Label sets of the active series that all matchers accept, sorted.
    pub fn active_series(&self, tenant: &TenantId, matchers: &[Matcher]) -> Vec<Labels> {
        let series = self.lane.engine().registry.find(tenant);
        series.map(|series| listing::active_series(&series, matchers)).unwrap_or_default()
    }

    /// Deletes the samples in `range` of the series that all matchers accept; durable when it returns.
    pub async fn delete(
        &self,
        tenant: &TenantId,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<(), Refused> {
        if matchers.is_empty() {
            return Err(Refused::Bad("a deletion needs at least one matcher".into()));
        }
        // What was acknowledged before must be in files, where the deletion hides it.
        self.flush()
            .await
            .map_err(|error| Refused::Unavailable { reason: error.to_string(), retry_after: None })?;
        // Nothing later can be there yet; a bounded range lets the deletion expire with what it hides.
        let received_at_ms = self.clock.now_ms();
        let newest_ms = received_at_ms.saturating_add(self.config().future_bound.as_millis() as i64);
        let range = TimeRange { to_ms: range.to_ms.min(newest_ms), ..range };
        let deletion = Deletion { matchers: matchers.to_vec(), range };
        let mut payload = Vec::new();
        deletion.put(&mut payload);
        let record = Record {
            tenant: tenant.clone(),
            format: Format::Deletion,
            compression: Compression::None,
            received_at_ms,
            plain_len: payload.len() as u32,
            payload: payload.into(),
        };
        let prepared = self.lane.engine().prepare_deletion(tenant, deletion);
        self.lane.append(record, prepared).await.map_err(refused)?;
        Ok(())
    }

    /// Cuts what is in the head into files now.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.lane.flush().await
    }

    /// Refuses new batches and waits for those under way.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.lane.close().await
    }

    /// Bytes of memory that grow with what is sent: heads and registry.
    pub fn memory_bytes(&self) -> usize {
        let engine = self.lane.engine();
        let heads: usize = self.lane.snapshot().heads.iter().map(|head| engine.head_bytes(head)).sum();
        heads + engine.registry.bytes()
    }

    /// The same as measured a moment ago: cheap enough to ask for every request.
    pub fn held_bytes(&self) -> usize {
        self.lane.engine().memory.bytes(|| self.memory_bytes())
    }

    pub fn stats(&self) -> Stats {
        let (engine, snapshot) = (self.lane.engine(), self.lane.snapshot());
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            tenants: engine.registry.all().len() as u64,
            active_series: engine.registry.active_series(),
            head_generations: snapshot.heads.len() as u64,
            head_bytes: snapshot.heads.iter().map(|head| engine.head_bytes(head) as u64).sum(),
            registry_bytes: engine.registry.bytes() as u64,
            blocks: snapshot.files.len() as u64,
            block_bytes: snapshot.files.iter().map(|file| file.len).sum(),
            samples_appended: count(&engine.counts.samples_appended),
            series_created: count(&engine.registry.created),
            series_dropped: count(&engine.registry.dropped),
            samples_out_of_order: count(&engine.counts.samples_late),
            samples_rejected: count(&engine.counts.samples_rejected),
        }
    }

    /// Whether new series are to be refused; an error refuses the whole batch.
    fn memory_state(&self) -> Result<bool, Refused> {
        let config = self.config();
        if config.memory_soft_bytes == 0 && config.memory_hard_bytes == 0 {
            return Ok(false);
        }
        let bytes = self.held_bytes();
        if config.memory_hard_bytes > 0 && bytes > config.memory_hard_bytes {
            return Err(Refused::Unavailable {
                reason: format!(
                    "metrics store holds {bytes} bytes of memory, hard limit memory_hard_bytes is {}",
                    config.memory_hard_bytes
                ),
                retry_after: Some(RETRY_AFTER),
            });
        }
        Ok(config.memory_soft_bytes > 0 && bytes > config.memory_soft_bytes)
    }
}

fn refused(error: AppendError) -> Refused {
    match error {
        AppendError::Full { reason, retry_after } => {
            Refused::Unavailable { reason, retry_after: Some(retry_after) }
        }
        other => Refused::Unavailable { reason: other.to_string(), retry_after: None },
    }
}

/// The record that a batch becomes: the body as it came, or what is left of it.
fn record_of(batch: &Batch, part: Option<Bytes>) -> Record {
    let (format, compression, payload, plain_len) = match (part, &batch.wire) {
        (Some(part), _) => {
            let mut packed = Vec::new();
            wire::compress::compress(Compression::Snappy, None, &part, &mut packed);
            (Format::SeriesBatch, Compression::Snappy, packed.into(), part.len())
        }
        (None, Some((compression, wire))) => (batch.format, *compression, wire.clone(), batch.body.len()),
        (None, None) => {
            let mut packed = Vec::new();
            wire::compress::compress(Compression::Snappy, None, &batch.body, &mut packed);
            (batch.format, Compression::Snappy, packed.into(), batch.body.len())
        }
    };
    Record {
        tenant: batch.tenant.clone(),
        format,
        compression,
        received_at_ms: batch.received_at_ms,
        plain_len: plain_len as u32,
        payload,
    }
}

#[async_trait]
impl Consumer for MetricStore {
    async fn consume(&self, batch: Batch) -> Result<Accepted, Refused> {
        self.take(batch, false).await
    }
}

impl MetricStore {
    /// Takes a batch as [`Consumer::consume`] does, but samples of any time: old data moving in.
    pub async fn import(&self, batch: Batch) -> Result<Accepted, Refused> {
        self.take(batch, true).await
    }

    async fn take(&self, batch: Batch, any_time: bool) -> Result<Accepted, Refused> {
        let refuse_new = self.memory_state()?;
        let engine = self.lane.engine();
        let (accepted, prepared, part) = {
            let parsed = body::scan(batch.format, &batch.body, &engine.config).map_err(Refused::Bad)?;
            let again = |rejected: &[u32]| -> Result<Bytes, Refused> {
                let parsed = body::scan(batch.format, &batch.body, &engine.config).map_err(Refused::Bad)?;
                Ok(parsed.without(rejected))
            };
            let resolved =
                engine.prepare_live(&batch.tenant, parsed, batch.received_at_ms, refuse_new, any_time);
            let Resolved { prepared, verdict, rejected, .. } = resolved;
            let part = if verdict.is_clean() { None } else { Some(again(&rejected)?) };
            let accepted = Accepted {
                items: prepared.samples.len() as u64,
                rejected: verdict.samples,
                message: verdict.message(),
            };
            if verdict.limited > 0 && verdict.limited == verdict.samples && prepared.samples.is_empty() {
                return Err(Refused::Limited { reason: accepted.message, retry_after: Some(RETRY_AFTER) });
            }
            (accepted, prepared, part)
        };
        let nothing =
            prepared.samples.is_empty() && prepared.exemplars.is_empty() && prepared.metadata.is_empty();
        if !nothing {
            let record = record_of(&batch, part);
            self.lane.append(record, prepared).await.map_err(refused)?;
        }
        Ok(accepted)
    }
}
