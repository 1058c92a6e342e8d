//! Cross-origin requests, as the Collector's `confighttp` allows them: browsers that send telemetry straight to the OTLP/HTTP door.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, header};

/// Which origins may send. Without any, no cross-origin request is answered and `OPTIONS` is a method like any other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// Exact origins, `*`, or one `*` inside as a wildcard (`https://*.example.com`).
    pub allowed_origins: Vec<String>,
    /// Beyond those that browsers always allow and `X-Requested-With`; `*` allows all.
    pub allowed_headers: Vec<String>,
    pub exposed_headers: Vec<String>,
    /// How long a browser may remember the answer.
    pub max_age: Option<Duration>,
}

const ALWAYS_ALLOWED_HEADERS: [&str; 6] =
    ["accept", "accept-language", "content-type", "content-language", "origin", "x-requested-with"];

impl Cors {
    /// Whether this is a browser asking beforehand, and if so the headers of the answer (status 204). No headers mean "no".
    pub fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<HeaderMap> {
        let asks = method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if self.allowed_origins.is_empty() || !asks {
            return None;
        }
        let mut answer = HeaderMap::new();
        for vary in
            [header::ORIGIN, header::ACCESS_CONTROL_REQUEST_METHOD, header::ACCESS_CONTROL_REQUEST_HEADERS]
        {
            answer.append(header::VARY, vary.into());
        }
        let method_ok =
            headers[header::ACCESS_CONTROL_REQUEST_METHOD].as_bytes().eq_ignore_ascii_case(b"POST");
        let wanted = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
        let Some(origin) = self.origin(headers) else { return Some(answer) };
        if !method_ok || !wanted.is_none_or(|wanted| self.allows_headers(wanted)) {
            return Some(answer);
        }
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
        if let Some(wanted) = wanted {
            answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        if let Some(age) = self.max_age {
            answer.insert(header::ACCESS_CONTROL_MAX_AGE, age.as_secs().into());
        }
        Some(answer)
    }

    /// Adds to the answer of a request what its browser needs to hand it on.
    pub fn decorate(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        if self.allowed_origins.is_empty() {
            return;
        }
        answer.append(header::VARY, header::ORIGIN.into());
        if let Some(origin) = self.origin(request) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            if let Ok(exposed) = HeaderValue::from_str(&self.exposed_headers.join(", "))
                && !exposed.is_empty()
            {
                answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
            }
        }
    }

    /// What to allow: the origin itself, or `*` if all are.
    fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        if self.allowed_origins.iter().any(|allowed| allowed == "*") {
            return Some(HeaderValue::from_static("*"));
        }
        let text = origin.to_str().ok()?.to_ascii_lowercase();
        self.allowed_origins
            .iter()
            .any(|allowed| matches(&allowed.to_ascii_lowercase(), &text))
            .then(|| origin.clone())
    }

    fn allows_headers(&self, wanted: &HeaderValue) -> bool {
        let all = self.allowed_headers.iter().any(|allowed| allowed == "*");
        let allowed = |name: &str| {
            let configured = self.allowed_headers.iter().any(|allowed| allowed.eq_ignore_ascii_case(name));
            configured || ALWAYS_ALLOWED_HEADERS.iter().any(|always| always.eq_ignore_ascii_case(name))
        };
        wanted.to_str().is_ok_and(|names| {
            all || names.split(',').map(str::trim).filter(|name| !name.is_empty()).all(allowed)
        })
    }
}

fn matches(pattern: &str, origin: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == origin,
        Some((start, end)) => {
            origin.len() >= pattern.len() - 1 && origin.starts_with(start) && origin.ends_with(end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(cors: &Cors, origin: &str, headers: &str) -> Option<String> {
        let mut request = HeaderMap::new();
        request.insert(header::ORIGIN, origin.parse().unwrap());
        request.insert(header::ACCESS_CONTROL_REQUEST_METHOD, "POST".parse().unwrap());
        request.insert(header::ACCESS_CONTROL_REQUEST_HEADERS, headers.parse().unwrap());
        let answer = cors.preflight(&Method::OPTIONS, &request)?;
        Some(
            answer
                .get(header::ACCESS_CONTROL_ALLOW_ORIGIN)
                .map_or(String::new(), |value| value.to_str().unwrap().into()),
        )
    }

    #[test]
    fn origins_and_headers_are_matched() {
        let cors = Cors {
            allowed_origins: vec!["https://app.example.com".into(), "https://*.dev.example.com".into()],
            allowed_headers: vec!["X-Scope-OrgID".into()],
            ..Cors::default()
        };
        let check = |origin: &str, headers: &str, want: &str| {
            assert_eq!(ask(&cors, origin, headers).as_deref(), Some(want), "{origin}")
        };
        check("https://app.example.com", "content-type", "https://app.example.com");
        check("https://a.dev.example.com", "content-type, x-scope-orgid", "https://a.dev.example.com");
        check("https://dev.example.com", "content-type", "");
        check("https://app.example.com", "x-other", "");
        assert_eq!(ask(&Cors::default(), "https://app.example.com", ""), None);
        let all =
            Cors { allowed_origins: vec!["*".into()], allowed_headers: vec!["*".into()], ..Cors::default() };
        assert_eq!(ask(&all, "https://x", "x-anything").as_deref(), Some("*"));
    }
}
