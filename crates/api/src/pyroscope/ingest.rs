//! `POST /ingest?name=APP{labels}&from=&until=&format=`: one profile a request, in pprof or folded text, bare or as a part of a form.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Request, header};
use model::{Compression, Format, Signal};
use profiles::PprofUpload;
use profiles::profile_type::{NAME, SERVICE_NAME};
use receivers::Offer;
use receivers::body::{self, Held};

use super::key::{Key, measured};
use super::{multipart, time};
use crate::answer::{Accepts, Answer};
use crate::doors::{Doors, Family, tenant};
use crate::params::Params;
use crate::push::{body_refusal, refusal_of};
use crate::refusal::{Kind, Refusal};

/// Folded stacks without a rate are counts of samples at this rate, as agents take them.
const SAMPLE_RATE_DEFAULT: u64 = 100;

pub async fn ingest(State(doors): State<Arc<Doors>>, request: Request<Body>) -> Response {
    let answer = match take(&doors, request).await {
        Ok(()) => Answer::text(""),
        Err(refusal) => Family::Loki.refuse(&refusal),
    };
    answer.into_response(Accepts::Plain)
}

async fn take(doors: &Doors, request: Request<Body>) -> Result<(), Refusal> {
    let (head, body) = request.into_parts();
    let tenant = tenant(doors, &head.headers)?;
    let limit = doors.push_bytes_max;
    let Held { bytes, reservations } =
        body::read(body, limit, doors.intake.guard()).await.map_err(|error| body_refusal(&error))?;
    let params = Params::new(head.uri.query(), b"");
    let now_ns = doors.clock.now_ms().saturating_mul(1_000_000);
    let work = move || upload(&params, &head.headers, &bytes, limit, now_ns);
    let batch = tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Refusal::new(Kind::Internal, "internal error while processing the request"))??;
    let held = Held { bytes: batch.into(), reservations };
    let (format, compression) = (Format::Pprof, Compression::None);
    let offer = Offer { tenant, signal: Signal::Profiles, format, compression, held, body_bytes_max: limit };
    doors.intake.offer(offer).await.map_err(|not_taken| refusal_of(&not_taken))?;
    Ok(())
}

/// The body of a batch.
fn upload(
    params: &Params,
    headers: &HeaderMap,
    body: &[u8],
    limit: usize,
    now_ns: i64,
) -> Result<Vec<u8>, Refusal> {
    let key =
        Key::parse(params.get("name").ok_or_else(|| Refusal::bad("query parameter \"name\" is required"))?)?;
    let at = |name: &str, default_ns: i64| {
        let bad = |text: &str| Refusal::bad(format!("query parameter {name:?} is no time: {text:?}"));
        params.get(name).map_or(Ok(default_ns), |text| time::parse(text, now_ns).ok_or_else(|| bad(text)))
    };
    let (from_ns, until_ns) = (at("from", now_ns)?, at("until", now_ns)?);
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let parts = multipart::boundary(content_type).map(|boundary| multipart::parts(body, boundary));
    let profile = match &parts {
        None => body,
        Some(parts) => {
            if parts.iter().any(|(name, _)| name == "prev_profile") {
                return Err(Refusal::bad(
                    "cumulative profiles (prev_profile) are not taken: send the difference",
                ));
            }
            let found = parts.iter().find(|(name, _)| name == "profile");
            found.ok_or_else(|| Refusal::bad("the form has no part called \"profile\""))?.1
        }
    };
    let format = params.get("format").unwrap_or(if parts.is_some() { "pprof" } else { "folded" });
    let mut labels = key.labels;
    let pprof = match format {
        "pprof" => {
            labels.push((SERVICE_NAME.into(), key.application));
            wire::pprof::read_body(profile, limit).map_err(|error| Refusal::bad(error.to_string()))?
        }
        "folded" | "groups" | "collapsed" => {
            let (service, name, kind, unit) = measured(&key.application)?;
            labels.push((SERVICE_NAME.into(), service.to_owned()));
            labels.push((NAME.into(), name.to_owned()));
            folded(profile, kind, unit, params)?
        }
        other => return Err(Refusal::bad(format!("format {other:?} is not taken: send pprof or folded"))),
    };
    Ok(PprofUpload { labels, from_ns, until_ns, pprof: &pprof }.encode())
}

/// Counts of samples become what they stand for: nanoseconds at the sample rate.
fn folded(text: &[u8], kind: &str, unit: &str, params: &Params) -> Result<Vec<u8>, Refusal> {
    let text = std::str::from_utf8(text).map_err(|_| Refusal::bad("folded stacks are not valid UTF-8"))?;
    let mut profile =
        wire::pprof::parse_folded(text, kind, unit).map_err(|error| Refusal::bad(error.to_string()))?;
    let rate = params.parse::<u64>("sampleRate", "a number")?.unwrap_or(SAMPLE_RATE_DEFAULT).max(1);
    // The type of a profile has its period in it; for folded stacks, that is what is counted.
    profile.period_type = profile.sample_types[0];
    if unit == "nanoseconds" && params.get("units").unwrap_or("samples") == "samples" {
        let per_sample = i64::try_from(1_000_000_000 / rate).unwrap_or(i64::MAX);
        profile.period = per_sample;
        for sample in &mut profile.samples {
            sample.values.iter_mut().for_each(|value| *value = value.saturating_mul(per_sample));
        }
    }
    Ok(profile.encode())
}
