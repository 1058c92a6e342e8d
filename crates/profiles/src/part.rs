//! A part: some profiles of one tenant with the tables that they refer to. A request is a part, a file holds one part per tenant.
//!
//! Profiles name their samples as a range of sample rows; rows lie in memory (of a request) or in row groups of a block.

use std::sync::Arc;

use model::{Labels, SpanId, TraceId};
use wire::pprof::Label;

use crate::symbols::Symbols;

/// Rows of samples, column by column.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    /// Nodes of the trie.
    pub(crate) stacks: Vec<u32>,
    pub(crate) values: Vec<i64>,
    /// Places in `links` plus one; 0: none.
    pub(crate) links: Vec<u32>,
    /// Places in `label_sets` plus one; 0: none.
    pub(crate) label_sets: Vec<u32>,
}

impl Samples {
    pub(crate) fn len(&self) -> usize {
        self.stacks.len()
    }
}

/// One profile of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProfileRow {
    /// Place in `series`.
    pub(crate) series: u32,
    pub(crate) ts_ns: i64,
    pub(crate) duration_ns: i64,
    pub(crate) period: i64,
    pub(crate) total: i64,
    /// Tells a profile that was sent twice from one that is only alike.
    pub(crate) content: u64,
    /// All zero: none.
    pub(crate) id: [u8; 16],
    pub(crate) sample_count: u32,
}

/// What there is: enough to say which profiles a question is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    pub(crate) series: Vec<Arc<Labels>>,
    pub(crate) profiles: Vec<ProfileRow>,
}

/// What samples point into.
#[derive(Clone, Debug, Default)]
pub(crate) struct Details {
    pub(crate) symbols: Symbols,
    pub(crate) links: Vec<(TraceId, SpanId)>,
    /// Strings are places in the symbols' strings.
    pub(crate) label_sets: Vec<Vec<Label>>,
}

/// A part in memory. Samples lie in the order of profiles.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part {
    pub(crate) index: Index,
    pub(crate) details: Details,
    pub(crate) samples: Samples,
}

impl Part {
    /// Memory held, roughly.
    pub(crate) fn bytes(&self) -> usize {
        let symbols = &self.details.symbols;
        let strings: usize = symbols.strings.iter().map(|text| text.len() + 16).sum();
        strings
            + symbols.functions.len() * 24
            + symbols.locations.len() * 80
            + symbols.nodes.len() * 8
            + self.samples.len() * 20
            + self.index.profiles.len() * size_of::<ProfileRow>()
    }
}
