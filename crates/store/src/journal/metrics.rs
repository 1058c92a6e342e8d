//! What a journal tells about itself on `/metrics`.

use telemetry::{Counter, Gauge, Histogram, Registry};

#[derive(Clone)]
pub(super) struct JournalMetrics {
    pub records: Counter,
    pub bytes: Counter,
    pub refused: Counter,
    pub refusing: Gauge,
    pub queue_bytes: Gauge,
    pub queue_records: Gauge,
    pub commit_seconds: Histogram,
    pub damaged_records: Counter,
    pub corruptions: Counter,
}

impl JournalMetrics {
    pub fn new(registry: &Registry, signal: &str, partition: &str) -> Self {
        let labels = &[("signal", signal), ("partition", partition)];
        Self {
            records: registry.counter("oriel_journal_records_total", "Records made durable.", labels),
            bytes: registry.counter("oriel_journal_bytes_total", "Bytes written to the journal.", labels),
            refused: registry.counter(
                "oriel_journal_refused_total",
                "Records refused because the journal's queue was full.",
                labels,
            ),
            refusing: registry.gauge(
                "oriel_journal_refusing",
                "1 while the journal takes no records, as the disk is full or read-only.",
                labels,
            ),
            queue_bytes: registry.gauge(
                "oriel_journal_queue_bytes",
                "Bytes of records that wait for the next commit.",
                labels,
            ),
            queue_records: registry.gauge(
                "oriel_journal_queue_records",
                "Records that wait for the next commit.",
                labels,
            ),
            commit_seconds: registry.histogram(
                "oriel_journal_commit_seconds",
                "Time of one group commit: one write and one fdatasync.",
                labels,
                Histogram::SECONDS,
            ),
            damaged_records: registry.counter(
                "oriel_journal_damaged_records_total",
                "Acknowledged records that could not be read back.",
                labels,
            ),
            corruptions: registry.counter(
                "oriel_journal_corruptions_total",
                "Corrupt places found in journal segments; the segments were kept in quarantine.",
                labels,
            ),
        }
    }
}
