//! The block format does not change behind our backs, and damaged blocks are told from good ones.

use std::sync::Arc;

use model::histogram::{Buckets, Histogram, Span};
use model::sample::{Metadata, MetricKind, NativeHistogram};
use store::container::InMemory;
use store::{BlockReader, Keep, SignalEngine};
use wire::series_batch::SeriesBatchBuilder;

use super::*;
use crate::TimeRange;
use crate::block::cache::Cache;
use crate::block::reader::TenantBlock;
use crate::delete::Deletion;
use crate::engine::MetricsEngine;

/// Every kind of section and of column.
fn sample_batch() -> Bytes {
    let mut batch = SeriesBatchBuilder::new();
    let metadata = Metadata { kind: MetricKind::Gauge, help: "h".into(), unit: "s".into() };
    batch.metadata("m", &metadata);
    let columns: [(&str, fn(i64) -> f64); 6] = [
        ("constant", |_| 4.25),
        ("decimal", |i| (i * i) as f64 / 100.0),
        ("few", |i| [1.0 / 3.0, 2.0 / 3.0][i as usize % 2]),
        ("raw", |i| (i as f64).sin()),
        ("whole", |i| (i * 37) as f64),
        ("xor", |i| f64::from_bits(0x3ff5_5555_5555_0000 + i as u64)),
    ];
    for (name, value) in columns {
        batch.series([("__name__", "m"), ("kind", name)]);
        (0..40).for_each(|i| batch.float(NOW + i * 15_000, 0, value(i)));
    }
    batch.series([("__name__", "m"), ("kind", "mixed")]);
    let histogram = |count: i64| {
        NativeHistogram::Integer(Arc::new(Histogram {
            schema: 3,
            zero_threshold: 0.001,
            zero_count: 1,
            count: count as u64 + 1,
            sum: 1.5,
            positive: Buckets::new([Span { offset: -2, length: 1 }], vec![count]),
            ..Histogram::default()
        }))
    };
    batch.histogram(NOW, NOW - 60_000, &histogram(3));
    batch.histogram(NOW + 1, NOW - 60_000, &histogram(4));
    batch.float(NOW + 2, 0, f64::from_bits(0x7ff0_0000_0000_0002));
    batch.exemplar([("trace_id", "abc")], NOW, 0.25);
    batch.finish()
}

fn sample_block() -> Vec<u8> {
    let engine = MetricsEngine::new(World::new().config, 99);
    let head = engine.new_head();
    let body = sample_batch();
    let parsed = crate::ingest::body::scan(Format::SeriesBatch, &body, &engine.config).unwrap();
    let tenant = TenantId::anonymous();
    let resolved = engine.prepare_live(&tenant, parsed, NOW + 600_000, false, false);
    assert!(resolved.verdict.is_clean(), "{}", resolved.verdict.message());
    engine.apply(&head, 7, resolved.prepared);
    let deletion = Deletion { matchers: named("gone"), range: TimeRange { from_ms: 0, to_ms: NOW } };
    engine.apply(&head, 8, engine.prepare_deletion(&tenant, deletion));
    let mut files = engine.build(&head, 7..9).unwrap();
    assert_eq!(files.len(), 1);
    files.remove(0).bytes
}

#[test]
fn blocks_of_version_1_say_what_they_said() {
    let block = sample_block();
    if let Ok(path) = std::env::var("ORIEL_BLESS_METRICS_BLOCK") {
        ports::Disk::open(&ports::RealDisk, path.as_ref(), ports::Open::CreateNew)
            .unwrap()
            .write_all_at(&block, 0)
            .unwrap();
    }
    // What zstd makes of a section may change with its version; what the section says may not.
    let golden = include_bytes!("golden-v1.blk").to_vec();
    assert_eq!(tell(golden).unwrap(), tell(block).unwrap(), "format changed: raise VERSION, keep reading 1");
}

/// Everything that a block says, as text.
fn tell(block: Vec<u8>) -> Result<String, store::ContainerError> {
    use std::fmt::Write;
    let reader = Arc::new(BlockReader::open(Arc::new(InMemory::new("b", block)))?);
    let mut text = format!("{:?}\n", crate::block::reader::origin(&reader)?);
    let cache = Arc::new(Cache::new(1 << 20));
    let Some(block) = TenantBlock::open(reader, &TenantId::anonymous(), cache)? else { return Ok(text) };
    let index = block.index()?;
    let mut scratch = Default::default();
    for series in 0..index.names.series {
        let mut key = Vec::new();
        index.put_key(series, &mut key)?;
        let labels = crate::series::labels::labels_of_key(&key);
        let columns = block.read(series, TimeRange::ALL, &mut scratch)?;
        let bits: Vec<u64> = columns.values.iter().map(|value| value.to_bits()).collect();
        let (t, start, histograms) = (&columns.t_ms, &columns.start_ms, &columns.histograms);
        writeln!(text, "{labels} {t:?} {bits:x?} {start:?} {histograms:?}").unwrap();
    }
    write!(text, "{:?} {:?} {:?}", block.exemplars()?, block.metadata()?, block.deletions()?).unwrap();
    Ok(text)
}

#[test]
fn a_flipped_bit_is_found_or_harmless() {
    let (block, whole) = (sample_block(), tell(sample_block()).unwrap());
    for place in 0..block.len() {
        let mut bad = block.clone();
        bad[place] ^= 1 << (place % 8);
        if let Ok(text) = tell(bad) {
            assert_eq!(text, whole, "byte {place}");
        }
    }
}

#[test]
fn a_merge_of_one_says_the_same() {
    let engine = MetricsEngine::new(World::new().config, 5);
    let block = sample_block();
    let reader = Arc::new(BlockReader::open(Arc::new(InMemory::new("b", block.clone()))).unwrap());
    let merged = engine.merge(std::slice::from_ref(&reader), &Keep { from_ns: i64::MIN }).unwrap();
    assert_eq!(tell(merged[0].bytes.clone()).unwrap(), tell(block).unwrap());
    let twice = engine.merge(&[reader.clone(), reader], &Keep { from_ns: i64::MIN }).unwrap();
    assert_eq!(twice[0].bytes, merged[0].bytes);
}

#[test]
fn a_foreign_version_is_refused() {
    let mut out = store::BlockWriter::new(Signal::Metrics);
    let tenant = out.tenant(&TenantId::anonymous());
    let key = store::SectionKey { tenant, kind: crate::block::kind::GROUPS, id: 0 };
    out.add(key, &[9], store::Codec::None, 0);
    let error = tell(out.finish()).unwrap_err();
    assert!(matches!(error, store::ContainerError::Newer { version: 9, .. }), "{error}");
}
