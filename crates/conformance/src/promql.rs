//! PromQL: the `.test` scripts of Prometheus, by the rules of its own runner.
//!
//! [`script`] reads commands, [`run_script`] loads series into memory and evaluates. Every instant evaluation is repeated with its selectors pinned by `@` at
//! other times, and as the middle step of a range query; all must give the same result.

mod compare;
mod expect;
mod load;
mod rerun;
mod runner;
mod script;
mod sequence;

pub use runner::run_script;

use anyhow::Context;
use std::fmt;
use std::path::{Path, PathBuf};

/// What came of some scripts.
#[derive(Debug, Default)]
pub struct Report {
    pub passed: usize,
    pub failures: Vec<Failure>,
}

/// An evaluation that did not give what the script expects, or a script that cannot be read.
#[derive(Debug)]
pub struct Failure {
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
    pub text: String,
    pub reason: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file.display(), self.line, self.text, self.reason)
    }
}

/// Runs script files, and all `.test` files of folders.
pub fn run(paths: &[PathBuf]) -> anyhow::Result<Report> {
    let mut report = Report::default();
    for path in paths {
        for file in script_files(path)? {
            let text =
                std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            run_script(&file, &text, &mut report);
        }
    }
    Ok(report)
}

fn script_files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let unreadable = || format!("cannot read {}", path.display());
    if !path.is_dir() {
        anyhow::ensure!(path.exists(), "{} does not exist", path.display());
        return Ok(vec![path.to_path_buf()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?.path();
        if entry.is_dir() {
            files.extend(script_files(&entry)?);
        } else if entry.extension().is_some_and(|extension| extension == "test") {
            files.push(entry);
        }
    }
    files.sort();
    Ok(files)
}
