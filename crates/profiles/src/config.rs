//! How the store behaves: limits under the names that Pyroscope gives them. Zero lifts a limit. Every bound has its default here.

use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Labels per series, without those whose names begin with two underscores.
    pub max_label_names_per_series: usize,
    pub max_label_name_length: usize,
    pub max_label_value_length: usize,
    /// Frames per stack; of deeper stacks the frames next to the leaf stay, as Pyroscope has it.
    pub max_profile_stacktrace_depth: usize,
    /// Samples per profile.
    pub max_profile_stacktrace_samples: usize,
    /// Older profiles are refused; off by default, so that files from earlier can be uploaded.
    pub reject_older_than: Duration,
    /// Profiles further in the future are refused.
    pub reject_newer_than: Duration,
    /// zstd level of blocks.
    pub zstd_level: i32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_label_names_per_series: 30,
            max_label_name_length: 1024,
            max_label_value_length: 2048,
            max_profile_stacktrace_depth: 1000,
            max_profile_stacktrace_samples: 1_000_000,
            reject_older_than: Duration::ZERO,
            reject_newer_than: Duration::from_secs(600),
            zstd_level: 3,
        }
    }
}
