//! PromQL evaluation: a typed tree becomes columns over a grid of steps, read through the small [`Source`] trait.
//!
//! `query` plans ([`plan`]) and evaluates ([`evaluator`]). What can be computed series by series is a [`pipeline`] that threads run side by side and that
//! aggregations fold while it runs; the rest works on frames of rows ([`grid`]). Memory is counted ([`budget`]), annotations are collected
//! ([`annotations`]), and everything is deterministic: results do not depend on the number of threads.
//!
//! [`memory`] is a store for test scripts and unit tests of rules.
//!
//! Knows no block, no head and no API shape: stores implement [`source`], doors encode the results.

mod aggregate;
mod annotations;
mod binary;
mod budget;
mod calendar;
mod error;
mod evaluator;
mod explain;
mod functions;
mod grid;
pub mod memory;
mod parallel;
mod pipeline;
mod plan;
mod query;
mod range;
mod rows;
mod select;
mod smooth;
pub mod source;
mod windows;

pub use annotations::{Annotations, Level};
pub use budget::Bounds;
pub use error::EvalError;
pub use explain::{OperatorStats, StatsClock};
pub use functions::classic::almost_equal;
pub use grid::Sample;
pub use query::{MatrixSeries, Options, Query, QueryOutput, QueryTime, QueryValue, VectorElement, evaluate};
pub use source::{Columns, SelectHints, Selection, Source, SourceError};
