//! What a scan reads: a batch of a head or a row group of a block. Opening one applies the filters and leaves the rows that passed, in the
//! order of the query; their lines and metadata are then at hand.

use std::sync::Arc;

use bytes::Bytes;
use memchr::memmem::Finder;
use store::column::{Column, Value};

use super::filter::Lines;
use crate::batch::{Batch, Group, Row};
use crate::block::TenantBlock;
use crate::level::Level;
use crate::metadata::{MetadataBuffer, overflow_pairs};
use crate::query::{Direction, LogQuery, QueryError};

/// Not yet opened.
#[derive(Clone)]
pub(crate) enum Source {
    /// Groups of a batch with the numbers of their streams.
    Batch { batch: Arc<Batch>, groups: Vec<(u32, u32)> },
    /// A row group; `streams` gives the numbers of the block's streams, `u32::MAX` for those that are not selected.
    Block { block: Arc<TenantBlock>, group: usize, streams: Arc<[u32]> },
}

/// A row that passed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    pub(crate) ts_ns: i64,
    pub(crate) stream: u32,
    pub(crate) row: u32,
    /// Of a batch: the row's group.
    pub(crate) group: u32,
}

/// What passed, and where to find what belongs to it.
pub(crate) struct Opened {
    pub(crate) hits: Vec<Hit>,
    data: Data,
}

enum Data {
    Batch(Arc<Batch>),
    Block(Box<BlockData>),
}

struct BlockData {
    block: Arc<TenantBlock>,
    group: usize,
    times: Vec<i64>,
    levels: Vec<Level>,
    lines: Option<(Bytes, Vec<u32>)>,
    metadata: Option<RowMetadata>,
}

struct RowMetadata {
    origins: Vec<u32>,
    columns: Vec<(u32, Column)>,
}

impl Source {
    pub(crate) fn open(&self, query: &LogQuery, lines: &Lines) -> Result<Opened, QueryError> {
        let mut opened = match self {
            Self::Batch { batch, groups } => open_batch(batch, groups, query, lines)?,
            Self::Block { block, group, streams } => open_block(block, *group, streams, query, lines)?,
        };
        let key = |hit: &Hit| (hit.ts_ns, hit.stream, hit.row);
        match query.direction {
            Direction::Forward => opened.hits.sort_unstable_by_key(key),
            Direction::Backward => opened.hits.sort_unstable_by_key(|hit| std::cmp::Reverse(key(hit))),
        }
        Ok(opened)
    }
}

fn open_batch(
    batch: &Arc<Batch>,
    groups: &[(u32, u32)],
    query: &LogQuery,
    lines: &Lines,
) -> Result<Opened, QueryError> {
    let mut hits = Vec::new();
    let mut buffer = MetadataBuffer::default();
    let mut bytes = 0;
    let id = IdFilter::new(query);
    if id.as_ref().is_some_and(|id| !id.may_have(batch, groups)) {
        query.budget.spend(batch.body.len() as u64)?;
        return Ok(Opened { hits, data: Data::Batch(batch.clone()) });
    }
    for (number, stream) in groups {
        let group = &batch.groups[*number as usize];
        for row in group.start..group.end {
            let entry = &batch.rows[row as usize];
            if entry.ts_ns < query.from_ns || entry.ts_ns >= query.to_ns {
                continue;
            }
            bytes += u64::from(entry.line.len);
            if !lines.is_empty() && !lines.pass(batch.line(entry)) {
                continue;
            }
            if id.as_ref().is_some_and(|id| !id.may_match(batch, group, entry)) {
                continue;
            }
            if !query.metadata.is_empty() {
                batch.metadata(group, entry, &mut buffer);
                let metadata = buffer.finish();
                let level = entry.level.name();
                let has = |(name, value): &(String, String)| match metadata.get(name) {
                    Some(have) => have == value,
                    None => name == super::DETECTED_LEVEL && value == level,
                };
                if !query.metadata.iter().all(has) {
                    continue;
                }
            }
            hits.push(Hit { ts_ns: entry.ts_ns, stream: *stream, row, group: *number });
        }
    }
    query.budget.spend(bytes)?;
    Ok(Opened { hits, data: Data::Batch(batch.clone()) })
}

/// Looks for a trace or span id in the bytes of records, in every form that reads as this text, before any metadata is read.
struct IdFilter {
    name: &'static str,
    /// The id's field, an attribute that is a string, an attribute that is bytes.
    forms: [Finder<'static>; 3],
}

impl IdFilter {
    fn new(query: &LogQuery) -> Option<Self> {
        query.metadata.iter().find_map(|(name, value)| {
            let (name, raw) = match name.as_str() {
                "trace_id" => ("trace_id", model::TraceId::from_hex(value)?.0.to_vec()),
                "span_id" => ("span_id", model::SpanId::from_hex(value)?.0.to_vec()),
                _ => return None,
            };
            // Digits alone may be an attribute that is a number.
            if value.len() != raw.len() * 2 || value.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let forms = [&raw, value.as_bytes(), &from_base64(value)];
            Some(Self { name, forms: forms.map(|form| Finder::new(form).into_owned()) })
        })
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        self.forms.iter().any(|form| form.find(bytes).is_some())
    }

    /// Metadata that a resource shares may have the name too.
    fn is_shared(&self, group: &Group) -> bool {
        group.origin.metadata.iter().any(|(name, _)| **name == *self.name)
    }

    fn may_have(&self, batch: &Batch, groups: &[(u32, u32)]) -> bool {
        self.is_in(&batch.body)
            || groups.iter().any(|(number, _)| self.is_shared(&batch.groups[*number as usize]))
    }

    fn may_match(&self, batch: &Batch, group: &Group, row: &Row) -> bool {
        self.is_in(row.record.of(&batch.body)) || self.is_shared(group)
    }
}

/// The bytes whose base64 is `text`, which is a multiple of four hexadecimal digits.
fn from_base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => byte - b'0' + 52,
        b'A'..=b'F' => byte - b'A',
        _ => byte.wrapping_sub(b'a').wrapping_add(26),
    };
    let word = |four: &[u8]| four.iter().fold(0u32, |word, byte| word << 6 | u32::from(digit(*byte) & 63));
    text.as_bytes().chunks_exact(4).flat_map(|four| word(four).to_be_bytes()[1..].to_vec()).collect()
}

fn open_block(
    block: &Arc<TenantBlock>,
    group: usize,
    streams: &[u32],
    query: &LogQuery,
    lines: &Lines,
) -> Result<Opened, QueryError> {
    query.budget.check()?;
    let mut data = BlockData {
        block: block.clone(),
        group,
        times: Vec::new(),
        levels: Vec::new(),
        lines: None,
        metadata: None,
    };
    if is_skipped(block, group, query, lines)? {
        return Ok(Opened { hits: Vec::new(), data: Data::Block(Box::new(data)) });
    }
    data.times = block.times(group)?;
    let mut hits = Vec::new();
    for run in &block.groups[group].runs {
        let stream = streams[run.stream as usize];
        if stream == u32::MAX {
            continue;
        }
        let rows = run.start..run.start + run.rows;
        let in_range = rows.map(|row| Hit { ts_ns: data.times[row as usize], stream, row, group: 0 });
        hits.extend(in_range.filter(|hit| (query.from_ns..query.to_ns).contains(&hit.ts_ns)));
    }
    if !hits.is_empty() && !lines.is_empty() {
        data.read_lines(query)?;
        data.filter_lines(&mut hits, lines);
    }
    if !hits.is_empty() {
        data.levels = block.levels(group)?;
    }
    if !hits.is_empty() && !query.metadata.is_empty() {
        data.filter_metadata(&mut hits, query)?;
    }
    if !hits.is_empty() && query.with_line {
        data.read_lines(query)?;
    }
    if !hits.is_empty() && query.with_metadata {
        data.read_metadata()?;
    }
    Ok(Opened { hits, data: Data::Block(Box::new(data)) })
}

/// Whether the skip filters say that nothing can pass.
fn is_skipped(
    block: &TenantBlock,
    group: usize,
    query: &LogQuery,
    lines: &Lines,
) -> Result<bool, QueryError> {
    let trace_id = query
        .metadata
        .iter()
        .find(|(name, value)| name == "trace_id" && value.len() == 32)
        .and_then(|(_, value)| model::TraceId::from_hex(value));
    if trace_id.is_none() && !lines.has_required() {
        return Ok(false);
    }
    let skip = block.skip(group)?;
    Ok(!lines.may_pass(&skip) || trace_id.is_some_and(|id| !skip.may_have_id(&id.0)))
}

impl BlockData {
    fn read_lines(&mut self, query: &LogQuery) -> Result<(), QueryError> {
        if self.lines.is_none() {
            query.budget.spend(self.block.lines_len(self.group))?;
            self.lines = Some(self.block.lines(self.group)?);
        }
        Ok(())
    }

    fn read_metadata(&mut self) -> Result<(), QueryError> {
        if self.metadata.is_some() {
            return Ok(());
        }
        let origins = self.block.row_origins(self.group)?;
        let mut columns = Vec::new();
        for (name, _) in &self.block.groups[self.group].columns {
            columns
                .extend(self.block.metadata(self.group, *name, &self.times)?.map(|column| (*name, column)));
        }
        columns.sort_by(|(a, _), (b, _)| self.block.names[*a as usize].cmp(&self.block.names[*b as usize]));
        self.metadata = Some(RowMetadata { origins, columns });
        Ok(())
    }

    /// Columns and what the origin shares are both sorted by name: the columns' value counts where both have one.
    fn put_metadata(&self, row: usize, into: &mut MetadataBuffer) {
        into.clear();
        let Some(metadata) = &self.metadata else { return };
        let mut shared = self.block.origins[metadata.origins[row] as usize].iter().peekable();
        let own = metadata.columns.iter().filter_map(|(name, column)| Some((name, column.get(row)?)));
        for (name, value) in own {
            let name = &*self.block.names[*name as usize];
            if let (true, Value::Text(packed)) = (name.is_empty(), value) {
                // The empty name sorts first. What it holds may sort anywhere.
                overflow_pairs(packed, |name, value| into.push(name, |out| out.extend_from_slice(value)));
                continue;
            }
            while let Some((shared_name, text)) = shared.next_if(|(shared_name, _)| **shared_name <= *name) {
                if **shared_name < *name {
                    into.push_next(shared_name, |out| out.extend_from_slice(text.as_bytes()));
                }
            }
            into.push_next(name, |out| value.write(out));
        }
        for (name, text) in shared {
            into.push_next(name, |out| out.extend_from_slice(text.as_bytes()));
        }
    }

    fn line(&self, row: usize) -> &[u8] {
        let Some((text, ends)) = &self.lines else { return &[] };
        let start = if row == 0 { 0 } else { ends[row - 1] as usize };
        &text[start..ends[row] as usize]
    }

    /// Keeps the hits whose line passes. A literal that all passing lines contain is looked for in the text as one piece.
    fn filter_lines(&self, hits: &mut Vec<Hit>, lines: &Lines) {
        let Some((text, ends)) = &self.lines else { return };
        let Some(needle) = lines.needle() else {
            hits.retain(|hit| lines.pass(self.line(hit.row as usize)));
            return;
        };
        let len = needle.needle().len();
        // The next line from here on that contains the literal. Hits come in increasing order of rows.
        let (mut next_row, mut at) = (None, 0usize);
        hits.retain(|hit| {
            let row = hit.row as usize;
            let start = if row == 0 { 0 } else { ends[row - 1] as usize };
            if next_row.is_none_or(|next| next < row) {
                at = at.max(start);
                next_row = Some(loop {
                    let Some(found) = needle.find(&text[at..]).map(|found| at + found) else {
                        break usize::MAX;
                    };
                    let line = ends.partition_point(|end| *end as usize <= found);
                    if found + len <= ends[line] as usize {
                        at = ends[line] as usize;
                        break line;
                    }
                    at = found + 1;
                });
            }
            next_row == Some(row) && lines.pass(self.line(row))
        });
    }

    fn filter_metadata(&mut self, hits: &mut Vec<Hit>, query: &LogQuery) -> Result<(), QueryError> {
        for (name, value) in &query.metadata {
            let number = self.block.names.iter().position(|have| **have == **name);
            let column = match number {
                Some(number) => self.block.metadata(self.group, number as u32, &self.times)?,
                None => None,
            };
            let overflow = match self.block.names.iter().position(|have| have.is_empty()) {
                Some(number) => self.block.metadata(self.group, number as u32, &self.times)?,
                None => None,
            };
            let origins = self.block.row_origins(self.group)?;
            let mut text = Vec::new();
            hits.retain(|hit| {
                let row = hit.row as usize;
                text.clear();
                let own = column.as_ref().and_then(|column| column.get(row));
                if let Some(own) = own {
                    own.write(&mut text);
                    return text == value.as_bytes();
                }
                let mut in_overflow = None;
                if let Some(Value::Text(packed)) = overflow.as_ref().and_then(|column| column.get(row)) {
                    overflow_pairs(packed, |have, text| {
                        if have == name && in_overflow.is_none() {
                            in_overflow = Some(text == value.as_bytes());
                        }
                    });
                }
                let shared = &self.block.origins[origins[row] as usize];
                in_overflow
                    .or_else(|| {
                        shared.iter().find(|(have, _)| **have == **name).map(|(_, have)| **have == **value)
                    })
                    .unwrap_or_else(|| name == super::DETECTED_LEVEL && self.levels[row].name() == value)
            });
        }
        Ok(())
    }
}

impl Opened {
    /// The line of a hit. Reads it if the query did not ask for lines.
    pub(crate) fn line(&mut self, hit: &Hit, query: &LogQuery) -> Result<&[u8], QueryError> {
        match &mut self.data {
            Data::Batch(batch) => Ok(batch.line(&batch.rows[hit.row as usize])),
            Data::Block(data) => {
                data.read_lines(query)?;
                Ok(data.line(hit.row as usize))
            }
        }
    }

    pub(crate) fn level(&self, hit: &Hit) -> Level {
        match &self.data {
            Data::Batch(batch) => batch.rows[hit.row as usize].level,
            Data::Block(data) => data.levels[hit.row as usize],
        }
    }

    /// All metadata of a hit, its own before that of its origin. Reads it if the query did not ask for metadata.
    pub(crate) fn metadata(&mut self, hit: &Hit, into: &mut MetadataBuffer) -> Result<(), QueryError> {
        match &mut self.data {
            Data::Batch(batch) => {
                batch.metadata(&batch.groups[hit.group as usize], &batch.rows[hit.row as usize], into);
            }
            Data::Block(data) => {
                data.read_metadata()?;
                data.put_metadata(hit.row as usize, into);
            }
        }
        Ok(())
    }
}
