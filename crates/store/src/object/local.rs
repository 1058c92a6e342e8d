//! Objects as files in a directory tree. An object gets its name by a hard link to a finished, synced file: whole or not at all, once only.

use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use ports::{Disk, DiskFile, Open, PutOutcome, Rng, Store, StoreError};

use crate::file::read_full;

/// Files that are being written; nothing in it matters after a crash.
const UNFINISHED: &str = "tmp";
/// Most keys that one `list` gives.
const PAGE: usize = 1000;

/// The store of a single machine. Its calls block, for as long as the disk takes.
pub struct LocalStore {
    disk: Arc<dyn Disk>,
    rng: Arc<dyn Rng>,
    root: PathBuf,
}

impl LocalStore {
    /// Opens or creates the store under `root`, and clears away what was being written when the process ended.
    pub fn open(root: &Path, disk: Arc<dyn Disk>, rng: Arc<dyn Rng>) -> io::Result<Self> {
        let unfinished = root.join(UNFINISHED);
        disk.create_dir_all(&unfinished)?;
        for name in disk.list(&unfinished)? {
            disk.remove(&unfinished.join(name))?;
        }
        Ok(Self { disk, rng, root: root.to_owned() })
    }

    fn path(&self, key: &str) -> Result<PathBuf, StoreError> {
        let bad = |part: &str| part.is_empty() || part == "." || part == ".." || part.contains('\\');
        if key.split('/').any(bad) || key.split('/').next() == Some(UNFINISHED) {
            return Err(StoreError::Refused { key: key.to_owned(), reason: "bad key".to_owned() });
        }
        Ok(self.root.join(key))
    }

    fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<PutOutcome> {
        if self.disk.open(path, Open::Read).is_ok() {
            return Ok(PutOutcome::Exists);
        }
        let dir = path.parent().ok_or(ErrorKind::InvalidInput)?;
        self.disk.create_dir_all(dir)?;
        let unfinished = self.root.join(UNFINISHED).join(format!("{:016x}", self.rng.next_u64()));
        let outcome = self.write(&unfinished, bytes).and_then(|()| self.disk.link_new(&unfinished, path));
        let removed = match self.disk.remove(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        match outcome {
            Ok(()) => {
                self.disk.sync_dir(dir)?;
                removed?;
                Ok(PutOutcome::Created)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(PutOutcome::Exists),
            Err(error) => Err(error),
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let file = self.disk.open(path, Open::CreateNew)?;
        file.write_all_at(bytes, 0)?;
        file.sync()
    }

    fn read(&self, path: &Path, range: Option<Range<u64>>) -> io::Result<Bytes> {
        let file = self.disk.open(path, Open::Read)?;
        let len = file.len()?;
        let range = range.unwrap_or(0..len);
        if range.start > range.end || range.end > len {
            return Err(io::Error::new(ErrorKind::InvalidInput, format!("range {range:?} of {len} bytes")));
        }
        let mut into = vec![0; (range.end - range.start) as usize];
        if read_full(&*file, &mut into, range.start)? < into.len() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(into.into())
    }

    /// Keys below the directory `dir` (a key that ends in `/`, or nothing), in order.
    fn walk(&self, dir: &str, prefix: &str, after: &str, keys: &mut Vec<String>) -> io::Result<()> {
        let names = match self.disk.list(&self.root.join(dir)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            names => names?,
        };
        for name in names {
            if keys.len() == PAGE {
                break;
            }
            let key = format!("{dir}{name}");
            if dir.is_empty() && name.trim_end_matches('/') == UNFINISHED {
                continue;
            }
            if name.ends_with('/') {
                // Everything below is `key...`: skip what sorts wholly before, or cannot match.
                let matches = key.starts_with(prefix) || prefix.starts_with(&key);
                if matches && (key.as_str() > after || after.starts_with(&key)) {
                    self.walk(&key, prefix, after, keys)?;
                }
            } else if key.starts_with(prefix) && key.as_str() > after {
                keys.push(key);
            }
        }
        Ok(())
    }
}

fn store_error(key: &str, error: io::Error) -> StoreError {
    let (key, reason) = (key.to_owned(), error.to_string());
    match error.kind() {
        ErrorKind::NotFound => StoreError::NotFound(key),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full { key, reason },
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::InvalidInput => {
            StoreError::Refused { key, reason }
        }
        _ => StoreError::Unavailable { key, reason },
    }
}

#[async_trait]
impl Store for LocalStore {
    async fn put_new(&self, key: &str, bytes: Bytes) -> Result<PutOutcome, StoreError> {
        self.put(&self.path(key)?, &bytes).map_err(|error| store_error(key, error))
    }

    async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        self.read(&self.path(key)?, None).map_err(|error| store_error(key, error))
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.read(&self.path(key)?, Some(range)).map_err(|error| store_error(key, error))
    }

    async fn len(&self, key: &str) -> Result<u64, StoreError> {
        let file = self.disk.open(&self.path(key)?, Open::Read);
        file.and_then(|file| file.len()).map_err(|error| store_error(key, error))
    }

    async fn list(&self, prefix: &str, after: &str) -> Result<Vec<String>, StoreError> {
        let dir = prefix.rfind('/').map_or("", |slash| &prefix[..=slash]);
        let mut keys = Vec::new();
        self.walk(dir, prefix, after, &mut keys).map_err(|error| store_error(prefix, error))?;
        Ok(keys)
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let path = self.path(key)?;
        match self.disk.remove(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(store_error(key, error)),
            Ok(()) => match path.parent() {
                Some(dir) => self.disk.sync_dir(dir).map_err(|error| store_error(key, error)),
                None => Ok(()),
            },
        }
    }

    fn open_local(&self, key: &str) -> Option<io::Result<Arc<dyn DiskFile>>> {
        match self.path(key) {
            Ok(path) => Some(self.disk.open(&path, Open::Read)),
            Err(error) => Some(Err(io::Error::new(ErrorKind::InvalidInput, error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use ports::RealDisk;
    use ports::sim::{SeededRng, SimDisk, SimStore, Survivors};

    use super::*;
    use crate::object::{block_on, list_all};

    /// What every store must do.
    fn check_contract(store: &dyn Store) {
        let put = |key: &str, bytes: &'static [u8]| block_on(store.put_new(key, Bytes::from_static(bytes)));
        assert_eq!(put("a/b/1", b"one").unwrap(), PutOutcome::Created);
        assert_eq!(put("a/b/1", b"two").unwrap(), PutOutcome::Exists);
        assert_eq!(block_on(store.get("a/b/1")).unwrap(), "one");
        assert_eq!(block_on(store.get_range("a/b/1", 1..3)).unwrap(), "ne");
        assert!(block_on(store.get_range("a/b/1", 1..9)).is_err());
        assert_eq!(block_on(store.len("a/b/1")).unwrap(), 3);
        assert!(matches!(block_on(store.get("a/b/2")), Err(StoreError::NotFound(_))));
        for key in ["a/b.x", "a/b/2", "a/c/1", "b/1"] {
            put(key, b"x").unwrap();
        }
        assert_eq!(block_on(store.list("a/", "")).unwrap(), ["a/b.x", "a/b/1", "a/b/2", "a/c/1"]);
        assert_eq!(block_on(store.list("a/b/", "a/b/1")).unwrap(), ["a/b/2"]);
        assert_eq!(block_on(store.list("a/b", "a/b/1")).unwrap(), ["a/b/2"]);
        assert_eq!(block_on(store.list("nothing/here/", "")).unwrap(), Vec::<String>::new());
        assert_eq!(list_all(store, "").unwrap().len(), 5);
        block_on(store.delete("a/b/1")).unwrap();
        block_on(store.delete("a/b/1")).unwrap();
        assert_eq!(put("a/b/1", b"again").unwrap(), PutOutcome::Created);
    }

    #[test]
    fn all_stores_keep_the_contract() {
        check_contract(&SimStore::new());
        let rng = Arc::new(SeededRng::new(1));
        check_contract(&LocalStore::open(Path::new("/o"), Arc::new(SimDisk::new()), rng.clone()).unwrap());
        let dir = tempfile::tempdir().unwrap();
        let store = LocalStore::open(dir.path(), Arc::new(RealDisk), rng).unwrap();
        check_contract(&store);
        for key in ["../x", "a//b", "/a", "tmp/x", ""] {
            assert!(matches!(block_on(store.get(key)), Err(StoreError::Refused { .. })), "{key}");
        }
    }

    #[test]
    fn an_object_is_durable_when_put_returns() {
        let disk = SimDisk::new();
        let open = |disk: &SimDisk| {
            LocalStore::open(Path::new("/o"), Arc::new(disk.clone()), Arc::new(SeededRng::new(1))).unwrap()
        };
        block_on(open(&disk).put_new("a/1", Bytes::from_static(&[7; 2000]))).unwrap();
        for changes in 0..disk.changes() {
            for survivors in [Survivors::None, Survivors::All, Survivors::Some(changes as u64)] {
                let after = open(&disk.crash_after(changes, survivors));
                if let Ok(found) = block_on(after.get("a/1")) {
                    assert_eq!(found, vec![7; 2000], "an object is whole or not there");
                }
            }
        }
        assert_eq!(block_on(open(&disk.crash(Survivors::None)).get("a/1")).unwrap().len(), 2000);
        assert_eq!(disk.list(Path::new("/o/tmp")).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_full_disk_says_so_and_leaves_nothing() {
        let disk = SimDisk::new();
        let store =
            LocalStore::open(Path::new("/o"), Arc::new(disk.clone()), Arc::new(SeededRng::new(1))).unwrap();
        disk.set_capacity(Some(100));
        let answer = block_on(store.put_new("a/1", Bytes::from_static(&[7; 2000])));
        assert!(matches!(answer, Err(StoreError::Full { .. })));
        assert_eq!(disk.files(), []);
    }
}
