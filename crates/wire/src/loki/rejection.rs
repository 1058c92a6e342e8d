//! Why Loki refuses an entry or a stream, in its words: the texts of answers and the reasons of `loki_discarded_samples_total`.

use std::fmt;

/// A refusal. Streams are named by their label string, times in nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("error at least one label pair is required per stream")]
    MissingLabels,
    #[error("Error parsing labels '{labels}' with error: {error}")]
    InvalidLabels { labels: String, error: String },
    #[error("stream '{stream}' has duplicate label name: '{name}'")]
    DuplicateLabelNames { stream: String, name: String },
    #[error("entry for stream '{stream}' has {count} label names; limit {limit}")]
    MaxLabelNamesPerSeries { stream: String, count: usize, limit: usize },
    #[error("stream '{stream}' has label name too long: '{name}'")]
    LabelNameTooLong { stream: String, name: String },
    #[error("stream '{stream}' has label value too long: '{value}'")]
    LabelValueTooLong { stream: String, value: String },
    #[error(
        "max entry size '{limit}' bytes exceeded for stream '{stream}' while adding an entry with length '{len}' bytes"
    )]
    LineTooLong { stream: String, limit: usize, len: usize },
    #[error(
        "entry for stream '{stream}' has timestamp too old: {}, oldest acceptable timestamp is: {}",
        Rfc3339(*time_ns), Rfc3339(*oldest_ns)
    )]
    GreaterThanMaxSampleAge { stream: String, time_ns: i64, oldest_ns: i64 },
    #[error("entry for stream '{stream}' has timestamp too new: {}", Rfc3339(*time_ns))]
    TooFarInFuture { stream: String, time_ns: i64 },
    #[error(
        "stream '{stream}' has structured metadata too large: '{len}' bytes, limit: '{limit}' bytes. Please see `limits_config.max_structured_metadata_size` or contact your Loki administrator to increase it."
    )]
    StructuredMetadataTooLarge { stream: String, len: usize, limit: usize },
    #[error(
        "stream '{stream}' has too many structured metadata labels: '{count}', limit: '{limit}'. Please see `limits_config.max_structured_metadata_entries_count` or contact your Loki administrator to increase it."
    )]
    StructuredMetadataTooMany { stream: String, count: usize, limit: usize },
    #[error(
        "maximum active stream limit exceeded when trying to create stream {stream}, reduce the number of active streams (reduce labels or reduce label values), or contact your Loki administrator to see if the limit can be increased, user: '{tenant}'"
    )]
    StreamLimit { stream: String, tenant: String },
    #[error(
        "ingestion rate limit exceeded for user {tenant} (limit: {limit} bytes/sec) while attempting to ingest '{lines}' lines totaling '{bytes}' bytes, reduce log volume or contact your Loki administrator to see if the limit can be increased"
    )]
    RateLimited { tenant: String, limit: u64, lines: u64, bytes: u64 },
}

impl Rejection {
    /// The `reason` label of the counters of discarded samples and bytes.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::MissingLabels => "missing_labels",
            Self::InvalidLabels { .. } => "invalid_labels",
            Self::DuplicateLabelNames { .. } => "duplicate_label_names",
            Self::MaxLabelNamesPerSeries { .. } => "max_label_names_per_series",
            Self::LabelNameTooLong { .. } => "label_name_too_long",
            Self::LabelValueTooLong { .. } => "label_value_too_long",
            Self::LineTooLong { .. } => "line_too_long",
            Self::GreaterThanMaxSampleAge { .. } => "greater_than_max_sample_age",
            Self::TooFarInFuture { .. } => "too_far_in_future",
            Self::StructuredMetadataTooLarge { .. } => "structured_metadata_too_large",
            Self::StructuredMetadataTooMany { .. } => "structured_metadata_too_many",
            Self::StreamLimit { .. } => "stream_limit",
            Self::RateLimited { .. } => "rate_limited",
        }
    }

    /// 429 for limits of rate and number of streams, 400 for what is wrong for good.
    pub const fn http_status(&self) -> u16 {
        match self {
            Self::StreamLimit { .. } | Self::RateLimited { .. } => 429,
            _ => 400,
        }
    }
}

/// Whole seconds, UTC: `2006-01-02T15:04:05Z`.
struct Rfc3339(i64);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: i64 = 86_400;
        let seconds = self.0.div_euclid(1_000_000_000);
        let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        // Days since 0000-03-01, in eras of 400 years (Howard Hinnant, chrono-compatible date algorithms).
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}
