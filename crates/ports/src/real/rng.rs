//! Randomness seeded by the operating system.

use std::hash::{BuildHasher, RandomState};

use crate::Rng;
use crate::sim::SeededRng;

/// A SplitMix64 whose seed comes from the operating system (through the standard library's hash keys).
#[derive(Debug)]
pub struct RealRng(SeededRng);

impl RealRng {
    pub fn new() -> Self {
        Self(SeededRng::new(RandomState::new().hash_one("oriel")))
    }
}

impl Default for RealRng {
    fn default() -> Self {
        Self::new()
    }
}

impl Rng for RealRng {
    fn next_u64(&self) -> u64 {
        self.0.next_u64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sources_differ() {
        assert_ne!(RealRng::new().next_u64(), RealRng::new().next_u64());
    }
}
