//! Conformance: scripts and cases of the peers, run against our own engines.
//!
//! One module per language. The binary prints one line per failure and ends with `N passed, M failed`.
#![expect(
    clippy::disallowed_methods,
    reason = "reads case files beside the product; nothing here is simulated"
)]

pub mod promql;

use std::path::PathBuf;

/// Where the cases are: `ORIEL_CONFORMANCE`, or the folder beside the workspace.
pub fn cases(language: &str) -> PathBuf {
    let root = std::env::var_os("ORIEL_CONFORMANCE").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance")),
        PathBuf::from,
    );
    root.join(language)
}
