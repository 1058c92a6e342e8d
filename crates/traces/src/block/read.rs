//! Sections of a block -> rows or single columns, each read when asked for and charged to the query's budget.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use model::{SpanId, TenantId, TraceId};
use stdx::varint::{take_bytes, take_u64};
use store::{BlockReader, ContainerError, SectionKey};

use super::codec::{Texts, take_ints, take_packed};
use super::layout::{ColumnId, Filter, GroupMeta, SectionKind, VERSION};
use super::rows::{Cells, Fixed, Rows, TraceRows};
use super::schema::{CellKind, FixedText, Owner};
use super::trace_table::TraceTable;
use super::write::Services;
use crate::query::{Budget, QueryError};

/// An attribute column as a file has it.
pub(crate) struct PartColumn {
    pub owner: Owner,
    pub kind: CellKind,
    pub key: Box<[u8]>,
    pub plain: bool,
    /// In the whole part.
    pub values: u64,
    texts: OnceLock<Texts>,
}

/// Sequences of columns by number.
#[derive(Default)]
pub(crate) struct ShapeLists {
    ends: Vec<u32>,
    columns: Vec<u32>,
}

impl ShapeLists {
    #[inline]
    pub(crate) fn get(&self, number: u32) -> &[u32] {
        let place = number as usize;
        let Some(&end) = self.ends.get(place) else { return &[] };
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        &self.columns[start as usize..end as usize]
    }

    /// How often each shape names `column`.
    pub(crate) fn occurrences(&self, column: u32) -> Vec<u32> {
        let count = |shape| self.get(shape).iter().filter(|have| **have == column).count() as u32;
        (0..self.ends.len() as u32).map(count).collect()
    }
}

/// What one tenant has in one block. Shared by queries; what was read of it once stays.
pub(crate) struct Part {
    block: Arc<BlockReader>,
    tenant: u32,
    pub groups: Vec<GroupMeta>,
    pub columns: Vec<PartColumn>,
    shapes: OnceLock<ShapeLists>,
    resources: OnceLock<Texts>,
    services: OnceLock<Services>,
    scopes: OnceLock<Texts>,
    fixed: [OnceLock<Texts>; FixedText::COUNT],
    filter: OnceLock<Filter>,
}

type Read<T> = Result<T, ContainerError>;

/// `cell`'s value, made by `make` if it is the first time.
fn once<T>(cell: &OnceLock<T>, make: impl FnOnce() -> Read<T>) -> Read<&T> {
    if let Some(have) = cell.get() {
        return Ok(have);
    }
    let fresh = make()?;
    Ok(cell.get_or_init(|| fresh))
}

impl Part {
    /// `None` if the tenant has nothing in the block.
    pub(crate) fn open(block: Arc<BlockReader>, tenant: &TenantId) -> Read<Option<Self>> {
        let Some(tenant) = block.tenant(tenant) else { return Ok(None) };
        let meta_key = SectionKind::Meta.key(tenant, 0);
        let Some(meta) = block.section(meta_key)? else { return Ok(None) };
        if take_u64(&mut &meta[..]) != Some(VERSION) {
            return Err(block.corrupt(meta_key, "unknown version of the traces block: use a newer oriel"));
        }
        let groups = decode_meta(&meta).ok_or_else(|| block.corrupt(meta_key, "row groups do not parse"))?;
        let columns_key = SectionKind::Columns.key(tenant, 0);
        let columns = decode_columns(&block.require(columns_key)?)
            .ok_or_else(|| block.corrupt(columns_key, "columns do not parse"))?;
        Ok(Some(Self {
            block,
            tenant,
            groups,
            columns,
            shapes: OnceLock::new(),
            resources: OnceLock::new(),
            services: OnceLock::new(),
            scopes: OnceLock::new(),
            fixed: Default::default(),
            filter: OnceLock::new(),
        }))
    }

    fn decode<T>(&self, key: SectionKey, decode: impl FnOnce(&[u8]) -> Option<T>) -> Read<T> {
        let bytes = self.block.require(key)?;
        decode(&bytes).ok_or_else(|| self.block.corrupt(key, "content does not parse"))
    }

    fn dictionary(&self, key: SectionKey) -> Read<Texts> {
        self.decode(key, |mut bytes| {
            let count = usize::try_from(take_u64(&mut bytes)?).ok()?;
            Texts::take(&mut bytes, count)
        })
    }

    pub(crate) fn shapes(&self) -> Read<&ShapeLists> {
        once(&self.shapes, || self.decode(SectionKind::Shapes.key(self.tenant, 0), decode_shapes))
    }

    pub(crate) fn resources(&self) -> Read<&Texts> {
        once(&self.resources, || self.dictionary(SectionKind::Resources.key(self.tenant, 0)))
    }

    pub(crate) fn scopes(&self) -> Read<&Texts> {
        once(&self.scopes, || self.dictionary(SectionKind::Scopes.key(self.tenant, 0)))
    }

    pub(crate) fn services(&self) -> Read<&Services> {
        once(&self.services, || {
            let mut services = Services::default();
            services.extend(self.resources()?.iter());
            Ok(services)
        })
    }

    pub(crate) fn fixed_texts(&self, text: FixedText) -> Read<&Texts> {
        once(&self.fixed[text as usize], || self.dictionary(ColumnId(text as u32).dictionary(self.tenant)))
    }

    /// The dictionary of an attribute column; empty if it has none.
    pub(crate) fn texts(&self, column: u32) -> Read<&Texts> {
        let have = &self.columns[column as usize];
        once(&have.texts, || {
            if have.plain || !have.kind.is_text() {
                return Ok(Texts::default());
            }
            self.dictionary(ColumnId::attribute(column).dictionary(self.tenant))
        })
    }

    fn filter(&self) -> Read<&Filter> {
        once(&self.filter, || self.decode(SectionKind::Filter.key(self.tenant, 0), Filter::from_bytes))
    }

    /// Groups that may hold `id`, by filter and by order.
    pub(crate) fn groups_of(&self, id: TraceId) -> Read<std::ops::Range<usize>> {
        if !self.filter()?.may_have(&id) {
            return Ok(0..0);
        }
        // A trace in fragments may begin in the group before the first that starts with it.
        let end = self.groups.partition_point(|group| group.first_id <= id);
        let start = self.groups.partition_point(|group| group.first_id < id).saturating_sub(1);
        Ok(start..end)
    }

    pub(crate) fn name(&self) -> &str {
        self.block.name()
    }

    pub(crate) fn traces(&self, group: usize, budget: &Budget) -> Result<TraceTable, QueryError> {
        let key = SectionKind::Traces.key(self.tenant, group as u64);
        budget.spend(self.block.stored_len(key))?;
        let table = self.decode(key, TraceTable::decode)?;
        let meta = &self.groups[group];
        if table.len() as u64 != meta.traces
            || u64::from(table.row_ends.last().copied().unwrap_or(0)) != meta.rows
        {
            return Err(self.block.corrupt(key, "does not agree with the row group's size").into());
        }
        Ok(table)
    }

    pub(crate) fn group<'p>(
        &'p self,
        group: usize,
        budget: &'p Budget,
    ) -> Result<GroupReader<'p>, QueryError> {
        let key = SectionKind::Pack.key(self.tenant, group as u64);
        budget.spend(self.block.stored_len(key))?;
        let pack = self.block.require(key)?;
        let small = index_pack(&pack).ok_or_else(|| self.block.corrupt(key, "pack does not parse"))?;
        Ok(GroupReader { part: self, group, budget, pack, small })
    }
}

/// One row group, column by column.
pub(crate) struct GroupReader<'p> {
    part: &'p Part,
    group: usize,
    budget: &'p Budget,
    pack: Bytes,
    small: HashMap<u32, std::ops::Range<usize>>,
}

impl GroupReader<'_> {
    pub(crate) fn meta(&self) -> &GroupMeta {
        &self.part.groups[self.group]
    }

    fn chunk(&self, column: ColumnId) -> Result<Option<Bytes>, QueryError> {
        if let Some(range) = self.small.get(&column.0) {
            return Ok(Some(self.pack.slice(range.clone())));
        }
        let key = column.chunk(self.part.tenant, self.group);
        self.budget.spend(self.part.block.stored_len(key))?;
        Ok(self.part.block.section(key)?)
    }

    fn corrupt(&self, column: ColumnId) -> QueryError {
        let key = column.chunk(self.part.tenant, self.group);
        self.part.block.corrupt(key, "column does not parse").into()
    }

    /// An integer column. `Start` comes as it is stored: see [`starts`](Self::starts).
    pub(crate) fn fixed(&self, column: Fixed) -> Result<Vec<u64>, QueryError> {
        let meta = self.meta();
        let count = match column.owner() {
            Owner::Span => meta.rows,
            Owner::Event => meta.events,
            Owner::Link => meta.links,
        };
        if count == 0 {
            return Ok(Vec::new());
        }
        self.budget.spend(count * 8)?;
        let id = ColumnId::fixed(column);
        let chunk = self.chunk(id)?.ok_or_else(|| self.corrupt(id))?;
        take_ints(&mut &chunk[..], count as usize).ok_or_else(|| self.corrupt(id))
    }

    fn bytes(&self, column: ColumnId, len: u64) -> Result<Vec<u8>, QueryError> {
        if len == 0 {
            return Ok(Vec::new());
        }
        self.budget.spend(len)?;
        let chunk = self.chunk(column)?.ok_or_else(|| self.corrupt(column))?;
        take_packed(&mut &chunk[..], len as usize).ok_or_else(|| self.corrupt(column))
    }

    pub(crate) fn span_ids(&self) -> Result<Vec<SpanId>, QueryError> {
        let bytes = self.bytes(ColumnId::SPAN_IDS, self.meta().rows * 8)?;
        Ok(bytes.as_chunks::<8>().0.iter().map(|id| SpanId(*id)).collect())
    }

    pub(crate) fn loose_parents(&self) -> Result<Vec<SpanId>, QueryError> {
        let bytes = self.bytes(ColumnId::LOOSE_PARENTS, self.meta().loose_parents * 8)?;
        Ok(bytes.as_chunks::<8>().0.iter().map(|id| SpanId(*id)).collect())
    }

    pub(crate) fn links(&self) -> Result<Vec<(TraceId, SpanId)>, QueryError> {
        let bytes = self.bytes(ColumnId::LINKS, self.meta().links * 24)?;
        Ok(bytes
            .as_chunks::<24>()
            .0
            .iter()
            .map(|link| {
                let trace = TraceId::from_bytes(&link[..16]).expect("sixteen bytes");
                (trace, SpanId::from_bytes(&link[16..]).expect("eight bytes"))
            })
            .collect())
    }

    /// The values of an attribute column; `None` if no row of this group has one.
    pub(crate) fn cells(&self, column: u32) -> Result<Option<Cells>, QueryError> {
        let have = &self.part.columns[column as usize];
        let id = ColumnId::attribute(column);
        let Some(chunk) = self.chunk(id)? else { return Ok(None) };
        let mut input = &chunk[..];
        let meta = self.meta();
        // A shape may name a column several times, so there may be more values than rows; never more than stored bits could mean.
        let count = take_u64(&mut input).and_then(|count| usize::try_from(count).ok());
        let count = count.filter(|count| *count as u64 <= (meta.rows + meta.events + meta.links) * 65_536);
        let count = count.ok_or_else(|| self.corrupt(id))?;
        self.budget.spend(count as u64 * 8)?;
        let cells = if have.plain && have.kind.is_text() {
            Texts::take(&mut input, count).map(Cells::Plain)
        } else {
            take_ints(&mut input, count).map(Cells::Ints)
        };
        cells.map(Some).ok_or_else(|| self.corrupt(id))
    }

    /// Starts of all rows, absolute.
    pub(crate) fn starts(&self, table: &TraceTable, parents: &[u64]) -> Result<Vec<u64>, QueryError> {
        let mut starts = self.fixed(Fixed::Start)?;
        for trace in 0..table.len() {
            for row in table.rows(trace) {
                let base = match parents[row] {
                    0 | 1 => table.start[trace],
                    back => match (row + 1).checked_sub(back as usize) {
                        Some(parent) => starts[parent],
                        None => return Err(self.corrupt(ColumnId::fixed(Fixed::Parent))),
                    },
                };
                starts[row] = base.wrapping_add(stdx::varint::unzigzag(starts[row]) as u64);
            }
        }
        Ok(starts)
    }

    /// The columns that `want` names; the others are empty.
    pub(crate) fn rows(&self, want: &Want) -> Result<(TraceTable, Rows), QueryError> {
        let table = self.part.traces(self.group, self.budget)?;
        let mut rows = Rows::default();
        for column in Fixed::ALL.into_iter().filter(|column| want.fixed(*column)) {
            rows.fixed[column as usize] = self.fixed(column)?;
        }
        if want.fixed(Fixed::Start) {
            rows.fixed[Fixed::Start as usize] = self.starts(&table, &rows.fixed[Fixed::Parent as usize])?;
        }
        rows.span_ids = self.span_ids()?;
        rows.loose_parents = self.loose_parents()?;
        rows.links = if want.links { self.links()? } else { Vec::new() };
        for (column, have) in self.part.columns.iter().enumerate() {
            let cells = if want.column(have) { self.cells(column as u32)? } else { None };
            rows.cells.push(cells.unwrap_or_default());
        }
        rows.traces = (0..table.len()).map(|trace| trace_rows(&table, trace)).collect();
        Ok((table, rows))
    }
}

/// Which columns of a row group are to be read. Ids of spans and parents always are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Want {
    everything: bool,
    fixed: u32,
    links: bool,
    keys: Vec<(Owner, Box<[u8]>)>,
}

impl Want {
    pub(crate) fn everything() -> Self {
        Self { everything: true, fixed: u32::MAX, links: true, keys: Vec::new() }
    }

    /// What every span has: times, name, kind, status, resource, scope.
    pub(crate) fn basics() -> Self {
        use Fixed::*;
        let mut want = Self::default();
        [Parent, Start, Duration, Name, Kind, Status, StatusMessage, Resource, Scope]
            .into_iter()
            .for_each(|column| want.fixed |= 1 << column as u32);
        want
    }

    /// Also the attribute `key` of `owner`.
    pub(crate) fn key(&mut self, owner: Owner, key: &[u8]) {
        use Fixed::*;
        let columns: &[Fixed] = match owner {
            Owner::Span => &[Shape],
            Owner::Event => &[EventCount, EventTime, EventName, EventShape],
            Owner::Link => &[LinkCount, LinkShape],
        };
        columns.iter().for_each(|column| self.fixed |= 1 << *column as u32);
        self.links |= owner == Owner::Link;
        if !self.keys.iter().any(|have| have.0 == owner && *have.1 == *key) {
            self.keys.push((owner, key.into()));
        }
    }

    fn fixed(&self, column: Fixed) -> bool {
        self.fixed & 1 << column as u32 != 0
    }

    fn column(&self, column: &PartColumn) -> bool {
        self.everything
            || self.keys.iter().any(|(owner, key)| {
                column.owner == *owner && (column.kind == CellKind::Pair || *column.key == **key)
            })
    }
}

fn trace_rows(table: &TraceTable, trace: usize) -> TraceRows {
    let range = table.rows(trace);
    let root = (table.root[trace] as usize).checked_sub(1).map(|root| (range.start + root) as u32);
    TraceRows {
        id: table.ids[trace],
        rows: range.len() as u32,
        start: table.start[trace],
        end: table.end[trace],
        errors: table.errors[trace] as u32,
        root,
    }
}

fn index_pack(pack: &[u8]) -> Option<HashMap<u32, std::ops::Range<usize>>> {
    let mut small = HashMap::new();
    let mut input = pack;
    while !input.is_empty() {
        let column = u32::try_from(take_u64(&mut input)?).ok()?;
        let bytes = take_bytes(&mut input)?;
        let end = pack.len() - input.len();
        small.insert(column, end - bytes.len()..end);
    }
    Some(small)
}

fn decode_meta(mut input: &[u8]) -> Option<Vec<GroupMeta>> {
    let input = &mut input;
    take_u64(input)?;
    let count = usize::try_from(take_u64(input)?).ok()?;
    let fields: Vec<Vec<u64>> = (0..9).map(|_| take_ints(input, count)).collect::<Option<_>>()?;
    (0..count)
        .map(|place| {
            let field = |number: usize| fields[number][place];
            Some(GroupMeta {
                first_id: TraceId((u128::from(field(0)) << 64 | u128::from(field(1))).to_be_bytes()),
                traces: field(2),
                rows: field(3),
                events: field(4),
                links: field(5),
                loose_parents: field(6),
                start: field(7),
                end: field(7).checked_add(field(8))?,
            })
        })
        .collect()
}

fn decode_columns(mut input: &[u8]) -> Option<Vec<PartColumn>> {
    let input = &mut input;
    let count = take_u64(input)?;
    let mut columns = Vec::new();
    for _ in 0..count {
        let ([owner, kind, plain], rest) = input.split_first_chunk::<3>()?;
        *input = rest;
        columns.push(PartColumn {
            owner: Owner::from_number(u64::from(*owner))?,
            kind: CellKind::from_number(u64::from(*kind))?,
            plain: *plain != 0,
            values: take_u64(input)?,
            key: take_bytes(input)?.into(),
            texts: OnceLock::new(),
        });
    }
    input.is_empty().then_some(columns)
}

fn decode_shapes(mut input: &[u8]) -> Option<ShapeLists> {
    let input = &mut input;
    let count = usize::try_from(take_u64(input)?).ok()?;
    let column_count = usize::try_from(take_u64(input)?).ok()?;
    let lens = take_ints(input, count)?;
    let columns = take_ints(input, column_count)?;
    let mut end = 0u32;
    let ends = lens
        .iter()
        .map(|len| {
            end = end.checked_add(u32::try_from(*len).ok()?)?;
            Some(end)
        })
        .collect::<Option<Vec<_>>>()?;
    let columns = columns.iter().map(|column| u32::try_from(*column).ok()).collect::<Option<Vec<_>>>()?;
    (end as usize == columns.len()).then_some(ShapeLists { ends, columns })
}
