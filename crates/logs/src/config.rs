//! How the store behaves: Loki's limits under Loki's names. Every bound has its default here.

use std::time::Duration;

/// `limits` of the log store. Zero lifts a limit unless its field says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Longest line in bytes (`max_line_size`); longer ones are refused.
    pub max_line_size: usize,
    /// Labels per stream.
    pub max_label_names_per_series: usize,
    pub max_label_name_length: usize,
    pub max_label_value_length: usize,
    /// Older entries are refused (`reject_old_samples_max_age`).
    pub reject_old_samples_max_age: Duration,
    /// How far ahead of the time of receipt an entry may be (`creation_grace_period`).
    pub creation_grace_period: Duration,
    /// Names and values of one entry's structured metadata together, in bytes.
    pub max_structured_metadata_size: usize,
    pub max_structured_metadata_entries_count: usize,
    /// Streams of one tenant since the last cut (`max_global_streams_per_user`).
    pub max_global_streams_per_user: usize,
    /// Attribute sets (resource and scope) per tenant that are remembered as parsed. Not a limit on what is taken.
    pub resource_cache_entries: usize,
    /// zstd level of fresh blocks.
    pub level_build: i32,
    /// zstd level of merged blocks.
    pub level_merge: i32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_line_size: 256 << 10,
            max_label_names_per_series: 15,
            max_label_name_length: 1024,
            max_label_value_length: 2048,
            reject_old_samples_max_age: Duration::from_secs(7 * 24 * 3600),
            creation_grace_period: Duration::from_secs(10 * 60),
            max_structured_metadata_size: 64 << 10,
            max_structured_metadata_entries_count: 128,
            max_global_streams_per_user: 100_000,
            resource_cache_entries: 10_000,
            level_build: 1,
            level_merge: 3,
        }
    }
}
