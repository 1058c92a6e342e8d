//! `oriel check rules`, `oriel test rules` and `oriel promql`: promtool's commands, with its output and exit codes.
//!
//! Exit codes: 0 fine, 1 mistakes, 3 only lint findings that were asked to be fatal. Progress goes to standard output,
//! mistakes to standard error. What is read and tested is in `rules` and `promql`; here are files and printing.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use model::matcher::{MatchOp, Matcher};
use ports::{Disk, RealDisk};
use rules::unit_test::{self, TestFile, TestOptions};
use rules::{ReadOptions, RuleFile};

use crate::arguments::{MatcherChange, PromqlWhat, say};

/// Only lint findings.
const LINT_EXIT_CODE: u8 = 3;

#[derive(Debug, Args)]
pub struct CheckRules {
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What to look for besides mistakes
    #[arg(long, default_value = "duplicate-rules", value_parser = ["all", "duplicate-rules", "none"])]
    lint: String,
    /// Exit with 3 when there are lint findings
    #[arg(long)]
    lint_fatal: bool,
    /// Pass over fields that nobody knows
    #[arg(long)]
    ignore_unknown_fields: bool,
}

#[derive(Debug, Args)]
pub struct TestRules {
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Only tests whose name matches this regular expression; repeat for more
    #[arg(long, value_name = "REGEX")]
    run: Vec<String>,
    /// Pass over fields that nobody knows
    #[arg(long)]
    ignore_unknown_fields: bool,
}

fn complain(line: &str) {
    // Whoever closed standard error does not want to know.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

pub fn check(flags: &CheckRules) -> ExitCode {
    let (mut mistakes, mut findings) = (false, false);
    for path in &flags.files {
        let _ = say(&format!("Checking {}", path.display()));
        match read_rules(path, flags.ignore_unknown_fields) {
            Err(errors) => {
                mistakes = true;
                complain("  FAILED:");
                errors.iter().for_each(|error| complain(error));
            }
            Ok(file) => match lint(&file).filter(|_| flags.lint != "none") {
                Some(finding) => {
                    findings = true;
                    complain("  FAILED:");
                    complain(&finding);
                }
                None => {
                    let count: usize = file.groups.iter().map(|group| group.rules.len()).sum();
                    let _ = say(&format!("  SUCCESS: {count} rules found"));
                }
            },
        }
        let _ = say("");
    }
    match (mistakes, findings && flags.lint_fatal) {
        (true, _) => ExitCode::FAILURE,
        (false, true) => ExitCode::from(LINT_EXIT_CODE),
        (false, false) => ExitCode::SUCCESS,
    }
}

fn lint(file: &RuleFile) -> Option<String> {
    let duplicates = rules::duplicates(file);
    if duplicates.is_empty() {
        return None;
    }
    let mut text = format!("lint error {} duplicate rule(s) found.\n", duplicates.len());
    for (metric, labels) in duplicates {
        text.push_str(&format!("Metric: {metric}\nLabel(s):\n"));
        labels.iter().for_each(|(name, value)| text.push_str(&format!("\t{name}: {value}\n")));
    }
    Some(text + "Might cause inconsistency while recording expressions")
}

/// A checked rule file, or lines that each name it.
fn read_rules(path: &Path, ignore_unknown_fields: bool) -> Result<RuleFile, Vec<String>> {
    let text = config::secrets::file_text(&RealDisk, path).map_err(|error| vec![error.to_string()])?;
    let options = ReadOptions { ignore_unknown_fields, ..ReadOptions::default() };
    rules::read(&text, options)
        .map_err(|errors| errors.iter().map(|error| format!("{}: {error}", path.display())).collect())
}

pub fn test(flags: &TestRules) -> ExitCode {
    let mut failed = false;
    for path in &flags.files {
        let _ = say(&format!("Unit Testing:  {}", path.display()));
        match test_file(path, flags) {
            Ok(()) => {
                let _ = say("  SUCCESS");
            }
            Err(failures) => {
                failed = true;
                complain("  FAILED:");
                failures.iter().for_each(|failure| complain(&format!("{failure}\n")));
            }
        }
        let _ = say("");
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn test_file(path: &Path, flags: &TestRules) -> Result<(), Vec<String>> {
    let one = |error: String| vec![error];
    let text = config::secrets::file_text(&RealDisk, path).map_err(|error| one(error.to_string()))?;
    let file = TestFile::read(&text, flags.ignore_unknown_fields)
        .map_err(|error| one(format!("{}: yaml: unmarshal errors:\n  {error}", path.display())))?;
    let wanted: Vec<_> = flags.run.iter().map(|pattern| model::regex::SearchRegex::new(pattern)).collect();
    let wanted: Vec<_> =
        wanted.into_iter().collect::<Result<_, _>>().map_err(|error| one(error.to_string()))?;
    let mut loaded = Vec::new();
    for pattern in &file.rule_files {
        for path in matching_files(path.parent().unwrap_or(Path::new("")), pattern).map_err(one)? {
            loaded.push((path.display().to_string(), read_rules(&path, flags.ignore_unknown_fields)?));
        }
    }
    let groups = file.tests.iter();
    let groups =
        groups.filter(|group| wanted.is_empty() || wanted.iter().any(|regex| regex.is_match(&group.name)));
    let failures: Vec<String> =
        groups.flat_map(|group| unit_test::run(&file, group, &loaded, TestOptions::default())).collect();
    if failures.is_empty() { Ok(()) } else { Err(failures) }
}

/// The files that a pattern names, relative to `folder`. `*` and `?` stand in the file's name only.
fn matching_files(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let path = folder.join(pattern);
    if !pattern.contains(['*', '?']) {
        return Ok(vec![path]);
    }
    let parent = path.parent().unwrap_or(Path::new("")).to_owned();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if parent.to_string_lossy().contains(['*', '?']) {
        return Err(format!("pattern {pattern:?} has a wildcard in a folder; only file names may have one"));
    }
    let listed = if parent.as_os_str().is_empty() { Path::new(".") } else { &parent };
    let names =
        RealDisk.list(listed).map_err(|error| format!("cannot list {}: {error}", listed.display()))?;
    let names = names.into_iter().filter(|entry| !entry.ends_with('/') && matches_name(&name, entry));
    Ok(names.map(|name| parent.join(name)).collect())
}

/// `*` stands for any letters, `?` for one.
fn matches_name(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut place, mut star) = (0, 0, None);
    while place < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == name[place] => {
                at += 1;
                place += 1;
            }
            _ => match star {
                // Lets the last star take one letter more.
                Some((star_at, star_place)) => {
                    star = Some((star_at, star_place + 1));
                    (at, place) = (star_at + 1, star_place + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

pub fn promql(what: PromqlWhat) -> anyhow::Result<()> {
    let (query, change) = match what {
        PromqlWhat::Format { query } => (query, None),
        PromqlWhat::LabelMatchers { change: MatcherChange::Set { query, name, value, op } } => {
            let op = match op.as_str() {
                "=" => MatchOp::Equal,
                "!=" => MatchOp::NotEqual,
                "=~" => MatchOp::Regex,
                "!~" => MatchOp::NotRegex,
                other => anyhow::bail!("invalid label match type: {other}"),
            };
            (query, Some(Ok(Matcher::new(name, op, value)?)))
        }
        PromqlWhat::LabelMatchers { change: MatcherChange::Delete { query, name } } => {
            (query, Some(Err(name)))
        }
    };
    let mut expr = promql::parse(&query).context("cannot parse the query")?;
    match change {
        None => {}
        Some(Ok(matcher)) => promql::set_matcher(&mut expr, &matcher),
        Some(Err(name)) => promql::delete_matchers(&mut expr, &name),
    }
    say(&promql::prettify(&expr))
}

#[cfg(test)]
mod tests {
    use super::matches_name;

    #[test]
    fn stars_and_question_marks_stand_for_letters() {
        let check = |pattern: &str, name: &str, expect: bool| {
            assert_eq!(matches_name(pattern, name), expect, "{pattern} {name}")
        };
        check("*.yml", "rules.yml", true);
        check("*.yml", "rules.yaml", false);
        check("r?les*", "rules.yml", true);
        check("*a*b", "xaxbxb", true);
        check("*a*b", "xaxbx", false);
        check("?", "é", true);
        check("", "", true);
    }
}
