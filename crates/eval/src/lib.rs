//! PromQL evaluation: a typed tree becomes columns over a grid of steps, read through the small [`Source`] trait.
//!
//! Knows no block, no head and no API shape: stores implement [`source`], doors encode the results.

pub mod source;

pub use source::{Columns, SelectHints, Selection, Source, SourceError};
