//! Our own metrics: what was taken and refused, and how full each bound is.

use std::sync::{Arc, Weak};

use telemetry::{Counter, Registry};

use crate::blocks::OPEN_BYTES_MAX;
use crate::checks::Refusals;
use crate::config::Config;
use crate::store::LogStore;

pub(crate) struct Metrics {
    entries: Counter,
    line_bytes: Counter,
    registry: Registry,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry, config: &Config) -> Self {
        let bound = |name: &str, help: &str, value: usize| registry.gauge(name, help, &[]).set(value as i64);
        bound(
            "oriel_logs_open_blocks_bytes_max",
            "Most memory of tables of blocks that stay open.",
            OPEN_BYTES_MAX,
        );
        bound(
            "oriel_logs_known_origins_max",
            "Most resources and scopes per tenant that are remembered as parsed.",
            config.resource_cache_entries,
        );
        bound(
            "oriel_logs_active_streams_max",
            "Most streams per tenant since the last cut; 0: no bound.",
            config.max_global_streams_per_user,
        );
        Self {
            entries: registry.counter("oriel_logs_entries_total", "Entries taken.", &[]),
            line_bytes: registry.counter("oriel_logs_line_bytes_total", "Bytes of lines taken.", &[]),
            registry: registry.clone(),
        }
    }

    /// Gauges that are read from the store when somebody looks.
    pub(crate) fn watch(&self, store: &Arc<LogStore>) {
        let sampled = |name: &str, help: &str, read: fn(&LogStore) -> usize| {
            let store: Weak<LogStore> = Arc::downgrade(store);
            let sample = move || store.upgrade().map_or(0.0, |store| read(&store) as f64);
            self.registry.sampled(name, help, &[], sample);
        };
        sampled(
            "oriel_logs_open_blocks_bytes",
            "Memory of tables of blocks that stay open.",
            LogStore::open_blocks_bytes,
        );
        sampled("oriel_logs_known_origins", "Resources and scopes that are remembered as parsed.", |store| {
            store.lane().engine().origins().len()
        });
        sampled("oriel_logs_active_streams", "Streams since the last cut.", |store| {
            store.lane().engine().origins().streams()
        });
    }

    pub(crate) fn took(&self, entries: u64, line_bytes: u64) {
        self.entries.add(entries);
        self.line_bytes.add(line_bytes);
    }

    pub(crate) fn refused(&self, refusals: &Refusals) {
        for (reason, entries) in &refusals.by_reason {
            let help = "Entries refused, by Loki's name of the reason.";
            self.registry
                .counter("oriel_logs_discarded_entries_total", help, &[("reason", reason)])
                .add(*entries);
        }
    }
}
