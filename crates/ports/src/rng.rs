//! Randomness, as the product may have it: nonces, jitter, ids.

/// The only source of randomness. Not for keys and secrets.
pub trait Rng: Send + Sync + 'static {
    fn next_u64(&self) -> u64;
}
