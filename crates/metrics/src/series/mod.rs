//! Series: their labels, their numbers, and the index that finds them.
//!
//! Flow: wire bytes of a label set ([`labels`]) -> a number by the hash of those bytes ([`registry`]) -> labels and postings by number
//! ([`catalog`]) -> from matchers back to numbers ([`select`](mod@select)). Shared by all head generations; blocks have an index of their own with
//! the same selection code.

pub mod catalog;
pub mod labels;
pub mod postings;
pub mod registry;
pub mod select;
pub mod symbols;

pub use catalog::{Catalog, SeriesId};
pub use registry::{Registry, TenantSeries};
