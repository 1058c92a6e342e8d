//! Plans that build, how batches flow through them, and plans that are refused.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::*;
use crate::batch::tests::batch;
use crate::batch::{Accepted, Batch, Consumer, Refused};

type Trail = Arc<Mutex<Vec<String>>>;

/// Writes its name down and passes the batch on, or accepts it at the end.
struct Stop {
    name: String,
    trail: Trail,
    next: Option<Sink>,
}

#[async_trait]
impl Consumer for Stop {
    async fn consume(&self, batch: Batch) -> Result<Accepted, Refused> {
        self.trail.lock().unwrap().push(self.name.clone());
        match &self.next {
            Some(next) => next.consume(batch).await,
            None => Ok(Accepted { items: 1, ..Accepted::default() }),
        }
    }
}

#[derive(Default)]
struct Stops {
    trail: Trail,
    made: Vec<String>,
}

impl Stops {
    fn make(&mut self, name: String, next: Option<Sink>) -> Result<Sink, String> {
        self.made.push(name.clone());
        Ok(Arc::new(Stop { name, trail: self.trail.clone(), next }))
    }
}

impl Parts for Stops {
    fn exporter(&mut self, name: &str, signal: Signal) -> Result<Sink, String> {
        if name == "broken" {
            return Err("endpoint is empty".into());
        }
        self.make(format!("{name}:{signal}"), None)
    }
    fn processor(&mut self, name: &str, _: Signal, pipeline: &str, next: Sink) -> Result<Sink, String> {
        self.make(format!("{name}@{pipeline}"), Some(next))
    }
    fn connector(&mut self, name: &str, from: Signal, to: Signal, next: Sink) -> Result<Sink, String> {
        self.make(format!("{name}:{from}->{to}"), Some(next))
    }
}

/// `name: receivers > processors > exporters`
fn plan(lines: &[&str], connectors: &[&str]) -> Plan {
    let list = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let pipelines = lines.iter().map(|line| {
        let (name, rest) = line.split_once(':').unwrap();
        let mut parts = rest.split('>');
        let mut next = || list(parts.next().unwrap());
        PipelinePlan {
            name: name.into(),
            signal: Signal::from_name(name.split('/').next().unwrap()).unwrap(),
            receivers: next(),
            processors: next(),
            exporters: next(),
        }
    });
    Plan {
        pipelines: pipelines.collect(),
        connectors: connectors.iter().map(|name| (*name).to_owned()).collect(),
    }
}

#[tokio::test]
async fn batches_walk_the_graph_in_order_and_shared_exporters_are_one() {
    let plan = plan(
        &["metrics:count > > store", "logs:otlp > memory attributes > store count", "logs/2:otlp > > store"],
        &["count"],
    );
    let mut parts = Stops::default();
    let graph = Graph::build(&plan, &mut parts).unwrap();
    assert_eq!(parts.made.iter().filter(|name| *name == "store:logs").count(), 1);
    graph.inlet("otlp", Signal::Logs).unwrap().consume(batch(b"x")).await.unwrap();
    let trail = parts.trail.lock().unwrap().clone();
    let want = [
        "memory@logs",
        "attributes@logs",
        "store:logs",
        "count:logs->metrics",
        "store:metrics",
        "store:logs",
    ];
    assert_eq!(trail, want);
    assert!(graph.inlet("otlp", Signal::Traces).is_none());
    assert!(graph.inlet("count", Signal::Metrics).is_none());
}

#[test]
fn bad_plans_name_what_is_wrong() {
    let check = |lines: &[&str], connectors: &[&str], want: &str| {
        let error = Graph::build(&plan(lines, connectors), &mut Stops::default()).err().unwrap();
        assert_eq!(error.to_string(), want);
    };
    check(&["logs: > > store"], &[], "pipeline \"logs\" has no receivers");
    check(&["logs:otlp > > "], &[], "pipeline \"logs\" has no exporters");
    check(&["logs:otlp > > a", "logs:otlp > > a"], &[], "pipeline \"logs\" is there twice");
    check(
        &["logs:otlp > > count"],
        &["count"],
        "connector \"count\" is used as exporter but not as receiver",
    );
    check(&["logs:a > > a2", "logs/2:a2 > > a"], &["a", "a2"], "cycle detected: logs -> logs/2 -> logs");
    check(&["logs:otlp > > broken"], &[], "broken: endpoint is empty");
}
