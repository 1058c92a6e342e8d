//! The profile store: what a profile becomes between a door and a flame graph.
//!
//! Flow: a request (OTLP or pprof with its labels) becomes a `part`: profiles by series and time, samples that point into a stack trie, and symbol tables
//! (`prepare`) -> the `head` holds parts -> a cut interns the parts of a head into one part and writes it (`build`, `block`) -> a merge does the same
//! with the parts of files -> queries read parts of heads and files through one snapshot (`store`) and add up stacks (`tree`).
//!
//! Invariants: tenant is part of every key; an answer is exact or an error; equal symbols of one file are stored once; a series is a label set with the
//! profile type in it. Not here: API shapes (`api`), pprof itself (`wire`), the journal and files (`store`).

mod block;
pub mod config;
pub mod engine;
mod head;
mod part;
mod prepare;
pub mod profile_type;
pub mod query;
mod store;
mod symbols;
mod tree;
pub mod upload;
mod write;

#[cfg(test)]
mod tests;

pub use config::Config;
pub use engine::ProfileEngine;
pub use profile_type::ProfileType;
pub use query::{ProfileQuery, ProfileSummary, QueryError, SeriesPoints, SeriesQuery};
pub use store::ProfileStore;
pub use tree::{Tree, TreeNode};
pub use upload::PprofUpload;

/// Merged profiles of a snapshot that no lane holds: for measuring programs.
#[doc(hidden)]
pub mod store_for_measuring {
    use ::store::Snapshot;

    use crate::store::{OpenBlocks, View};
    use crate::{ProfileEngine, ProfileQuery, QueryError, Tree};

    pub fn merged(snapshot: &Snapshot<ProfileEngine>, query: &ProfileQuery) -> Result<Tree, QueryError> {
        View::new(snapshot, &OpenBlocks::default(), &query.tenant)?.merged(query)
    }
}
