//! The catalog: which files are live, and up to which offset they hold the journal. One per (signal, partition).
//! Format page: `docs/formats/catalog.md`.
//!
//! ```text
//! catalog/{signal}/{partition}/{number:020}            the whole state, written once, never changed
//! catalog-boundary/{signal}/{partition}/{number:020}   numbers up to this one are spent for ever
//! ```
//!
//! A commit creates the next number; whoever creates it has committed. After an answer that was lost the object is read back and its nonce
//! compared. Old numbers are deleted only below a boundary that was written first, and a writer looks at the boundary after it commits, so
//! that a writer which slept cannot bring a spent number back to life. The state of the number before stays complete too (journal and
//! files are let go one commit late), so that a newest object that is broken costs nothing.

mod format;
mod state;

use std::sync::Arc;

use bytes::Bytes;
use model::Signal;
use ports::{PutOutcome, Rng, Store, StoreError};

use crate::object::{block_on, list_all, retried};

pub use format::{CatalogError, VERSION};
pub use state::{CatalogState, FileEntry, Garbage, Quarantined, Span};

/// Numbers that stay behind the newest.
const KEPT_NUMBERS: u64 = 8;
/// Old numbers are deleted when there are this many more.
const SPENT_NUMBERS: u64 = 8;
/// Attempts at one commit whose answers are lost or unavailable.
const COMMIT_ATTEMPTS: usize = 5;

/// The writer's side of one catalog.
pub struct Catalog {
    store: Arc<dyn Store>,
    rng: Arc<dyn Rng>,
    prefix: String,
    boundary_prefix: String,
    number: u64,
    state: CatalogState,
    /// The state one number before: complete as well.
    previous: CatalogState,
    /// Numbers that could not be read when this was opened.
    broken: Vec<u64>,
    oldest: u64,
}

impl Catalog {
    /// Reads the newest state; an empty one if there is none. Blocking.
    pub fn open(
        store: Arc<dyn Store>,
        rng: Arc<dyn Rng>,
        signal: Signal,
        partition: u32,
    ) -> Result<Self, CatalogError> {
        let prefix = format!("catalog/{signal}/{partition}/");
        let boundary_prefix = format!("catalog-boundary/{signal}/{partition}/");
        let spent = numbers(&*store, &boundary_prefix)?.last().copied().unwrap_or(0);
        let mut found = numbers(&*store, &prefix)?;
        found.retain(|number| *number > spent);
        let number = found.last().copied().unwrap_or(spent);
        let oldest = found.first().copied().unwrap_or(number + 1);
        let mut catalog = Self {
            store,
            rng,
            prefix,
            boundary_prefix,
            number,
            state: CatalogState::default(),
            previous: CatalogState::default(),
            broken: Vec::new(),
            oldest,
        };
        let mut readable = Vec::new();
        for number in found.iter().rev() {
            match catalog.load(*number) {
                Ok(state) => readable.push(state),
                Err(CatalogError::Corrupt { key, reason }) => {
                    tracing::error!(key, reason, "catalog object is corrupt; falling back to the one before");
                    catalog.broken.push(*number);
                }
                Err(error) => return Err(error),
            }
            if readable.len() == 2 {
                break;
            }
        }
        // Before number 1 there was nothing, and nothing has been let go of since.
        let since_ever = spent == 0 && matches!(catalog.broken.as_slice(), [] | [1]);
        if readable.is_empty() && !since_ever {
            return Err(CatalogError::Lost { prefix: catalog.prefix });
        }
        let mut readable = readable.into_iter();
        catalog.state = readable.next().unwrap_or_default();
        catalog.previous = readable.next().unwrap_or_else(|| catalog.state.clone());
        Ok(catalog)
    }

    pub fn state(&self) -> &CatalogState {
        &self.state
    }

    /// The number of the newest commit; 0 before the first.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The state that a reopening would fall back to.
    pub fn previous(&self) -> &CatalogState {
        &self.previous
    }

    /// Numbers that were there but could not be read.
    pub fn broken(&self) -> &[u64] {
        &self.broken
    }

    /// Makes `next` the state. Blocking. After [`CatalogError::Fenced`] this catalog must not be used again.
    pub fn commit(&mut self, next: CatalogState) -> Result<(), CatalogError> {
        next.check().map_err(CatalogError::Inconsistent)?;
        let number = self.number + 1;
        let key = self.key(number);
        let nonce = self.rng.next_u64();
        let bytes = Bytes::from(format::encode(&next, nonce));
        self.create(&key, nonce, &bytes)?;
        if self.spent()? >= number {
            return Err(CatalogError::Fenced { key, reason: "its number was spent long ago".to_owned() });
        }
        self.number = number;
        self.previous = std::mem::replace(&mut self.state, next);
        Ok(())
    }

    fn create(&self, key: &str, nonce: u64, bytes: &Bytes) -> Result<(), CatalogError> {
        let mut failure = None;
        for _ in 0..COMMIT_ATTEMPTS {
            match block_on(self.store.put_new(key, bytes.clone())) {
                Ok(PutOutcome::Created) => return Ok(()),
                // Perhaps our own earlier attempt, whose answer was lost.
                Ok(PutOutcome::Exists) => match retried(|| block_on(self.store.get(key))) {
                    Ok(found) if found == *bytes || format::nonce(&found) == Some(nonce) => return Ok(()),
                    // A short read looks like another's object; only a whole one may fence us.
                    Ok(found) if format::decode(key, &found).is_ok() => {
                        let reason = "another process has committed".to_owned();
                        return Err(CatalogError::Fenced { key: key.to_owned(), reason });
                    }
                    Ok(_) => {
                        let reason = "unreadable after a lost answer".to_owned();
                        failure = Some(StoreError::Unavailable { key: key.to_owned(), reason });
                    }
                    Err(error) => failure = Some(error),
                },
                Err(error @ StoreError::Unavailable { .. }) => failure = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        Err(failure.map_or_else(
            || CatalogError::Corrupt { key: key.to_owned(), reason: "no attempt was made".to_owned() },
            CatalogError::Store,
        ))
    }

    /// Deletes old numbers, boundary first. Blocking; failing half-way does no harm.
    pub fn collect(&mut self) -> Result<(), CatalogError> {
        if self.number < self.oldest + KEPT_NUMBERS + SPENT_NUMBERS {
            return Ok(());
        }
        let boundary = self.number - KEPT_NUMBERS;
        let key = format!("{}{boundary:020}", self.boundary_prefix);
        retried(|| block_on(self.store.put_new(&key, Bytes::from_static(b"spent\n"))))?;
        for number in numbers(&*self.store, &self.prefix)? {
            if number <= boundary {
                retried(|| block_on(self.store.delete(&self.key(number))))?;
            }
        }
        for number in numbers(&*self.store, &self.boundary_prefix)? {
            if number < boundary {
                let key = format!("{}{number:020}", self.boundary_prefix);
                retried(|| block_on(self.store.delete(&key)))?;
            }
        }
        self.oldest = boundary + 1;
        Ok(())
    }

    fn key(&self, number: u64) -> String {
        format!("{}{number:020}", self.prefix)
    }

    fn spent(&self) -> Result<u64, CatalogError> {
        Ok(numbers(&*self.store, &self.boundary_prefix)?.last().copied().unwrap_or(0))
    }

    fn load(&self, number: u64) -> Result<CatalogState, CatalogError> {
        let key = self.key(number);
        // A read that comes short is not corruption: look again before believing it.
        let mut answer = Err(CatalogError::Corrupt { key: key.clone(), reason: "not read".to_owned() });
        for _ in 0..3 {
            answer = format::decode(&key, &retried(|| block_on(self.store.get(&key)))?);
            if !matches!(answer, Err(CatalogError::Corrupt { .. })) {
                break;
            }
        }
        answer
    }
}

/// The numbers under a prefix, ascending.
fn numbers(store: &dyn Store, prefix: &str) -> Result<Vec<u64>, StoreError> {
    let keys = list_all(store, prefix)?;
    Ok(keys.iter().filter_map(|key| key.strip_prefix(prefix)?.parse().ok()).collect())
}

/// For the fuzz target.
pub(crate) fn decode_untrusted(bytes: &[u8]) -> Result<CatalogState, CatalogError> {
    format::decode("untrusted", bytes)
}

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) fn golden_bytes(state: &CatalogState, nonce: u64) -> Vec<u8> {
    format::encode(state, nonce)
}

#[cfg(test)]
pub(crate) fn golden_state(bytes: &[u8]) -> CatalogState {
    format::decode("golden", bytes).unwrap()
}
