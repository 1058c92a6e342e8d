//! Every signal over every protocol, read back through its API, before and after a kill.
#![allow(clippy::unwrap_used, reason = "a test says what failed by failing there")]

mod support;

use std::collections::BTreeSet;
use std::sync::mpsc::sync_channel;

use model::{Compression, Signal};
use support::{Grpc, SIGNALS, compressed, ids, otlp_json, otlp_proto, send_http, start};
use testkit::Client;

#[test]
fn every_signal_over_every_protocol_is_read_back_and_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let mut http = Client::new(server.otlp_http);
    let mut common = server.client();
    let grpc = Grpc::new(server.otlp_grpc);
    let mut sent = BTreeSet::new();
    let mut id = |name: &str| {
        sent.insert(name.to_owned());
        name.to_owned()
    };
    for signal in SIGNALS {
        let (proto, json) = ("application/x-protobuf", "application/json");
        let plain = otlp_proto(signal, &id("http-plain"));
        assert_eq!(send_http(&mut http, signal, proto, "", &plain), 200);
        for (encoding, compression) in
            [("gzip", Compression::Gzip), ("zstd", Compression::Zstd), ("deflate", Compression::Deflate)]
        {
            let body = otlp_proto(signal, &id(&format!("http-{encoding}")));
            assert_eq!(
                send_http(&mut http, signal, proto, encoding, &compressed(compression, &body)),
                200,
                "{encoding}"
            );
            let body = otlp_proto(signal, &id(&format!("grpc-{encoding}")));
            let answer = grpc.export(signal, encoding, &compressed(compression, &body));
            assert_eq!((answer.status.as_str(), answer.message.as_str()), ("0", ""), "{encoding}");
        }
        let body = otlp_json(signal, &id("json")).to_string();
        assert_eq!(send_http(&mut http, signal, json, "", body.as_bytes()), 200);
        let answer = grpc.export(signal, "", &otlp_proto(signal, &id("grpc-plain")));
        assert_eq!((answer.status.as_str(), answer.body.as_slice()), ("0", &[0; 5][..]));
        let path = format!("/otlp{}", support::otlp_path(signal));
        let body = otlp_proto(signal, &id("common-port"));
        assert_eq!(common.post(&path, proto, &body).unwrap().status, 200);
    }
    for signal in SIGNALS {
        assert_eq!(ids(&server, signal, &sent), sent, "{signal}");
    }
    server.kill();
    let server = start(dir.path());
    for signal in SIGNALS {
        assert_eq!(ids(&server, signal, &sent), sent, "{signal} after a kill");
    }
    assert_eq!(server.stop(), Some(0));
    let server = start(dir.path());
    for signal in SIGNALS {
        assert_eq!(ids(&server, signal, &sent), sent, "{signal} after a graceful stop");
    }
}

#[test]
fn what_was_acknowledged_before_a_kill_in_the_middle_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let address = server.otlp_http;
    let (acknowledge, acknowledged) = sync_channel::<(Signal, String)>(10_000);
    let senders: Vec<_> = SIGNALS
        .into_iter()
        .map(|signal| {
            let acknowledge = acknowledge.clone();
            std::thread::spawn(move || {
                let mut client = Client::new(address);
                for number in 0.. {
                    let id = format!("{number}");
                    let body = otlp_proto(signal, &id);
                    let answer = client.post(support::otlp_path(signal), "application/x-protobuf", &body);
                    match answer {
                        Ok(answer) if answer.status == 200 => acknowledge.send((signal, id)).unwrap(),
                        _ => return,
                    }
                }
            })
        })
        .collect();
    drop(acknowledge);
    let mut ledger: Vec<(Signal, String)> = (0..150).map(|_| acknowledged.recv().unwrap()).collect();
    server.kill();
    ledger.extend(acknowledged);
    senders.into_iter().for_each(|sender| sender.join().unwrap());

    let server = start(dir.path());
    for signal in SIGNALS {
        let wanted: BTreeSet<String> =
            ledger.iter().filter(|(of, _)| *of == signal).map(|(_, id)| id.clone()).collect();
        let found = ids(&server, signal, &wanted);
        let lost: Vec<_> = wanted.difference(&found).collect();
        assert!(lost.is_empty(), "{signal}: {} acknowledged, lost {lost:?}", wanted.len());
    }
}

#[test]
fn tenants_do_not_see_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let mut client = server.client();
    let proto = ("content-type", "application/x-protobuf");
    for tenant in ["team-a", "team-b"] {
        for signal in SIGNALS {
            let path = format!("/otlp{}", support::otlp_path(signal));
            let answer =
                client.send("POST", &path, &[proto, ("x-scope-orgid", tenant)], &otlp_proto(signal, tenant));
            assert_eq!(answer.unwrap().status, 200);
        }
    }
    let mut get =
        |tenant: &str, path: &str| client.send("GET", path, &[("x-scope-orgid", tenant)], b"").unwrap();
    let logs = "/loki/api/v1/query_range?query=%7Bservice_name%3D%22e2e%22%7D";
    for (own, other) in [("team-a", "team-b"), ("team-b", "team-a")] {
        for path in [logs, "/api/v1/query?query=e2e_value", "/jaeger/api/traces?service=e2e"] {
            let text = get(own, path).text();
            assert!(text.contains(own) && !text.contains(other), "{path} of {own}: {text}");
        }
        assert_eq!(get(own, &format!("/tempo/api/traces/{}", support::trace_id(other))).status, 404);
    }
    for signal in SIGNALS {
        assert!(
            ids(&server, signal, &BTreeSet::from(["team-a".to_owned()])).is_empty(),
            "{signal} of anonymous"
        );
    }
}

#[test]
fn profiles_are_merged_and_survive_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let mut client = server.client();
    let push = |client: &mut Client, name: &str, stacks: &str| {
        let path = format!("/pyroscope/ingest?name=shop.cpu%7Bid%3D{name}%7D&format=folded&sampleRate=100");
        assert_eq!(client.post(&path, "text/plain", stacks.as_bytes()).unwrap().status, 200);
    };
    push(&mut client, "one", "main;serve;parse 3\nmain;serve 1\n");
    push(&mut client, "two", "main;serve;parse 2\n");
    let query = "process_cpu%3Acpu%3Ananoseconds%3Acpu%3Ananoseconds%7Bservice_name%3D%22shop%22%7D";
    let read = |client: &mut Client| {
        let ids = client.get("/pyroscope/label-values?label=id").unwrap().json();
        assert_eq!(ids, serde_json::json!(["one", "two"]));
        let flame =
            client.get(&format!("/pyroscope/render?query={query}&from=now-1h&until=now")).unwrap().json();
        assert_eq!(
            flame["flamebearer"]["names"],
            serde_json::json!(["total", "main", "serve", "parse"]),
            "{flame}"
        );
        assert_eq!(flame["flamebearer"]["numTicks"], 60_000_000);
        assert_eq!(
            flame["flamebearer"]["levels"][3],
            serde_json::json!([10_000_000, 50_000_000, 50_000_000, 3])
        );
        let now_ms = support::now_ns() / 1_000_000;
        let ask = serde_json::json!({
            "profileTypeID": "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
            "labelSelector": "{service_name=\"shop\"}",
            "start": now_ms - 3_600_000,
            "end": now_ms + 1000,
        });
        let path = "/pyroscope/querier.v1.QuerierService/SelectMergeStacktraces";
        let graph = client.post(path, "application/json", ask.to_string().as_bytes()).unwrap().json();
        assert_eq!(graph["flamegraph"]["names"], flame["flamebearer"]["names"], "{graph}");
        assert_eq!(graph["flamegraph"]["total"], "60000000");
        let pprof = client.get(&format!("/pyroscope/render?query={query}&format=pprof")).unwrap();
        let merged =
            wire::pprof::Profile::decode(&wire::pprof::read_body(&pprof.body, 1 << 20).unwrap()).unwrap();
        let total: i64 = merged.samples.iter().map(|sample| sample.values[0]).sum();
        assert_eq!(total, 60_000_000);
    };
    read(&mut client);
    server.kill();
    let server = start(dir.path());
    read(&mut server.client());
}
