//! What traces are to the spine: a head of batches, built into blocks, merged into fewer.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::{Signal, TenantId, TraceId};
use parking_lot::{Mutex, RwLock};
use ports::Record;
use store::container::InMemory;
use store::{BlockReader, ContainerError, Keep, NewFile, SignalEngine};

use crate::block::codec::Packer;
use crate::block::read::Part;
use crate::build::{build, build_trace};
use crate::ingest::Prepared;
use crate::merge::merge;

/// Compression level of files cut from a head: written once, merged soon.
const CUT_LEVEL: i32 = 1;

/// The signal engine of traces.
#[derive(Debug, Default)]
pub struct TraceEngine;

/// Batches since the last cut. Taking one in is a push; queries build blocks of them in memory when they come.
#[derive(Default)]
pub struct Head {
    /// In order of application.
    batches: RwLock<Vec<(u64, Arc<Prepared>)>>,
    bytes: AtomicUsize,
    built: Mutex<Vec<BuiltBlock>>,
}

/// A block in memory of the batches at `range`.
struct BuiltBlock {
    range: Range<usize>,
    spans: usize,
    block: Option<Arc<BlockReader>>,
    parts: HashMap<TenantId, Option<Arc<Part>>>,
}

impl Head {
    fn push(&self, offset: u64, batch: Prepared) {
        self.bytes.fetch_add(batch.bytes(), Ordering::Relaxed);
        self.batches.write().push((offset, Arc::new(batch)));
    }

    fn batches(&self, range: Range<usize>) -> Vec<(u64, Arc<Prepared>)> {
        let mut batches = self.batches.read()[range].to_vec();
        batches.sort_by_key(|(offset, _)| *offset);
        batches
    }

    /// The whole head as parts of `tenant`, oldest first. Builds what came since the last time, together with younger parts of no greater
    /// size, so that a span is built again only as often as the head doubles.
    pub(crate) fn parts(&self, tenant: &TenantId) -> Result<Vec<Arc<Part>>, ContainerError> {
        let mut built = self.built.lock();
        let end = self.batches.read().len();
        let mut start = built.last().map_or(0, |block| block.range.end);
        if start < end {
            let count =
                |range: Range<usize>| self.batches.read()[range].iter().map(|(_, batch)| batch.len()).sum();
            let mut spans: usize = count(start..end);
            while let Some(last) = built.pop_if(|last| last.spans <= spans) {
                self.bytes.fetch_sub(last.block.map_or(0, |block| block.len() as usize), Ordering::Relaxed);
                start = last.range.start;
                spans += last.spans;
            }
            let block = self.build_range(start..end)?;
            self.bytes.fetch_add(block.as_ref().map_or(0, |block| block.len() as usize), Ordering::Relaxed);
            built.push(BuiltBlock { range: start..end, spans, block, parts: HashMap::new() });
        }
        let mut parts = Vec::new();
        for block in built.iter_mut() {
            let Some(reader) = &block.block else { continue };
            if !block.parts.contains_key(tenant) {
                let part = Part::open(reader.clone(), tenant)?.map(Arc::new);
                block.parts.insert(tenant.clone(), part);
            }
            parts.extend(block.parts.get(tenant).into_iter().flatten().cloned());
        }
        Ok(parts)
    }

    fn build_range(&self, range: Range<usize>) -> Result<Option<Arc<BlockReader>>, ContainerError> {
        let batches = self.batches(range);
        let batches: Vec<&Prepared> = batches.iter().map(|(_, batch)| &**batch).collect();
        let Some(file) = build(&batches, &mut Packer::stored()) else { return Ok(None) };
        open_in_memory(file.bytes).map(Some)
    }

    /// The spans of one trace as a part of its own.
    pub(crate) fn trace(&self, tenant: &TenantId, id: TraceId) -> Result<Option<Arc<Part>>, ContainerError> {
        let mut holding: Vec<(u64, Arc<Prepared>)> = self
            .batches
            .read()
            .iter()
            .filter(|(_, batch)| batch.tenant == *tenant && batch.ids.contains(&id))
            .cloned()
            .collect();
        holding.sort_by_key(|(offset, _)| *offset);
        let batches: Vec<&Prepared> = holding.iter().map(|(_, batch)| &**batch).collect();
        let Some(bytes) = build_trace(tenant, id, &batches) else { return Ok(None) };
        Ok(Part::open(open_in_memory(bytes)?, tenant)?.map(Arc::new))
    }
}

fn open_in_memory(bytes: Vec<u8>) -> Result<Arc<BlockReader>, ContainerError> {
    Ok(Arc::new(BlockReader::open(Arc::new(InMemory::new("head", bytes)))?))
}

impl SignalEngine for TraceEngine {
    const SIGNAL: Signal = Signal::Traces;
    type Head = Head;
    type Prepared = Prepared;

    fn new_head(&self) -> Head {
        Head::default()
    }

    fn prepare(&self, record: &Record) -> Result<Prepared, String> {
        Prepared::from_record(record)
    }

    fn apply(&self, head: &Head, offset: u64, prepared: Prepared) {
        head.push(offset, prepared);
    }

    fn head_bytes(&self, head: &Head) -> usize {
        head.bytes.load(Ordering::Relaxed)
    }

    fn build(&self, head: &Head, _offsets: Range<u64>) -> Result<Vec<NewFile>, ContainerError> {
        let end = head.batches.read().len();
        let batches = head.batches(0..end);
        let batches: Vec<&Prepared> = batches.iter().map(|(_, batch)| &**batch).collect();
        Ok(build(&batches, &mut Packer::new(CUT_LEVEL)).into_iter().collect())
    }

    fn merge(&self, inputs: &[Arc<BlockReader>], keep: &Keep) -> Result<Vec<NewFile>, ContainerError> {
        merge(inputs, keep)
    }
}
