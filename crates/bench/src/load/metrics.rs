//! Prometheus remote write 1 as a Prometheus with many targets sends it: every series once a scrape, 2,000 samples a request, snappy.

use super::proto::Message;
use stdx::random::Random;

/// How values move, because it decides what they cost on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shape {
    /// As node exporter: counters that step by small integers, gauges with few decimals, many constants.
    Node,
    /// As a cluster's cAdvisor and kube-state-metrics, with a tenth of the series replaced every ten minutes.
    Kubernetes,
    /// Random 64-bit floats.
    Random,
}

/// All series and where each one's value stands.
pub struct Series {
    shape: Shape,
    random: Random,
    scrape: u64,
    labels: Vec<Vec<u8>>,
    values: Vec<f64>,
    kinds: Vec<u8>,
}

const METRICS_PER_TARGET: u64 = 500;

impl Series {
    pub fn new(count: u64, shape: Shape, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let labels = (0..count).map(|number| labels(number, 0, shape)).collect();
        let kinds = (0..count).map(|_| random.below(10) as u8).collect();
        let values = (0..count).map(|_| random.below(1 << 30) as f64).collect();
        Self { shape, random, scrape: 0, labels, values, kinds }
    }

    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// One scrape of everything at `at_ms`, as request bodies of at most `per_request` samples.
    pub fn scrape(&mut self, at_ms: i64, per_request: usize) -> Vec<Vec<u8>> {
        self.move_values();
        let mut encoder = snap::raw::Encoder::new();
        let mut bodies = Vec::new();
        for (labels, values) in self.labels.chunks(per_request).zip(self.values.chunks(per_request)) {
            let mut request = Message::default();
            for (labels, value) in labels.iter().zip(values) {
                let (mut series, mut sample) = (Message(labels.clone()), Message::default());
                sample.fixed64(1, value.to_bits());
                sample.varint(2, at_ms as u64);
                series.bytes(2, &sample.0);
                request.bytes(1, &series.0);
            }
            bodies.push(encoder.compress_vec(&request.0).expect("a request is far below snappy's limit"));
        }
        bodies
    }

    fn move_values(&mut self) {
        self.scrape += 1;
        // 40 scrapes of 15 s are ten minutes.
        if self.shape == Shape::Kubernetes && self.scrape.is_multiple_of(40) {
            let generation = self.scrape / 40;
            for number in (0..self.labels.len() as u64).filter(|number| number % 10 == generation % 10) {
                self.labels[number as usize] = labels(number, generation, self.shape);
            }
        }
        for (value, kind) in self.values.iter_mut().zip(&self.kinds) {
            *value = match (self.shape, kind) {
                (Shape::Random, _) => f64::from_bits(self.random.draw() >> 2 | 0x3000_0000_0000_0000),
                (_, 0..=2) => *value,
                (_, 3..=6) => *value + self.random.below(200) as f64,
                (_, 7) => *value + self.random.below(1_000_000) as f64 / 1000.0,
                (_, 8) => (self.random.below(10_000) as f64) / 100.0,
                _ => (self.random.below(1 << 24) * 4096) as f64,
            };
        }
    }
}

/// The `labels` fields of a `TimeSeries`, sorted by name.
fn labels(number: u64, generation: u64, shape: Shape) -> Vec<u8> {
    let (target, metric) = (number / METRICS_PER_TARGET, number % METRICS_PER_TARGET);
    let mut series = Message::default();
    let mut label = |name: &str, value: &str| {
        let mut label = Message::default();
        label.text(1, name);
        label.text(2, value);
        series.bytes(1, &label.0);
    };
    if shape == Shape::Kubernetes {
        label("__name__", &format!("container_resource_{:03}_total", metric % 60));
        label("cluster", "eu-west-1");
        label("container", ["app", "proxy", "init"][(metric % 3) as usize]);
        label("instance", &format!("10.0.{}.{}:10250", target / 250, target % 250));
        label("job", "kubelet");
        label("namespace", &format!("team-{:02}", target % 40));
        label("node", &format!("node-{:03}", target % 200));
        label("pod", &format!("app-{target}-{:x}-{}", generation * 7919 + metric / 3, metric % 9));
    } else {
        label("__name__", &format!("node_subsystem_{:03}_value", metric % 250));
        label("device", &format!("dev{}", metric / 250));
        label("instance", &format!("10.0.{}.{}:9100", target / 250, target % 250));
        label("job", "node");
        label("region", "eu-west-1");
    }
    series.0
}
