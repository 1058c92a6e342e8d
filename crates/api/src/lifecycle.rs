//! `/-/healthy`, `/-/ready` and `/metrics`: answered from the moment the listener is there, before the stores are open and while they close.

use axum::response::Response;
use http::{Method, Request};
use telemetry::Registry;
use telemetry::exposition::{Form, render};

use crate::answer::{Accepts, Answer};

/// `None` if the path is not one of these.
pub fn answer<B>(request: &Request<B>, ready: bool, registry: &Registry) -> Option<Response> {
    let path = request.uri().path();
    let path = path
        .strip_prefix("/prometheus")
        .filter(|rest| rest.starts_with("/-/") || *rest == "/metrics")
        .unwrap_or(path);
    let found = match path {
        "/-/healthy" => Answer::text("Oriel is Healthy.\n"),
        "/-/ready" if ready => Answer::text("Oriel is Ready.\n"),
        "/ready" | "/loki/ready" | "/tempo/ready" if ready => Answer::text("ready\n"),
        "/-/ready" | "/ready" | "/loki/ready" | "/tempo/ready" => {
            Answer::text("Service Unavailable").with_status(503)
        }
        "/metrics" => metrics(request, registry),
        _ => return None,
    };
    let accept = Accepts::of(request.headers());
    let allowed = matches!(*request.method(), Method::GET | Method::HEAD);
    let found = if allowed { found } else { Answer::text("Method Not Allowed\n").with_status(405) };
    Some(found.into_response(accept))
}

fn metrics<B>(request: &Request<B>, registry: &Registry) -> Answer {
    let accept =
        request.headers().get(http::header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let form = Form::negotiate(accept);
    Answer::new(form.content_type(), render(registry, form))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_told_apart_from_health() {
        let status = |path: &str, ready: bool| {
            let request = Request::get(path).body(()).unwrap();
            answer(&request, ready, &Registry::new()).map(|response| response.status().as_u16())
        };
        assert_eq!(status("/-/healthy", false), Some(200));
        assert_eq!(status("/-/ready", false), Some(503));
        assert_eq!(status("/prometheus/-/ready", true), Some(200));
        assert_eq!(status("/metrics", false), Some(200));
        assert_eq!(status("/api/v1/query", true), None);
        let post = Request::post("/-/healthy").body(()).unwrap();
        assert_eq!(answer(&post, true, &Registry::new()).unwrap().status(), 405);
    }
}
