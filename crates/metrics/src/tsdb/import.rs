//! Reads a Prometheus data directory, or a single block, into the store.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hashbrown::HashMap;
use model::sample::NativeHistogram;
use model::{Format, Signal, TenantId};
use pipeline::Batch;
use ports::Disk;
use stdx::varint::{take_i64, take_u64};
use wire::series_batch::SeriesBatchBuilder;

use super::chunk::BadChunk;
use super::index::{ChunkRef, IndexedSeries};
use super::wal::Entry;
use super::{TsdbError, chunk, index, malformed, names, read_file, wal};
use crate::query::{Columns, TimeRange};
use crate::store::MetricStore;

/// A batch goes to the store when it has this many bytes.
const BATCH_LEN: usize = 4 << 20;
/// Samples of the write-ahead log that are gathered by series before they go.
const WAL_SAMPLES: usize = 500_000;
const CHUNKS_MAGIC: u32 = 0x85BD_40DD;
const TOMBSTONES_MAGIC: u32 = 0x0130_BA30;
const ULID_LEN: usize = 26;

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    pub blocks: u64,
    pub samples: u64,
    /// Samples that the store refused, and why (first reasons).
    pub rejected: u64,
    pub reasons: String,
}

struct Import<'s> {
    store: &'s MetricStore,
    tenant: TenantId,
    received_at_ms: i64,
    batch: SeriesBatchBuilder,
    report: ImportReport,
}

impl Import<'_> {
    async fn flush(&mut self) -> Result<(), TsdbError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let body = std::mem::take(&mut self.batch).finish();
        let batch = Batch {
            tenant: self.tenant.clone(),
            signal: Signal::Metrics,
            format: Format::SeriesBatch,
            body,
            wire: None,
            received_at_ms: self.received_at_ms,
        };
        let accepted = self.store.import(batch).await?;
        self.report.samples += accepted.items;
        self.report.rejected += accepted.rejected;
        if self.report.reasons.is_empty() {
            self.report.reasons = accepted.message;
        }
        Ok(())
    }

    fn add(&mut self, columns: &Columns) {
        let mut histograms = columns.histograms.iter().peekable();
        for (place, &t_ms) in columns.t_ms.iter().enumerate() {
            match histograms.next_if(|(at, _)| *at as usize == place) {
                Some((_, histogram)) => self.batch.histogram(t_ms, 0, histogram),
                None => self.batch.float(t_ms, 0, columns.values[place]),
            }
        }
    }
}

/// Imports `dir`: a data directory (blocks, `wal`, `wbl`), or one block.
pub async fn import(
    store: &MetricStore,
    disk: &Arc<dyn Disk>,
    dir: &Path,
    tenant: &TenantId,
    received_at_ms: i64,
) -> Result<ImportReport, TsdbError> {
    let (batch, report) = (SeriesBatchBuilder::new(), ImportReport::default());
    let mut import = Import { store, tenant: tenant.clone(), received_at_ms, batch, report };
    let all = names(disk, dir)?;
    if all.iter().any(|name| name == "meta.json") {
        import_block(&mut import, disk, dir).await?;
        return Ok(import.report);
    }
    let mut blocks = Vec::new();
    for name in all.iter().filter(|name| name.len() == ULID_LEN) {
        let block = dir.join(name);
        if names(disk, &block)?.iter().any(|name| name == "meta.json") {
            blocks.push((min_time(disk, &block)?, block));
        }
    }
    if blocks.is_empty() && !all.iter().any(|name| name == "wal") {
        return Err(malformed(dir, "neither a block nor a data directory of Prometheus"));
    }
    blocks.sort();
    for (_, block) in &blocks {
        import_block(&mut import, disk, block).await?;
    }
    import_log(&mut import, disk, dir).await?;
    Ok(import.report)
}

fn min_time(disk: &Arc<dyn Disk>, block: &Path) -> Result<i64, TsdbError> {
    let path = block.join("meta.json");
    let meta: serde_json::Value = serde_json::from_slice(&read_file(disk, &path)?)
        .map_err(|error| malformed(&path, error.to_string()))?;
    match (meta["version"].as_i64(), meta["minTime"].as_i64()) {
        (Some(1), Some(min_ms)) => Ok(min_ms),
        (Some(version), Some(_)) if version != 1 => Err(TsdbError::Unsupported(format!(
            "{}: meta version {version} cannot be read, only 1",
            path.display()
        ))),
        _ => Err(malformed(&path, "version or minTime is missing")),
    }
}

/// Intervals that were deleted, by series.
fn tombstones(disk: &Arc<dyn Disk>, block: &Path) -> Result<HashMap<u64, Vec<TimeRange>>, TsdbError> {
    let mut all: HashMap<u64, Vec<TimeRange>> = HashMap::new();
    if !names(disk, block)?.iter().any(|name| name == "tombstones") {
        return Ok(all);
    }
    let path = block.join("tombstones");
    let bytes = read_file(disk, &path)?;
    let body = bytes
        .strip_prefix(&TOMBSTONES_MAGIC.to_be_bytes())
        .and_then(|rest| rest.strip_prefix(&[1]))
        .and_then(|rest| rest.split_last_chunk::<4>())
        .filter(|(body, crc)| crc32c::crc32c(body) == u32::from_be_bytes(**crc))
        .map(|(body, _)| body);
    let mut body =
        body.ok_or_else(|| malformed(&path, "no tombstones of version 1, or their checksum does not match"))?;
    while !body.is_empty() {
        let stone = (take_u64(&mut body), take_i64(&mut body), take_i64(&mut body));
        let (Some(series), Some(from_ms), Some(to_ms)) = stone else {
            return Err(malformed(&path, "truncated"));
        };
        all.entry(series).or_default().push(TimeRange { from_ms, to_ms });
    }
    Ok(all)
}

async fn import_block(import: &mut Import<'_>, disk: &Arc<dyn Disk>, block: &Path) -> Result<(), TsdbError> {
    let path = block.join("index");
    let bytes = read_file(disk, &path)?;
    let deleted = tombstones(disk, block)?;
    let mut all: Vec<IndexedSeries<'_>> = Vec::new();
    index::read(&path, &bytes, |series| {
        all.push(series);
        Ok(())
    })?;
    let mut chunks = Chunks { disk, dir: block.join("chunks"), open: None };
    for series in &all {
        let mut columns = Columns::default();
        for reference in &series.chunks {
            chunks.read(reference, &mut columns)?;
        }
        for range in deleted.get(&series.reference).into_iter().flatten() {
            columns.retain(|t_ms| !range.contains(t_ms));
        }
        if !columns.is_empty() {
            import.batch.series(series.labels.iter().copied());
            import.add(&columns);
        }
        if import.batch.len() >= BATCH_LEN {
            import.flush().await?;
        }
    }
    import.flush().await?;
    import.report.blocks += 1;
    Ok(())
}

/// The chunks files of a block; one is in memory at a time, as series lie in their order.
struct Chunks<'d> {
    disk: &'d Arc<dyn Disk>,
    dir: PathBuf,
    open: Option<(u32, PathBuf, Vec<u8>)>,
}

impl Chunks<'_> {
    fn read(&mut self, reference: &ChunkRef, into: &mut Columns) -> Result<(), TsdbError> {
        let (path, bytes) = match self.open.take().filter(|(segment, ..)| *segment == reference.segment) {
            Some((_, path, bytes)) => (path, bytes),
            None => {
                let path = self.dir.join(format!("{:06}", u64::from(reference.segment) + 1));
                let bytes = read_file(self.disk, &path)?;
                if bytes.get(..5) != Some(&[&CHUNKS_MAGIC.to_be_bytes()[..], &[1]].concat()) {
                    return Err(malformed(&path, "not a chunks file of version 1"));
                }
                (path, bytes)
            }
        };
        let read = read_chunk(&bytes, reference.offset as usize, into);
        let bad = match read {
            Ok(()) => None,
            Err(BadChunk::Encoding(encoding)) => Some(TsdbError::Unsupported(format!(
                "{}: chunk at {} has encoding {encoding}; XOR (1), histograms (2) and float histograms (3) are read",
                path.display(),
                reference.offset
            ))),
            Err(BadChunk::Malformed) => Some(malformed(
                &path,
                format!("chunk at {} does not parse or its checksum does not match", reference.offset),
            )),
        };
        self.open = Some((reference.segment, path, bytes));
        bad.map_or(Ok(()), Err)
    }
}

fn read_chunk(bytes: &[u8], at: usize, into: &mut Columns) -> Result<(), BadChunk> {
    let mut input = bytes.get(at..).ok_or(BadChunk::Malformed)?;
    let len = take_u64(&mut input).and_then(|len| usize::try_from(len).ok()).ok_or(BadChunk::Malformed)?;
    let end = len.checked_add(1).ok_or(BadChunk::Malformed)?;
    let body = input.get(..end).ok_or(BadChunk::Malformed)?;
    let crc = input.get(end..).and_then(|rest| rest.first_chunk::<4>()).ok_or(BadChunk::Malformed)?;
    if crc32c::crc32c(body) != u32::from_be_bytes(*crc) {
        return Err(BadChunk::Malformed);
    }
    chunk::read(body[0], &body[1..], into)
}

#[derive(Default)]
struct Gathered {
    floats: Vec<(i64, f64)>,
    histograms: Vec<(i64, NativeHistogram)>,
    exemplars: Vec<(i64, f64, Vec<(String, String)>)>,
}

type SeriesLabels = HashMap<u64, Vec<(String, String)>>;

/// The write-ahead log, then that of late samples, which speaks of the same series.
async fn import_log(import: &mut Import<'_>, disk: &Arc<dyn Disk>, dir: &Path) -> Result<(), TsdbError> {
    let (mut series, mut gathered, mut parts): (
        SeriesLabels,
        HashMap<u64, Gathered>,
        Vec<HashMap<u64, Gathered>>,
    ) = Default::default();
    let mut count = 0;
    for log in ["wal", "wbl"] {
        wal::read(disk, &dir.join(log), &mut |entry| {
            match entry {
                Entry::Series { reference, labels } => {
                    series.insert(reference, labels);
                }
                Entry::Float { reference, t_ms, value } => {
                    gathered.entry(reference).or_default().floats.push((t_ms, value));
                    count += 1;
                }
                Entry::Histogram { reference, t_ms, value } => {
                    gathered.entry(reference).or_default().histograms.push((t_ms, value));
                    count += 1;
                }
                Entry::Exemplar { reference, t_ms, value, labels } => {
                    gathered.entry(reference).or_default().exemplars.push((t_ms, value, labels));
                }
                Entry::Metadata { reference, metadata } => {
                    let labels = series.get(&reference);
                    let name = labels.and_then(|labels| labels.iter().find(|(name, _)| name == "__name__"));
                    if let Some((_, family)) = name {
                        import.batch.metadata(family, &metadata);
                    }
                }
                // Deletes what came before it in the log, which is all that is gathered of the series.
                Entry::Tombstone { reference, min_ms, max_ms } => {
                    let all = parts.iter_mut().chain([&mut gathered]);
                    for samples in all.filter_map(|part| part.get_mut(&reference)) {
                        samples.floats.retain(|(t, _)| !(min_ms..=max_ms).contains(t));
                        samples.histograms.retain(|(t, _)| !(min_ms..=max_ms).contains(t));
                    }
                }
            }
            if count >= WAL_SAMPLES {
                parts.push(std::mem::take(&mut gathered));
                count = 0;
            }
            Ok(())
        })?;
    }
    parts.push(gathered);
    for part in parts {
        import_gathered(import, &series, part).await?;
    }
    import.flush().await
}

async fn import_gathered(
    import: &mut Import<'_>,
    series: &SeriesLabels,
    part: HashMap<u64, Gathered>,
) -> Result<(), TsdbError> {
    let mut order: Vec<(u64, Gathered)> = part.into_iter().collect();
    order.sort_by_key(|(reference, _)| *reference);
    for (reference, samples) in order {
        // A sample whose series is not in the log was dropped with its checkpoint; Prometheus skips it too.
        let Some(labels) = series.get(&reference) else { continue };
        import.batch.series(labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        samples.floats.iter().for_each(|(t_ms, value)| import.batch.float(*t_ms, 0, *value));
        samples.histograms.iter().for_each(|(t_ms, value)| import.batch.histogram(*t_ms, 0, value));
        for (t_ms, value, labels) in &samples.exemplars {
            let labels = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            import.batch.exemplar(labels, *t_ms, *value);
        }
        if import.batch.len() >= BATCH_LEN {
            import.flush().await?;
        }
    }
    Ok(())
}
