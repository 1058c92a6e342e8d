//! Plays a test: loads samples as time goes, runs the rules at every interval, compares alerts and then queries.

use std::sync::Arc;

use eval::memory::{LoadedSample, MemorySource};
use eval::{Bounds, Query, QueryTime, QueryValue, Sample};
use limits::QueryBudget;
use model::Labels;
use model::histogram::{CounterResetHint, FloatHistogram};
use model::quote::quoted;
use promql::{Expr, SeriesValue, format_duration_ms};

use super::TestOptions;
use super::file::{AlertCase, ExpectedSample, QueryCase, TestFile, TestGroup};
use crate::file::RuleFile;
use crate::run::{AlertState, External, GroupRun};

pub(super) struct Run<'a> {
    file: &'a TestFile,
    test: &'a TestGroup,
    options: TestOptions,
    store: MemorySource,
    /// Samples to come, by series; those of the nearest future last.
    coming: Vec<(Labels, Vec<LoadedSample>)>,
}

type Answer = Vec<(Arc<Labels>, Sample)>;

impl<'a> Run<'a> {
    pub(super) fn new(file: &'a TestFile, test: &'a TestGroup, options: TestOptions) -> Result<Self, String> {
        if let Some(case) = test.alerts.iter().find(|case| case.alert.is_empty()) {
            let place =
                if test.name.is_empty() { String::new() } else { format!(" (in TestGroup {})", test.name) };
            let time = format_duration_ms(case.eval_time_ms);
            return Err(format!(
                "an item under alert_rule_test misses required attribute alertname at eval_time {time}{place}"
            ));
        }
        let mut coming = Vec::new();
        for input in &test.input_series {
            let series = promql::parse_series(&format!("{} {}", input.series, input.values))
                .map_err(|error| format!("    series {}: {error}", quoted(&input.series)))?;
            let values = series.values.into_iter().enumerate().rev();
            let samples = values.filter_map(|(place, value)| {
                let time_ms =
                    i64::try_from(place).ok()?.checked_mul(test.interval_ms)?.checked_add(test.start_ms)?;
                let (value, histogram) = match value {
                    SeriesValue::Omitted => return None,
                    SeriesValue::Float(value) => (value, None),
                    SeriesValue::Histogram(histogram) => (histogram.sum, Some(histogram)),
                };
                Some(LoadedSample { time_ms, start_ms: 0, value, histogram })
            });
            coming.push((series.labels, samples.collect()));
        }
        Ok(Self { file, test, options, store: MemorySource::default(), coming })
    }

    pub(super) fn play(mut self, rules: &[(String, RuleFile)]) -> Vec<String> {
        let mut groups = match self.groups(rules) {
            Ok(groups) => groups,
            Err(error) => return vec![error],
        };
        let mut failures = Vec::new();
        let alert_times = self.test.alerts.iter().map(|case| case.eval_time_ms);
        let query_times = self.test.queries.iter().map(|case| case.eval_time_ms);
        let last_ms = alert_times.chain(query_times).max().unwrap_or(0);
        let step_ms = self.file.evaluation_interval_ms;
        let mut since_ms = 0_i64;
        while since_ms <= last_ms {
            let now_ms = self.test.start_ms + since_ms;
            self.load_until(now_ms);
            let errors = self.run_rules(&mut groups, now_ms);
            if !errors.is_empty() {
                failures.extend(errors);
                return failures;
            }
            let due =
                |case: &&AlertCase| (since_ms..since_ms.saturating_add(step_ms)).contains(&case.eval_time_ms);
            let cases: Vec<&AlertCase> = self.test.alerts.iter().filter(due).collect();
            failures.extend(cases.into_iter().filter_map(|case| self.check_alerts(case, &groups)));
            since_ms = since_ms.saturating_add(step_ms);
        }
        failures.extend(self.test.queries.iter().filter_map(|case| self.check_query(case)));
        failures
    }

    /// The groups of all files, those that the order names first.
    fn groups(&self, rules: &[(String, RuleFile)]) -> Result<Vec<GroupRun>, String> {
        let external =
            External { labels: self.test.external_labels.clone(), url: self.test.external_url.clone() };
        let mut groups = Vec::new();
        for group in rules.iter().flat_map(|(_, file)| &file.groups) {
            groups.push(GroupRun::new(group, &external).map_err(|error| error.to_string())?);
        }
        let order = &self.file.group_eval_order;
        groups.sort_by_key(|group| order.iter().position(|name| *name == group.name).unwrap_or(order.len()));
        Ok(groups)
    }

    fn load_until(&mut self, now_ms: i64) {
        for (labels, coming) in &mut self.coming {
            let rest = coming.partition_point(|sample| sample.time_ms > now_ms);
            if rest < coming.len() {
                let due = coming.split_off(rest);
                self.store.append(labels.clone(), due.into_iter().rev());
            }
        }
    }

    fn run_rules(&mut self, groups: &mut [GroupRun], now_ms: i64) -> Vec<String> {
        let mut errors = Vec::new();
        for group in groups {
            for place in 0..group.rule_count() {
                let (store, step_ms) = (&self.store, self.file.evaluation_interval_ms);
                let ask = |expr: &Expr, text: &str, at_ms: i64| ask(store, step_ms, expr, text, at_ms);
                match group.run(place, now_ms, &ask) {
                    Ok(given) => {
                        for (labels, sample) in given.samples {
                            self.store.append(labels, [loaded(given.at_ms, sample)]);
                        }
                    }
                    Err(error) => {
                        let name = group.rule(place).name();
                        // Since 1970, as promtool says it.
                        let time = format_duration_ms(now_ms);
                        errors.push(format!("    rule: {name}, time: {time}, err: {error}"));
                    }
                }
            }
        }
        errors
    }

    fn check_alerts(&self, case: &AlertCase, groups: &[GroupRun]) -> Option<String> {
        let mut got = Vec::new();
        for group in groups {
            for place in (0..group.rule_count()).filter(|place| group.rule(*place).name() == case.alert) {
                let firing = group.alerts(place).filter(|alert| alert.state == AlertState::Firing);
                got.extend(firing.map(|alert| (alert.labels.clone(), alert.annotations.clone())));
            }
        }
        let mut expected: Vec<(Labels, Labels)> = case
            .expected
            .iter()
            .map(|alert| {
                let labels = alert.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                let labels = Labels::from_pairs(labels.chain([("alertname", case.alert.as_str())]));
                let annotations =
                    alert.annotations.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                (labels, Labels::from_pairs(annotations))
            })
            .collect();
        got.sort();
        expected.sort();
        if got == expected {
            return None;
        }
        let name = if self.test.name.is_empty() {
            String::new()
        } else {
            format!("    name: {},\n", self.test.name)
        };
        let time = format_duration_ms(case.eval_time_ms);
        Some(format!(
            "{name}    alertname: {}, time: {time}, \n        exp:{}, \n        got:{}",
            case.alert,
            alerts_text(&expected),
            alerts_text(&got)
        ))
    }

    fn check_query(&self, case: &QueryCase) -> Option<String> {
        let (query, time) = (quoted(&case.query), format_duration_ms(case.eval_time_ms));
        let failed = |error: String| Some(format!("    expr: {query}, time: {time}, err: {error}"));
        let expr = match promql::parse_with(&case.query, self.options.promql) {
            Ok(expr) => expr,
            Err(error) => return failed(error.to_string()),
        };
        let at_ms = self.test.start_ms + case.eval_time_ms;
        let got = match ask(&self.store, self.file.evaluation_interval_ms, &expr, &case.query, at_ms) {
            Ok(got) => got,
            Err(error) => return failed(error),
        };
        let mut got: Vec<Compared> =
            got.into_iter().map(|(labels, sample)| Compared::of(Labels::clone(&labels), &sample)).collect();
        let mut expected = Vec::new();
        for sample in &case.expected {
            match expected_sample(sample) {
                Ok(sample) => expected.push(sample),
                Err(error) => return failed(format!("labels {}: {error}", quoted(&sample.labels))),
            }
        }
        got.sort_by(|left, right| left.labels.cmp(&right.labels));
        expected.sort_by(|left: &Compared, right| left.labels.cmp(&right.labels));
        let fuzzy = self.file.fuzzy_compare;
        let is_same = got.len() == expected.len()
            && got.iter().zip(&expected).all(|(got, expected)| got.is_same(expected, fuzzy));
        if is_same {
            return None;
        }
        let (expected, got) = (samples_text(&expected), samples_text(&got));
        Some(format!("    expr: {query}, time: {time},\n        exp: {expected}\n        got: {got}"))
    }
}

fn ask(store: &MemorySource, step_ms: i64, expr: &Expr, text: &str, at_ms: i64) -> Result<Answer, String> {
    let options =
        eval::Options { default_subquery_step_ms: Arc::new(move |_| step_ms), ..eval::Options::default() };
    let query = Query { expr, text, time: QueryTime::Instant { at_ms } };
    let output = eval::evaluate(store, &query, &options, Bounds::new(QueryBudget::unlimited()), None)
        .map_err(|error| error.to_string())?;
    match output.value {
        QueryValue::Vector(elements) => {
            Ok(elements.into_iter().map(|element| (element.labels, element.sample)).collect())
        }
        QueryValue::Scalar { value, .. } => Ok(vec![(Arc::default(), Sample::Float(value))]),
        QueryValue::Text { .. } | QueryValue::Matrix(_) => {
            Err("rule result is not a vector or scalar".to_owned())
        }
    }
}

fn loaded(time_ms: i64, sample: Sample) -> LoadedSample {
    match sample {
        Sample::Float(value) => LoadedSample { time_ms, start_ms: 0, value, histogram: None },
        Sample::Histogram(histogram) => {
            LoadedSample { time_ms, start_ms: 0, value: histogram.sum, histogram: Some(histogram) }
        }
    }
}

/// A sample as promtool compares it: a histogram by its text.
struct Compared {
    labels: Labels,
    value: f64,
    histogram: Option<String>,
}

impl Compared {
    fn of(labels: Labels, sample: &Sample) -> Self {
        match sample {
            Sample::Float(value) => Self { labels, value: *value, histogram: None },
            Sample::Histogram(histogram) => {
                Self { labels, value: 0.0, histogram: Some(histogram_text(histogram)) }
            }
        }
    }

    fn is_same(&self, other: &Self, fuzzy: bool) -> bool {
        let (left, right) = (self.value, other.value);
        let is_near = fuzzy && (left.next_up() == right || left.next_down() == right);
        self.labels == other.labels && self.histogram == other.histogram && (left == right || is_near)
    }
}

fn expected_sample(sample: &ExpectedSample) -> Result<Compared, String> {
    let text = if sample.labels.is_empty() { "{}" } else { &sample.labels };
    let labels = promql::parse_metric(text).map_err(|error| error.to_string())?;
    if sample.histogram.is_empty() {
        return Ok(Compared { labels, value: sample.value, histogram: None });
    }
    let series =
        promql::parse_series(&format!("{{}} {}", sample.histogram)).map_err(|error| error.to_string())?;
    match series.values.as_slice() {
        [SeriesValue::Histogram(histogram)] => {
            Ok(Compared { labels, value: sample.value, histogram: Some(histogram_text(histogram)) })
        }
        [_] => Err("expected histogram, got a number".to_owned()),
        values => Err(format!("expected 1 value, got {}", values.len())),
    }
}

/// The notation of test scripts.
fn histogram_text(histogram: &FloatHistogram) -> String {
    let mut histogram = histogram.clone();
    histogram.compact(usize::MAX);
    let number = stdx::number::shortest;
    let list = |numbers: &[f64]| numbers.iter().map(|value| number(*value)).collect::<Vec<_>>().join(" ");
    let mut parts = Vec::new();
    if histogram.schema != 0 {
        parts.push(format!("schema:{}", histogram.schema));
    }
    let plain = [
        ("count", histogram.count),
        ("sum", histogram.sum),
        ("z_bucket", histogram.zero_count),
        ("z_bucket_w", histogram.zero_threshold),
    ];
    parts.extend(
        plain
            .iter()
            .filter(|(_, value)| *value != 0.0)
            .map(|(key, value)| format!("{key}:{}", number(*value))),
    );
    if histogram.uses_custom_buckets() {
        parts.push(format!("custom_values:[{}]", list(histogram.bounds())));
    }
    match histogram.reset_hint {
        CounterResetHint::Unknown => {}
        CounterResetHint::Reset => parts.push("counter_reset_hint:reset".to_owned()),
        CounterResetHint::NotReset => parts.push("counter_reset_hint:not_reset".to_owned()),
        CounterResetHint::Gauge => parts.push("counter_reset_hint:gauge".to_owned()),
    }
    for (side, buckets_key, offset_key) in
        [(&histogram.positive, "buckets", "offset"), (&histogram.negative, "n_buckets", "n_offset")]
    {
        for span in side.spans.iter().filter(|span| span.offset != 0) {
            parts.push(format!("{offset_key}:{}", span.offset));
        }
        if !side.counts.is_empty() {
            parts.push(format!("{buckets_key}:[{}]", list(&side.counts)));
        }
    }
    format!("{{{{{}}}}}", parts.join(" "))
}

fn samples_text(samples: &[Compared]) -> String {
    if samples.is_empty() {
        return "nil".to_owned();
    }
    let shown: Vec<String> = samples
        .iter()
        .map(|sample| match &sample.histogram {
            Some(histogram) => format!("{} {histogram}", quoted(sample.labels.to_string())),
            None => format!("{} {}", sample.labels, exponent(sample.value)),
        })
        .collect();
    shown.join(", ")
}

/// Go's `%E`.
fn exponent(value: f64) -> String {
    if !value.is_finite() {
        return stdx::number::plain(value);
    }
    let text = format!("{value:E}");
    let (mantissa, exponent) = text.split_once('E').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}E{sign}{:02}", exponent.unsigned_abs())
}

fn alerts_text(alerts: &[(Labels, Labels)]) -> String {
    if alerts.is_empty() {
        return "[]".to_owned();
    }
    let shown: Vec<String> = alerts
        .iter()
        .enumerate()
        .map(|(place, (labels, annotations))| {
            format!(
                "\n                {place}:\n                  Labels:{labels}\n                  Annotations:{annotations}"
            )
        })
        .collect();
    format!("[{}\n            ]", shown.concat())
}
