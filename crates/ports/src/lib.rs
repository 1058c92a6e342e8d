//! The seams: everything that touches the world outside the process goes through one of these traits.
//!
//! Each has its real implementation and a simulated one with faults, so that a whole server can be run, crashed and reopened inside a test.
//! Knows no format and no signal. Only the real implementations here may call the functions that `clippy.toml` disallows.

pub mod clock;
pub mod disk;
pub mod journal;
pub mod object;
pub mod rng;
pub mod sim;

pub use clock::Clock;
pub use disk::{Disk, DiskFile};
pub use journal::{Journal, Pending, Record};
pub use object::{PutOutcome, Store, StoreError};
pub use rng::Rng;
