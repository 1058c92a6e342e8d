//! What the spine relies on, checked on the file system that is there.

use super::*;

#[test]
fn files_are_written_read_linked_and_listed() {
    let dir = tempfile::tempdir().unwrap();
    let disk = RealDisk;
    let deep = dir.path().join("a/b");
    disk.create_dir_all(&deep).unwrap();
    disk.create_dir_all(&deep).unwrap();
    let file = disk.open(&deep.join("one"), Open::CreateNew).unwrap();
    file.allocate(4096).unwrap();
    file.write_all_at(b"hello", 10).unwrap();
    file.sync().unwrap();
    assert_eq!(file.len().unwrap(), 4096);
    let mut into = [0; 5];
    assert_eq!(file.read_at(&mut into, 10).unwrap(), 5);
    assert_eq!(&into, b"hello");
    assert_eq!(file.read_at(&mut into, 4096).unwrap(), 0);

    disk.link_new(&deep.join("one"), &deep.join("two")).unwrap();
    let taken = disk.link_new(&deep.join("one"), &deep.join("two")).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
    disk.rename(&deep.join("one"), &deep.join("three")).unwrap();
    disk.sync_dir(&deep).unwrap();
    assert_eq!(disk.list(&deep).unwrap(), ["three", "two"]);
    assert_eq!(disk.list(dir.path()).unwrap(), ["a/"]);
    disk.remove(&deep.join("two")).unwrap();
    assert_eq!(
        disk.open(&deep.join("two"), Open::Read).err().map(|error| error.kind()),
        Some(ErrorKind::NotFound)
    );
    assert!(disk.free_bytes(&deep).unwrap() > 0);
}

#[test]
fn a_lock_has_one_holder() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let held = RealDisk.lock(&path).unwrap();
    assert_eq!(RealDisk.lock(&path).err().map(|error| error.kind()), Some(ErrorKind::WouldBlock));
    drop(held);
    RealDisk.lock(&path).unwrap();
}
