//! The benchmark's spans, every value drawn anew.

use stdx::random::Random;
use wire::proto::Writer;

const SERVICES: [&str; 12] = [
    "frontend",
    "cart",
    "checkout",
    "payment",
    "shipping",
    "catalog",
    "search",
    "users",
    "orders",
    "email",
    "ads",
    "inventory",
];
const ROUTES: [&str; 6] = [
    "/api/v1/orders/{id}",
    "/api/v1/cart",
    "/api/v1/products/{id}",
    "/api/v1/users/{id}",
    "/api/v1/checkout",
    "/api/v1/search",
];
const TABLES: [&str; 4] = ["orders", "products", "carts", "users"];

fn text(out: &mut Writer<'_>, key: &str, value: &str) {
    out.message(9, |pair| {
        pair.string(1, key);
        pair.message(2, |any| any.always_bytes(1, value.as_bytes()));
    });
}

fn int(out: &mut Writer<'_>, key: &str, value: i64) {
    out.message(9, |pair| {
        pair.string(1, key);
        pair.message(2, |any| any.always_varint(3, value as u64));
    });
}

pub fn body(spans: u64, now_ns: u64, random: &mut Random) -> Vec<u8> {
    let mut out = Vec::new();
    let service = *random.pick(&SERVICES);
    let instance = random.below(40);
    Writer::new(&mut out).message(1, |resource_spans| {
        resource_spans.message(1, |resource| {
            for (key, value) in [
                ("service.name", service.to_owned()),
                ("service.namespace", "shop".to_owned()),
                ("service.version", "1.14.2".to_owned()),
                ("k8s.pod.name", format!("{service}-7d9f6c5b4-{instance:05}")),
                ("k8s.namespace.name", "production".to_owned()),
                ("telemetry.sdk.language", "go".to_owned()),
            ] {
                resource.message(1, |pair| {
                    pair.string(1, key);
                    pair.message(2, |any| any.always_bytes(1, value.as_bytes()));
                });
            }
        });
        resource_spans.message(2, |scope_spans| {
            scope_spans.message(1, |scope| {
                scope.string(1, "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp");
                scope.string(2, "0.61.0");
            });
            let (mut trace, mut root) = ([0; 16], [0; 8]);
            for number in 0..spans {
                let mut id = [0; 8];
                random.fill(&mut id);
                let is_root = number % 8 == 0;
                if is_root {
                    random.fill(&mut trace);
                    root = id;
                }
                let start = now_ns + number * 60_000 + random.below(50_000);
                scope_spans.message(2, |span| {
                    span.always_bytes(1, &trace);
                    span.always_bytes(2, &id);
                    if !is_root {
                        span.always_bytes(4, &root);
                    }
                    one(span, number, start, random);
                });
            }
        });
    });
    out
}

fn one(span: &mut Writer<'_>, number: u64, start: u64, random: &mut Random) {
    let took = 50_000 + (random.unit() * random.unit() * 80e6) as u64;
    let failed = random.below(50) == 0;
    let route = *random.pick(&ROUTES);
    match number % 8 {
        0 => server(span, route, failed, random),
        place if place % 2 == 1 => database(span, random),
        _ => client(span, route, failed, random),
    }
    span.fixed64(7, start);
    span.fixed64(8, start + took);
    if failed {
        span.message(11, |event| {
            event.fixed64(1, start + took);
            event.string(2, "exception");
        });
        span.message(15, |status| {
            status.string(2, "upstream did not answer within 2s");
            status.int(3, 2);
        });
    }
    span.fixed32(16, 0x101);
}

fn server(span: &mut Writer<'_>, route: &str, failed: bool, random: &mut Random) {
    span.string(5, &format!("GET {route}"));
    span.int(6, 2);
    text(span, "http.request.method", "GET");
    text(span, "http.route", route);
    text(span, "url.path", &route.replace("{id}", &random.below(1_000_000).to_string()));
    text(span, "url.scheme", "https");
    int(span, "http.response.status_code", if failed { 500 } else { 200 });
    int(span, "http.response.body.size", random.below(40_000) as i64);
    text(
        span,
        "client.address",
        &format!("10.{}.{}.{}", random.below(4), random.below(256), random.below(256)),
    );
    text(
        span,
        "user_agent.original",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0",
    );
    text(span, "network.protocol.version", "1.1");
    text(span, "server.address", "shop.example");
    text(span, "enduser.id", &format!("u-{:05}", random.below(50_000)));
    int(span, "thread.id", random.below(64) as i64);
    text(span, "request.id", &format!("req-{:08x}", random.draw() as u32));
}

fn client(span: &mut Writer<'_>, route: &str, failed: bool, random: &mut Random) {
    let peer = *random.pick(&SERVICES);
    span.string(5, &format!("GET {peer}{route}"));
    span.int(6, 3);
    text(span, "http.request.method", "GET");
    let path = route.replace("{id}", &random.below(1_000_000).to_string());
    text(span, "url.full", &format!("http://{peer}.shop.svc.cluster.local:8080{path}"));
    text(span, "server.address", &format!("{peer}.shop.svc.cluster.local"));
    int(span, "server.port", 8080);
    text(span, "peer.service", peer);
    int(span, "http.response.status_code", if failed { 503 } else { 200 });
    text(span, "network.protocol.version", "2");
    text(span, "network.peer.address", &format!("10.96.{}.{}", random.below(8), random.below(256)));
    int(span, "http.request.resend_count", random.below(3) as i64);
    text(span, "code.function.name", "shop.client.Fetch");
    int(span, "thread.id", random.below(64) as i64);
    text(span, "request.id", &format!("req-{:08x}", random.draw() as u32));
}

fn database(span: &mut Writer<'_>, random: &mut Random) {
    let table = *random.pick(&TABLES);
    span.string(5, &format!("SELECT {table}"));
    span.int(6, 3);
    text(span, "db.system.name", "postgresql");
    text(span, "db.namespace", "shop");
    text(span, "db.collection.name", table);
    text(span, "db.operation.name", "SELECT");
    text(
        span,
        "db.query.text",
        &format!(
            "SELECT id, state, total, updated_at FROM {table} WHERE id = $1 AND tenant_id = $2 ORDER BY updated_at DESC LIMIT $3"
        ),
    );
    text(span, "server.address", "postgres-0.shop.svc.cluster.local");
    int(span, "server.port", 5432);
    int(span, "db.response.returned_rows", random.below(50) as i64);
    text(span, "network.peer.address", &format!("10.97.0.{}", random.below(4)));
    text(span, "db.client.connection.pool.name", "primary");
    int(span, "thread.id", random.below(64) as i64);
    text(span, "request.id", &format!("req-{:08x}", random.draw() as u32));
}
