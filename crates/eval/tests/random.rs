//! Random expressions over random series: no panic, and the same result whatever the number of threads and however the query is cut up.

use eval::memory::{LoadedSample, MemorySource};
use eval::{Bounds, Options, Query, QueryTime, QueryValue, Sample, evaluate};
use limits::QueryBudget;
use model::Labels;
use model::histogram::{Buckets, CUSTOM_SCHEMA, CounterResetHint, FloatHistogram, STALE_BITS, Span};
use std::sync::Arc;

/// A small generator of numbers: the tests have to be the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.roll(choices.len())]
    }

    fn vector(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self
                .pick(&["f", "h", "x", "f{a=\"1\"}", "{a=~\"1|2\"}", "f offset 30s", "x @ 100", "h smoothed"])
                .into();
        }
        let depth = depth - 1;
        match self.roll(12) {
            0 => format!(
                "{}({})",
                self.pick(&["sum", "avg", "min", "max", "count", "group", "stddev"]),
                self.vector(depth)
            ),
            1 => format!("{} by (a) ({})", self.pick(&["sum", "avg", "stdvar", "count"]), self.vector(depth)),
            2 => format!(
                "{}({}, {})",
                self.pick(&["topk", "bottomk", "limitk"]),
                self.roll(4),
                self.vector(depth)
            ),
            3 => format!("quantile by (b) (0.{}, {})", self.roll(9), self.vector(depth)),
            4 => format!(
                "{} {} {}",
                self.vector(depth),
                self.pick(&["+", "-", "*", "/", "%", "^", "atan2", "</", ">/"]),
                self.roll(5)
            ),
            5 => format!(
                "{} {} {}",
                self.vector(depth),
                self.pick(&[">", "< bool", "==", "!="]),
                self.roll(50)
            ),
            6 => format!(
                "({}) {} ({})",
                self.vector(depth),
                self.pick(&[
                    "and",
                    "or",
                    "unless",
                    "+ on (a) group_left ()",
                    "> ignoring (b)",
                    "- fill (0)",
                    "* on (a, b)"
                ]),
                self.vector(depth)
            ),
            7 => format!(
                "{}({})",
                self.pick(&[
                    "abs",
                    "-",
                    "histogram_count",
                    "histogram_avg",
                    "sgn",
                    "sort",
                    "absent",
                    "timestamp",
                    "hour",
                    "histogram_stddev"
                ]),
                self.vector(depth)
            ),
            8 => format!("histogram_quantile(0.{}, {})", self.roll(9), self.vector(depth)),
            9 => format!("label_replace({}, \"b\", \"$1\", \"a\", \"(.).*\")", self.vector(depth)),
            10 => format!("count_values(\"v\", {})", self.vector(depth)),
            _ => self.over_range(depth),
        }
    }

    fn over_range(&mut self, depth: usize) -> String {
        let function = self.pick(&[
            "rate",
            "increase",
            "delta",
            "irate",
            "idelta",
            "sum_over_time",
            "avg_over_time",
            "min_over_time",
            "max_over_time",
            "count_over_time",
            "last_over_time",
            "changes",
            "resets",
            "deriv",
            "stddev_over_time",
            "mad_over_time",
            "first_over_time",
            "present_over_time",
            "absent_over_time",
            "ts_of_max_over_time",
        ]);
        let range = self.pick(&["40s", "2m", "11m"]);
        match self.roll(3) {
            0 => format!("{function}(({})[{range}:20s])", self.vector(depth)),
            _ => format!("{function}({}[{range}])", self.pick(&["f", "h", "x", "{a=~\".+\"}"])),
        }
    }
}

fn histogram(dice: &mut Dice) -> FloatHistogram {
    let counts: Vec<f64> = (0..1 + dice.roll(4)).map(|_| dice.roll(6) as f64).collect();
    let custom = dice.roll(3) == 0;
    let total: f64 = counts.iter().sum();
    FloatHistogram {
        reset_hint: if dice.roll(4) == 0 { CounterResetHint::Gauge } else { CounterResetHint::Unknown },
        schema: if custom { CUSTOM_SCHEMA } else { dice.roll(3) as i8 - 1 },
        zero_threshold: if custom { 0.0 } else { [0.0, 0.001, 0.7][dice.roll(3)] },
        count: total,
        sum: if dice.roll(9) == 0 { f64::NAN } else { total * 1.5 },
        positive: Buckets::new(
            vec![Span {
                offset: if custom { 0 } else { dice.roll(5) as i32 - 2 },
                length: counts.len() as u32,
            }],
            counts,
        ),
        custom_values: custom
            .then(|| [vec![1.0, 2.0, 4.0], vec![1.0, 3.0, 4.0, 8.0]][dice.roll(2)].clone().into()),
        ..FloatHistogram::default()
    }
}

fn source(dice: &mut Dice) -> MemorySource {
    let mut source = MemorySource::default();
    for name in ["f", "h", "x"] {
        for (a, b) in [("1", "p"), ("1", "q"), ("2", "p"), ("3", "")] {
            let mut value = 0.0;
            let mut samples = Vec::new();
            for place in 0..40 {
                value += dice.roll(10) as f64;
                if dice.roll(15) == 0 {
                    value = 0.0;
                }
                let is_histogram = name == "h" || (name == "x" && dice.roll(2) == 0);
                let kind = dice.roll(20);
                if kind == 0 {
                    continue;
                }
                let special = match kind {
                    1 => f64::from_bits(STALE_BITS),
                    2 => f64::NAN,
                    3 => f64::INFINITY,
                    4 => f64::MAX,
                    _ => value,
                };
                samples.push(LoadedSample {
                    time_ms: place * 15_000 + dice.roll(9000) as i64,
                    start_ms: if dice.roll(5) == 0 { place * 14_000 } else { 0 },
                    value: special,
                    histogram: is_histogram.then(|| Arc::new(histogram(dice))),
                });
            }
            source.append(Labels::from_pairs([("__name__", name), ("a", a), ("b", b)]), samples);
        }
    }
    source
}

/// A result as text, every bit of it.
fn show(source: &MemorySource, text: &str, time: QueryTime, threads: usize) -> String {
    let Ok(expr) = promql::parse(text) else { return "not valid".into() };
    let options = Options { threads, ..Options::default() };
    let bounds = Bounds::new(QueryBudget::unlimited());
    let output = match evaluate(source, &Query { expr: &expr, text, time }, &options, bounds, None) {
        Ok(output) => output,
        Err(error) => return error.to_string(),
    };
    let sample = |sample: &Sample| match sample {
        Sample::Float(value) => format!("{:x}", value.to_bits()),
        Sample::Histogram(histogram) => histogram.to_string(),
    };
    let mut lines: Vec<String> = match &output.value {
        QueryValue::Vector(vector) => {
            vector.iter().map(|e| format!("{} {}", e.labels, sample(&e.sample))).collect()
        }
        QueryValue::Matrix(matrix) => {
            let points = |points: &[(i64, Sample)]| {
                points.iter().map(|(t, s)| format!("{t}:{} ", sample(s))).collect::<String>()
            };
            matrix.iter().map(|series| format!("{} {}", series.labels, points(&series.points))).collect()
        }
        other => vec![format!("{other:?}")],
    };
    let (warnings, infos) = output.annotations.to_texts(text, 0, 0);
    lines.extend(warnings.into_iter().chain(infos));
    lines.join("\n")
}

#[test]
fn results_do_not_depend_on_threads() {
    let mut dice = Dice(7);
    let source = source(&mut dice);
    let mut valid = 0;
    for _ in 0..1500 {
        let depth = dice.roll(4);
        let text = dice.vector(depth);
        let range = QueryTime::Range { start_ms: 0, end_ms: 600_000, step_ms: 20_000 };
        let instant = QueryTime::Instant { at_ms: 300_000 };
        for time in [range, instant] {
            let alone = show(&source, &text, time, 1);
            valid += usize::from(alone != "not valid");
            assert_eq!(alone, show(&source, &text, time, 3), "{text}");
        }
    }
    assert!(valid > 2500, "only {valid} of the random expressions were valid");
}

#[test]
fn a_sub_expression_that_stands_twice_is_computed_once_and_means_the_same() {
    let mut dice = Dice(11);
    let source = source(&mut dice);
    let time = QueryTime::Range { start_ms: 0, end_ms: 600_000, step_ms: 20_000 };
    for text in ["sum by (a) (f)", "rate(f[2m])", "max_over_time(f[2m])", "abs(f - 3)"] {
        // A blank more makes it another text, so that nothing is shared.
        let shared = show(&source, &format!("({text}) - ({text})"), time, 1);
        let apart = show(&source, &format!("({text}) - ({text} )"), time, 1);
        let blank = show(&source, &format!("({text}) - ( {} )", text.replacen('(', "( ", 1)), time, 1);
        let without_notes =
            |text: &str| text.lines().filter(|line| line.starts_with('{')).collect::<Vec<_>>().join("\n");
        assert_eq!(without_notes(&shared), without_notes(&apart));
        assert_eq!(without_notes(&shared), without_notes(&blank));
    }
}
