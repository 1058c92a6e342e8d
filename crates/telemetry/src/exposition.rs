//! The registry as text: Prometheus 0.0.4, and OpenMetrics 1.0 where the scraper asks for it.

use std::fmt::Write;

use crate::metric::Reading;
use crate::registry::{Metric, Registry};

/// Which text form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Prometheus,
    OpenMetrics,
}

impl Form {
    /// Chooses by the scraper's `Accept` header.
    pub fn negotiate(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Prometheus }
    }

    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8; escaping=values",
            Self::OpenMetrics => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=values"
            }
        }
    }
}

/// Everything in `registry`, ordered by name and labels.
pub fn render(registry: &Registry, form: Form) -> String {
    let mut out = String::with_capacity(16 * 1024);
    registry.with_families(|families| {
        for (name, family) in families {
            let family_name = match form {
                Form::OpenMetrics if family.kind == "counter" => name.strip_suffix("_total").unwrap_or(name),
                _ => name,
            };
            let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
            line(&mut out, format_args!("# HELP {family_name} {help}"));
            line(&mut out, format_args!("# TYPE {family_name} {}", family.kind));
            for (labels, metric) in &family.metrics {
                let labels = label_text(labels);
                match metric {
                    Metric::Counter(counter) => sample(&mut out, name, &labels, counter.get() as f64),
                    Metric::Gauge(gauge) => sample(&mut out, name, &labels, gauge.get() as f64),
                    Metric::Sampled(read) => sample(&mut out, name, &labels, read()),
                    Metric::Histogram(histogram) => buckets(&mut out, name, &labels, &histogram.read()),
                }
            }
        }
    });
    if form == Form::OpenMetrics {
        out.push_str("# EOF\n");
    }
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a string");
}

fn sample(out: &mut String, name: &str, labels: &str, value: f64) {
    if labels.is_empty() {
        line(out, format_args!("{name} {value}"));
    } else {
        line(out, format_args!("{name}{{{labels}}} {value}"));
    }
}

fn buckets(out: &mut String, name: &str, labels: &str, reading: &Reading) {
    let comma = if labels.is_empty() { "" } else { "," };
    for (place, count) in reading.cumulative.iter().enumerate() {
        let bound = reading.bounds.get(place).map_or("+Inf".to_owned(), |bound| format!("{bound:?}"));
        line(out, format_args!("{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}"));
    }
    sample(out, &format!("{name}_sum"), labels, reading.sum);
    sample(out, &format!("{name}_count"), labels, reading.cumulative.last().copied().unwrap_or(0) as f64);
}

fn label_text(labels: &[(String, String)]) -> String {
    let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Histogram;

    fn registry() -> Registry {
        let registry = Registry::new();
        registry.counter("oriel_a_total", "Things.", &[("kind", "x\"y")]).add(3);
        registry.gauge("oriel_b", "Now.", &[]).set(-2);
        registry.sampled("oriel_c", "Asked.", &[], || 1.5);
        let histogram = registry.histogram("oriel_d_seconds", "Long.", &[], &[0.1, 1.0]);
        [0.1, 0.5, 7.0].into_iter().for_each(|value| Histogram::observe(&histogram, value));
        registry
    }

    #[test]
    fn prometheus_text() {
        let want = r#"# HELP oriel_a_total Things.
# TYPE oriel_a_total counter
oriel_a_total{kind="x\"y"} 3
# HELP oriel_b Now.
# TYPE oriel_b gauge
oriel_b -2
# HELP oriel_c Asked.
# TYPE oriel_c gauge
oriel_c 1.5
# HELP oriel_d_seconds Long.
# TYPE oriel_d_seconds histogram
oriel_d_seconds_bucket{le="0.1"} 1
oriel_d_seconds_bucket{le="1.0"} 2
oriel_d_seconds_bucket{le="+Inf"} 3
oriel_d_seconds_sum 7.6
oriel_d_seconds_count 3
"#;
        assert_eq!(render(&registry(), Form::Prometheus), want);
    }

    #[test]
    fn open_metrics_names_the_family_without_total_and_ends() {
        let text = render(&registry(), Form::negotiate("application/openmetrics-text;version=1.0.0"));
        assert!(text.contains("# TYPE oriel_a counter\noriel_a_total{"));
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn the_same_name_and_labels_are_the_same_metric() {
        let registry = registry();
        registry.counter("oriel_a_total", "Things.", &[("kind", "x\"y")]).inc();
        assert_eq!(registry.counter("oriel_a_total", "", &[("kind", "x\"y")]).get(), 4);
        registry.sampled("oriel_c", "Asked.", &[], || 2.5);
        assert!(render(&registry, Form::Prometheus).contains("oriel_c 2.5\n"));
        registry.remove("oriel_b", &[]);
        assert!(!render(&registry, Form::Prometheus).contains("oriel_b -2"));
    }

    #[test]
    #[should_panic(expected = "not a counter")]
    fn a_name_has_one_kind() {
        registry().counter("oriel_b", "", &[]);
    }
}
