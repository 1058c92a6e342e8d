//! The rules of the house, read from the tree as text: no build, a second at most.
//!
//! Lists of exceptions live in `xtask/tidy/*.txt` and only shrink: an entry that is no longer needed is an error too.

mod functions;
mod layers;
mod lengths;
mod words;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// A source file of the workspace.
pub struct Source {
    /// Relative to the workspace, with forward slashes.
    pub path: String,
    pub text: String,
}

/// Checks everything and reports all that is wrong at once.
pub fn run(root: &Path) -> Result<()> {
    let sources = sources(root)?;
    let mut wrong = Vec::new();
    wrong.extend(layers::check(root)?);
    wrong.extend(lengths::check(root, &sources)?);
    wrong.extend(words::check(&sources));
    wrong.extend(heads(root, &sources)?);
    if wrong.is_empty() {
        println!("tidy: {} files in order", sources.len());
        return Ok(());
    }
    for line in &wrong {
        eprintln!("tidy: {line}");
    }
    bail!("{} things are out of order", wrong.len());
}

/// Every crate opens with what it is and has its line in the map.
fn heads(root: &Path, sources: &[Source]) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let map = std::fs::read_to_string(root.join("docs/ARCHITECTURE.md")).unwrap_or_default();
    for name in layers::crates(root)? {
        let entry = ["lib.rs", "main.rs"].map(|file| format!("crates/{name}/src/{file}"));
        match sources.iter().find(|source| entry.contains(&source.path)) {
            Some(source) if !source.text.starts_with("//!") => {
                wrong.push(format!(
                    "{}: open with `//!`: what it is, where it stands, what is not here",
                    source.path
                ));
            }
            Some(_) => {}
            None => wrong.push(format!("crates/{name}: has neither src/lib.rs nor src/main.rs")),
        }
        if !map.contains(&format!("`{name}`")) {
            wrong.push(format!("docs/ARCHITECTURE.md: has no line for `{name}`"));
        }
    }
    Ok(wrong)
}

/// Rust and TypeScript sources that we wrote.
fn sources(root: &Path) -> Result<Vec<Source>> {
    let mut found = Vec::new();
    for top in ["crates", "xtask", "web/src", "web/tests"] {
        walk(&root.join(top), &mut found)?;
    }
    found.sort();
    let read = |path: PathBuf| {
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
        let path =
            path.strip_prefix(root).expect("found below the root").to_string_lossy().replace('\\', "/");
        Ok(Source { path, text })
    };
    found.into_iter().map(read).collect()
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["target", "node_modules", "dist", "corpus", "testdata"].contains(&name.as_str()) {
                walk(&path, found)?;
            }
        } else if [".rs", ".ts", ".tsx", ".css"].iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
    Ok(())
}
