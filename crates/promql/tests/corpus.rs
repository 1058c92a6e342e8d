//! Every expression and series of the conformance scripts parses; what is printed parses to the same tree; broken variants
//! of it never panic. The scripts lie beside the project (`ORIEL_CONFORMANCE` says where); without them this says so.

use std::path::PathBuf;

use promql::ast::same_tree;
use promql::{Expr, parse, parse_series, prettify};

fn scripts() -> Vec<(String, String)> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance");
    let root = std::env::var("ORIEL_CONFORMANCE").unwrap_or_else(|_| beside.to_owned());
    #[expect(clippy::print_stdout, reason = "says why nothing was tested")]
    let Ok(folder) = std::fs::read_dir(PathBuf::from(root).join("promql")) else {
        println!("the conformance data is absent: nothing was checked");
        return Vec::new();
    };
    let paths = folder.filter_map(|entry| Some(entry.ok()?.path()));
    #[expect(clippy::disallowed_methods, reason = "test data, read once")]
    let read =
        |path: PathBuf| (path.display().to_string(), std::fs::read_to_string(&path).expect("readable"));
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "test")).map(read).collect()
}

/// The expression of an `eval` line.
fn expression(line: &str) -> Option<&str> {
    let line = line.trim();
    let (_, rest) = line.split_once(char::is_whitespace).filter(|(word, _)| word.starts_with("eval"))?;
    let mut rest = rest.trim_start();
    let words = if rest.starts_with("range") {
        7
    } else if rest.starts_with("instant at") {
        3
    } else {
        1
    };
    for _ in 0..words {
        rest = rest.split_once(char::is_whitespace)?.1.trim_start();
    }
    Some(rest)
}

fn expressions() -> Vec<String> {
    let scripts = scripts();
    scripts.iter().flat_map(|(_, text)| text.lines()).filter_map(expression).map(str::to_owned).collect()
}

fn round_trips(query: &str, expr: &Expr) {
    for shown in [expr.to_string(), prettify(expr)] {
        match parse(&shown) {
            Ok(again) => assert!(same_tree(expr, &again), "{query}\n{shown}"),
            Err(error) => panic!("{query}\n{shown}\n{error}"),
        }
    }
}

#[test]
fn all_expressions_parse_and_round_trip() {
    let all = expressions();
    assert!(all.is_empty() || all.len() >= 1_700, "only {} expressions found", all.len());
    for query in &all {
        let expr = parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        round_trips(query, &expr);
        promql::to_json(&expr);
    }
}

#[test]
fn all_series_parse() {
    let mut seen = 0;
    for (path, text) in scripts() {
        let mut in_load = false;
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                in_load &= !line.is_empty();
            } else if line.starts_with("load") {
                in_load = true;
            } else if in_load && !line.contains("@st") {
                seen += 1;
                parse_series(line).unwrap_or_else(|error| panic!("{path}: {line}: {error}"));
            }
        }
    }
    assert!(seen == 0 || seen > 700, "only {seen} series found");
}

#[test]
fn broken_variants_never_panic() {
    let mut all = expressions();
    all.sort();
    all.dedup();
    for query in &all {
        for (place, _) in query.char_indices() {
            let (before, after) = query.split_at(place);
            // One in five places is broken, in one of three ways; every query and every kind of place has its turn.
            let letter = LETTERS[(place + query.len()) % LETTERS.len()];
            match (place + query.len()) % 15 {
                0 => check_variant(before),
                5 => check_variant(&[before, after.get(1..).unwrap_or("")].concat()),
                10 => check_variant(&[before, letter, after].concat()),
                _ => {}
            }
        }
    }
}

const LETTERS: [&str; 19] =
    ["(", ")", "{", "}", "[", "]", "\"", "\\", "-", "@", ",", "é", "0", "x", "offset", "#", "\n", ".", "_"];

fn check_variant(variant: &str) {
    match parse(variant) {
        Ok(expr) => {
            let shown = expr.to_string();
            let again = parse(&shown).unwrap_or_else(|error| panic!("{variant}\n{shown}\n{error}"));
            assert!(same_tree(&expr, &again), "{variant}\n{shown}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
