//! Whose telemetry it is: the `X-Scope-OrgID` header, or gRPC metadata of the same name.

use http::HeaderMap;
use model::TenantId;
use model::tenant::BadTenant;

/// As Mimir, Loki and Tempo name it.
pub const TENANT_HEADER: &str = "x-scope-orgid";

/// What to do with a request that names no tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WithoutTenant {
    /// It belongs to `anonymous`.
    #[default]
    Anonymous,
    /// It is refused with "no org id".
    Refuse,
}

impl WithoutTenant {
    /// The tenant of a request. A header that is there but empty, not text or there twice with different values is refused, never guessed.
    pub fn tenant(self, headers: &HeaderMap) -> Result<TenantId, BadTenant> {
        let mut values = headers.get_all(TENANT_HEADER).iter();
        let Some(first) = values.next() else {
            return match self {
                Self::Anonymous => Ok(TenantId::anonymous()),
                Self::Refuse => Err(BadTenant::Empty),
            };
        };
        if let Some(other) = values.find(|other| *other != first) {
            let both = format!("{}, {}", lossy(first), lossy(other));
            return Err(BadTenant::Character(both, ','));
        }
        let text =
            first.to_str().map_err(|_| BadTenant::Character(lossy(first), char::REPLACEMENT_CHARACTER))?;
        TenantId::new(text)
    }
}

fn lossy(value: &http::HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).chars().take(TenantId::LEN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_named_once_or_not_at_all() {
        let headers = |values: &[&str]| {
            let mut map = HeaderMap::new();
            for value in values {
                map.append(TENANT_HEADER, value.parse().unwrap());
            }
            map
        };
        let check = |values: &[&str], want: Result<&str, &str>| {
            let got = WithoutTenant::Anonymous.tenant(&headers(values)).map_err(|error| error.to_string());
            assert_eq!(got.as_ref().map(TenantId::as_str).map_err(String::as_str), want, "{values:?}");
        };
        check(&[], Ok("anonymous"));
        check(&["team-a"], Ok("team-a"));
        check(&["team-a", "team-a"], Ok("team-a"));
        check(&[""], Err("no org id"));
        check(&["a|b"], Err("tenant ID 'a|b' contains unsupported character '|'"));
        check(&["a", "b"], Err("tenant ID 'a, b' contains unsupported character ','"));
        assert_eq!(WithoutTenant::Refuse.tenant(&headers(&[])), Err(BadTenant::Empty));
    }
}
