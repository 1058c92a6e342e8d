//! What the functions of the language compute, by the shape of their input.
//!
//! - [`rate`], [`extended`], [`over_time`], [`sliding`], [`regression`]: windows over the samples of one series, one series at a time.
//! - [`elementwise`]: one sample in, at most one out.
//! - [`classic`], [`native`], [`quantiles`]: histograms; those of many series need all rows of a frame.
//! - [`labels`], [`sort`], [`info`]: label sets, order, joins.
//!
//! A function over windows gets a [`Context`] for what it wants to say about the series.

pub mod classic;
pub mod elementwise;
pub mod extended;
pub mod info;
pub mod labels;
pub mod native;
pub mod over_time;
pub mod quantiles;
pub mod rate;
pub mod regression;
pub mod sliding;
pub mod sort;

use crate::annotations::{Annotations, Note};
use model::Labels;
use promql::Span;

/// Where a kernel puts its annotations, and what about.
pub struct Context<'a> {
    pub labels: &'a Labels,
    pub notes: &'a mut Annotations,
    /// Place of the argument in the query.
    pub span: Span,
}

impl<'a> Context<'a> {
    pub fn name(&self) -> &'a str {
        self.labels.metric_name()
    }

    pub fn note(&mut self, note: Note<'_>) {
        self.notes.add(note, self.span);
    }
}
