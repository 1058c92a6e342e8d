//! The signal engines as targets: any body that an engine takes must go the whole way, head, block and merge, without panic or error.
//!
//! A body reaches an engine as a journal record, so the checks of a door are not before it. What `prepare` refuses is done with; of what it
//! takes, two copies are applied, cut, opened again, and merged.

use std::sync::Arc;

use bytes::Bytes;
use model::{Compression, Format, TenantId};
use ports::Record;
use store::container::InMemory;
use store::{BlockReader, Keep, NewFile, SignalEngine};

pub const TARGETS: &[(&str, fn(&[u8]))] = &[
    ("logs_engine", logs),
    ("metrics_engine", metrics),
    ("traces_engine", traces),
    ("profiles_engine", profiles),
];

pub fn logs(data: &[u8]) {
    let engine = logs::LogEngine::new(logs::Config::default());
    [Format::OtlpProto, Format::LokiProto].into_iter().for_each(|format| whole_way(&engine, format, data));
}

pub fn metrics(data: &[u8]) {
    let config =
        metrics::Config { shards: 1, ..metrics::Config::new(store::lane::LaneConfig::new("unused")) };
    let engine = metrics::MetricsEngine::new(config, 1);
    [Format::RemoteWrite1, Format::RemoteWrite2, Format::OtlpProto, Format::SeriesBatch, Format::Deletion]
        .into_iter()
        .for_each(|format| whole_way(&engine, format, data));
}

pub fn traces(data: &[u8]) {
    whole_way(&traces::TraceEngine, Format::OtlpProto, data);
}

pub fn profiles(data: &[u8]) {
    let engine = profiles::ProfileEngine::new(profiles::Config::default());
    [Format::OtlpProto, Format::Pprof].into_iter().for_each(|format| whole_way(&engine, format, data));
}

fn whole_way<E: SignalEngine>(engine: &E, format: Format, data: &[u8]) {
    let record = Record {
        tenant: TenantId::anonymous(),
        format,
        compression: Compression::None,
        received_at_ms: 1_700_000_000_000,
        plain_len: data.len() as u32,
        payload: Bytes::copy_from_slice(data),
    };
    let head = engine.new_head();
    for offset in 0..2 {
        let Ok(prepared) = engine.prepare(&record) else { return };
        engine.apply(&head, offset, prepared);
    }
    let _ = engine.head_bytes(&head);
    let files = engine.build(&head, 0..2).expect("what an engine took can be cut");
    let blocks = open(&files);
    if blocks.is_empty() {
        return;
    }
    let merged = engine.merge(&blocks, &Keep { from_ns: i64::MIN }).expect("what was cut can be merged");
    open(&merged);
}

fn open(files: &[NewFile]) -> Vec<Arc<BlockReader>> {
    files
        .iter()
        .map(|file| {
            let bytes = InMemory::new("fuzz", file.bytes.clone());
            Arc::new(BlockReader::open(Arc::new(bytes)).expect("what was written can be opened"))
        })
        .collect()
}
