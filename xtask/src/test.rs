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
    Step { name: "conformance", what: "PromQL scripts of the peer, where their folder is", run: conformance },
    Step { name: "fuzz", what: "mutated input at every decoder, for two seconds", run: fuzz },
    Step {
        name: "clients",
        what: "OpenTelemetry SDKs of Python and Node.js, with a kill -9 in the middle",
        run: clients,
    },
    Step {
        name: "browser",
        what: "the web pages in Chromium, from overview to cause in five clicks",
        run: browser,
    },
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

fn conformance(root: &Path) -> Result<()> {
    let folder = std::env::var("ORIEL_CONFORMANCE").unwrap_or_else(|_| "../shared/conformance".to_owned());
    let scripts = root.join(folder).join("promql");
    if !scripts.exists() {
        println!("{} is not here: PromQL conformance is not checked in this run", scripts.display());
        return Ok(());
    }
    let scripts = scripts.to_string_lossy().into_owned();
    run::command(
        root,
        "cargo",
        &["run", "--quiet", "--locked", "--package", "conformance", "--", "promql", &scripts],
    )
}

fn fuzz(root: &Path) -> Result<()> {
    run::command(root, "cargo", &["run", "--quiet", "--locked", "--package", "fuzz", "--", "--seconds", "2"])
}

/// The debug binary that the end-to-end steps start.
fn binary(root: &Path) -> Result<String> {
    run::command(root, "cargo", &["build", "--locked", "--package", "oriel"])?;
    let target =
        std::env::var("CARGO_TARGET_DIR").map_or_else(|_| root.join("target"), std::path::PathBuf::from);
    Ok(target.join("debug/oriel").to_string_lossy().into_owned())
}

fn clients(root: &Path) -> Result<()> {
    need("python3", "Python 3.10 or newer")?;
    need("npm", "Node.js 20 or newer")?;
    let binary = binary(root)?;
    let python = root.join("tests/clients/python");
    let node = root.join("tests/clients/node");
    let venv = root.join("target/clients");
    let (venv_text, pip) =
        (venv.to_string_lossy().into_owned(), venv.join("bin/pip").to_string_lossy().into_owned());
    run::command(root, "python3", &["-m", "venv", &venv_text])?;
    run::command(
        &python,
        &pip,
        &["install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"],
    )?;
    run::command(&node, "npm", &["ci", "--no-audit", "--no-fund", "--ignore-scripts"])?;
    let script = node.join("send.mjs").to_string_lossy().into_owned();
    let interpreter = venv.join("bin/python").to_string_lossy().into_owned();
    run::command(&python, &interpreter, &["check.py", &binary, &script])
}

fn browser(root: &Path) -> Result<()> {
    need("npm", "Node.js 20 or newer")?;
    if !run::has("chromium") {
        println!("installing Chromium from the system's packages");
        run::command(root, "apt-get", &["update", "-qq"])?;
        run::command(
            root,
            "apt-get",
            &["install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"],
        )?;
    }
    let binary = binary(root)?;
    let tests = root.join("web/tests/browser");
    run::command(&tests, "npm", &["ci", "--no-audit", "--no-fund", "--ignore-scripts"])?;
    let shots = root.join("target/screenshots").to_string_lossy().into_owned();
    run::command(&tests, "node", &["walk.mjs", &binary, &shots])
}

fn need(program: &str, what: &str) -> Result<()> {
    if !run::has(program) {
        bail!("`{program}` is missing: install {what}");
    }
    Ok(())
}
