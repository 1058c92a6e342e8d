//! Who may come in: nobody asked, a user and password (basic), or a token (bearer).
//!
//! Secrets come from files or the environment, never from the configuration itself. They are compared in constant time over their whole length, and every
//! configured one is compared, so that the time of an answer tells nothing about them.

use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};

/// Checks the `Authorization` header. Clones share their lists, so that new secrets reach every door.
#[derive(Clone, Default)]
pub struct Auth(Arc<ArcSwap<Known>>);

/// Who is known.
#[derive(Default)]
struct Known {
    users: Vec<(String, Secret)>,
    tokens: Vec<Secret>,
}

/// Never shown.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

impl Secret {
    /// A line end at the end of the file is not part of the secret.
    pub fn new(text: &str) -> Self {
        Self(text.trim_end_matches(['\r', '\n']).as_bytes().to_vec())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Looks at every byte of what was given, whatever the outcome.
    fn is(&self, given: &[u8]) -> bool {
        let mut difference = self.0.len() ^ given.len();
        for (place, byte) in given.iter().enumerate() {
            let own = self.0.get(place % self.0.len().max(1)).copied().unwrap_or(0);
            difference |= usize::from(own ^ byte);
        }
        std::hint::black_box(difference) == 0
    }
}

/// The request may not come in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unauthorized {
    pub reason: &'static str,
    /// For `WWW-Authenticate`.
    pub challenge: HeaderValue,
}

impl Auth {
    pub fn new(users: Vec<(String, Secret)>, tokens: Vec<Secret>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Known { users, tokens })))
    }

    /// Takes the lists of `other` from now on.
    pub fn replace(&self, other: &Self) {
        self.0.store(other.0.load_full());
    }

    pub fn check(&self, headers: &HeaderMap) -> Result<(), Unauthorized> {
        self.0.load().check(headers)
    }
}

impl Known {
    fn check(&self, headers: &HeaderMap) -> Result<(), Unauthorized> {
        if self.users.is_empty() && self.tokens.is_empty() {
            return Ok(());
        }
        let refuse = |reason| Err(Unauthorized { reason, challenge: self.challenge() });
        let Some(value) = headers.get(header::AUTHORIZATION) else {
            return refuse("missing or empty authorization header");
        };
        let known = match value.as_bytes().split_at_checked(6) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"basic ") => self.knows_user(rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"bearer") && rest.first() == Some(&b' ') => {
                self.knows_token(&rest[1..])
            }
            _ => return refuse("unknown authorization scheme"),
        };
        if known { Ok(()) } else { refuse("authorization is not valid") }
    }

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static(if self.users.is_empty() {
            "Bearer"
        } else {
            "Basic realm=\"oriel\", charset=\"UTF-8\""
        })
    }

    fn knows_user(&self, encoded: &[u8]) -> bool {
        let Ok(plain) = STANDARD.decode(encoded.trim_ascii()) else { return false };
        let colon = plain.iter().position(|byte| *byte == b':').unwrap_or(plain.len());
        let (name, password) = (&plain[..colon], plain.get(colon + 1..).unwrap_or_default());
        self.users.iter().fold(false, |known, (user, secret)| {
            let matches = Secret(user.as_bytes().to_vec()).is(name) & secret.is(password);
            known | matches
        })
    }

    fn knows_token(&self, token: &[u8]) -> bool {
        self.tokens.iter().fold(false, |known, secret| known | secret.is(token.trim_ascii()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_knows_a_secret_comes_in() {
        let users =
            vec![("ann".to_owned(), Secret::new("pass:word\n")), ("bob".to_owned(), Secret::new("b"))];
        let auth = Auth::new(users, vec![Secret::new("token-1"), Secret::new("t2")]);
        let check = |value: Option<&str>, want: Result<(), &str>| {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            }
            assert_eq!(auth.check(&headers).map_err(|refused| refused.reason), want, "{value:?}");
        };
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        check(None, Err("missing or empty authorization header"));
        check(Some(&basic("ann:pass:word")), Ok(()));
        check(Some(&basic("ann:pass:wor")), Err("authorization is not valid"));
        check(Some(&basic("ann:pass:wordpass:word")), Err("authorization is not valid"));
        check(Some(&basic("ann:")), Err("authorization is not valid"));
        check(Some(&basic("bob:b")), Ok(()));
        check(Some(&basic("bob:")), Err("authorization is not valid"));
        check(Some("Basic !!"), Err("authorization is not valid"));
        check(Some("bearer token-1"), Ok(()));
        check(Some("Bearer t2"), Ok(()));
        check(Some("Bearer t2t2"), Err("authorization is not valid"));
        check(Some("Bearer"), Err("unknown authorization scheme"));
        check(Some("Digest x"), Err("unknown authorization scheme"));
        let open = Auth::default();
        assert!(open.check(&HeaderMap::new()).is_ok());
        open.clone().replace(&auth);
        assert!(open.check(&HeaderMap::new()).is_err());
    }
}
