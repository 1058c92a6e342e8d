//! Batches -> a block: spans sorted by trace, duplicates dropped, each trace in tree order.

use std::collections::{BTreeMap, HashMap, HashSet};

use model::{Signal, SpanId, TenantId, TraceId};
use store::{BlockWriter, FileSummary, NewFile};
use wire::otlp::SpanView;

use crate::block::codec::Packer;
use crate::block::layout::GroupMeta;
use crate::block::schema::Schema;
use crate::ingest::Prepared;
use crate::sink::{FRAGMENT_SPANS_MAX, GroupSink};
use crate::tree::{SpanNode, Tree};

/// A span by place: (trace, batch, span of the batch). Order of these is the order of the rows before the tree.
type SpanAt = (TraceId, u32, u32);

/// The block of `batches`, which are in order of offset. `None` if they hold no span.
pub(crate) fn build(batches: &[&Prepared], packer: &mut Packer) -> Option<NewFile> {
    let mut tenants: BTreeMap<&TenantId, Vec<&Prepared>> = BTreeMap::new();
    for batch in batches.iter().filter(|batch| batch.len() > 0) {
        tenants.entry(&batch.tenant).or_default().push(batch);
    }
    if tenants.is_empty() {
        return None;
    }
    let mut file = BlockWriter::new(Signal::Traces);
    let mut summary = FileSummary { min_ns: i64::MAX, max_ns: i64::MIN, ..Default::default() };
    for (tenant, batches) in tenants {
        let number = file.tenant(tenant);
        let groups = write_tenant(&mut file, number, &batches, None, packer);
        add_to_summary(&mut summary, tenant, &groups);
    }
    Some(NewFile { bytes: file.finish(), summary })
}

/// The block of one trace's spans in `batches`; `None` if there are none.
pub(crate) fn build_trace(tenant: &TenantId, id: TraceId, batches: &[&Prepared]) -> Option<Vec<u8>> {
    let mut file = BlockWriter::new(Signal::Traces);
    let number = file.tenant(tenant);
    let groups = write_tenant(&mut file, number, batches, Some(id), &mut Packer::stored());
    (!groups.is_empty()).then(|| file.finish())
}

pub(crate) fn add_to_summary(summary: &mut FileSummary, tenant: &TenantId, groups: &[GroupMeta]) {
    let signed = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
    for group in groups {
        summary.min_ns = summary.min_ns.min(signed(group.start));
        summary.max_ns = summary.max_ns.max(signed(group.end));
        summary.items += group.rows;
    }
    summary.tenants.push(tenant.clone());
}

fn write_tenant(
    file: &mut BlockWriter,
    tenant: u32,
    batches: &[&Prepared],
    only: Option<TraceId>,
    packer: &mut Packer,
) -> Vec<GroupMeta> {
    let mut spans: Vec<SpanAt> = Vec::with_capacity(batches.iter().map(|batch| batch.len()).sum());
    for (number, batch) in batches.iter().enumerate() {
        let wanted = batch.ids.iter().enumerate().filter(|(_, id)| only.is_none_or(|only| only == **id));
        spans.extend(wanted.map(|(span, id)| (*id, number as u32, span as u32)));
    }
    if spans.is_empty() {
        return Vec::new();
    }
    spans.sort_unstable();
    let mut builder = Builder {
        batches,
        commons: batches.iter().map(|batch| vec![None; batch.commons()]).collect(),
        sink: GroupSink::new(file, tenant, packer, Schema::default(), false),
        tree: Tree::default(),
        nodes: Vec::new(),
        views: Vec::new(),
    };
    for trace in spans.chunk_by(|a, b| a.0 == b.0) {
        trace.chunks(FRAGMENT_SPANS_MAX).for_each(|fragment| builder.trace(fragment));
    }
    builder.sink.finish()
}

struct Builder<'h, 'f> {
    batches: &'h [&'h Prepared],
    /// Numbers of the resource and the scope of each batch's `ScopeSpans`, once they were met.
    commons: Vec<Vec<Option<(u32, u32)>>>,
    sink: GroupSink<'f>,
    tree: Tree,
    nodes: Vec<SpanNode>,
    views: Vec<(SpanView<'h>, u32, u32)>,
}

impl<'h> Builder<'h, '_> {
    fn trace(&mut self, spans: &[SpanAt]) {
        self.nodes.clear();
        self.views.clear();
        for (_, batch, span) in spans {
            let from: &'h Prepared = self.batches[*batch as usize];
            let view = from.span(*span as usize);
            let (resource, scope) = self.common(*batch, from.common_of(*span as usize));
            self.nodes.push(SpanNode {
                id: view.span_id(),
                parent: view.parent_span_id(),
                start: view.start_time_unix_nano,
            });
            self.views.push((view, resource, scope));
        }
        if has_repeats(&self.nodes) {
            self.drop_duplicates();
        }
        self.sink.rows.begin_trace(spans[0].0);
        for (place, parent) in self.tree.order(&self.nodes) {
            let (view, resource, scope) = &self.views[*place as usize];
            self.sink.rows.push_span(&mut self.sink.schema, view, *resource, *scope, *parent);
        }
        self.sink.end_trace();
    }

    fn common(&mut self, batch: u32, common: u32) -> (u32, u32) {
        let known = &mut self.commons[batch as usize][common as usize];
        *known.get_or_insert_with(|| {
            let (resource, scope) = self.batches[batch as usize].common(common as usize);
            (self.sink.schema.resources.intern(&resource), self.sink.schema.scopes.intern(&scope))
        })
    }

    /// A span that came twice, byte for byte from the same resource and scope, is one span.
    fn drop_duplicates(&mut self) {
        let mut seen = HashSet::new();
        let keep: Vec<bool> = self
            .views
            .iter()
            .map(|(view, resource, scope)| seen.insert((view.bytes(), *resource, *scope)))
            .collect();
        let mut kept = keep.iter();
        self.views.retain(|_| *kept.next().expect("one flag a span"));
        let mut kept = keep.iter();
        self.nodes.retain(|_| *kept.next().expect("one flag a span"));
    }
}

/// Whether two spans have one id.
pub(crate) fn has_repeats(nodes: &[SpanNode]) -> bool {
    if nodes.len() <= 24 {
        return nodes
            .iter()
            .enumerate()
            .any(|(place, node)| nodes[..place].iter().any(|have| have.id == node.id));
    }
    let mut seen: HashMap<SpanId, ()> = HashMap::with_capacity(nodes.len());
    nodes.iter().any(|node| seen.insert(node.id, ()).is_some())
}
