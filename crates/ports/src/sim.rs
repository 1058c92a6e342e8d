//! The simulated world: a clock that moves when told, seeded randomness, a disk that forgets, a store that misbehaves, a journal in memory.
//!
//! Everything is deterministic: the same calls in the same order give the same answers and the same faults.

mod clock;
mod disk;
mod journal;
mod rng;
mod store;

pub use clock::SimClock;
pub use disk::{SimDisk, Survivors};
pub use journal::MemoryJournal;
pub use rng::SeededRng;
pub use store::{SimStore, StoreFault};
