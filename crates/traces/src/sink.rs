//! Collects traces into row groups and writes them: the end of both roads to a block, the cut and the merge.

use store::BlockWriter;

use crate::block::codec::Packer;
use crate::block::layout::GroupMeta;
use crate::block::rows::Rows;
use crate::block::schema::Schema;
use crate::block::write::TenantWriter;

/// A row group ends with the trace that reaches this many bytes of OTLP.
const GROUP_BYTES: usize = 1_572_864;
/// A trace with more spans than this is kept in fragments, joined by id when read. Bounds the memory of one row group.
pub(crate) const FRAGMENT_SPANS_MAX: usize = 65_536;
/// So many groups are looked at before it is settled which columns are not worth a dictionary.
const SAMPLE_GROUPS: usize = 12;
/// A column is written plain when more than this share of its values is new.
const DISTINCT_PERCENT_MAX: usize = 60;

/// One tenant's rows on their way into a file.
pub(crate) struct GroupSink<'f> {
    writer: TenantWriter<'f>,
    pub schema: Schema,
    pub rows: Rows,
    /// Full groups that wait until encodings are settled; `None` once they are.
    sample: Option<Vec<Rows>>,
}

impl<'f> GroupSink<'f> {
    /// `settled`: the columns of `schema` know already whether they are plain.
    pub(crate) fn new(
        file: &'f mut BlockWriter,
        tenant: u32,
        packer: &'f mut Packer,
        schema: Schema,
        settled: bool,
    ) -> Self {
        let sample = (!settled).then(Vec::new);
        Self { writer: TenantWriter::new(file, tenant, packer), schema, rows: Rows::default(), sample }
    }

    /// To be called after each trace (or fragment).
    pub(crate) fn end_trace(&mut self) {
        if self.rows.raw_bytes >= GROUP_BYTES || self.rows.len() >= FRAGMENT_SPANS_MAX {
            self.end_group();
        }
    }

    fn end_group(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        match &mut self.sample {
            None => self.writer.group(&self.schema, &rows),
            Some(sample) => {
                sample.push(rows);
                if sample.len() >= SAMPLE_GROUPS {
                    self.settle();
                }
            }
        }
    }

    /// Decides which columns are plain and writes what waited for it.
    fn settle(&mut self) {
        let Some(sample) = self.sample.take() else { return };
        for column in &mut self.schema.columns {
            let worth = column.texts.len() * 100 <= column.values as usize * DISTINCT_PERCENT_MAX;
            column.plain = column.kind.is_text() && !worth && column.values >= 64;
        }
        for rows in sample {
            self.writer.group(&self.schema, &rows);
        }
    }

    /// Bytes of the largest dictionary.
    pub(crate) fn dictionary_bytes(&self) -> usize {
        self.schema.columns.iter().map(|column| column.texts.texts().bytes_len()).max().unwrap_or(0)
    }

    pub(crate) fn written_bytes(&self) -> usize {
        self.writer.file_len()
    }

    pub(crate) fn finish(mut self) -> Vec<GroupMeta> {
        if self.rows.len() > 0 {
            self.end_group();
        }
        self.settle();
        self.writer.finish(&self.schema)
    }
}
