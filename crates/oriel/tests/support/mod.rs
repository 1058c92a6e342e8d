//! What end-to-end tests share: telemetry with an id in it, ways to send it, ways to find the ids again.
#![allow(clippy::unwrap_used, reason = "a test says what failed by failing there")]
#![allow(dead_code, reason = "each test file uses its part of it")]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use model::{Compression, Signal};
use serde_json::{Value, json};
use testkit::{Client, Server};

pub const SIGNALS: [Signal; 3] = [Signal::Logs, Signal::Metrics, Signal::Traces];

pub fn start(data: &Path) -> Server {
    start_with(data, &[])
}

pub fn start_with(data: &Path, extra: &[&str]) -> Server {
    Server::start(Path::new(env!("CARGO_BIN_EXE_oriel")), data, extra)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Nanoseconds since 1970, for telemetry that is fresh.
#[expect(clippy::disallowed_methods, reason = "the test is a client in the real world")]
pub fn now_ns() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64
}

/// A trace id made of a text, so that it can be found again.
pub fn trace_id(id: &str) -> String {
    let mut hex: String = id.bytes().map(|byte| format!("{byte:02x}")).collect();
    hex.truncate(32);
    format!("{hex:0>32}")
}

/// One item of `signal` called `id`, as an OTLP/JSON request.
pub fn otlp_json(signal: Signal, id: &str) -> Value {
    let now = now_ns();
    let resource = json!({ "attributes": [{ "key": "service.name", "value": { "stringValue": "e2e" } }] });
    let attributes = json!([{ "key": "id", "value": { "stringValue": id } }]);
    match signal {
        Signal::Logs => json!({ "resourceLogs": [{ "resource": resource, "scopeLogs": [{ "logRecords": [
            { "timeUnixNano": now.to_string(), "severityNumber": 9, "body": { "stringValue": id } }] }] }] }),
        Signal::Metrics => {
            json!({ "resourceMetrics": [{ "resource": resource, "scopeMetrics": [{ "metrics": [
            { "name": "e2e_value", "gauge": { "dataPoints": [
                { "timeUnixNano": now.to_string(), "asDouble": 1.5, "attributes": attributes }] } }] }] }] })
        }
        Signal::Traces => json!({ "resourceSpans": [{ "resource": resource, "scopeSpans": [{ "spans": [
            { "traceId": trace_id(id), "spanId": "00000000000000aa", "name": id, "kind": 2, "attributes": attributes,
              "startTimeUnixNano": now.to_string(), "endTimeUnixNano": (now + 1_000_000).to_string() }] }] }] }),
        Signal::Profiles => unreachable!("profiles have a door of their own in these tests"),
    }
}

pub fn otlp_proto(signal: Signal, id: &str) -> Vec<u8> {
    let json = otlp_json(signal, id).to_string();
    wire::otlp::json::request_from_json(signal, json.as_bytes()).unwrap()
}

pub fn compressed(compression: Compression, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    wire::compress::compress(compression, None, body, &mut out);
    out
}

pub fn otlp_path(signal: Signal) -> &'static str {
    match signal {
        Signal::Logs => "/v1/logs",
        Signal::Metrics => "/v1/metrics",
        Signal::Traces => "/v1/traces",
        Signal::Profiles => "/v1development/profiles",
    }
}

/// Sends over OTLP/HTTP and gives the status code.
pub fn send_http(
    client: &mut Client,
    signal: Signal,
    content_type: &str,
    encoding: &str,
    body: &[u8],
) -> u16 {
    let mut headers = vec![("content-type", content_type)];
    if !encoding.is_empty() {
        headers.push(("content-encoding", encoding));
    }
    client.send("POST", otlp_path(signal), &headers, body).unwrap().status
}

/// A gRPC client for unary calls.
pub struct Grpc {
    runtime: tokio::runtime::Runtime,
    client: HttpClient<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
}

#[derive(Debug, PartialEq, Eq)]
pub struct GrpcAnswer {
    pub status: String,
    pub message: String,
    pub details: bool,
    pub body: Vec<u8>,
}

impl Grpc {
    pub fn new(address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = HttpClient::builder(TokioExecutor::new()).http2_only(true).build_http();
        Self { runtime, client, address }
    }

    pub fn export(&self, signal: Signal, encoding: &str, body: &[u8]) -> GrpcAnswer {
        let service = match signal {
            Signal::Logs => "logs.v1.LogsService",
            Signal::Metrics => "metrics.v1.MetricsService",
            Signal::Traces => "trace.v1.TraceService",
            Signal::Profiles => "profiles.v1development.ProfilesService",
        };
        let mut framed = vec![u8::from(!encoding.is_empty())];
        framed.extend((body.len() as u32).to_be_bytes());
        framed.extend(body);
        let headers: &[(&str, &str)] = if encoding.is_empty() { &[] } else { &[("grpc-encoding", encoding)] };
        self.call(&format!("/opentelemetry.proto.collector.{service}/Export"), headers, framed)
    }

    /// Sends `framed` as it is.
    pub fn call(&self, path: &str, headers: &[(&str, &str)], framed: Vec<u8>) -> GrpcAnswer {
        let mut request = http::Request::post(format!("http://{}{path}", self.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(framed))).unwrap();
        self.runtime.block_on(async {
            let response = self.client.request(request).await.unwrap();
            let (head, body) = response.into_parts();
            let body = body.collect().await.unwrap();
            let trailers = body.trailers().cloned().unwrap_or_default();
            let field = |name: &str| {
                let value = trailers.get(name).or_else(|| head.headers.get(name));
                value.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
            };
            GrpcAnswer {
                status: field("grpc-status"),
                message: field("grpc-message"),
                details: !field("grpc-status-details-bin").is_empty(),
                body: body.to_bytes().to_vec(),
            }
        })
    }
}

/// The ids of `signal` that the server gives back.
pub fn ids(server: &Server, signal: Signal, wanted: &BTreeSet<String>) -> BTreeSet<String> {
    let mut client = server.client();
    match signal {
        Signal::Logs => {
            let query = "/loki/api/v1/query_range?limit=5000&query=%7Bservice_name%3D%22e2e%22%7D";
            let answer = client.get(query).unwrap().json();
            let streams = answer["data"]["result"].as_array().unwrap();
            let lines = streams.iter().flat_map(|stream| stream["values"].as_array().unwrap());
            lines.map(|line| line[1].as_str().unwrap().to_owned()).collect()
        }
        Signal::Metrics => {
            let answer = client.get("/api/v1/query?query=e2e_value").unwrap().json();
            let found = answer["data"]["result"].as_array().unwrap_or_else(|| panic!("{answer}")).clone();
            found.iter().map(|series| series["metric"]["id"].as_str().unwrap().to_owned()).collect()
        }
        Signal::Traces => wanted
            .iter()
            .filter(|id| client.get(&format!("/tempo/api/traces/{}", trace_id(id))).unwrap().status == 200)
            .cloned()
            .collect(),
        Signal::Profiles => BTreeSet::new(),
    }
}
