//! Blocks: samples at rest, one container for all tenants of a cut. Format page: `docs/formats/metrics-block.md`.
//!
//! Flow: series sorted by labels, each with its columns ([`writer`]) -> time columns shared ([`times`]), values packed in groups of neighbours
//! ([`group`]: [`floats`], [`histograms`], [`integers`] over byte [`planes`]) -> an index of names, values and postings ([`index`]) -> back
//! ([`reader`], with a [`cache`] of what is dear to unpack).
//!
//! Invariants: a block is a function of what is in it; series are numbered in the order of their labels, so ascending numbers are sorted series.

pub mod cache;
pub mod floats;
pub mod group;
pub mod histograms;
pub mod index;
pub mod index_reader;
pub mod integers;
pub mod planes;
pub mod rare;
pub mod reader;
pub mod times;
pub mod writer;

/// Version of the sections' insides, first byte of GROUPS.
pub const VERSION: u8 = 1;

/// Kinds of sections. Numbers are part of the format: never change them.
pub mod kind {
    /// Names of labels, number of series (id 0).
    pub const NAMES: u16 = 1;
    /// Values of one label (id: number of the name).
    pub const VALUES: u16 = 2;
    /// Series by value of one label (id: number of the name).
    pub const POSTINGS: u16 = 3;
    /// Label sets by number of series (id: chunk).
    pub const LABELS: u16 = 4;
    /// What groups there are (id 0).
    pub const GROUPS: u16 = 5;
    /// Samples (id: group).
    pub const DATA: u16 = 6;
    /// Time columns (id: chunk).
    pub const TIMES: u16 = 7;
    pub const EXEMPLARS: u16 = 8;
    pub const METADATA: u16 = 9;
    /// What was deleted by records of this block.
    pub const DELETIONS: u16 = 10;
    /// Offsets of the journal that are in here (id 0, first tenant).
    pub const ORIGIN: u16 = 11;

    /// A kind as reports show it.
    pub fn name(kind: u16) -> &'static str {
        match kind {
            NAMES => "names",
            VALUES => "values",
            POSTINGS => "postings",
            LABELS => "labels",
            GROUPS => "groups",
            DATA => "data",
            TIMES => "times",
            EXEMPLARS => "exemplars",
            METADATA => "metadata",
            DELETIONS => "deletions",
            ORIGIN => "origin",
            _ => "unknown",
        }
    }
}
