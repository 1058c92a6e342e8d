//! Several blocks -> one: a merge by trace id that joins the fragments of a trace. Holds one row group an input at a time.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use model::{Signal, TenantId, TraceId};
use store::{BlockReader, BlockWriter, ContainerError, FileSummary, Keep, NewFile};

use crate::block::codec::Packer;
use crate::block::copy::Translation;
use crate::block::read::{Part, Want};
use crate::block::rows::{Fixed, end_of};
use crate::block::schema::Schema;
use crate::build::add_to_summary;
use crate::join::{Fragment, LoadedGroup, join};
use crate::query::{Budget, QueryError};
use crate::sink::{FRAGMENT_SPANS_MAX, GroupSink};
use crate::tree::{Parent, Tree};

/// Compression level of merged files: they live long and are written once.
const MERGE_LEVEL: i32 = 3;
/// A file that has reached this many bytes is ended with the trace.
const FILE_BYTES_MAX: usize = 256 << 20;
/// As is one of whose dictionaries has: dictionaries are held in memory.
const DICTIONARY_BYTES_MAX: usize = 32 << 20;

/// Rewrites `inputs`, oldest first, as fewer files.
pub(crate) fn merge(inputs: &[Arc<BlockReader>], keep: &Keep) -> Result<Vec<NewFile>, ContainerError> {
    let tenants: BTreeSet<&TenantId> = inputs.iter().flat_map(|input| input.tenants()).collect();
    let mut packer = Packer::new(MERGE_LEVEL);
    let mut files = Files::default();
    for tenant in tenants {
        let mut cursors = Vec::new();
        for input in inputs {
            if let Some(part) = Part::open(input.clone(), tenant)? {
                cursors.push(Cursor::new(Arc::new(part))?);
            }
        }
        while cursors.iter().any(|cursor| cursor.id().is_some()) {
            merge_tenant(&mut files, tenant, &mut cursors, keep, &mut packer)?;
        }
    }
    Ok(files.finish())
}

/// The files under construction.
#[derive(Default)]
struct Files {
    open: Option<(BlockWriter, FileSummary)>,
    done: Vec<NewFile>,
}

impl Files {
    fn current(&mut self) -> &mut (BlockWriter, FileSummary) {
        self.open.get_or_insert_with(|| {
            let summary = FileSummary { min_ns: i64::MAX, max_ns: i64::MIN, ..Default::default() };
            (BlockWriter::new(Signal::Traces), summary)
        })
    }

    fn end_file(&mut self) {
        if let Some((file, summary)) = self.open.take().filter(|(_, summary)| summary.items > 0) {
            self.done.push(NewFile { bytes: file.finish(), summary });
        }
    }

    fn finish(mut self) -> Vec<NewFile> {
        self.end_file();
        self.done
    }
}

/// Moves traces of `tenant` into the current file until they are all there or the file is full.
fn merge_tenant(
    files: &mut Files,
    tenant: &TenantId,
    cursors: &mut [Cursor],
    keep: &Keep,
    packer: &mut Packer,
) -> Result<(), ContainerError> {
    let (file, summary) = files.current();
    let number = file.tenant(tenant);
    let parts: Vec<Arc<Part>> = cursors.iter().map(|cursor| cursor.part.clone()).collect();
    let mut out = Output {
        sink: GroupSink::new(file, number, packer, settled_schema(&parts), true),
        translations: parts.iter().map(|_| Translation::default()).collect(),
        tree: Tree::default(),
    };
    while let Some(id) = cursors.iter().filter_map(Cursor::id).min() {
        let mut fragments = Vec::new();
        for (input, cursor) in cursors.iter_mut().enumerate() {
            while cursor.id() == Some(id) {
                fragments.push((input, cursor.take()?));
            }
        }
        let kept =
            |fragment: &Fragment| i64::try_from(fragment_end(fragment)).unwrap_or(i64::MAX) >= keep.from_ns;
        if fragments.iter().any(|(_, fragment)| kept(fragment)) {
            out.trace(id, fragments)?;
        }
        if out.sink.written_bytes() >= FILE_BYTES_MAX || out.sink.dictionary_bytes() >= DICTIONARY_BYTES_MAX {
            break;
        }
    }
    let groups = out.sink.finish();
    if !groups.is_empty() {
        add_to_summary(summary, tenant, &groups);
    }
    if cursors.iter().any(|cursor| cursor.id().is_some()) || file.len() >= FILE_BYTES_MAX {
        files.end_file();
    }
    Ok(())
}

fn fragment_end(fragment: &Fragment) -> u64 {
    let rows = &fragment.group.rows;
    let end = |row| end_of(rows.get(Fixed::Start, row), rows.get(Fixed::Duration, row));
    fragment.rows.clone().map(end).max().unwrap_or(0)
}

/// A schema with the columns of all inputs, each plain if most of its values come from where it is plain.
fn settled_schema(parts: &[Arc<Part>]) -> Schema {
    let mut schema = Schema::default();
    let mut plain: Vec<(u64, u64)> = Vec::new();
    for have in parts.iter().flat_map(|part| &part.columns) {
        let column = schema.column_or_overflow(have.owner, have.kind, &have.key).0 as usize;
        plain.resize(plain.len().max(column + 1), (0, 0));
        plain[column].0 += have.values;
        plain[column].1 += if have.plain { have.values } else { 0 };
    }
    for (column, (values, plain)) in schema.columns.iter_mut().zip(plain) {
        column.plain = column.kind.is_text() && plain * 2 > values;
    }
    schema
}

struct Output<'f> {
    sink: GroupSink<'f>,
    translations: Vec<Translation>,
    tree: Tree,
}

impl Output<'_> {
    fn trace(&mut self, id: TraceId, fragments: Vec<(usize, Fragment)>) -> Result<(), ContainerError> {
        if let [(input, fragment)] = fragments.as_slice() {
            self.sink.rows.begin_trace(id);
            for row in fragment.rows.clone() {
                let parent = same_parent(fragment, row);
                self.row(*input, fragment, row, parent)?;
            }
            self.sink.end_trace();
            return Ok(());
        }
        let (inputs, fragments): (Vec<usize>, Vec<Fragment>) = fragments.into_iter().unzip();
        let spans = join(&fragments, &mut self.tree)?;
        for (number, chunk) in spans.chunks(FRAGMENT_SPANS_MAX).enumerate() {
            self.sink.rows.begin_trace(id);
            for (place, span) in chunk.iter().enumerate() {
                let parent = match span.parent {
                    // The parent's row went into an earlier fragment.
                    Parent::Back(rows) if rows as usize > place => {
                        let parent = spans[number * FRAGMENT_SPANS_MAX + place - rows as usize];
                        Parent::Loose(
                            fragments[parent.fragment as usize].group.rows.span_ids[parent.row as usize],
                        )
                    }
                    parent => parent,
                };
                let fragment = span.fragment as usize;
                self.row(inputs[fragment], &fragments[fragment], span.row as usize, parent)?;
            }
            self.sink.end_trace();
        }
        Ok(())
    }

    fn row(
        &mut self,
        input: usize,
        fragment: &Fragment,
        row: usize,
        parent: Parent,
    ) -> Result<(), ContainerError> {
        let GroupSink { rows, schema, .. } = &mut self.sink;
        rows.push_row(schema, &fragment.group.source(), row, parent, &mut self.translations[input])
    }
}

/// The parent of a row whose trace is copied as it is.
fn same_parent(fragment: &Fragment, row: usize) -> Parent {
    let LoadedGroup { rows, index, .. } = &*fragment.group;
    match rows.get(Fixed::Parent, row) {
        0 => Parent::None,
        1 => Parent::Loose(index.parent_id(rows, row)),
        back => Parent::Back(back as u32 - 1),
    }
}

/// Walks one input in order of trace id.
struct Cursor {
    part: Arc<Part>,
    group: Option<Arc<LoadedGroup>>,
    next_group: usize,
    next_trace: usize,
    budget: Budget,
}

impl Cursor {
    fn new(part: Arc<Part>) -> Result<Self, ContainerError> {
        let mut cursor =
            Self { part, group: None, next_group: 0, next_trace: 0, budget: Budget::unlimited() };
        cursor.load()?;
        Ok(cursor)
    }

    /// The trace it stands before; `None` at the end.
    fn id(&self) -> Option<TraceId> {
        self.group.as_ref().map(|group| group.table.ids[self.next_trace])
    }

    fn load(&mut self) -> Result<(), ContainerError> {
        self.next_trace = 0;
        self.group = None;
        while self.group.is_none() && self.next_group < self.part.groups.len() {
            let group = LoadedGroup::load(&self.part, self.next_group, &Want::everything(), &self.budget);
            let group = group.map_err(|error| match error {
                QueryError::Block(block) => block,
                QueryError::Bad(reason) => ContainerError::Corrupt { name: self.part.name().into(), reason },
                QueryError::Stopped(_) => unreachable!("an unlimited budget stops nobody"),
            })?;
            self.next_group += 1;
            self.group = (group.table.len() > 0).then(|| Arc::new(group));
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Fragment, ContainerError> {
        let group = self.group.clone().expect("asked only where there is a trace");
        let rows: Range<usize> = group.table.rows(self.next_trace);
        self.next_trace += 1;
        if self.next_trace == group.table.len() {
            self.load()?;
        }
        Ok(Fragment { group, rows })
    }
}
