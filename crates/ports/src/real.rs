//! The real world: file system, clocks, randomness. The only place in the product that calls what `clippy.toml` disallows.

mod clock;
mod disk;
mod rng;

pub use clock::RealClock;
pub use disk::RealDisk;
pub use rng::RealRng;
