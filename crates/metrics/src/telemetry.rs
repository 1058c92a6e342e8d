//! What the metrics store tells of itself on `/metrics`: its bounds, and how full they are. The lane under it tells of journal, heads and files.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use ::telemetry::Registry;

use crate::store::MetricStore;

/// Registers readings; they end with the store.
pub fn register(store: &Arc<MetricStore>, registry: &Registry) {
    let read = |name: &str, help: &str, read: fn(&MetricStore) -> f64| {
        let store: Weak<MetricStore> = Arc::downgrade(store);
        registry.sampled(name, help, &[], move || store.upgrade().map_or(0.0, |store| read(&store)));
    };
    read("oriel_metrics_active_series", "Series that heads know, all tenants.", |store| {
        store.lane().engine().registry.active_series() as f64
    });
    read("oriel_metrics_active_series_limit", "Most active series of a tenant; 0: no limit.", |store| {
        store.config().limits.max_active_series as f64
    });
    read("oriel_metrics_registry_bytes", "Memory of labels and index of active series.", |store| {
        store.lane().engine().registry.bytes() as f64
    });
    read("oriel_metrics_memory_soft_limit_bytes", "Above it new series are refused; 0: no limit.", |store| {
        store.config().memory_soft_bytes as f64
    });
    read("oriel_metrics_memory_hard_limit_bytes", "Above it writes are refused; 0: no limit.", |store| {
        store.config().memory_hard_bytes as f64
    });
    read("oriel_metrics_block_cache_bytes", "Unpacked sections of blocks kept in memory.", |store| {
        store.lane().engine().cache.bytes() as f64
    });
    read("oriel_metrics_block_cache_limit_bytes", "Most bytes of the cache of unpacked sections.", |_| {
        crate::block::cache::Cache::LIMIT_BYTES as f64
    });
    register_counts(&read);
}

fn register_counts(read: &impl Fn(&str, &str, fn(&MetricStore) -> f64)) {
    read("oriel_metrics_samples_appended", "Samples taken since the start.", |store| {
        store.lane().engine().counts.samples_appended.load(Ordering::Relaxed) as f64
    });
    read("oriel_metrics_samples_late", "Samples that came out of order, inside the window.", |store| {
        store.lane().engine().counts.samples_late.load(Ordering::Relaxed) as f64
    });
    read("oriel_metrics_samples_rejected", "Samples refused since the start.", |store| {
        store.lane().engine().counts.samples_rejected.load(Ordering::Relaxed) as f64
    });
    read("oriel_metrics_series_created", "Series that became active since the start.", |store| {
        store.lane().engine().registry.created.load(Ordering::Relaxed) as f64
    });
    read("oriel_metrics_series_dropped", "Series that were forgotten since the start.", |store| {
        store.lane().engine().registry.dropped.load(Ordering::Relaxed) as f64
    });
    read("oriel_metrics_block_cache_hits", "Sections found in the cache since the start.", |store| {
        store.lane().engine().cache.hits.load(Ordering::Relaxed) as f64
    });
    read("oriel_metrics_block_cache_misses", "Sections unpacked since the start.", |store| {
        store.lane().engine().cache.misses.load(Ordering::Relaxed) as f64
    });
}
