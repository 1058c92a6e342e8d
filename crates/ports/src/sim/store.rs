//! An object store in memory, with the faults that real ones have.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;

use crate::Rng;
use crate::object::{PutOutcome, Store, StoreError};
use crate::sim::SeededRng;

/// What one request suffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// 503: nothing happened.
    Unavailable,
    /// The request took effect, its answer was lost.
    Ambiguous,
    /// A read comes back short.
    Truncated,
}

/// Objects under one lock, so that create-if-absent is atomic.
#[derive(Default)]
pub struct SimStore {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Bytes>,
    /// Faults for the next requests, in order.
    script: VecDeque<Option<StoreFault>>,
    /// Faults at random: parts of 1000 requests that fail.
    weather: Option<(SeededRng, u64)>,
    requests: u64,
}

impl SimStore {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn keys(&self) -> Vec<String> {
        self.state.lock().objects.keys().cloned().collect()
    }

    /// Requests served so far, faulty ones included.
    pub fn requests(&self) -> u64 {
        self.state.lock().requests
    }

    /// The next request that the fault can befall suffers it; calls queue up. `None` lets one request through.
    pub fn fail_next(&self, fault: Option<StoreFault>) {
        self.state.lock().script.push_back(fault);
    }

    /// From now on about `per_mille` of 1000 requests fail in some way; 0 ends it.
    pub fn set_weather(&self, seed: u64, per_mille: u64) {
        self.state.lock().weather = (per_mille > 0).then(|| (SeededRng::new(seed), per_mille));
    }

    /// Flips bits of one byte of an object.
    pub fn corrupt(&self, key: &str, position: usize, flip: u8) {
        let mut state = self.state.lock();
        let object = state.objects.get_mut(key).expect("corrupting an object that is there");
        let mut bytes = object.to_vec();
        bytes[position] ^= flip;
        *object = bytes.into();
    }

    /// A copy of everything in it, without the faults: the store that a new process finds.
    pub fn copy(&self) -> Self {
        let objects = self.state.lock().objects.clone();
        Self { state: Mutex::new(State { objects, ..State::default() }) }
    }

    fn request<T>(
        &self,
        key: &str,
        effect: impl FnOnce(&mut BTreeMap<String, Bytes>) -> Result<T, StoreError>,
        truncate: impl FnOnce(T) -> T,
    ) -> Result<T, StoreError> {
        let unavailable =
            |reason: &str| StoreError::Unavailable { key: key.to_owned(), reason: reason.to_owned() };
        let mut state = self.state.lock();
        state.requests += 1;
        match state.next_fault() {
            None => effect(&mut state.objects),
            Some(StoreFault::Unavailable) => Err(unavailable("503 slow down")),
            Some(StoreFault::Ambiguous) => {
                let _ = effect(&mut state.objects);
                Err(unavailable("connection reset before the answer"))
            }
            Some(StoreFault::Truncated) => effect(&mut state.objects).map(truncate),
        }
    }
}

impl State {
    fn next_fault(&mut self) -> Option<StoreFault> {
        if let Some(fault) = self.script.pop_front() {
            return fault;
        }
        let (rng, per_mille) = self.weather.as_ref()?;
        if rng.next_u64() % 1000 >= *per_mille {
            return None;
        }
        let faults = [StoreFault::Unavailable, StoreFault::Ambiguous, StoreFault::Truncated];
        Some(faults[rng.below(3) as usize])
    }
}

fn cut_short(bytes: Bytes) -> Bytes {
    bytes.slice(..bytes.len() / 2)
}

fn missing(key: &str) -> StoreError {
    StoreError::NotFound(key.to_owned())
}

#[async_trait]
impl Store for SimStore {
    async fn put_new(&self, key: &str, bytes: Bytes) -> Result<PutOutcome, StoreError> {
        let effect = |objects: &mut BTreeMap<String, Bytes>| {
            if objects.contains_key(key) {
                return Ok(PutOutcome::Exists);
            }
            objects.insert(key.to_owned(), bytes);
            Ok(PutOutcome::Created)
        };
        self.request(key, effect, |outcome| outcome)
    }

    async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        self.request(key, |objects| objects.get(key).cloned().ok_or_else(|| missing(key)), cut_short)
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let effect = |objects: &mut BTreeMap<String, Bytes>| {
            let bytes = objects.get(key).ok_or_else(|| missing(key))?;
            if range.start > range.end || range.end > bytes.len() as u64 {
                let reason = format!("range {range:?} of {} bytes", bytes.len());
                return Err(StoreError::Refused { key: key.to_owned(), reason });
            }
            Ok(bytes.slice(range.start as usize..range.end as usize))
        };
        self.request(key, effect, cut_short)
    }

    async fn len(&self, key: &str) -> Result<u64, StoreError> {
        let effect = |objects: &mut BTreeMap<String, Bytes>| {
            objects.get(key).map(|bytes| bytes.len() as u64).ok_or_else(|| missing(key))
        };
        self.request(key, effect, |len| len)
    }

    async fn list(&self, prefix: &str, after: &str) -> Result<Vec<String>, StoreError> {
        let effect = |objects: &mut BTreeMap<String, Bytes>| {
            let keys = objects.keys().filter(|key| key.starts_with(prefix) && key.as_str() > after);
            Ok(keys.take(1000).cloned().collect())
        };
        self.request(prefix, effect, |keys| keys)
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let effect = |objects: &mut BTreeMap<String, Bytes>| {
            objects.remove(key);
            Ok(())
        };
        self.request(key, effect, |done| done)
    }
}
