//! The object store: blocks and catalogs as immutable objects, in a directory or in a bucket, behind `ports::Store`.
//!
//! Reading a block is blocking: local objects are read in place, remote ones by waiting for the async client from the blocking thread.
//! [`put_checked`] is how every block is written: create if absent, and an answer that was lost is looked up before anybody worries.

#[cfg(feature = "cloud")]
mod cloud;
mod local;
mod wait;

use std::io::{self, ErrorKind};
use std::sync::Arc;

use bytes::Bytes;
use ports::{PutOutcome, Rng, Store, StoreError};

use crate::container::RangeRead;
use crate::file::read_full;

#[cfg(feature = "cloud")]
pub use cloud::CloudStore;
pub use local::LocalStore;
pub use wait::block_on;

/// Attempts at one request before its error is passed on; waiting between attempts is up to the caller or the client behind the trait.
const ATTEMPTS: usize = 3;

/// A block that lies in an object store.
pub(crate) struct ObjectRange {
    store: Arc<dyn Store>,
    key: String,
    len: u64,
}

impl ObjectRange {
    pub fn new(store: Arc<dyn Store>, key: String, len: u64) -> Self {
        Self { store, key, len }
    }

    fn read_local(&self, position: u64, len: usize) -> Option<io::Result<Bytes>> {
        // The file is opened for each read: a few microseconds, and no bound on open files to think of.
        let file = self.store.open_local(&self.key)?;
        Some(file.and_then(|file| {
            let mut into = vec![0; len];
            match read_full(&*file, &mut into, position)? {
                read if read == len => Ok(into.into()),
                _ => Err(ErrorKind::UnexpectedEof.into()),
            }
        }))
    }
}

impl RangeRead for ObjectRange {
    fn name(&self) -> &str {
        &self.key
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn read(&self, position: u64, len: usize) -> io::Result<Bytes> {
        let end = position.checked_add(len as u64).filter(|end| *end <= self.len);
        let end = end.ok_or(ErrorKind::UnexpectedEof)?;
        if let Some(local) = self.read_local(position, len) {
            return local;
        }
        let mut failure = None;
        for _ in 0..ATTEMPTS {
            match block_on(self.store.get_range(&self.key, position..end)) {
                Ok(bytes) if bytes.len() == len => return Ok(bytes),
                Ok(bytes) => {
                    // The range lies within the object: the answer was cut off on its way.
                    let reason = format!("{} of {len} bytes came", bytes.len());
                    failure = Some(io::Error::new(ErrorKind::TimedOut, reason));
                }
                Err(error @ StoreError::Unavailable { .. }) => failure = Some(io_error(error)),
                Err(error) => return Err(io_error(error)),
            }
        }
        Err(failure.unwrap_or_else(|| ErrorKind::Other.into()))
    }
}

/// As an `io::Error` of the nearest kind.
pub(crate) fn io_error(error: StoreError) -> io::Error {
    let kind = match &error {
        StoreError::NotFound(_) => ErrorKind::NotFound,
        StoreError::Unavailable { .. } => ErrorKind::TimedOut,
        StoreError::Full { .. } => ErrorKind::StorageFull,
        StoreError::Refused { .. } => ErrorKind::PermissionDenied,
    };
    io::Error::new(kind, error)
}

/// Writes an object whose name says its content. An object of that name with other bytes is a broken leftover and is replaced.
pub(crate) fn put_checked(store: &dyn Store, key: &str, bytes: &Bytes) -> Result<(), StoreError> {
    let mut failure = None;
    for _ in 0..ATTEMPTS {
        match block_on(store.put_new(key, bytes.clone())) {
            Ok(PutOutcome::Created) => return Ok(()),
            Ok(PutOutcome::Exists) => match block_on(store.get(key)) {
                Ok(found) if found == *bytes => return Ok(()),
                Ok(found) => {
                    // Names hold a hash of the content: whoever wrote this meant our bytes and did not succeed.
                    tracing::warn!(key, found = found.len(), "replacing a broken leftover");
                    block_on(store.delete(key))?;
                }
                Err(error) => failure = Some(error),
            },
            Err(error @ StoreError::Unavailable { .. }) => failure = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(failure.unwrap_or_else(|| StoreError::Unavailable {
        key: key.to_owned(),
        reason: "the object kept changing".to_owned(),
    }))
}

/// All keys under a prefix, in order.
pub(crate) fn list_all(store: &dyn Store, prefix: &str) -> Result<Vec<String>, StoreError> {
    let mut keys: Vec<String> = Vec::new();
    loop {
        let after = keys.last().cloned().unwrap_or_default();
        let page = retried(|| block_on(store.list(prefix, &after)))?;
        if page.is_empty() {
            return Ok(keys);
        }
        keys.extend(page);
    }
}

/// Tries a request that may be repeated a few times while the store is unavailable.
pub(crate) fn retried<T>(mut request: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    for _ in 1..ATTEMPTS {
        match request() {
            Err(StoreError::Unavailable { .. }) => {}
            answer => return answer,
        }
    }
    request()
}

/// Makes sure at start-up that a store has what everything rests on: of two writers of one key exactly one wins, and a third is told.
/// Blocking.
pub fn probe(store: &dyn Store, rng: &dyn Rng) -> Result<(), StoreError> {
    let key = format!("probe/{:016x}", rng.next_u64());
    let bodies = [Bytes::from_static(b"one"), Bytes::from_static(b"two")];
    let outcomes = std::thread::scope(|scope| {
        let racers = bodies.clone().map(|body| scope.spawn(|| block_on(store.put_new(&key, body))));
        racers.map(|racer| racer.join().expect("a request does not panic"))
    });
    let broken = |reason: &str| StoreError::Refused { key: key.clone(), reason: reason.to_owned() };
    let mut winner = None;
    for (outcome, body) in outcomes.into_iter().zip(&bodies) {
        if outcome? == PutOutcome::Created && winner.replace(body).is_some() {
            return Err(broken("the store let two writers create one object: it has no conditional put"));
        }
    }
    let found = retried(|| block_on(store.get(&key)))?;
    let third = retried(|| block_on(store.put_new(&key, Bytes::from_static(b"three"))))?;
    retried(|| block_on(store.delete(&key)))?;
    // No winner: the answer of the one who won was lost and asked for again. Then what is there must be one of the two.
    if third != PutOutcome::Exists || !winner.map_or(bodies.contains(&found), |winner| *winner == found) {
        return Err(broken("the store overwrites objects that exist: it has no conditional put"));
    }
    Ok(())
}
