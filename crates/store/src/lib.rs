//! The spine that all four signals share: journal -> head -> cut -> block file -> catalog -> compaction -> retention, and a scrubber over all.
//!
//! A signal plugs in as a [`SignalEngine`]; a [`Lane`](lane) carries its records. Only this crate knows files and the object store.
//! It knows no signal's schema and no wire format.

pub mod container;
pub mod engine;

pub use container::{BlockReader, BlockWriter, Codec, RangeRead, SectionKey};
pub use engine::{FileSummary, NewFile, SignalEngine};
