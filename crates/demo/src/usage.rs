//! What the processes count: rates, errors and durations of what they serve, and what they use of the machine. Cumulative, as SDKs keep it.

use std::collections::BTreeMap;

use model::{SpanId, TraceId};

use crate::incident::Trouble;
use crate::shop::{Endpoint, INSTANCES, ORDERS_QUEUE, SEARCH_PROVIDER, Service};

/// An exponential histogram of seconds at scale 3 (buckets grow by 9 %), with the latest exemplars.
#[derive(Clone, Debug, Default)]
pub struct Duration {
    pub count: u64,
    pub sum: f64,
    pub buckets: BTreeMap<i32, u64>,
    pub exemplars: Vec<Exemplar>,
}

#[derive(Clone, Copy, Debug)]
pub struct Exemplar {
    pub seconds: f64,
    pub time_ns: u64,
    pub trace: (TraceId, SpanId),
}

pub const SCALE: i32 = 3;
/// Exemplars kept a series between two exports.
const EXEMPLARS_MAX: usize = 4;

impl Duration {
    fn observe(&mut self, seconds: f64, exemplar: Option<Exemplar>) {
        self.count += 1;
        self.sum += seconds;
        let index = (seconds.max(1e-9).log2() * f64::from(1 << SCALE)).ceil() as i32 - 1;
        *self.buckets.entry(index).or_default() += 1;
        if let Some(exemplar) = exemplar {
            // The slowest are the ones that somebody will ask about.
            if self.exemplars.len() < EXEMPLARS_MAX {
                self.exemplars.push(exemplar);
            } else if let Some(least) =
                self.exemplars.iter_mut().min_by(|a, b| a.seconds.total_cmp(&b.seconds))
                && least.seconds < exemplar.seconds
            {
                *least = exemplar;
            }
        }
    }
}

type Served = (&'static str, &'static str, u16);
type Queried = (&'static str, &'static str);

/// Counters of one process.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// By method, route and status.
    pub served: BTreeMap<Served, Duration>,
    /// By table and operation.
    pub queried: BTreeMap<Queried, Duration>,
    pub cpu_ns: u64,
    pub published: u64,
    pub orders: u64,
    /// Processor time since the last export, for utilisation.
    cpu_before_ns: u64,
    queries_busy_ns: u64,
    queries_busy_before_ns: u64,
}

pub struct Usage {
    processes: Vec<[Process; INSTANCES]>,
}

/// A gauge reading.
pub struct Reading {
    pub name: &'static str,
    pub unit: &'static str,
    pub attributes: Vec<(&'static str, &'static str)>,
    pub value: f64,
}

impl Usage {
    pub fn new(services: usize) -> Self {
        Self { processes: (0..services).map(|_| std::array::from_fn(|_| Process::default())).collect() }
    }

    fn process(&mut self, place: (usize, usize)) -> &mut Process {
        &mut self.processes[place.0][place.1]
    }

    pub fn served(
        &mut self,
        place: (usize, usize),
        endpoint: &Endpoint,
        status: u16,
        took_ns: u64,
        trace: (TraceId, SpanId),
        time_ns: u64,
    ) {
        let seconds = took_ns as f64 / 1e9;
        let process = self.process(place);
        process.orders += u64::from(endpoint.route == "/orders" && status == 200);
        let duration = process.served.entry((endpoint.method, endpoint.route, status)).or_default();
        duration.observe(seconds, Some(Exemplar { seconds, time_ns, trace }));
    }

    pub fn queried(
        &mut self,
        place: (usize, usize),
        table: &'static str,
        operation: &'static str,
        took_ns: u64,
    ) {
        let process = self.process(place);
        process.queries_busy_ns += took_ns;
        process.queried.entry((table, operation)).or_default().observe(took_ns as f64 / 1e9, None);
    }

    pub fn worked(&mut self, place: (usize, usize), took_ns: u64) {
        self.process(place).cpu_ns += took_ns;
    }

    pub fn published(&mut self, place: (usize, usize)) {
        self.process(place).published += 1;
    }

    /// What a process shows at `now_ns`, an interval after it was last asked: counters, and gauges on the side.
    /// Exemplars are handed over once.
    pub fn read(
        &mut self,
        place: (usize, usize),
        services: &[Service],
        trouble: &Trouble,
        now_ns: u64,
        interval_ns: u64,
        published_per_second: f64,
    ) -> (Process, Vec<Reading>) {
        const POOL: f64 = 20.0;
        let name = services[place.0].name.as_str();
        let process = self.process(place);
        let interval = interval_ns as f64;
        let utilization = (process.cpu_ns - process.cpu_before_ns) as f64 / interval + 0.01;
        let busy = (process.queries_busy_ns - process.queries_busy_before_ns) as f64 / interval;
        process.cpu_before_ns = process.cpu_ns;
        process.queries_busy_before_ns = process.queries_busy_ns;
        let snapshot = process.clone();
        process.served.values_mut().for_each(|duration| duration.exemplars.clear());
        let (heap, _) = trouble.heap(name, place.1, now_ns);
        let gauge = |name, unit, attributes, value| Reading { name, unit, attributes, value };
        let mut readings = vec![
            gauge("process.cpu.utilization", "1", vec![], utilization.min(1.0)),
            gauge("process.memory.usage", "By", vec![], heap * 1.15 + utilization * 4e7),
        ];
        if !snapshot.queried.is_empty() {
            readings.push(gauge(
                "db.client.connection.count",
                "{connection}",
                vec![("state", "used")],
                (busy * 8.0).min(POOL).ceil(),
            ));
            readings.push(gauge("db.client.connection.max", "{connection}", vec![], POOL));
        }
        if name == "worker" && place.1 == 0 {
            let (waiting, _) = trouble.backlog(now_ns, published_per_second);
            readings.push(gauge(
                "messaging.queue.depth",
                "{message}",
                vec![("messaging.destination.name", ORDERS_QUEUE)],
                waiting.round(),
            ));
        }
        if name == "catalog" {
            let left = trouble.certificate_seconds(now_ns);
            readings.push(gauge(
                "tls.certificate.expiry",
                "s",
                vec![("server.address", SEARCH_PROVIDER)],
                left,
            ));
        }
        (snapshot, readings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_into_the_bucket_that_ends_at_or_above_it() {
        for seconds in [0.001, 0.0123, 0.5, 1.0, 2.0, 7.7] {
            let mut duration = Duration::default();
            duration.observe(seconds, None);
            let index = *duration.buckets.keys().next().unwrap();
            let bound = |index: i32| (f64::from(index) / f64::from(1 << SCALE)).exp2();
            assert!(
                bound(index) < seconds * (1.0 + 1e-12) && seconds <= bound(index + 1) * (1.0 + 1e-12),
                "{seconds}"
            );
        }
    }
}
