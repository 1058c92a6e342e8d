//! Times dashboard queries over synthetic series: `cargo run --release -p eval --example dashboard [SERIES] [THREADS] [FILTER]`.
//!
//! Samples are made up while they are read (a copy of a column), so that this measures the evaluation and not a store. Six hours at 15 seconds.
#![allow(clippy::disallowed_methods, reason = "measures by the real clock")]
#![allow(clippy::print_stdout, reason = "prints what it measured")]

use eval::{
    Bounds, Columns, Options, Query, QueryTime, QueryValue, SelectHints, Selection, Source, SourceError,
    evaluate,
};
use limits::QueryBudget;
use model::Labels;
use model::matcher::Matcher;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

const INTERVAL_MS: i64 = 15_000;
const SAMPLES: i64 = 6 * 3600 * 1000 / INTERVAL_MS;
const END_MS: i64 = SAMPLES * INTERVAL_MS;

struct Synthetic {
    /// By metric name.
    labels: BTreeMap<String, Vec<Arc<Labels>>>,
    times: Vec<i64>,
    values: Vec<f64>,
}

impl Synthetic {
    fn new(series: usize) -> Self {
        let names = ["http_requests_total", "cpu_seconds_total", "memory_bytes", "latency_bucket"];
        let bounds = ["0.1", "0.5", "1", "5", "+Inf"];
        let labels = (0..series).map(|number| {
            let name = names[number % names.len()];
            let place = number / names.len();
            let mut pairs = vec![
                ("__name__".to_owned(), name.to_owned()),
                ("instance".to_owned(), format!("host-{}", place % 1000)),
                ("job".to_owned(), format!("job-{}", place % 20)),
                ("pod".to_owned(), format!("pod-{place}")),
                ("region".to_owned(), format!("region-{}", place % 4)),
            ];
            if name == "latency_bucket" {
                pairs.push(("le".to_owned(), bounds[place % bounds.len()].to_owned()));
                pairs[3].1 = format!("pod-{}", place / bounds.len());
            }
            Labels::from_pairs(pairs)
        });
        let mut all: Vec<Arc<Labels>> = labels.map(Arc::new).collect();
        all.sort();
        let mut labels: BTreeMap<String, Vec<Arc<Labels>>> = BTreeMap::new();
        for series in all {
            labels.entry(series.metric_name().to_owned()).or_default().push(series);
        }
        let times = (0..SAMPLES).map(|place| place * INTERVAL_MS).collect();
        let values = (0..SAMPLES).map(|place| (place * 7 + place % 3) as f64).collect();
        Self { labels, times, values }
    }
}

struct Selected<'a> {
    labels: Vec<Arc<Labels>>,
    source: &'a Synthetic,
    from: usize,
    to: usize,
}

impl Source for Synthetic {
    fn select<'a>(
        &'a self,
        matchers: &[Matcher],
        hints: &SelectHints<'_>,
        _: &QueryBudget,
    ) -> Result<Box<dyn Selection + 'a>, SourceError> {
        let name = matchers.iter().find(|matcher| matcher.name() == Labels::METRIC_NAME);
        let candidates = name.and_then(|name| self.labels.get(name.value()));
        let others: Vec<&Matcher> = matchers.iter().filter(|m| m.name() != Labels::METRIC_NAME).collect();
        let matches =
            |labels: &&Arc<Labels>| others.iter().all(|matcher| matcher.matches(labels.get(matcher.name())));
        let labels = candidates.into_iter().flatten().filter(matches).cloned().collect();
        let from = self.times.partition_point(|time| *time < hints.start_ms);
        let to = self.times.partition_point(|time| *time <= hints.end_ms);
        Ok(Box::new(Selected { labels, source: self, from, to }))
    }
}

impl Selection for Selected<'_> {
    fn labels(&self) -> &[Arc<Labels>] {
        &self.labels
    }

    fn read(&self, series: usize, columns: &mut Columns) -> Result<(), SourceError> {
        columns.timestamps.extend_from_slice(&self.source.times[self.from..self.to]);
        let scale = 1.0 + (series % 17) as f64;
        columns.values.extend(self.source.values[self.from..self.to].iter().map(|value| value * scale));
        Ok(())
    }
}

const QUERIES: [&str; 18] = [
    "sum(rate(http_requests_total[5m]))",
    "sum by (job) (rate(http_requests_total[5m]))",
    "sum by (pod) (rate(http_requests_total[5m]))",
    "avg by (instance) (memory_bytes)",
    "max by (region) (memory_bytes)",
    "count by (job) (memory_bytes)",
    "histogram_quantile(0.99, sum by (le, job) (rate(latency_bucket[5m])))",
    "topk(10, rate(cpu_seconds_total[5m]))",
    "sum by (job) (increase(http_requests_total[1h]))",
    "sum by (job) (sum_over_time(memory_bytes[1h]))",
    "avg by (job) (avg_over_time(memory_bytes[5m]))",
    "max by (job) (max_over_time(memory_bytes[1h]))",
    "sum by (job) (rate(http_requests_total[5m])) / sum by (job) (rate(cpu_seconds_total[5m]))",
    "rate(http_requests_total[5m]) / on (instance, job, pod, region) rate(cpu_seconds_total[5m])",
    "max_over_time(sum by (job) (rate(http_requests_total[5m]))[1h:1m])",
    "sum(rate(http_requests_total{pod=~\"pod-1.*\"}[5m]))",
    "quantile(0.9, rate(cpu_seconds_total[5m]))",
    "stddev by (region) (memory_bytes)",
];

/// Processor time of this process, as the kernel counts it (in hundredths of seconds).
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    (ticks(11) + ticks(12)) * 10
}

fn main() {
    let mut args = std::env::args().skip(1);
    let series = args.next().and_then(|text| text.parse().ok()).unwrap_or(200_000);
    let threads = args.next().and_then(|text| text.parse().ok()).unwrap_or(2);
    let filter = args.next().unwrap_or_default();
    let source = Synthetic::new(series);
    let options = Options { threads, ..Options::default() };
    let times = [
        ("instant", QueryTime::Instant { at_ms: END_MS - INTERVAL_MS }),
        ("1h/15s", QueryTime::Range { start_ms: END_MS - 3_600_000, end_ms: END_MS, step_ms: 15_000 }),
        ("6h/60s", QueryTime::Range { start_ms: 0, end_ms: END_MS, step_ms: 60_000 }),
    ];
    println!("{series} series, {threads} threads; milliseconds by the clock / of processor time (peak MB)");
    for text in QUERIES.iter().filter(|text| text.contains(&filter)) {
        let expr = promql::parse(text).expect("the queries are valid");
        let mut line = String::new();
        for (name, time) in times {
            let bounds = Bounds {
                max_samples: usize::MAX,
                max_bytes: 8 << 30,
                ..Bounds::new(QueryBudget::unlimited())
            };
            let (started, cpu) = (Instant::now(), cpu_ms());
            let result = evaluate(&source, &Query { expr: &expr, text, time }, &options, bounds, None);
            let elapsed = started.elapsed();
            let shown = match result {
                Ok(output) => {
                    let rows = match &output.value {
                        QueryValue::Vector(vector) => vector.len(),
                        QueryValue::Matrix(matrix) => matrix.len(),
                        _ => 1,
                    };
                    let (wall, cpu) = (elapsed.as_secs_f64() * 1000.0, cpu_ms() - cpu);
                    format!("{wall:7.0}/{cpu:5} ({:3} MB, {rows} rows)", output.peak_bytes >> 20)
                }
                Err(error) => error.to_string(),
            };
            line.push_str(&format!("  {name} {shown}"));
        }
        println!("{line}  {text}");
    }
}
