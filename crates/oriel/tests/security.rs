//! Authentication by configuration on every door, and secrets that change while the server runs.
#![allow(clippy::unwrap_used, reason = "a test says what failed by failing there")]

mod support;

use std::path::Path;
use std::process::Command;

use model::Signal;
use support::{Grpc, otlp_proto, start_with};
use testkit::{Client, Server};

#[expect(clippy::disallowed_methods, reason = "the test is the operator")]
fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

fn configured(dir: &Path) -> Server {
    let (config, token) = (dir.join("oriel.yaml"), dir.join("token"));
    write(&token, "first\n");
    write(&config, &format!("server:\n  auth:\n    tokens: [{{ file: {} }}]\n", token.display()));
    start_with(&dir.join("data"), &["--config", config.to_str().unwrap()])
}

fn status(client: &mut Client, method: &str, path: &str, token: &str, body: &[u8]) -> u16 {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("content-type", "application/x-protobuf")];
    if !token.is_empty() {
        headers.push(("authorization", &bearer));
    }
    client.send(method, path, &headers, body).unwrap().status
}

#[test]
fn every_door_asks_for_the_token() {
    let dir = tempfile::tempdir().unwrap();
    let server = configured(dir.path());
    let (mut common, mut otlp) = (server.client(), Client::new(server.otlp_http));
    let body = otlp_proto(Signal::Logs, "x");
    let doors = [
        "/-/ready",
        "/metrics",
        "/",
        "/api/v1/labels",
        "/loki/api/v1/labels",
        "/tempo/api/echo",
        "/jaeger/api/services",
        "/pyroscope/label-names",
        "/oriel/api/v1/status",
    ];
    for path in doors {
        assert_eq!(status(&mut common, "GET", path, "", b""), 401, "{path}");
        assert_eq!(status(&mut common, "GET", path, "wrong", b""), 401, "{path}");
        assert_eq!(status(&mut common, "GET", path, "first", b""), 200, "{path}");
    }
    for path in ["/otlp/v1/logs", "/api/v1/write", "/loki/api/v1/push", "/pyroscope/ingest"] {
        assert_eq!(status(&mut common, "POST", path, "", &body), 401, "{path}");
    }
    assert_eq!(status(&mut otlp, "POST", "/v1/logs", "", &body), 401);
    assert_eq!(status(&mut otlp, "POST", "/v1/logs", "first", &body), 200);
    let grpc = Grpc::new(server.otlp_grpc);
    assert_eq!(grpc.export(Signal::Logs, "", &body).status, "16");
    let mut framed = vec![0; 5];
    framed[1..].copy_from_slice(&(body.len() as u32).to_be_bytes());
    framed.extend(&body);
    let path = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
    assert_eq!(grpc.call(path, &[("authorization", "Bearer first")], framed).status, "0");
}

#[test]
fn a_new_token_is_known_after_a_hang_up() {
    let dir = tempfile::tempdir().unwrap();
    let server = configured(dir.path());
    let mut client = server.client();
    write(&dir.path().join("token"), "second\n");
    assert_eq!(status(&mut client, "GET", "/-/ready", "second", b""), 401);
    assert!(Command::new("kill").args(["-HUP", &server.pid().to_string()]).status().unwrap().success());
    // The signal is handled on its own time; each question is a round trip, and the deadline is the test's own.
    let known = (0..20_000).any(|_| status(&mut client, "GET", "/-/ready", "second", b"") == 200);
    assert!(known);
    assert_eq!(status(&mut client, "GET", "/-/ready", "first", b""), 401);
}

#[test]
fn a_configuration_that_is_wrong_is_refused_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("oriel.yaml");
    write(&config, "server:\n  htpp: 127.0.0.1:1\nmemory:\n  budget: lots\n");
    for arguments in [vec!["check", "config"], vec!["serve", "--config"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_oriel")).args(arguments).arg(&config).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success());
        assert!(error.contains("oriel.yaml:2: server.htpp: unknown field; did you mean http?"), "{error}");
        assert!(error.contains("oriel.yaml:4: memory.budget: not a valid size"), "{error}");
    }
    write(&config, "memory: { budget: 1GiB }\n");
    let output =
        Command::new(env!("CARGO_BIN_EXE_oriel")).args(["check", "config"]).arg(&config).output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("is fine"));
}
