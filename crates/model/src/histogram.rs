//! Native histograms: sparse buckets at exponential or custom bounds, as integers (how they are delivered) and as floats (how they are computed with).
//!
//! An exponential histogram of schema `s` has bucket bounds at powers of `2^(2^-s)`, a zero bucket of a given width, and mirrored negative buckets;
//! a custom one (schema -53, "NHCB") has its own list of upper bounds, shared by reference. Which buckets are populated is told by spans.
//!
//! Invariants: spans and counts of one side belong together (`validate` says so for histograms from outside; every operation here tolerates a
//! mismatch without panic and ignores the surplus). Layouts are shared (`Arc`), counts are owned.
//! Not here: chunk encoding (`metrics`), JSON (`api`), quantiles and fractions of a histogram (`eval`).

mod arithmetic;
mod bounds;
mod bounds_table;
mod buckets;
mod cell;
mod error;
mod float;
mod integer;
mod iterate;
mod reset;
mod text;
mod trim;

#[cfg(test)]
mod tests;

pub use arithmetic::Merged;
pub use bounds::{bound, target_index};
pub use buckets::{Buckets, Span};
pub use cell::{Cell, Kahan};
pub use error::HistogramError;
pub use float::{FloatHistogram, KahanHistogram, SparseHistogram};
pub use integer::Histogram;
pub use iterate::Bucket;

/// Schema number of histograms with custom bounds.
pub const CUSTOM_SCHEMA: i8 = -53;
/// Lowest resolution of the exponential schemas that operations accept.
pub const MIN_SCHEMA: i8 = -4;
/// Highest resolution of the exponential schemas that operations accept.
pub const MAX_SCHEMA: i8 = 8;

/// The value that says "this series ended here"; compare bits, it is a NaN.
pub const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// Whether `value` is the stale marker (and not some other NaN).
#[inline]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_BITS
}

/// What is known about a counter reset between a histogram and the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CounterResetHint {
    #[default]
    Unknown = 0,
    /// There was a reset right before this histogram.
    Reset = 1,
    /// There was none.
    NotReset = 2,
    /// A gauge: resets do not happen.
    Gauge = 3,
}

impl CounterResetHint {
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Unknown, Self::Reset, Self::NotReset, Self::Gauge]
            .into_iter()
            .find(|hint| *hint as u8 == number)
    }
}

/// Whether `schema` is one of the exponential schemas.
pub fn is_exponential(schema: i8) -> bool {
    (MIN_SCHEMA..=MAX_SCHEMA).contains(&schema)
}
