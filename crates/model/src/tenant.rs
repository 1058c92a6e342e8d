//! Tenants. The name comes from outside (`X-Scope-OrgID`) and becomes part of every key, so it is checked where it enters.

use std::fmt;
use std::sync::Arc;

/// A checked tenant name; cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Arc<str>);

/// Why a tenant name is refused. The texts are those that clients of Mimir and Loki know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTenant {
    #[error("no org id")]
    Empty,
    #[error("tenant ID is too long: max {} characters", TenantId::LEN_MAX)]
    TooLong,
    #[error("tenant ID '{0}' contains unsupported character '{1}'")]
    Character(String, char),
    #[error("tenant ID is '.' or '..'")]
    Path,
}

impl TenantId {
    /// Longest name in bytes.
    pub const LEN_MAX: usize = 150;
    /// The tenant of whoever sends no tenant header.
    pub const ANONYMOUS: &'static str = "anonymous";

    /// Letters, digits and `!-_.*'()`, at most 150 bytes, not `.` or `..`.
    pub fn new(name: &str) -> Result<Self, BadTenant> {
        if name.is_empty() {
            return Err(BadTenant::Empty);
        }
        if let Some(bad) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !"!-_.*'()".contains(*c)) {
            return Err(BadTenant::Character(name.chars().take(Self::LEN_MAX).collect(), bad));
        }
        if name.len() > Self::LEN_MAX {
            return Err(BadTenant::TooLong);
        }
        if name == "." || name == ".." {
            return Err(BadTenant::Path);
        }
        Ok(Self(name.into()))
    }

    pub fn anonymous() -> Self {
        Self(Self::ANONYMOUS.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        assert_eq!(TenantId::new("team-a_1.(x)").unwrap().as_str(), "team-a_1.(x)");
        assert_eq!(TenantId::new(""), Err(BadTenant::Empty));
        assert_eq!(TenantId::new(".."), Err(BadTenant::Path));
        assert_eq!(
            TenantId::new("a/b").unwrap_err().to_string(),
            "tenant ID 'a/b' contains unsupported character '/'"
        );
        assert_eq!(TenantId::new(&"x".repeat(151)), Err(BadTenant::TooLong));
    }
}
