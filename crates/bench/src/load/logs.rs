//! OTLP log records of about 270 bytes: access and application lines with attributes and trace ids.

use super::Body;
use super::proto::{INSTANCES, Message, SERVICES, resource};
use stdx::random::Random;

const ROUTES: [&str; 6] = [
    "/api/v1/orders/{id}",
    "/api/v1/cart",
    "/api/v1/products/{id}",
    "/api/v1/users/{id}",
    "/healthz",
    "/api/v1/search",
];
const METHODS: [&str; 4] = ["GET", "GET", "POST", "PUT"];
const STATUS: [i64; 8] = [200, 200, 200, 200, 201, 204, 404, 500];

/// One `ExportLogsServiceRequest` of one service instance with `records` records.
pub fn body(records: u64, random: &mut Random) -> Body {
    let service = *random.pick(&SERVICES);
    let instance = random.below(INSTANCES);
    let mut scope = Message::default();
    scope.text(1, "github.com/shop/log");
    let mut scope_logs = Message::default();
    scope_logs.bytes(1, &scope.0);
    let mut places = Vec::new();
    for number in 0..records {
        // A record every 40 µs: what arrives together happened together.
        let (record, times, ids) = record((records - number) * 40_000, random);
        let start = scope_logs.bytes(2, &record.0);
        places.push((start, times, ids));
    }
    let mut resource_logs = Message::default();
    resource_logs.bytes(1, &resource(service, instance).0);
    let scope_start = resource_logs.bytes(2, &scope_logs.0);
    let mut request = Message::default();
    let resource_start = request.bytes(1, &resource_logs.0);
    let base = resource_start + scope_start;
    let mut body =
        Body { bytes: request.0, items: records, times: Vec::new(), ids: Vec::new(), same: Vec::new() };
    for (start, times, ids) in places {
        body.times.extend(times.iter().map(|(place, before)| (base + start + place, *before)));
        body.ids.extend(ids.iter().map(|(place, len)| (base + start + place, *len)));
    }
    body
}

type Places = (Message, Vec<(usize, u64)>, Vec<(usize, usize)>);

fn record(before_ns: u64, random: &mut Random) -> Places {
    let mut record = Message::default();
    let (method, route, status) = (*random.pick(&METHODS), *random.pick(&ROUTES), *random.pick(&STATUS));
    let (id, user) = (random.below(1_000_000), random.below(50_000));
    let took_ms = random.unit() * random.unit() * 200.0;
    let mut times = vec![(record.fixed64(1, 0), before_ns), (record.fixed64(11, 0), before_ns)];
    times.truncate(2);
    let (number, text) = match status {
        500 => (17, "ERROR"),
        404 => (13, "WARN"),
        _ => (9, "INFO"),
    };
    record.varint(2, number);
    record.text(3, text);
    let line = match status {
        500 => format!(
            "request failed: upstream inventory returned 503 after {took_ms:.1}ms order={id} user=u-{user:05}"
        ),
        _ => format!(
            "{method} {} {status} {took_ms:.2}ms user=u-{user:05} bytes={}",
            route.replace("{id}", &id.to_string()),
            random.below(20_000)
        ),
    };
    let mut any = Message::default();
    any.text(1, &line);
    record.bytes(5, &any.0);
    record.attribute(6, "http.request.method", method);
    record.attribute(6, "http.route", route);
    record.attribute_int(6, "http.response.status_code", status);
    record.attribute(
        6,
        "client.address",
        &format!("10.{}.{}.{}", random.below(4), random.below(256), random.below(256)),
    );
    record.fixed32(8, 1);
    let ids = vec![(record.bytes(9, &[0; 16]), 16), (record.bytes(10, &[0; 8]), 8)];
    (record, times, ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_about_270_bytes_and_stamping_moves_times_and_ids() {
        let mut random = Random::new(1);
        let mut body = body(1000, &mut random);
        let size = body.bytes.len() / 1000;
        assert!((250..290).contains(&size), "{size}");
        let before = body.bytes.clone();
        body.stamp(1_700_000_000_000_000_000, &mut random);
        assert_eq!(body.bytes.len(), before.len());
        let (place, distance) = body.times[0];
        assert_eq!(body.bytes[place..place + 8], (1_700_000_000_000_000_000 - distance).to_le_bytes());
        assert_eq!((body.times.len(), body.ids.len()), (2000, 2000));
    }
}
