//! Writes one tenant's part of a block. Rows come in the order in which they shall lie: bucket by bucket, in each by stream, then time.
//!
//! Deterministic: names of columns are numbered as they first appear.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Labels, TenantId};
use stdx::varint::{put_bytes, put_i64, put_u64};
use store::column::{ColumnBuilder, Value, put_ints};
use store::{BlockWriter, Codec, SectionKey};

use super::skip::SkipBuilder;
use super::{
    DIRECTORY, GROUP_BYTES, GROUP_ROWS, LENGTHS, LEVELS, LINES, LevelCount, METADATA, NAMES_MAX, ORIGINS,
    OVERFLOW, Run, SKIP, TABLES, TIMES, VERSION,
};
use crate::level::Level;

/// What rows of a tenant refer to by number.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    /// Sorted.
    pub(crate) streams: Vec<Arc<Labels>>,
    /// Shared structured metadata.
    pub(crate) origins: Vec<Box<[(Box<str>, Box<str>)]>>,
}

/// One tenant in one file.
pub(crate) struct TenantWriter<'a> {
    block: &'a mut BlockWriter,
    tenant: u32,
    zstd_level: i32,
    names: HashMap<Box<str>, usize>,
    columns: Vec<ColumnBuilder>,
    column_names: Vec<Box<str>>,
    overflow: Vec<u8>,
    group: RowGroup,
    skip: SkipBuilder,
    directory: Vec<u8>,
    groups: u64,
    scratch: Vec<u8>,
    pub(crate) rows: u64,
    pub(crate) min_ns: i64,
    pub(crate) max_ns: i64,
}

/// The rows of the group that is being filled.
#[derive(Default)]
struct RowGroup {
    times: Vec<i64>,
    levels: Vec<u8>,
    origins: Vec<i64>,
    lengths: Vec<i64>,
    text: Vec<u8>,
    runs: Vec<RunBuilder>,
}

struct RunBuilder {
    stream: u32,
    rows: u32,
    /// Rows and bytes by level.
    levels: [(u64, u64); Level::COUNT],
}

impl<'a> TenantWriter<'a> {
    pub(crate) fn new(block: &'a mut BlockWriter, tenant: &TenantId, zstd_level: i32) -> Self {
        let tenant = block.tenant(tenant);
        Self {
            block,
            tenant,
            zstd_level,
            names: HashMap::new(),
            columns: Vec::new(),
            column_names: Vec::new(),
            overflow: Vec::new(),
            group: RowGroup::default(),
            skip: SkipBuilder::default(),
            directory: Vec::new(),
            groups: 0,
            scratch: Vec::new(),
            rows: 0,
            min_ns: i64::MAX,
            max_ns: i64::MIN,
        }
    }

    /// The column of `name`, or `None` if there are too many already.
    pub(crate) fn column(&mut self, name: &str) -> Option<usize> {
        if let Some(column) = self.names.get(name) {
            return Some(*column);
        }
        if self.columns.len() >= NAMES_MAX && name != OVERFLOW {
            return None;
        }
        self.names.insert(name.into(), self.columns.len());
        self.column_names.push(name.into());
        self.columns.push(ColumnBuilder::default());
        Some(self.columns.len() - 1)
    }

    /// Begins a row; its metadata follows.
    pub(crate) fn row(&mut self, stream: u32, ts_ns: i64, level: Level, origin: u32, line: &[u8]) {
        if self.group.text.len() >= GROUP_BYTES || self.group.times.len() >= GROUP_ROWS {
            self.end_group();
        }
        let group = &mut self.group;
        if group.runs.last().is_none_or(|run| run.stream != stream) {
            group.runs.push(RunBuilder { stream, rows: 0, levels: Default::default() });
        }
        let run = group.runs.last_mut().expect("pushed above");
        run.rows += 1;
        let count = &mut run.levels[level as usize];
        *count = (count.0 + 1, count.1 + line.len() as u64);
        group.times.push(ts_ns);
        group.levels.push(level as u8);
        group.origins.push(i64::from(origin));
        group.lengths.push(line.len() as i64);
        group.text.extend_from_slice(line);
    }

    /// Metadata of the row begun last. Of several values in one column the first stays.
    #[inline]
    pub(crate) fn value(&mut self, column: usize, value: Value<'_>) {
        let row = self.group.times.len() as u32 - 1;
        let builder = &mut self.columns[column];
        if builder.last_row() != Some(row) {
            builder.push(row, value);
        }
    }

    /// Metadata without a column.
    pub(crate) fn overflow(&mut self, name: &str, value: Value<'_>) {
        let mut text = Vec::new();
        value.write(&mut text);
        put_bytes(&mut self.overflow, name.as_bytes());
        put_bytes(&mut self.overflow, &text);
    }

    /// Ends the row begun last.
    pub(crate) fn end_row(&mut self) {
        if !self.overflow.is_empty()
            && let Some(column) = self.column(OVERFLOW)
        {
            let text = std::mem::take(&mut self.overflow);
            self.value(column, Value::Text(&text));
        }
    }

    /// Ends a bucket: the next row begins a group.
    pub(crate) fn end_group(&mut self) {
        let rows = self.group.times.len();
        if rows == 0 {
            return;
        }
        let (low, high) = self
            .group
            .times
            .iter()
            .fold((i64::MAX, i64::MIN), |(low, high), ts| (low.min(*ts), high.max(*ts)));
        self.min_ns = self.min_ns.min(low);
        self.max_ns = self.max_ns.max(high);
        self.rows += rows as u64;
        put_u64(&mut self.directory, rows as u64);
        put_i64(&mut self.directory, low);
        put_u64(&mut self.directory, high.wrapping_sub(low) as u64);
        put_runs(&mut self.directory, &self.group.runs);
        self.fixed_columns();
        self.metadata_columns();
        self.groups += 1;
        let group = &mut self.group;
        group.times.clear();
        group.levels.clear();
        group.origins.clear();
        group.lengths.clear();
        group.text.clear();
        group.runs.clear();
    }

    fn key(&self, kind: u16, id: u64) -> SectionKey {
        SectionKey { tenant: self.tenant, kind, id }
    }

    fn ints(&mut self, kind: u16, values: &[i64]) {
        self.scratch.clear();
        put_ints(&mut self.scratch, values);
        self.block.add(self.key(kind, self.groups), &self.scratch, Codec::None, 0);
    }

    fn fixed_columns(&mut self) {
        let group = std::mem::take(&mut self.group);
        self.skip.add_lines(&group.text);
        let trace_ids = self.names.get("trace_id").and_then(|column| self.columns[*column].raw_hex());
        let (ids, width) = trace_ids.unwrap_or((&[], 0));
        self.scratch.clear();
        self.skip.finish(ids, width, &mut self.scratch);
        self.block.add(self.key(SKIP, self.groups), &self.scratch, Codec::Zstd, 1);
        self.ints(TIMES, &group.times);
        if group.levels.iter().all(|level| *level == group.levels[0]) {
            self.block.add(self.key(LEVELS, self.groups), &group.levels[..1], Codec::None, 0);
        } else {
            self.block.add(self.key(LEVELS, self.groups), &group.levels, Codec::Zstd, self.zstd_level);
        }
        self.ints(ORIGINS, &group.origins);
        self.ints(LENGTHS, &group.lengths);
        self.block.add(self.key(LINES, self.groups), &group.text, Codec::Zstd, self.zstd_level);
        self.group = group;
    }

    fn metadata_columns(&mut self) {
        let rows = self.group.times.len();
        let used: Vec<usize> =
            (0..self.columns.len()).filter(|column| !self.columns[*column].is_empty()).collect();
        put_u64(&mut self.directory, used.len() as u64);
        for column in used {
            let builder = &mut self.columns[column];
            let is_relative = make_relative(builder, &self.group.times);
            put_u64(&mut self.directory, (column as u64) << 1 | u64::from(is_relative));
            self.scratch.clear();
            let codec = builder.encode(rows, &mut self.scratch);
            builder.clear();
            let key = self.key(METADATA, self.groups << 16 | column as u64);
            self.block.add(key, &self.scratch, codec, self.zstd_level);
        }
    }

    /// Ends the tenant's part. Returns how many rows it has.
    pub(crate) fn finish(mut self, tables: &Tables) -> u64 {
        self.end_group();
        let mut out = vec![VERSION];
        put_u64(&mut out, self.column_names.len() as u64);
        self.column_names.iter().for_each(|name| put_bytes(&mut out, name.as_bytes()));
        put_u64(&mut out, tables.streams.len() as u64);
        for labels in &tables.streams {
            put_pairs(&mut out, labels.iter());
        }
        put_u64(&mut out, tables.origins.len() as u64);
        for metadata in &tables.origins {
            put_pairs(&mut out, metadata.iter().map(|(name, value)| (&**name, &**value)));
        }
        self.block.add(self.key(TABLES, 0), &out, Codec::Zstd, 3);
        out.clear();
        put_u64(&mut out, self.groups);
        out.extend_from_slice(&self.directory);
        self.block.add(self.key(DIRECTORY, 0), &out, Codec::Zstd, 3);
        self.rows
    }
}

/// Times near the row's own time are kept as the distance from it. Says whether they are.
fn make_relative(builder: &mut ColumnBuilder, times: &[i64]) -> bool {
    const NEAR_NS: u64 = 1 << 42;
    let Some((rows, values)) = builder.ints_mut() else { return false };
    let near = |row: u32, value: i64| value.wrapping_sub(times[row as usize]).unsigned_abs() < NEAR_NS;
    let is_relative = rows.iter().zip(values.iter()).all(|(row, value)| near(*row, *value));
    if is_relative {
        rows.iter().zip(values).for_each(|(row, value)| *value = value.wrapping_sub(times[*row as usize]));
    }
    is_relative
}

fn put_pairs<'a>(out: &mut Vec<u8>, pairs: impl ExactSizeIterator<Item = (&'a str, &'a str)>) {
    put_u64(out, pairs.len() as u64);
    for (name, value) in pairs {
        put_bytes(out, name.as_bytes());
        put_bytes(out, value.as_bytes());
    }
}

fn put_runs(out: &mut Vec<u8>, runs: &[RunBuilder]) {
    put_u64(out, runs.len() as u64);
    let mut before = 0i64;
    for run in runs {
        put_i64(out, i64::from(run.stream) - before);
        before = i64::from(run.stream);
        let mask = (0..Level::COUNT)
            .filter(|level| run.levels[*level].0 > 0)
            .fold(0u8, |mask, level| mask | 1 << level);
        out.push(mask);
        for (rows, bytes) in run.levels.iter().filter(|(rows, _)| *rows > 0) {
            put_u64(out, *rows);
            put_u64(out, *bytes);
        }
    }
}

impl Run {
    /// Takes what `put_runs` wrote.
    pub(super) fn take_all(input: &mut &[u8], rows: u32, streams: usize) -> Option<Vec<Self>> {
        use stdx::varint::{take_i64, take_u64};
        let count = usize::try_from(take_u64(input)?).ok()?;
        let mut runs = Vec::with_capacity(count.min(input.len() / 4));
        let (mut stream, mut start) = (0i64, 0u32);
        for _ in 0..count {
            stream = stream.checked_add(take_i64(input)?)?;
            let number = u32::try_from(stream).ok().filter(|stream| (*stream as usize) < streams)?;
            let (&mask, rest) = input.split_first()?;
            *input = rest;
            let mut levels = Vec::new();
            for level in Level::ALL.into_iter().filter(|level| mask >> *level as u8 & 1 == 1) {
                levels.push(LevelCount { level, rows: take_u64(input)?, bytes: take_u64(input)? });
            }
            let run_rows = levels.iter().try_fold(0u64, |sum, count| sum.checked_add(count.rows))?;
            let run_rows = u32::try_from(run_rows).ok()?;
            runs.push(Self { stream: number, start, rows: run_rows, levels: levels.into() });
            start = start.checked_add(run_rows)?;
        }
        (start == rows).then_some(runs)
    }
}
