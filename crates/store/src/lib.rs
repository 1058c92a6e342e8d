//! The spine that all four signals share: journal -> head -> cut -> block file -> catalog -> compaction -> retention, and a scrubber over all.
//!
//! A signal plugs in as a [`SignalEngine`]; a [`Lane`] carries its records. Only this crate knows files and the object store.
//! It knows no signal's schema and no wire format.

pub mod block;
pub mod cache;
pub mod catalog;
pub mod column;
pub mod container;
pub mod engine;
mod file;
pub mod fuzz;
pub mod journal;
pub mod lane;
pub mod object;

pub use block::BlockHandle;
pub use container::{BlockReader, BlockWriter, Codec, ContainerError, RangeRead, SectionKey};
pub use engine::{FileSummary, Keep, NewFile, SignalEngine};
pub use lane::{AppendError, Deps, Lane, LaneConfig, LaneStatus, ScrubReport, Snapshot, StoreError};

#[cfg(test)]
mod golden;
