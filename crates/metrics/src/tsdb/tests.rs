use std::path::Path;
use std::sync::Arc;

use model::Matcher;
use ports::sim::SeededRng;
use ports::{Disk, Open};

use super::*;
use crate::tests::{NOW, World, committed, named, read, run, scope, write};

fn wal_record(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut record = vec![kind];
    record.extend_from_slice(body);
    let mut out = vec![1];
    out.extend_from_slice(&(record.len() as u16).to_be_bytes());
    out.extend_from_slice(&crc32c::crc32c(&record).to_be_bytes());
    out.extend_from_slice(&record);
    out
}

fn import_into(
    world: &World,
    disk: &Arc<dyn Disk>,
    dir: &Path,
) -> Result<(Arc<crate::MetricStore>, ImportReport), TsdbError> {
    let store = world.open();
    let tenant = model::TenantId::anonymous();
    let report = committed(&store, import(&store, disk, dir, &tenant, NOW))?;
    Ok((store, report))
}

fn exported() -> (Arc<dyn Disk>, Vec<String>, String, tempfile::TempDir) {
    let source = World::new().open();
    let many: Vec<(i64, f64)> = (0..500).map(|i| (NOW + i * 15_000 - 10_000_000, i as f64 / 3.0)).collect();
    write(&source, &[("__name__", "up"), ("job", "a")], &many).unwrap();
    write(&source, &[("__name__", "up"), ("job", "b")], &[(NOW, -0.0), (NOW + 1, f64::INFINITY)]).unwrap();
    let disk: Arc<dyn Disk> = Arc::new(ports::RealDisk);
    let out = tempfile::tempdir().unwrap();
    let scope = scope(i64::MIN, i64::MAX);
    let block = export(&source, &scope, &named("up"), &disk, out.path(), NOW, &SeededRng::new(1));
    let block = block.unwrap().unwrap();
    assert_eq!((block.series, block.samples, block.chunks), (2, 502, 6));
    (disk, read(&source, &named("up")), block.ulid, out)
}

#[test]
fn what_is_exported_can_be_imported() {
    let (disk, want, ulid, out) = exported();
    for dir in [out.path().to_owned(), out.path().join(ulid)] {
        let (store, report) = import_into(&World::new(), &disk, &dir).unwrap();
        assert_eq!((report.blocks, report.samples, report.rejected), (1, 502, 0));
        assert_eq!(read(&store, &named("up")), want);
        run(store.close()).unwrap();
    }
}

#[test]
fn damaged_files_are_named() {
    let (disk, _, ulid, out) = exported();
    for (name, place) in [("index", 20), ("chunks/000001", 30), ("meta.json", 0), ("tombstones", 4)] {
        let file = disk.open(&out.path().join(&ulid).join(name), Open::Write).unwrap();
        let mut byte = [0];
        file.read_at(&mut byte, place).unwrap();
        file.write_all_at(&[byte[0] ^ 0x14], place).unwrap();
        let error = import_into(&World::new(), &disk, out.path()).err().map(|error| error.to_string());
        assert!(error.as_ref().is_some_and(|error| error.contains(name)), "{name}: {error:?}");
        file.write_all_at(&byte, place).unwrap();
    }
    let nothing =
        import_into(&World::new(), &disk, &out.path().join(&ulid).join("chunks")).err().unwrap().to_string();
    assert!(nothing.contains("neither a block nor a data directory"), "{nothing}");
}

#[test]
fn a_write_ahead_log_is_read_to_its_torn_end() {
    let disk: Arc<dyn Disk> = Arc::new(ports::RealDisk);
    let out = tempfile::tempdir().unwrap();
    let wal = out.path().join("wal");
    disk.create_dir_all(&wal).unwrap();
    let mut series = 7u64.to_be_bytes().to_vec();
    series.extend_from_slice(b"\x02\x08__name__\x02up\x03job\x01a");
    let mut samples = [7u64.to_be_bytes(), (NOW as u64).to_be_bytes()].concat();
    for (change, value) in [(0u8, 1.0f64), (20, 2.0)] {
        samples.extend_from_slice(&[0, change]);
        samples.extend_from_slice(&value.to_bits().to_be_bytes());
    }
    let mut segment = wal_record(1, &series);
    segment.extend_from_slice(&wal_record(2, &samples));
    segment.extend_from_slice(&wal_record(2, &samples)[..20]);
    write_file(&disk, &wal.join("00000000"), &segment).unwrap();
    let (store, report) = import_into(&World::new(), &disk, out.path()).unwrap();
    assert_eq!((report.blocks, report.samples), (0, 2));
    assert_eq!(read(&store, &[Matcher::equal("job", "a")]), [r#"{__name__="up", job="a"} 1.0@0 2.0@10"#]);
    run(store.close()).unwrap();
    write_file(&disk, &wal.join("00000001"), &wal_record(1, &series)).unwrap();
    let torn = import_into(&World::new(), &disk, out.path()).err().unwrap().to_string();
    assert!(torn.contains("00000000 is malformed: a record is torn"), "{torn}");
}
