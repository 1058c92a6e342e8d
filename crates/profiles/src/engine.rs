//! The profile signal behind the shared spine. A cut and a merge are the same work: parts in, one part per tenant out.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use model::{Compression, Signal, TenantId};
use ports::Record;
use store::{BlockReader, BlockWriter, ContainerError, FileSummary, Keep, NewFile, SignalEngine};

use crate::block::{TenantBlock, write_tenant};
use crate::config::Config;
use crate::head::Head;
use crate::part::Part;
use crate::prepare::{Parsed, parse};
use crate::write::{InMemory, Source};

/// What turns records into heads and heads into files.
pub struct ProfileEngine {
    config: Config,
}

/// A request's profiles and whose they are.
pub struct Prepared {
    tenant: TenantId,
    part: Part,
}

impl Prepared {
    pub(crate) fn new(tenant: TenantId, part: Part) -> Self {
        Self { tenant, part }
    }
}

impl ProfileEngine {
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    pub(crate) fn check(&self, batch: &pipeline::Batch) -> Result<Parsed, String> {
        parse(batch.format, &batch.body, batch.received_at_ms, &self.config)
    }
}

impl SignalEngine for ProfileEngine {
    const SIGNAL: Signal = Signal::Profiles;
    type Head = Head;
    type Prepared = Prepared;

    fn new_head(&self) -> Head {
        Head::default()
    }

    fn prepare(&self, record: &Record) -> Result<Prepared, String> {
        let body = unpack(record)?;
        let parsed = parse(record.format, &body, record.received_at_ms, &self.config)?;
        Ok(Prepared { tenant: record.tenant.clone(), part: parsed.part })
    }

    fn apply(&self, head: &Head, offset: u64, prepared: Prepared) {
        head.push(offset, prepared.tenant, prepared.part);
    }

    fn head_bytes(&self, head: &Head) -> usize {
        head.bytes()
    }

    fn build(&self, head: &Head, _offsets: Range<u64>) -> Result<Vec<NewFile>, ContainerError> {
        let mut file = File::new(self.config.zstd_level);
        for tenant in head.tenants() {
            let parts = head.parts(&tenant);
            let sources: Vec<InMemory<'_>> = parts.iter().map(|part| InMemory::new(part)).collect();
            let sources: Vec<&dyn Source> = sources.iter().map(|source| source as &dyn Source).collect();
            file.add(&tenant, &sources, i64::MIN)?;
        }
        Ok(file.finish())
    }

    fn merge(&self, inputs: &[Arc<BlockReader>], keep: &Keep) -> Result<Vec<NewFile>, ContainerError> {
        let tenants: BTreeSet<&TenantId> = inputs.iter().flat_map(|input| input.tenants()).collect();
        let mut file = File::new(self.config.zstd_level);
        file.block.reserve(inputs.iter().map(|input| input.len() as usize).sum());
        for tenant in tenants {
            let mut blocks = Vec::new();
            for input in inputs {
                blocks.extend(TenantBlock::open(input.clone(), tenant, false)?);
            }
            let sources: Vec<&dyn Source> = blocks.iter().map(|block| block as &dyn Source).collect();
            file.add(tenant, &sources, keep.from_ns)?;
        }
        Ok(file.finish())
    }
}

/// A file under construction.
struct File {
    block: BlockWriter,
    summary: FileSummary,
    zstd_level: i32,
}

impl File {
    fn new(zstd_level: i32) -> Self {
        let summary = FileSummary { min_ns: i64::MAX, max_ns: i64::MIN, items: 0, tenants: Vec::new() };
        Self { block: BlockWriter::new(Signal::Profiles), summary, zstd_level }
    }

    fn add(
        &mut self,
        tenant: &TenantId,
        sources: &[&dyn Source],
        from_ns: i64,
    ) -> Result<(), ContainerError> {
        let Some(written) = write_tenant(&mut self.block, tenant, sources, from_ns, self.zstd_level)? else {
            return Ok(());
        };
        self.summary.min_ns = self.summary.min_ns.min(written.min_ns);
        self.summary.max_ns = self.summary.max_ns.max(written.max_ns);
        self.summary.items += written.profiles;
        self.summary.tenants.push(tenant.clone());
        Ok(())
    }

    fn finish(self) -> Vec<NewFile> {
        if self.summary.items == 0 {
            return Vec::new();
        }
        vec![NewFile { bytes: self.block.finish(), summary: self.summary }]
    }
}

/// The plain body of a journal record.
fn unpack(record: &Record) -> Result<Bytes, String> {
    if record.compression == Compression::None {
        return Ok(record.payload.clone());
    }
    let mut body = Vec::with_capacity(record.plain_len as usize);
    wire::compress::decompress(record.compression, &record.payload, record.plain_len as usize, &mut body)
        .map_err(|error| error.to_string())?;
    Ok(body.into())
}
