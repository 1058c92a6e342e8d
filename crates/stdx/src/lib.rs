//! What the standard library could have had: varints, numbers as text and nearest-name suggestions.
//!
//! Stands under every other crate, knows nothing of telemetry, has no dependency. A thing comes here only if `std` could have had it.

pub mod nearest;
pub mod number;
pub mod random;
pub mod varint;
