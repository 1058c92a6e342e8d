//! The model must forget what a real disk may forget, and nothing that it may not.

use super::*;

fn disk_with(dir: &str) -> SimDisk {
    let disk = SimDisk::new();
    disk.create_dir_all(Path::new(dir)).unwrap();
    disk
}

fn read(disk: &SimDisk, path: &str) -> Option<Vec<u8>> {
    disk.files().into_iter().find(|(have, _)| have == Path::new(path)).map(|(_, bytes)| bytes)
}

#[test]
fn unsynced_contents_and_names_vanish() {
    let disk = disk_with("/d");
    let file = disk.open(Path::new("/d/a"), Open::CreateNew).unwrap();
    file.write_all_at(b"one", 0).unwrap();
    assert_eq!(read(&disk.crash(Survivors::None), "/d/a"), None);
    disk.sync_dir(Path::new("/d")).unwrap();
    assert_eq!(read(&disk.crash(Survivors::None), "/d/a"), Some(vec![]));
    file.sync().unwrap();
    file.write_all_at(b"two", 3).unwrap();
    assert_eq!(read(&disk.crash(Survivors::None), "/d/a").unwrap(), b"one");
    assert_eq!(read(&disk.crash(Survivors::All), "/d/a").unwrap(), b"onetwo");
}

#[test]
fn a_rename_is_whole_or_not_at_all() {
    let disk = disk_with("/d");
    let file = disk.open(Path::new("/d/a"), Open::CreateNew).unwrap();
    file.write_all_at(b"one", 0).unwrap();
    file.sync().unwrap();
    disk.sync_dir(Path::new("/d")).unwrap();
    disk.rename(Path::new("/d/a"), Path::new("/d/b")).unwrap();
    for seed in 0..32 {
        let after = disk.crash(Survivors::Some(seed));
        assert_eq!(read(&after, "/d/a").is_some(), read(&after, "/d/b").is_none());
    }
}

#[test]
fn big_writes_tear_at_sectors() {
    let disk = disk_with("/d");
    let file = disk.open(Path::new("/d/a"), Open::CreateNew).unwrap();
    disk.sync_dir(Path::new("/d")).unwrap();
    file.set_len(4096).unwrap();
    file.sync().unwrap();
    file.write_all_at(&[7; 4096], 0).unwrap();
    let torn = (0..64)
        .map(|seed| read(&disk.crash(Survivors::Some(seed)), "/d/a").unwrap())
        .filter(|bytes| bytes.contains(&7) && bytes.contains(&0))
        .inspect(|bytes| {
            assert!(bytes.chunks(SECTOR).all(|sector| sector.iter().all(|byte| *byte == sector[0])))
        })
        .count();
    assert!(torn > 5, "{torn} of 64 crashes tore the write");
}

#[test]
fn faults_have_their_errors() {
    let disk = disk_with("/d");
    let file = disk.open(Path::new("/d/a"), Open::CreateNew).unwrap();
    disk.set_capacity(Some(10));
    file.write_all_at(&[1; 10], 0).unwrap();
    assert_eq!(file.write_all_at(&[1; 1], 10).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(disk.free_bytes(Path::new("/d")).unwrap(), 0);
    disk.fail_sync_after(1);
    file.sync().unwrap();
    assert!(file.sync().is_err());
    disk.set_short_reads(true);
    assert_eq!(file.read_at(&mut [0; 8], 0).unwrap(), 4);
    disk.set_read_only(true);
    assert_eq!(file.write_all_at(&[1; 1], 0).unwrap_err().kind(), ErrorKind::ReadOnlyFilesystem);
    assert_eq!(
        disk.open(Path::new("/d/b"), Open::CreateNew).err().map(|error| error.kind()),
        Some(ErrorKind::ReadOnlyFilesystem)
    );
    let held = disk.lock(Path::new("/d/lock")).unwrap();
    assert!(disk.lock(Path::new("/d/lock")).is_err());
    drop(held);
    assert!(disk.lock(Path::new("/d/lock")).is_ok());
}
