//! Reads one tenant's part of a block: tables and directory once, columns when a query asks for them.
//!
//! Every count in a file is checked against what is there: a block that does not add up is corrupt, never half read.

use std::sync::Arc;

use bytes::Bytes;
use model::{Labels, TenantId};
use stdx::varint::{take_bytes, take_i64, take_u64};
use store::column::{Column, take_ints};
use store::{BlockReader, ContainerError, SectionKey};

use super::skip::SkipFilter;
use super::{
    DIRECTORY, GROUP_ROWS, LENGTHS, LEVELS, LINES, METADATA, NAMES_MAX, ORIGINS, Run, SKIP, TABLES, TIMES,
    VERSION,
};
use crate::level::Level;

/// One row group as the directory has it.
#[derive(Debug)]
pub(crate) struct GroupInfo {
    pub(crate) rows: u32,
    /// Both inclusive.
    pub(crate) min_ns: i64,
    pub(crate) max_ns: i64,
    pub(crate) runs: Vec<Run>,
    /// Columns of structured metadata: number of the name, and whether values are distances from the row's time.
    pub(crate) columns: Vec<(u32, bool)>,
}

/// One tenant in one file.
pub(crate) struct TenantBlock {
    reader: Arc<BlockReader>,
    /// Whether what is read is worth keeping: what a merge reads is read once.
    use_cache: bool,
    tenant: u32,
    pub(crate) names: Vec<Box<str>>,
    pub(crate) streams: Vec<Arc<Labels>>,
    pub(crate) origins: Vec<Box<[(Box<str>, Box<str>)]>>,
    pub(crate) groups: Vec<GroupInfo>,
}

impl TenantBlock {
    /// `None` if the file has nothing of the tenant.
    pub(crate) fn open(
        reader: Arc<BlockReader>,
        tenant: &TenantId,
        use_cache: bool,
    ) -> Result<Option<Self>, ContainerError> {
        let Some(number) = reader.tenant(tenant) else { return Ok(None) };
        let key = |kind| SectionKey { tenant: number, kind, id: 0 };
        let tables = reader.require(key(TABLES))?;
        let directory = reader.require(key(DIRECTORY))?;
        let (names, streams, origins) =
            take_tables(&tables).ok_or_else(|| reader.corrupt(key(TABLES), "tables do not parse"))?;
        let groups = take_groups(&directory, streams.len(), names.len())
            .ok_or_else(|| reader.corrupt(key(DIRECTORY), "directory does not parse"))?;
        Ok(Some(Self { reader, use_cache, tenant: number, names, streams, origins, groups }))
    }

    /// Memory that tables and directory take, roughly.
    pub(crate) fn bytes(&self) -> usize {
        let pair = |(name, value): (&str, &str)| name.len() + value.len() + 32;
        let streams: usize = self.streams.iter().flat_map(|labels| labels.iter()).map(pair).sum();
        let shared = self.origins.iter().flatten();
        let origins: usize = shared.map(|(name, value)| pair((name, value))).sum();
        let groups = self.groups.iter().map(|group| {
            let levels: usize = group.runs.iter().map(|run| size_of_val(&*run.levels)).sum();
            levels + group.runs.len() * size_of::<Run>() + group.columns.len() * 8 + size_of::<GroupInfo>()
        });
        streams + origins + groups.sum::<usize>()
    }

    fn key(&self, kind: u16, id: u64) -> SectionKey {
        SectionKey { tenant: self.tenant, kind, id }
    }

    fn require(&self, key: SectionKey) -> Result<Bytes, ContainerError> {
        if self.use_cache {
            return self.reader.require(key);
        }
        self.reader.section_uncached(key)?.ok_or_else(|| self.reader.corrupt(key, "section is missing"))
    }

    fn corrupt(&self, kind: u16, group: usize, reason: &str) -> ContainerError {
        self.reader.corrupt(self.key(kind, group as u64), reason)
    }

    fn ints(&self, kind: u16, group: usize) -> Result<Vec<i64>, ContainerError> {
        let section = self.require(self.key(kind, group as u64))?;
        take_ints(&mut &section[..], self.groups[group].rows as usize)
            .ok_or_else(|| self.corrupt(kind, group, "integers do not parse"))
    }

    pub(crate) fn times(&self, group: usize) -> Result<Vec<i64>, ContainerError> {
        self.ints(TIMES, group)
    }

    pub(crate) fn lengths(&self, group: usize) -> Result<Vec<i64>, ContainerError> {
        self.ints(LENGTHS, group)
    }

    pub(crate) fn levels(&self, group: usize) -> Result<Vec<Level>, ContainerError> {
        let rows = self.groups[group].rows as usize;
        let section = self.require(self.key(LEVELS, group as u64))?;
        let levels: Option<Vec<Level>> = match section.as_ref() {
            [only] => Level::from_number(*only).map(|level| vec![level; rows]),
            all => all.iter().map(|number| Level::from_number(*number)).collect(),
        };
        levels
            .filter(|levels| levels.len() == rows)
            .ok_or_else(|| self.corrupt(LEVELS, group, "levels do not add up"))
    }

    /// Which of `origins` each row has.
    pub(crate) fn row_origins(&self, group: usize) -> Result<Vec<u32>, ContainerError> {
        let count = self.origins.len();
        self.ints(ORIGINS, group)?
            .into_iter()
            .map(|origin| u32::try_from(origin).ok().filter(|origin| (*origin as usize) < count))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| self.corrupt(ORIGINS, group, "unknown origin"))
    }

    /// All lines as one piece and the end of each.
    pub(crate) fn lines(&self, group: usize) -> Result<(Bytes, Vec<u32>), ContainerError> {
        let text = self.require(self.key(LINES, group as u64))?;
        let mut end = 0u32;
        let ends = self
            .lengths(group)?
            .into_iter()
            .map(|len| {
                end = end.checked_add(u32::try_from(len).ok()?)?;
                Some(end)
            })
            .collect::<Option<Vec<_>>>()
            .filter(|_| end as usize == text.len())
            .ok_or_else(|| self.corrupt(LINES, group, "lengths do not add up"))?;
        Ok((text, ends))
    }

    /// Bytes that reading the lines will take.
    pub(crate) fn lines_len(&self, group: usize) -> u64 {
        self.groups[group].runs.iter().flat_map(|run| &run.levels).map(|count| count.bytes).sum()
    }

    pub(crate) fn skip(&self, group: usize) -> Result<SkipFilter, ContainerError> {
        let section = self.require(self.key(SKIP, group as u64))?;
        SkipFilter::decode(&section).ok_or_else(|| self.corrupt(SKIP, group, "skip filter does not parse"))
    }

    /// The column of a name, if the group has it. `times` are the group's.
    pub(crate) fn metadata(
        &self,
        group: usize,
        name: u32,
        times: &[i64],
    ) -> Result<Option<Column>, ContainerError> {
        let info = &self.groups[group];
        let Some((_, is_relative)) = info.columns.iter().find(|(have, _)| *have == name) else {
            return Ok(None);
        };
        let key = self.key(METADATA, (group as u64) << 16 | u64::from(name));
        let section = self.require(key)?;
        let mut column = Column::decode(&section, info.rows as usize)
            .ok_or_else(|| self.reader.corrupt(key, "column does not parse"))?;
        if *is_relative {
            column.add_ints(times);
        }
        Ok(Some(column))
    }
}

type TablesOf = (Vec<Box<str>>, Vec<Arc<Labels>>, Vec<Box<[(Box<str>, Box<str>)]>>);

fn take_tables(mut input: &[u8]) -> Option<TablesOf> {
    let input = &mut input;
    let (&version, rest) = input.split_first()?;
    *input = rest;
    if version != VERSION {
        return None;
    }
    let count = usize::try_from(take_u64(input)?).ok().filter(|count| *count <= NAMES_MAX + 1)?;
    let names = (0..count).map(|_| take_text(input)).collect::<Option<Vec<_>>>()?;
    let count = take_u64(input)?;
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.push(Arc::new(Labels::from_pairs(take_pairs(input)?)));
    }
    let count = take_u64(input)?;
    let mut origins = Vec::new();
    for _ in 0..count {
        origins.push(take_pairs(input)?.into());
    }
    input.is_empty().then_some((names, streams, origins))
}

fn take_text(input: &mut &[u8]) -> Option<Box<str>> {
    std::str::from_utf8(take_bytes(input)?).ok().map(Into::into)
}

fn take_pairs(input: &mut &[u8]) -> Option<Vec<(Box<str>, Box<str>)>> {
    let count = usize::try_from(take_u64(input)?).ok()?;
    let mut pairs = Vec::with_capacity(count.min(input.len() / 2));
    for _ in 0..count {
        pairs.push((take_text(input)?, take_text(input)?));
    }
    Some(pairs)
}

fn take_groups(mut input: &[u8], streams: usize, names: usize) -> Option<Vec<GroupInfo>> {
    let input = &mut input;
    let count = usize::try_from(take_u64(input)?).ok()?;
    let mut groups = Vec::with_capacity(count.min(input.len() / 4));
    for _ in 0..count {
        let rows = u32::try_from(take_u64(input)?).ok().filter(|rows| *rows as usize <= GROUP_ROWS)?;
        let min_ns = take_i64(input)?;
        let max_ns = min_ns.wrapping_add(take_u64(input)? as i64);
        let runs = Run::take_all(input, rows, streams)?;
        let column_count = usize::try_from(take_u64(input)?).ok()?;
        let mut columns = Vec::with_capacity(column_count.min(input.len()));
        for _ in 0..column_count {
            let packed = take_u64(input)?;
            let name = u32::try_from(packed >> 1).ok().filter(|name| (*name as usize) < names)?;
            columns.push((name, packed & 1 == 1));
        }
        groups.push(GroupInfo { rows, min_ns, max_ns, runs, columns });
    }
    input.is_empty().then_some(groups)
}
