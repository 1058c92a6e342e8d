//! Bad input, each with its specific error; nothing else stops working. And servers that cannot start.
#![allow(clippy::unwrap_used, reason = "a test says what failed by failing there")]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use model::{Compression, Signal};
use support::{Grpc, compressed, ids, otlp_json, otlp_proto, start};
use testkit::Client;

const PROTO: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");

/// Sends and checks the status code and a part of the body.
fn check(
    client: &mut Client,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    status: u16,
    part: &str,
) {
    let answer = client.send(method, path, headers, body).unwrap();
    let text = answer.text();
    assert_eq!(answer.status, status, "{method} {path} {headers:?}: {text}");
    assert!(text.contains(part), "{method} {path}: {text:?} does not hold {part:?}");
}

#[test]
fn bad_requests_are_refused_by_name_and_the_server_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let mut otlp = Client::new(server.otlp_http);
    let proto = otlp_proto(Signal::Logs, "x");
    let supported = "415 unsupported media type, supported: [application/json, application/x-protobuf]";
    let post = |otlp: &mut Client, headers: &[(&str, &str)], body: &[u8], status, part| {
        check(otlp, "POST", "/v1/logs", headers, body, status, part);
    };
    check(&mut otlp, "GET", "/v1/logs", &[], b"", 405, "405 method not allowed, supported: [POST]");
    check(&mut otlp, "POST", "/v1/nothing", &[PROTO], b"", 404, "404 page not found");
    post(&mut otlp, &[("content-type", "text/plain")], b"x", 415, supported);
    post(&mut otlp, &[PROTO], &proto[..proto.len() - 1], 400, "unexpected end of input");
    post(&mut otlp, &[PROTO], &[0xff; 64], 400, "malformed protobuf");
    post(&mut otlp, &[PROTO], &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], 400, "malformed protobuf");
    post(&mut otlp, &[JSON], b"{\"resourceLogs\":[{", 400, "\"code\":3");
    post(&mut otlp, &[JSON], b"[1]", 400, "\"code\":3");
    post(&mut otlp, &[JSON], "[".repeat(100_000).as_bytes(), 400, "\"code\":3");
    post(&mut otlp, &[PROTO, ("content-encoding", "gzip")], &proto, 400, "gzip");
    post(&mut otlp, &[PROTO, ("content-encoding", "br")], &proto, 400, "unsupported Content-Encoding: br");
    let cut = compressed(Compression::Zstd, &proto);
    post(&mut otlp, &[PROTO, ("content-encoding", "zstd")], &cut[..cut.len() - 2], 400, "zstd");
    let bomb = compressed(Compression::Gzip, &vec![0; 64 << 20]);
    post(&mut otlp, &[PROTO, ("content-encoding", "gzip")], &bomb, 413, "http: request body too large");
    post(&mut otlp, &[PROTO], &vec![0; (20 << 20) + 1], 413, "http: request body too large");
    post(&mut otlp, &[PROTO, ("x-scope-orgid", "a/b")], &proto, 401, "unsupported character");
    let short_id = otlp_json(Signal::Traces, "x").to_string().replace(&support::trace_id("x"), "abcd");
    check(&mut otlp, "POST", "/v1/traces", &[JSON], short_id.as_bytes(), 400, "\"code\":3");

    check_queries(&mut server.client());
    check_pushes(&mut server.client());
    let sent = std::collections::BTreeSet::from(["after".to_owned()]);
    assert_eq!(
        support::send_http(&mut otlp, Signal::Logs, PROTO.1, "", &otlp_proto(Signal::Logs, "after")),
        200
    );
    assert_eq!(ids(&server, Signal::Logs, &sent), sent);
}

fn check_queries(query: &mut Client) {
    for (path, status, part) in [
        ("/api/v1/query?query=up%7B", 400, "\"errorType\":\"bad_data\""),
        ("/api/v1/query", 400, "invalid parameter \\\"query\\\""),
        ("/api/v1/query_range?query=up&start=0&end=1e6&step=0", 400, "zero or negative query resolution"),
        (
            "/api/v1/query_range?query=up&start=0&end=1e6&step=1",
            400,
            "exceeded maximum resolution of 11,000 points",
        ),
        ("/api/v1/query?query=up&time=yesterday", 400, "cannot parse \\\"yesterday\\\" to a valid timestamp"),
        ("/api/v1/series", 400, "no match[] parameter provided"),
        ("/api/v1/nothing", 404, "404 page not found"),
        ("/loki/api/v1/query_range?query=%7Ba%3D", 400, "parse error at line 1, col 4"),
        (
            "/loki/api/v1/query_range?query=%7Ba%3D%22b%22%7D&limit=6000",
            400,
            "max entries limit per query exceeded",
        ),
        (
            "/loki/api/v1/query?query=%7Ba%3D%22b%22%7D",
            400,
            "log queries are not supported as an instant query type",
        ),
        ("/tempo/api/traces/xyz", 400, "trace IDs can only contain hex characters"),
        ("/tempo/api/traces/00000000000000000000000000000001", 404, "trace not found"),
        ("/jaeger/api/traces", 400, "parameter 'service' is required"),
    ] {
        check(query, "GET", path, &[], b"", status, part);
    }
}

fn check_pushes(push: &mut Client) {
    check(push, "POST", "/loki/api/v1/push", &[JSON], b"{\"streams\":[{}", 400, "");
    check(push, "POST", "/loki/api/v1/push", &[PROTO], b"not snappy", 400, "snappy");
    let gzip = ("content-encoding", "gzip");
    check(push, "POST", "/api/v1/write", &[PROTO, gzip], b"x", 415, "snappy is acceptable");
    check(push, "POST", "/api/v1/write", &[PROTO], b"\xff\xff\xff\xff\x7f", 400, "snappy");
    let ingest = "/pyroscope/ingest?name=app";
    check(push, "POST", "/pyroscope/ingest", &[], b"x", 400, "query parameter \"name\" is required");
    check(push, "POST", &format!("{ingest}&format=pprof"), &[], b"\xff\xff", 400, "");
    check(push, "POST", &format!("{ingest}&format=jfr"), &[], b"x", 400, "format \"jfr\" is not taken");
    check(push, "POST", &format!("{ingest}&from=soon"), &[], b"a;b 1", 400, "is no time");
}

#[test]
fn bad_calls_have_their_grpc_status() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let grpc = Grpc::new(server.otlp_grpc);
    let export = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
    let check = |path: &str, headers: &[(&str, &str)], body: &[u8], status: &str, part: &str| {
        let answer = grpc.call(path, headers, body.to_vec());
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.message.contains(part), "{answer:?}");
    };
    check("/grpc.health.v1.Health/Check", &[], b"\0\0\0\0\0", "0", "");
    check("/grpc.health.v1.Health/Watch", &[], b"\0\0\0\0\0", "12", "unknown method Watch");
    check("/a.B/C", &[], b"\0\0\0\0\0", "12", "unknown service a.B");
    check(export, &[], b"", "13", "ends before its message");
    check(export, &[], b"\0\0\0\0\x05ab", "13", "ends within its message");
    check(export, &[], b"\0\x7f\xff\xff\xffab", "8", "received message larger than max");
    check(export, &[], b"\0\0\0\0\x02\xff\xff", "3", "malformed protobuf");
    check(export, &[("grpc-encoding", "br")], b"\x01\0\0\0\x02ab", "12", "Decompressor is not installed");
    check(export, &[("grpc-encoding", "gzip")], b"\x01\0\0\0\x02ab", "3", "gzip");
    check(export, &[("x-scope-orgid", "a/b")], b"\0\0\0\0\0", "16", "unsupported character");
    check(export, &[("grpc-timeout", "soon")], b"\0\0\0\0\0", "13", "malformed grpc-timeout");
    check(export, &[], b"\0\0\0\0\0", "0", "");
}

fn try_serve(arguments: &[&str]) -> Output {
    let free = ["--http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0"];
    let defaults = free.chunks(2).filter(|pair| !arguments.contains(&pair[0])).flatten();
    Command::new(env!("CARGO_BIN_EXE_oriel")).arg("serve").args(defaults).args(arguments).output().unwrap()
}

fn fails_with(output: &Output, part: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains(part), "{error:?} does not hold {part:?}");
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let same_data = dir.path().to_str().unwrap();
    fails_with(&try_serve(&["--data", same_data]), "is in use by another oriel");

    let other = tempfile::tempdir().unwrap();
    let other_data = other.path().to_str().unwrap();
    let taken = server.http.to_string();
    fails_with(
        &try_serve(&["--data", other_data, "--http", &taken]),
        "is in use by another program: stop it, or choose another address with --http",
    );
    fails_with(
        &try_serve(&["--data", other_data, "--otlp-grpc", "nowhere:x"]),
        "cannot listen on nowhere:x for OTLP/gRPC",
    );

    server.kill();
    write(&dir.path().join("VERSION"), "999\n");
    fails_with(&try_serve(&["--data", same_data]), "was written by a newer version of oriel");
}

#[expect(clippy::disallowed_methods, reason = "the test plays a newer version")]
fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}
