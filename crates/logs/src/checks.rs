//! Loki's limits on what comes in, with Loki's texts. A refused entry is counted and the first reason kept; the rest of the request goes on.
//!
//! Times are judged against the time of receipt, never the clock. On replay nothing is checked: what the journal has was accepted.

use model::Labels;

use crate::config::Config;

/// Refusals of one request.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    pub(crate) entries: u64,
    pub(crate) first: String,
    /// Whether any was for the number of streams: sending again later may help.
    pub(crate) is_stream_limit: bool,
}

impl Refusals {
    pub(crate) fn add(&mut self, entries: u64, reason: impl FnOnce() -> String) {
        if self.entries == 0 {
            self.first = reason();
        }
        self.entries += entries;
    }
}

/// What entries of one request are judged by.
pub(crate) struct Checks<'a> {
    pub(crate) config: &'a Config,
    oldest_ns: i64,
    newest_ns: i64,
}

impl<'a> Checks<'a> {
    pub(crate) fn new(config: &'a Config, received_at_ms: i64) -> Self {
        let received_ns = received_at_ms.saturating_mul(1_000_000);
        let age = i64::try_from(config.reject_old_samples_max_age.as_nanos()).unwrap_or(i64::MAX);
        let grace = i64::try_from(config.creation_grace_period.as_nanos()).unwrap_or(i64::MAX);
        let oldest_ns = if age == 0 { i64::MIN } else { received_ns.saturating_sub(age) };
        let newest_ns = if grace == 0 { i64::MAX } else { received_ns.saturating_add(grace) };
        Self { config, oldest_ns, newest_ns }
    }

    /// `Err`: the whole stream is refused.
    pub(crate) fn stream(&self, labels: &Labels) -> Result<(), String> {
        let limit = self.config.max_label_names_per_series;
        let names = labels.iter().filter(|(name, _)| *name != "service_name").count();
        if limit > 0 && names > limit {
            return Err(format!(
                "entry for stream '{}' has {names} label names; limit {limit}",
                loki_labels(labels)
            ));
        }
        for (name, value) in labels.iter() {
            if self.config.max_label_name_length > 0 && name.len() > self.config.max_label_name_length {
                return Err(format!("stream '{}' has label name too long: '{name}'", loki_labels(labels)));
            }
            if self.config.max_label_value_length > 0 && value.len() > self.config.max_label_value_length {
                return Err(format!("stream '{}' has label value too long: '{value}'", loki_labels(labels)));
            }
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn entry(
        &self,
        labels: &Labels,
        ts_ns: i64,
        line_len: usize,
        metadata: MetadataSize,
        refusals: &mut Refusals,
    ) -> bool {
        let config = self.config;
        let fine = (self.oldest_ns..=self.newest_ns).contains(&ts_ns)
            && (line_len <= config.max_line_size || config.max_line_size == 0)
            && (metadata.bytes <= config.max_structured_metadata_size
                || config.max_structured_metadata_size == 0)
            && (metadata.entries <= config.max_structured_metadata_entries_count
                || config.max_structured_metadata_entries_count == 0);
        if !fine {
            refusals.add(1, || self.reason(labels, ts_ns, line_len, metadata));
        }
        fine
    }

    #[cold]
    fn reason(&self, labels: &Labels, ts_ns: i64, line_len: usize, metadata: MetadataSize) -> String {
        let (stream, config) = (loki_labels(labels), self.config);
        if ts_ns < self.oldest_ns {
            let (ts, oldest) = (rfc3339(ts_ns), rfc3339(self.oldest_ns));
            return format!(
                "entry for stream '{stream}' has timestamp too old: {ts}, oldest acceptable timestamp is: {oldest}"
            );
        }
        if ts_ns > self.newest_ns {
            return format!("entry for stream '{stream}' has timestamp too new: {}", rfc3339(ts_ns));
        }
        if config.max_line_size > 0 && line_len > config.max_line_size {
            let limit = config.max_line_size;
            return format!(
                "max entry size '{limit}' bytes exceeded for stream '{stream}' while adding an entry with length '{line_len}' bytes"
            );
        }
        let MetadataSize { bytes, entries } = metadata;
        let limit = config.max_structured_metadata_size;
        if limit > 0 && bytes > limit {
            return format!(
                "stream '{stream}' has structured metadata too large: '{bytes}' bytes, limit: '{limit}' bytes. Please see \
                 `limits_config.max_structured_metadata_size` or contact your Loki administrator to increase it"
            );
        }
        let limit = config.max_structured_metadata_entries_count;
        format!(
            "stream '{stream}' has too many structured metadata labels: '{entries}', limit: '{limit}'. Please see \
             `limits_config.max_structured_metadata_entries_count` or contact your Loki administrator to increase it"
        )
    }
}

/// Structured metadata of one entry, its origin's included.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MetadataSize {
    pub(crate) bytes: usize,
    pub(crate) entries: usize,
}

/// `{a="1", b="2"}`, as Loki shows a stream.
pub(crate) fn loki_labels(labels: &Labels) -> String {
    labels.to_string()
}

/// Seconds of RFC 3339 in UTC.
pub(crate) fn rfc3339(ts_ns: i64) -> String {
    let seconds = ts_ns.div_euclid(1_000_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Civil date from days since 1970, Howard Hinnant's algorithm: years begin in March, eras have 400 years.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_loki() {
        let config = Config { max_line_size: 10, ..Config::default() };
        let checks = Checks::new(&config, 1_700_000_000_000);
        let labels = Labels::from_pairs([("app", "a")]);
        let now_ns = 1_700_000_000_000_000_000;
        let check = |ts_ns: i64, line_len: usize, metadata: MetadataSize, expect: &str| {
            let mut refusals = Refusals::default();
            assert_eq!(checks.entry(&labels, ts_ns, line_len, metadata, &mut refusals), expect.is_empty());
            assert_eq!(refusals.first, expect);
        };
        let none = MetadataSize::default();
        check(now_ns, 10, none, "");
        check(
            0,
            1,
            none,
            "entry for stream '{app=\"a\"}' has timestamp too old: 1970-01-01T00:00:00Z, oldest acceptable timestamp is: 2023-11-07T22:13:20Z",
        );
        check(
            now_ns + 601_000_000_000,
            1,
            none,
            "entry for stream '{app=\"a\"}' has timestamp too new: 2023-11-14T22:23:21Z",
        );
        check(
            now_ns,
            11,
            none,
            "max entry size '10' bytes exceeded for stream '{app=\"a\"}' while adding an entry with length '11' bytes",
        );
        check(
            now_ns,
            1,
            MetadataSize { bytes: 1, entries: 129 },
            "stream '{app=\"a\"}' has too many structured metadata labels: '129', limit: '128'. Please see \
             `limits_config.max_structured_metadata_entries_count` or contact your Loki administrator to increase it",
        );
    }

    #[test]
    fn dates_are_civil() {
        assert_eq!(rfc3339(951_782_400_000_000_000), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59Z");
    }
}
