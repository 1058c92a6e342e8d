//! Pushes on the common port: OTLP/HTTP under its prefixes, and formats of other systems that become batches as they are.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{MethodRouter, any};
use bytes::Bytes;
use http::{HeaderMap, Request};
use model::{Compression, Format, Signal};
use pipeline::{Accepted, Refused};
use receivers::Offer;
use receivers::body::{self, BodyError};
use receivers::intake::NotTaken;

use crate::answer::{Accepts, Answer};
use crate::doors::{Doors, Family, tenant};
use crate::refusal::{Kind, Refusal};

/// `/v1/{logs,metrics,traces}` and `/v1development/profiles` under `prefix`.
pub fn otlp_routes(prefix: &str) -> Router<Arc<Doors>> {
    let route = |signal: Signal| {
        any(move |State(doors): State<Arc<Doors>>, request: Request<Body>| async move {
            doors.otlp.export(signal, request).await.map(Body::new)
        })
    };
    let mut routes = Router::new();
    for (path, signal) in [
        ("/v1/logs", Signal::Logs),
        ("/v1/metrics", Signal::Metrics),
        ("/v1/traces", Signal::Traces),
        ("/v1development/profiles", Signal::Profiles),
    ] {
        routes = routes.route(&format!("{prefix}{path}"), route(signal));
    }
    routes
}

/// What the head of a push says about its body.
pub type ReadHead = fn(&HeaderMap) -> Result<(Format, Compression), Refusal>;

/// POST of one format's bodies; 204 when they are durable. `finish` may add to the answer.
pub fn route(
    family: Family,
    signal: Signal,
    head: ReadHead,
    finish: fn(&Accepted) -> Answer,
) -> MethodRouter<Arc<Doors>> {
    axum::routing::post(move |State(doors): State<Arc<Doors>>, request: Request<Body>| async move {
        match take(&doors, signal, head, request).await {
            Ok(taken) => finish(&taken.accepted).into_response(Accepts::Plain),
            Err(refusal) => family.refuse(&refusal).into_response(Accepts::Plain),
        }
    })
}

/// A push that is durable, and what it was.
pub struct Taken {
    pub accepted: Accepted,
    pub format: Format,
    pub compression: Compression,
    /// The body as it came.
    pub sent: Bytes,
}

pub async fn take(
    doors: &Doors,
    signal: Signal,
    head: ReadHead,
    request: Request<Body>,
) -> Result<Taken, Refusal> {
    let (parts, body) = request.into_parts();
    let tenant = tenant(doors, &parts.headers)?;
    let (format, compression) = head(&parts.headers)?;
    let limit = doors.push_bytes_max;
    let held = body::read(body, limit, doors.intake.guard()).await.map_err(|error| body_refusal(&error))?;
    let sent = held.bytes.clone();
    let offer = Offer { tenant, signal, format, compression, held, body_bytes_max: limit };
    let accepted = doors.intake.offer(offer).await.map_err(|not_taken| refusal_of(&not_taken))?;
    Ok(Taken { accepted, format, compression, sent })
}

pub fn body_refusal(error: &BodyError) -> Refusal {
    let kind = match error {
        BodyError::TooLarge { .. } => Kind::TooLarge,
        BodyError::Memory(_) => Kind::Unavailable,
        BodyError::Broken(_) => Kind::Bad,
    };
    let retry_after_seconds = (kind == Kind::Unavailable).then_some(1);
    Refusal { retry_after_seconds, ..Refusal::new(kind, error.to_string()) }
}

pub fn refusal_of(not_taken: &NotTaken) -> Refusal {
    let (kind, retry_after) = match not_taken {
        NotTaken::TooLarge { .. } => (Kind::TooLarge, None),
        NotTaken::Refused(Refused::Bad(_)) => (Kind::Bad, None),
        NotTaken::Refused(Refused::Limited { retry_after, .. }) => (Kind::TooMany, *retry_after),
        NotTaken::Refused(Refused::Unavailable { retry_after, .. }) => (Kind::Unavailable, *retry_after),
    };
    let retry_after_seconds = retry_after.map(|delay| (delay.as_millis() as u64).div_ceil(1000).max(1));
    Refusal { retry_after_seconds, ..Refusal::new(kind, not_taken.to_string()) }
}
