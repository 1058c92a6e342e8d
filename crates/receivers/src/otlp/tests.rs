//! Both protocols against a sink that answers as told.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use limits::MemoryGuard;
use parking_lot::Mutex;
use pipeline::{Accepted, Batch, Consumer, Refused};
use telemetry::Registry;

use super::cors::Cors;
use super::http::OtlpHttp;
use super::*;
use crate::serve::Auth;
use model::Signal;

struct Told {
    answer: Result<Accepted, Refused>,
    seen: Mutex<Vec<Batch>>,
}

#[async_trait]
impl Consumer for Told {
    async fn consume(&self, batch: Batch) -> Result<Accepted, Refused> {
        self.seen.lock().push(batch);
        self.answer.clone()
    }
}

struct Still;

impl ports::Clock for Still {
    fn now_ms(&self) -> i64 {
        42
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

fn door(answer: Result<Accepted, Refused>) -> (OtlpDoor, Arc<Told>) {
    let told = Arc::new(Told { answer, seen: Mutex::default() });
    let runtime = tokio::runtime::Handle::current();
    let guard = MemoryGuard::new(1 << 30, Vec::new());
    let intake = Intake::new(told.clone(), runtime, Arc::new(Still), guard, Registry::new());
    let bounds = OtlpBounds { http_body_bytes_max: 64, grpc_message_bytes_max: 64 };
    (OtlpDoor { intake, bounds, without_tenant: WithoutTenant::Anonymous }, told)
}

struct Got {
    status: u16,
    retry_after: Option<String>,
    body: Vec<u8>,
}

async fn post(
    answer: Result<Accepted, Refused>,
    headers: &[(&str, &str)],
    body: &'static [u8],
) -> (Got, Arc<Told>) {
    let (door, told) = door(answer);
    let mut request = ::http::Request::post("/v1/logs");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from_static(body))).unwrap();
    let response = OtlpHttp::new(door, Auth::default(), Cors::default()).export(Signal::Logs, request).await;
    let status = response.status().as_u16();
    let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    let body = response.into_body().collect().await.unwrap().to_bytes().to_vec();
    (Got { status, retry_after, body }, told)
}

const PROTO: (&str, &str) = ("content-type", "application/x-protobuf; charset=utf-8");
const JSON: (&str, &str) = ("content-type", "application/json");

fn ok() -> Result<Accepted, Refused> {
    Ok(Accepted { items: 1, ..Accepted::default() })
}

#[tokio::test]
async fn a_request_becomes_a_batch_of_its_tenant() {
    let (got, told) = post(ok(), &[PROTO, ("x-scope-orgid", "team-a")], b"\x0a\x00").await;
    assert_eq!((got.status, got.body.as_slice()), (200, &b""[..]));
    let batch = told.seen.lock()[0].clone();
    assert_eq!((batch.tenant.as_str(), &*batch.body, batch.received_at_ms), ("team-a", &b"\x0a\x00"[..], 42));
}

#[tokio::test]
async fn an_empty_request_succeeds_without_the_pipeline() {
    let (got, told) = post(Err(Refused::Bad("never asked".into())), &[PROTO], b"").await;
    assert_eq!((got.status, told.seen.lock().len()), (200, 0));
}

#[tokio::test]
async fn refusals_have_the_codes_and_texts_of_the_collector() {
    let check = async |headers: &[(&str, &str)], body: &'static [u8], status: u16, text: &str| {
        let (got, told) = post(ok(), headers, body).await;
        let body = String::from_utf8_lossy(&got.body).into_owned();
        assert_eq!(got.status, status, "{body}");
        assert!(body.contains(text), "{body:?} does not hold {text:?}");
        assert!(told.seen.lock().is_empty());
    };
    let unsupported = "415 unsupported media type, supported: [application/json, application/x-protobuf]";
    check(&[], b"x", 415, unsupported).await;
    check(&[("content-type", "text/plain")], b"x", 415, unsupported).await;
    check(&[JSON, ("x-scope-orgid", "a/b")], b"{}", 401, "unsupported character").await;
    check(&[JSON, ("content-encoding", "br")], b"{}", 400, "unsupported Content-Encoding: br").await;
    check(&[JSON], &[b' '; 65], 413, r#"{"code":8,"message":"http: request body too large"}"#).await;
    check(&[PROTO, ("content-encoding", "gzip")], b"no gzip", 400, "\u{8}\u{3}\u{12}").await;
    check(&[JSON], b"{\"resourceLogs\":[", 400, r#"{"code":3,"message":"#).await;
}

#[tokio::test]
async fn the_pipelines_answer_becomes_the_protocols() {
    let partial = Ok(Accepted { items: 3, rejected: 2, message: "too old".into() });
    let (got, _) = post(partial.clone(), &[PROTO], b"\x0a\x00").await;
    assert_eq!((got.status, got.body.as_slice()), (200, &b"\x0a\x0b\x08\x02\x12\x07too old"[..]));
    let (got, _) = post(partial, &[JSON], b"{\"resourceLogs\":[{}]}").await;
    assert_eq!(got.body, br#"{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"too old"}}"#);

    let (got, _) = post(Err(Refused::Bad("bad record".into())), &[JSON], b"{\"resourceLogs\":[{}]}").await;
    assert_eq!((got.status, got.body.as_slice()), (400, &br#"{"code":3,"message":"bad record"}"#[..]));
    let wait = Some(Duration::from_millis(1200));
    let limited = Refused::Limited { reason: "too fast".into(), retry_after: wait };
    let (got, _) = post(Err(limited), &[PROTO], b"\x0a\x00").await;
    assert_eq!((got.status, got.retry_after.as_deref()), (429, Some("2")));
    let full = Refused::Unavailable { reason: "queue full".into(), retry_after: wait };
    let (got, _) = post(Err(full), &[PROTO], b"\x0a\x00").await;
    assert_eq!((got.status, got.retry_after.as_deref()), (503, Some("2")));
}
