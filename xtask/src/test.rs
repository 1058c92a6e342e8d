//! Everything that is checked, as a list of steps. Each installs what it needs or says what is missing.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::{run, tidy};

struct Step {
    name: &'static str,
    what: &'static str,
    run: fn(&Path) -> Result<()>,
}

const STEPS: &[Step] = &[
    Step { name: "check", what: "tidy, formatting, clippy with warnings denied", run: check },
    Step { name: "unit", what: "every test of every crate", run: unit },
];

/// Runs all steps, or the named ones, and says how long each took.
pub fn run(root: &Path, names: &[String]) -> Result<()> {
    if names.iter().any(|name| name == "list") {
        for step in STEPS {
            println!("{:12} {}", step.name, step.what);
        }
        return Ok(());
    }
    if let Some(unknown) = names.iter().find(|name| STEPS.iter().all(|step| step.name != name.as_str())) {
        bail!("no step {unknown:?}; `cargo xtask test list` names them");
    }
    let chosen: Vec<&Step> =
        STEPS.iter().filter(|step| names.is_empty() || names.iter().any(|name| name == step.name)).collect();
    let mut times = Vec::new();
    for step in chosen {
        println!("\n== {}: {}", step.name, step.what);
        let start = Instant::now();
        (step.run)(root)?;
        times.push((step.name, start.elapsed()));
    }
    println!();
    for (name, time) in &times {
        println!("{name:12} {:6.1} s", time.as_secs_f64());
    }
    Ok(())
}

/// What a commit must pass before anything else is worth running.
pub fn check(root: &Path) -> Result<()> {
    tidy::run(root)?;
    run::command(root, "cargo", &["fmt", "--all", "--check"])?;
    run::command(
        root,
        "cargo",
        &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
    )?;
    if run::has("cargo-deny") {
        run::command(root, "cargo", &["deny", "check", "bans", "licenses", "sources"])?;
    } else {
        println!(
            "cargo-deny is not installed: licences and sources are checked by `cargo deny check` where it is"
        );
    }
    Ok(())
}

fn unit(root: &Path) -> Result<()> {
    run::command(root, "cargo", &["test", "--workspace", "--locked"])
}
