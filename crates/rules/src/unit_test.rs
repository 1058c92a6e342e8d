//! Unit tests of rules, as promtool runs them: series in memory, rules on a virtual clock, expected samples and alerts.
//!
//! `file` reads the YAML, `run` plays it. The texts of failures are promtool's.

mod file;
mod run;

pub use file::{AlertCase, ExpectedAlert, ExpectedSample, InputSeries, QueryCase, TestFile, TestGroup};

use crate::file::RuleFile;

/// How tests are run.
#[derive(Clone, Copy, Debug, Default)]
pub struct TestOptions {
    pub promql: promql::Options,
}

/// Runs a group of tests against the rules; the failures, none when it passes.
pub fn run(
    file: &TestFile,
    group: &TestGroup,
    rules: &[(String, RuleFile)],
    options: TestOptions,
) -> Vec<String> {
    run::Run::new(file, group, options).map_or_else(|error| vec![error], |run| run.play(rules))
}
