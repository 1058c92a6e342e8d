//! A histogram as people read it: `{count:4, sum:5, (1,2]:2}`, and as test scripts write it: `{{count:4 sum:5 buckets:[1 2 1]}}`.

use super::CounterResetHint;
use super::buckets::Buckets;
use super::float::FloatHistogram;
use super::iterate::Bucket;
use std::fmt;
use stdx::number::shortest;

impl fmt::Display for FloatHistogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{count:{}, sum:{}", shortest(self.count), shortest(self.sum))?;
        let negative: Vec<Bucket> = self.negative_buckets().collect();
        let zero = self.zero_bucket();
        let all = negative.into_iter().rev().chain([zero]).chain(self.positive_buckets());
        for bucket in all.filter(|bucket| bucket.count != 0.0) {
            write!(f, ", {bucket}")?;
        }
        f.write_str("}")
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = if self.lower_inclusive { '[' } else { '(' };
        let close = if self.upper_inclusive { ']' } else { ')' };
        let (lower, upper, count) = (shortest(self.lower), shortest(self.upper), shortest(self.count));
        write!(f, "{open}{lower},{upper}{close}:{count}")
    }
}

impl FloatHistogram {
    /// The notation of test scripts and rule unit tests. Gaps are written as empty buckets.
    pub fn to_test_notation(&self) -> String {
        let mut compact = self.clone();
        compact.compact(usize::MAX);
        let mut parts = Vec::new();
        if compact.schema != 0 {
            parts.push(format!("schema:{}", compact.schema));
        }
        let numbers = [
            ("count", compact.count),
            ("sum", compact.sum),
            ("z_bucket", compact.zero_count),
            ("z_bucket_w", compact.zero_threshold),
        ];
        parts.extend(
            numbers
                .iter()
                .filter(|(_, value)| *value != 0.0)
                .map(|(name, value)| format!("{name}:{}", shortest(*value))),
        );
        if compact.uses_custom_buckets() {
            parts.push(format!("custom_values:{}", list(compact.bounds())));
        }
        match compact.reset_hint {
            CounterResetHint::Unknown => {}
            CounterResetHint::Reset => parts.push("counter_reset_hint:reset".into()),
            CounterResetHint::NotReset => parts.push("counter_reset_hint:not_reset".into()),
            CounterResetHint::Gauge => parts.push("counter_reset_hint:gauge".into()),
        }
        push_side(&mut parts, "offset", "buckets", &compact.positive);
        push_side(&mut parts, "n_offset", "n_buckets", &compact.negative);
        format!("{{{{{}}}}}", parts.join(" "))
    }
}

fn list(values: &[f64]) -> String {
    let values: Vec<String> = values.iter().map(|value| shortest(*value)).collect();
    format!("[{}]", values.join(" "))
}

fn push_side(parts: &mut Vec<String>, offset_key: &str, buckets_key: &str, side: &Buckets<f64>) {
    if let Some(span) = side.spans.first().filter(|span| span.offset != 0) {
        parts.push(format!("{offset_key}:{}", span.offset));
    }
    if !side.counts.is_empty() {
        parts.push(format!("{buckets_key}:{}", list(&side.counts)));
    }
}
