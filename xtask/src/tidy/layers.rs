//! Arrows point down only. One table says which crate stands on which floor.

use std::path::Path;

use anyhow::{Context, Result};

/// From the ground up. A crate may depend on crates of lower floors only; crates of one floor are siblings that do not know each other,
/// but for the pairs in `SAME_FLOOR`.
const FLOORS: &[&[&str]] = &[
    &["stdx"],
    &["model"],
    &["ports", "wire", "limits", "telemetry", "yaml"],
    &["store", "pipeline", "promql", "logql", "traceql", "ottl", "eval"],
    &[
        "metrics",
        "logs",
        "traces",
        "profiles",
        "scrape",
        "receivers",
        "processors",
        "connectors",
        "exporters",
    ],
    &["query", "rules", "alerting", "slo"],
    &["api", "ui", "config", "cluster"],
    &["oriel"],
];

/// (who, on whom): the languages share one evaluator, the graph knows its queues.
const SAME_FLOOR: &[(&str, &str)] = &[
    ("eval", "promql"),
    ("eval", "logql"),
    ("wire", "telemetry"),
    ("ports", "telemetry"),
    ("api", "ui"),
    ("config", "api"),
];

/// Beside the house: for building, testing and measuring it. They may use every floor; no floor may use them
/// (but `oriel`, which carries the demo's generator).
const BESIDE: &[&str] = &["demo", "testkit", "conformance", "sim", "bench", "fuzz"];

/// Names of all crates below `crates/`, sorted.
pub fn crates(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root.join("crates")).context("no folder `crates`")? {
        let path = entry?.path();
        if path.join("Cargo.toml").exists() {
            names.push(path.file_name().expect("an entry has a name").to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

pub fn check(root: &Path) -> Result<Vec<String>> {
    let names = crates(root)?;
    let mut wrong = Vec::new();
    for name in &names {
        let manifest = std::fs::read_to_string(root.join(format!("crates/{name}/Cargo.toml")))?;
        if floor(name).is_none() && !BESIDE.contains(&name.as_str()) {
            wrong.push(format!("crates/{name}: give it a floor in xtask/src/tidy/layers.rs"));
        }
        for used in dependencies(&manifest).filter(|used| names.iter().any(|have| have == used)) {
            if !may_use(name, used) {
                wrong.push(format!("crates/{name}: must not depend on `{used}`: arrows point down only (docs/ARCHITECTURE.md)"));
            }
        }
    }
    Ok(wrong)
}

fn floor(name: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&name))
}

fn may_use(name: &str, used: &str) -> bool {
    if BESIDE.contains(&name) {
        return true;
    }
    if BESIDE.contains(&used) {
        return name == "oriel" && used == "demo";
    }
    match (floor(name), floor(used)) {
        (Some(above), Some(below)) => above > below || SAME_FLOOR.contains(&(name, used)),
        _ => false,
    }
}

/// Names under `[dependencies]`; what tests use is free.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    manifest.lines().filter_map(move |line| {
        if line.starts_with('[') {
            inside = line == "[dependencies]";
            return None;
        }
        let name = line.split(['.', '=', ' ']).next().unwrap_or("");
        (inside && !name.is_empty() && !name.starts_with('#')).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_point_down_only() {
        assert!(may_use("store", "model") && may_use("eval", "promql") && may_use("oriel", "demo"));
        assert!(!may_use("model", "store") && !may_use("logs", "metrics") && !may_use("promql", "eval"));
        assert!(!may_use("api", "testkit") && may_use("bench", "oriel"));
    }

    #[test]
    fn only_real_dependencies_count() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\nmodel.workspace = true\nstdx = { path = \"y\" }\n[dev-dependencies]\ntestkit.workspace = true\n";
        assert_eq!(dependencies(manifest).collect::<Vec<_>>(), ["model", "stdx"]);
    }
}
