//! Loki's limits on what comes in; the texts are `wire::loki::Rejection`'s. A refused entry is counted and the first reason kept; the rest of the request goes on.
//!
//! Times are judged against the time of receipt, never the clock. On replay nothing is checked: what the journal has was accepted.

use model::Labels;
use wire::loki::{Rejection, print_labels};

use crate::config::Config;

/// Refusals of one request.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    pub(crate) entries: u64,
    pub(crate) first: Option<Rejection>,
    /// Entries by the reason's name in metrics.
    pub(crate) by_reason: Vec<(&'static str, u64)>,
}

impl Refusals {
    pub(crate) fn add(&mut self, entries: u64, reason: Rejection) {
        let name = reason.reason();
        match self.by_reason.iter_mut().find(|(have, _)| *have == name) {
            Some((_, count)) => *count += entries,
            None => self.by_reason.push((name, entries)),
        }
        self.first.get_or_insert(reason);
        self.entries += entries;
    }

    /// What the client is told.
    pub(crate) fn message(&self) -> String {
        self.first.as_ref().map(ToString::to_string).unwrap_or_default()
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
    pub(crate) fn stream(&self, labels: &Labels) -> Result<(), Rejection> {
        let limit = self.config.max_label_names_per_series;
        let count = labels.iter().filter(|(name, _)| *name != "service_name").count();
        if limit > 0 && count > limit {
            return Err(Rejection::MaxLabelNamesPerSeries {
                stream: print_labels(labels.iter()),
                count,
                limit,
            });
        }
        for (name, value) in labels.iter() {
            if self.config.max_label_name_length > 0 && name.len() > self.config.max_label_name_length {
                return Err(Rejection::LabelNameTooLong {
                    stream: print_labels(labels.iter()),
                    name: name.to_owned(),
                });
            }
            if self.config.max_label_value_length > 0 && value.len() > self.config.max_label_value_length {
                let (stream, value) = (print_labels(labels.iter()), value.to_owned());
                return Err(Rejection::LabelValueTooLong { stream, value });
            }
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn entry(
        &self,
        labels: &Labels,
        time_ns: i64,
        line_len: usize,
        metadata: MetadataSize,
        refusals: &mut Refusals,
    ) -> bool {
        let config = self.config;
        let fine = (self.oldest_ns..=self.newest_ns).contains(&time_ns)
            && (line_len <= config.max_line_size || config.max_line_size == 0)
            && (metadata.bytes <= config.max_structured_metadata_size
                || config.max_structured_metadata_size == 0)
            && (metadata.entries <= config.max_structured_metadata_entries_count
                || config.max_structured_metadata_entries_count == 0);
        if !fine {
            refusals.add(1, self.reason(labels, time_ns, line_len, metadata));
        }
        fine
    }

    #[cold]
    fn reason(&self, labels: &Labels, time_ns: i64, line_len: usize, metadata: MetadataSize) -> Rejection {
        let (stream, config) = (print_labels(labels.iter()), self.config);
        if time_ns < self.oldest_ns {
            return Rejection::GreaterThanMaxSampleAge { stream, time_ns, oldest_ns: self.oldest_ns };
        }
        if time_ns > self.newest_ns {
            return Rejection::TooFarInFuture { stream, time_ns };
        }
        if config.max_line_size > 0 && line_len > config.max_line_size {
            return Rejection::LineTooLong { stream, limit: config.max_line_size, len: line_len };
        }
        let limit = config.max_structured_metadata_size;
        if limit > 0 && metadata.bytes > limit {
            return Rejection::StructuredMetadataTooLarge { stream, len: metadata.bytes, limit };
        }
        let limit = config.max_structured_metadata_entries_count;
        Rejection::StructuredMetadataTooMany { stream, count: metadata.entries, limit }
    }
}

/// Structured metadata of one entry, its origin's included.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MetadataSize {
    pub(crate) bytes: usize,
    pub(crate) entries: usize,
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
            assert_eq!(refusals.message(), expect);
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
             `limits_config.max_structured_metadata_entries_count` or contact your Loki administrator to increase it.",
        );
    }
}
