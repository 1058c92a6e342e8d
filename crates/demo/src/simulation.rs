//! Time, second by second: how many come, what they do, and which process exports what when.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Signal, TraceId};
use stdx::random::Random;

use crate::incident::Trouble;
use crate::otlp::{self, Resource};
use crate::profile::Profiler;
use crate::request::{Request, Traffic};
use crate::shop::{ENTRANCES, INSTANCES, REGIONS, Service, TENANTS, shop};
use crate::usage::Usage;

#[derive(Clone, Debug)]
pub struct Config {
    pub seed: u64,
    /// User requests a second, averaged over a day.
    pub rate: f64,
    pub services: usize,
    pub trouble: Trouble,
    /// When the processes started, which is when their counters were zero.
    pub start_s: u64,
}

/// An OTLP export request, ready to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    pub signal: Signal,
    pub body: Vec<u8>,
    pub items: usize,
}

/// Seconds between two exports of metrics, and of profiles.
const METRICS_EVERY_S: u64 = 10;
const PROFILES_EVERY_S: u64 = 30;
const SECOND_NS: u64 = 1_000_000_000;

pub struct Simulation {
    config: Config,
    services: Vec<Service>,
    usage: Usage,
    profiler: Profiler,
    /// Spans and logs that end later than the second in which their request came, by the second in which they are exported.
    later: BTreeMap<u64, Traffic>,
    /// Fractions of requests that have not come yet.
    owed: f64,
}

impl Simulation {
    pub fn new(config: Config) -> Self {
        let services = shop(config.services);
        let usage = Usage::new(services.len());
        Self { services, usage, profiler: Profiler::default(), later: BTreeMap::new(), owed: 0.0, config }
    }

    /// Plays the second that begins at `at_s` (Unix time). Seconds are played in order. What is exported has happened by its end.
    pub fn second(&mut self, at_s: u64) -> Vec<Export> {
        let mut random = Random::new(self.config.seed ^ at_s.wrapping_mul(0x2545_f491_4f6c_dd1d));
        self.arrivals(at_s, &mut random);
        let mut exports = Vec::new();
        let due: Vec<u64> = self.later.range(..=at_s).map(|(second, _)| *second).collect();
        for second in due {
            let traffic = self.later.remove(&second).unwrap_or_default();
            self.export_traffic(&traffic, &mut exports);
        }
        for service in 0..self.services.len() {
            for instance in 0..INSTANCES {
                self.export_process((service, instance), at_s, &mut exports);
            }
        }
        exports
    }

    /// The mean rate bent by the time of day: a valley at night, a peak in the evening.
    fn rate(&self, at_s: u64) -> f64 {
        let hours = (at_s % 86_400) as f64 / 3600.0;
        self.config.rate * (1.0 + 0.45 * ((hours - 14.0) / 24.0 * std::f64::consts::TAU).sin())
    }

    fn published_per_second(&self, at_s: u64) -> f64 {
        self.rate(at_s) * ENTRANCES[4].1 as f64 / 100.0
    }

    fn arrivals(&mut self, at_s: u64, random: &mut Random) {
        let web = 0;
        let published_per_second = self.published_per_second(at_s);
        let per_tenant_and_page: Vec<_> =
            TENANTS.iter().flat_map(|tenant| ENTRANCES.iter().map(move |page| (tenant, page))).collect();
        self.owed += self.rate(at_s) * random.spread(0.08);
        let base = self.owed.floor();
        self.owed -= base;
        let services = self.services.clone();
        for ((tenant, tenant_share), (route, page_share)) in per_tenant_and_page {
            let factor = self.config.trouble.rate_factor(tenant, route, at_s * SECOND_NS);
            let expected = base * factor * (*tenant_share as f64 / 100.0) * (*page_share as f64 / 100.0);
            let count = expected.floor() as u64 + u64::from(random.chance(expected.fract()));
            let Some(endpoint) = services[web].endpoints.iter().find(|endpoint| endpoint.route == *route)
            else {
                continue;
            };
            for _ in 0..count {
                let start_ns = at_s * SECOND_NS + random.below(SECOND_NS);
                let mut id = [0; 16];
                random.fill(&mut id);
                let mut traffic = Traffic::default();
                let mut request = Request {
                    services: &services,
                    trouble: &self.config.trouble,
                    region: random.below(REGIONS.len() as u64) as usize,
                    random,
                    traffic: &mut traffic,
                    usage: &mut self.usage,
                    profiler: &mut self.profiler,
                    trace_id: TraceId(id),
                    tenant,
                    published_per_second,
                };
                request.serve(web, endpoint, None, start_ns);
                self.schedule(at_s, traffic);
            }
        }
    }

    /// A span is exported in the second in which it ends.
    fn schedule(&mut self, at_s: u64, traffic: Traffic) {
        let second = |time_ns: u64| (time_ns / SECOND_NS).max(at_s);
        for span in traffic.spans {
            self.later.entry(second(span.end_ns)).or_default().spans.push(span);
        }
        for log in traffic.logs {
            self.later.entry(second(log.time_ns)).or_default().logs.push(log);
        }
    }

    fn resource(&self, place: (usize, usize), at_ns: u64) -> Resource {
        let service = &self.services[place.0];
        let version = self.config.trouble.version(&service.name, service.version, place.1, at_ns);
        let pod =
            format!("{}-{:08x}-{}", service.name, self.config.seed as u32 ^ version.len() as u32, place.1);
        Resource {
            attributes: Arc::from([
                ("service.name", service.name.clone()),
                ("service.namespace", "shop".to_owned()),
                ("service.version", version.to_owned()),
                ("service.instance.id", format!("{}-{}", service.name, place.1)),
                ("deployment.environment.name", "production".to_owned()),
                ("cloud.region", REGIONS[place.1 % REGIONS.len()].to_owned()),
                ("k8s.namespace.name", "shop".to_owned()),
                ("k8s.pod.name", pod),
                ("host.name", format!("node-{}", 1 + (place.0 * INSTANCES + place.1) % 5)),
                ("telemetry.sdk.language", service.language.name().to_owned()),
            ]),
        }
    }

    fn export_traffic(&self, traffic: &Traffic, exports: &mut Vec<Export>) {
        for service in 0..self.services.len() {
            for place in (0..INSTANCES).map(|instance| (service, instance)) {
                let spans: Vec<_> = traffic.spans.iter().filter(|span| span.place == place).collect();
                if let Some(first) = spans.first() {
                    let resource = self.resource(place, first.end_ns);
                    exports.push(Export {
                        signal: Signal::Traces,
                        body: otlp::traces::encode(&resource, &spans),
                        items: spans.len(),
                    });
                }
                let logs: Vec<_> = traffic.logs.iter().filter(|log| log.place == place).collect();
                if let Some(first) = logs.first() {
                    let resource = self.resource(place, first.time_ns);
                    exports.push(Export {
                        signal: Signal::Logs,
                        body: otlp::logs::encode(&resource, &logs),
                        items: logs.len(),
                    });
                }
            }
        }
    }

    /// Metrics and profiles of one process, each process at its own second of the interval.
    fn export_process(&mut self, place: (usize, usize), at_s: u64, exports: &mut Vec<Export>) {
        let turn = (place.0 * INSTANCES + place.1) as u64;
        let now_ns = (at_s + 1) * SECOND_NS;
        if at_s % METRICS_EVERY_S == turn % METRICS_EVERY_S {
            let published = self.published_per_second(at_s);
            let (process, readings) = self.usage.read(
                place,
                &self.services,
                &self.config.trouble,
                now_ns,
                METRICS_EVERY_S * SECOND_NS,
                published,
            );
            let resource = self.resource(place, now_ns);
            let (body, items) = otlp::metrics::encode(
                &resource,
                &process,
                &readings,
                self.config.start_s * SECOND_NS,
                now_ns,
            );
            exports.push(Export { signal: Signal::Metrics, body, items });
        }
        if at_s % PROFILES_EVERY_S == turn % PROFILES_EVERY_S {
            let resource = self.resource(place, now_ns);
            let start_ns = now_ns - PROFILES_EVERY_S * SECOND_NS;
            let cpu = self.profiler.take_cpu(place, &self.services);
            let heap = Profiler::heap(place, &self.services, &self.config.trouble, now_ns);
            let items = cpu.len() + heap.len();
            let body = otlp::profiles::encode(&resource, &cpu, &heap, start_ns, now_ns);
            exports.push(Export { signal: Signal::Profiles, body, items });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Incident;

    const START_S: u64 = 1_700_000_000;

    fn play(incident: Incident, seconds: u64) -> Vec<Export> {
        let trouble = Trouble { incident, start_ns: (START_S + 60) * SECOND_NS };
        let config = Config { seed: 7, rate: 20.0, services: 8, trouble, start_s: START_S };
        let mut simulation = Simulation::new(config);
        (0..seconds).flat_map(|second| simulation.second(START_S + second)).collect()
    }

    fn contains(exports: &[Export], signal: Signal, text: &str) -> usize {
        let has = |export: &&Export| {
            export.signal == signal && export.body.windows(text.len()).any(|window| window == text.as_bytes())
        };
        exports.iter().filter(has).count()
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        assert_eq!(play(Incident::BadDeploy, 90), play(Incident::BadDeploy, 90));
    }

    #[test]
    fn every_export_is_valid_otlp_and_counts_its_items() {
        for (_, incident) in Incident::ALL {
            for export in play(incident, 75) {
                let schema = match export.signal {
                    Signal::Logs => &wire::otlp::logs::LOGS,
                    Signal::Traces => &wire::otlp::trace::TRACES,
                    Signal::Metrics => &wire::otlp::metrics::METRICS,
                    Signal::Profiles => &wire::otlp::profiles::PROFILES,
                };
                let count = wire::proto::validate(schema, &export.body).unwrap();
                assert_eq!(count.items as usize, export.items, "{}", export.signal);
            }
        }
    }

    #[test]
    fn incidents_show_after_their_start_and_not_before() {
        let cases = [
            (Incident::PaymentsTimeout, Signal::Traces, "BankTimeoutException"),
            (Incident::BadDeploy, Signal::Logs, "NullPointerException"),
            (Incident::SlowDatabase, Signal::Logs, "slow query"),
            (Incident::CertificateExpiry, Signal::Logs, "certificate has expired"),
        ];
        for (incident, signal, text) in cases {
            assert_eq!(contains(&play(Incident::None, 160), signal, text), 0, "{text}");
            assert!(contains(&play(incident, 160), signal, text) > 0, "{text}");
            assert_eq!(contains(&play(incident, 58), signal, text), 0, "{text}");
        }
    }
}
