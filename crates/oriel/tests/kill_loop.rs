//! `kill -9` again and again while telemetry comes in: whatever was acknowledged is there afterwards, once; nothing is there that was not sent.
//!
//! A ledger holds the ids of everything sent and everything acknowledged. No id is ever sent twice, so each may be read back at most once,
//! and each acknowledged one exactly once. The kill comes after a drawn number of acknowledgements, not after a time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, sync_channel};

use serde_json::{Value, json};
use stdx::random::Random;
use testkit::{Client, Server};

/// `ORIEL_KILLS` asks for more in a long run, or fewer while working on this test.
const KILLS_DEFAULT: u64 = 100;
const ITEMS_PER_BATCH: u64 = 20;
/// Times of items: an hour of nanoseconds ending now, so that no limit on age or future gets in the way.
const SPACING_NS: u64 = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Logs,
    Traces,
    Metrics,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Logs, Self::Traces, Self::Metrics];

    fn path(self) -> &'static str {
        match self {
            Self::Logs => "/v1/logs",
            Self::Traces => "/v1/traces",
            Self::Metrics => "/v1/metrics",
        }
    }

    /// An OTLP/JSON request with the items `first .. first + ITEMS_PER_BATCH`.
    fn body(self, base_ns: u64, first: u64) -> Value {
        let at = |id: u64| (base_ns + id * SPACING_NS).to_string();
        let ids = first..first + ITEMS_PER_BATCH;
        let resource =
            json!({ "attributes": [{ "key": "service.name", "value": { "stringValue": "killed" } }] });
        match self {
            Self::Logs => {
                let records: Vec<_> = ids.map(|id| json!({ "timeUnixNano": at(id), "body": { "stringValue": format!("item={id}") } })).collect();
                json!({ "resourceLogs": [{ "resource": resource, "scopeLogs": [{ "logRecords": records }] }] })
            }
            Self::Traces => {
                let span = |id: u64| {
                    json!({
                        "traceId": trace_id(first), "spanId": format!("{:016x}", id + 1), "name": "killed", "kind": 2,
                        "startTimeUnixNano": at(id), "endTimeUnixNano": at(id + 1),
                    })
                };
                let spans: Vec<_> = ids.map(span).collect();
                json!({ "resourceSpans": [{ "resource": resource, "scopeSpans": [{ "spans": spans }] }] })
            }
            Self::Metrics => {
                // One series a batch, so that order between batches does not matter; a millisecond between its samples.
                let point = |id: u64| {
                    json!({ "timeUnixNano": (base_ns / 1_000_000 * 1_000_000 + (id - first) * 1_000_000).to_string(), "asDouble": id as f64,
                        "attributes": [{ "key": "batch", "value": { "stringValue": first.to_string() } }] })
                };
                let points: Vec<_> = ids.map(point).collect();
                json!({ "resourceMetrics": [{ "resource": resource, "scopeMetrics": [{ "metrics": [{ "name": "killed", "gauge": { "dataPoints": points } }] }] }] })
            }
        }
    }
}

fn trace_id(first: u64) -> String {
    format!("{:032x}", u128::from(first) + 1)
}

/// First ids of batches.
#[derive(Default)]
struct Ledger {
    sent: BTreeSet<u64>,
    acknowledged: BTreeSet<u64>,
}

/// Sends batches until the server is gone.
fn send(
    kind: Kind,
    address: SocketAddr,
    base_ns: u64,
    next: &AtomicU64,
    acknowledged: &SyncSender<()>,
) -> Ledger {
    let mut ledger = Ledger::default();
    let mut client = Client::new(address);
    loop {
        let first = next.fetch_add(ITEMS_PER_BATCH, Relaxed);
        let body = kind.body(base_ns, first).to_string();
        ledger.sent.insert(first);
        match client.send("POST", kind.path(), &[("content-type", "application/json")], body.as_bytes()) {
            Ok(response) if response.status == 200 => {
                assert!(
                    !response.text().contains("partialSuccess\":{\"rej"),
                    "{kind:?}: {}",
                    response.text()
                );
                ledger.acknowledged.insert(first);
                // Nobody listens any more once the kill is on its way.
                let _ = acknowledged.send(());
            }
            Ok(response) if response.status == 503 => {}
            Ok(response) => panic!("{kind:?}: {} {}", response.status, response.text()),
            Err(_) => return ledger,
        }
    }
}

fn one_life(
    data: &Path,
    base_ns: u64,
    next: &AtomicU64,
    acks_until_kill: u64,
    ledgers: &mut BTreeMap<Kind, Ledger>,
) {
    let server = Server::start(Path::new(env!("CARGO_BIN_EXE_oriel")), data, &[])
        .expect("starts on whatever the kill left");
    let address = server.otlp_http;
    let (sender, receiver) = sync_channel(1024);
    std::thread::scope(|scope| {
        let workers = Kind::ALL.map(|kind| {
            let sender = sender.clone();
            (kind, scope.spawn(move || send(kind, address, base_ns, next, &sender)))
        });
        for _ in 0..acks_until_kill {
            receiver.recv().expect("senders run until the server is gone");
        }
        server.kill();
        drop(receiver);
        for (kind, worker) in workers {
            let ledger = worker.join().expect("a sender does not panic");
            let all = ledgers.entry(kind).or_default();
            all.sent.extend(ledger.sent);
            all.acknowledged.extend(ledger.acknowledged);
        }
    });
}

#[test]
fn what_was_acknowledged_survives_a_hundred_kills() {
    let data = tempfile::tempdir().expect("a directory for the test");
    let mut random = Random::new(9);
    let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_nanos() as u64;
    let base_ns = now - 1_800_000_000_000;
    let next = AtomicU64::new(0);
    let mut ledgers = BTreeMap::new();
    let kills =
        std::env::var("ORIEL_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS_DEFAULT);
    for _ in 0..kills {
        one_life(data.path(), base_ns, &next, 1 + random.below(25), &mut ledgers);
    }
    let server =
        Server::start(Path::new(env!("CARGO_BIN_EXE_oriel")), data.path(), &[]).expect("starts a last time");
    let mut client = server.client();
    check("logs", &ledgers[&Kind::Logs], &read_logs(&mut client, base_ns, next.load(Relaxed)));
    check("traces", &ledgers[&Kind::Traces], &read_traces(&mut client, &ledgers[&Kind::Traces]));
    check("metrics", &ledgers[&Kind::Metrics], &read_metrics(&mut client, now));
    assert_eq!(server.stop(), Some(0), "a graceful stop");
}

/// How often each item was read.
type Read = BTreeMap<u64, u64>;

fn check(name: &str, ledger: &Ledger, read: &Read) {
    let items = |batches: &BTreeSet<u64>| -> BTreeSet<u64> {
        batches.iter().flat_map(|first| *first..*first + ITEMS_PER_BATCH).collect()
    };
    let (sent, acknowledged) = (items(&ledger.sent), items(&ledger.acknowledged));
    let lost: Vec<_> = acknowledged.iter().filter(|id| !read.contains_key(id)).take(5).collect();
    assert!(lost.is_empty(), "{name}: acknowledged and lost: {lost:?} of {}", acknowledged.len());
    let twice: Vec<_> = read.iter().filter(|(_, count)| **count > 1).take(5).collect();
    assert!(twice.is_empty(), "{name}: read more than once: {twice:?}");
    let made_up: Vec<_> = read.keys().filter(|id| !sent.contains(id)).take(5).collect();
    assert!(made_up.is_empty(), "{name}: never sent: {made_up:?}");
    assert!(
        acknowledged.len() as u64 > ITEMS_PER_BATCH,
        "{name}: the test has sent too little to prove anything"
    );
}

fn read_logs(client: &mut Client, base_ns: u64, end_id: u64) -> Read {
    const PAGE: usize = 5000;
    let (mut read, mut start) = (Read::new(), base_ns);
    let end = base_ns + (end_id + 1) * SPACING_NS;
    loop {
        let path = format!(
            "/loki/api/v1/query_range?query=%7Bservice_name%3D%22killed%22%7D&start={start}&end={end}&limit={PAGE}&direction=forward"
        );
        let answer = client.get(&path).expect("the server answers").json();
        let mut count = 0;
        for stream in answer["data"]["result"].as_array().expect("streams") {
            for value in stream["values"].as_array().expect("values") {
                let (time, line) = (value[0].as_str().expect("a time"), value[1].as_str().expect("a line"));
                let id =
                    line.strip_prefix("item=").and_then(|id| id.parse().ok()).expect("a line that was sent");
                *read.entry(id).or_default() += 1;
                start = start.max(time.parse::<u64>().expect("nanoseconds") + 1);
                count += 1;
            }
        }
        if count < PAGE {
            return read;
        }
    }
}

fn read_traces(client: &mut Client, ledger: &Ledger) -> Read {
    let mut read = Read::new();
    for first in &ledger.sent {
        let response =
            client.get(&format!("/jaeger/api/traces/{}", trace_id(*first))).expect("the server answers");
        if response.status == 404 {
            continue;
        }
        for span in response.json()["data"][0]["spans"].as_array().expect("spans") {
            let id =
                u64::from_str_radix(span["spanID"].as_str().expect("an id"), 16).expect("hexadecimal") - 1;
            *read.entry(id).or_default() += 1;
        }
    }
    read
}

fn read_metrics(client: &mut Client, now_ns: u64) -> Read {
    let time = now_ns / 1_000_000_000;
    let answer = client
        .get(&format!("/api/v1/query?query=killed%5B1h%5D&time={time}"))
        .expect("the server answers")
        .json();
    let mut read = Read::new();
    for series in answer["data"]["result"].as_array().unwrap_or_else(|| panic!("series, not {answer}")) {
        for value in series["values"].as_array().expect("values") {
            let id: f64 = value[1].as_str().and_then(|value| value.parse().ok()).expect("a number");
            *read.entry(id as u64).or_default() += 1;
        }
    }
    read
}
