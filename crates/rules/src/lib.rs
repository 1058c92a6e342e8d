//! Rules: files of Prometheus's format to checked structs, and the templates in their labels and annotations.
//!
//! `file` reads and checks (`oriel check rules`, start-up, reload); `template` is Go's template language with Prometheus's
//! functions, parsed when a file is checked and run when an alert fires; `run` is what a rule does at one time; `unit_test`
//! plays promtool's unit tests on a virtual clock. Pure: time and queries are arguments. Not here: the schedule of groups on
//! a server, and what becomes of alerts.

pub mod file;
pub mod run;
pub mod template;
pub mod unit_test;

pub use file::{NameScheme, ReadOptions, Rule, RuleFile, RuleGroup, RuleKind, RulesError, duplicates, read};
