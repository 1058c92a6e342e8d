//! The seams: everything that touches the world outside the process goes through one of these traits.
//!
//! Each has its real implementation and a simulated one with faults, so that a whole server can be run, crashed and reopened inside a test.
//! Knows no format and no signal. Only the real implementations here may call the functions that `clippy.toml` disallows.

pub mod clock;
pub mod disk;
pub mod group;
pub mod journal;
pub mod object;
pub mod real;
pub mod rng;
pub mod sim;
pub mod thread;

pub use clock::Clock;
pub use disk::{Disk, DiskFile, LockGuard, Open};
pub use group::{Group, Owner};
pub use journal::{Damage, Journal, Packed, Pending, Record};
pub use object::{PutOutcome, Store, StoreError};
pub use real::{RealClock, RealDisk, RealRng};
pub use rng::Rng;
