//! Starting other programs, with their output passed through.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Runs `program` in `dir` and fails when it fails, naming the whole command.
pub fn command(dir: &Path, program: &str, args: &[&str]) -> Result<()> {
    let shown = format!("{program} {}", args.join(" "));
    let status = Command::new(program).args(args).current_dir(dir).status();
    let status = status.with_context(|| format!("could not start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// Whether `program` can be started at all.
pub fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Builds and runs one of our own packages. The child's exit code is ours: it has said itself what went wrong.
pub fn package(root: &Path, package: &str, profile: &str, args: &[String]) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo
        .args(["run", "--quiet", "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        .args(["--package", package, "--profile", profile, "--"])
        .args(args);
    let status = cargo.status().with_context(|| format!("could not start cargo for {package}"))?;
    if !status.success() {
        std::process::exit(status.code().unwrap_or(1));
    }
    Ok(())
}
