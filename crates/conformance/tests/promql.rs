//! The PromQL scripts of Prometheus, all of them.

/// Evaluations that pass. May only go up.
const PASSING: usize = 1776;

#[test]
fn scripts_pass() {
    let folder = conformance::cases("promql");
    if !folder.is_dir() {
        eprintln!("the PromQL scripts are absent: no folder {}; nothing was checked", folder.display());
        return;
    }
    let report = conformance::promql::run(&[folder]).expect("the scripts can be read");
    let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert!(report.passed >= PASSING, "only {} passed:\n{}", report.passed, failures.join("\n"));
}
