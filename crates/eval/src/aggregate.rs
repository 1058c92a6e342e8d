//! Aggregations: groups of series by labels, folded into one row each ([`fold`]), or ranked and sampled step by step ([`rank`], [`values`]).
//!
//! Folds take row after row as they are computed, so that the rows of `sum by (job) (rate(...))` never exist all at once. The order of rows within a group
//! is that of the selection, whatever thread computed them: results do not depend on how work was divided.

pub mod fold;
pub mod grouping;
mod histograms;
pub mod mean;
pub mod rank;
pub mod values;

pub use fold::{Accumulator, FoldKind};
pub use grouping::{Grouping, Groups};
