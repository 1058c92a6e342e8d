//! Golden files: what version 1 of each format looks like, byte for byte, for ever.
//!
//! A test that finds no file writes it; then it is looked at and committed. A file that exists is never written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use model::{Compression, Format, Signal, TenantId};
use ports::{Damage, Disk, Open, RealDisk, Record};

use crate::catalog::{CatalogState, FileEntry, Garbage, Quarantined, Span, golden_bytes, golden_state};
use crate::container::{BlockReader, BlockWriter, Codec, InMemory, SectionKey};
use crate::engine::FileSummary;
use crate::journal::golden_segment;

fn check(name: &str, written: &[u8]) -> Vec<u8> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    match RealDisk.open(&path, Open::CreateNew) {
        Ok(file) => {
            file.write_all_at(written, 0).unwrap();
            panic!("{} is new: look at it and commit it", path.display());
        }
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists, "{error}"),
    }
    let file = RealDisk.open(&path, Open::Read).unwrap();
    let mut golden = vec![0; file.len().unwrap() as usize];
    crate::file::read_full(&*file, &mut golden, 0).unwrap();
    assert!(golden == written, "{name}: the format has changed without a new version");
    golden
}

#[test]
fn a_segment_is_what_it_was() {
    let record = |number: i64, text: &str| Record {
        tenant: TenantId::new("team-a").unwrap(),
        format: Format::OtlpProto,
        compression: Compression::None,
        received_at_ms: 1_760_000_000_000 + number,
        plain_len: text.len() as u32,
        payload: Bytes::copy_from_slice(text.as_bytes()),
    };
    let records = [record(0, "hello"), record(1, "world"), record(2, "")];
    let (written, read) = golden_segment(Signal::Logs, 7, &records);
    let golden = check("journal-v1.seg", &written);
    assert_eq!(read(&Bytes::from(golden)), (100..103).zip(records).collect::<Vec<_>>());
}

#[test]
fn a_block_is_what_it_was() {
    let mut writer = BlockWriter::new(Signal::Traces);
    let (one, two) = (writer.tenant(&TenantId::anonymous()), writer.tenant(&TenantId::new("b").unwrap()));
    let keys =
        [(one, 1, 0), (one, 1, 300), (two, 2, 0)].map(|(tenant, kind, id)| SectionKey { tenant, kind, id });
    let plain: [&[u8]; 3] = [b"first", b"", &[7; 64]];
    for (key, plain) in keys.iter().zip(plain) {
        writer.add(*key, plain, Codec::None, 0);
    }
    let golden = check("block-v1.blk", &writer.finish());
    let reader = BlockReader::open(Arc::new(InMemory::new("golden", golden))).unwrap();
    assert_eq!(reader.keys(), keys);
    for (key, plain) in keys.iter().zip(plain) {
        assert_eq!(reader.require(*key).unwrap(), plain);
    }
}

#[test]
fn a_catalog_is_what_it_was() {
    let summary = FileSummary {
        min_ns: -1,
        max_ns: 1_760_000_000_000_000_000,
        items: 3,
        tenants: vec![TenantId::anonymous()],
    };
    let file = FileEntry { name: "blocks/logs/0/0-a.blk".to_owned(), len: 4096, summary };
    let state = CatalogState {
        next_offset: 12,
        spans: vec![
            Span { offsets: 5..10, level: 1, window_ms: 1_760_000_000_000, files: vec![file] },
            Span { offsets: 10..12, level: 0, window_ms: 1_760_003_600_000, files: vec![] },
        ],
        garbage: vec![Garbage { name: "blocks/logs/0/0-b.blk".to_owned(), dropped_in: 41 }],
        quarantined: vec![Quarantined {
            name: "blocks/logs/0/0-a.blk".to_owned(),
            reason: "flip".to_owned(),
        }],
        damage: vec![Damage { offsets: 6..7, reason: "record checksum mismatch".to_owned() }],
    };
    let golden = check("catalog-v1.cat", &golden_bytes(&state, 0x1122_3344_5566_7788));
    assert_eq!(golden_state(&golden), state);
}
