//! What a binary is: version, revision, when and with what it was built. Filled by the binary's own `build.rs`, because a crate this low
//! in the house would make every commit rebuild all of it.

use crate::registry::Registry;

/// "unknown" where a value cannot be had, as when built outside a checkout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildInfo {
    pub version: &'static str,
    pub revision: &'static str,
    pub branch: &'static str,
    pub rustc: &'static str,
    pub target: &'static str,
}

impl BuildInfo {
    /// The usual `*_build_info` metric with the value 1.
    pub fn register(&self, registry: &Registry) {
        let labels = [
            ("version", self.version),
            ("revision", self.revision),
            ("branch", self.branch),
            ("rustc", self.rustc),
            ("target", self.target),
        ];
        registry.gauge("oriel_build_info", "What this binary is; always 1.", &labels).set(1);
    }
}
