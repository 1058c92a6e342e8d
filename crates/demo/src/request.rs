//! One user's request, played through the services: spans, logs, and what each process spent on it.

use std::borrow::Cow;

use model::{SpanId, TraceId};
use stdx::random::Random;

use crate::incident::{Failure, Trouble};
use crate::profile::Profiler;
use crate::shop::{Endpoint, INSTANCES, Language, ORDERS_QUEUE, Service, Step};
use crate::usage::Usage;

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(Cow<'static, str>),
    Int(i64),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

pub type Attributes = Vec<(&'static str, Value)>;

/// OTLP's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Server = 2,
    Client = 3,
    Producer = 4,
    Consumer = 5,
}

#[derive(Clone, Debug)]
pub struct Span {
    /// Service, instance.
    pub place: (usize, usize),
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub parent_id: Option<SpanId>,
    pub link: Option<(TraceId, SpanId)>,
    pub name: String,
    pub kind: Kind,
    pub start_ns: u64,
    pub end_ns: u64,
    pub attributes: Attributes,
    pub failure: Option<Failure>,
}

#[derive(Clone, Debug)]
pub struct Log {
    pub place: (usize, usize),
    pub time_ns: u64,
    /// OTLP severity number.
    pub severity: u8,
    pub body: String,
    pub trace: Option<(TraceId, SpanId)>,
    pub attributes: Attributes,
}

/// What a second of the shop leaves behind.
#[derive(Default)]
pub struct Traffic {
    pub spans: Vec<Span>,
    pub logs: Vec<Log>,
}

/// One request on its way.
pub struct Request<'a> {
    pub services: &'a [Service],
    pub trouble: &'a Trouble,
    pub random: &'a mut Random,
    pub traffic: &'a mut Traffic,
    pub usage: &'a mut Usage,
    pub profiler: &'a mut Profiler,
    pub trace_id: TraceId,
    pub tenant: &'static str,
    /// Requests stay in their region.
    pub region: usize,
    pub published_per_second: f64,
}

type Outcome = (u64, Option<Failure>);

const NETWORK_NS: u64 = 250_000;
const SLOW_QUERY_NS: u64 = 50_000_000;
pub const INFO: u8 = 9;
pub const WARN: u8 = 13;
pub const ERROR: u8 = 17;

impl Request<'_> {
    fn span_id(&mut self) -> SpanId {
        SpanId(self.random.draw().max(1).to_be_bytes())
    }

    fn instance(&self) -> usize {
        self.region % INSTANCES
    }

    /// Serves an endpoint from `start_ns` on. `parent` is the caller's span.
    pub fn serve(
        &mut self,
        service: usize,
        endpoint: &Endpoint,
        parent: Option<SpanId>,
        start_ns: u64,
    ) -> Outcome {
        let services = self.services;
        let (place, span_id) = ((service, self.instance()), self.span_id());
        let version =
            self.trouble.version(&services[service].name, services[service].version, place.1, start_ns);
        let mut now = start_ns + 60_000;
        let mut failure = None;
        for step in &endpoint.steps {
            let (end, failed) = self.step(place, version, endpoint, span_id, step, now);
            now = end;
            if failed.is_some() {
                failure = failed;
                break;
            }
        }
        let end_ns = now + 40_000;
        let status = failure
            .as_ref()
            .map_or(200, |failure| if failure.status == 504 { 504 } else { failure.status.max(500) });
        self.log_access(place, endpoint, span_id, start_ns, end_ns, status);
        if let Some(failure) = failure.as_ref().filter(|failure| !failure.kind.is_empty()) {
            self.log_failure(place, endpoint, span_id, end_ns, failure);
        }
        self.usage.served(place, endpoint, status, end_ns - start_ns, (self.trace_id, span_id), end_ns);
        let attributes = vec![
            ("http.request.method", endpoint.method.into()),
            ("http.route", endpoint.route.into()),
            ("url.path", endpoint.route.replace(":id", &self.random.below(5000).to_string()).into()),
            ("http.response.status_code", i64::from(status).into()),
            ("tenant.id", self.tenant.into()),
        ];
        let name = format!("{} {}", endpoint.method, endpoint.route);
        let span = Span {
            place,
            trace_id: self.trace_id,
            span_id,
            parent_id: parent,
            link: None,
            name,
            kind: Kind::Server,
            start_ns,
            end_ns,
            attributes,
            failure: failure.clone(),
        };
        self.traffic.spans.push(span);
        (end_ns, failure.map(|failure| passed_on(&failure)))
    }

    fn step(
        &mut self,
        place: (usize, usize),
        version: &str,
        endpoint: &Endpoint,
        span_id: SpanId,
        step: &Step,
        now: u64,
    ) -> Outcome {
        match step {
            Step::Work { function, ms } => self.work(place, version, endpoint, span_id, (function, *ms), now),
            Step::Call { service, route, chance } => {
                let target = self.services.iter().position(|have| have.name == *service);
                match target {
                    Some(target) if self.random.chance(*chance) => {
                        self.call(place, span_id, target, route, now)
                    }
                    _ => (now, None),
                }
            }
            Step::Database { table, operation, query, ms } => {
                self.query(place, span_id, (table, operation, query), *ms, now)
            }
            Step::Cache { command, hit } => self.cache(place, span_id, command, *hit, now),
            Step::External { host, path, ms } => self.external(place, span_id, host, path, *ms, now),
            Step::Publish { queue } => self.publish(place, span_id, queue, now),
        }
    }

    fn work(
        &mut self,
        place: (usize, usize),
        version: &str,
        endpoint: &Endpoint,
        span_id: SpanId,
        (function, ms): (&'static str, f64),
        now: u64,
    ) -> Outcome {
        let effect = self.trouble.work(function, version, now, self.random);
        let usual = ms * effect.times() * self.random.spread(0.25);
        let took = ns(effect.failure.as_ref().map_or(usual, |(after, _)| *after));
        self.profiler.worked(place, endpoint.handler, function, took, (self.trace_id, span_id));
        self.usage.worked(place, took);
        (now + took, effect.failure.map(|(_, failure)| failure))
    }

    fn query(
        &mut self,
        place: (usize, usize),
        parent: SpanId,
        (table, operation, query): (&'static str, &'static str, &'static str),
        ms: f64,
        now: u64,
    ) -> Outcome {
        let effect = self.trouble.database(table, now, self.random);
        let usual = ms * effect.times() * self.random.spread(0.35);
        let took = ns(effect.failure.as_ref().map_or(usual, |(after, _)| *after));
        self.usage.queried(place, table, operation, took);
        if took > SLOW_QUERY_NS {
            let body = format!("slow query took {} ms: {query}", took / 1_000_000);
            self.log(place, now + took, WARN, body, Some(parent), vec![("db.collection.name", table.into())]);
        }
        let attributes = vec![
            ("db.system.name", "postgresql".into()),
            ("db.namespace", "shop".into()),
            ("db.collection.name", table.into()),
            ("db.operation.name", operation.into()),
            ("db.query.text", query.into()),
            ("server.address", "postgres.shop.internal".into()),
        ];
        let failure = effect.failure.map(|(_, failure)| failure);
        self.leave(place, parent, format!("{operation} {table}"), now, took, attributes, failure)
    }

    fn cache(
        &mut self,
        place: (usize, usize),
        parent: SpanId,
        command: &'static str,
        hit: f64,
        now: u64,
    ) -> Outcome {
        let hit = self.random.chance(hit);
        let took = ns(0.4 * self.random.spread(0.4));
        let attributes = vec![
            ("db.system.name", "redis".into()),
            ("db.operation.name", command.into()),
            ("cache.hit", if hit { "true" } else { "false" }.into()),
            ("server.address", "redis.shop.internal".into()),
        ];
        self.leave(place, parent, command.to_owned(), now, took, attributes, None)
    }

    fn external(
        &mut self,
        place: (usize, usize),
        parent: SpanId,
        host: &'static str,
        path: &str,
        ms: f64,
        now: u64,
    ) -> Outcome {
        let effect = self.trouble.external(host, now, self.random);
        let usual = ms * self.random.spread(0.4);
        let took = ns(effect.failure.as_ref().map_or(usual, |(after, _)| *after));
        let mut attributes: Attributes = vec![
            ("http.request.method", "POST".into()),
            ("url.full", format!("https://{host}{path}").into()),
            ("server.address", host.into()),
            ("server.port", 443.into()),
        ];
        if effect.failure.is_none() {
            attributes.push(("http.response.status_code", 200.into()));
        }
        let failure = effect.failure.map(|(_, failure)| failure);
        self.leave(place, parent, format!("POST {host}"), now, took, attributes, failure)
    }

    /// Calls another service over HTTP: a client span here, a server span there.
    fn call(
        &mut self,
        place: (usize, usize),
        parent: SpanId,
        target: usize,
        route: &str,
        now: u64,
    ) -> Outcome {
        let services = self.services;
        let Some(endpoint) = services[target].endpoints.iter().find(|endpoint| endpoint.route == route)
        else {
            return (now, None);
        };
        let span_id = self.span_id();
        let (end, failure) = match self.trouble.down(&services[target].name, self.instance(), now) {
            Some(refused) => (now + NETWORK_NS, Some(refused)),
            None => {
                let (end, failure) = self.serve(target, endpoint, Some(span_id), now + NETWORK_NS);
                (end + NETWORK_NS, failure)
            }
        };
        let mut attributes: Attributes = vec![
            ("http.request.method", endpoint.method.into()),
            ("server.address", services[target].name.clone().into()),
            ("server.port", 8080.into()),
            ("peer.service", services[target].name.clone().into()),
        ];
        let status = failure.as_ref().map_or(200, |failure| i64::from(failure.status.max(500)));
        if failure.as_ref().is_none_or(|failure| failure.kind != "ConnectionRefusedError") {
            attributes.push(("http.response.status_code", status.into()));
        }
        let span = Span {
            place,
            trace_id: self.trace_id,
            span_id,
            parent_id: Some(parent),
            link: None,
            name: format!("{} {route}", endpoint.method),
            kind: Kind::Client,
            start_ns: now,
            end_ns: end,
            attributes,
            failure: failure.clone(),
        };
        self.traffic.spans.push(span);
        (end, failure)
    }

    /// A client span to somewhere that has no telemetry of its own.
    fn leave(
        &mut self,
        place: (usize, usize),
        parent: SpanId,
        name: String,
        now: u64,
        took: u64,
        attributes: Attributes,
        failure: Option<Failure>,
    ) -> Outcome {
        let span_id = self.span_id();
        let span = Span {
            place,
            trace_id: self.trace_id,
            span_id,
            parent_id: Some(parent),
            link: None,
            name,
            kind: Kind::Client,
            start_ns: now,
            end_ns: now + took,
            attributes,
            failure: failure.clone(),
        };
        self.traffic.spans.push(span);
        (now + took, failure)
    }

    /// Puts a message on the queue; a worker takes it later, in a trace of its own that links back here.
    fn publish(&mut self, place: (usize, usize), parent: SpanId, queue: &'static str, now: u64) -> Outcome {
        let producer = self.span_id();
        let attributes: Attributes = vec![
            ("messaging.system", "kafka".into()),
            ("messaging.operation.name", "send".into()),
            ("messaging.operation.type", "send".into()),
            ("messaging.destination.name", queue.into()),
        ];
        let end = now + ns(1.2 * self.random.spread(0.3));
        let span = Span {
            place,
            trace_id: self.trace_id,
            span_id: producer,
            parent_id: Some(parent),
            link: None,
            name: format!("send {queue}"),
            kind: Kind::Producer,
            start_ns: now,
            end_ns: end,
            attributes,
            failure: None,
        };
        self.traffic.spans.push(span);
        self.usage.published(place);
        let services = self.services;
        let consumer = services
            .iter()
            .position(|service| service.endpoints.iter().any(|have| have.route == ORDERS_QUEUE));
        if let Some(worker) = consumer {
            let (_, waited) = self.trouble.backlog(now, self.published_per_second);
            self.consume(worker, (self.trace_id, producer), end + waited);
        }
        (end, None)
    }

    fn consume(&mut self, worker: usize, sent: (TraceId, SpanId), start_ns: u64) {
        let services = self.services;
        let (place, span_id, outer) = ((worker, self.instance()), self.span_id(), self.trace_id);
        let mut id = [0; 16];
        self.random.fill(&mut id);
        self.trace_id = TraceId(id);
        let endpoint = &services[worker].endpoints[0];
        let version = services[worker].version;
        let (mut now, mut failure) = (start_ns, None);
        for step in &endpoint.steps {
            (now, failure) = self.step(place, version, endpoint, span_id, step, now);
            if failure.is_some() {
                break;
            }
        }
        let attributes: Attributes = vec![
            ("messaging.system", "kafka".into()),
            ("messaging.operation.name", "process".into()),
            ("messaging.operation.type", "process".into()),
            ("messaging.destination.name", ORDERS_QUEUE.into()),
            ("tenant.id", self.tenant.into()),
        ];
        let body = format!("order processed in {} ms, invoice sent", (now - start_ns) / 1_000_000);
        self.log(place, now, INFO, body, Some(span_id), vec![("tenant.id", self.tenant.into())]);
        self.usage.served(place, endpoint, 200, now - start_ns, (self.trace_id, span_id), now);
        let span = Span {
            place,
            trace_id: self.trace_id,
            span_id,
            parent_id: None,
            link: Some(sent),
            name: format!("process {ORDERS_QUEUE}"),
            kind: Kind::Consumer,
            start_ns,
            end_ns: now,
            attributes,
            failure,
        };
        self.traffic.spans.push(span);
        self.trace_id = outer;
    }

    fn log(
        &mut self,
        place: (usize, usize),
        time_ns: u64,
        severity: u8,
        body: String,
        span: Option<SpanId>,
        attributes: Attributes,
    ) {
        let trace = span.map(|span| (self.trace_id, span));
        self.traffic.logs.push(Log { place, time_ns, severity, body, trace, attributes });
    }

    /// A line a request, in the manner of the service's language.
    fn log_access(
        &mut self,
        place: (usize, usize),
        endpoint: &Endpoint,
        span: SpanId,
        start: u64,
        end: u64,
        status: u16,
    ) {
        let took_ms = (end - start) as f64 / 1e6;
        let path = endpoint.route.replace(":id", &self.random.below(5000).to_string());
        let (method, tenant) = (endpoint.method, self.tenant);
        let body = match self.services[place.0].language {
            Language::Node => format!("{method} {path} {status} {took_ms:.1} ms"),
            Language::Go => format!(
                "level=info msg=\"request done\" method={method} path={path} status={status} duration={took_ms:.2}ms tenant={tenant}"
            ),
            Language::Java => format!(
                "{{\"logger\":\"access\",\"method\":\"{method}\",\"path\":\"{path}\",\"status\":{status},\"duration_ms\":{took_ms:.2},\"tenant\":\"{tenant}\"}}"
            ),
            Language::Python => {
                format!("\"{method} {path} HTTP/1.1\" {status} {} {took_ms:.2}ms", self.random.below(30_000))
            }
            Language::Rust => {
                format!("handled method={method} path={path} status={status} took={took_ms:.2}ms")
            }
        };
        let attributes: Attributes = vec![
            ("http.route", endpoint.route.into()),
            ("http.response.status_code", i64::from(status).into()),
            ("tenant.id", tenant.into()),
        ];
        let severity = if status >= 500 { WARN } else { INFO };
        self.log(place, end, severity, body, Some(span), attributes);
    }

    fn log_failure(
        &mut self,
        place: (usize, usize),
        endpoint: &Endpoint,
        span: SpanId,
        time: u64,
        failure: &Failure,
    ) {
        let Failure { kind, message, .. } = failure;
        let body = match self.services[place.0].language {
            Language::Java => format!(
                "{kind}: {message}\n\tat {}(Unknown Source)\n\tat org.springframework.web.servlet.DispatcherServlet.doDispatch(DispatcherServlet.java:1089)",
                endpoint.handler
            ),
            Language::Python => format!(
                "Traceback (most recent call last):\n  File \"/app/{}.py\", line 88, in handle\n{kind}: {message}",
                endpoint.handler.replace('.', "/")
            ),
            _ => format!("{} {} failed: {kind}: {message}", endpoint.method, endpoint.route),
        };
        let attributes: Attributes = vec![
            ("exception.type", (*kind).into()),
            ("exception.message", message.clone().into()),
            ("tenant.id", self.tenant.into()),
        ];
        self.log(place, time, ERROR, body, Some(span), attributes);
    }
}

/// A caller does not see the exception, only the answer.
fn passed_on(failure: &Failure) -> Failure {
    let status = failure.status.max(500);
    Failure { kind: "", message: format!("upstream answered {status}"), status }
}

fn ns(ms: f64) -> u64 {
    (ms * 1e6) as u64
}
