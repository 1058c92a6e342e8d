//! Rows -> sections of a block. Row groups first, as they come; what they refer to at the end, when it is complete.

use model::TraceId;
use stdx::varint::{put_bytes, put_u64};
use store::{BlockWriter, Codec};
use wire::otlp::attribute;
use wire::otlp::trace::ResourceSpansView;
use wire::proto::View;

use super::codec::Packer;
use super::dictionary::Dictionary;
use super::layout::{ColumnId, Filter, GroupMeta, SectionKind, VERSION};
use super::rows::{Cells, Fixed, Rows};
use super::schema::Schema;
use super::trace_table::TraceTable;

/// Chunks smaller than this share a section.
const OWN_SECTION_MIN_BYTES: usize = 1536;

/// Writes what one tenant has in a file.
pub(crate) struct TenantWriter<'f> {
    file: &'f mut BlockWriter,
    tenant: u32,
    packer: &'f mut Packer,
    groups: Vec<GroupMeta>,
    ids: Vec<TraceId>,
    services: Services,
    chunk: Vec<u8>,
}

/// The services of resources, numbered by first appearance. Writer and reader come to the same numbers.
#[derive(Default)]
pub(crate) struct Services {
    pub names: Dictionary,
    /// By resource.
    pub of_resource: Vec<u32>,
}

impl Services {
    /// Takes in the resources from where the last call ended.
    pub(crate) fn extend<'a>(&mut self, resources: impl Iterator<Item = &'a [u8]>) {
        for resource in resources.skip(self.of_resource.len()) {
            let service = service_name(resource);
            self.of_resource.push(self.names.intern(service.as_bytes()));
        }
    }

    pub(crate) fn of(&self, resource: u32) -> u32 {
        self.of_resource.get(resource as usize).copied().unwrap_or(0)
    }
}

/// `service.name` of a `ResourceSpans`; empty if it has none.
pub(crate) fn service_name(resource_spans: &[u8]) -> &str {
    let resource = ResourceSpansView::read(resource_spans).resource.or_empty();
    attribute(resource.attributes, "service.name").and_then(|value| value.as_str()).unwrap_or("")
}

impl<'f> TenantWriter<'f> {
    pub(crate) fn new(file: &'f mut BlockWriter, tenant: u32, packer: &'f mut Packer) -> Self {
        let (groups, ids, services) = (Vec::new(), Vec::new(), Services::default());
        Self { file, tenant, packer, groups, ids, services, chunk: Vec::new() }
    }

    /// Bytes of the file so far.
    pub(crate) fn file_len(&self) -> usize {
        self.file.len()
    }

    /// Writes a row group. Groups come in order of trace id.
    pub(crate) fn group(&mut self, schema: &Schema, rows: &Rows) {
        let group = self.groups.len();
        self.services.extend(schema.resources.texts().iter());
        let table = TraceTable::of_rows(rows, |resource| self.services.of(resource));
        let encoded = table.encode(self.packer);
        self.file.add(SectionKind::Traces.key(self.tenant, group as u64), &encoded, Codec::None, 0);
        let mut pack = Vec::new();
        for column in Fixed::ALL {
            match column {
                Fixed::Start => self.packer.ints(&mut self.chunk, &relative_starts(rows)),
                _ => self.packer.ints(&mut self.chunk, &rows.fixed[column as usize]),
            }
            self.end_chunk(&mut pack, group, ColumnId::fixed(column));
        }
        let span_ids: Vec<u8> = rows.span_ids.iter().flat_map(|id| id.0).collect();
        Packer::noise(&mut self.chunk, &span_ids);
        self.end_chunk(&mut pack, group, ColumnId::SPAN_IDS);
        let parents: Vec<u8> = rows.loose_parents.iter().flat_map(|id| id.0).collect();
        self.packer.bytes(&mut self.chunk, &parents);
        self.end_chunk(&mut pack, group, ColumnId::LOOSE_PARENTS);
        let links: Vec<u8> =
            rows.links.iter().flat_map(|(trace, span)| trace.0.into_iter().chain(span.0)).collect();
        self.packer.bytes(&mut self.chunk, &links);
        self.end_chunk(&mut pack, group, ColumnId::LINKS);
        for (column, cells) in rows.cells.iter().enumerate().filter(|(_, cells)| cells.len() > 0) {
            self.attribute_chunk(schema, column as u32, cells);
            self.end_chunk(&mut pack, group, ColumnId::attribute(column as u32));
        }
        self.file.add(SectionKind::Pack.key(self.tenant, group as u64), &pack, Codec::None, 0);
        self.ids.extend(table.ids.iter());
        self.groups.push(GroupMeta {
            first_id: table.ids.first().copied().unwrap_or_default(),
            traces: table.len() as u64,
            rows: rows.len() as u64,
            events: rows.fixed[Fixed::EventTime as usize].len() as u64,
            links: rows.links.len() as u64,
            loose_parents: rows.loose_parents.len() as u64,
            start: table.start.iter().copied().min().unwrap_or(0),
            end: table.end.iter().copied().max().unwrap_or(0),
        });
    }

    fn attribute_chunk(&mut self, schema: &Schema, column: u32, cells: &Cells) {
        let have = &schema.columns[column as usize];
        put_u64(&mut self.chunk, cells.len() as u64);
        match cells {
            Cells::Ints(numbers) if have.plain && have.kind.is_text() => {
                let texts = numbers.iter().map(|number| have.texts.get(*number as u32));
                self.packer.texts(&mut self.chunk, texts);
            }
            Cells::Ints(values) => self.packer.ints(&mut self.chunk, values),
            Cells::Plain(texts) => self.packer.texts(&mut self.chunk, texts.iter()),
        }
    }

    fn end_chunk(&mut self, pack: &mut Vec<u8>, group: usize, column: ColumnId) {
        if self.chunk.len() >= OWN_SECTION_MIN_BYTES {
            self.file.add(column.chunk(self.tenant, group), &self.chunk, Codec::None, 0);
        } else if !self.chunk.is_empty() {
            put_u64(pack, u64::from(column.0));
            put_bytes(pack, &self.chunk);
        }
        self.chunk.clear();
    }

    /// Writes everything that the groups refer to.
    pub(crate) fn finish(mut self, schema: &Schema) -> Vec<GroupMeta> {
        for (text, dictionary) in schema.fixed.iter().enumerate() {
            self.dictionary(ColumnId(text as u32).dictionary(self.tenant), dictionary);
        }
        for (column, have) in schema.columns.iter().enumerate() {
            if have.kind.is_text() && !have.plain {
                let key = ColumnId::attribute(column as u32).dictionary(self.tenant);
                self.dictionary(key, &have.texts);
            }
        }
        self.dictionary(SectionKind::Resources.key(self.tenant, 0), &schema.resources);
        self.dictionary(SectionKind::Scopes.key(self.tenant, 0), &schema.scopes);
        let columns = encode_columns(schema);
        self.file.add(SectionKind::Columns.key(self.tenant, 0), &columns, Codec::Zstd, 3);
        let shapes = encode_shapes(schema, self.packer);
        self.file.add(SectionKind::Shapes.key(self.tenant, 0), &shapes, Codec::None, 0);
        let filter = Filter::build(&self.ids);
        self.file.add(SectionKind::Filter.key(self.tenant, 0), filter.bytes(), Codec::None, 0);
        let meta = encode_meta(&self.groups, self.packer);
        self.file.add(SectionKind::Meta.key(self.tenant, 0), &meta, Codec::None, 0);
        self.groups
    }

    fn dictionary(&mut self, key: store::SectionKey, dictionary: &Dictionary) {
        let mut out = Vec::new();
        put_u64(&mut out, dictionary.len() as u64);
        self.packer.texts(&mut out, dictionary.texts().iter());
        self.file.add(key, &out, Codec::None, 0);
    }
}

/// Starts since the parent's start, or since the trace's where the parent is not here; zig-zag.
fn relative_starts(rows: &Rows) -> Vec<u64> {
    let starts = &rows.fixed[Fixed::Start as usize];
    let parents = &rows.fixed[Fixed::Parent as usize];
    let mut out = Vec::with_capacity(rows.len());
    for trace in &rows.traces {
        for row in out.len()..out.len() + trace.rows as usize {
            let base = match parents[row] {
                0 | 1 => trace.start,
                back => starts[row + 1 - back as usize],
            };
            out.push(stdx::varint::zigzag(starts[row].wrapping_sub(base) as i64));
        }
    }
    out
}

fn encode_columns(schema: &Schema) -> Vec<u8> {
    let mut out = Vec::new();
    put_u64(&mut out, schema.columns.len() as u64);
    for column in &schema.columns {
        out.extend_from_slice(&[column.owner as u8, column.kind as u8, u8::from(column.plain)]);
        put_u64(&mut out, column.values);
        put_bytes(&mut out, &column.key);
    }
    out
}

fn encode_shapes(schema: &Schema, packer: &mut Packer) -> Vec<u8> {
    let mut out = Vec::new();
    let lists = (0..schema.shapes.len() as u32).map(|number| schema.shapes.get(number));
    let lens: Vec<u64> = lists.clone().map(|list| list.len() as u64).collect();
    let columns: Vec<u64> = lists.flatten().map(|column| u64::from(*column)).collect();
    put_u64(&mut out, lens.len() as u64);
    put_u64(&mut out, columns.len() as u64);
    packer.ints(&mut out, &lens);
    packer.ints(&mut out, &columns);
    out
}

fn encode_meta(groups: &[GroupMeta], packer: &mut Packer) -> Vec<u8> {
    let mut out = Vec::new();
    put_u64(&mut out, VERSION);
    put_u64(&mut out, groups.len() as u64);
    let whole = |group: &GroupMeta| u128::from_be_bytes(group.first_id.0);
    let fields: [&dyn Fn(&GroupMeta) -> u64; 9] = [
        &|group| (whole(group) >> 64) as u64,
        &|group| whole(group) as u64,
        &|group| group.traces,
        &|group| group.rows,
        &|group| group.events,
        &|group| group.links,
        &|group| group.loose_parents,
        &|group| group.start,
        &|group| group.end - group.start,
    ];
    for field in fields {
        packer.ints(&mut out, &groups.iter().map(field).collect::<Vec<_>>());
    }
    out
}
