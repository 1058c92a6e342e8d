//! Named troubles with one known cause each. An incident changes what steps cost and whether they fail from its start on;
//! everything that shows is a consequence, simulated like everything else.

use serde_json::{Value, json};
use stdx::random::Random;

use crate::shop::{BANK, SEARCH_PROVIDER};

/// The service with the cause, what is wrong there, where it shows.
type Truth = (&'static str, &'static str, &'static [&'static str]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incident {
    None,
    PaymentsTimeout,
    BadDeploy,
    NoisyTenant,
    SlowDatabase,
    MemoryLeak,
    QueueBacklog,
    CertificateExpiry,
}

/// What went wrong in a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `error.type` and `exception.type`.
    pub kind: &'static str,
    pub message: String,
    /// What the server that could not cope answers.
    pub status: u16,
}

/// What a step is like at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effect {
    /// How many times longer than usual, if not as long as usual.
    pub factor: Option<f64>,
    /// Fails after this many milliseconds instead of its usual time.
    pub failure: Option<(f64, Failure)>,
}

impl Effect {
    pub fn times(&self) -> f64 {
        self.factor.unwrap_or(1.0)
    }
}

/// An incident and when it starts.
#[derive(Clone, Copy, Debug)]
pub struct Trouble {
    pub incident: Incident,
    pub start_ns: u64,
}

const MINUTE_NS: u64 = 60_000_000_000;
/// The version that the bad deploy rolls out, instance by instance.
pub const BAD_VERSION: &str = "2.4.0";
pub const NOISY_TENANT: &str = "acme";
const LEAK_BYTES_PER_MINUTE: f64 = 55e6;
/// A leaking process is ended by the kernel here, and starts again.
pub const MEMORY_LIMIT_BYTES: f64 = 1.2e9;
const HEAP_BYTES: f64 = 180e6;

impl Incident {
    pub const ALL: [(&str, Self); 8] = [
        ("none", Self::None),
        ("payments-timeout", Self::PaymentsTimeout),
        ("bad-deploy", Self::BadDeploy),
        ("noisy-tenant", Self::NoisyTenant),
        ("slow-database", Self::SlowDatabase),
        ("memory-leak", Self::MemoryLeak),
        ("queue-backlog", Self::QueueBacklog),
        ("certificate-expiry", Self::CertificateExpiry),
    ];

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(have, _)| *have == name).map(|(_, incident)| incident)
    }

    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, incident)| *incident == self).map_or("none", |(name, _)| name)
    }

    /// The one cause, and what follows from it.
    fn truth(self) -> Truth {
        match self {
            Self::None => ("", "nothing is wrong", &[]),
            Self::PaymentsTimeout => (
                "payments",
                "calls to api.bank.example time out after 2 s",
                &[
                    "payments: errors and p99 of POST /charges",
                    "checkout, gateway, web: errors of the order path",
                    "payments logs: BankTimeoutException",
                    "failing traces end in a 2 s client span to api.bank.example",
                ],
            ),
            Self::BadDeploy => (
                "checkout",
                "version 2.4.0 fails every third order with a NullPointerException in PriceCalculator.total",
                &[
                    "checkout: a version change at the start of the errors, which are on 2.4.0 only",
                    "checkout logs: NullPointerException with the stack",
                ],
            ),
            Self::NoisyTenant => (
                "catalog",
                "tenant acme sends twelve times its usual searches",
                &[
                    "catalog: rate and CPU of GET /search",
                    "search spans: tenant.id=acme dominates",
                    "catalog profile: catalog.search.rank grows",
                ],
            ),
            Self::SlowDatabase => (
                "inventory",
                "queries on table stock wait for locks and take 25 times longer",
                &[
                    "inventory: p95 of both endpoints",
                    "database spans of table stock",
                    "inventory logs: slow query warnings",
                    "db.client.connection.count nears its maximum",
                ],
            ),
            Self::MemoryLeak => (
                "recommendations",
                "recommendations.model.EmbeddingCache.put never evicts; the process is killed at 1.2 GB and starts again",
                &[
                    "recommendations: process.memory.usage saw-tooth",
                    "heap profile: EmbeddingCache.put",
                    "errors while an instance restarts",
                ],
            ),
            Self::QueueBacklog => (
                "worker",
                "rendering invoices became eight times slower, so the queue `orders` grows",
                &[
                    "messaging.queue.depth of orders",
                    "worker: duration of process orders",
                    "time between publish and process spans",
                    "worker profile: worker::invoice::render_pdf",
                ],
            ),
            Self::CertificateExpiry => (
                "catalog",
                "the TLS certificate of search.provider.example expired",
                &[
                    "catalog: every GET /search fails at once, fast",
                    "catalog logs: certificate has expired",
                    "tls.certificate.expiry falls below zero at the start",
                ],
            ),
        }
    }
}

impl Trouble {
    fn on(&self, incident: Incident, now_ns: u64) -> bool {
        self.incident == incident && now_ns >= self.start_ns
    }

    fn minutes(&self, now_ns: u64) -> f64 {
        now_ns.saturating_sub(self.start_ns) as f64 / MINUTE_NS as f64
    }

    /// The version that an instance of `service` runs.
    pub fn version(&self, service: &str, usual: &'static str, instance: usize, now_ns: u64) -> &'static str {
        // Instances are replaced one after the other, a minute apart.
        let rolled = self.start_ns + instance as u64 * MINUTE_NS;
        if service == "checkout" && self.incident == Incident::BadDeploy && now_ns >= rolled {
            return BAD_VERSION;
        }
        // An ordinary deploy half an hour before, so that not every version change is to blame.
        if service == "recommendations" && now_ns < self.start_ns.saturating_sub(30 * MINUTE_NS) {
            return "1.8.3";
        }
        usual
    }

    pub fn rate_factor(&self, tenant: &str, route: &str, now_ns: u64) -> f64 {
        let noisy = tenant == NOISY_TENANT && route == "/search" && self.on(Incident::NoisyTenant, now_ns);
        if noisy { 12.0 } else { 1.0 }
    }

    pub fn external(&self, host: &str, now_ns: u64, random: &mut Random) -> Effect {
        if host == BANK && self.on(Incident::PaymentsTimeout, now_ns) && random.chance(0.7) {
            let message = format!("no answer from https://{BANK}/v2/charges within 2000 ms");
            return fails(2000.0, "BankTimeoutException", message, 504);
        }
        if host == SEARCH_PROVIDER && self.on(Incident::CertificateExpiry, now_ns) {
            let message =
                format!("certificate verify failed: certificate has expired (host {SEARCH_PROVIDER})");
            return fails(4.0, "SSLCertVerificationError", message, 502);
        }
        // Elsewhere is never perfect.
        if random.chance(0.002) {
            return fails(30.0, "ConnectionResetError", format!("connection reset by {host}"), 502);
        }
        Effect::default()
    }

    pub fn database(&self, table: &str, now_ns: u64, random: &mut Random) -> Effect {
        if table == "stock" && self.on(Incident::SlowDatabase, now_ns) {
            if random.chance(0.04) {
                let message = "canceling statement due to lock timeout on relation \"stock\"".to_owned();
                return fails(1000.0, "LockNotAvailable", message, 503);
            }
            return Effect { factor: Some(25.0), failure: None };
        }
        Effect::default()
    }

    pub fn work(&self, function: &str, version: &str, now_ns: u64, random: &mut Random) -> Effect {
        if function == "com.shop.checkout.PriceCalculator.total"
            && version == BAD_VERSION
            && random.chance(0.33)
        {
            let message =
                "Cannot invoke \"Discount.percent()\" because \"order.discount\" is null".to_owned();
            return fails(0.4, "java.lang.NullPointerException", message, 500);
        }
        if function == "worker::invoice::render_pdf" && self.on(Incident::QueueBacklog, now_ns) {
            return Effect { factor: Some(8.0), failure: None };
        }
        if function == "catalog.search.rank" && self.on(Incident::NoisyTenant, now_ns) {
            // The processor is contended.
            return Effect { factor: Some(2.5), failure: None };
        }
        Effect::default()
    }

    /// A service that refuses everything at the moment.
    pub fn down(&self, service: &str, instance: usize, now_ns: u64) -> Option<Failure> {
        let restarting = service == "recommendations"
            && self.on(Incident::MemoryLeak, now_ns)
            && self.heap(service, instance, now_ns).1 < MINUTE_NS / 6;
        restarting.then(|| Failure {
            kind: "ConnectionRefusedError",
            message: "connect ECONNREFUSED recommendations:8080".to_owned(),
            status: 503,
        })
    }

    /// Heap in bytes, and nanoseconds since the process was last killed for it.
    pub fn heap(&self, service: &str, instance: usize, now_ns: u64) -> (f64, u64) {
        if service != "recommendations" || !self.on(Incident::MemoryLeak, now_ns) {
            return (HEAP_BYTES, u64::MAX);
        }
        let life = (MEMORY_LIMIT_BYTES - HEAP_BYTES) / LEAK_BYTES_PER_MINUTE;
        let age = self.minutes(now_ns) + instance as f64 * life / 3.0;
        let since = age % life;
        let killed_before = age >= life;
        (
            HEAP_BYTES + since * LEAK_BYTES_PER_MINUTE,
            if killed_before { (since * MINUTE_NS as f64) as u64 } else { u64::MAX },
        )
    }

    /// Messages that wait in the queue, and how long the next one has waited by then (ns).
    pub fn backlog(&self, now_ns: u64, published_per_second: f64) -> (f64, u64) {
        if !self.on(Incident::QueueBacklog, now_ns) {
            return (1.0, 40_000_000);
        }
        // Three quarters of what comes in cannot be taken.
        let waiting = self.minutes(now_ns) * 60.0 * published_per_second * 0.75;
        (waiting, (self.minutes(now_ns) * 0.75 * MINUTE_NS as f64) as u64 + 40_000_000)
    }

    /// Seconds until the search provider's certificate expires; negative afterwards.
    pub fn certificate_seconds(&self, now_ns: u64) -> f64 {
        if self.incident == Incident::CertificateExpiry {
            (self.start_ns as f64 - now_ns as f64) / 1e9
        } else {
            71.0 * 86_400.0
        }
    }

    /// What later accuracy tests compare an answer with.
    pub fn ground_truth(&self, seed: u64) -> Value {
        let (service, cause, shows) = self.incident.truth();
        json!({
            "incident": self.incident.name(),
            "seed": seed,
            "start_unix_ns": self.start_ns.to_string(),
            "cause": { "service": service, "what": cause },
            "shows": shows,
        })
    }
}

fn fails(after_ms: f64, kind: &'static str, message: String, status: u16) -> Effect {
    Effect { factor: None, failure: Some((after_ms, Failure { kind, message, status })) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways_and_every_incident_has_a_cause() {
        for (name, incident) in Incident::ALL {
            assert_eq!((Incident::from_name(name), incident.name()), (Some(incident), name));
            let truth = Trouble { incident, start_ns: 5 }.ground_truth(1);
            assert_eq!(truth["shows"].as_array().unwrap().is_empty(), incident == Incident::None);
        }
    }

    #[test]
    fn nothing_is_wrong_before_the_start() {
        let mut random = Random::new(1);
        for (_, incident) in Incident::ALL {
            let trouble = Trouble { incident, start_ns: 1000 };
            assert_eq!(trouble.database("stock", 999, &mut random), Effect::default());
            assert_eq!(trouble.rate_factor(NOISY_TENANT, "/search", 999), 1.0);
            assert_eq!(trouble.down("recommendations", 0, 999), None);
            assert!(trouble.certificate_seconds(0) > 0.0);
        }
    }
}
