//! `status/*`: build, process and head.

use metrics::Cardinality;
use serde_json::{Value, json};

use super::envelope::{Remarks, success};
use crate::answer::Answer;
use crate::doors::{Ask, Doors};
use crate::refusal::Refusal;

/// What Prometheus a client may take this for: data sources choose features by it.
const PROMETHEUS_VERSION: &str = "3.14.0";
const TSDB_LIMIT_DEFAULT: usize = 10;
const TSDB_LIMIT_MAX: usize = 10_000;

fn data(value: &Value) -> Answer {
    success(&Remarks::default(), |out| out.extend_from_slice(value.to_string().as_bytes()))
}

pub fn build_info(doors: &Doors, _: &Ask) -> Result<Answer, Refusal> {
    let build = &doors.build;
    Ok(data(&json!({
        "version": PROMETHEUS_VERSION,
        "revision": build.revision,
        "branch": build.branch,
        "buildUser": format!("oriel {}", build.version),
        "buildDate": "",
        "goVersion": "",
        "features": {},
    })))
}

pub fn runtime_info(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let stats = doors.stores.metrics.stats();
    Ok(data(&json!({
        "startTime": rfc3339(doors.started_at_ms),
        "serverTime": rfc3339(ask.now_ms),
        "reloadConfigSuccess": true,
        "lastConfigTime": rfc3339(doors.started_at_ms),
        "timeSeriesCount": stats.active_series,
        "corruptionCount": 0,
        "goroutineCount": 0,
        "GOMAXPROCS": std::thread::available_parallelism().map_or(1, usize::from),
        "GOMEMLIMIT": doors.intake.guard().budget_bytes(),
        "GOGC": "",
        "GODEBUG": "",
        "storageRetention": "",
    })))
}

pub fn tsdb(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    let bad = || Refusal::bad(format!("limit must be a positive number up to {TSDB_LIMIT_MAX}"));
    let limit = match ask.params.get("limit") {
        None => TSDB_LIMIT_DEFAULT,
        Some(text) => {
            text.parse().ok().filter(|limit| (1..=TSDB_LIMIT_MAX).contains(limit)).ok_or_else(bad)?
        }
    };
    let found: Cardinality = doors.stores.metrics.cardinality(&ask.tenant, limit);
    let list = |items: &[(String, u64)]| {
        items.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect::<Vec<_>>()
    };
    Ok(data(&json!({
        "headStats": {
            "numSeries": found.series,
            "numLabelPairs": found.label_pairs,
            "chunkCount": found.chunks,
            "minTime": found.min_ms,
            "maxTime": found.max_ms,
        },
        "seriesCountByMetricName": list(&found.series_by_metric),
        "labelValueCountByLabelName": list(&found.values_by_label),
        "memoryInBytesByLabelName": list(&found.bytes_by_label),
        "seriesCountByLabelValuePair": list(&found.series_by_pair),
    })))
}

fn rfc3339(t_ms: i64) -> String {
    crate::times::to_rfc3339(t_ms)
}
