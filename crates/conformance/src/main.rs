//! `conformance promql PATH...`: runs scripts and prints what failed; the last line is `N passed, M failed`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "usage: conformance promql PATH...   (PATH is a .test file or a folder of them)";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.split_first() {
        Some((language, paths)) if language == "promql" && !paths.is_empty() => promql(paths),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::FAILURE
        }
    }
}

fn promql(paths: &[String]) -> ExitCode {
    let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
    match conformance::promql::run(&paths) {
        Ok(report) => {
            report.failures.iter().for_each(|failure| println!("{failure}"));
            println!("{} passed, {} failed", report.passed, report.failures.len());
            if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
