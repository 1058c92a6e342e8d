//! A cut: the rows of a head, sorted by bucket, stream and time, written as one block file.
//!
//! Buckets are stretches of time of about equal size, so that a query for the newest entries opens only the last of them. Exact duplicates (stream, time, line
//! and record bytes) are written once. Deterministic: ties go by journal offset, then by place in the request.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::{Labels, Signal, TenantId};
use store::{BlockWriter, FileSummary, NewFile};

use crate::batch::{Name, Row, each_own};
use crate::block::{BUCKET_BYTES, Tables, TenantWriter};
use crate::duplicates::Duplicates;
use crate::head::{Head, Placed};
use crate::origin::Origin;
use wire::otlp::text::label_name;

/// A row to be written.
#[derive(Clone, Copy)]
struct Ref {
    bucket: u32,
    stream: u32,
    ts_ns: i64,
    batch: u32,
    row: u32,
    origin: u32,
}

/// Writes all tenants of `head`.
pub(crate) fn build(head: &Head, zstd_level: i32) -> Vec<NewFile> {
    let mut block = BlockWriter::new(Signal::Logs);
    let mut summary = FileSummary { min_ns: i64::MAX, max_ns: i64::MIN, items: 0, tenants: Vec::new() };
    for tenant in head.tenants() {
        let batches = head.batches(&tenant);
        build_tenant(&mut block, &tenant, &batches, zstd_level, &mut summary);
    }
    if summary.items == 0 {
        return Vec::new();
    }
    vec![NewFile { bytes: block.finish(), summary }]
}

fn build_tenant(
    block: &mut BlockWriter,
    tenant: &TenantId,
    batches: &[Placed],
    zstd_level: i32,
    summary: &mut FileSummary,
) {
    let (tables, origins) = tables(batches);
    let refs = sorted_rows(batches, &origins);
    let mut writer = TenantWriter::new(block, tenant, zstd_level);
    let mut columns = Columns::default();
    let mut duplicates = Duplicates::default();
    let mut bucket = 0;
    for row in refs {
        if duplicates.is_one((row.stream, row.ts_ns), row, |row| content(batches, row)) {
            continue;
        }
        if row.bucket != bucket {
            writer.end_group();
            bucket = row.bucket;
        }
        let (batch, entry) = entry_of(batches, &row);
        writer.row(row.stream, row.ts_ns, entry.level, row.origin, batch.line(entry));
        columns.begin();
        each_own(batch.kind, entry.record.of(&batch.body), &mut |name, value| match columns
            .of(&mut writer, name)
        {
            Some(column) => writer.value(column, value),
            None => {
                let (Name::Plain(raw) | Name::Attribute(raw)) = name;
                writer.overflow(&label_name(raw), value);
            }
        });
        writer.end_row();
    }
    writer.end_group();
    summary.min_ns = summary.min_ns.min(writer.min_ns);
    summary.max_ns = summary.max_ns.max(writer.max_ns);
    summary.items += writer.finish(&tables);
    summary.tenants.push(tenant.clone());
}

fn entry_of<'a>(batches: &'a [Placed], row: &Ref) -> (&'a crate::batch::Batch, &'a Row) {
    let batch = &batches[row.batch as usize].batch;
    (batch, &batch.rows[row.row as usize])
}

/// Numbers of stream and origin for each group of each batch.
type Numbers = Vec<Vec<(u32, u32)>>;

/// The tables of all that is in `batches`, sorted.
fn tables(batches: &[Placed]) -> (Tables, Numbers) {
    let mut streams: BTreeMap<Arc<Labels>, u32> = BTreeMap::new();
    let mut origins: BTreeMap<&[(Box<str>, Box<str>)], u32> = BTreeMap::new();
    // Most groups share an origin with many others: look at each only once.
    let mut seen: HashMap<*const Origin, (u32, u32)> = HashMap::new();
    for group in batches.iter().flat_map(|placed| &placed.batch.groups) {
        if seen.insert(Arc::as_ptr(&group.origin), (0, 0)).is_none() {
            streams.insert(group.origin.labels.clone(), 0);
            origins.insert(&group.origin.metadata, 0);
        }
    }
    streams.values_mut().zip(0..).for_each(|(number, next)| *number = next);
    origins.values_mut().zip(0..).for_each(|(number, next)| *number = next);
    seen.clear();
    let numbers = batches
        .iter()
        .map(|placed| {
            let number = |group: &crate::batch::Group| {
                *seen
                    .entry(Arc::as_ptr(&group.origin))
                    .or_insert_with(|| (streams[&group.origin.labels], origins[&*group.origin.metadata]))
            };
            placed.batch.groups.iter().map(number).collect()
        })
        .collect();
    let tables = Tables {
        streams: streams.into_keys().collect(),
        origins: origins.into_keys().map(Into::into).collect(),
    };
    (tables, numbers)
}

fn sorted_rows(batches: &[Placed], numbers: &Numbers) -> Vec<Ref> {
    let mut refs = Vec::with_capacity(batches.iter().map(|placed| placed.batch.rows.len()).sum());
    let mut line_bytes = 0u64;
    for (place, placed) in batches.iter().enumerate() {
        for (group, (stream, origin)) in placed.batch.groups.iter().zip(&numbers[place]) {
            let rows = &placed.batch.rows[group.start as usize..group.end as usize];
            refs.extend(rows.iter().zip(group.start..).map(|(row, number)| {
                line_bytes += u64::from(row.line.len);
                Ref {
                    bucket: 0,
                    stream: *stream,
                    ts_ns: row.ts_ns,
                    batch: place as u32,
                    row: number,
                    origin: *origin,
                }
            }));
        }
    }
    let borders = borders(&refs, line_bytes);
    for row in &mut refs {
        row.bucket = borders.partition_point(|border| *border <= row.ts_ns) as u32;
    }
    refs.sort_unstable_by_key(|row| {
        ((u64::from(row.bucket) << 32 | u64::from(row.stream)), row.ts_ns, row.batch, row.row)
    });
    refs
}

/// Times at which a new bucket begins.
fn borders(refs: &[Ref], line_bytes: u64) -> Vec<i64> {
    const SAMPLE_EVERY: usize = 64;
    let buckets = (line_bytes / BUCKET_BYTES) as usize + 1;
    if buckets == 1 {
        return Vec::new();
    }
    let mut sample: Vec<i64> =
        refs.iter().step_by(if cfg!(test) { 1 } else { SAMPLE_EVERY }).map(|row| row.ts_ns).collect();
    sample.sort_unstable();
    let mut borders: Vec<i64> = (1..buckets).map(|bucket| sample[sample.len() * bucket / buckets]).collect();
    borders.dedup();
    borders
}

/// What tells exact duplicates from different records at one time in one stream.
fn content(batches: &[Placed], row: &Ref) -> u128 {
    let (batch, entry) = entry_of(batches, row);
    xxhash_rust::xxh3::xxh3_128_with_seed(entry.record.of(&batch.body), u64::from(row.origin))
}

/// Finds the column of a name: records of one kind have the same names in the same order, so the next column is guessed from the last record.
#[derive(Default)]
struct Columns {
    numbers: HashMap<Box<str>, usize>,
    known: Vec<(Box<str>, Option<usize>)>,
    /// Which of `known` stood at each place in the record before.
    order: Vec<usize>,
    next: usize,
}

impl Columns {
    fn begin(&mut self) {
        self.next = 0;
    }

    #[inline]
    fn of(&mut self, writer: &mut TenantWriter<'_>, name: Name<'_>) -> Option<usize> {
        let (Name::Plain(raw) | Name::Attribute(raw)) = name;
        let place = self.next;
        self.next += 1;
        if let Some(guess) = self.order.get(place)
            && *self.known[*guess].0 == *raw
        {
            return self.known[*guess].1;
        }
        let number = match self.numbers.get(raw) {
            Some(number) => *number,
            None => {
                self.numbers.insert(raw.into(), self.known.len());
                self.known.push((raw.into(), writer.column(&label_name(raw))));
                self.known.len() - 1
            }
        };
        match self.order.get_mut(place) {
            Some(slot) => *slot = number,
            None => self.order.push(number),
        }
        self.known[number].1
    }
}
