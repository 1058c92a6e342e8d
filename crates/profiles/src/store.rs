//! The facade: one value that takes batches and answers questions. Methods that read may block: call them where blocking is allowed.
//!
//! Every answer comes from one snapshot of the lane. A profile that was sent twice counts once.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use limits::QueryBudget;
use model::matcher::Matcher;
use model::{Compression, Labels, TenantId};
use parking_lot::Mutex;
use pipeline::{Accepted, Batch, Consumer, Refused};
use ports::Record;
use rustc_hash::{FxHashMap, FxHashSet};
use store::{AppendError, BlockHandle, ContainerError, Deps, Lane, LaneConfig, Snapshot, StoreError};
use telemetry::Counter;
use wire::pprof::{Profile, Sample, ValueType};

use crate::block::TenantBlock;
use crate::config::Config;
use crate::engine::{Prepared, ProfileEngine};
use crate::part::{Details, Part, ProfileRow};
use crate::profile_type::ProfileType;
use crate::query::{ProfileQuery, ProfileSummary, QueryError, SeriesPoints, SeriesQuery};
use crate::symbols::{Interner, Mover};
use crate::tree::{Tree, TreeBuilder};
use crate::write::{InMemory, Source};

/// Memory of tables of blocks that stay between queries; one that is larger alone stays until the next comes.
const OPEN_BYTES_MAX: usize = 64 << 20;

/// The profile store.
pub struct ProfileStore {
    lane: Arc<Lane<ProfileEngine>>,
    blocks: OpenBlocks,
    taken: Counter,
    refused: Counter,
}

impl ProfileStore {
    /// Opens the store and brings back what the journal holds. Blocking.
    pub fn open(deps: Deps, lane: LaneConfig, config: Config) -> Result<Arc<Self>, StoreError> {
        let registry = deps.registry.clone();
        let lane = Lane::open(ProfileEngine::new(config), deps, lane)?;
        let store = Arc::new(Self {
            lane,
            blocks: OpenBlocks::default(),
            taken: registry.counter(
                "oriel_profiles_taken_total",
                "Profiles taken, one of each sample type.",
                &[],
            ),
            refused: registry.counter("oriel_profiles_refused_total", "Profiles refused for a limit.", &[]),
        });
        let help = "Most memory of tables of blocks that stay open.";
        registry.gauge("oriel_profiles_open_blocks_bytes_max", help, &[]).set(OPEN_BYTES_MAX as i64);
        let watched = Arc::downgrade(&store);
        let sample = move || watched.upgrade().map_or(0.0, |store| store.blocks.bytes() as f64);
        let help = "Memory of tables of blocks that stay open.";
        registry.sampled("oriel_profiles_open_blocks_bytes", help, &[], sample);
        Ok(store)
    }

    /// The spine under this store.
    pub fn lane(&self) -> &Arc<Lane<ProfileEngine>> {
        &self.lane
    }

    /// All selected samples as one tree of function names.
    pub fn merged(&self, query: &ProfileQuery) -> Result<Tree, QueryError> {
        View::new(&self.lane.snapshot(), &self.blocks, &query.tenant)?.merged(query)
    }

    /// All selected samples as one pprof profile, with sample labels, of the type of the first selected series.
    pub fn merged_pprof(&self, query: &ProfileQuery) -> Result<Profile, QueryError> {
        View::new(&self.lane.snapshot(), &self.blocks, &query.tenant)?.merged_pprof(query)
    }

    /// Totals over time of groups of series that agree in the labels `group_by`, in steps from `from_ns` on, sorted by labels.
    pub fn series_totals(
        &self,
        query: &ProfileQuery,
        step_ns: i64,
        group_by: &[String],
    ) -> Result<Vec<SeriesPoints>, QueryError> {
        View::new(&self.lane.snapshot(), &self.blocks, &query.tenant)?.series_totals(query, step_ns, group_by)
    }

    /// Profiles one by one, newest first, at most `limit`.
    pub fn profiles(&self, query: &ProfileQuery, limit: usize) -> Result<Vec<ProfileSummary>, QueryError> {
        View::new(&self.lane.snapshot(), &self.blocks, &query.tenant)?.profiles(query, limit)
    }

    /// Series with profiles in the range, sorted by labels.
    pub fn series(&self, query: &SeriesQuery) -> Result<Vec<Arc<Labels>>, QueryError> {
        View::new(&self.lane.snapshot(), &self.blocks, &query.tenant)?.series(query)
    }

    /// Types of those series, sorted.
    pub fn profile_types(&self, query: &SeriesQuery) -> Result<Vec<ProfileType>, QueryError> {
        let types: BTreeSet<ProfileType> =
            self.series(query)?.iter().filter_map(|labels| ProfileType::of(labels)).collect();
        Ok(types.into_iter().collect())
    }

    /// Names of labels, sorted.
    pub fn label_names(&self, query: &SeriesQuery) -> Result<Vec<String>, QueryError> {
        let series = self.series(query)?;
        let names: BTreeSet<&str> =
            series.iter().flat_map(|labels| labels.iter().map(|(name, _)| name)).collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    /// Values of a label, sorted.
    pub fn label_values(&self, query: &SeriesQuery, name: &str) -> Result<Vec<String>, QueryError> {
        let series = self.series(query)?;
        let values: BTreeSet<&str> =
            series.iter().map(|labels| labels.get(name)).filter(|value| !value.is_empty()).collect();
        Ok(values.into_iter().map(str::to_owned).collect())
    }

    /// What corruption has cost: every answer is without these records, and whoever shows one says so. Empty on a sound disk.
    pub fn damage(&self) -> Vec<String> {
        let damage = self.lane.snapshot().damage;
        damage
            .iter()
            .map(|lost| {
                format!(
                    "profile records {}..{} are lost: {}",
                    lost.offsets.start, lost.offsets.end, lost.reason
                )
            })
            .collect()
    }

    /// Cuts what is in the head now and returns when it is published.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.lane.flush().await
    }

    /// Refuses new batches and waits for those under way.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.lane.close().await
    }
}

#[async_trait]
impl Consumer for ProfileStore {
    async fn consume(&self, batch: Batch) -> Result<Accepted, Refused> {
        let parsed = self.lane.engine().check(&batch).map_err(Refused::Bad)?;
        let items = parsed.part.index.profiles.len() as u64;
        self.refused.add(parsed.refused);
        if items == 0 {
            return if parsed.refused == 0 {
                Ok(Accepted::default())
            } else {
                Err(Refused::Bad(parsed.reason))
            };
        }
        let (compression, payload) = batch.wire.unwrap_or((Compression::None, batch.body.clone()));
        let record = Record {
            tenant: batch.tenant.clone(),
            format: batch.format,
            compression,
            received_at_ms: batch.received_at_ms,
            plain_len: batch.body.len() as u32,
            payload,
        };
        self.lane.append(record, Prepared::new(batch.tenant, parsed.part)).await.map_err(refused)?;
        self.taken.add(items);
        Ok(Accepted { items, rejected: parsed.refused, message: parsed.reason })
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

/// Blocks whose tables are read. The oldest go first.
#[derive(Default)]
pub(crate) struct OpenBlocks {
    state: Mutex<OpenState>,
}

#[derive(Default)]
struct OpenState {
    open: HashMap<(String, TenantId), Arc<TenantBlock>>,
    order: VecDeque<(String, TenantId)>,
    bytes: usize,
}

impl OpenBlocks {
    /// Memory that is held.
    fn bytes(&self) -> usize {
        self.state.lock().bytes
    }

    fn open(
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
        // Two queries may have opened it at once.
        if state.open.insert(key.clone(), block.clone()).is_none() {
            state.order.push_back(key);
            state.bytes += block.bytes();
        }
        while state.bytes > OPEN_BYTES_MAX && state.order.len() > 1 {
            let oldest = state.order.pop_front().and_then(|oldest| state.open.remove(&oldest));
            state.bytes -= oldest.map_or(0, |oldest| oldest.bytes());
        }
        Ok(Some(block))
    }
}

/// What one query sees of one tenant. Files outside of its time range are opened only if asked.
pub(crate) struct View<'a> {
    heads: Vec<Arc<Part>>,
    files: Vec<Arc<BlockHandle>>,
    blocks: &'a OpenBlocks,
    tenant: TenantId,
}

/// Which series and times.
struct Selection<'q> {
    matcher_sets: &'q [Vec<Matcher>],
    from_ns: i64,
    to_ns: i64,
    budget: &'q QueryBudget,
}

impl Selection<'_> {
    fn selects(&self, labels: &Labels) -> bool {
        self.matcher_sets.is_empty()
            || self
                .matcher_sets
                .iter()
                .any(|set| set.iter().all(|matcher| matcher.matches(labels.get(matcher.name()))))
    }
}

fn selection(query: &ProfileQuery) -> Selection<'_> {
    Selection {
        matcher_sets: std::slice::from_ref(&query.matchers),
        from_ns: query.from_ns,
        to_ns: query.to_ns,
        budget: &query.budget,
    }
}

impl<'a> View<'a> {
    pub(crate) fn new(
        snapshot: &Snapshot<ProfileEngine>,
        blocks: &'a OpenBlocks,
        tenant: &TenantId,
    ) -> Result<Self, QueryError> {
        let heads = snapshot.heads.iter().flat_map(|head| head.parts(tenant)).collect();
        let has_tenant = |file: &&Arc<BlockHandle>| file.summary.tenants.contains(tenant);
        let files = snapshot.files.iter().filter(has_tenant).cloned().collect();
        Ok(Self { heads, files, blocks, tenant: tenant.clone() })
    }

    /// Shows the selected profiles of one source after the other. Copies of a profile are shown once.
    fn each_source(
        &self,
        selection: &Selection<'_>,
        visit: &mut dyn FnMut(&dyn Source, &[usize]) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let mut seen: FxHashSet<(i64, u64)> = FxHashSet::default();
        let mut show = |source: &dyn Source| {
            selection.budget.check()?;
            let tables = source.index();
            let selected: Vec<bool> = tables.series.iter().map(|labels| selection.selects(labels)).collect();
            let in_range =
                |profile: &ProfileRow| (selection.from_ns..selection.to_ns).contains(&profile.ts_ns);
            let mut profiles = Vec::new();
            for (place, profile) in tables.profiles.iter().enumerate() {
                if selected[profile.series as usize]
                    && in_range(profile)
                    && seen.insert((profile.ts_ns, profile.content))
                {
                    profiles.push(place);
                }
            }
            if profiles.is_empty() { Ok(()) } else { visit(source, &profiles) }
        };
        for file in &self.files {
            if file.overlaps(selection.from_ns, selection.to_ns.saturating_sub(1))
                && let Some(block) = self.blocks.open(file, &self.tenant)?
            {
                show(&*block)?;
            }
        }
        self.heads.iter().try_for_each(|part| show(&InMemory::new(part)))
    }

    /// Shows the selected samples of profiles: stack, value, label set.
    fn each_sample(
        source: &dyn Source,
        profiles: &[usize],
        query: &ProfileQuery,
        visit: &mut dyn FnMut(usize, u32, i64, u32),
    ) -> Result<(), QueryError> {
        let links = linked(source, query)?;
        for place in profiles {
            let samples = source.samples(*place)?;
            query.budget.spend(samples.len() as u64 * 20)?;
            for row in 0..samples.len() {
                if links.as_ref().is_none_or(|links| links[samples.links[row] as usize]) {
                    visit(*place, samples.stacks[row], samples.values[row], samples.label_sets[row]);
                }
            }
        }
        Ok(())
    }

    pub(crate) fn merged(&self, query: &ProfileQuery) -> Result<Tree, QueryError> {
        let mut tree = TreeBuilder::default();
        self.each_source(&selection(query), &mut |source, profiles| {
            let mut values: FxHashMap<u32, i64> = FxHashMap::default();
            Self::each_sample(source, profiles, query, &mut |_, stack, value, _| {
                let sum = values.entry(stack).or_default();
                *sum = sum.saturating_add(value);
            })?;
            tree.add(&source.details()?.symbols, &values);
            Ok(())
        })?;
        Ok(tree.finish())
    }

    pub(crate) fn merged_pprof(&self, query: &ProfileQuery) -> Result<Profile, QueryError> {
        let mut merged = MergedPprof::default();
        self.each_source(&selection(query), &mut |source, profiles| {
            let tables = source.index();
            profiles.iter().for_each(|place| merged.heading(&tables.profiles[*place], &tables.series));
            let mut rows: FxHashMap<(u32, u32), i64> = FxHashMap::default();
            Self::each_sample(source, profiles, query, &mut |_, stack, value, labels| {
                let sum = rows.entry((stack, labels)).or_default();
                *sum = sum.saturating_add(value);
            })?;
            merged.add(source.details()?, rows);
            Ok(())
        })?;
        Ok(merged.finish())
    }

    pub(crate) fn series_totals(
        &self,
        query: &ProfileQuery,
        step_ns: i64,
        group_by: &[String],
    ) -> Result<Vec<SeriesPoints>, QueryError> {
        let step_ns = step_ns.max(1);
        let step = |ts_ns: i64| {
            let distance = ts_ns.wrapping_sub(query.from_ns) as u64 / step_ns as u64;
            query.from_ns.wrapping_add((distance * step_ns as u64) as i64)
        };
        let mut groups: BTreeMap<Labels, BTreeMap<i64, i64>> = BTreeMap::new();
        self.each_source(&selection(query), &mut |source, profiles| {
            let tables = source.index();
            let mut totals: Vec<i64> = profiles.iter().map(|place| tables.profiles[*place].total).collect();
            if !query.spans.is_empty() || !query.traces.is_empty() {
                totals.fill(0);
                let mut at = 0;
                Self::each_sample(source, profiles, query, &mut |place, _, value, _| {
                    while profiles[at] != place {
                        at += 1;
                    }
                    totals[at] = totals[at].saturating_add(value);
                })?;
            }
            for (place, total) in profiles.iter().zip(totals) {
                let profile = &tables.profiles[*place];
                let labels = &tables.series[profile.series as usize];
                let group = group_by.iter().map(|name| (name.as_str(), labels.get(name)));
                let points = groups.entry(Labels::from_pairs(group)).or_default();
                let sum = points.entry(step(profile.ts_ns)).or_default();
                *sum = sum.saturating_add(total);
            }
            Ok(())
        })?;
        let points = |(labels, points): (Labels, BTreeMap<i64, i64>)| SeriesPoints {
            labels,
            points: points.into_iter().collect(),
        };
        Ok(groups.into_iter().map(points).collect())
    }

    pub(crate) fn profiles(
        &self,
        query: &ProfileQuery,
        limit: usize,
    ) -> Result<Vec<ProfileSummary>, QueryError> {
        let mut found: Vec<ProfileSummary> = Vec::new();
        self.each_source(&selection(query), &mut |source, profiles| {
            let tables = source.index();
            let links = linked(source, query)?;
            for place in profiles {
                let profile = &tables.profiles[*place];
                if let Some(links) = &links
                    && !source.samples(*place)?.links.iter().any(|link| links[*link as usize])
                {
                    continue;
                }
                found.push(ProfileSummary {
                    labels: tables.series[profile.series as usize].clone(),
                    ts_ns: profile.ts_ns,
                    duration_ns: profile.duration_ns,
                    id: profile.id,
                    samples: u64::from(profile.sample_count),
                    total: profile.total,
                });
            }
            Ok(())
        })?;
        found.sort_by(|a, b| b.ts_ns.cmp(&a.ts_ns).then_with(|| a.labels.cmp(&b.labels)));
        found.truncate(limit);
        Ok(found)
    }

    pub(crate) fn series(&self, query: &SeriesQuery) -> Result<Vec<Arc<Labels>>, QueryError> {
        let selection = Selection {
            matcher_sets: &query.matcher_sets,
            from_ns: query.from_ns,
            to_ns: query.to_ns,
            budget: &query.budget,
        };
        let mut series: BTreeSet<Arc<Labels>> = BTreeSet::new();
        self.each_source(&selection, &mut |source, profiles| {
            let tables = source.index();
            let used: FxHashSet<u32> = profiles.iter().map(|place| tables.profiles[*place].series).collect();
            series.extend(used.into_iter().map(|place| tables.series[place as usize].clone()));
            Ok(())
        })?;
        Ok(series.into_iter().collect())
    }
}

/// Which links (0: none, else place plus one) the query wants; `None`: all samples.
fn linked(source: &dyn Source, query: &ProfileQuery) -> Result<Option<Vec<bool>>, ContainerError> {
    if query.spans.is_empty() && query.traces.is_empty() {
        return Ok(None);
    }
    let wants = |(trace, span): &(model::TraceId, model::SpanId)| {
        (query.spans.is_empty() || query.spans.contains(span))
            && (query.traces.is_empty() || query.traces.contains(trace))
    };
    Ok(Some(std::iter::once(false).chain(source.details()?.links.iter().map(wants)).collect()))
}

/// A pprof profile that sources are added to.
#[derive(Default)]
struct MergedPprof {
    interner: Interner,
    samples: BTreeMap<(u32, Vec<wire::pprof::Label>), i64>,
    kind: Option<ProfileType>,
    time_nanos: i64,
    end_nanos: i64,
    period: i64,
}

impl MergedPprof {
    fn heading(&mut self, profile: &ProfileRow, series: &[Arc<Labels>]) {
        if self.kind.is_none() {
            self.kind = ProfileType::of(&series[profile.series as usize]);
            (self.time_nanos, self.end_nanos) = (profile.ts_ns, profile.ts_ns);
        }
        self.time_nanos = self.time_nanos.min(profile.ts_ns);
        self.end_nanos = self.end_nanos.max(profile.ts_ns.saturating_add(profile.duration_ns));
        self.period = self.period.max(profile.period);
    }

    fn add(&mut self, tables: &Details, rows: FxHashMap<(u32, u32), i64>) {
        let mut mover = Mover::of_symbols(&tables.symbols);
        let mut rows: Vec<((u32, u32), i64)> = rows.into_iter().collect();
        rows.sort_unstable();
        for ((stack, label_set), value) in rows {
            let stack = mover.node(&mut self.interner, &tables.symbols.nodes, stack);
            let mut labels = match (label_set as usize).checked_sub(1) {
                Some(set) => tables.label_sets[set].clone(),
                None => Vec::new(),
            };
            for label in &mut labels {
                label.key = mover.string(&mut self.interner, label.key);
                label.text = mover.string(&mut self.interner, label.text);
                label.number_unit = mover.string(&mut self.interner, label.number_unit);
            }
            labels.sort_unstable();
            let sum = self.samples.entry((stack, labels)).or_default();
            *sum = sum.saturating_add(value);
        }
    }

    fn finish(mut self) -> Profile {
        let kind = self.kind.unwrap_or_default();
        let sample_type = ValueType {
            kind: self.interner.string(&kind.sample_type),
            unit: self.interner.string(&kind.sample_unit),
        };
        let period_type = ValueType {
            kind: self.interner.string(&kind.period_type),
            unit: self.interner.string(&kind.period_unit),
        };
        let symbols = self.interner.finish();
        let locations_of = |stack: u32| {
            let mut locations = Vec::new();
            let mut at = stack;
            while let Some(node) = (at as usize).checked_sub(1).map(|place| symbols.nodes[place]) {
                locations.push(node.location);
                at = node.parent;
            }
            locations
        };
        let samples = self.samples.into_iter().map(|((stack, labels), value)| Sample {
            locations: locations_of(stack),
            values: vec![value],
            labels,
        });
        Profile {
            sample_types: vec![sample_type],
            samples: samples.collect(),
            mappings: symbols.mappings,
            locations: symbols.locations,
            functions: symbols.functions,
            strings: symbols.strings.into_iter().map(String::from).collect(),
            time_nanos: self.time_nanos,
            duration_nanos: self.end_nanos.saturating_sub(self.time_nanos),
            period_type,
            period: self.period,
            ..Profile::default()
        }
    }
}
