//! What a lane tells about itself on `/metrics`.

use telemetry::{Counter, Gauge, Histogram, Registry};

use super::LaneConfig;

#[derive(Clone)]
pub(super) struct LaneMetrics {
    pub refused: Counter,
    pub early_cuts: Counter,
    pub head_bytes: Gauge,
    pub waiting: Gauge,
    pub cuts: Counter,
    pub cut_failures: Counter,
    pub cut_seconds: Histogram,
    pub merges: Counter,
    pub merge_failures: Counter,
    pub merge_seconds: Histogram,
    pub merged_bytes: Counter,
    pub expired_files: Counter,
    pub deleted_files: Counter,
    pub orphans: Counter,
    pub unprepared: Counter,
    pub scrubbed_bytes: Counter,
    pub corruptions: Counter,
    pub files: Gauge,
    pub file_bytes: Gauge,
    pub quarantined: Gauge,
    pub damaged: Gauge,
    pub garbage: Gauge,
    pub next_offset: Gauge,
    pub audit_failures: Counter,
    pub broken_catalogs: Gauge,
}

impl LaneMetrics {
    pub fn new(registry: &Registry, signal: &str, config: &LaneConfig) -> Self {
        let partition = config.partition.to_string();
        let labels = &[("signal", signal), ("partition", partition.as_str())];
        let counter = |name, help| registry.counter(name, help, labels);
        let gauge = |name, help| registry.gauge(name, help, labels);
        let seconds = |name, help| registry.histogram(name, help, labels, Histogram::SECONDS);
        gauge("oriel_lane_heads_waiting_max", "Most heads that may wait to be written.")
            .set(config.heads_max as i64);
        gauge("oriel_lane_head_bytes_max", "Most memory that heads may take.")
            .set(config.head_bytes_max as i64);
        Self {
            refused: counter(
                "oriel_lane_refused_total",
                "Records refused because heads wait or take too much.",
            ),
            early_cuts: counter(
                "oriel_lane_early_cuts_total",
                "Heads cut early because of their memory or a full disk.",
            ),
            head_bytes: gauge("oriel_lane_head_bytes", "Memory that heads take."),
            waiting: gauge("oriel_lane_heads_waiting", "Heads that wait to be written to files."),
            cuts: counter("oriel_lane_cuts_total", "Heads written to files."),
            cut_failures: counter("oriel_lane_cut_failures_total", "Cuts that failed and are tried again."),
            cut_seconds: seconds("oriel_lane_cut_seconds", "Time to build, write and publish a head."),
            merges: counter("oriel_lane_merges_total", "Merges of files."),
            merge_failures: counter("oriel_lane_merge_failures_total", "Merges that failed."),
            merge_seconds: seconds("oriel_lane_merge_seconds", "Time of a merge."),
            merged_bytes: counter("oriel_lane_merged_bytes_total", "Stored bytes read by merges."),
            expired_files: counter("oriel_lane_expired_files_total", "Files that retention let go."),
            deleted_files: counter("oriel_lane_deleted_files_total", "Replaced or expired files deleted."),
            orphans: counter("oriel_lane_orphans_total", "Unpublished files found at start and deleted."),
            unprepared: counter(
                "oriel_lane_unprepared_records_total",
                "Records of the journal that this build could not read; they were kept in quarantine.",
            ),
            scrubbed_bytes: counter("oriel_lane_scrubbed_bytes_total", "Bytes of files read and checked."),
            corruptions: counter(
                "oriel_lane_corruptions_total",
                "Corrupt files found and put in quarantine.",
            ),
            files: gauge("oriel_lane_files", "Live files."),
            file_bytes: gauge("oriel_lane_file_bytes", "Bytes of live files."),
            quarantined: gauge("oriel_lane_quarantined_files", "Live files that must not be read."),
            damaged: gauge("oriel_lane_damaged_records", "Acknowledged records that corruption has cost."),
            garbage: gauge("oriel_lane_garbage_files", "Files that wait to be deleted."),
            next_offset: gauge("oriel_lane_next_offset", "Records before this offset are in files."),
            broken_catalogs: gauge(
                "oriel_lane_broken_catalog_objects",
                "Catalog objects that could not be read at start; the one before was used.",
            ),
            audit_failures: counter(
                "oriel_lane_audit_failures_total",
                "Audits that found a gap, an overlap, or a live file missing.",
            ),
        }
    }
}
