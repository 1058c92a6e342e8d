//! Files stop growing at 800 lines, functions at 70. What was longer when the rule came is listed and may only get shorter.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use super::Source;
use super::functions::functions;

const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;
/// `path lines` or `path::function lines`, one a line.
const LIST: &str = "xtask/tidy/long.txt";

pub fn check(root: &Path, sources: &[Source]) -> Result<Vec<String>> {
    let mut listed = read_list(root)?;
    let mut wrong = Vec::new();
    for source in sources {
        let lines = source.text.lines().count();
        judge(&mut wrong, &mut listed, source.path.clone(), lines, FILE_LINES_MAX, "split it by noun");
        if source.path.ends_with(".rs") {
            for function in functions(&source.text) {
                let name = format!("{}::{}", source.path, function.name);
                let advice = format!("line {}: pull out a noun or a pure leaf", function.line);
                judge(&mut wrong, &mut listed, name, function.lines, FUNCTION_LINES_MAX, &advice);
            }
        }
    }
    for name in listed.keys() {
        wrong.push(format!("{LIST}: {name} is not that long any more: take it off the list"));
    }
    Ok(wrong)
}

fn judge(
    wrong: &mut Vec<String>,
    listed: &mut BTreeMap<String, usize>,
    name: String,
    lines: usize,
    max: usize,
    advice: &str,
) {
    if lines <= max {
        return;
    }
    match listed.remove(&name) {
        Some(allowed) if lines <= allowed => {}
        Some(allowed) => {
            wrong.push(format!("{name}: {lines} lines, listed with {allowed}: the list only shrinks"))
        }
        None => wrong.push(format!("{name}: {lines} lines, at most {max}; {advice}")),
    }
}

fn read_list(root: &Path) -> Result<BTreeMap<String, usize>> {
    let text = std::fs::read_to_string(root.join(LIST)).unwrap_or_default();
    let entries = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    entries
        .map(|line| {
            let (name, lines) =
                line.rsplit_once(' ').with_context(|| format!("{LIST}: bad line {line:?}"))?;
            Ok((name.to_owned(), lines.parse().with_context(|| format!("{LIST}: bad line {line:?}"))?))
        })
        .collect()
}
