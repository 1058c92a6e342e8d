//! Metrics of the process under the names that every Prometheus client library uses. Linux tells them in `/proc/self`; elsewhere they are left out.

use std::path::Path;
use std::sync::Arc;

use ports::{Disk, Open};
use telemetry::Registry;

/// Fixed on every Linux that Oriel runs on.
const PAGE_BYTES: f64 = 4096.0;
const TICKS_PER_SECOND: f64 = 100.0;

pub fn register(registry: &Registry, disk: &Arc<dyn Disk>, started_at_ms: i64) {
    let start =
        registry.gauge("process_start_time_seconds", "When the process started, seconds since 1970.", &[]);
    start.set(started_at_ms / 1000);
    if stat(disk).is_none() {
        return;
    }
    let sampled = |name: &str, help: &str, read: fn(&Arc<dyn Disk>) -> Option<f64>| {
        let disk = disk.clone();
        registry.sampled(name, help, &[], move || read(&disk).unwrap_or(f64::NAN));
    };
    sampled("process_resident_memory_bytes", "Resident memory.", |disk| {
        Some(field(&proc_text(disk, "/proc/self/statm")?, 1)? * PAGE_BYTES)
    });
    sampled("process_virtual_memory_bytes", "Virtual memory.", |disk| {
        Some(field(&proc_text(disk, "/proc/self/statm")?, 0)? * PAGE_BYTES)
    });
    sampled("process_cpu_seconds_total", "User and system time of all threads.", |disk| {
        let stat = stat(disk)?;
        Some((field(&stat, 11)? + field(&stat, 12)?) / TICKS_PER_SECOND)
    });
    sampled("process_open_fds", "Open file descriptors.", |disk| {
        Some(disk.list(Path::new("/proc/self/fd")).ok()?.len() as f64)
    });
}

/// `/proc/self/stat` after the command, which is in parentheses and may hold anything.
fn stat(disk: &Arc<dyn Disk>) -> Option<String> {
    let text = proc_text(disk, "/proc/self/stat")?;
    text.rsplit_once(") ").map(|(_, rest)| rest.to_owned())
}

fn field(text: &str, place: usize) -> Option<f64> {
    text.split_ascii_whitespace().nth(place)?.parse().ok()
}

fn proc_text(disk: &Arc<dyn Disk>, path: &str) -> Option<String> {
    let file = disk.open(Path::new(path), Open::Read).ok()?;
    let mut bytes = [0; 1024];
    let len = file.read_at(&mut bytes, 0).ok()?;
    Some(String::from_utf8_lossy(&bytes[..len]).into_owned())
}
