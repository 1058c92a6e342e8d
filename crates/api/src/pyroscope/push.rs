//! `push.v1.PusherService/Push`: what Alloy and the SDKs send. A Connect unary call: the message is the body.
//!
//! ```text
//! PushRequest { series = 1: { labels = 1: { name = 1, value = 2 }, samples = 2: { raw_profile = 1, id = 2 } } }
//! ```

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{Request, header};
use model::{Compression, Format, Signal};
use profiles::PprofUpload;
use receivers::Offer;
use receivers::body::{self, Held};
use wire::proto::{Reader, Value};

use super::connect;
use crate::answer::{Accepts, Answer};
use crate::doors::{Doors, tenant};
use crate::push::{body_refusal, refusal_of};
use crate::refusal::{Kind, Refusal};

/// Profiles of one request.
const PROFILES_MAX: usize = 10_000;

pub async fn push(State(doors): State<Arc<Doors>>, request: Request<Body>) -> Response {
    let answer = match take(&doors, request).await {
        Ok(()) => Answer::new("application/proto", ""),
        Err(refusal) => connect::refuse(&refusal),
    };
    answer.into_response(Accepts::Plain)
}

async fn take(doors: &Doors, request: Request<Body>) -> Result<(), Refusal> {
    let (head, body) = request.into_parts();
    let tenant = tenant(doors, &head.headers)?;
    let text = |name| {
        head.headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok()).unwrap_or_default()
    };
    if text(header::CONTENT_TYPE) != "application/proto" {
        return Err(Refusal::new(Kind::Unsupported, "only application/proto is taken here"));
    }
    let encoding = text(header::CONTENT_ENCODING);
    let unsupported = || Refusal::new(Kind::Unsupported, format!("unknown compression {encoding:?}"));
    let compression = wire::compress::http_compression(encoding).ok_or_else(unsupported)?;
    let limit = doors.push_bytes_max;
    let held = body::read(body, limit, doors.intake.guard()).await.map_err(|error| body_refusal(&error))?;
    let bytes = held.bytes;
    let work = move || -> Result<Vec<Vec<u8>>, Refusal> {
        let mut plain = Vec::new();
        wire::compress::decompress(compression, &bytes, limit, &mut plain)
            .map_err(|error| Refusal::bad(error.to_string()))?;
        uploads(&plain, limit)
    };
    let internal = |_| Refusal::new(Kind::Internal, "internal error while processing the request");
    let uploads = tokio::task::spawn_blocking(work).await.map_err(internal)??;
    for upload in uploads {
        let held = Held { bytes: upload.into(), reservations: Vec::new() };
        let (format, compression) = (Format::Pprof, Compression::None);
        let tenant = tenant.clone();
        let offer =
            Offer { tenant, signal: Signal::Profiles, format, compression, held, body_bytes_max: limit };
        doors.intake.offer(offer).await.map_err(|not_taken| refusal_of(&not_taken))?;
    }
    drop(held.reservations);
    Ok(())
}

/// One batch body for each profile of the request.
fn uploads(request: &[u8], limit: usize) -> Result<Vec<Vec<u8>>, Refusal> {
    let bad = |error: wire::proto::Fault| Refusal::bad(format!("malformed push.v1.PushRequest: {error}"));
    let mut uploads = Vec::new();
    let mut total = 0;
    for series in messages(request, 1).map_err(bad)? {
        let mut labels = Vec::new();
        for pair in messages(series, 1).map_err(bad)? {
            let text = |number| {
                Ok::<_, Refusal>(
                    String::from_utf8_lossy(messages(pair, number).map_err(bad)?.pop().unwrap_or_default())
                        .into_owned(),
                )
            };
            labels.push((text(1)?, text(2)?));
        }
        for sample in messages(series, 2).map_err(bad)? {
            let raw = messages(sample, 1).map_err(bad)?.pop().unwrap_or_default();
            let pprof =
                wire::pprof::read_body(raw, limit).map_err(|error| Refusal::bad(error.to_string()))?;
            total += pprof.len();
            if uploads.len() == PROFILES_MAX || total > limit {
                return Err(Refusal::new(Kind::TooLarge, "the request holds too many or too large profiles"));
            }
            uploads.push(
                PprofUpload { labels: labels.clone(), from_ns: 0, until_ns: 0, pprof: &pprof }.encode(),
            );
        }
    }
    Ok(uploads)
}

/// The length-delimited fields called `number`.
fn messages(message: &[u8], number: u32) -> Result<Vec<&[u8]>, wire::proto::Fault> {
    let mut found = Vec::new();
    let mut reader = Reader::new(message);
    while let Some(field) = reader.field()? {
        if let (true, Value::Bytes(bytes)) = (field.number == number, field.value) {
            found.push(bytes);
        }
    }
    Ok(found)
}
