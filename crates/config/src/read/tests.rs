//! Files that are fine, and every kind of mistake with its line and suggestion.

use limits::{ByteSize, Span};
use receivers::tenant::WithoutTenant;

use super::*;
use crate::settings::SecretSource;

#[test]
fn every_kind_of_value_is_read() {
    let text = "
server:
  http: 0.0.0.0:9090
  tls: { cert_file: a.crt, key_file: a.key }
  auth:
    users:
      ann: { file: /secrets/ann }
    tokens: [{ env: TOKEN }]
  cors:
    allowed_origins: https://app.example.com
  tenant_required: true
limits:
  query_timeout: 1m30s
  push_body: 5MB
  query_concurrency: 4
retention:
  logs: { age: 30d, size: 200GiB }
";
    let settings = settings("oriel.yaml", text).unwrap();
    assert_eq!(settings.server.http, "0.0.0.0:9090");
    assert_eq!(settings.server.otlp_grpc, "127.0.0.1:4317");
    assert_eq!(settings.server.users, [("ann".to_owned(), SecretSource::File("/secrets/ann".into()))]);
    assert_eq!(settings.server.tokens, [SecretSource::Env("TOKEN".into())]);
    assert_eq!(settings.server.cors.allowed_origins, ["https://app.example.com"]);
    assert_eq!(settings.server.without_tenant, WithoutTenant::Refuse);
    assert_eq!(settings.limits.queries.timeout.as_secs(), 90);
    assert_eq!(settings.limits.push_body, ByteSize(5_000_000));
    assert_eq!(settings.limits.queries.concurrency, 4);
    assert_eq!(
        (settings.retention.logs.age, settings.retention.logs.size),
        (Span::days(30), ByteSize::gib(200))
    );
}

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(settings("oriel.yaml", "").unwrap(), Settings::default());
    assert_eq!(settings("oriel.yaml", "server:\n").unwrap(), Settings::default());
}

#[test]
fn every_mistake_has_its_line_and_what_was_meant() {
    let check = |text: &str, want: &str| {
        let mistakes = settings("oriel.yaml", text).unwrap_err().to_string();
        assert!(mistakes.starts_with(want), "{mistakes:?} does not start with {want:?}");
    };
    check("server:\n  htpp: 1.2.3.4:5\n", "oriel.yaml:2: server.htpp: unknown field; did you mean http?");
    check("sever: {}\n", "oriel.yaml:1: sever: unknown field; did you mean server?");
    check("memory:\n  wings: 2\n", "oriel.yaml:2: memory.wings: unknown field; known here: budget");
    check("memory:\n  budget: lots\n", "oriel.yaml:2: memory.budget: not a valid size: \"lots\"");
    check(
        "limits:\n\n  query_timeout: 5\n",
        "oriel.yaml:3: limits.query_timeout: not a valid duration: \"5\"",
    );
    check(
        "limits: { query_concurrency: 0 }\n",
        "oriel.yaml:1: limits.query_concurrency: \"0\" is no whole number",
    );
    check("server:\n  http: 9090\n", "oriel.yaml:2: server.http: \"9090\" is no address");
    check(
        "server:\n  auth:\n    tokens:\n    - hunter2\n",
        "oriel.yaml:4: server.auth.tokens: a secret is named, not written",
    );
    check("server:\n  tls: { cert_file: a }\n", "oriel.yaml:1: server.tls: key_file is missing");
    check("log: { format: xml }\n", "oriel.yaml:1: log.format: \"xml\" is none of text, json");
    check("server: [1]\n", "oriel.yaml:1: server: ");
    check("a: b: c\n", "oriel.yaml:1: ");
    check(
        "memory: { budget: x }\nlog: { level: info, colour: red }\n",
        "oriel.yaml:1: memory.budget: not a valid size: \"x\"; write a number and a unit, like 64MiB, 500MB or 1GiB\noriel.yaml:2: log.colour: unknown field",
    );
}

#[test]
fn every_field_is_in_a_section_and_is_there_once() {
    for (place, field) in FIELDS.iter().enumerate() {
        let section = field.path.split('.').next().unwrap();
        assert!(crate::fields::SECTIONS.iter().any(|(name, _)| *name == section), "{}", field.path);
        assert!(
            FIELDS[..place].iter().all(|earlier| earlier.path != field.path),
            "{} is there twice",
            field.path
        );
    }
}
