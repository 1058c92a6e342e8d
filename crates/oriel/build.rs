//! What this binary is, for `oriel version` and `oriel_build_info`. Outside a checkout the revision is unknown, and that is fine.

use std::process::Command;

fn main() {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    let set = |name: &str, value: Option<String>| {
        let value = value.unwrap_or_else(|| "unknown".into());
        println!("cargo::rustc-env={name}={value}");
    };
    set("ORIEL_REVISION", git(&["rev-parse", "HEAD"]));
    set("ORIEL_BRANCH", git(&["rev-parse", "--abbrev-ref", "HEAD"]));
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok());
    set("ORIEL_RUSTC", version.and_then(|text| text.split(' ').nth(1).map(str::to_owned)));
    set("ORIEL_TARGET", std::env::var("TARGET").ok());
    // A new commit moves HEAD's log; without it (a source archive) nothing changes.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
