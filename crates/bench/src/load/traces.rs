//! OTLP spans of about 600 bytes in traces of eight: server, client and database spans with semantic attributes, now and then an event.

use super::Body;
use super::proto::{INSTANCES, Message, SERVICES, resource};
use stdx::random::Random;

/// Spans of one trace in one request: this service's part.
const SPANS_PER_TRACE: u64 = 8;
const ROUTES: [&str; 6] = [
    "/api/v1/orders/{id}",
    "/api/v1/cart",
    "/api/v1/products/{id}",
    "/api/v1/users/{id}",
    "/api/v1/checkout",
    "/api/v1/search",
];
const TABLES: [&str; 4] = ["orders", "products", "carts", "users"];

/// One `ExportTraceServiceRequest` of one service instance with `spans` spans.
pub fn body(spans: u64, random: &mut Random) -> Body {
    let service = *random.pick(&SERVICES);
    let instance = random.below(INSTANCES);
    let mut scope = Message::default();
    scope.text(1, "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp");
    scope.text(2, "0.61.0");
    let mut scope_spans = Message::default();
    scope_spans.bytes(1, &scope.0);
    let mut drafts = Vec::new();
    for number in 0..spans {
        let draft = span(number, (spans - number) * 60_000, random);
        let start = scope_spans.bytes(2, &draft.message.0);
        drafts.push((start, draft));
    }
    let mut resource_spans = Message::default();
    resource_spans.bytes(1, &resource(service, instance).0);
    let scope_start = resource_spans.bytes(2, &scope_spans.0);
    let mut request = Message::default();
    let base = request.bytes(1, &resource_spans.0) + scope_start;
    let mut body =
        Body { bytes: request.0, items: spans, times: Vec::new(), ids: Vec::new(), same: Vec::new() };
    let mut root = 0;
    for (number, (start, draft)) in drafts.iter().enumerate() {
        let place = |inside: usize| base + start + inside;
        body.times.extend(draft.times.iter().map(|(inside, before)| (place(*inside), *before)));
        body.ids.push((place(draft.span_id), 8));
        if (number as u64).is_multiple_of(SPANS_PER_TRACE) {
            root = number;
            body.ids.push((place(draft.trace_id), 16));
        } else {
            let (root_start, root_draft) = &drafts[root];
            body.same.push((base + root_start + root_draft.trace_id, place(draft.trace_id), 16));
            let parent = draft.parent_id.expect("only the first span of a trace is a root");
            body.same.push((base + root_start + root_draft.span_id, place(parent), 8));
        }
    }
    body
}

struct Draft {
    message: Message,
    trace_id: usize,
    span_id: usize,
    parent_id: Option<usize>,
    times: Vec<(usize, u64)>,
}

fn span(number: u64, before_ns: u64, random: &mut Random) -> Draft {
    let mut message = Message::default();
    let root = number.is_multiple_of(SPANS_PER_TRACE);
    let trace_id = message.bytes(1, &[0; 16]);
    let span_id = message.bytes(2, &[0; 8]);
    let parent_id = (!root).then(|| message.bytes(4, &[0; 8]));
    let took_ns = 50_000 + (random.unit() * random.unit() * 80e6) as u64;
    let failed = random.below(50) == 0;
    let start = before_ns + 100_000_000;
    let route = *random.pick(&ROUTES);
    match number % SPANS_PER_TRACE {
        0 => server(&mut message, route, failed, random),
        place if place % 2 == 1 => database(&mut message, random),
        _ => client(&mut message, route, failed, random),
    }
    let mut times = vec![(message.fixed64(7, 0), start), (message.fixed64(8, 0), start - took_ns.min(start))];
    if failed {
        let mut event = Message::default();
        let time = event.fixed64(1, 0);
        event.text(2, "exception");
        event.attribute(3, "exception.type", "UpstreamTimeout");
        event.attribute(3, "exception.message", "upstream did not answer within 2s");
        let place = message.bytes(11, &event.0);
        times.push((place + time, start - took_ns.min(start)));
        let mut status = Message::default();
        status.text(2, "upstream did not answer within 2s");
        status.varint(3, 2);
        message.bytes(15, &status.0);
    }
    message.fixed32(16, 0x101);
    Draft { message, trace_id, span_id, parent_id, times }
}

fn server(span: &mut Message, route: &str, failed: bool, random: &mut Random) {
    span.text(5, &format!("GET {route}"));
    span.varint(6, 2);
    span.attribute(9, "http.request.method", "GET");
    span.attribute(9, "http.route", route);
    span.attribute(9, "url.path", &route.replace("{id}", &random.below(1_000_000).to_string()));
    span.attribute(9, "url.scheme", "https");
    span.attribute_int(9, "http.response.status_code", if failed { 500 } else { 200 });
    span.attribute_int(9, "http.response.body.size", random.below(40_000) as i64);
    span.attribute(
        9,
        "client.address",
        &format!("10.{}.{}.{}", random.below(4), random.below(256), random.below(256)),
    );
    span.attribute(
        9,
        "user_agent.original",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0",
    );
    span.attribute(9, "network.protocol.version", "1.1");
    span.attribute(9, "server.address", "shop.example");
    span.attribute(9, "enduser.id", &format!("u-{:05}", random.below(50_000)));
    span.attribute_int(9, "thread.id", random.below(64) as i64);
    span.attribute(9, "request.id", &format!("req-{:08x}", random.draw() as u32));
}

fn client(span: &mut Message, route: &str, failed: bool, random: &mut Random) {
    let peer = *random.pick(&SERVICES);
    span.text(5, &format!("GET {peer}{route}"));
    span.varint(6, 3);
    span.attribute(9, "http.request.method", "GET");
    span.attribute(
        9,
        "url.full",
        &format!(
            "http://{peer}.shop.svc.cluster.local:8080{}",
            route.replace("{id}", &random.below(1_000_000).to_string())
        ),
    );
    span.attribute(9, "server.address", &format!("{peer}.shop.svc.cluster.local"));
    span.attribute_int(9, "server.port", 8080);
    span.attribute(9, "peer.service", peer);
    span.attribute_int(9, "http.response.status_code", if failed { 503 } else { 200 });
    span.attribute(9, "network.protocol.version", "2");
    span.attribute(9, "network.peer.address", &format!("10.96.{}.{}", random.below(8), random.below(256)));
    span.attribute_int(9, "http.request.resend_count", random.below(3) as i64);
    span.attribute(9, "code.function.name", "shop.client.Fetch");
    span.attribute_int(9, "thread.id", random.below(64) as i64);
    span.attribute(9, "request.id", &format!("req-{:08x}", random.draw() as u32));
}

fn database(span: &mut Message, random: &mut Random) {
    let table = *random.pick(&TABLES);
    span.text(5, &format!("SELECT {table}"));
    span.varint(6, 3);
    span.attribute(9, "db.system.name", "postgresql");
    span.attribute(9, "db.namespace", "shop");
    span.attribute(9, "db.collection.name", table);
    span.attribute(9, "db.operation.name", "SELECT");
    span.attribute(9, "db.query.text", &format!("SELECT id, state, total, updated_at FROM {table} WHERE id = $1 AND tenant_id = $2 ORDER BY updated_at DESC LIMIT $3"));
    span.attribute(9, "server.address", "postgres-0.shop.svc.cluster.local");
    span.attribute_int(9, "server.port", 5432);
    span.attribute_int(9, "db.response.returned_rows", random.below(50) as i64);
    span.attribute(9, "network.peer.address", &format!("10.97.0.{}", random.below(4)));
    span.attribute(9, "db.client.connection.pool.name", "primary");
    span.attribute_int(9, "thread.id", random.below(64) as i64);
    span.attribute(9, "request.id", &format!("req-{:08x}", random.draw() as u32));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_about_600_bytes_and_a_trace_shares_its_id() {
        let mut random = Random::new(1);
        let mut body = body(800, &mut random);
        let size = body.bytes.len() / 800;
        assert!((540..660).contains(&size), "{size}");
        body.stamp(1_700_000_000_000_000_000, &mut random);
        let (from, to, len) = body.same[0];
        assert_eq!(len, 16);
        assert_eq!(body.bytes[from..from + 16], body.bytes[to..to + 16]);
        assert_ne!(body.bytes[from..from + 16], [0; 16]);
    }
}
