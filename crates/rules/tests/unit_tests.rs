//! promtool's unit-test files of the conformance data pass or fail as promtool says.

use std::path::PathBuf;

use rules::unit_test::{TestFile, TestOptions, run};
use rules::{ReadOptions, read};

fn folder() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance");
    PathBuf::from(std::env::var("ORIEL_CONFORMANCE").unwrap_or_else(|_| beside.to_owned())).join("promtool")
}

#[expect(clippy::disallowed_methods, reason = "test data, read once")]
fn text(name: &str) -> Option<String> {
    std::fs::read_to_string(folder().join(name)).ok()
}

/// Failures of all tests of a file, or why it cannot run.
fn failures(name: &str, ignore_unknown_fields: bool) -> Option<Vec<String>> {
    let text_of_test = text(name)?;
    let file = match TestFile::read(&text_of_test, ignore_unknown_fields) {
        Ok(file) => file,
        Err(error) => return Some(vec![error.to_string()]),
    };
    let mut rules = Vec::new();
    for path in &file.rule_files {
        let options = ReadOptions { ignore_unknown_fields, ..ReadOptions::default() };
        match read(&text(path)?, options) {
            Ok(rule_file) => rules.push((path.clone(), rule_file)),
            Err(errors) => return Some(errors.iter().map(ToString::to_string).collect()),
        }
    }
    Some(file.tests.iter().flat_map(|group| run(&file, group, &rules, TestOptions::default())).collect())
}

#[test]
fn files_pass_as_in_promtool() {
    for name in [
        "unittest.yml",
        "long-period.yml",
        "start-time-test.yml",
        "at-modifier-test.yml",
        "negative-offset-test.yml",
        "no-test-group-interval.yml",
    ] {
        let Some(failures) = failures(name, false) else { return };
        assert!(failures.is_empty(), "{name}: {}", failures.join("\n"));
    }
    let Some(failures) = failures("rules_run_extrafields.yml", true) else { return };
    assert!(failures.is_empty(), "{failures:?}");
}

#[test]
fn files_fail_as_in_promtool() {
    let check = |name: &str, expect: &[&str]| {
        let Some(failures) = failures(name, false) else { return };
        let all = failures.join("\n");
        assert!(!failures.is_empty(), "{name} passed");
        expect.iter().for_each(|part| assert!(all.contains(part), "{name} lacks {part:?}:\n{all}"));
    };
    check(
        "failing.yml",
        &[
            "    expr: \"test\", time: 0s,\n        exp: {__name__=\"test\"} 1E+00\n        got: {__name__=\"test\"} 0E+00",
            "    name: Failing alert test,\n    alertname: InstanceDown, time: 5m, \n        exp:[], \n        got:[\n                0:\n                  Labels:{alertname=\"InstanceDown\", job=\"test\", severity=\"page\"}",
            "alertname: AlwaysFiring",
        ],
    );
    check("bad-input-series.yml", &["1:48: parse error: unexpected character inside braces: '0'"]);
    check("bad-promql.yml", &["expr: \"join_1 + on(a) join_2\", time: 0s, err: "]);
    check("bad-rules-error-test.yml", &["    rule: joined, time: 0s, err: "]);
    check(
        "bad-rules-syntax-test.yml",
        &["could not parse expression: 1:7: parse error: unexpected end of input"],
    );
    check("rules_run_fuzzy.yml", &["2.9999999999999987E+00"]);
    check("rules_run_no_fuzzy.yml", &["2.9999999999999996E+00"]);
    check("rules_run.yml", &["exp: {__name__=\"test\"} 1E+00"]);
    check("rules_run_extrafields.yml", &["field"]);
}
