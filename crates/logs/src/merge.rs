//! Compaction: row groups of some blocks, joined into buckets by time and written again as one block.
//!
//! One bucket at a time is in memory: at most twice [`BUCKET_BYTES`] of lines (or one input group) and their columns. Deterministic: ties go by input,
//! then by place in it. Exact duplicates (stream, time, line and metadata) that meet in a bucket are written once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use model::{Labels, Signal, TenantId};
use store::column::{Column, Value};
use store::{BlockReader, BlockWriter, ContainerError, FileSummary, Keep, NewFile};

use crate::block::{BUCKET_BYTES, OVERFLOW, Tables, TenantBlock, TenantWriter};
use crate::duplicates::Duplicates;
use crate::level::Level;

pub(crate) fn merge(
    inputs: &[Arc<BlockReader>],
    keep: &Keep,
    zstd_level: i32,
) -> Result<Vec<NewFile>, ContainerError> {
    let tenants: BTreeSet<&TenantId> = inputs.iter().flat_map(|input| input.tenants()).collect();
    let mut block = BlockWriter::new(Signal::Logs);
    block.reserve(inputs.iter().map(|input| input.len() as usize).sum());
    let mut summary = FileSummary { min_ns: i64::MAX, max_ns: i64::MIN, items: 0, tenants: Vec::new() };
    for tenant in tenants {
        merge_tenant(&mut block, tenant, inputs, keep, zstd_level, &mut summary)?;
    }
    if summary.items == 0 {
        return Ok(Vec::new());
    }
    Ok(vec![NewFile { bytes: block.finish(), summary }])
}

/// A tenant's part of an input, with its numbers in the output.
struct Input {
    block: TenantBlock,
    streams: Vec<u32>,
    origins: Vec<u32>,
    /// Column in the output, once a row needed it.
    columns: Vec<Option<Option<usize>>>,
}

fn merge_tenant(
    block: &mut BlockWriter,
    tenant: &TenantId,
    inputs: &[Arc<BlockReader>],
    keep: &Keep,
    zstd_level: i32,
    summary: &mut FileSummary,
) -> Result<(), ContainerError> {
    let mut parts = Vec::new();
    for reader in inputs {
        parts.extend(TenantBlock::open(reader.clone(), tenant, false)?);
    }
    let (tables, mut inputs) = join_tables(parts);
    let buckets = buckets(&inputs, keep);
    if buckets.is_empty() {
        return Ok(());
    }
    let mut writer = TenantWriter::new(block, tenant, zstd_level);
    for bucket in buckets {
        write_bucket(&mut writer, &mut inputs, &bucket, keep)?;
    }
    writer.end_group();
    if writer.rows == 0 {
        return Ok(());
    }
    summary.min_ns = summary.min_ns.min(writer.min_ns);
    summary.max_ns = summary.max_ns.max(writer.max_ns);
    summary.items += writer.finish(&tables);
    summary.tenants.push(tenant.clone());
    Ok(())
}

fn join_tables(parts: Vec<TenantBlock>) -> (Tables, Vec<Input>) {
    let mut streams: BTreeMap<Arc<Labels>, u32> = BTreeMap::new();
    let mut origins: BTreeMap<Box<[(Box<str>, Box<str>)]>, u32> = BTreeMap::new();
    for part in &parts {
        streams.extend(part.streams.iter().map(|labels| (labels.clone(), 0)));
        origins.extend(part.origins.iter().map(|metadata| (metadata.clone(), 0)));
    }
    streams.values_mut().zip(0..).for_each(|(number, next)| *number = next);
    origins.values_mut().zip(0..).for_each(|(number, next)| *number = next);
    let inputs = parts
        .into_iter()
        .map(|block| Input {
            streams: block.streams.iter().map(|labels| streams[labels]).collect(),
            origins: block.origins.iter().map(|metadata| origins[metadata]).collect(),
            columns: vec![None; block.names.len()],
            block,
        })
        .collect();
    let tables = Tables { streams: streams.into_keys().collect(), origins: origins.into_keys().collect() };
    (tables, inputs)
}

/// Groups (input, number) that go into one bucket of the output: neighbours in time, until there is enough and the next begins later than all
/// that is in, or there is twice enough.
fn buckets(inputs: &[Input], keep: &Keep) -> Vec<Vec<(usize, usize)>> {
    let mut groups: Vec<(i64, usize, usize)> = Vec::new();
    for (place, input) in inputs.iter().enumerate() {
        let live = input.block.groups.iter().enumerate().filter(|(_, group)| group.max_ns >= keep.from_ns);
        groups.extend(live.map(|(number, group)| (group.min_ns, place, number)));
    }
    groups.sort_unstable();
    let mut buckets: Vec<Vec<(usize, usize)>> = Vec::new();
    let (mut bytes, mut max_ns) = (0u64, i64::MIN);
    for (min_ns, place, number) in groups {
        let is_full = bytes >= BUCKET_BYTES && (min_ns > max_ns || bytes >= 2 * BUCKET_BYTES);
        if is_full || buckets.is_empty() {
            buckets.push(Vec::new());
            (bytes, max_ns) = (0, i64::MIN);
        }
        buckets.last_mut().expect("pushed above").push((place, number));
        bytes += inputs[place].block.lines_len(number);
        max_ns = max_ns.max(inputs[place].block.groups[number].max_ns);
    }
    buckets
}

/// A decoded input group.
struct Loaded {
    times: Vec<i64>,
    levels: Vec<Level>,
    origins: Vec<u32>,
    text: Bytes,
    ends: Vec<u32>,
    columns: Vec<(Target, Column)>,
}

/// Where values of a column go.
enum Target {
    Column(usize),
    /// Too many names: kept beside the columns under its name.
    Overflow(Box<str>),
}

impl Loaded {
    fn line(&self, row: usize) -> &[u8] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        &self.text[start..self.ends[row] as usize]
    }

    fn content(&self, row: usize) -> u128 {
        let mut text = self.line(row).to_vec();
        for (target, column) in &self.columns {
            if let Some(value) = column.get(row) {
                match target {
                    Target::Column(number) => text.extend_from_slice(&number.to_le_bytes()),
                    Target::Overflow(name) => text.extend_from_slice(name.as_bytes()),
                }
                value.write(&mut text);
                text.push(0);
            }
        }
        xxhash_rust::xxh3::xxh3_128(&text)
    }
}

/// A row to be written.
#[derive(Clone, Copy)]
struct Ref {
    stream: u32,
    ts_ns: i64,
    group: u32,
    row: u32,
}

fn write_bucket(
    writer: &mut TenantWriter<'_>,
    inputs: &mut [Input],
    bucket: &[(usize, usize)],
    keep: &Keep,
) -> Result<(), ContainerError> {
    let mut loaded = Vec::with_capacity(bucket.len());
    let mut refs = Vec::new();
    for (place, number) in bucket {
        let input = &mut inputs[*place];
        let group = load(writer, input, *number)?;
        for run in &input.block.groups[*number].runs {
            let stream = input.streams[run.stream as usize];
            for row in run.start..run.start + run.rows {
                let ts_ns = group.times[row as usize];
                if ts_ns >= keep.from_ns {
                    refs.push(Ref { stream, ts_ns, group: loaded.len() as u32, row });
                }
            }
        }
        let origins = group.origins.iter().map(|origin| input.origins[*origin as usize]).collect();
        loaded.push(Loaded { origins, ..group });
    }
    // Input groups are sorted runs: a merging sort finds them.
    refs.sort_by_key(|row| (row.stream, row.ts_ns, row.group, row.row));
    let mut duplicates = Duplicates::default();
    for row in refs {
        let content = |row: &Ref| {
            let group = &loaded[row.group as usize];
            group.content(row.row as usize) ^ u128::from(group.origins[row.row as usize]) << 64
        };
        if !duplicates.is_one((row.stream, row.ts_ns), row, content) {
            write_row(writer, &loaded[row.group as usize], &row);
        }
    }
    writer.end_group();
    Ok(())
}

fn write_row(writer: &mut TenantWriter<'_>, group: &Loaded, row: &Ref) {
    let place = row.row as usize;
    writer.row(row.stream, row.ts_ns, group.levels[place], group.origins[place], group.line(place));
    for (target, column) in &group.columns {
        let Some(value) = column.get(place) else { continue };
        match target {
            Target::Column(column) => writer.value(*column, value),
            Target::Overflow(name) if &**name == OVERFLOW => {
                let Value::Text(packed) = value else { continue };
                crate::metadata::overflow_pairs(packed, |name, value| {
                    writer.overflow(name, Value::Text(value))
                });
            }
            Target::Overflow(name) => writer.overflow(name, value),
        }
    }
    writer.end_row();
}

fn load(writer: &mut TenantWriter<'_>, input: &mut Input, number: usize) -> Result<Loaded, ContainerError> {
    let block = &input.block;
    let times = block.times(number)?;
    let (text, ends) = block.lines(number)?;
    let mut columns = Vec::new();
    for (name, _) in &block.groups[number].columns {
        let text = &block.names[*name as usize];
        let known = &mut input.columns[*name as usize];
        let target = match *known
            .get_or_insert_with(|| if &**text == OVERFLOW { None } else { writer.column(text) })
        {
            Some(column) => Target::Column(column),
            None => Target::Overflow(text.clone()),
        };
        columns.extend(block.metadata(number, *name, &times)?.map(|column| (target, column)));
    }
    Ok(Loaded {
        levels: block.levels(number)?,
        origins: block.row_origins(number)?,
        times,
        text,
        ends,
        columns,
    })
}
