//! Rules: files of Prometheus's format to checked structs, and the templates in their labels and annotations.
//!
//! `file` reads and checks (`oriel check rules`, start-up, reload); `template` is Go's template language with Prometheus's
//! functions, parsed when a file is checked and run when an alert fires. Pure: time, queries and the clock's answer are
//! arguments. Running rules on a schedule, and what becomes of alerts, is not here yet.

pub mod file;
pub mod template;

pub use file::{NameScheme, ReadOptions, Rule, RuleFile, RuleGroup, RuleKind, RulesError, duplicates, read};
